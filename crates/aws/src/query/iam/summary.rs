//! What an account holds, in numbers.

use super::call::{Iam, Keys};
use crate::Error;
use crate::query::call::Answer;
use crate::query::shapes::One;
use crate::query::xml::Entries;

/// Only what is true here: the quotas are those that are enforced.
pub(super) async fn of_account(call: &Iam<'_>) -> Result<Answer, Error> {
    call.authorize("*", &Keys::new())?;
    let summary = call.service().reports().summary(call.account()).await?;
    // What no account here has.
    let absent = [
        "AccountMFAEnabled",
        "AccountPasswordPresent",
        "AccountSigningCertificatesPresent",
        "MFADevices",
        "MFADevicesInUse",
        "ServerCertificates",
    ];
    let entries: Entries<usize> = summary.into_iter().chain(absent.map(|name| (name, 0))).collect();
    Answer::of(call.operation, &One("SummaryMap", entries))
}
