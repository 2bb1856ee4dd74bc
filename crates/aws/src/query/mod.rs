//! The Query protocol of IAM (2010-05-08) and STS (2011-06-15): parameters in a form, answers in
//! XML, each call authorized before it acts and recorded before it is answered.

mod form;
mod iam;
mod recorded;
mod shapes;
mod sts;
pub(crate) mod web_identity;
pub(crate) mod xml;

use std::sync::Arc;

use arqueta_audit::EventBuilder;
use arqueta_iam::Identity;
use arqueta_model::{AccountId, RequestInfo};
use http::request::Parts;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::answer::Protocol;
use crate::service::Services;
use crate::{Error, request};

pub use form::Form;

/// A service that speaks Query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    Iam,
    Sts,
}

impl Api {
    /// The service that a request is signed for. What is not signed is answered as STS would.
    pub(crate) fn of(parts: &Parts) -> Self {
        match request::signed_service(parts).as_deref() {
            Some("iam") => Self::Iam,
            _ => Self::Sts,
        }
    }

    pub(crate) fn signing_name(self) -> &'static str {
        match self {
            Self::Iam => "iam",
            Self::Sts => "sts",
        }
    }

    pub(crate) fn namespace(self) -> &'static str {
        match self {
            Self::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
        }
    }

    fn version(self) -> &'static str {
        match self {
            Self::Iam => "2010-05-08",
            Self::Sts => "2011-06-15",
        }
    }

    fn event_source(self) -> &'static str {
        match self {
            Self::Iam => "iam.amazonaws.com",
            Self::Sts => "sts.amazonaws.com",
        }
    }
}

/// One verified call.
pub(crate) struct Call<'a> {
    pub services: &'a Services,
    pub form: &'a Form,
    pub identity: &'a Arc<Identity>,
    pub info: &'a RequestInfo,
}

/// What an operation answers.
pub(crate) struct Answer {
    /// The result element, as XML.
    result: Option<String>,
    /// `responseElements` of the event. Never holds a secret.
    recorded: Value,
}

impl Answer {
    /// No result, as for most operations that change something.
    fn nothing() -> Self {
        Self { result: None, recorded: Value::Null }
    }

    fn of<T: Serialize>(operation: &str, result: &T) -> Result<Self, Error> {
        Ok(Self { result: Some(xml::result(operation, result)?), recorded: Value::Null })
    }

    /// A result element without members.
    fn empty(operation: &str) -> Self {
        Self { result: Some(format!("<{operation}Result/>")), recorded: Value::Null }
    }

    fn recording(self, recorded: Value) -> Self {
        Self { recorded, ..self }
    }
}

/// Performs the call that the form names and records it.
///
/// # Errors
/// [`Error::InvalidAction`] for a name or version that the service does not have,
/// [`Error::Unsupported`] for operations that are not served, denials, and IAM's own errors.
pub(crate) async fn perform(api: Api, call: &Call<'_>) -> Result<Vec<u8>, Error> {
    let operation = call.form.value("Action").unwrap_or_default();
    let version = call.form.value("Version").unwrap_or("NO_VERSION_SPECIFIED");
    let known = match api {
        Api::Iam => iam::OPERATIONS,
        Api::Sts => sts::OPERATIONS,
    };
    let known = known.iter().find(|known| **known == operation).filter(|_| version == api.version());
    let Some(&operation) = known else {
        return Err(Error::InvalidAction { action: operation.to_owned(), version: version.to_owned() });
    };
    if operation == web_identity::OPERATION {
        // Whoever signed the call: the token says whose session it is.
        return web_identity::perform(call.services, call.form, call.info).await;
    }
    if !reads(api, operation) {
        // A change leaves a trace even where its outcome can no longer be recorded.
        let event = event(api, operation, call).parameters(recorded::parameters(call.form));
        call.services.audit.announce(event.build()).await?;
    }
    let outcome = match api {
        Api::Iam => iam::perform(operation, call).await,
        Api::Sts => sts::perform(operation, call).await,
    };
    record(api, operation, call, &outcome).await?;
    xml::answer(api.namespace(), operation, outcome?.result, &call.info.id.to_string())
}

/// Whether an operation changes nothing that is kept. No operation of STS does.
fn reads(api: Api, operation: &str) -> bool {
    api == Api::Sts || ["Get", "List", "Simulate"].iter().any(|verb| operation.starts_with(verb))
}

fn event(api: Api, operation: &str, call: &Call<'_>) -> EventBuilder {
    let principal = &call.identity.principal;
    let event = EventBuilder::new(api.event_source(), operation, &call.services.region, principal, call.info);
    if reads(api, operation) { event } else { event.writes() }
}

async fn record(
    api: Api,
    operation: &'static str,
    call: &Call<'_>,
    outcome: &Result<Answer, Error>,
) -> Result<(), Error> {
    // Which parameters of an operation that is not served are secret (a server certificate's key,
    // an identity provider's token) nobody here knows.
    let parameters = match outcome {
        Err(Error::Unsupported { .. }) => Map::new(),
        _ => recorded::parameters(call.form),
    };
    let mut event = event(api, operation, call).parameters(parameters);
    let role = call.form.value("RoleArn").filter(|_| api == Api::Sts && outcome.is_ok());
    let owner = role.and_then(|role| role.split(':').nth(4)?.parse::<AccountId>().ok());
    if let (Some(role), Some(owner)) = (role, &owner) {
        event = event.resource("AWS::IAM::Role", role, owner.as_str());
    }
    event = match outcome {
        Ok(answer) => event.response(answer.recorded.clone()),
        Err(error) => {
            let fault = error.fault(Protocol::Query(api.namespace()));
            event.error(&recorded::error_code(fault.code), &fault.message)
        }
    };
    // The account of a role is told who assumed it.
    for copy in event.build().for_accounts(&owner) {
        call.services.audit.append(copy).await?;
    }
    Ok(())
}
