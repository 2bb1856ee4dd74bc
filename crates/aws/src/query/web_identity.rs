//! AssumeRoleWithWebIdentity: the one call that needs no signature. Its proof is the token in it.

use arqueta_audit::{Event, EventBuilder, UserIdentity};
use arqueta_call::{Call, Operation, Recorder, Sts, Visitor};
use arqueta_iam::{AssumeRoleWithWebIdentity, WebIdentity, WebIdentitySession};
use arqueta_model::{AccountId, Arn, Principal, PrincipalKind, RequestInfo};
use http::header::AUTHORIZATION;
use http::request::Parts;
use serde::Serialize;
use serde_json::json;

use super::api::Api;
use super::form::Form;
use super::shapes::Credentials;
use super::sts::{self, AssumedRoleUser};
use super::{recorded, xml};
use crate::Error;
use crate::protocol::Protocol;
use crate::services::Services;

/// Its row.
pub(crate) fn operation() -> &'static Operation {
    Sts::AssumeRoleWithWebIdentity.row()
}

/// Whether a request carries no signature at all, good or not.
pub(crate) fn is_unsigned(parts: &Parts) -> bool {
    !parts.headers.contains_key(AUTHORIZATION) && !parts.uri.query().unwrap_or_default().contains("X-Amz-")
}

/// The form of such a call if it comes without any signature; `None` for every other request.
pub(crate) fn unsigned(parts: &Parts, body: &[u8]) -> Option<Form> {
    let query = parts.uri.query().unwrap_or_default();
    if !is_unsigned(parts) {
        return None;
    }
    // In the URL or in the body, as a form either way.
    let form = Form::parse(if body.is_empty() { query.as_bytes() } else { body }).ok()?;
    (form.value("Action") == Some(operation().name)).then_some(form)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Assumed {
    credentials: Credentials,
    subject_from_web_identity_token: String,
    assumed_role_user: AssumedRoleUser,
    #[serde(skip_serializing_if = "Option::is_none")]
    packed_policy_size: Option<u32>,
    provider: String,
    audience: String,
}

/// Performs and records the call. Until a provider vouches for its caller nothing is recorded, as
/// of any other request whose sender is not known.
///
/// # Errors
/// [`Error::InvalidAction`] for another version, [`Error::UnsupportedParameter`], and those of
/// the identity service.
pub(crate) async fn perform(
    services: &Services,
    form: &Form,
    info: &RequestInfo,
    visitor: Option<&Visitor>,
) -> Result<Vec<u8>, Error> {
    let name = operation().name;
    let version = form.value("Version").unwrap_or("NO_VERSION_SPECIFIED");
    if version != Api::Sts.version() {
        return Err(Error::InvalidAction { action: name.to_owned(), version: version.to_owned() });
    }
    form.check_lengths()?;
    let session = services.recorder.run(Recorded { services, form, info, visitor, vouched: None }).await?;
    let result = xml::result(name, &assumed(session))?;
    xml::answer(Api::Sts.namespace(), name, Some(result), &info.id.to_string())
}

/// The call on its way past the record.
struct Recorded<'a> {
    services: &'a Services,
    form: &'a Form,
    info: &'a RequestInfo,
    visitor: Option<&'a Visitor>,
    /// Who a provider says that the caller is.
    vouched: Option<WebIdentity>,
}

