//! From events to a report, one at a time and in memory bounded by what the report says.

use std::collections::{BTreeMap, BTreeSet};

use arqueta_audit::{Event, Resource};
use serde_json::Value;

use crate::Scope;
use crate::act::{Act, Use};
use crate::key::{KEY, Key, buckets_of, who};
use crate::report::{ObjectUse, Omitted, Proof, Refusal, Report};
use crate::tally::{ROWS, Tallies, Tally};

/// The event that sums up what strangers were refused beyond a few calls each.
const SUMMED: &str = "AnonymousRequestsRefused";

/// Who did what, through whom, for which bucket.
type Deed = (String, String, Option<String>, Option<String>);

/// Takes the events of a record, oldest first, and makes a [`Report`] of them.
pub struct Collector {
    scope: Scope,
    from: Option<String>,
    to: Option<String>,
    keys: BTreeMap<String, Key>,
    seen: BTreeSet<String>,
    key_uses: BTreeMap<String, Tallies<Deed>>,
    uses: Tallies<Deed>,
    changes: Vec<Act>,
    refused: Tallies<(String, String, Vec<String>, String)>,
    objects: Tallies<(String, Option<String>, String, String)>,
    /// Changes that a report has, of keys and of everything else.
    changed: usize,
    omitted: Omitted,
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
            uses: Tallies::default(),
            changes: Vec::new(),
            refused: Tallies::default(),
            objects: Tallies::default(),
            changed: 0,
            omitted: Omitted::default(),
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
        self.seen.extend(keys.iter().map(|key| &key.arn).filter(|arn| self.keys.contains_key(*arn)).cloned());
        match event.error_code.clone() {
            Some(code) => self.refusal(event, code),
            None if event.event_name == SUMMED => self.summed(event),
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
        if self.changed >= ROWS {
            self.omitted.changes += 1;
            return;
        }
        self.changed += 1;
        let act = Act {
            at: event.event_time.clone(),
            by: who(event),
            from: event.source_ip_address.clone(),
            what: what(event),
            on: arns(event),
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
        let deed = (who(event), what(event), through, buckets_of(event).next().map(str::to_owned));
        for key in keys {
            self.key(key).served(event);
            self.key_uses.entry(key.arn.clone()).or_default().add(deed.clone(), event);
        }
        if keys.is_empty() {
            self.uses.add(deed, event);
        }
    }

    fn refusal(&mut self, event: &Event, code: String) {
        self.refused.add((who(event), what(event), arns(event), code), event);
    }

    /// What strangers were refused, of which one event tells the number.
    fn summed(&mut self, event: &Event) {
        let details = event.service_event_details.as_ref().unwrap_or(&Value::Null);
        let text = |name: &str| details[name].as_str().unwrap_or_default().to_owned();
        let row = ("nobody who signed".to_owned(), what(event), arns(event), text("reason"));
        self.refused.add_many(row, event, details["count"].as_u64().unwrap_or(1), &text("sourceIPAddress"));
    }

    /// The version that was named or made is that of the object called; a copy's source has its own.
    fn object(&mut self, event: &Event) {
        let version = [&event.response_elements["x-amz-version-id"], &event.request_parameters["versionId"]];
        let mut version = version.into_iter().find_map(Value::as_str).map(str::to_owned);
        for resource in event.resources.iter().filter(|resource| resource.kind == Resource::S3_OBJECT) {
            self.objects.add((resource.arn.clone(), version.take(), who(event), what(event)), event);
        }
    }

    /// The report, with what the verification of the record found.
    #[must_use]
    pub fn finish(mut self, proof: Proof) -> Report {
        let mut omitted = Omitted { refused: self.refused.more, objects: self.objects.more, ..self.omitted };
        omitted.uses = self.uses.more + self.key_uses.values().map(|uses| uses.more).sum::<u64>();
        let seen = self.seen;
        let keys = self.keys.into_values().filter(|key| seen.contains(&key.arn)).map(|mut key| {
            key.uses = rows(self.key_uses.remove(&key.arn).unwrap_or_default());
            key.materials.sort_by(|a, b| (&a.first, &a.id).cmp(&(&b.first, &b.id)));
            key.aliases.sort_unstable();
            key
        });
        let keys = keys.collect();
        let refused = self.refused.into_rows(|(principal, what, on, code), tally| {
            let (count, first, last) = (tally.count, tally.first.clone(), tally.last.clone());
            Refusal { principal, what, on, code, count, first, last, sources: tally.sources() }
        });
        let objects = self.objects.into_rows(|(object, version, principal, what), tally| {
            let Tally { count, first, last, .. } = tally;
            ObjectUse { object, version, principal, what, count, first, last }
        });
        Report {
            scope: self.scope.to_string(),
            from: self.from,
            to: self.to,
            proof,
            keys,
            uses: rows(self.uses),
            changes: self.changes,
            refused,
            objects,
            omitted,
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

fn rows(tallies: Tallies<Deed>) -> Vec<Use> {
    tallies.into_rows(|(principal, what, through, bucket), tally| {
        let (count, first, last) = (tally.count, tally.first.clone(), tally.last.clone());
        Use { principal, what, through, bucket, count, first, last, sources: tally.sources() }
    })
}

fn arns(event: &Event) -> Vec<String> {
    event.resources.iter().map(|resource| resource.arn.clone()).collect()
}

fn what(event: &Event) -> String {
    let service = event.event_source.strip_suffix(".amazonaws.com").unwrap_or(&event.event_source);
    format!("{service}:{}", event.event_name)
}

#[cfg(test)]
mod tests;
