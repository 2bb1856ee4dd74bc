//! Basic event selectors (AWS CloudTrail API Reference, `EventSelector` and `DataResource`).

use arqueta_audit::Event;
use serde::{Deserialize, Serialize};

/// The only type of data resource that is recorded here.
pub const S3_OBJECT: &str = "AWS::S3::Object";
/// All objects of all buckets.
const EVERYTHING: [&str; 2] = ["arn:aws:s3", "arn:aws:s3:::"];
/// Services whose management events a selector may leave out.
const EXCLUDABLE: [&str; 2] = ["kms.amazonaws.com", "rdsdata.amazonaws.com"];
/// Most selectors of a trail.
const SELECTORS: usize = 5;
/// Most data resources of a trail, over all its selectors.
const RESOURCES: usize = 250;

/// Calls that read one object and write another.
const COPIES: [&str; 2] = ["CopyObject", "UploadPartCopy"];

/// Whether reads, writes or both are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum ReadWriteType {
    /// Both.
    #[default]
    All,
    /// Calls that change nothing.
    ReadOnly,
    /// Calls that change something.
    WriteOnly,
}

impl ReadWriteType {
    fn wants(self, read_only: bool) -> bool {
        match self {
            Self::All => true,
            Self::ReadOnly => read_only,
            Self::WriteOnly => !read_only,
        }
    }
}

/// Objects whose data events are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DataResource {
    /// [`S3_OBJECT`].
    #[serde(rename = "Type")]
    pub kind: String,
    /// `arn:aws:s3:::bucket/prefix`; the prefix may be empty. `arn:aws:s3` for all buckets.
    #[serde(default)]
    pub values: Vec<String>,
}

/// Which events a trail delivers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct EventSelector {
    /// Reads, writes or both.
    #[serde(default)]
    pub read_write_type: ReadWriteType,
    /// Whether management events are wanted.
    #[serde(default = "yes")]
    pub include_management_events: bool,
    /// Objects whose data events are wanted.
    #[serde(default)]
    pub data_resources: Vec<DataResource>,
    /// Services whose management events are left out.
    #[serde(default)]
    pub exclude_management_event_sources: Vec<String>,
}

fn yes() -> bool {
    true
}

/// Why selectors are refused, in a sentence for the caller (`InvalidEventSelectorsException`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSelector(pub String);

impl Default for EventSelector {
    /// What a trail has until it is told otherwise: all management events and no data events.
    fn default() -> Self {
        Self {
            read_write_type: ReadWriteType::All,
            include_management_events: true,
            data_resources: Vec::new(),
            exclude_management_event_sources: Vec::new(),
        }
    }
}

impl EventSelector {
    /// Checks the selectors of a trail.
    ///
    /// # Errors
    /// [`InvalidSelector`]: none or more than 5 of them, more than 250 data resources, types other
    /// than `AWS::S3::Object`, values that name no objects, services that cannot be left out.
    pub fn check(selectors: &[Self]) -> Result<(), InvalidSelector> {
        let refuse = |message: String| Err(InvalidSelector(message));
        if !(1..=SELECTORS).contains(&selectors.len()) {
            return refuse(format!("A trail has 1 to {SELECTORS} event selectors."));
        }
        let resources = || selectors.iter().flat_map(|selector| &selector.data_resources);
        if resources().map(|resource| resource.values.len()).sum::<usize>() > RESOURCES {
            return refuse(format!("A trail has at most {RESOURCES} data resources."));
        }
        for resource in resources() {
            if resource.kind != S3_OBJECT {
                return refuse(format!("Data events of type {} are not supported; {S3_OBJECT} is.", resource.kind));
            }
            if let Some(value) = resource.values.iter().find(|value| !names_objects(value)) {
                return refuse(format!("{value:?} is not arn:aws:s3:::bucket/prefix or arn:aws:s3."));
            }
        }
        for source in selectors.iter().flat_map(|selector| &selector.exclude_management_event_sources) {
            if !EXCLUDABLE.contains(&&**source) {
                return refuse(format!("Management events of {source} cannot be excluded."));
            }
        }
        Ok(())
    }

