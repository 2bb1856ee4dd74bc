//! From events to a report, one at a time and in memory bounded by what the report says.

use std::collections::{BTreeMap, BTreeSet};

use arqueta_audit::{Event, Resource};
use serde_json::Value;

use crate::Scope;
use crate::act::{Act, Use};
use crate::key::{KEY, Key, bucket_of, who};
use crate::report::{ObjectUse, Proof, Refusal, Report};

/// Objects that a report names; how many more there are is said.
const OBJECTS: usize = 10_000;
/// Source addresses of one row.
const SOURCES: usize = 16;

/// How often, when, where from.
#[derive(Default)]
struct Tally {
    count: u64,
    first: String,
    last: String,
    sources: BTreeSet<String>,
}

impl Tally {
    fn add(&mut self, event: &Event) {
        let at = &event.event_time;
        if self.count == 0 || *at < self.first {
            self.first.clone_from(at);
        }
        if *at > self.last {
            self.last.clone_from(at);
        }
        self.count += 1;
        if self.sources.len() < SOURCES {
            self.sources.insert(event.source_ip_address.clone());
        }
    }
}

/// Who did what, through whom, for which bucket.
type Deed = (String, String, Option<String>, Option<String>);

/// Takes the events of a record, oldest first, and makes a [`Report`] of them.
pub struct Collector {
    scope: Scope,
    from: Option<String>,
    to: Option<String>,
    keys: BTreeMap<String, Key>,
    seen: BTreeSet<String>,
    key_uses: BTreeMap<String, BTreeMap<Deed, Tally>>,
    uses: BTreeMap<Deed, Tally>,
    changes: Vec<Act>,
    refused: BTreeMap<(String, String, Vec<String>, String), Tally>,
    objects: BTreeMap<(String, Option<String>, String, String), Tally>,
    more: u64,
    /// Of the event before this one: the copies of a call follow each other, the caller's own first.
    shared: Option<String>,
}

impl Collector {
    /// A report about `scope` from the time `from` until before `to`, RFC 3339 to the second in UTC as in
    /// `eventTime`.
    #[must_use]
    pub fn new(scope: Scope, from: Option<String>, to: Option<String>) -> Self {
        Self {
            scope,
            from,
            to,
            keys: BTreeMap::new(),
            seen: BTreeSet::new(),
            key_uses: BTreeMap::new(),
            uses: BTreeMap::new(),
            changes: Vec::new(),
            refused: BTreeMap::new(),
            objects: BTreeMap::new(),
            more: 0,
            shared: None,
        }
    }

    /// Takes the next event.
    pub fn take(&mut self, event: &Event) {
        let copy = event.shared_event_id.is_some() && event.shared_event_id == self.shared;
        self.shared.clone_from(&event.shared_event_id);
        if copy || self.to.as_ref().is_some_and(|to| event.event_time >= *to) {
            return;
        }
        let keys: Vec<_> = event.resources.iter().filter(|resource| resource.kind == KEY).collect();
        if event.error_code.is_none() {
            // What a key is, is told by calls before the period and by others than the scope's.
            keys.iter().for_each(|key| self.key(key).learn(event));
        }
        let within = self.from.as_ref().is_none_or(|from| event.event_time >= *from);
        if !within || !self.scope.holds(event) {
            return;
        }
        self.seen.extend(keys.iter().map(|key| key.arn.clone()));
        match event.error_code.clone() {
            Some(code) => self.refusal(event, code),
            None if event.event_category == "Data" => self.object(event),
            None if !event.read_only => self.change(event, &keys),
            None => self.used(event, &keys),
        }
    }

    fn key(&mut self, resource: &Resource) -> &mut Key {
        self.keys.entry(resource.arn.clone()).or_insert_with(|| Key {
            arn: resource.arn.clone(),
            account: resource.account_id.clone(),
            ..Key::default()
        })
    }

