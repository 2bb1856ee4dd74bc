//! The Query protocol of IAM (2010-05-08) and STS (2011-06-15): parameters in a form, answers in
//! XML, each call authorized before it acts and recorded before it is answered.

mod api;
mod call;
mod form;
mod iam;
mod recorded;
mod shapes;
mod sts;
pub(crate) mod web_identity;
pub(crate) mod xml;

use arqueta_audit::EventBuilder;
use arqueta_model::AccountId;
use serde_json::Map;

use crate::Error;
use crate::protocol::Protocol;

pub(crate) use api::Api;
pub(crate) use call::{Answer, Call};
pub use form::Form;

/// The operation that a form names, if the service has one of that name.
pub(crate) fn operation(api: Api, form: &Form) -> Option<&'static str> {
    let known = match api {
        Api::Iam => iam::OPERATIONS,
        Api::Sts => sts::OPERATIONS,
    };
    let named = form.value("Action").unwrap_or_default();
    known.iter().find(|known| **known == named).copied()
}

/// Performs the call that the form names and records it.
///
/// # Errors
/// [`Error::InvalidAction`] for a name or version that the service does not have,
/// [`Error::Unsupported`] for operations that are not served, denials, and IAM's own errors.
pub(crate) async fn perform(api: Api, call: &Call<'_>) -> Result<Vec<u8>, Error> {
    let version = call.form.value("Version").unwrap_or("NO_VERSION_SPECIFIED");
    let Some(operation) = operation(api, call.form).filter(|_| version == api.version()) else {
        let action = call.form.value("Action").unwrap_or_default().to_owned();
        return Err(Error::InvalidAction { action, version: version.to_owned() });
    };
    // Before anything is recorded or said back: nobody has a name of a megabyte.
    call.form.check_lengths()?;
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

/// The operations that change something that is kept.
#[cfg(test)]
pub(crate) fn changes() -> impl Iterator<Item = &'static str> {
    iam::OPERATIONS.iter().copied().filter(|operation| !reads(Api::Iam, operation))
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
