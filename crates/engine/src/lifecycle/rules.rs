//! Rules, and the dates that follow from them.

use std::time::Duration;

use arqueta_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::api::Tags;

/// What lifecycle calls a day. A day is 24 hours; tests of applications may shorten it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calendar {
    day: i64,
}

impl Default for Calendar {
    fn default() -> Self {
        Self::of_days(Duration::from_secs(24 * 60 * 60))
    }
}

impl Calendar {
    /// A calendar whose days last `day`, at least a millisecond.
    #[must_use]
    pub fn of_days(day: Duration) -> Self {
        Self { day: i64::try_from(day.as_millis()).unwrap_or(i64::MAX).max(1) }
    }

    /// The midnight at or before `at`.
    #[must_use]
    pub fn midnight(self, at: Timestamp) -> Timestamp {
        Timestamp::from_millis(at.millis().saturating_sub(at.millis().rem_euclid(self.day)))
    }

    /// The midnight after `at`.
    #[must_use]
    pub fn tomorrow(self, at: Timestamp) -> Timestamp {
        Timestamp::from_millis(self.midnight(at).millis().saturating_add(self.day))
    }

    /// When something of `since` is `days` old: that many days later, at the next midnight.
    #[must_use]
    pub fn due(self, since: Timestamp, days: u32) -> Timestamp {
        let aged = since.millis().saturating_add(self.day.saturating_mul(i64::from(days)));
        let midnight = self.midnight(Timestamp::from_millis(aged));
        if midnight.millis() == aged { midnight } else { self.tomorrow(midnight) }
    }
}

/// How a filter was written; it is told as it was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum FilterForm {
    /// The rule's own `Prefix`, without a `Filter`.
    Prefix,
    /// A `Filter` with one condition or none.
    #[default]
    Single,
    /// A `Filter` whose conditions stand in `And`.
    And,
}

/// Which objects a rule is about: those that meet every condition.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Filter {
    /// How it was written.
    pub form: FilterForm,
    /// Keys that begin so.
    pub prefix: Option<String>,
    /// Objects that carry all of these.
    #[serde(default)]
    pub tags: Vec<(String, String)>,
    /// Objects larger than this, in bytes.
    #[serde(default)]
    pub larger: Option<u64>,
    /// Objects smaller than this, in bytes.
    #[serde(default)]
    pub smaller: Option<u64>,
}

impl Filter {
    fn begins(&self, key: &str) -> bool {
        self.prefix.as_deref().is_none_or(|prefix| key.starts_with(prefix))
    }

    /// Whether an object of this key, these tags and this size is meant.
    #[must_use]
    pub fn takes(&self, key: &str, tags: &Tags, size: u64) -> bool {
        self.begins(key)
            && self.larger.is_none_or(|bound| size > bound)
            && self.smaller.is_none_or(|bound| size < bound)
            && self.tags.iter().all(|wanted| tags.pairs().contains(wanted))
    }

    /// Whether what has neither tags nor a size, but a key, is meant: a delete marker, an upload.
    #[must_use]
    pub fn takes_bare(&self, key: &str) -> bool {
        self.begins(key) && self.tags.is_empty() && self.larger.is_none() && self.smaller.is_none()
    }
}

/// When the current version goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expiration {
    /// So many days after it was written.
    Days(u32),
    /// At this midnight.
    Date(Timestamp),
    /// Never, but a delete marker goes that has no version left below it; `false` does nothing.
    DeleteMarker(bool),
}

/// When noncurrent versions go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noncurrent {
    /// So many days after another version took their place.
    pub days: u32,
    /// This many of the newest stay however old they are.
    pub keep: Option<u32>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name, unique in the bucket.
    pub id: String,
    /// Whether it is in force.
    pub enabled: bool,
    /// What it is about.
    pub filter: Filter,
    /// For current versions.
    pub expiration: Option<Expiration>,
    /// For noncurrent versions.
    pub noncurrent: Option<Noncurrent>,
    /// Days after which an upload is given up.
    pub abort: Option<u32>,
}

/// When an object will go, and by which rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// When.
    pub at: Timestamp,
    /// The rule's name.
    pub rule: String,
}

/// The rules of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rules {
    /// In the order they were given.
    pub rules: Vec<Rule>,
}

impl Rules {
    /// As a bucket keeps them.
    #[must_use]
    pub fn to_document(&self) -> String {
        serde_json::to_string(self).expect("rules are strings and numbers, which serialise")
    }

