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

use arqueta_audit::{Event, EventBuilder};
use arqueta_call::{Iam, Operation, Parameters, Recorder, Sts};
use arqueta_model::AccountId;

use crate::Error;
use crate::protocol::Protocol;

pub(crate) use api::Api;
pub(crate) use call::{Answer, Call};
pub use form::Form;

/// The operation that a form names, if the service has one of that name.
pub(crate) fn operation(api: Api, form: &Form) -> Option<&'static Operation> {
    let named = form.value("Action").unwrap_or_default();
    match api {
        Api::Iam => Iam::known(named),
        Api::Sts => Sts::known(named),
    }
}

/// Performs the call that the form names, past the record.
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
    if operation == web_identity::operation() {
        // Whoever signed the call: the token says whose session it is. A signature made its sender known already.
        return web_identity::perform(call.services, call.form, call.info, None).await;
    }
    let answer = call.services.recorder.run(Recorded { api, operation, call }).await?;
    xml::answer(api.namespace(), operation.name, answer.result, &call.info.id.to_string())
}

/// One call on its way past the record.
struct Recorded<'a> {
    api: Api,
    operation: &'static Operation,
    call: &'a Call<'a>,
}

impl arqueta_call::Call for Recorded<'_> {
    type Answer = Answer;
    type Error = Error;

    fn operation(&self) -> &'static Operation {
        self.operation
    }

    fn draft(&self, recorder: &Recorder) -> EventBuilder {
        let event = recorder.event(self.operation, &self.call.identity.principal, self.call.info);
        match self.operation.parameters {
            Parameters::Hidden => event,
            _ => event.parameters(recorded::parameters(self.call.form)),
        }
    }

    async fn perform(&mut self) -> Result<Answer, Error> {
        let name = self.operation.name;
        let unsupported = || Error::Unsupported { operation: name };
        match self.api {
            Api::Iam => iam::perform(Iam::served(name).ok_or_else(unsupported)?, self.call).await,
            Api::Sts => sts::perform(Sts::served(name).ok_or_else(unsupported)?, self.call).await,
        }
    }

    fn events(&self, recorder: &Recorder, outcome: &Result<Answer, Error>) -> Vec<Event> {
        let mut event = self.draft(recorder);
        let role = self.call.form.value("RoleArn").filter(|_| self.api == Api::Sts && outcome.is_ok());
        let owner = role.and_then(|role| role.split(':').nth(4)?.parse::<AccountId>().ok());
        if let (Some(role), Some(owner)) = (role, &owner) {
            event = event.resource("AWS::IAM::Role", role, owner.as_str());
        }
        event = match outcome {
            Ok(answer) => event.response(answer.recorded.clone()),
            Err(error) => {
                let fault = error.fault(Protocol::Query(self.api.namespace()));
                event.error(&recorded::error_code(fault.code), &fault.message)
            }
        };
        // The account of a role is told who assumed it.
        event.build().for_accounts(&owner)
    }
}
