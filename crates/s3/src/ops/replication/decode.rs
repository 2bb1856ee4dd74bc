//! From the XML of a configuration to rules that can be acted on. What is not acted on is refused by name.

use std::collections::BTreeSet;

use arqueta_engine::api::Tags;
use arqueta_engine::replication::{Destination as To, Filter, Form, Replication, Rule};
use arqueta_model::{AccountId, Arn};
use s3s::dto::*;
use s3s::{S3Error, S3Result, s3_error};

use super::MINUTES;
use crate::error::of_engine;
use crate::ops::{fields, tag_pairs};

/// Most rules of a bucket.
const MOST: usize = 1000;
/// Longest name of a rule, in characters.
const LONGEST_NAME: usize = 255;
/// Longest prefix, in bytes.
const LONGEST_PREFIX: usize = 1024;

fn malformed() -> S3Error {
    s3_error!(MalformedXML, "The XML you provided was not well-formed or did not validate against our published schema")
}

fn invalid(message: &str) -> S3Error {
    s3_error!(InvalidArgument, "{}", message)
}

fn refused(message: &str) -> S3Error {
    s3_error!(InvalidRequest, "{}", message)
}

/// Of a role whose ARN is none.
pub fn invalid_role() -> S3Error {
    invalid("Invalid Role specified in replication configuration")
}

/// The configuration, of which every rule is known to be one.
pub fn decode(asked: &ReplicationConfiguration) -> S3Result<Replication> {
    let role: Arn = asked.role.parse().map_err(|_| invalid_role())?;
    let is_role = role.service() == "iam" && role.resource().strip_prefix("role/").is_some_and(|name| !name.is_empty());
    if !is_role || role.account().parse::<AccountId>().is_err() {
        return Err(invalid_role());
    }
    if asked.rules.is_empty() || asked.rules.len() > MOST {
        return Err(malformed());
    }
    let rules = asked.rules.iter().map(decode_rule).collect::<S3Result<Vec<_>>>()?;
    check(&rules)?;
    Ok(Replication { role: asked.role.clone(), rules })
}

/// What goes together.
fn check(rules: &[Rule]) -> S3Result<()> {
    let mut names = BTreeSet::new();
    if !rules.iter().all(|rule| names.insert(&rule.id)) {
        return Err(invalid("Rule Id must be unique"));
    }
    let first = |rule: &Rule| rule.filter.form == Form::Prefix;
    if rules.iter().any(first) {
        if !rules.iter().all(first) {
            return Err(malformed());
        }
        return check_first(rules);
    }
    let mut priorities = BTreeSet::new();
    if !rules.iter().all(|rule| priorities.insert(rule.priority)) {
        return Err(refused("Rule priorities must be unique."));
    }
    Ok(())
}

/// The first version of the schema: one destination, and no key that two rules mean.
fn check_first(rules: &[Rule]) -> S3Result<()> {
    let buckets: BTreeSet<_> = rules.iter().map(|rule| &rule.destination.bucket).collect();
    if buckets.len() > 1 {
        return Err(refused("Number of distinct destination bucket ARNs cannot exceed 1"));
    }
    let prefixes: Vec<_> = rules.iter().map(|rule| rule.filter.prefix.as_deref().unwrap_or_default()).collect();
    for (at, one) in prefixes.iter().enumerate() {
        if let Some(other) = prefixes[..at].iter().find(|other| one.starts_with(**other) || other.starts_with(one)) {
            return Err(refused(&format!("Found overlapping prefixes '{other}' and '{one}'")));
        }
    }
    Ok(())
}

fn on(status: &str) -> S3Result<bool> {
    match status {
        "Enabled" => Ok(true),
        "Disabled" => Ok(false),
        _ => Err(malformed()),
    }
}

fn decode_rule(rule: &ReplicationRule) -> S3Result<Rule> {
    let id = match rule.id.as_deref() {
        Some(id) if id.chars().count() > LONGEST_NAME => {
            return Err(invalid("ID length should not exceed allowed limit of 255"));
        }
        Some(id) if !id.is_empty() => id.to_owned(),
        _ => arqueta_model::RequestId::random().to_string(),
    };
    let filter = decode_filter(rule)?;
    let criteria = rule.source_selection_criteria.as_ref();
    let sse_kms = criteria.and_then(|criteria| criteria.sse_kms_encrypted_objects.as_ref());
    let replicas = criteria.and_then(|criteria| criteria.replica_modifications.as_ref());
    if criteria.is_some() && sse_kms.is_none() && replicas.is_none() {
        return Err(malformed());
    }
    let markers = rule.delete_marker_replication.as_ref().and_then(|markers| markers.status.as_ref());
    let decoded = Rule {
        id,
        enabled: on(rule.status.as_str())?,
        priority: rule.priority,
        filter,
        destination: decode_destination(&rule.destination)?,
        delete_markers: markers.map(|status| on(status.as_str())).transpose()?,
        existing: rule.existing_object_replication.as_ref().map(|existing| on(existing.status.as_str())).transpose()?,
        sse_kms: sse_kms.map(|sse_kms| on(sse_kms.status.as_str())).transpose()?,
        replica_modifications: replicas.map(|replicas| on(replicas.status.as_str())).transpose()?,
    };
    check_rule(&decoded)?;
    Ok(decoded)
}

