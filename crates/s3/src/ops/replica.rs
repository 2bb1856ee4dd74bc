//! Replicas that another gateway hands over, by PutObject and DeleteObject.

use arqueta_engine::api::{AmendReplica, MarkReplica, ObjectName, PlacedReplica, PutObject, PutReplica, StoredObject};
use arqueta_model::replica as headers;
use http::{HeaderMap, HeaderName, HeaderValue};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::{Call, Operations, bucket_name, delete, lock, object_key, put};
use crate::replica::{Kind, Replica};

/// PutObject, of a replica or not.
pub async fn put_object(ops: &Operations, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
    let call = Call::current()?;
    match call.exchange.replica() {
        Some(replica) => put_replica(ops, &call, request, replica).await,
        None => put::put_object(ops, request).await,
    }
}

/// DeleteObject, of a replica or not.
pub async fn delete_object(
    ops: &Operations,
    request: S3Request<DeleteObjectInput>,
) -> S3Result<S3Response<DeleteObjectOutput>> {
    match Call::current()?.exchange.replica() {
        Some(replica) => mark_replica(ops, request, replica).await,
        None => delete::delete_object(ops, request).await,
    }
}

/// A version with content, or what changes of one.
async fn put_replica(
    ops: &Operations,
    call: &Call,
    mut request: S3Request<PutObjectInput>,
    replica: &Replica,
) -> S3Result<S3Response<PutObjectOutput>> {
    lock::refuse_event_hold(&request.headers)?;
    let tagged = request.headers.contains_key("x-amz-tagging");
    let put = put::decode(&mut request.input, &request.extensions)?;
    let (bucket, key) = (put.bucket.clone(), put.key.clone());
    let done = match replica.kind {
        Kind::Amend if put.size == Some(0) => {
            let amended = AmendReplica {
                name: ObjectName { bucket: bucket.clone(), key: key.clone(), version: Some(replica.version) },
                tags: tagged.then_some(put.tags),
                retention: put.retention.map(Some),
                legal_hold: put.legal_hold,
            };
            ops.engine.replicas().amend(amended).await.map(|()| answer(None))
        }
        Kind::Amend => return Err(s3_error!(InvalidRequest, "A change of a replica has no content.")),
        Kind::Put | Kind::Mark => {
            let placed = ops.engine.replicas().put(&call.caller, written(put, replica)?).await;
            placed.map(|placed| answer(Some(&placed)))
        }
    };
    match done {
        Ok(answer) => Ok(answer),
        Err(failure) => Err(ops.fail_object(&failure, &bucket, &key, &request.headers, &request.uri).await),
    }
}

/// A delete marker.
async fn mark_replica(
    ops: &Operations,
    request: S3Request<DeleteObjectInput>,
    replica: &Replica,
) -> S3Result<S3Response<DeleteObjectOutput>> {
    let input = &request.input;
    if input.version_id.is_some() {
        return Err(s3_error!(InvalidRequest, "A delete marker is no version that is deleted."));
    }
    let mark = MarkReplica {
        bucket: bucket_name(&input.bucket)?,
        key: object_key(&input.key)?,
        version: replica.version,
        last_modified: replica.last_modified,
    };
    let (bucket, key) = (mark.bucket.clone(), mark.key.clone());
    match ops.engine.replicas().delete_marker(mark).await {
        Ok(placed) => {
            let version_id = Some(placed.version.to_string());
            let output = DeleteObjectOutput { delete_marker: Some(true), version_id, ..DeleteObjectOutput::default() };
            Ok(S3Response { headers: told(placed.repeated), ..S3Response::new(output) })
        }
        Err(failure) => Err(ops.fail_object(&failure, &bucket, &key, &request.headers, &request.uri).await),
    }
}

fn written(put: PutObject, replica: &Replica) -> S3Result<PutReplica> {
    let missing = || s3_error!(MissingContentLength, "You must provide the Content-Length HTTP header.");
    Ok(PutReplica {
        bucket: put.bucket,
        key: put.key,
        version: replica.version,
        last_modified: replica.last_modified,
        body: put.body,
        size: put.size.ok_or_else(missing)?,
        parts: replica.parts.clone(),
        checksum: replica.checksum,
        headers: put.headers,
        metadata: put.metadata,
        tags: put.tags,
        storage_class: put.storage_class,
        encryption: put.encryption,
        retention: put.retention,
        legal_hold: put.legal_hold,
    })
}

/// As to an ordinary put, and that a replica was understood: who does not know of them says nothing of it.
fn answer(placed: Option<&PlacedReplica>) -> S3Response<PutObjectOutput> {
    let output = placed.map_or_else(PutObjectOutput::default, |placed| {
        put::encode(&StoredObject {
            etag: placed.etag.clone(),
            version: Some(placed.version),
            size: placed.size,
            last_modified: arqueta_model::Timestamp::from_millis(0),
            checksum: placed.checksum,
            encryption: placed.encryption.clone(),
        })
    });
    S3Response { headers: told(placed.is_some_and(|placed| placed.repeated)), ..S3Response::new(output) }
}

fn told(repeated: bool) -> HeaderMap {
    let said = if repeated { headers::THERE } else { headers::PLACED };
    HeaderMap::from_iter([(HeaderName::from_static(headers::REPLICA), HeaderValue::from_static(said))])
}
