//! CopyObject and UploadPartCopy.

use std::sync::Arc;

use arqueta_engine::CustomerKey;
use arqueta_engine::api::{self, ByteRange, MetadataDirective as Directive, ObjectName, TagDirective};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::{Call, Operations, acl, bucket_name, fields, lock, object_key};
use crate::checksum::{self, set_checksum, type_name};
use crate::copy_source;
use crate::error::invalid_argument;
use crate::sse::{self, Told};
use crate::time_text::to_dto;

/// The source of a copy, of any s3s input that has one.
macro_rules! source {
    ($input:expr, $name:expr) => {
        api::CopySource {
            name: $name,
            conditions: fields::read_conditions(
                $input.copy_source_if_match.as_ref(),
                $input.copy_source_if_none_match.as_ref(),
                $input.copy_source_if_modified_since.as_ref(),
                $input.copy_source_if_unmodified_since.as_ref(),
            ),
            customer_key: source_key(&sse::source_customer_fields!($input))?,
        }
    };
}

/// CopyObject.
pub async fn copy_object(
    ops: &Operations,
    mut request: S3Request<CopyObjectInput>,
) -> S3Result<S3Response<CopyObjectOutput>> {
    let call = Call::current()?;
    fields::presigned_conditions!(request);
    lock::refuse_event_hold(&request.headers)?;
    let name = source_name(&copy_source(&request.headers)?)?;
    let copy = decode(&mut request.input, &request.extensions, name)?;
    let written = ObjectName { bucket: copy.bucket.clone(), key: copy.key.clone(), version: None };
    let work = |seen| {
        let mut copy = copy.clone();
        copy.source.conditions.seen = seen;
        copy.conditions.seen = copy.conditions.if_match.as_ref().and_then(|_| call.seen(&written));
        ops.engine.objects().copy(&call.caller, copy)
    };
    let copied = ops.as_decided(&call, &copy.source.name, (&request.headers, &request.uri), work).await?;
    let object = &copied.object;
    let mut result = CopyObjectResult {
        e_tag: Some(fields::etag(&object.etag)),
        last_modified: Some(to_dto(object.last_modified)),
        checksum_type: object.checksum.map(|checksum| type_name(checksum.kind)),
        ..CopyObjectResult::default()
    };
    set_checksum!(result, object.checksum);
    let told = Told::of(object.encryption.as_ref());
    let mut output = CopyObjectOutput {
        copy_object_result: Some(result),
        copy_source_version_id: (!copied.source_version.is_null()).then(|| copied.source_version.to_string()),
        version_id: object.version.map(|version| version.to_string()),
        ssekms_encryption_context: told.context.clone(),
        expiration: ops.expiration(call.bucket(), &written.key).await,
        ..CopyObjectOutput::default()
    };
    sse::tell!(output, told);
    Ok(S3Response::new(output))
}

fn decode(input: &mut CopyObjectInput, extensions: &http::Extensions, source: ObjectName) -> S3Result<api::CopyObject> {
    acl::refuse_canned(input.acl.as_ref().map(ObjectCannedACL::as_str))?;
    acl::refuse_grants([&input.grant_full_control, &input.grant_read, &input.grant_read_acp, &input.grant_write_acp])?;
    let mut headers = fields::content_headers!(input, extensions);
    fields::redirect(&headers)?;
    let website_redirect = headers.website_redirect.take();
    let metadata = fields::metadata(input.metadata.take(), extensions);
    let metadata = match input.metadata_directive.as_ref().map(MetadataDirective::as_str) {
        None | Some("COPY") => Directive::Copy,
        Some("REPLACE") => Directive::Replace(headers, metadata),
        Some(other) => return Err(invalid_argument("Unknown metadata directive.", "x-amz-metadata-directive", other)),
    };
    let tags = match input.tagging_directive.as_ref().map(TaggingDirective::as_str) {
        None | Some("COPY") => TagDirective::Copy,
        Some("REPLACE") => TagDirective::Replace(fields::tags(input.tagging.as_deref())?),
        Some(other) => return Err(invalid_argument("Unknown tagging directive.", "x-amz-tagging-directive", other)),
    };
    Ok(api::CopyObject {
        bucket: bucket_name(&input.bucket)?,
        key: object_key(&input.key)?,
        source: source!(input, source),
        metadata,
        tags,
        storage_class: fields::storage_class(input.storage_class.as_ref().map(StorageClass::as_str))?,
        encryption: sse::decode(&sse::write_fields!(input))?,
        checksum: input.checksum_algorithm.as_ref().map(|name| checksum::algorithm(name.as_str())).transpose()?,
        website_redirect,
        conditions: fields::write_conditions(input.if_match.as_ref(), input.if_none_match.as_ref())?,
        retention: fields::retention(
            input.object_lock_mode.as_ref().map(ObjectLockMode::as_str),
            input.object_lock_retain_until_date.as_ref(),
        )?,
        legal_hold: fields::legal_hold(
            input.object_lock_legal_hold_status.as_ref().map(ObjectLockLegalHoldStatus::as_str),
        )?,
    })
}

