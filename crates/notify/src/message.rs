//! Events as S3 writes them (S3 User Guide, "Event message structure").

use arqueta_engine::notifications::{Act, Happening, Notice, Occurrence, Place};
use arqueta_model::Timestamp;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use time::macros::format_description;

/// Version of the event structure: since 2.4 S3 has one for all events.
const VERSION: &str = "2.5";

/// Whose events a target wants to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// AWS's.
    #[default]
    Aws,
    /// MinIO's: AWS's record, and event and key beside it.
    Minio,
}

/// An event on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// An id that no other event has; the same when it comes again.
    pub id: String,
    /// What must stay in order: bucket and key.
    pub group: String,
    /// The event's name, `ObjectCreated:Put`, or `TestEvent`.
    pub event: &'static str,
    /// The bucket.
    pub bucket: String,
    /// The key, encoded as in the record; empty for a test.
    pub key: String,
    /// JSON.
    pub body: Bytes,
}

impl Message {
    /// Of a row of the outbox.
    #[must_use]
    pub fn of(notice: &Notice, place: Place, format: Format) -> Self {
        let id = place.id();
        match notice {
            Notice::Occurred(what) => {
                let name = name(what.happening);
                let bucket = what.bucket.to_string();
                let group = group(notice);
                let body = match format {
                    Format::Aws => json!({ "Records": [record(what, VERSION, "aws:s3")] }),
                    Format::Minio => json!({
                        "EventName": what.happening.name(),
                        "Key": group,
                        "Records": [record(what, "2.0", "minio:s3")],
                    }),
                };
                Self { id, group, event: name, bucket, key: encoded(what.key.as_str()), body: body.to_string().into() }
            }
            Notice::Test { bucket, at, act } => {
                let body = json!({
                    "Service": "Amazon S3",
                    "Event": "s3:TestEvent",
                    "Time": time_text(*at),
                    "Bucket": bucket.as_str(),
                    "RequestId": act.request,
                    "HostId": act.host,
                });
                let (bucket, body) = (bucket.to_string(), body.to_string().into());
                Self { id, group: group(notice), event: "TestEvent", bucket, key: String::new(), body }
            }
        }
    }
}

/// What must stay in order: bucket and key.
pub(crate) fn group(notice: &Notice) -> String {
    match notice {
        Notice::Occurred(what) => format!("{}/{}", what.bucket, what.key),
        Notice::Test { bucket, .. } => format!("{bucket}/"),
    }
}

/// The name in a record, which has no `s3:` before it.
fn name(happening: Happening) -> &'static str {
    happening.name().strip_prefix("s3:").unwrap_or_default()
}

fn record(what: &Occurrence, version: &str, source: &str) -> Value {
    let mut object = Map::new();
    object.insert("key".to_owned(), encoded(what.key.as_str()).into());
    if let Some(size) = what.size {
        object.insert("size".to_owned(), size.into());
    }
    if let Some(etag) = &what.etag {
        object.insert("eTag".to_owned(), etag.as_str().into());
    }
    if let Some(version) = what.version {
        object.insert("versionId".to_owned(), version.to_string().into());
    }
    // Always as long: they compare as texts.
    object.insert("sequencer".to_owned(), format!("{:016X}", what.sequence).into());
    let Act { principal, source: address, request, host } = &what.act;
    let mut record = json!({
        "eventVersion": version,
        "eventSource": source,
        "awsRegion": what.region.as_str(),
        "eventTime": time_text(what.at),
        "eventName": name(what.happening),
        "userIdentity": { "principalId": principal },
        "requestParameters": { "sourceIPAddress": address },
        "responseElements": { "x-amz-request-id": request, "x-amz-id-2": host },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": what.rule,
            "bucket": {
                "name": what.bucket.as_str(),
                "ownerIdentity": { "principalId": what.owner.canonical_user_id() },
                "arn": format!("arn:aws:s3:::{}", what.bucket),
            },
            "object": object,
        },
    });
    if let (Some(of), Value::Object(members)) = (&what.replication, &mut record) {
        let mut data = json!({
            "replicationRuleId": of.rule,
            "destinationBucket": format!("arn:aws:s3:::{}", of.destination),
            "s3Operation": of.operation,
            "requestTime": time_text(of.requested),
        });
        if let (Some(reason), Value::Object(data)) = (&of.reason, &mut data) {
            data.insert("failureReason".to_owned(), reason.as_str().into());
        }
        members.insert("replicationEventData".to_owned(), data);
    }
    record
}

/// `2026-11-27T07:00:00.123Z`
fn time_text(at: Timestamp) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    at.date_time().format(format).unwrap_or_default()
}

