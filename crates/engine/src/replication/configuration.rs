//! What the owner of a bucket wants to have elsewhere.

use arqueta_envelope::SseMode;
use arqueta_model::{AccountId, BucketName};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::api::{StorageClass, Tags};

/// How a filter was written; it is told as it was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Form {
    /// The rule's own `Prefix`, without a `Filter`: the first version of the schema.
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
    pub form: Form,
    /// Keys that begin so.
    pub prefix: Option<String>,
    /// Objects that carry all of these.
    pub tags: Vec<(String, String)>,
}

impl Filter {
    /// Whether an object of this key and these tags is meant.
    #[must_use]
    pub fn takes(&self, key: &str, tags: &Tags) -> bool {
        self.prefix.as_deref().is_none_or(|prefix| key.starts_with(prefix))
            && self.tags.iter().all(|wanted| tags.pairs().contains(wanted))
    }
}

/// Where replicas go, and what they are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// The bucket.
    pub bucket: BucketName,
    /// Account that owns it, where the rule says so.
    pub account: Option<AccountId>,
    /// Whether that account owns the replicas, too (`AccessControlTranslation`).
    pub owner_override: bool,
    /// Storage class of replicas; `None` for the source's.
    pub storage_class: Option<StorageClass>,
    /// Key of replicas of objects under KMS keys (`ReplicaKmsKeyID`), as given.
    pub replica_key: Option<String>,
    /// Whether failures are told (`Metrics`).
    pub metrics: Option<bool>,
    /// Whether it is told what takes longer than a quarter of an hour (`ReplicationTime`).
    pub time_control: Option<bool>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name, unique in the bucket.
    pub id: String,
    /// Whether it is in force.
    pub enabled: bool,
    /// Of several rules for one destination the largest counts; the first version of the schema has none.
    pub priority: Option<i32>,
    /// Which objects.
    pub filter: Filter,
    /// Where to.
    pub destination: Destination,
    /// Whether delete markers go, too, as far as the rule says so.
    pub delete_markers: Option<bool>,
    /// Whether objects go that were there before (`ExistingObjectReplication`).
    pub existing: Option<bool>,
    /// Whether objects under KMS keys go.
    pub sse_kms: Option<bool>,
    /// Whether changes of replicas' tags and locks go.
    pub replica_modifications: Option<bool>,
}

/// What happened to a version.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change<'a> {
    /// It was written, with these tags, under this encryption.
    Written(&'a Tags, Option<SseMode>),
    /// It is a delete marker.
    Marker,
    /// Its tags or locks are others; `true`: it is a replica.
    Amended(&'a Tags, Option<SseMode>, bool),
}

impl Rule {
    /// Whether the filter means it.
    fn means(&self, key: &str, change: Change<'_>) -> bool {
        match change {
            Change::Written(tags, _) | Change::Amended(tags, ..) => self.filter.takes(key, tags),
            Change::Marker => self.filter.tags.is_empty() && self.filter.takes(key, &Tags::default()),
        }
    }

    /// Whether what it means is to go.
    fn sends(&self, change: Change<'_>) -> bool {
        let under_kms = |mode| matches!(mode, Some(SseMode::Kms | SseMode::DualKms));
        match change {
            Change::Written(_, mode) => !under_kms(mode) || self.sse_kms == Some(true),
            // The first version of the schema replicated them, and does still.
            Change::Marker => self.delete_markers.unwrap_or(self.filter.form == Form::Prefix),
            Change::Amended(_, mode, is_replica) => {
                (!under_kms(mode) || self.sse_kms == Some(true))
                    && (!is_replica || self.replica_modifications == Some(true))
            }
        }
    }
}

/// The configuration of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replication {
    /// ARN of the role that replicates.
    pub role: String,
    /// In the order they were given.
    pub rules: Vec<Rule>,
}

impl Replication {
    /// As a bucket keeps it.
    #[must_use]
    pub fn to_document(&self) -> String {
        serde_json::to_string(self).expect("rules are strings and numbers, which serialise")
    }

    /// From what a bucket keeps.
    ///
    /// # Errors
    /// [`Error::Damaged`].
    pub fn from_document(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text).map_err(|_| Error::Damaged { what: "replication configuration" })
    }

    /// The rules that a change goes by: for each destination the one of the largest priority whose filter
    /// means it, if that one sends it.
    pub(crate) fn matching(&self, key: &str, change: Change<'_>) -> Vec<&Rule> {
        let mut found: Vec<&Rule> = Vec::new();
        for rule in self.rules.iter().filter(|rule| rule.enabled && rule.means(key, change)) {
            match found.iter_mut().find(|other| other.destination.bucket == rule.destination.bucket) {
                Some(other) if other.priority < rule.priority => *other = rule,
                Some(_) => {}
                None => found.push(rule),
            }
        }
        found.retain(|rule| rule.sends(change));
        found
    }

    /// The rule that an intent names, or, where the rules were set anew, the one that sends there now.
    #[must_use]
    pub fn rule(&self, id: &str, to: &BucketName) -> Option<&Rule> {
        let there = || self.rules.iter().filter(|rule| rule.enabled && rule.destination.bucket == *to);
        there().find(|rule| rule.id == id).or_else(|| there().max_by_key(|rule| rule.priority))
    }
}