    /// From what a bucket keeps.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn from_document(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text).map_err(|_| Error::Damaged { what: "lifecycle rules" })
    }

    fn enabled(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| rule.enabled)
    }

    /// When a current version goes: by the rule that takes it first.
    #[must_use]
    pub fn expiry(&self, key: &str, tags: &Tags, size: u64, written: Timestamp, calendar: Calendar) -> Option<Expiry> {
        let taking = self.enabled().filter(|rule| rule.filter.takes(key, tags, size));
        let dated = taking.filter_map(|rule| Some((when(rule.expiration?, written, calendar)?, rule)));
        let (at, rule) = dated.min_by_key(|(at, _)| *at)?;
        Some(Expiry { at, rule: rule.id.clone() })
    }

    /// When a delete marker goes that is all there is of its key.
    #[must_use]
    pub fn marker_expiry(&self, key: &str, written: Timestamp, calendar: Calendar) -> Option<Expiry> {
        let taking = self.enabled().filter(|rule| rule.filter.takes_bare(key));
        let dated = taking.filter_map(|rule| match rule.expiration? {
            Expiration::DeleteMarker(removed) => removed.then_some((written, rule)),
            other => Some((when(other, written, calendar)?, rule)),
        });
        let (at, rule) = dated.min_by_key(|(at, _)| *at)?;
        Some(Expiry { at, rule: rule.id.clone() })
    }

    /// When a noncurrent version goes that has `newer` noncurrent ones above it and lost its place at
    /// `replaced`. `tags` and size are those of an object, and missing of a delete marker.
    #[must_use]
    pub fn noncurrent_expiry(
        &self,
        key: &str,
        object: Option<(&Tags, u64)>,
        newer: u32,
        replaced: Timestamp,
        calendar: Calendar,
    ) -> Option<Expiry> {
        let takes = |rule: &&Rule| match object {
            Some((tags, size)) => rule.filter.takes(key, tags, size),
            None => rule.filter.takes_bare(key),
        };
        let dated = self.enabled().filter(takes).filter_map(|rule| {
            let noncurrent = rule.noncurrent.filter(|noncurrent| noncurrent.keep.is_none_or(|keep| newer >= keep))?;
            Some((calendar.due(replaced, noncurrent.days), rule))
        });
        let (at, rule) = dated.min_by_key(|(at, _)| *at)?;
        Some(Expiry { at, rule: rule.id.clone() })
    }

    /// When an upload that was begun at `started` is given up.
    #[must_use]
    pub fn abort_expiry(&self, key: &str, started: Timestamp, calendar: Calendar) -> Option<Expiry> {
        let dated = self
            .enabled()
            .filter(|rule| rule.filter.takes_bare(key))
            .filter_map(|rule| Some((calendar.due(started, rule.abort?), rule)));
        let (at, rule) = dated.min_by_key(|(at, _)| *at)?;
        Some(Expiry { at, rule: rule.id.clone() })
    }

    /// Whether anything is asked of current versions.
    #[must_use]
    pub fn concern_currents(&self) -> bool {
        self.enabled().any(|rule| rule.expiration.is_some_and(|of| of != Expiration::DeleteMarker(false)))
    }

    /// Whether anything is asked of noncurrent versions.
    #[must_use]
    pub fn concern_noncurrents(&self) -> bool {
        self.enabled().any(|rule| rule.noncurrent.is_some())
    }

    /// Whether anything is asked of uploads.
    #[must_use]
    pub fn concern_uploads(&self) -> bool {
        self.enabled().any(|rule| rule.abort.is_some())
    }
}

