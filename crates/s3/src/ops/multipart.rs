//! The life of a multipart upload: created, filled, completed or given up.

use arqueta_engine::Error;
use arqueta_engine::api;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::{Call, Operations, acl, bucket_name, fail, fields, lock, object_key};
use crate::checksum::{self, algorithm_name, set_checksum, type_name};
use crate::document::Missing;
use crate::error::invalid_argument;
use crate::refusal::Detail as _;
use crate::sse::{self, Told};
use crate::time_text::from_dto;

/// CreateMultipartUpload.
pub async fn create_multipart_upload(
    ops: &Operations,
    mut request: S3Request<CreateMultipartUploadInput>,
) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
    let call = Call::current()?;
    lock::refuse_event_hold(&request.headers)?;
    let create = decode(&mut request.input, &request.extensions)?;
    let input = &request.input;
    let created = ops
        .engine
        .uploads()
        .create(&call.caller, create)
        .await
        .map_err(|e| fail(&e, &input.bucket, Some(&input.key)))?;
    let told = Told::of(created.encryption.as_ref());
    let (abort_date, abort_rule_id) = ops.abort_date(call.bucket(), &object_key(&input.key)?, created.id);
    let mut output = CreateMultipartUploadOutput {
        abort_date,
        abort_rule_id,
        bucket: Some(input.bucket.clone()),
        key: Some(input.key.clone()),
        upload_id: Some(created.id.to_string()),
        checksum_algorithm: created.checksum.map(|(algorithm, _)| algorithm_name(algorithm)),
        checksum_type: created.checksum.map(|(_, kind)| type_name(kind)),
        ssekms_encryption_context: told.context.clone(),
        ..CreateMultipartUploadOutput::default()
    };
    sse::tell!(output, told);
    Ok(S3Response::new(output))
}

fn decode(
    input: &mut CreateMultipartUploadInput,
    extensions: &http::Extensions,
) -> S3Result<api::CreateMultipartUpload> {
    acl::refuse_canned(input.acl.as_ref().map(ObjectCannedACL::as_str))?;
    acl::refuse_grants([&input.grant_full_control, &input.grant_read, &input.grant_read_acp, &input.grant_write_acp])?;
    let headers = fields::content_headers!(input, extensions);
    fields::redirect(&headers)?;
    Ok(api::CreateMultipartUpload {
        bucket: bucket_name(&input.bucket)?,
        key: object_key(&input.key)?,
        headers,
        metadata: fields::metadata(input.metadata.take(), extensions),
        tags: fields::tags(input.tagging.as_deref())?,
        storage_class: fields::storage_class(input.storage_class.as_ref().map(StorageClass::as_str))?
            .unwrap_or_default(),
        encryption: sse::decode(&sse::write_fields!(input))?,
        checksum: input.checksum_algorithm.as_ref().map(|name| checksum::algorithm(name.as_str())).transpose()?,
        checksum_type: input.checksum_type.as_ref().map(|name| checksum::checksum_type(name.as_str())).transpose()?,
        retention: fields::retention(
            input.object_lock_mode.as_ref().map(ObjectLockMode::as_str),
            input.object_lock_retain_until_date.as_ref(),
        )?,
        legal_hold: fields::legal_hold(
            input.object_lock_legal_hold_status.as_ref().map(ObjectLockLegalHoldStatus::as_str),
        )?,
    })
}

/// UploadPart.
pub async fn upload_part(
    ops: &Operations,
    mut request: S3Request<UploadPartInput>,
) -> S3Result<S3Response<UploadPartOutput>> {
    let call = Call::current()?;
    let checksum = checksum::of_body(&request.headers, &call.exchange)?;
    let input = &mut request.input;
    if input.content_length.is_none() {
        return Err(s3_error!(MissingContentLength, "You must provide the Content-Length HTTP header."));
    }
    let part = api::UploadPart {
        bucket: bucket_name(&input.bucket)?,
        key: object_key(&input.key)?,
        upload: fields::upload(&input.upload_id)?,
        number: fields::part_number(input.part_number)?,
        size: input.content_length.and_then(|length| u64::try_from(length).ok()),
        md5: checksum::stated_md5(&request.headers)?,
        checksum,
        customer_key: sse::decode_customer(&sse::customer_fields!(input))?,
        body: fields::body(input.body.take()),
    };
    let part =
        ops.engine.uploads().put_part(&call.caller, part).await.map_err(|e| fail_upload(&e, &input.upload_id))?;
    let mut output = UploadPartOutput { e_tag: Some(fields::etag(&part.etag)), ..UploadPartOutput::default() };
    set_checksum!(output, part.checksum);
    sse::tell!(output, Told::of(part.encryption.as_ref()));
    Ok(S3Response::new(output))
}

