//! What no account here has: passwords, devices, certificates. The operations
//! that would make them are refused by name, so what reading them tells is the truth. Tools that
//! look at all of a user before they delete it need these answers.

use std::iter::empty;

use super::call::{Iam, Keys};
use crate::Error;
use crate::query::call::Answer;
use crate::query::shapes::{Listing, One};
use crate::query::xml::Members;

/// A list that is empty; `paged` where the answer says whether there is more.
pub(super) async fn none(call: &Iam<'_>, list: &'static str, paged: bool) -> Result<Answer, Error> {
    let (arn, keys) = match call.optional("UserName") {
        Some(name) => call.user(&name).await?,
        None => ("*".to_owned(), Keys::new()),
    };
    call.authorize(&arn, &keys)?;
    if let Some(name) = call.optional("UserName") {
        call.service().users().get(call.account(), &name).await?;
    }
    let items = empty::<String>().collect::<Members<String>>();
    match paged {
        true => Answer::of(call.operation, &Listing { name: list, items, marker: None }),
        false => Answer::of(call.operation, &One(list, items)),
    }
}

/// A user's password, which no user has.
pub(super) async fn login_profile(call: &Iam<'_>) -> Result<Answer, Error> {
    let name = call.required("UserName")?;
    let (arn, keys) = call.user(name).await?;
    call.authorize(&arn, &keys)?;
    Err(Error::Iam(arqueta_iam::Error::NoSuchEntity {
        message: format!("Login Profile for User {name} cannot be found."),
    }))
}

/// The rules for passwords, which no account has.
pub(super) async fn password_policy(call: &Iam<'_>) -> Result<Answer, Error> {
    call.authorize("*", &Keys::new())?;
    let message = format!("The Password Policy with domain name {} cannot be found.", call.account());
    Err(Error::Iam(arqueta_iam::Error::NoSuchEntity { message }))
}
