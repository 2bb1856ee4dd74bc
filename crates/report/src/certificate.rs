//! The certificate of a key's destruction: who set it, who had approved, when the material went, and what the
//! record has of the key, each event with its place. The same record gives the same bytes.

use std::collections::BTreeMap;

use arqueta_audit::Event;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::Serialize;
use serde_json::Value;

use crate::html::{STYLE, proven};
use crate::key::{KEY, Key, who};
use crate::report::Proof;

/// Events of the key that a certificate lists; further ones are counted.
const EVENTS: usize = 10_000;

/// An event and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Placed {
    /// When.
    pub at: String,
    /// Who; a service for what it did by itself.
    pub by: String,
    /// Where from.
    pub from: String,
    /// Such as `kms:ScheduleKeyDeletion`.
    pub what: String,
    /// Its parameters as JSON; what a service says of what it did by itself.
    pub parameters: String,
    /// Id of the event.
    pub event: String,
    /// Its number among the events of the record that were verified, from 1.
    pub number: u64,
    /// The file of the record that it stands in, and the byte at which its line ends.
    pub place: String,
}

/// What is certified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// ARN of the key.
    pub key: String,
    /// Account that owned it.
    pub account: String,
    /// What CreateKey or a later call said of it: spec, usage, origin, description, who made it.
    pub facts: BTreeMap<&'static str, String>,
    /// Its tags when it was destroyed: its owner and approver, where people tag so.
    pub tags: BTreeMap<String, String>,
    /// Those of the tags whose name says that they tell who approved.
    pub approved: BTreeMap<String, String>,
    /// The call that set its deletion.
    pub scheduled: Option<Placed>,
    /// When its material was destroyed.
    pub destroyed: Placed,
    /// Ids of the materials that were destroyed, as the gateway said then.
    pub materials: Vec<String>,
    /// Everything that was done with the key itself, oldest first.
    pub events: Vec<Placed>,
    /// Events of this kind beyond those that are listed.
    pub more_events: u64,
    /// Calls that used it, and the last of them.
    pub uses: u64,
    /// When that was.
    pub last_use: Option<String>,
    /// Calls that used it after its destruction: there must be none.
    pub uses_since: u64,
    /// Calls for it that were refused after its destruction.
    pub refused_since: u64,
    /// That the record is what was written.
    pub proof: Proof,
    /// What a reader must not conclude from it.
    pub not_covered: Vec<&'static str>,
}

const NOT_COVERED: [&str; 4] = [
    "Copies of the key service that were exported or backed up before, and of the data folder together with what \
     opens its root key: they hold the material as it was. They are destroyed by themselves.",
    "Members of a multi-Region key in other Regions, and the material of imported keys where it came from.",
    "Data that was read before, and plaintext that its readers kept.",
    "Calls whose signature was wrong or whose credentials nobody knows: they are nobody's.",
];

/// Takes the events of a record, oldest first.
pub struct Certifier {
    named: String,
    key: Option<Key>,
    scheduled: Option<Placed>,
    destroyed: Option<Placed>,
    materials: Vec<String>,
    events: Vec<Placed>,
    more_events: u64,
    uses: u64,
    last_use: Option<String>,
    uses_since: u64,
    refused_since: u64,
    /// Of the event before this one: the copies of a call follow each other, the caller's own first.
    shared: Option<String>,
}

/// Why nothing is certified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Uncertified {
    /// The record does not know the key.
    #[error("the record knows no key {0}: name it by its id or ARN")]
    Unknown(String),
    /// Its material is there, as far as the record tells.
    #[error("the record does not tell that {key} was destroyed; its state there is {state}")]
    NotDestroyed {
        /// ARN.
        key: String,
        /// State at the end of the record.
        state: String,
    },
}

impl Certifier {
    /// For the key of this id or ARN.
    #[must_use]
    pub fn new(named: &str) -> Self {
        Self {
            named: named.to_owned(),
            key: None,
            scheduled: None,
            destroyed: None,
            materials: Vec::new(),
            events: Vec::new(),
            more_events: 0,
            uses: 0,
            last_use: None,
            uses_since: 0,
            refused_since: 0,
            shared: None,
        }
    }