/// UploadPartCopy.
pub async fn upload_part_copy(
    ops: &Operations,
    request: S3Request<UploadPartCopyInput>,
) -> S3Result<S3Response<UploadPartCopyOutput>> {
    let call = Call::current()?;
    let input = &request.input;
    let part = api::UploadPartCopy {
        bucket: bucket_name(&input.bucket)?,
        key: object_key(&input.key)?,
        upload: fields::upload(&input.upload_id)?,
        number: fields::part_number(input.part_number)?,
        source: source!(input, source_name(&copy_source(&request.headers)?)?),
        range: input.copy_source_range.as_deref().map(source_range).transpose()?,
        customer_key: sse::decode_customer(&sse::customer_fields!(input))?,
    };
    let work = |seen| {
        let mut part = part.clone();
        part.source.conditions.seen = seen;
        ops.engine.uploads().copy_part(&call.caller, part)
    };
    let part = ops.as_decided(&call, &part.source.name, (&request.headers, &request.uri), work).await?;
    let mut result = CopyPartResult {
        e_tag: Some(fields::etag(&part.etag)),
        last_modified: Some(to_dto(part.last_modified)),
        ..CopyPartResult::default()
    };
    set_checksum!(result, part.checksum);
    let mut output = UploadPartCopyOutput {
        copy_part_result: Some(result),
        copy_source_version_id: part
            .source_version
            .filter(|version| !version.is_null())
            .map(|version| version.to_string()),
        ..UploadPartCopyOutput::default()
    };
    sse::tell!(output, Told::of(part.encryption.as_ref()));
    Ok(S3Response::new(output))
}

/// `x-amz-copy-source`, decoded as a form is: a `+` is a space.
pub fn copy_source(headers: &http::HeaderMap) -> S3Result<CopySource> {
    let text = headers.get("x-amz-copy-source").and_then(|value| value.to_str().ok()).unwrap_or_default();
    copy_source::parse(text).ok_or_else(|| {
        let message = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey";
        invalid_argument(message, "x-amz-copy-source", text)
    })
}

fn source_name(source: &CopySource) -> S3Result<ObjectName> {
    match source {
        CopySource::Bucket { bucket, key, version_id } => Ok(ObjectName {
            bucket: bucket_name(bucket)?,
            key: object_key(key)?,
            version: fields::version(version_id.as_deref())?,
        }),
        CopySource::AccessPoint { .. } | CopySource::Outpost { .. } => {
            Err(s3_error!(NotImplemented, "Access points are not implemented."))
        }
    }
}

fn source_key(fields: &sse::CustomerFields<'_>) -> S3Result<Option<Arc<CustomerKey>>> {
    sse::decode_customer(fields)
}

/// `x-amz-copy-source-range`: only `bytes=first-last`.
fn source_range(text: &str) -> S3Result<ByteRange> {
    match Range::parse(text) {
        Ok(Range::Int { first, last: Some(last) }) => Ok(ByteRange::FromTo(first, last)),
        _ => Err(invalid_argument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
            "x-amz-copy-source-range",
            text,
        )),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_decoded_as_a_form_is() {
        for (text, key) in [("bkt/a+b", "a b"), ("bkt/a%2Bb", "a+b"), ("/bkt/a%20b", "a b"), ("bkt/p%2520q", "p%20q")] {
            let headers = [("x-amz-copy-source", text)];
            let headers = headers.map(|(k, v)| (http::HeaderName::from_static(k), http::HeaderValue::from_static(v)));
            let name = source_name(&copy_source(&headers.into_iter().collect()).unwrap()).unwrap();
            assert_eq!(name.key.as_str(), key, "{text}");
        }
        assert!(copy_source(&http::HeaderMap::new()).is_err());
    }

    #[test]
    fn a_source_range_has_both_ends() {
        assert_eq!(source_range("bytes=0-4").unwrap(), ByteRange::FromTo(0, 4));
        for bad in ["", "bytes=0-", "bytes=-5", "0-4", "bytes=5-4", "bytes=0-4,6-7"] {
            assert!(source_range(bad).is_err(), "{bad:?}");
        }
    }
}
