//! LookupEvents of CloudTrail (AWS CloudTrail API Reference, version 2013-11-01), over the
//! record's own files.
//!
//! Newest first, as in CloudTrail. A call reads the record once from the start of its time range
//! and holds one page of matches, so its memory is bounded and its time is the record's size.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arqueta_audit::{Event, Events};
use arqueta_iam::Identity;
use arqueta_model::{AccountId, RequestInfo, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
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

#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct LookupAttribute {
    attribute_key: Key,
    attribute_value: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
enum Key {
    EventId,
    EventName,
    ReadOnly,
    Username,
    ResourceType,
    ResourceName,
    EventSource,
    AccessKeyId,
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
    attribute: Option<LookupAttribute>,
    /// Only what was recorded before this event.
    before: Option<String>,
    most: usize,
}

/// How many reads of the whole record run at once. CloudTrail itself allows two a second.
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
    ) -> Result<Vec<u8>, Error> {
        let Some(folder) = services.record.clone() else {
            return Err(Error::Unsupported { operation: "LookupEvents".to_owned() });
        };
        let request: LookupEventsRequest = json::decoded(body)?;
        let wish =
            Wish { action: "cloudtrail:LookupEvents", resource: "*", owner: &identity.principal.account, keys: &[] };
        access::check(services, identity, info, &wish)?;
        let lookup = Lookup::new(request, &identity.principal.account, services.clock.now())?;
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        let permit = permit.map_err(|_| refused("ThrottlingException", "Rate exceeded"))?;
        let response = tokio::task::spawn_blocking(move || {
            // Held by the read itself: it goes on when its caller has gone.
            let _permit = permit;
            lookup.read(folder)
        });
        let response = response.await.map_err(|error| arqueta_audit::Error::Io(std::io::Error::other(error)))??;
        json::encoded(&response)
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
            attribute: request.lookup_attributes.into_iter().next(),
            before,
            most,
        })
    }

    /// One pass over the record, keeping the newest matches.
    fn read(&self, folder: PathBuf) -> Result<LookupEventsResponse, Error> {
        let mut page: VecDeque<Event> = VecDeque::with_capacity(self.most + 1);
        let mut ended = self.before.is_none();
        let mut events = Events::open(folder, Some(self.from))?;
        for event in events.by_ref() {
            let event = event?;
            if self.before.as_ref() == Some(&event.event_id) {
                ended = true;
                break;
            }
            if self.wants(&event) {
                if page.len() > self.most {
                    page.pop_front();
                }
                page.push_back(event);
            }
        }
        if !ended {
            return Err(refused(
                "InvalidNextTokenException",
                "The token is not valid, or its event is no longer kept.",
            ));
        }
        let more = page.len() > self.most;
        if more {
            page.pop_front();
        }
        let next_token = page.front().filter(|_| more).map(|oldest| URL_SAFE_NO_PAD.encode(&oldest.event_id));
        let events = page.into_iter().rev().map(Found::new).collect::<Result<_, _>>()?;
        Ok(LookupEventsResponse { events, next_token })
    }

    fn wants(&self, event: &Event) -> bool {
        // The event history holds no data events (CloudTrail User Guide).
        if event.recipient_account_id != self.account.as_str() || !event.management_event {
            return false;
        }
        // Event times are to the second.
        let time = time_of(event);
        if !time.is_some_and(|time| time.seconds() >= self.from.seconds() && time <= self.to) {
            return false;
        }
        let Some(LookupAttribute { attribute_key, attribute_value: wanted }) = &self.attribute else { return true };
        match attribute_key {
            Key::EventId => event.event_id == *wanted,
            Key::EventName => event.event_name == *wanted,
            Key::ReadOnly => event.read_only.to_string() == *wanted,
            Key::Username => username(event).as_ref() == Some(wanted),
            Key::ResourceType => event.resources.iter().any(|resource| resource.kind == *wanted),
            Key::ResourceName => event.resources.iter().any(|resource| resource.arn == *wanted),
            Key::EventSource => event.event_source == *wanted,
            Key::AccessKeyId => event.user_identity.access_key_id.as_ref() == Some(wanted),
        }
    }
}

impl Found {
    fn new(event: Event) -> Result<Self, Error> {
        let whole = serde_json::to_string(&event).map_err(Error::Encoding)?;
        Ok(Self {
            event_time: time_of(&event).map_or(0, Timestamp::seconds),
            username: username(&event),
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

/// The user's name, `root`, or a session's name.
fn username(event: &Event) -> Option<String> {
    let identity = &event.user_identity;
    identity.user_name.clone().or_else(|| {
        let arn = identity.arn.as_deref()?;
        Some(arn.rsplit(['/', ':']).next().unwrap_or(arn).to_owned())
    })
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
