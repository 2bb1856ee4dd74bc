//! ListMultipartUploads and ListParts.

use arqueta_engine::api;
use arqueta_model::{BucketName, Principal, UploadId};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result};

use super::listing::{Writing, limit, present};
use super::{Call, Operations, bucket_name, fail, fields, multipart, object_key};
use crate::checksum::{algorithm_name, set_checksum, type_name};
use crate::error::{invalid_argument, of_engine};
use crate::time_text::to_dto;

/// ListParts.
pub async fn list_parts(ops: &Operations, request: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
    let call = Call::current()?;
    let input = &request.input;
    let limit = limit(input.max_parts, "max-parts")?;
    let after = input.part_number_marker.unwrap_or(0);
    let listed = ops
        .engine
        .uploads()
        .list_parts(api::ListParts {
            bucket: bucket_name(&input.bucket)?,
            key: object_key(&input.key)?,
            upload: fields::upload(&input.upload_id)?,
            after: marker(after)?,
            limit: usize::try_from(limit).unwrap_or(0),
        })
        .await
        .map_err(|e| multipart::fail_upload(&e, &input.upload_id))?;
    let part = |listed: &api::ListedPart| {
        let mut part = Part {
            part_number: Some(listed.number.into()),
            e_tag: Some(fields::etag(&listed.etag)),
            size: i64::try_from(listed.size).ok(),
            last_modified: Some(to_dto(listed.last_modified)),
            ..Part::default()
        };
        set_checksum!(part, listed.checksum);
        part
    };
    let last = listed.parts.last().map_or(0, |part| part.number);
    let (abort_date, abort_rule_id) =
        ops.abort_date(call.bucket(), &object_key(&input.key)?, fields::upload(&input.upload_id)?);
    Ok(S3Response::new(ListPartsOutput {
        abort_date,
        abort_rule_id,
        bucket: Some(input.bucket.clone()),
        key: Some(input.key.clone()),
        upload_id: Some(input.upload_id.clone()),
        part_number_marker: Some(after),
        next_part_number_marker: Some(listed.next.unwrap_or(last).into()),
        max_parts: Some(limit),
        is_truncated: Some(listed.next.is_some()),
        parts: Some(listed.parts.iter().map(part).collect()),
        initiator: Some(initiator(&listed.initiator)),
        owner: Some(fields::owner(&listed.owner)),
        storage_class: Some(StorageClass::from_static(listed.storage_class.name())),
        checksum_algorithm: listed.checksum.map(|(algorithm, _)| algorithm_name(algorithm)),
        checksum_type: listed.checksum.map(|(_, kind)| type_name(kind)),
        ..ListPartsOutput::default()
    }))
}

fn marker(after: i32) -> S3Result<u16> {
    u16::try_from(after).map_err(|_| {
        let message = "Argument part-number-marker must be an integer between 0 and 2147483647";
        invalid_argument(message, "part-number-marker", &after.to_string())
    })
}

/// Who started an upload: root by its account's canonical id, others by their ARN.
fn initiator(principal: &Principal) -> Initiator {
    let id = match principal.kind {
        arqueta_model::PrincipalKind::Root => fields::canonical_id(&principal.account),
        _ => principal.arn.as_str().to_owned(),
    };
    let resource = principal.arn.as_str().rsplit([':', '/']).next().unwrap_or_default();
    Initiator { id: Some(id), display_name: Some(resource.to_owned()) }
}

/// The upload marker, if it is an upload of the key marker.
async fn together(ops: &Operations, bucket: &BucketName, key: &str, id: &str) -> S3Result<UploadId> {
    let invalid = || invalid_argument("Invalid uploadId marker", "upload-id-marker", id);
    let (key, upload) = (key.parse().map_err(|_| invalid())?, id.parse().map_err(|_| invalid())?);
    match ops.engine.uploads().is_upload_of(bucket, &key, upload).await.map_err(|e| of_engine(&e))? {
        true => Ok(upload),
        false => Err(invalid()),
    }
}

/// ListMultipartUploads.
pub async fn list_multipart_uploads(
    ops: &Operations,
    request: S3Request<ListMultipartUploadsInput>,
) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
    let call = Call::current()?;
    let input = &request.input;
    let write = Writing::new(&call, input.encoding_type.as_ref())?;
    let limit = limit(input.max_uploads, "max-uploads")?;
    let delimiter = present(input.delimiter.as_deref());
    let upload_marker = present(input.upload_id_marker.as_deref());
    let key_marker = present(input.key_marker.as_deref());
    let upload_marker = match (upload_marker, key_marker) {
        (Some(id), Some(key)) => Some(together(ops, &bucket_name(&input.bucket)?, key, id).await?),
        // Without a key it means nothing.
        _ => None,
    };
    let page = ops
        .engine
        .listing()
        .uploads(api::ListMultipartUploads {
            bucket: bucket_name(&input.bucket)?,
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: delimiter.map(str::to_owned),
            key_marker: key_marker.map(str::to_owned),
            upload_marker,
            limit: usize::try_from(limit).unwrap_or(0),
        })
        .await
        .map_err(|e| fail(&e, &input.bucket, None))?;
    let upload = |listed: &api::ListedUpload| MultipartUpload {
        key: Some(write.text(listed.key.as_str())),
        upload_id: Some(listed.id.to_string()),
        initiated: Some(to_dto(listed.started)),
        initiator: Some(initiator(&listed.initiator)),
        owner: Some(fields::owner(&listed.owner)),
        storage_class: Some(StorageClass::from_static(listed.storage_class.name())),
        checksum_algorithm: listed.checksum.map(|(algorithm, _)| algorithm_name(algorithm)),
        checksum_type: listed.checksum.map(|(_, kind)| type_name(kind)),
    };
    let next = page.next.as_ref();
    // The markers are there when nothing was cut off, too, and name the last one.
    let last = page.uploads.last().map(|upload| (upload.key.as_str(), Some(upload.id)));
    let (next_key, next_upload) = next.map(|(key, upload)| (key.as_str(), *upload)).or(last).unwrap_or_default();
    Ok(S3Response::new(ListMultipartUploadsOutput {
        bucket: Some(input.bucket.clone()),
        prefix: Some(write.text(input.prefix.as_deref().unwrap_or_default())),
        delimiter: write.option(delimiter),
        key_marker: Some(write.text(input.key_marker.as_deref().unwrap_or_default())),
        upload_id_marker: Some(input.upload_id_marker.clone().unwrap_or_default()),
        max_uploads: Some(limit),
        is_truncated: Some(next.is_some()),
        next_key_marker: Some(write.text(next_key)),
        next_upload_id_marker: Some(next_upload.map(|upload| upload.to_string()).unwrap_or_default()),
        uploads: Some(page.uploads.iter().map(upload).collect()),
        common_prefixes: write.prefixes(&page.prefixes),
        encoding_type: input.encoding_type.clone(),
        ..ListMultipartUploadsOutput::default()
    }))
}