    /// Takes the event with this number, whose line ends at `place`.
    pub fn take(&mut self, event: &Event, number: u64, place: &str) {
        let copy = event.shared_event_id.is_some() && event.shared_event_id == self.shared;
        self.shared.clone_from(&event.shared_event_id);
        let is_meant = |arn: &str| arn == self.named || arn.rsplit('/').next() == Some(self.named.as_str());
        let Some(resource) = event.resources.iter().find(|it| it.kind == KEY && is_meant(&it.arn)) else { return };
        if copy {
            return;
        }
        if event.error_code.is_some() {
            self.refused_since += u64::from(self.destroyed.is_some());
            return;
        }
        let key = self.key.get_or_insert_with(|| Key {
            arn: resource.arn.clone(),
            account: resource.account_id.clone(),
            ..Key::default()
        });
        key.learn(event);
        if event.read_only && !is_use(&event.event_name) {
            return;
        }
        if event.read_only {
            self.uses += 1;
            self.uses_since += u64::from(self.destroyed.is_some());
            self.last_use = Some(event.event_time.clone());
            return;
        }
        let placed = placed(event, number, place);
        match event.event_name.as_str() {
            "ScheduleKeyDeletion" => self.scheduled = Some(placed.clone()),
            "CancelKeyDeletion" => self.scheduled = None,
            "DeleteKey" => {
                let ids = event.service_event_details.as_ref().and_then(|details| details["keyMaterialIds"].as_array());
                self.materials = ids.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
                self.destroyed = Some(placed.clone());
            }
            _ => {}
        }
        if self.events.len() < EVENTS || self.destroyed.as_ref() == Some(&placed) {
            self.events.push(placed);
        } else {
            self.more_events += 1;
        }
    }

    /// The certificate, with what the verification of the record found.
    ///
    /// # Errors
    /// [`Uncertified`].
    pub fn finish(self, proof: Proof) -> Result<Certificate, Uncertified> {
        let Some(key) = self.key else { return Err(Uncertified::Unknown(self.named)) };
        let Some(destroyed) = self.destroyed else {
            let state = key.state.unwrap_or_else(|| "not known".to_owned());
            return Err(Uncertified::NotDestroyed { key: key.arn, state });
        };
        let says = |(name, _): &(&String, &String)| name.to_lowercase().contains("approv");
        let approved = key.tags.iter().filter(says).map(|(name, value)| (name.clone(), value.clone())).collect();
        Ok(Certificate {
            key: key.arn,
            account: key.account,
            facts: key.facts,
            tags: key.tags,
            approved,
            scheduled: self.scheduled,
            destroyed,
            materials: self.materials,
            events: self.events,
            more_events: self.more_events,
            uses: self.uses,
            last_use: self.last_use,
            uses_since: self.uses_since,
            refused_since: self.refused_since,
            proof,
            not_covered: NOT_COVERED.to_vec(),
        })
    }
}

/// Whether an operation used the material, rather than looked at the key.
fn is_use(name: &str) -> bool {
    const USES: [&str; 7] = ["Decrypt", "Encrypt", "ReEncrypt", "Generate", "Sign", "Verify", "DeriveSharedSecret"];
    USES.iter().any(|begin| name.starts_with(begin))
}

fn placed(event: &Event, number: u64, place: &str) -> Placed {
    let service = event.event_source.strip_suffix(".amazonaws.com").unwrap_or(&event.event_source);
    let parameters = match (&event.request_parameters, &event.service_event_details) {
        (Value::Null, Some(details)) => details.to_string(),
        (Value::Null, None) => String::new(),
        (parameters, _) => parameters.to_string(),
    };
    Placed {
        at: event.event_time.clone(),
        by: who(event),
        from: event.source_ip_address.clone(),
        what: format!("{service}:{}", event.event_name),
        parameters,
        event: event.event_id.clone(),
        number,
        place: place.to_owned(),
    }
}

impl Certificate {
    /// As JSON, for programs.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("texts and numbers always encode")
    }

    /// As a page to print and sign.
    #[must_use]
    pub fn html(&self) -> String {
        let title = "Certificate of the destruction of a key";
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head { meta charset="utf-8"; title { (title) } style { (PreEscaped(STYLE)) } }
                body {
                    h1 { (title) }
                    p { "The material of the key " code { (self.key) } " of account " (self.account) " was destroyed at "
                        b { (self.destroyed.at) } " (UTC)." }
                    (self.of_key())
                    h2 { "Who" }
                    (self.people())
                    (proven(&self.proof))
                    h2 { "What was done with the key" }
                    (table(&self.events))
                    @if self.more_events > 0 { p { (self.more_events) " further events are not listed." } }
                    h2 { "Use" }
                    p { (self.uses) " calls used it" @if let Some(last) = &self.last_use { ", the last at " (last) } ". "
                        "Since its destruction " (self.uses_since) " did, and " (self.refused_since) " were refused." }
                    h2 { "What this certificate does not cover" }
                    ul { @for gap in &self.not_covered { li { (gap) } } }
                    div.sign { div { "Destruction confirmed by, date" } div { "Witnessed by, date" } }
                }
            }
        };
        page.into_string()
    }

    fn of_key(&self) -> Markup {
        html! {
            h2 { "The key" }
            table {
                @for (name, value) in &self.facts { tr { th { (name) } td { (value) } } }
                @for (name, value) in &self.tags { tr { th { "tag " (name) } td { (value) } } }
                tr { th { "materials destroyed" } td {
                    @if self.materials.is_empty() { "none that the record names" }
                    @for id in &self.materials { code { (id) } " " }
                } }
            }
        }
    }

    fn people(&self) -> Markup {
        html! {
            @match &self.scheduled {
                Some(call) => p { "Set by " b { (call.by) } " from " (call.from) " at " (call.at) ": event " code { (call.event) } "." },
                None => p { "Nobody's call in this record set it." },
            }
            @if self.approved.is_empty() { p { "No tag of the key says who approved." } }
            @for (name, value) in &self.approved { p { "Approved, as the tag " code { (name) } " says: " b { (value) } "." } }
            p { "Destroyed by " (self.destroyed.by) ": event " code { (self.destroyed.event) } ", number "
                (self.destroyed.number) " of the record, in " code { (self.destroyed.place) } "." }
        }
    }
}

