//! LookupEvents of CloudTrail (AWS CloudTrail API Reference, version 2013-11-01), over the
//! record's own files.
//!
//! Newest first, as in CloudTrail. A call reads the blocks of the record that can hold what it looks
//! for, and holds one page of matches of bounded size.

use std::sync::Arc;
use std::time::Duration;

use arqueta_audit::{Attribute, Event, History, Query};
use arqueta_call::CloudTrail;
use arqueta_iam::Identity;
use arqueta_model::{AccountId, RequestInfo, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Semaphore;

use super::call::refused;
use crate::Error;
use crate::access::{self, Wish};
use crate::json::{self, instant};
use crate::services::Services;

/// CloudTrail's event history reaches back 90 days.
const HISTORY: Duration = Duration::from_secs(90 * 24 * 3600);
/// Most events of one page, and how many if the caller does not say.
const PAGE: usize = 50;
/// Size of the events of a page, in bytes, from which on it is full: what is recorded of a call is large
/// where its sender wants that, and a client that asks for its page is another one.
const ANSWER: usize = 1024 * 1024;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct LookupEventsRequest {
    lookup_attributes: Vec<LookupAttribute>,
    start_time: Option<f64>,
    end_time: Option<f64>,
    event_category: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LookupAttribute {
    attribute_key: String,
    attribute_value: String,
}

impl LookupAttribute {
    fn parse(self) -> Result<(Attribute, String), Error> {
        let invalid = || refused("InvalidLookupAttributesException", "The lookup attribute is not valid.");
        let key = Attribute::named(&self.attribute_key).ok_or_else(invalid)?;
        // API Reference, `LookupAttribute`: 1 to 2000 characters.
        match (1..=2000).contains(&self.attribute_value.chars().count()) {
            true => Ok((key, self.attribute_value)),
            false => Err(invalid()),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct LookupEventsResponse {
    events: Vec<Found>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    event_id: String,
    event_name: String,
    read_only: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_key_id: Option<String>,
    event_time: i64,
    event_source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    resources: Vec<FoundResource>,
    cloud_trail_event: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct FoundResource {
    resource_type: String,
    resource_name: String,
}

/// What is looked for.
struct Lookup {
    /// Whose events: those of the caller's own account.
    account: AccountId,
    from: Timestamp,
    to: Timestamp,
    attribute: Option<(Attribute, String)>,
    /// Only what was recorded before this event.
    before: Option<String>,
    most: usize,
}

/// How many searches of the record run at once. CloudTrail itself allows two a second.
const AT_ONCE: usize = 2;

/// LookupEvents, a bounded number at a time.
pub(crate) struct Lookups {
    permits: Arc<Semaphore>,
}

impl Lookups {
    pub(crate) fn new() -> Self {
        Self { permits: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// LookupEvents.
    ///
    /// # Errors
    /// A denial, throttling, or CloudTrail's own refusals.
    pub(crate) async fn call(
        &self,
        services: &Services,
        identity: &Identity,
        info: &RequestInfo,
        body: &[u8],
    ) -> Result<Value, Error> {
        let Some(history) = services.history.clone() else {
            return Err(Error::Unsupported { operation: CloudTrail::LookupEvents.name() });
        };
        let request: LookupEventsRequest = json::decoded(body)?;
        let wish = Wish {
            operation: CloudTrail::LookupEvents.row(),
            resource: "*",
            owner: &identity.principal.account,
            keys: &[],
        };
        access::check(services, identity, info, &wish)?;
        let lookup = Lookup::new(request, &identity.principal.account, services.clock.now())?;
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        let permit = permit.map_err(|_| refused("ThrottlingException", "Rate exceeded"))?;
        let response = tokio::task::spawn_blocking(move || {
            // Held by the read itself: it goes on when its caller has gone.
            let _permit = permit;
            lookup.read(&history)
        });
        let response = response.await.map_err(|error| arqueta_audit::Error::Io(std::io::Error::other(error)))??;
        serde_json::to_value(&response).map_err(Error::Encoding)
    }
}

impl Lookup {
    fn new(request: LookupEventsRequest, account: &AccountId, now: Timestamp) -> Result<Self, Error> {
        if request.event_category.is_some() {
            return Err(refused("InvalidEventCategoryException", "Events of that category are not recorded."));
        }
        if request.lookup_attributes.len() > 1 {
            return Err(refused(
                "InvalidLookupAttributesException",
                "You can use only one lookup attribute at a time.",
            ));
        }
        let most = match request.max_results {
            None => PAGE,
            Some(n) => usize::try_from(n)
                .ok()
                .filter(|n| (1..=PAGE).contains(n))
                .ok_or_else(|| refused("InvalidMaxResultsException", "MaxResults must be between 1 and 50."))?,
        };
        let oldest = Timestamp::from_millis(now.millis() - i64::try_from(HISTORY.as_millis()).unwrap_or(i64::MAX));
        let from = request.start_time.map_or(oldest, instant).max(oldest);
        let to = request.end_time.map_or(now, instant);
        if request.start_time.is_some_and(|start| instant(start) > to) {
            return Err(refused("InvalidTimeRangeException", "The start time is after the end time."));
        }
        let before = request.next_token.map(|token| event_of(&token)).transpose()?;
        Ok(Self {
            account: account.clone(),
            from,
            to,
            attribute: request.lookup_attributes.into_iter().next().map(LookupAttribute::parse).transpose()?,
            before,
            most,
        })
    }

    /// One page: the newest matches, as many as were asked for and fit.
    fn read(&self, history: &History) -> Result<LookupEventsResponse, Error> {
        let attribute = self.attribute.as_ref().map(|(attribute, value)| (*attribute, &**value));
        let (account, before) = (self.account.as_str(), self.before.as_deref());
        let query = Query { account, from: self.from, to: self.to, attribute, before };
        let (mut events, mut size, mut more) = (Vec::new(), 0, false);
        let begun = history.search(&query, |event| {
            more = events.len() == self.most || size >= ANSWER;
            if more {
                return false;
            }
            let found = Found::new(event);
            size += found.as_ref().map_or(0, |found| found.cloud_trail_event.len());
            events.push(found);
            true
        })?;
        if !begun {
            return Err(refused(
                "InvalidNextTokenException",
                "The token is not valid, or its event is no longer kept.",
            ));
        }
        let events = events.into_iter().collect::<Result<Vec<_>, _>>()?;
        let next_token = events.last().filter(|_| more).map(|oldest| URL_SAFE_NO_PAD.encode(&oldest.event_id));
        Ok(LookupEventsResponse { events, next_token })
    }
}

impl Found {
    fn new(event: Event) -> Result<Self, Error> {
        let whole = serde_json::to_string(&event).map_err(Error::Encoding)?;
        Ok(Self {
            event_time: time_of(&event).map_or(0, Timestamp::seconds),
            username: event.username().map(str::to_owned),
            event_id: event.event_id,
            event_name: event.event_name,
            read_only: event.read_only.to_string(),
            access_key_id: event.user_identity.access_key_id,
            event_source: event.event_source,
            resources: event
                .resources
                .into_iter()
                .map(|resource| FoundResource { resource_type: resource.kind, resource_name: resource.arn })
                .collect(),
            cloud_trail_event: whole,
        })
    }
}

fn time_of(event: &Event) -> Option<Timestamp> {
    let parsed = time::OffsetDateTime::parse(&event.event_time, &time::format_description::well_known::Rfc3339).ok()?;
    Some(Timestamp::from_millis(parsed.unix_timestamp() * 1000))
}

/// A token is the id of the oldest event of the page before.
fn event_of(token: &str) -> Result<String, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| refused("InvalidNextTokenException", "The token is not valid."))
}