fn when(expiration: Expiration, written: Timestamp, calendar: Calendar) -> Option<Timestamp> {
    match expiration {
        Expiration::Days(days) => Some(calendar.due(written, days)),
        Expiration::Date(date) => Some(date),
        Expiration::DeleteMarker(_) => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 60 * 60 * 1000;

    fn at(days: i64, millis: i64) -> Timestamp {
        Timestamp::from_millis(days * DAY + millis)
    }

    fn rule(id: &str, expiration: Expiration) -> Rule {
        Rule {
            id: id.to_owned(),
            enabled: true,
            filter: Filter::default(),
            expiration: Some(expiration),
            noncurrent: None,
            abort: None,
        }
    }

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        Tags::of_object(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()).unwrap()
    }

    #[test]
    fn age_is_rounded_to_the_next_midnight() {
        let calendar = Calendar::default();
        // The example of the S3 User Guide: made on the 15th at 10:30, three days, gone on the 19th.
        assert_eq!(calendar.due(at(15, 10 * 3_600_000 + 1_800_000), 3), at(19, 0));
        assert_eq!(calendar.due(at(15, 0), 3), at(18, 0));
        assert_eq!(calendar.due(at(15, 1), 3), at(19, 0));
        assert_eq!(calendar.due(at(-2, 1), 1), at(0, 0), "before 1970, too");
        assert_eq!(Calendar::of_days(Duration::from_secs(2)).due(Timestamp::from_millis(2_001), 1).millis(), 6_000);
    }

    #[test]
    fn the_rule_that_takes_an_object_first_counts() {
        let rules = Rules { rules: vec![rule("ten", Expiration::Days(10)), rule("five", Expiration::Days(5))] };
        let expiry = rules.expiry("k", &Tags::default(), 1, at(0, 1), Calendar::default()).unwrap();
        assert_eq!((expiry.at, expiry.rule.as_str()), (at(6, 0), "five"));
        let dated = Rules { rules: vec![rule("ten", Expiration::Days(10)), rule("date", Expiration::Date(at(3, 0)))] };
        assert_eq!(dated.expiry("k", &Tags::default(), 1, at(0, 1), Calendar::default()).unwrap().rule, "date");
        let off = Rules { rules: vec![Rule { enabled: false, ..rule("off", Expiration::Days(1)) }] };
        assert_eq!(off.expiry("k", &Tags::default(), 1, at(0, 1), Calendar::default()), None);
        assert!(!off.concern_currents());
    }

    #[test]
    fn every_condition_of_a_filter_is_held() {
        let filter = Filter {
            prefix: Some("logs/".into()),
            tags: vec![("a".into(), "1".into()), ("b".into(), String::new())],
            larger: Some(10),
            smaller: Some(20),
            ..Filter::default()
        };
        let both = tags(&[("a", "1"), ("b", ""), ("c", "3")]);
        assert!(filter.takes("logs/x", &both, 11) && filter.takes("logs/x", &both, 19));
        for (key, of, size) in [
            ("log", &both, 15),
            ("logs/x", &both, 10),
            ("logs/x", &both, 20),
            ("logs/x", &tags(&[("a", "1")]), 15),
            ("logs/x", &tags(&[("a", "2"), ("b", "")]), 15),
        ] {
            assert!(!filter.takes(key, of, size), "{key} {size}");
        }
        assert!(!filter.takes_bare("logs/x"), "what has no tags meets no filter by tags");
        let by_prefix = Filter { prefix: Some("logs/".into()), ..Filter::default() };
        assert!(by_prefix.takes_bare("logs/x") && !by_prefix.takes_bare("x"));
    }

    #[test]
    fn delete_markers_go_by_age_or_at_once() {
        let calendar = Calendar::default();
        let marker = |expiration| Rules { rules: vec![rule("r", expiration)] }.marker_expiry("k", at(1, 5), calendar);
        assert_eq!(marker(Expiration::DeleteMarker(true)).unwrap().at, at(1, 5));
        assert_eq!(marker(Expiration::DeleteMarker(false)), None);
        assert_eq!(marker(Expiration::Days(1)).unwrap().at, at(3, 0));
        let objects = Rules { rules: vec![rule("r", Expiration::DeleteMarker(true))] };
        assert_eq!(objects.expiry("k", &Tags::default(), 1, at(0, 0), calendar), None, "objects stay");
    }

    #[test]
    fn newest_noncurrent_versions_stay() {
        let noncurrent = |keep| {
            let rule = Rule { noncurrent: Some(Noncurrent { days: 2, keep }), ..rule("r", Expiration::Days(9)) };
            Rules { rules: vec![Rule { expiration: None, ..rule }] }
        };
        let expiry = |keep, newer| {
            let none = Tags::default();
            noncurrent(keep).noncurrent_expiry("k", Some((&none, 1)), newer, at(1, 1), Calendar::default())
        };
        assert_eq!(expiry(None, 0).unwrap().at, at(4, 0));
        assert_eq!(expiry(Some(2), 1), None);
        assert_eq!(expiry(Some(2), 2).unwrap().at, at(4, 0));
    }

    #[test]
    fn documents_are_read_as_they_were_written() {
        let mut whole = rule("ü \"1\"", Expiration::Date(at(3, 0)));
        whole.filter.tags = vec![("k".into(), "v".into())];
        whole.noncurrent = Some(Noncurrent { days: 3, keep: Some(4) });
        whole.abort = Some(7);
        let rules = Rules { rules: vec![whole, rule("two", Expiration::DeleteMarker(true))] };
        assert_eq!(Rules::from_document(&rules.to_document()).unwrap(), rules);
        assert!(Rules::from_document("").is_err() && Rules::from_document("{}").is_err());
    }
}