fn table(events: &[Placed]) -> Markup {
    html! {
        table {
            tr { th { "When" } th { "Who" } th { "From" } th { "What" } th { "Parameters" } th { "Event" } th { "Number" } th { "Place" } }
            @for event in events {
                tr {
                    td { (event.at) } td { (event.by) } td { (event.from) } td { (event.what) } td { code { (event.parameters) } }
                    td { code { (event.event) } } td.n { (event.number) } td { (event.place) }
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use arqueta_audit::EventBuilder;
    use arqueta_model::{Principal, RequestInfo, Timestamp};
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:kms:us-east-1:111122223333:key/1";

    fn by_root(second: i64, name: &str, parameters: Value) -> EventBuilder {
        let at = Timestamp::from_millis((1_767_225_600 + second) * 1_000);
        let request = RequestInfo::new(std::net::Ipv4Addr::LOCALHOST.into(), "test", at);
        let principal = Principal::root(&"111122223333".parse().unwrap(), "AKIA1");
        let Value::Object(parameters) = parameters else { panic!("parameters are an object") };
        let event = EventBuilder::new("kms.amazonaws.com", name, &"us-east-1".parse().unwrap(), &principal, &request);
        event.parameters(parameters).resource(KEY, ARN, "111122223333")
    }

    fn destroyed(second: i64) -> Event {
        let (region, account) = ("us-east-1".parse().unwrap(), "111122223333".parse().unwrap());
        let at = Timestamp::from_millis((1_767_225_600 + second) * 1_000);
        let details = json!({"keyId": "1", "keyMaterialIds": ["m1", "m2"]});
        let event = EventBuilder::of_service("kms.amazonaws.com", "DeleteKey", &region, &account, at, details);
        event.writes().resource(KEY, ARN, "111122223333").build()
    }

    fn certified(named: &str, events: &[Event]) -> Result<Certificate, Uncertified> {
        let mut certifier = Certifier::new(named);
        for (at, event) in events.iter().enumerate() {
            certifier.take(event, at as u64 + 1, &format!("2026-01-01.jsonl, byte {}", at * 100));
        }
        certifier.finish(Proof { valid: true, ..Proof::default() })
    }

    fn life() -> Vec<Event> {
        let tags =
            json!({"tags": [{"TagKey": "Approver", "TagValue": "<carol>"}, {"TagKey": "owner", "TagValue": "hr"}]});
        vec![
            by_root(0, "CreateKey", tags).writes().build(),
            by_root(1, "Decrypt", json!({})).build(),
            by_root(1, "DescribeKey", json!({})).build(),
            by_root(2, "ScheduleKeyDeletion", json!({"pendingWindowInDays": 7})).writes().build(),
            by_root(3, "CancelKeyDeletion", json!({})).writes().build(),
            by_root(4, "ScheduleKeyDeletion", json!({"pendingWindowInDays": 30})).writes().build(),
            destroyed(5),
            by_root(6, "Decrypt", json!({})).error("NotFoundException", "gone").build(),
        ]
    }

    #[test]
    fn who_set_it_who_approved_when_and_what_went() {
        let record = life();
        let certificate = certified("1", &record).unwrap();
        let scheduled = certificate.scheduled.clone().unwrap();
        assert_eq!((scheduled.number, scheduled.at.as_str()), (6, "2026-01-01T00:00:04Z"));
        assert!(scheduled.parameters.contains("30"), "{scheduled:?}");
        assert_eq!((certificate.destroyed.number, certificate.materials.len()), (7, 2));
        assert_eq!(certificate.approved.get("Approver").map(String::as_str), Some("<carol>"));
        assert_eq!((certificate.uses, certificate.uses_since, certificate.refused_since), (1, 0, 1));
        assert_eq!(certificate.events.len(), 5);
        let page = certificate.html();
        assert!(page.contains("&lt;carol&gt;") && page.contains("2026-01-01.jsonl, byte 600"), "{page}");
        assert_eq!(page, certified(ARN, &record).unwrap().html(), "the same record gives the same bytes");
    }

    #[test]
    fn nothing_is_certified_of_what_is_there() {
        let pending = &life()[..6];
        let refused = Uncertified::NotDestroyed { key: ARN.to_owned(), state: "PendingDeletion".to_owned() };
        assert_eq!(certified("1", pending), Err(refused));
        assert_eq!(certified("2", &life()), Err(Uncertified::Unknown("2".to_owned())));
        assert_eq!(
            certified("key/1", &life()),
            Err(Uncertified::Unknown("key/1".to_owned())),
            "a part of a name is none"
        );
    }
}