/// CompleteMultipartUpload.
pub async fn complete_multipart_upload(
    ops: &Operations,
    mut request: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
    let call = Call::current()?;
    let declared = checksum::declared(&request.headers)?;
    let scheme = if call.exchange.tls().is_some() { "https" } else { "http" };
    let location = location(scheme, &request.headers, &request.uri);
    fields::presigned_conditions!(request);
    let is_missing = request.extensions.get::<Missing>().is_some();
    let input = &mut request.input;
    let mut complete = api::CompleteMultipartUpload {
        bucket: bucket_name(&input.bucket)?,
        key: object_key(&input.key)?,
        upload: fields::upload(&input.upload_id)?,
        parts: completed_parts(input.multipart_upload.take().filter(|_| !is_missing))?,
        checksum: declared,
        checksum_type: input.checksum_type.as_ref().map(|name| checksum::checksum_type(name.as_str())).transpose()?,
        size: size(input.mpu_object_size)?,
        conditions: fields::write_conditions(input.if_match.as_ref(), input.if_none_match.as_ref())?,
        customer_key: sse::decode_customer(&sse::customer_fields!(input))?,
    };
    let (bucket, key) = (complete.bucket.clone(), complete.key.clone());
    if complete.conditions.if_match.is_some() {
        let name = api::ObjectName { bucket: bucket.clone(), key: key.clone(), version: None };
        complete.conditions.seen = call.seen(&name);
    }
    let stored = match ops.engine.uploads().complete(&call.caller, complete).await {
        Ok(stored) => stored,
        Err(failure @ Error::NoSuchKey { .. }) => {
            return Err(ops.fail_object(&failure, &bucket, &key, &request.headers, &request.uri).await);
        }
        Err(failure) => return Err(fail_upload(&failure, &input.upload_id)),
    };
    let told = Told::of(stored.encryption.as_ref());
    let mut output = CompleteMultipartUploadOutput {
        bucket: Some(input.bucket.clone()),
        key: Some(input.key.clone()),
        location: Some(location),
        e_tag: Some(fields::etag(&stored.etag)),
        version_id: fields::written_version(stored.version),
        checksum_type: stored.checksum.map(|checksum| type_name(checksum.kind)),
        server_side_encryption: told.server_side_encryption(),
        ssekms_key_id: told.kms_key,
        bucket_key_enabled: told.bucket_key,
        expiration: ops.expiration(call.bucket(), &key).await,
        ..CompleteMultipartUploadOutput::default()
    };
    set_checksum!(output, stored.checksum);
    Ok(S3Response::new(output))
}

fn completed_parts(upload: Option<CompletedMultipartUpload>) -> S3Result<Vec<api::CompletedPart>> {
    let malformed = || {
        s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema"
        )
    };
    // Without a document the engine says what is missing, if there is such an upload.
    let Some(upload) = upload else { return Ok(Vec::new()) };
    let parts = upload.parts.filter(|parts| !parts.is_empty()).ok_or_else(malformed)?;
    parts
        .into_iter()
        .map(|part| {
            Ok(api::CompletedPart {
                number: fields::part_number(part.part_number.ok_or_else(malformed)?)?,
                checksum: checksum::of_completed_part(&part)?,
                etag: part.e_tag.ok_or_else(malformed)?.into_value(),
            })
        })
        .collect()
}

/// `x-amz-mp-object-size`.
fn size(stated: Option<i64>) -> S3Result<Option<u64>> {
    let Some(stated) = stated else { return Ok(None) };
    u64::try_from(stated).map(Some).map_err(|_| {
        invalid_argument(
            "Value for x-amz-mp-object-size header is invalid.",
            "x-amz-mp-object-size",
            &stated.to_string(),
        )
    })
}

/// Where the object now is, as the client addressed it.
fn location(scheme: &str, headers: &http::HeaderMap, uri: &http::Uri) -> String {
    let host = headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| uri.authority().map(http::uri::Authority::as_str)).unwrap_or_default();
    format!("{scheme}://{host}{}", uri.path())
}

/// AbortMultipartUpload.
pub async fn abort_multipart_upload(
    ops: &Operations,
    request: S3Request<AbortMultipartUploadInput>,
) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
    Call::current()?;
    let input = &request.input;
    let abort = api::AbortMultipartUpload {
        bucket: bucket_name(&input.bucket)?,
        key: object_key(&input.key)?,
        upload: fields::upload(&input.upload_id)?,
        if_started: input.if_match_initiated_time.as_ref().map(from_dto),
    };
    let (bucket, key, upload) = (abort.bucket.clone(), abort.key.clone(), abort.upload);
    match ops.engine.uploads().abort(abort).await {
        // It became an object, which stays: there is nothing to give up any more.
        Err(Error::NoSuchUpload)
            if ops
                .engine
                .uploads()
                .was_completed(&bucket, &key, upload)
                .await
                .map_err(|e| crate::error::of_engine(&e))? => {}
        outcome => outcome.map_err(|e| fail_upload(&e, &input.upload_id))?,
    }
    Ok(S3Response::new(AbortMultipartUploadOutput::default()))
}

/// A failure about an upload.
pub fn fail_upload(failure: &Error, upload: &str) -> s3s::S3Error {
    let told = crate::error::of_engine(failure);
    match failure {
        Error::NoSuchUpload | Error::InvalidPart { .. } | Error::InvalidPartOrder => told.detail("UploadId", upload),
        _ => told,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn upload(parts: Vec<CompletedPart>) -> Option<CompletedMultipartUpload> {
        Some(CompletedMultipartUpload { parts: Some(parts) })
    }

    #[test]
    fn a_completion_names_its_parts() {
        let whole = CompletedPart { part_number: Some(1), e_tag: Some(ETag::Strong("a".into())), ..Default::default() };
        let parts = completed_parts(upload(vec![whole.clone()])).unwrap();
        assert_eq!((parts[0].number, parts[0].etag.as_str()), (1, "a"));
        assert!(completed_parts(None).unwrap().is_empty());
        for bad in [
            upload(vec![]),
            upload(vec![CompletedPart { part_number: None, ..whole.clone() }]),
            upload(vec![CompletedPart { e_tag: None, ..whole.clone() }]),
            upload(vec![CompletedPart { part_number: Some(10_001), ..whole.clone() }]),
            upload(vec![CompletedPart {
                checksum_md5: Some("x".into()),
                checksum_sha1: Some("x".into()),
                ..whole.clone()
            }]),
        ] {
            assert!(completed_parts(bad).is_err());
        }
    }
}