impl Call for Recorded<'_> {
    type Answer = WebIdentitySession;
    type Error = Error;

    fn operation(&self) -> &'static Operation {
        operation()
    }

    fn draft(&self, recorder: &Recorder) -> EventBuilder {
        let account = self.vouched.as_ref().map_or(&self.services.account, |identity| &identity.account);
        let event = recorder.event(operation(), &nobody(account), self.info);
        let mut parameters = recorded::parameters(self.form);
        // As AWS has it: not even that there was one.
        parameters.remove("webIdentityToken");
        event.parameters(parameters)
    }

    async fn perform(&mut self) -> Result<WebIdentitySession, Error> {
        let Self { services, form, info, visitor, vouched } = self;
        // Tokens of OAuth 2.0, which two providers of old still issue, are not those of OpenID Connect.
        if form.mentions("ProviderId") {
            return Err(Error::UnsupportedParameter { parameter: "ProviderId" });
        }
        let input = AssumeRoleWithWebIdentity {
            role_arn: form.required("RoleArn")?.to_owned(),
            role_session_name: form.required("RoleSessionName")?.to_owned(),
            token: form.required("WebIdentityToken")?.to_owned(),
            scope: sts::scope(form)?,
            duration_seconds: form.number("DurationSeconds", 0..=u32::MAX)?,
        };
        let (identity, outcome) =
            services.iam.sessions().assume_role_with_web_identity(info, &services.region, input).await;
        if let Some(visitor) = visitor.filter(|_| identity.is_some()) {
            visitor.admit();
        }
        *vouched = identity;
        Ok(outcome?)
    }

    fn events(&self, recorder: &Recorder, outcome: &Result<WebIdentitySession, Error>) -> Vec<Event> {
        let Some(identity) = &self.vouched else { return Vec::new() };
        let who = UserIdentity::web(identity.provider.as_str(), &identity.audience, &identity.subject);
        let role = self.form.value("RoleArn").unwrap_or_default();
        let event = self.draft(recorder).by(who);
        let event = match outcome {
            Ok(session) => event.resource("AWS::IAM::Role", role, identity.account.as_str()).response(json!({
                "credentials": sts::recorded(&session.issued.credentials),
                "subjectFromWebIdentityToken": identity.subject,
                "assumedRoleUser": { "assumedRoleId": session.issued.id, "arn": session.issued.arn },
                "provider": identity.provider,
                "audience": identity.audience,
            })),
            Err(error) => {
                let fault = error.fault(Protocol::Query(Api::Sts.namespace()));
                event.error(&recorded::error_code(fault.code), &fault.message)
            }
        };
        vec![event.build()]
    }
}

fn assumed(session: WebIdentitySession) -> Assumed {
    let WebIdentitySession { issued, identity } = session;
    Assumed {
        credentials: issued.credentials.into(),
        subject_from_web_identity_token: identity.subject,
        assumed_role_user: AssumedRoleUser { assumed_role_id: issued.id, arn: issued.arn.into() },
        packed_policy_size: issued.packed_policy_size,
        provider: identity.issuer,
        audience: identity.audience,
    }
}

/// Stands for the account that receives the event; the event names who called.
fn nobody(account: &AccountId) -> Principal {
    Principal {
        account: account.clone(),
        arn: Arn::new("iam", "", account.as_str(), "anonymous"),
        id: String::new(),
        kind: PrincipalKind::Anonymous,
        access_key_id: String::new(),
        session: None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn taken(uri: &str, header: Option<&str>, body: &str) -> bool {
        let mut request = http::Request::post(uri);
        if let Some(header) = header {
            request = request.header(AUTHORIZATION, header);
        }
        unsigned(&request.body(()).unwrap().into_parts().0, body.as_bytes()).is_some()
    }

    #[test]
    fn only_this_call_may_come_unsigned() {
        let body = "Action=AssumeRoleWithWebIdentity&Version=2011-06-15";
        assert!(taken("/", None, body) && taken(&format!("/?{body}"), None, ""));
        for (uri, header, body) in [
            ("/", None, "Action=AssumeRole&Version=2011-06-15"),
            ("/", None, "Action=GetCallerIdentity&x=Action=AssumeRoleWithWebIdentity"),
            ("/", None, "Action=assumerolewithwebidentity"),
            ("/", None, "Action=AssumeRoleWithWebIdentity&Action=CreateUser"),
            ("/?Action=AssumeRoleWithWebIdentity", None, "Action=CreateUser"),
            ("/", Some("AWS4-HMAC-SHA256 x"), body),
            ("/?X-Amz-Signature=0", None, body),
            ("/", None, ""),
        ] {
            assert!(!taken(uri, header, body), "{uri} {body}");
        }
    }
}
