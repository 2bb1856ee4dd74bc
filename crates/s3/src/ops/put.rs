//! PutObject.

use arqueta_engine::api::{ObjectName, PutObject, StoredObject};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::{Call, Operations, acl, bucket_name, fields, lock, object_key};
use crate::checksum::{self, set_checksum, type_name};
use crate::form::FormFile;
use crate::sse::{self, Told};

/// PutObject.
pub async fn put_object(
    ops: &Operations,
    mut request: S3Request<PutObjectInput>,
) -> S3Result<S3Response<PutObjectOutput>> {
    let call = Call::current()?;
    let checksum = checksum::of_body(&request.headers, &call.exchange)?;
    let is_form = request.extensions.get::<FormFile>().is_some();
    if request.input.content_length.is_none() && !is_form {
        return Err(s3_error!(MissingContentLength, "You must provide the Content-Length HTTP header."));
    }
    fields::presigned_conditions!(request);
    lock::refuse_event_hold(&request.headers)?;
    let mut put = decode(&mut request.input, &request.extensions)?;
    put.md5 = checksum::stated_md5(&request.headers)?;
    if (put.retention.is_some() || put.legal_hold.is_some()) && put.md5.is_none() && !is_form {
        checksum::require_digest(&request.headers)?;
    }
    put.checksum = checksum;
    let (bucket, key) = (put.bucket.clone(), put.key.clone());
    if put.conditions.if_match.is_some() {
        let name = ObjectName { bucket: bucket.clone(), key: key.clone(), version: None };
        put.conditions.seen = call.seen(&name);
    }
    match ops.engine.objects().put(&call.caller, put).await {
        Ok(stored) => {
            let mut output = encode(&stored);
            output.expiration = ops.expiration(call.bucket(), &key).await;
            Ok(S3Response::new(output))
        }
        Err(failure) => Err(ops.fail_object(&failure, &bucket, &key, &request.headers, &request.uri).await),
    }
}

/// What the input says, without the checksum.
pub fn decode(input: &mut PutObjectInput, extensions: &http::Extensions) -> S3Result<PutObject> {
    acl::refuse_canned(input.acl.as_ref().map(ObjectCannedACL::as_str))?;
    acl::refuse_grants([&input.grant_full_control, &input.grant_read, &input.grant_read_acp, &input.grant_write_acp])?;
    if input.write_offset_bytes.is_some() {
        return Err(s3_error!(NotImplemented, "Appending to objects is not implemented."));
    }
    let headers = fields::content_headers!(input, extensions);
    fields::redirect(&headers)?;
    Ok(PutObject {
        size: input.content_length.and_then(|length| u64::try_from(length).ok()),
        md5: checksum::content_md5(input.content_md5.as_deref())?,
        headers,
        metadata: fields::metadata(input.metadata.take(), extensions),
        tags: fields::tags(input.tagging.as_deref())?,
        storage_class: fields::storage_class(input.storage_class.as_ref().map(StorageClass::as_str))?
            .unwrap_or_default(),
        encryption: sse::decode(&sse::write_fields!(input))?,
        conditions: fields::write_conditions(input.if_match.as_ref(), input.if_none_match.as_ref())?,
        retention: fields::retention(
            input.object_lock_mode.as_ref().map(ObjectLockMode::as_str),
            input.object_lock_retain_until_date.as_ref(),
        )?,
        legal_hold: fields::legal_hold(
            input.object_lock_legal_hold_status.as_ref().map(ObjectLockLegalHoldStatus::as_str),
        )?,
        ..PutObject::new(bucket_name(&input.bucket)?, object_key(&input.key)?, fields::body(input.body.take()))
    })
}

/// What the answer tells.
pub fn encode(stored: &StoredObject) -> PutObjectOutput {
    let told = Told::of(stored.encryption.as_ref());
    let mut output = PutObjectOutput {
        e_tag: Some(fields::etag(&stored.etag)),
        version_id: fields::written_version(stored.version),
        checksum_type: stored.checksum.map(|checksum| type_name(checksum.kind)),
        ssekms_encryption_context: told.context.clone(),
        ..PutObjectOutput::default()
    };
    set_checksum!(output, stored.checksum);
    sse::tell!(output, told);
    output
}