    /// Whether a data event of this object is wanted. Calls on the bucket itself have an empty key.
    #[must_use]
    pub fn wants_data(&self, bucket: &str, key: &str, read_only: bool) -> bool {
        let names = |value: &str| EVERYTHING.contains(&value) || within(value, bucket, key);
        self.read_write_type.wants(read_only)
            && self.data_resources.iter().flat_map(|resource| &resource.values).any(|value| names(value))
    }

    /// Whether an event of the record is wanted.
    #[must_use]
    pub fn wants(&self, event: &Event) -> bool {
        if event.management_event {
            return self.include_management_events
                && self.read_write_type.wants(event.read_only)
                && !self.exclude_management_event_sources.contains(&event.event_source);
        }
        let mut objects = objects_of(event).enumerate().peekable();
        if objects.peek().is_some() {
            // What a copy reads stands behind what it writes; who watches reads sees it, too.
            let copies = COPIES.contains(&&*event.event_name);
            return objects.any(|(at, (bucket, key))| {
                self.wants_data(bucket, key, event.read_only)
                    || (copies && at > 0 && self.wants_data(bucket, key, true))
            });
        }
        let bucket = event.request_parameters.get("bucketName").and_then(|name| name.as_str());
        bucket.is_some_and(|bucket| self.wants_data(bucket, "", event.read_only))
    }
}

/// Bucket and key of each object among the event's resources.
fn objects_of(event: &Event) -> impl Iterator<Item = (&str, &str)> {
    let objects = event.resources.iter().filter(|resource| resource.kind == S3_OBJECT);
    objects.filter_map(|resource| resource.arn.strip_prefix("arn:aws:s3:::")?.split_once('/'))
}

/// Whether `bucket/key` begins with what `value` names.
fn within(value: &str, bucket: &str, key: &str) -> bool {
    let named = value.strip_prefix("arn:aws:s3:::").and_then(|named| named.split_once('/'));
    named.is_some_and(|(named_bucket, prefix)| named_bucket == bucket && key.starts_with(prefix))
}

