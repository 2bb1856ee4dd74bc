//! What the owner of a bucket wants to be told.

use serde::{Deserialize, Serialize};

use super::happening::{Happening, expand};
use crate::Error;

/// What kind of thing an ARN names. It decides where the rule is told again, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Destination {
    /// A queue of SQS.
    Queue,
    /// A topic of SNS.
    Topic,
    /// A function of Lambda.
    Function,
}

/// One rule: these events of these keys go there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name, unique in the bucket.
    pub id: String,
    /// What `arn` names.
    pub destination: Destination,
    /// Where events go, as it was given.
    pub arn: String,
    /// The target's name in the gateway's configuration.
    pub target: String,
    /// Names of events, as they were given.
    pub events: Vec<String>,
    /// Keys that begin so.
    #[serde(default)]
    pub prefix: Option<String>,
    /// Keys that end so.
    #[serde(default)]
    pub suffix: Option<String>,
}

impl Rule {
    /// Whether `happening` to `key` is to be told.
    #[must_use]
    pub fn takes(&self, happening: Happening, key: &str) -> bool {
        self.prefix.as_deref().is_none_or(|prefix| key.starts_with(prefix))
            && self.suffix.as_deref().is_none_or(|suffix| key.ends_with(suffix))
            && self.events.iter().any(|name| expand(name).any(|of| of == happening))
    }

    /// Whether one event could be both rules': they share a kind of event, and some key has both
    /// filters (User Guide, "Configuring event notifications using object key name filtering").
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let (a, b) = (self.prefix.as_deref().unwrap_or_default(), other.prefix.as_deref().unwrap_or_default());
        let (c, d) = (self.suffix.as_deref().unwrap_or_default(), other.suffix.as_deref().unwrap_or_default());
        let filters = (a.starts_with(b) || b.starts_with(a)) && (c.ends_with(d) || d.ends_with(c));
        filters && self.kinds() & other.kinds() != 0
    }

    /// A bit for each kind of event that it names.
    fn kinds(&self) -> u32 {
        self.events.iter().flat_map(|name| expand(name)).fold(0, |kinds, of| kinds | 1 << of as u32)
    }
}

/// The rules of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Notifications {
    /// In the order they were given.
    pub rules: Vec<Rule>,
}

impl Notifications {
    /// As a bucket keeps them.
    #[must_use]
    pub fn to_document(&self) -> String {
        serde_json::to_string(self).expect("rules are strings, which serialise")
    }

    /// From what a bucket keeps.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn from_document(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text).map_err(|_| Error::Damaged { what: "notification configuration" })
    }

    /// The rules that take an event.
    pub fn taking<'a>(&'a self, happening: Happening, key: &'a str) -> impl Iterator<Item = &'a Rule> + 'a {
        self.rules.iter().filter(move |rule| rule.takes(happening, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(events: &[&str], prefix: Option<&str>, suffix: Option<&str>) -> Rule {
        Rule {
            id: "r".to_owned(),
            destination: Destination::Queue,
            arn: "arn:aws:sqs:us-east-1:111122223333:q".to_owned(),
            target: "q".to_owned(),
            events: events.iter().map(|&name| name.to_owned()).collect(),
            prefix: prefix.map(str::to_owned),
            suffix: suffix.map(str::to_owned),
        }
    }

    #[test]
    fn a_rule_takes_its_events_of_its_keys() {
        let rule = rule(&["s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"], Some("in/"), Some(".jpg"));
        assert!(rule.takes(Happening::Copy, "in/a.jpg") && rule.takes(Happening::Delete, "in/.jpg"));
        for (happening, key) in [
            (Happening::Marker, "in/a.jpg"),
            (Happening::Put, "out/a.jpg"),
            (Happening::Put, "in/a.png"),
            (Happening::TagsPut, "in/a.jpg"),
        ] {
            assert!(!rule.takes(happening, key), "{happening:?} {key}");
        }
    }

    #[test]
    fn rules_overlap_where_one_event_could_be_both_rules() {
        let put = |prefix, suffix| rule(&["s3:ObjectCreated:Put"], prefix, suffix);
        let all = rule(&["s3:ObjectCreated:*"], None, None);
        assert!(all.overlaps(&put(None, None)) && put(Some("a"), None).overlaps(&all));
        assert!(put(Some("images"), Some("jpg")).overlaps(&put(Some("images/x"), Some(".jpg"))));
        assert!(put(Some("a"), None).overlaps(&put(None, Some("z"))), "a key may have both");
        assert!(!put(Some("a"), None).overlaps(&put(Some("b"), None)));
        assert!(!put(Some("a"), Some("jpg")).overlaps(&put(Some("a"), Some("png"))));
        assert!(!all.overlaps(&rule(&["s3:ObjectRemoved:*"], None, None)));
    }
}