/// What of one rule goes together.
fn check_rule(rule: &Rule) -> S3Result<()> {
    const SCHEMA: &str = "must be specified for this version of Cross Region Replication configuration schema. \
        Please refer to S3 Developer Guide for more information.";
    if rule.filter.form == Form::Prefix {
        if rule.priority.is_some() || rule.delete_markers.is_some() || rule.replica_modifications.is_some() {
            return Err(malformed());
        }
    } else {
        if rule.priority.is_none() {
            return Err(refused(&format!("Priority {SCHEMA}")));
        }
        if rule.delete_markers.is_none() {
            return Err(refused(&format!("DeleteMarkerReplication {SCHEMA}")));
        }
    }
    if rule.priority.is_some_and(|priority| priority < 0) {
        return Err(invalid("Priority must be a non-negative integer"));
    }
    if rule.delete_markers == Some(true) && !rule.filter.tags.is_empty() {
        return Err(refused(
            "Delete marker replication is not supported if any Tag filter is specified. Please refer to S3 Developer \
             Guide for more information.",
        ));
    }
    match (rule.sse_kms, &rule.destination.replica_key) {
        (None, Some(_)) => {
            Err(refused("SseKmsEncryptedObjects must be specified if EncryptionConfiguration is present."))
        }
        (Some(true), None) => {
            Err(refused("ReplicaKmsKeyID must be specified if SseKmsEncryptedObjects tag is present."))
        }
        _ => Ok(()),
    }
}

fn decode_filter(rule: &ReplicationRule) -> S3Result<Filter> {
    let prefixed = |prefix: Option<&String>| match prefix {
        Some(prefix) if prefix.len() > LONGEST_PREFIX => Err(invalid("The maximum size of a prefix is 1024")),
        prefix => Ok(prefix.cloned()),
    };
    let filter = match (&rule.prefix, &rule.filter) {
        (Some(_), Some(_)) | (None, None) => return Err(malformed()),
        (prefix @ Some(_), None) => {
            return Ok(Filter { form: Form::Prefix, prefix: prefixed(prefix.as_ref())?, tags: Vec::new() });
        }
        (None, Some(filter)) => filter,
    };
    let given = [filter.and.is_some(), filter.prefix.is_some(), filter.tag.is_some()];
    if given.iter().filter(|given| **given).count() > 1 {
        return Err(malformed());
    }
    let Some(and) = &filter.and else {
        let prefix = prefixed(filter.prefix.as_ref())?;
        return Ok(Filter { form: Form::Single, prefix, tags: tags(filter.tag.iter().cloned().collect())? });
    };
    let prefix = prefixed(and.prefix.as_ref())?;
    let tags = tags(and.tags.clone().unwrap_or_default())?;
    if usize::from(prefix.is_some()) + tags.len() < 2 {
        return Err(malformed());
    }
    Ok(Filter { form: Form::And, prefix, tags })
}

fn tags(set: Vec<Tag>) -> S3Result<Vec<(String, String)>> {
    let tags = Tags::of_object(tag_pairs(set)?).map_err(|e| of_engine(&e))?;
    Ok(tags.pairs().to_vec())
}

fn decode_destination(asked: &Destination) -> S3Result<To> {
    let bucket = asked.bucket.strip_prefix("arn:aws:s3:::").and_then(|name| name.parse().ok());
    let bucket = bucket.ok_or_else(|| invalid("Invalid bucket ARN"))?;
    let account = asked.account.as_ref().filter(|account| !account.is_empty());
    let account = account.map(|account| account.parse::<AccountId>().map_err(|_| invalid("Invalid account id")));
    let owner = asked.access_control_translation.as_ref().map(|translation| translation.owner.as_str());
    let owner_override = match owner {
        None => false,
        Some(OwnerOverride::DESTINATION) => true,
        Some(_) => return Err(malformed()),
    };
    if owner_override && account.is_none() {
        return Err(refused("Account must be specified if AccessControlTranslation is present."));
    }
    let key = asked.encryption_configuration.as_ref().map(|encryption| encryption.replica_kms_key_id.as_ref());
    let replica_key = match key {
        None => None,
        Some(key) => Some(key.filter(|key| is_key(key)).ok_or_else(|| invalid("Invalid ReplicaKmsKeyID ARN."))?),
    };
    let (metrics, time_control) = decode_metrics(asked)?;
    Ok(To {
        bucket,
        account: account.transpose()?,
        owner_override,
        storage_class: fields::storage_class(asked.storage_class.as_ref().map(StorageClass::as_str))?,
        replica_key: replica_key.cloned(),
        metrics,
        time_control,
    })
}