fn names_objects(value: &str) -> bool {
    EVERYTHING.contains(&value)
        || value
            .strip_prefix("arn:aws:s3:::")
            .and_then(|named| named.split_once('/'))
            .is_some_and(|(bucket, _)| bucket.parse::<arqueta_model::BucketName>().is_ok())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn on(values: &[&str]) -> EventSelector {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        let data_resources = vec![DataResource { kind: S3_OBJECT.to_owned(), values }];
        EventSelector { data_resources, ..EventSelector::default() }
    }

    #[test]
    fn a_prefix_selects_its_own_bucket_and_keys_only() {
        let selector = on(&["arn:aws:s3:::b/logs/"]);
        for (bucket, key, wanted) in [
            ("b", "logs/1", true),
            ("b", "logs/", true),
            ("b", "log", false),
            ("b", "", false),
            ("bb", "logs/1", false),
            ("c", "logs/1", false),
        ] {
            assert_eq!(selector.wants_data(bucket, key, true), wanted, "{bucket}/{key}");
        }
        assert!(on(&["arn:aws:s3:::b/"]).wants_data("b", "", true), "calls on the bucket itself");
        assert!(on(&["arn:aws:s3"]).wants_data("any", "key", false));
        assert!(!EventSelector::default().wants_data("any", "key", false));
    }

    #[test]
    fn reads_and_writes_are_told_apart() {
        for (kind, read, write) in [
            (ReadWriteType::All, true, true),
            (ReadWriteType::ReadOnly, true, false),
            (ReadWriteType::WriteOnly, false, true),
        ] {
            let selector = EventSelector { read_write_type: kind, ..on(&["arn:aws:s3"]) };
            assert_eq!(selector.wants_data("b", "k", true), read, "{kind:?}");
            assert_eq!(selector.wants_data("b", "k", false), write, "{kind:?}");
        }
    }

    #[test]
    fn selectors_that_select_nothing_known_are_refused() {
        let other =
            DataResource { kind: "AWS::Lambda::Function".to_owned(), values: vec!["arn:aws:lambda".to_owned()] };
        let excluding = |source: &str| EventSelector {
            exclude_management_event_sources: vec![source.to_owned()],
            ..EventSelector::default()
        };
        let many: Vec<_> = (0..251).map(|n| format!("arn:aws:s3:::bucket/{n}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        for (case, selectors) in [
            ("none", vec![]),
            ("six", vec![EventSelector::default(); 6]),
            ("another service", vec![EventSelector { data_resources: vec![other], ..EventSelector::default() }]),
            ("a bucket without a slash", vec![on(&["arn:aws:s3:::bucket"])]),
            ("no bucket", vec![on(&["arn:aws:s3:::/x"])]),
            ("no ARN", vec![on(&["bucket/"])]),
            ("a service that cannot be left out", vec![excluding("iam.amazonaws.com")]),
            ("too many resources", vec![on(&many)]),
        ] {
            assert!(EventSelector::check(&selectors).is_err(), "{case}");
        }
        EventSelector::check(&[on(&["arn:aws:s3:::bucket/", "arn:aws:s3"]), excluding("kms.amazonaws.com")]).unwrap();
    }

    #[test]
    fn a_data_event_is_wanted_for_any_of_its_objects() {
        let mut event = arqueta_audit::testing::event("DeleteObjects");
        (event.management_event, event.read_only) = (false, false);
        event.request_parameters = serde_json::json!({ "bucketName": "b" });
        let wanted = |event: &Event, value: &str| on(&[value]).wants(event);
        assert!(wanted(&event, "arn:aws:s3:::b/") && !wanted(&event, "arn:aws:s3:::b/k"), "a call on the bucket");
        for key in ["other", "k/1"] {
            let arn = format!("arn:aws:s3:::b/{key}");
            event.resources.push(arqueta_audit::Resource {
                account_id: String::new(),
                kind: S3_OBJECT.to_owned(),
                arn,
            });
        }
        assert!(wanted(&event, "arn:aws:s3:::b/k"));
        assert!(!wanted(&event, "arn:aws:s3:::b/x") && !wanted(&event, "arn:aws:s3:::c/"));
        assert!(!EventSelector::default().wants(&event), "management events are no data events");
        event.request_parameters = serde_json::Value::Null;
        event.resources.clear();
        assert!(!wanted(&event, "arn:aws:s3"), "an event that names no bucket");
    }

    #[test]
    fn a_copy_is_wanted_for_what_it_reads() {
        let mut event = arqueta_audit::testing::event("CopyObject");
        (event.management_event, event.read_only) = (false, false);
        for arn in ["arn:aws:s3:::public/copy", "arn:aws:s3:::vault/secret/1"] {
            let (account_id, kind) = (String::new(), S3_OBJECT.to_owned());
            event.resources.push(arqueta_audit::Resource { account_id, kind, arn: arn.to_owned() });
        }
        let wanted = |value: &str, read_write_type, event: &Event| {
            EventSelector { read_write_type, ..on(&[value]) }.wants(event)
        };
        for kind in [ReadWriteType::All, ReadWriteType::ReadOnly, ReadWriteType::WriteOnly] {
            assert!(wanted("arn:aws:s3:::vault/secret/", kind, &event), "{kind:?}");
            assert!(!wanted("arn:aws:s3:::vault/other/", kind, &event), "{kind:?}");
        }
        assert!(!wanted("arn:aws:s3:::public/", ReadWriteType::ReadOnly, &event), "the copy itself is a write");
        event.event_name = "DeleteObjects".to_owned();
        assert!(!wanted("arn:aws:s3:::vault/secret/", ReadWriteType::ReadOnly, &event));
    }

    #[test]
    fn the_shape_is_the_api_s() {
        let text =
            r#"{"ReadWriteType":"WriteOnly","DataResources":[{"Type":"AWS::S3::Object","Values":["arn:aws:s3"]}]}"#;
        let selector: EventSelector = serde_json::from_str(text).unwrap();
        assert!(selector.include_management_events, "management events are wanted unless said otherwise");
        assert!(serde_json::from_str::<EventSelector>(r#"{"ReadWriteType":"Some"}"#).is_err());
        assert!(serde_json::from_str::<EventSelector>(r#"{"Unknown":1}"#).is_err());
    }
}
