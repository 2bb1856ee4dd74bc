//! What the record says of jobs.

use arqueta_audit::{Event, EventBuilder, Resource, UserIdentity};
use arqueta_engine::api::ObjectName;
use arqueta_model::{Region, Timestamp};
use serde_json::{Map, Value, json};

use super::job::Job;

/// Who acts on each version.
const SERVICE: &str = "rekey.s3.amazonaws.com";

/// Of a job as a whole: by nobody who has an identity here, the operator.
pub(super) fn of_job(name: &str, job: &Job, details: Value, region: &Region, at: Timestamp) -> Event {
    let bucket = format!("arn:aws:s3:::{}", job.wanted.bucket);
    EventBuilder::of_service("s3.amazonaws.com", name, region, &job.owner, at, details)
        .writes()
        .resource("AWS::S3::Bucket", &bucket, job.owner.as_str())
        .build()
}

/// Of one version, for a trail that selects it.
pub(super) fn of_version(job: &Job, name: &ObjectName, region: &Region, at: Timestamp) -> Event {
    let bucket = format!("arn:aws:s3:::{}", name.bucket);
    let mut parameters = Map::new();
    parameters.insert("bucketName".to_owned(), name.bucket.as_str().into());
    parameters.insert("key".to_owned(), name.key.as_str().into());
    if let Some(version) = &name.version {
        parameters.insert("versionId".to_owned(), version.to_string().into());
    }
    let account = job.owner.as_str();
    let details = json!({ "reason": "RekeyBucket" });
    EventBuilder::of_service("s3.amazonaws.com", "UpdateObjectEncryption", region, &job.owner, at, details)
        .by(UserIdentity::service(SERVICE))
        .parameters(parameters)
        .data()
        .writes()
        .resource(Resource::S3_OBJECT, &format!("{bucket}/{}", name.key), account)
        .resource("AWS::S3::Bucket", &bucket, account)
        .build()
}