/// A key as S3 writes it in events: encoded as in a form, but for slashes.
fn encoded(key: &str) -> String {
    url::form_urlencoded::byte_serialize(key.as_bytes()).collect::<String>().replace("%2F", "/")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use arqueta_engine::notifications::{Lane, ReplicationData};
    use arqueta_model::VersionId;

    use super::*;

    fn place() -> Place {
        let key = [Lane::of("hook").prefix(), &0x0123_4567_89AB_u64.to_be_bytes()[..], b"abcd"].concat();
        Lane::of("hook").place(&key).unwrap()
    }

    fn occurrence() -> Occurrence {
        Occurrence {
            rule: "rule".to_owned(),
            happening: Happening::Put,
            bucket: "bucket".parse().unwrap(),
            owner: "111122223333".parse().unwrap(),
            region: "eu-west-1".parse().unwrap(),
            key: "red flowers/ä+b.jpg".parse().unwrap(),
            version: Some(VersionId::Null),
            size: Some(7),
            etag: Some("abc".to_owned()),
            sequence: 0x0123_4567_89AB,
            at: Timestamp::from_millis(1_764_227_106_007),
            act: Act {
                principal: "AWS:AIDA".to_owned(),
                source: "127.0.0.1".to_owned(),
                request: "REQUEST".to_owned(),
                host: "HOST".to_owned(),
            },
            replication: None,
        }
    }

    #[test]
    fn a_failed_replication_tells_its_reason() {
        let failed = ReplicationData {
            rule: "r1".to_owned(),
            destination: "there".parse().unwrap(),
            operation: "OBJECT_PUT".to_owned(),
            requested: Timestamp::from_millis(1_764_227_106_007),
            reason: Some("DstBucketNotFound".to_owned()),
        };
        let failed = Occurrence { happening: Happening::NotReplicated, replication: Some(failed), ..occurrence() };
        let message = Message::of(&Notice::Occurred(Box::new(failed)), place(), Format::Aws);
        let body: Value = serde_json::from_slice(&message.body).unwrap();
        let expected = json!({
            "replicationRuleId": "r1",
            "destinationBucket": "arn:aws:s3:::there",
            "s3Operation": "OBJECT_PUT",
            "requestTime": "2025-11-27T07:05:06.007Z",
            "failureReason": "DstBucketNotFound",
        });
        assert_eq!(body["Records"][0]["replicationEventData"], expected);
        assert_eq!(message.event, "Replication:OperationFailedReplication");
    }

    #[test]
    fn an_event_is_written_as_s3_writes_it() {
        let message = Message::of(&Notice::Occurred(Box::new(occurrence())), place(), Format::Aws);
        let body: Value = serde_json::from_slice(&message.body).unwrap();
        let expected = json!({ "Records": [{
            "eventVersion": "2.5",
            "eventSource": "aws:s3",
            "awsRegion": "eu-west-1",
            "eventTime": "2025-11-27T07:05:06.007Z",
            "eventName": "ObjectCreated:Put",
            "userIdentity": { "principalId": "AWS:AIDA" },
            "requestParameters": { "sourceIPAddress": "127.0.0.1" },
            "responseElements": { "x-amz-request-id": "REQUEST", "x-amz-id-2": "HOST" },
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": "rule",
                "bucket": {
                    "name": "bucket",
                    "ownerIdentity": { "principalId": occurrence().owner.canonical_user_id() },
                    "arn": "arn:aws:s3:::bucket",
                },
                "object": {
                    "key": "red+flowers/%C3%A4%2Bb.jpg",
                    "size": 7,
                    "eTag": "abc",
                    "versionId": "null",
                    "sequencer": "00000123456789AB",
                },
            },
        }]});
        assert_eq!(body, expected);
        assert_eq!((message.event, &*message.group), ("ObjectCreated:Put", "bucket/red flowers/ä+b.jpg"));
        assert_eq!(message.id, "00000123456789ab61626364");
    }

    #[test]
    fn what_was_removed_has_no_size_and_no_tag() {
        let gone = Occurrence { happening: Happening::Delete, version: None, size: None, etag: None, ..occurrence() };
        let message = Message::of(&Notice::Occurred(Box::new(gone)), place(), Format::Aws);
        let body: Value = serde_json::from_slice(&message.body).unwrap();
        let object = body["Records"][0]["s3"]["object"].as_object().unwrap();
        assert_eq!(object.keys().collect::<Vec<_>>(), ["key", "sequencer"]);
    }

    #[test]
    fn minio_has_event_and_key_beside_the_records() {
        let message = Message::of(&Notice::Occurred(Box::new(occurrence())), place(), Format::Minio);
        let body: Value = serde_json::from_slice(&message.body).unwrap();
        assert_eq!(body["EventName"], "s3:ObjectCreated:Put");
        assert_eq!(body["Key"], "bucket/red flowers/ä+b.jpg");
        assert_eq!(body["Records"][0]["eventSource"], "minio:s3");
        assert_eq!(body["Records"][0]["s3"]["object"]["key"], "red+flowers/%C3%A4%2Bb.jpg");
    }

    #[test]
    fn a_test_event_is_s3s() {
        let notice = Notice::Test {
            bucket: "bucket".parse().unwrap(),
            at: Timestamp::from_millis(1_764_227_106_000),
            act: occurrence().act,
        };
        let message = Message::of(&notice, place(), Format::Aws);
        let body: Value = serde_json::from_slice(&message.body).unwrap();
        let expected = json!({
            "Service": "Amazon S3",
            "Event": "s3:TestEvent",
            "Time": "2025-11-27T07:05:06.000Z",
            "Bucket": "bucket",
            "RequestId": "REQUEST",
            "HostId": "HOST",
        });
        assert_eq!(body, expected);
    }
}
