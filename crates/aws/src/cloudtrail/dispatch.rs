//! From an operation's name to what performs it.

use serde::Serialize;
use serde_json::Value;

use super::call::Call;
use super::lookup::Lookups;
use super::{logging, operations, tagging, trails};
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
    let Some(operation) = operations::served(operation) else {
        return Err(match operations::KNOWN.contains(&operation) {
            true => Error::Unsupported { operation: operation.to_owned() },
            false => Error::UnknownOperation,
        });
    };
    if operation.name == "LookupEvents" {
        let outcome = lookups.call(call.services, call.identity, call.info, body).await;
        call.record(operation, body, outcome.as_ref().map(|_| &Value::Null)).await?;
        return outcome;
    }
    if operation.writes {
        // Who stops the record leaves a trace first, whatever happens afterwards.
        call.announce(operation, body).await?;
    }
    let outcome = call.answer(operation.name, body).await;
    call.record(operation, body, outcome.as_ref()).await?;
    let answer = outcome?;
    if operation.name == "StopLogging" {
        logging::settle(call, body).await;
    }
    json::encoded(&answer)
}

impl Call<'_> {
    async fn answer(&self, operation: &str, body: &[u8]) -> Result<Value, Error> {
        match operation {
            "CreateTrail" => answered(trails::create(self, json::decoded(body)?).await?),
            "UpdateTrail" => answered(trails::update(self, json::decoded(body)?).await?),
            "DeleteTrail" => answered(trails::delete(self, json::decoded(body)?).await?),
            "DescribeTrails" => answered(trails::describe(self, json::decoded(body)?).await?),
            "GetTrail" => answered(trails::get(self, json::decoded(body)?).await?),
            "ListTrails" => answered(trails::list(self, json::decoded(body)?).await?),
            "StartLogging" => answered(logging::start(self, json::decoded(body)?).await?),
            "StopLogging" => answered(logging::stop(self, json::decoded(body)?).await?),
            "GetTrailStatus" => answered(logging::status(self, json::decoded(body)?).await?),
            "PutEventSelectors" => answered(logging::put_selectors(self, json::decoded(body)?).await?),
            "GetEventSelectors" => answered(logging::selectors(self, json::decoded(body)?).await?),
            "ListPublicKeys" => answered(trails::public_keys(self, json::decoded(body)?).await?),
            "AddTags" => answered(tagging::add(self, json::decoded(body)?).await?),
            "RemoveTags" => answered(tagging::remove(self, json::decoded(body)?).await?),
            "ListTags" => answered(tagging::list(self, json::decoded(body)?).await?),
            _ => Err(Error::UnknownOperation),
        }
    }
}

fn answered<T: Serialize>(answer: T) -> Result<Value, Error> {
    serde_json::to_value(answer).map_err(Error::Encoding)
}
