//! What the record says of lifecycle's acts: calls of the service `lifecycle.s3.amazonaws.com`, where a
//! trail of the bucket's owner selects them.

use arqueta_audit::{Event, EventBuilder, Resource, UserIdentity};
use arqueta_engine::lifecycle::{Removed, Ruled, What};
use arqueta_model::{AccountId, Region, Timestamp};
use serde_json::{Map, Value, json};

/// Who acts.
const SERVICE: &str = "lifecycle.s3.amazonaws.com";

/// Whether a trail of an account wants the writes to an object of a bucket in the record.
pub type Wants = dyn Fn(&AccountId, &str, &str) -> bool + Send + Sync;

/// The event of a removal in `ruled`, for its owner.
pub fn of(removed: &Removed, ruled: &Ruled, region: &Region, at: Timestamp) -> Event {
    let key = removed.key.as_str();
    let mut parameters = Map::new();
    parameters.insert("bucketName".to_owned(), ruled.bucket.as_str().into());
    parameters.insert("key".to_owned(), key.into());
    let (name, answer) = match removed.what {
        What::Object => ("DeleteObject", Value::Null),
        What::Hidden(marker) => {
            ("DeleteObject", json!({ "x-amz-version-id": marker.to_string(), "x-amz-delete-marker": "true" }))
        }
        What::Version(version) | What::Marker(version) => {
            parameters.insert("versionId".to_owned(), version.to_string().into());
            ("DeleteObject", Value::Null)
        }
        What::Upload(upload) => {
            parameters.insert("uploadId".to_owned(), upload.to_string().into());
            ("AbortMultipartUpload", Value::Null)
        }
    };
    let details = json!({ "reason": "Lifecycle Expiration", "ruleId": removed.rule });
    let account = ruled.owner.as_str();
    let bucket = format!("arn:aws:s3:::{}", ruled.bucket);
    EventBuilder::of_service("s3.amazonaws.com", name, region, &ruled.owner, at, details)
        .by(UserIdentity::service(SERVICE))
        .parameters(parameters)
        .response(answer)
        .data()
        .writes()
        .resource(Resource::S3_OBJECT, &format!("{bucket}/{key}"), account)
        .resource("AWS::S3::Bucket", &bucket, account)
        .build()
}
