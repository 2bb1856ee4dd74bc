//! Sessions of temporary credentials that were issued a moment ago.

use std::time::Duration;

use arqueta_call::signature::moment;
use arqueta_model::Timestamp;
use s3s_sigv4::AmzDate;

use crate::client::Fault;
use crate::client::xml::Node;
use crate::session::{self, Credentials, LONGEST, Session};
use crate::visit::Visit;

/// Room for clocks and the way between two calls.
const EARLIER: Duration = Duration::from_secs(30);

/// The session of the role in `answer`, at a console that the browser has at `base`.
pub(crate) async fn begun(visit: &Visit<'_>, answer: &Node, base: String) -> Result<Session, Fault> {
    let (credentials, ends) = issued(answer, visit.now)?;
    let caller = visit.client_by(&credentials).query("sts", "GetCallerIdentity", &[]).await?;
    Ok(Session {
        id: session::random(),
        raised: None,
        before: None,
        expires: ends.millis(),
        arn: caller.text("Arn"),
        account: caller.text("Account"),
        csrf: session::random(),
        base,
        credentials,
    })
}

/// The temporary credentials of an answer of STS, and when they end: a little earlier than they say, as
/// calls take time.
pub(crate) fn issued(answer: &Node, now: Timestamp) -> Result<(Credentials, Timestamp), Fault> {
    let issued = answer.child("Credentials").ok_or_else(Fault::unreadable)?;
    let credentials = Credentials {
        access_key_id: issued.text("AccessKeyId"),
        secret: issued.text("SecretAccessKey").into(),
        token: Some(issued.text("SessionToken").into()),
    };
    let plain: String = issued.text("Expiration").chars().filter(|c| !"-:".contains(*c)).collect();
    let ends = AmzDate::parse(&plain).ok().and_then(|date| moment(&date)).unwrap_or(now);
    let earlier = i64::try_from(EARLIER.as_millis()).unwrap_or_default();
    Ok((credentials, Timestamp::from_millis(ends.millis() - earlier).min(now.plus(LONGEST))))
}
