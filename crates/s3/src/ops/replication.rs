//! Configuration of replication, held to what S3 holds it to (API Reference, PutBucketReplication; User Guide,
//! "Replication configuration file elements"). The engine writes what matches into its outbox.

mod decode;

use arqueta_engine::Error;
use arqueta_engine::api::Versioning;
use arqueta_engine::record::{BucketDocument, BucketRecord};
use arqueta_engine::replication::{Destination as To, Filter, Form, Replication, Rule};
use arqueta_model::Arn;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::{Call, Operations, bucket_name, fail};
use crate::error::of_engine;

/// The quarter of an hour of S3 Replication Time Control; there is no other.
const MINUTES: i32 = 15;

/// GetBucketReplication.
pub async fn get_bucket_replication(
    ops: &Operations,
    request: S3Request<GetBucketReplicationInput>,
) -> S3Result<S3Response<GetBucketReplicationOutput>> {
    Call::current()?;
    let name = bucket_name(&request.input.bucket)?;
    let document = ops.engine.bucket_settings().document(&name, BucketDocument::Replication).await;
    let document = document.map_err(|e| fail(&e, &request.input.bucket, None))?;
    let replication = Replication::from_document(&document).map_err(|e| of_engine(&e))?;
    let rules = replication.rules.into_iter().map(told).collect();
    let configuration = ReplicationConfiguration { role: replication.role, rules };
    Ok(S3Response::new(GetBucketReplicationOutput { replication_configuration: Some(configuration) }))
}

/// PutBucketReplication.
pub async fn put_bucket_replication(
    ops: &Operations,
    request: S3Request<PutBucketReplicationInput>,
) -> S3Result<S3Response<PutBucketReplicationOutput>> {
    let call = Call::current()?;
    let input = &request.input;
    call.tell("ReplicationConfiguration", &input.replication_configuration);
    let name = bucket_name(&input.bucket)?;
    let bucket = ops.engine.buckets().get(&name).await.map_err(|e| fail(&e, &input.bucket, None))?;
    let replication = decode::decode(&input.replication_configuration)?;
    // Before anything of other buckets is told: who may not hand the role over learns nothing of them.
    ops.gate.may_pass_role(&call.exchange, (&request.headers, &request.uri), &role(&replication)?)?;
    if bucket.versioning != Versioning::Enabled {
        return Err(s3_error!(
            InvalidRequest,
            "Versioning must be 'Enabled' on the bucket to apply a replication configuration"
        ));
    }
    for rule in &replication.rules {
        check_destination(ops, &bucket, &rule.destination).await?;
    }
    let done = ops.engine.bucket_settings().put_replication(&name, &replication).await;
    done.map_err(|e| fail(&e, &input.bucket, None))?;
    Ok(S3Response::new(PutBucketReplicationOutput::default()))
}

/// DeleteBucketReplication. What waits goes nowhere any more.
pub async fn delete_bucket_replication(
    ops: &Operations,
    request: S3Request<DeleteBucketReplicationInput>,
) -> S3Result<S3Response<DeleteBucketReplicationOutput>> {
    Call::current()?;
    let name = bucket_name(&request.input.bucket)?;
    let done = ops.engine.bucket_settings().put_document(&name, BucketDocument::Replication, None).await;
    done.map_err(|e| fail(&e, &request.input.bucket, None))?;
    Ok(S3Response::new(DeleteBucketReplicationOutput::default()))
}

/// The role, which the configuration was checked to name.
fn role(replication: &Replication) -> S3Result<Arn> {
    replication.role.parse().map_err(|_| decode::invalid_role())
}