/// Whether it is the ARN of a key or of an alias.
fn is_key(text: &str) -> bool {
    text.parse::<Arn>().is_ok_and(|arn| {
        arn.service() == "kms" && (arn.resource().starts_with("key/") || arn.resource().starts_with("alias/"))
    })
}

fn decode_metrics(asked: &Destination) -> S3Result<(Option<bool>, Option<bool>)> {
    let quarter = |value: &ReplicationTimeValue| value.minutes == Some(MINUTES);
    let time = match &asked.replication_time {
        None => None,
        Some(time) if !quarter(&time.time) => return Err(invalid("Time Minutes must be 15")),
        Some(time) => Some(on(time.status.as_str())?),
    };
    let metrics = asked.metrics.as_ref();
    let is_on = metrics.map(|metrics| on(metrics.status.as_str())).transpose()?;
    let threshold = metrics.and_then(|metrics| metrics.event_threshold.as_ref());
    match (time, threshold) {
        (Some(true), threshold) if is_on != Some(true) || !threshold.is_some_and(quarter) => {
            Err(refused("Metrics with an event threshold of 15 minutes must be enabled if ReplicationTime is enabled."))
        }
        (None | Some(false), Some(_)) => {
            Err(invalid("Metrics cannot contain an event threshold when ReplicationTime is not specified or Disabled"))
        }
        _ => Ok((is_on, time)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/replicator";

    fn rule() -> ReplicationRule {
        ReplicationRule {
            delete_marker_replication: Some(DeleteMarkerReplication {
                status: Some(DeleteMarkerReplicationStatus::from_static("Disabled")),
            }),
            destination: Destination { bucket: "arn:aws:s3:::there".to_owned(), ..Destination::default() },
            existing_object_replication: None,
            filter: Some(ReplicationRuleFilter::default()),
            id: Some("r".to_owned()),
            prefix: None,
            priority: Some(1),
            source_selection_criteria: None,
            status: ReplicationRuleStatus::from_static("Enabled"),
        }
    }

    fn first(id: &str, prefix: &str) -> ReplicationRule {
        ReplicationRule {
            delete_marker_replication: None,
            filter: None,
            id: Some(id.to_owned()),
            prefix: Some(prefix.to_owned()),
            priority: None,
            ..rule()
        }
    }

    fn answer(role: &str, rules: Vec<ReplicationRule>) -> S3Result<Replication> {
        decode(&ReplicationConfiguration { role: role.to_owned(), rules })
    }

    fn code(rules: Vec<ReplicationRule>) -> (String, String) {
        let error = answer(ROLE, rules).unwrap_err();
        (error.code().as_str().to_owned(), error.message().unwrap_or_default().to_owned())
    }

    fn tag(key: &str) -> Tag {
        Tag { key: Some(key.to_owned()), value: Some("v".to_owned()) }
    }

    fn sse(status: &'static str) -> Option<SourceSelectionCriteria> {
        let status = SseKmsEncryptedObjectsStatus::from_static(status);
        Some(SourceSelectionCriteria {
            sse_kms_encrypted_objects: Some(SseKmsEncryptedObjects { status }),
            ..SourceSelectionCriteria::default()
        })
    }

    fn under(key: &str) -> Destination {
        let encryption_configuration = Some(EncryptionConfiguration { replica_kms_key_id: Some(key.to_owned()) });
        Destination { encryption_configuration, ..rule().destination }
    }

    #[test]
    fn rules_come_back_as_they_were_set() {
        let and = ReplicationRuleAndOperator { prefix: Some("a/".to_owned()), tags: Some(vec![tag("k")]) };
        let filter = Some(ReplicationRuleFilter { and: Some(and), ..ReplicationRuleFilter::default() });
        let key = "arn:aws:kms:eu-west-1:111122223333:key/k";
        let other = ReplicationRule {
            filter,
            id: Some("s".to_owned()),
            priority: Some(2),
            source_selection_criteria: sse("Enabled"),
            destination: under(key),
            ..rule()
        };
        let rules = vec![rule(), other];
        let decoded = answer(ROLE, rules.clone()).unwrap();
        let told: Vec<_> = decoded.rules.into_iter().map(super::super::told).collect();
        assert!(told == rules, "{told:?}");
        let rules = vec![first("a", "a"), first("b", "b")];
        let told: Vec<_> = answer(ROLE, rules.clone()).unwrap().rules.into_iter().map(super::super::told).collect();
        assert!(told == rules, "{told:?}");
    }

    #[test]
    fn roles_are_roles() {
        for role in ["", "replicator", "arn:aws:iam::111122223333:user/u", "arn:aws:iam::1:role/r", "arn:aws:s3:::b"] {
            let error = answer(role, vec![rule()]).unwrap_err();
            assert_eq!(error.code().as_str(), "InvalidArgument", "{role}");
            assert_eq!(error.message(), Some("Invalid Role specified in replication configuration"));
        }
        answer("arn:aws:iam::111122223333:role/service/replicator", vec![rule()]).unwrap();
    }

    fn refuse(cases: impl IntoIterator<Item = (Vec<ReplicationRule>, &'static str, &'static str)>) {
        for (rules, wanted, said) in cases {
            let (code, message) = code(rules);
            assert_eq!(code, wanted, "{said}: {message}");
            assert!(message.contains(said), "{message}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let twice = |priority| ReplicationRule { id: Some("s".to_owned()), priority: Some(priority), ..rule() };
        let tagged = ReplicationRuleFilter { tag: Some(tag("k")), ..ReplicationRuleFilter::default() };
        let markers =
            Some(DeleteMarkerReplication { status: Some(DeleteMarkerReplicationStatus::from_static("Enabled")) });
        refuse([
            (vec![], "MalformedXML", "well-formed"),
            (vec![rule(), rule()], "InvalidArgument", "Rule Id must be unique"),
            (vec![rule(), twice(1)], "InvalidRequest", "priorities must be unique"),
            (vec![rule(), first("s", "a")], "MalformedXML", "well-formed"),
            (vec![first("a", "a"), first("b", "ab")], "InvalidRequest", "Found overlapping prefixes 'a' and 'ab'"),
            (vec![ReplicationRule { filter: None, ..rule() }], "MalformedXML", "well-formed"),
            (vec![ReplicationRule { prefix: Some(String::new()), ..rule() }], "MalformedXML", "well-formed"),
            (vec![ReplicationRule { priority: None, ..rule() }], "InvalidRequest", "Priority must be specified"),
            (
                vec![ReplicationRule { delete_marker_replication: None, ..rule() }],
                "InvalidRequest",
                "DeleteMarkerReplication must be specified",
            ),
            (
                vec![ReplicationRule { filter: Some(tagged), delete_marker_replication: markers, ..rule() }],
                "InvalidRequest",
                "Delete marker replication is not supported if any Tag filter is specified.",
            ),
            (
                vec![ReplicationRule { source_selection_criteria: sse("Enabled"), ..rule() }],
                "InvalidRequest",
                "ReplicaKmsKeyID must be specified",
            ),
        ]);
        answer(ROLE, vec![rule(), twice(2)]).unwrap();
    }

    #[test]
    fn destinations_are_held_to_what_s3_holds_them_to() {
        let to = |destination| vec![ReplicationRule { destination, ..rule() }];
        let minutes = || ReplicationTimeValue { minutes: Some(15) };
        let threshold = Metrics { event_threshold: Some(minutes()), status: MetricsStatus::from_static("Enabled") };
        let time = ReplicationTime { status: ReplicationTimeStatus::from_static("Enabled"), time: minutes() };
        let owner = AccessControlTranslation { owner: OwnerOverride::from_static("Destination") };
        refuse([
            (
                to(under("arn:aws:kms:eu-west-1:111122223333:key/k")),
                "InvalidRequest",
                "SseKmsEncryptedObjects must be specified if EncryptionConfiguration is present",
            ),
            (
                vec![ReplicationRule { destination: under("k"), source_selection_criteria: sse("Enabled"), ..rule() }],
                "InvalidArgument",
                "Invalid ReplicaKmsKeyID ARN",
            ),
            (
                to(Destination { metrics: Some(threshold), ..rule().destination }),
                "InvalidArgument",
                "Metrics cannot contain an event threshold when ReplicationTime is not specified or Disabled",
            ),
            (
                to(Destination { access_control_translation: Some(owner), ..rule().destination }),
                "InvalidRequest",
                "Account must be specified",
            ),
            (
                to(Destination { replication_time: Some(time), ..rule().destination }),
                "InvalidRequest",
                "must be enabled if ReplicationTime is enabled",
            ),
            (
                to(Destination { bucket: "there".to_owned(), ..rule().destination }),
                "InvalidArgument",
                "Invalid bucket ARN",
            ),
        ]);
    }
}