/// Rules that tests need.
#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod testing {
    use super::*;

    /// A rule that sends everything to `bucket`.
    pub(crate) fn rule(id: &str, bucket: &str, priority: i32) -> Rule {
        Rule {
            id: id.to_owned(),
            enabled: true,
            priority: Some(priority),
            filter: Filter::default(),
            destination: Destination {
                bucket: bucket.parse().unwrap(),
                account: None,
                owner_override: false,
                storage_class: None,
                replica_key: None,
                metrics: None,
                time_control: None,
            },
            delete_markers: Some(false),
            existing: None,
            sse_kms: None,
            replica_modifications: None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::testing::rule;
    use super::*;

    fn of(rules: Vec<Rule>) -> Replication {
        Replication { role: "arn:aws:iam::111122223333:role/r".to_owned(), rules }
    }

    fn ids(replication: &Replication, key: &str, change: Change<'_>) -> Vec<String> {
        replication.matching(key, change).into_iter().map(|rule| rule.id.clone()).collect()
    }

    fn plain(tags: &Tags) -> Change<'_> {
        Change::Written(tags, Some(SseMode::S3))
    }

    #[test]
    fn the_largest_priority_counts_for_each_destination() {
        let none = Tags::default();
        let mut low = rule("low", "one", 1);
        let high = rule("high", "one", 7);
        let other = rule("other", "two", 0);
        let all = of(vec![low.clone(), high.clone(), other.clone()]);
        assert_eq!(ids(&all, "k", plain(&none)), ["high", "other"]);
        low.priority = Some(8);
        assert_eq!(ids(&of(vec![high.clone(), low.clone()]), "k", plain(&none)), ["low"]);
        low.enabled = false;
        assert_eq!(ids(&of(vec![high, low]), "k", plain(&none)), ["high"]);
        assert_eq!(Replication::from_document(&all.to_document()).unwrap(), all);
    }

    #[test]
    fn the_rule_that_counts_decides_alone() {
        // What the stronger rule keeps back the weaker one does not send.
        let none = Tags::default();
        let mut strong = rule("strong", "one", 2);
        strong.delete_markers = Some(false);
        let mut weak = rule("weak", "one", 1);
        weak.delete_markers = Some(true);
        let both = of(vec![strong, weak.clone()]);
        assert_eq!(ids(&both, "k", Change::Marker), Vec::<String>::new());
        assert_eq!(ids(&of(vec![weak]), "k", Change::Marker), ["weak"]);
        assert_eq!(ids(&both, "k", plain(&none)), ["strong"]);
    }

    #[test]
    fn filters_hold_prefix_and_tags() {
        let mut tagged = rule("t", "one", 1);
        tagged.filter =
            Filter { form: Form::And, prefix: Some("a/".to_owned()), tags: vec![("k".to_owned(), "v".to_owned())] };
        tagged.delete_markers = Some(true);
        let tagged = of(vec![tagged]);
        let tags = Tags::of_object(vec![("k".to_owned(), "v".to_owned())]).unwrap();
        assert_eq!(ids(&tagged, "a/b", plain(&tags)), ["t"]);
        assert!(ids(&tagged, "b", plain(&tags)).is_empty());
        assert!(ids(&tagged, "a/b", plain(&Tags::default())).is_empty());
        assert!(ids(&tagged, "a/b", Change::Marker).is_empty(), "markers have no tags");
    }

    #[test]
    fn objects_under_kms_keys_go_where_the_rule_says_so() {
        let none = Tags::default();
        let mut rules = of(vec![rule("r", "one", 1)]);
        for mode in [SseMode::Kms, SseMode::DualKms] {
            assert!(ids(&rules, "k", Change::Written(&none, Some(mode))).is_empty());
        }
        for mode in [None, Some(SseMode::S3), Some(SseMode::Customer)] {
            assert_eq!(ids(&rules, "k", Change::Written(&none, mode)), ["r"]);
        }
        rules.rules[0].sse_kms = Some(true);
        assert_eq!(ids(&rules, "k", Change::Written(&none, Some(SseMode::Kms))), ["r"]);
    }

    #[test]
    fn changes_of_replicas_go_only_where_the_rule_says_so() {
        let none = Tags::default();
        let mut rules = of(vec![rule("r", "one", 1)]);
        assert_eq!(ids(&rules, "k", Change::Amended(&none, None, false)), ["r"]);
        assert!(ids(&rules, "k", Change::Amended(&none, None, true)).is_empty());
        rules.rules[0].replica_modifications = Some(true);
        assert_eq!(ids(&rules, "k", Change::Amended(&none, None, true)), ["r"]);
    }

    #[test]
    fn the_first_schema_replicates_delete_markers() {
        let mut first = rule("r", "one", 1);
        (first.priority, first.delete_markers) = (None, None);
        first.filter = Filter { form: Form::Prefix, prefix: Some(String::new()), tags: vec![] };
        assert_eq!(ids(&of(vec![first.clone()]), "k", Change::Marker), ["r"]);
        first.filter.form = Form::Single;
        assert!(ids(&of(vec![first]), "k", Change::Marker).is_empty());
    }

    #[test]
    fn an_intent_finds_its_rule_or_the_one_in_its_place() {
        let rules = of(vec![rule("a", "one", 1), rule("b", "one", 2), rule("c", "two", 9)]);
        let to = "one".parse().unwrap();
        assert_eq!(rules.rule("a", &to).unwrap().id, "a");
        assert_eq!(rules.rule("gone", &to).unwrap().id, "b");
        assert_eq!(rules.rule("c", &to).unwrap().id, "b", "a rule of another destination is none");
        assert_eq!(rules.rule("a", &"three".parse().unwrap()), None);
    }
}