    fn change(&mut self, event: &Event, keys: &[&Resource]) {
        let act = Act {
            at: event.event_time.clone(),
            by: who(event),
            from: event.source_ip_address.clone(),
            what: what(event),
            on: event.resources.iter().map(|resource| resource.arn.clone()).collect(),
            parameters: match &event.request_parameters {
                Value::Null => String::new(),
                parameters => parameters.to_string(),
            },
        };
        match keys {
            [] => self.changes.push(act),
            keys => keys.iter().for_each(|key| self.key(key).changes.push(act.clone())),
        }
    }

    fn used(&mut self, event: &Event, keys: &[&Resource]) {
        let through = event.user_identity.invoked_by.clone().filter(|_| event.user_identity.arn.is_some());
        let deed = (who(event), what(event), through, bucket_of(event).map(str::to_owned));
        for key in keys {
            self.key(key).served(event);
            self.key_uses.entry(key.arn.clone()).or_default().entry(deed.clone()).or_default().add(event);
        }
        if keys.is_empty() {
            self.uses.entry(deed).or_default().add(event);
        }
    }

    fn refusal(&mut self, event: &Event, code: String) {
        let on = event.resources.iter().map(|resource| resource.arn.clone()).collect();
        self.refused.entry((who(event), what(event), on, code)).or_default().add(event);
    }

    fn object(&mut self, event: &Event) {
        let version = [&event.response_elements["x-amz-version-id"], &event.request_parameters["versionId"]];
        let version = version.into_iter().find_map(Value::as_str).map(str::to_owned);
        for resource in event.resources.iter().filter(|resource| resource.kind == Resource::S3_OBJECT) {
            let row = (resource.arn.clone(), version.clone(), who(event), what(event));
            if self.objects.len() >= OBJECTS && !self.objects.contains_key(&row) {
                self.more += 1;
                continue;
            }
            self.objects.entry(row).or_default().add(event);
        }
    }

    /// The report, with what the verification of the record found.
    #[must_use]
    pub fn finish(mut self, proof: Proof) -> Report {
        let seen = self.seen;
        let keys = self.keys.into_values().filter(|key| seen.contains(&key.arn)).map(|mut key| {
            key.uses = rows(self.key_uses.remove(&key.arn).unwrap_or_default());
            key.materials.sort_by(|a, b| (&a.first, &a.id).cmp(&(&b.first, &b.id)));
            key.aliases.sort_unstable();
            key
        });
        let refused = self.refused.into_iter().map(|((principal, what, on, code), tally)| {
            let Tally { count, first, last, sources } = tally;
            Refusal { principal, what, on, code, count, first, last, sources: sources.into_iter().collect() }
        });
        let objects = self.objects.into_iter().map(|((object, version, principal, what), tally)| {
            let Tally { count, first, last, .. } = tally;
            ObjectUse { object, version, principal, what, count, first, last }
        });
        Report {
            scope: self.scope.to_string(),
            from: self.from,
            to: self.to,
            proof,
            keys: keys.collect(),
            uses: rows(self.uses),
            changes: self.changes,
            refused: refused.collect(),
            objects: objects.collect(),
            more_objects: self.more,
            not_covered: NOT_COVERED.to_vec(),
        }
    }
}

/// What the record cannot tell, said where it is read.
const NOT_COVERED: [&str; 4] = [
    "Objects that were read or written without data events: with a bucket key, one call to the key service \
     stands for all that its requester did in that bucket within the key's window (docs/record.md). Trails that \
     select data events tell of each object.",
    "Calls whose signature was wrong or whose credentials nobody knows: they are nobody's.",
    "What was removed from the record before the part that was verified, if the section on proof says so.",
    "How many bytes a key's material sealed: only calls are counted.",
];

fn rows(tallies: BTreeMap<Deed, Tally>) -> Vec<Use> {
    let row = |((principal, what, through, bucket), tally): (Deed, Tally)| {
        let Tally { count, first, last, sources } = tally;
        Use { principal, what, through, bucket, count, first, last, sources: sources.into_iter().collect() }
    };
    tallies.into_iter().map(row).collect()
}

fn what(event: &Event) -> String {
    let service = event.event_source.strip_suffix(".amazonaws.com").unwrap_or(&event.event_source);
    format!("{service}:{}", event.event_name)
}

#[cfg(test)]
mod tests;
