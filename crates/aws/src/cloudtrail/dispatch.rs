//! From an operation's name to what performs it, past the record.

use arqueta_audit::{Event, EventBuilder};
use arqueta_call::{CloudTrail, Operation, Parameters, Recorder};
use serde::Serialize;
use serde_json::{Map, Value};

use super::call::Call;
use super::lookup::Lookups;
use super::{logging, tagging, trails};
use crate::protocol::Protocol;
use crate::{Error, json};

/// Performs one operation.
///
/// # Errors
/// [`Error::UnknownOperation`] for a name that CloudTrail does not have, [`Error::Unsupported`]
/// for one that is not served here, denials, and CloudTrail's own refusals.
pub(crate) async fn perform(
    lookups: &Lookups,
    call: &Call<'_>,
    operation: &str,
    body: &[u8],
) -> Result<Vec<u8>, Error> {
    let operation = CloudTrail::known(operation).ok_or(Error::UnknownOperation)?;
    let answer = call.services.recorder.run(Recorded { lookups, call, operation, body }).await?;
    if operation == CloudTrail::StopLogging.row() {
        logging::settle(call, body).await;
    }
    json::encoded(&answer)
}

/// One call on its way past the record.
struct Recorded<'a> {
    lookups: &'a Lookups,
    call: &'a Call<'a>,
    operation: &'static Operation,
    body: &'a [u8],
}

impl arqueta_call::Call for Recorded<'_> {
    type Answer = Value;
    type Error = Error;

    fn operation(&self) -> &'static Operation {
        self.operation
    }

    fn draft(&self, recorder: &Recorder) -> EventBuilder {
        let event = recorder.event(self.operation, &self.call.identity.principal, self.call.info);
        if self.operation.parameters == Parameters::Hidden {
            return event;
        }
        let parameters = json::decoded::<Map<String, Value>>(self.body).unwrap_or_default();
        let parameters = parameters.into_iter().map(|(name, value)| (lower_first(name), lower_camel(value)));
        event.parameters(parameters.collect())
    }

    async fn perform(&mut self) -> Result<Value, Error> {
        match CloudTrail::served(self.operation.name) {
            Some(operation) => self.answer(operation).await,
            None => Err(Error::Unsupported { operation: self.operation.name }),
        }
    }

    fn events(&self, recorder: &Recorder, outcome: &Result<Value, Error>) -> Vec<Event> {
        let event = self.draft(recorder);
        let event = match outcome {
            Ok(Value::Object(answer)) if self.operation.writes() && !answer.is_empty() => {
                event.response(lower_camel(Value::Object(answer.clone())))
            }
            Ok(_) => event,
            Err(error) => {
                let fault = error.fault(Protocol::Json);
                event.error(fault.code, &fault.message)
            }
        };
        vec![event.build()]
    }
}

impl Recorded<'_> {
    async fn answer(&self, operation: CloudTrail) -> Result<Value, Error> {
        let (call, body) = (self.call, self.body);
        match operation {
            CloudTrail::CreateTrail => answered(trails::create(call, json::decoded(body)?).await?),
            CloudTrail::UpdateTrail => answered(trails::update(call, json::decoded(body)?).await?),
            CloudTrail::DeleteTrail => answered(trails::delete(call, json::decoded(body)?).await?),
            CloudTrail::DescribeTrails => answered(trails::describe(call, json::decoded(body)?).await?),
            CloudTrail::GetTrail => answered(trails::get(call, json::decoded(body)?).await?),
            CloudTrail::ListTrails => answered(trails::list(call, json::decoded(body)?).await?),
            CloudTrail::StartLogging => answered(logging::start(call, json::decoded(body)?).await?),
            CloudTrail::StopLogging => answered(logging::stop(call, json::decoded(body)?).await?),
            CloudTrail::GetTrailStatus => answered(logging::status(call, json::decoded(body)?).await?),
            CloudTrail::PutEventSelectors => answered(logging::put_selectors(call, json::decoded(body)?).await?),
            CloudTrail::GetEventSelectors => answered(logging::selectors(call, json::decoded(body)?).await?),
            CloudTrail::ListPublicKeys => answered(trails::public_keys(call, json::decoded(body)?).await?),
            CloudTrail::AddTags => answered(tagging::add(call, json::decoded(body)?).await?),
            CloudTrail::RemoveTags => answered(tagging::remove(call, json::decoded(body)?).await?),
            CloudTrail::ListTags => answered(tagging::list(call, json::decoded(body)?).await?),
            CloudTrail::LookupEvents => self.lookups.call(call.services, call.identity, call.info, body).await,
        }
    }
}

fn answered<T: Serialize>(answer: T) -> Result<Value, Error> {
    serde_json::to_value(answer).map_err(Error::Encoding)
}

fn lower_first(mut name: String) -> String {
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    name
}

/// Names as CloudTrail writes them in events: `S3BucketName` becomes `s3BucketName`.
fn lower_camel(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, value)| (lower_first(name), lower_camel(value))).collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(lower_camel).collect()),
        other => other,
    }
}
