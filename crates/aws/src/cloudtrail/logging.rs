//! StartLogging, StopLogging, GetTrailStatus, PutEventSelectors, GetEventSelectors.

use arqueta_call::CloudTrail;
use arqueta_model::Timestamp;
use arqueta_trail::{EventSelector, InvalidSelector, Trail, TrailId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::call::Call;
use super::shapes::{NamedTrail, Nothing};
use crate::{Error, json};

pub(super) async fn start(call: &Call<'_>, request: NamedTrail) -> Result<Nothing, Error> {
    let id = call.trail(CloudTrail::StartLogging, &request.name).await?;
    call.services.trails.start(&id).await?;
    Ok(Nothing {})
}

pub(super) async fn stop(call: &Call<'_>, request: NamedTrail) -> Result<Nothing, Error> {
    let id = call.trail(CloudTrail::StopLogging, &request.name).await?;
    call.services.trails.stop(&id).await?;
    Ok(Nothing {})
}

/// Delivers what a stopped trail has left, now that the call that stopped it is recorded. What
/// cannot be delivered now is delivered later, so the call has succeeded either way.
pub(super) async fn settle(call: &Call<'_>, body: &[u8]) {
    let trails = &call.services.trails;
    let account = &call.identity.principal.account;
    let Ok(NamedTrail { name }) = json::decoded(body) else { return };
    let Ok(id) = TrailId::named(account, trails.region(), &name) else { return };
    if let Err(error) = trails.deliver_for(&id).await {
        tracing::warn!(trail = %id.name, account = %id.account, %error, "a stopped trail is still to be delivered");
    }
}

/// Times are numbers under their newer names and texts under their older ones.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TrailStatus {
    is_logging: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    latest_delivery_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latest_delivery_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_logging_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_logging_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latest_digest_delivery_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latest_digest_delivery_error: Option<String>,
    latest_delivery_attempt_time: String,
    latest_notification_attempt_time: String,
    latest_notification_attempt_succeeded: String,
    latest_delivery_attempt_succeeded: String,
    time_logging_started: String,
    time_logging_stopped: String,
}

pub(super) async fn status(call: &Call<'_>, request: NamedTrail) -> Result<TrailStatus, Error> {
    let id = call.trail(CloudTrail::GetTrailStatus, &request.name).await?;
    let found = call.services.trails.status(&id).await?;
    let status = found.status;
    let text = |at: Option<Timestamp>| at.map(Timestamp::rfc3339).unwrap_or_default();
    let number = |at: Option<Timestamp>| at.map(Timestamp::seconds);
    Ok(TrailStatus {
        is_logging: found.logging,
        latest_delivery_error: status.delivery_error,
        latest_delivery_time: number(status.delivered),
        start_logging_time: number(status.started),
        stop_logging_time: number(status.stopped),
        latest_digest_delivery_time: number(status.digested),
        latest_digest_delivery_error: status.digest_error,
        latest_delivery_attempt_time: text(status.attempted),
        latest_notification_attempt_time: String::new(),
        latest_notification_attempt_succeeded: String::new(),
        latest_delivery_attempt_succeeded: text(status.delivered),
        time_logging_started: text(status.started),
        time_logging_stopped: text(status.stopped),
    })
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PutEventSelectors {
    trail_name: String,
    /// Read once the caller is known to be allowed, so that a refusal says which is wrong.
    #[serde(default)]
    event_selectors: Vec<Value>,
    #[serde(default)]
    advanced_event_selectors: Vec<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetEventSelectors {
    trail_name: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Selectors {
    #[serde(rename = "TrailARN")]
    trail_arn: String,
    event_selectors: Vec<EventSelector>,
}

impl Selectors {
    fn of(call: &Call<'_>, trail: Trail) -> Self {
        Self { trail_arn: trail.id.arn(call.services.trails.region()), event_selectors: trail.selectors }
    }
}

pub(super) async fn put_selectors(call: &Call<'_>, request: PutEventSelectors) -> Result<Selectors, Error> {
    let id = call.trail(CloudTrail::PutEventSelectors, &request.trail_name).await?;
    if !request.advanced_event_selectors.is_empty() {
        return Err(Error::UnsupportedParameter { parameter: "AdvancedEventSelectors" });
    }
    let selectors = request.event_selectors.into_iter().map(serde_json::from_value::<EventSelector>);
    let selectors: Vec<_> = selectors.collect::<Result<_, _>>().map_err(|error| {
        arqueta_trail::Error::InvalidSelectors(InvalidSelector(format!("An event selector cannot be read: {error}")))
    })?;
    Ok(Selectors::of(call, call.services.trails.put_selectors(&id, selectors).await?))
}

pub(super) async fn selectors(call: &Call<'_>, request: GetEventSelectors) -> Result<Selectors, Error> {
    let id = call.trail(CloudTrail::GetEventSelectors, &request.trail_name).await?;
    Ok(Selectors::of(call, call.services.trails.trail(&id).await?))
}