/// Whether replicas can be kept there now.
async fn check_destination(ops: &Operations, source: &BucketRecord, to: &To) -> S3Result<()> {
    if to.bucket == source.name {
        return Err(s3_error!(InvalidRequest, "Destination bucket cannot be the same as the source bucket."));
    }
    match ops.elsewhere.admits(&to.bucket, &source.owner) {
        // What it is over there is told by its endpoint, once something comes.
        Some(true) => return Ok(()),
        Some(false) => return Err(s3_error!(InvalidRequest, "Destination bucket must exist.")),
        None => {}
    }
    let bucket = match ops.engine.buckets().get(&to.bucket).await {
        Err(Error::NoSuchBucket) => return Err(s3_error!(InvalidRequest, "Destination bucket must exist.")),
        bucket => bucket.map_err(|e| of_engine(&e))?,
    };
    if bucket.versioning != Versioning::Enabled {
        return Err(s3_error!(InvalidRequest, "Destination bucket must have versioning enabled."));
    }
    if source.object_lock.is_some() && bucket.object_lock.is_none() {
        return Err(s3_error!(
            InvalidRequest,
            "Object Lock must be enabled on the destination bucket if the source bucket has Object Lock enabled."
        ));
    }
    Ok(())
}

fn status<T>(on: bool, of: fn(&'static str) -> T) -> T {
    of(if on { "Enabled" } else { "Disabled" })
}

/// A rule as it was set.
fn told(rule: Rule) -> ReplicationRule {
    let (prefix, filter) = told_filter(rule.filter);
    let criteria = SourceSelectionCriteria {
        replica_modifications: rule
            .replica_modifications
            .map(|on| ReplicaModifications { status: status(on, ReplicaModificationsStatus::from_static) }),
        sse_kms_encrypted_objects: rule
            .sse_kms
            .map(|on| SseKmsEncryptedObjects { status: status(on, SseKmsEncryptedObjectsStatus::from_static) }),
    };
    let asks = criteria.replica_modifications.is_some() || criteria.sse_kms_encrypted_objects.is_some();
    ReplicationRule {
        delete_marker_replication: rule
            .delete_markers
            .map(|on| DeleteMarkerReplication { status: Some(status(on, DeleteMarkerReplicationStatus::from_static)) }),
        destination: told_destination(rule.destination),
        existing_object_replication: rule
            .existing
            .map(|on| ExistingObjectReplication { status: status(on, ExistingObjectReplicationStatus::from_static) }),
        filter,
        id: Some(rule.id),
        prefix,
        priority: rule.priority,
        source_selection_criteria: asks.then_some(criteria),
        status: status(rule.enabled, ReplicationRuleStatus::from_static),
    }
}

fn told_destination(to: To) -> Destination {
    let minutes = || ReplicationTimeValue { minutes: Some(MINUTES) };
    Destination {
        access_control_translation: to
            .owner_override
            .then(|| AccessControlTranslation { owner: OwnerOverride::from_static(OwnerOverride::DESTINATION) }),
        account: to.account.map(|account| account.as_str().to_owned()),
        bucket: format!("arn:aws:s3:::{}", to.bucket),
        encryption_configuration: to.replica_key.map(|key| EncryptionConfiguration { replica_kms_key_id: Some(key) }),
        metrics: to.metrics.map(|on| Metrics {
            event_threshold: (to.time_control == Some(true)).then(minutes),
            status: status(on, MetricsStatus::from_static),
        }),
        replication_time: to
            .time_control
            .map(|on| ReplicationTime { status: status(on, ReplicationTimeStatus::from_static), time: minutes() }),
        storage_class: to.storage_class.map(|class| StorageClass::from_static(class.name())),
    }
}

fn told_filter(filter: Filter) -> (Option<String>, Option<ReplicationRuleFilter>) {
    let tags = filter.tags.into_iter().map(|(key, value)| Tag { key: Some(key), value: Some(value) });
    match filter.form {
        Form::Prefix => (filter.prefix, None),
        Form::Single => {
            let single = ReplicationRuleFilter {
                prefix: filter.prefix,
                tag: tags.into_iter().next(),
                ..ReplicationRuleFilter::default()
            };
            (None, Some(single))
        }
        Form::And => {
            let tags: Vec<_> = tags.collect();
            let and = ReplicationRuleAndOperator { prefix: filter.prefix, tags: (!tags.is_empty()).then_some(tags) };
            (None, Some(ReplicationRuleFilter { and: Some(and), ..ReplicationRuleFilter::default() }))
        }
    }
}
