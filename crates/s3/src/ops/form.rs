//! PostObject: uploads by browser forms (S3 API Reference, "Browser-based uploads using POST").
//! s3s verifies the form's signature and policy; the key stands in the form, so the decision
//! whether the signer may write there is made here.

use arqueta_engine::api::ChecksumRequest;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{ETAG, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue};
use s3s::dto::*;
use s3s::post_policy::{PostPolicy, PostPolicyCondition};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::{Call, Operations, put};
use crate::action;
use crate::checksum;
use crate::gate::Question;
use crate::signing::Signing;

/// PostObject.
pub async fn post_object(
    ops: &Operations,
    mut request: S3Request<PostObjectInput>,
) -> S3Result<S3Response<PostObjectOutput>> {
    let call = Call::current()?;
    let redirects = request.input.success_action_redirect.is_some();
    let fields = form_headers(&request.input);
    let signed = request.credentials.is_some();
    if signed {
        require_plain_expiration(call.exchange.form_policy())?;
        covered_by_policy(&request.input, call.exchange.form_policy())?;
    }
    let mut put_input = into_put(&mut request.input);
    authorize(ops, &call, &put_input, &fields, signed).await?;
    let mut put = put::decode(&mut put_input)?;
    put.checksum = match checksum::declared(&fields)? {
        Some((algorithm, text)) => ChecksumRequest::Declared(checksum::value(algorithm, &text)?),
        None => ChecksumRequest::Default,
    };
    let (bucket, key) = (put.bucket.clone(), put.key.clone());
    let stored = match ops.engine.put_object(&call.caller, put).await {
        Ok(stored) => stored,
        Err(failure) => return Err(ops.fail_object(&failure, &bucket, &key, &request.headers, &request.uri).await),
    };
    let output = put::encode(&stored);
    let mut headers = told(&output);
    if !redirects
        && let Ok(value) = HeaderValue::from_str(&format!("/{bucket}/{}", crate::text::url_encoded(key.as_str())))
    {
        headers.insert(LOCATION, value);
    }
    let mut response = S3Response::new(PostObjectOutput { e_tag: output.e_tag, ..PostObjectOutput::default() });
    response.headers = headers;
    Ok(response)
}

async fn authorize(
    ops: &Operations,
    call: &Call,
    input: &PutObjectInput,
    fields: &HeaderMap,
    signed: bool,
) -> S3Result<()> {
    let bucket = ops.gate.bucket(&input.bucket).await?;
    let uri = http::Uri::from_static("/");
    let needs = action::needs("PutObject", fields, &uri).ok_or_else(|| s3_error!(NotImplemented))?;
    let signing = if signed { Signing::Form } else { Signing::None };
    let keys = ops.gate.keys(&call.exchange, fields, &uri, signing);
    let question = Question { exchange: &call.exchange, keys: &keys };
    let resource = format!("arn:aws:s3:::{}/{}", input.bucket, input.key);
    if let Some(exchange) = super::Exchange::current() {
        exchange.with_draft(|draft| draft.name_key(&input.key));
    }
    for need in needs {
        ops.gate.decide(question, need.action, &resource, bucket.as_deref())?;
    }
    Ok(())
}

/// The form's fields as the headers that a PUT would carry, for the decision.
fn form_headers(input: &PostObjectInput) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let pairs = [
        ("x-amz-acl", input.acl.as_ref().map(ObjectCannedACL::as_str)),
        ("x-amz-tagging", input.tagging.as_deref()),
        ("x-amz-storage-class", input.storage_class.as_ref().map(StorageClass::as_str)),
        ("x-amz-server-side-encryption", input.server_side_encryption.as_ref().map(ServerSideEncryption::as_str)),
        ("x-amz-server-side-encryption-aws-kms-key-id", input.ssekms_key_id.as_deref()),
        ("x-amz-server-side-encryption-customer-algorithm", input.sse_customer_algorithm.as_deref()),
        ("x-amz-website-redirect-location", input.website_redirect_location.as_deref()),
        ("x-amz-object-lock-mode", input.object_lock_mode.as_ref().map(ObjectLockMode::as_str)),
        (
            "x-amz-object-lock-legal-hold",
            input.object_lock_legal_hold_status.as_ref().map(ObjectLockLegalHoldStatus::as_str),
        ),
        ("x-amz-grant-read-acp", input.grant_read_acp.as_deref()),
        ("x-amz-grant-write-acp", input.grant_write_acp.as_deref()),
        ("x-amz-grant-read", input.grant_read.as_deref()),
        ("x-amz-grant-full-control", input.grant_full_control.as_deref()),
        ("if-match", input.if_match.as_ref().map(|_| "*")),
        ("x-amz-checksum-crc32", input.checksum_crc32.as_deref()),
        ("x-amz-checksum-crc32c", input.checksum_crc32c.as_deref()),
        ("x-amz-checksum-crc64nvme", input.checksum_crc64nvme.as_deref()),
        ("x-amz-checksum-sha1", input.checksum_sha1.as_deref()),
        ("x-amz-checksum-sha256", input.checksum_sha256.as_deref()),
        ("x-amz-checksum-md5", input.checksum_md5.as_deref()),
        ("x-amz-checksum-sha512", input.checksum_sha512.as_deref()),
        ("x-amz-checksum-xxhash3", input.checksum_xxhash3.as_deref()),
    ];
    for (name, value) in pairs {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers
}

/// S3 takes an expiration as `2026-11-21T20:00:00Z`, with or without a fraction; s3s takes more.
fn require_plain_expiration(policy: Option<&str>) -> S3Result<()> {
    let json = policy.and_then(|policy| BASE64_STANDARD.decode(policy).ok()).unwrap_or_default();
    let policy: serde_json::Value = serde_json::from_slice(&json).unwrap_or_default();
    let expiration = policy["expiration"].as_str().unwrap_or_default();
    if expiration.ends_with('Z') && expiration.as_bytes().get(10) == Some(&b'T') {
        return Ok(());
    }
    Err(s3_error!(InvalidPolicyDocument, "Invalid Policy: Invalid 'expiration' value: '{expiration}'"))
}

/// S3 wants every field of a form named by its policy. s3s exempts the encryption fields, and
/// does not hand on the policy that it verified.
fn covered_by_policy(input: &PostObjectInput, policy: Option<&str>) -> S3Result<()> {
    let policy = policy.and_then(|policy| PostPolicy::from_base64(policy).ok());
    let conditions = policy.map(|policy| policy.conditions).unwrap_or_default();
    let named = |name: &str| {
        conditions.iter().any(|condition| match condition {
            PostPolicyCondition::Eq { field, .. } | PostPolicyCondition::StartsWith { field, .. } => field == name,
            PostPolicyCondition::ContentLengthRange { .. } => false,
        })
    };
    for (name, present) in [
        ("x-amz-server-side-encryption", input.server_side_encryption.is_some()),
        ("x-amz-server-side-encryption-aws-kms-key-id", input.ssekms_key_id.is_some()),
        ("x-amz-server-side-encryption-context", input.ssekms_encryption_context.is_some()),
        ("x-amz-server-side-encryption-bucket-key-enabled", input.bucket_key_enabled.is_some()),
        ("x-amz-server-side-encryption-customer-algorithm", input.sse_customer_algorithm.is_some()),
    ] {
        if present && !named(name) {
            return Err(s3_error!(AccessDenied, "Invalid according to Policy: Extra input fields: {}", name));
        }
    }
    Ok(())
}

/// The headers that s3s leaves out of the answer to a form.
fn told(output: &PutObjectOutput) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let algorithm = output.server_side_encryption.as_ref().map(|algorithm| algorithm.as_str().to_owned());
    let etag = output.e_tag.as_ref().map(|etag| format!("\"{}\"", etag.value()));
    let bucket_key = output.bucket_key_enabled.map(|_| "true".to_owned());
    for (name, value) in [
        (ETAG, etag),
        (HeaderName::from_static("x-amz-version-id"), output.version_id.clone()),
        (HeaderName::from_static("x-amz-server-side-encryption"), algorithm),
        (HeaderName::from_static("x-amz-server-side-encryption-aws-kms-key-id"), output.ssekms_key_id.clone()),
        (HeaderName::from_static("x-amz-server-side-encryption-bucket-key-enabled"), bucket_key),
        (
            HeaderName::from_static("x-amz-server-side-encryption-customer-algorithm"),
            output.sse_customer_algorithm.clone(),
        ),
        (HeaderName::from_static("x-amz-server-side-encryption-customer-key-md5"), output.sse_customer_key_md5.clone()),
    ] {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    }
    headers
}

/// A form's fields are those of a PUT.
fn into_put(input: &mut PostObjectInput) -> PutObjectInput {
    PutObjectInput {
        acl: input.acl.take(),
        body: input.body.take(),
        bucket: input.bucket.clone(),
        bucket_key_enabled: input.bucket_key_enabled,
        cache_control: input.cache_control.take(),
        content_disposition: input.content_disposition.take(),
        content_encoding: input.content_encoding.take(),
        content_language: input.content_language.take(),
        content_length: input.content_length,
        content_md5: input.content_md5.take(),
        content_type: input.content_type.take(),
        expires: input.expires.take(),
        grant_full_control: input.grant_full_control.take(),
        grant_read: input.grant_read.take(),
        grant_read_acp: input.grant_read_acp.take(),
        grant_write_acp: input.grant_write_acp.take(),
        if_match: input.if_match.take(),
        if_none_match: input.if_none_match.take(),
        key: input.key.clone(),
        metadata: input.metadata.take(),
        object_lock_legal_hold_status: input.object_lock_legal_hold_status.take(),
        object_lock_mode: input.object_lock_mode.take(),
        object_lock_retain_until_date: input.object_lock_retain_until_date.take(),
        sse_customer_algorithm: input.sse_customer_algorithm.take(),
        sse_customer_key: input.sse_customer_key.take(),
        sse_customer_key_md5: input.sse_customer_key_md5.take(),
        ssekms_encryption_context: input.ssekms_encryption_context.take(),
        ssekms_key_id: input.ssekms_key_id.take(),
        server_side_encryption: input.server_side_encryption.take(),
        storage_class: input.storage_class.take(),
        tagging: input.tagging.take(),
        website_redirect_location: input.website_redirect_location.take(),
        write_offset_bytes: input.write_offset_bytes,
        ..PutObjectInput::default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_expiration_is_plain_universal_time() {
        let accepted = |expiration: &str| {
            let policy = BASE64_STANDARD.encode(format!(r#"{{"expiration":"{expiration}","conditions":[]}}"#));
            require_plain_expiration(Some(&policy)).is_ok()
        };
        assert!(accepted("2099-01-01T00:00:00Z") && accepted("2099-01-01T00:00:00.000Z"));
        for bad in ["2099-01-01 00:00:00Z", "2099-01-01T00:00:00+00:00", "2099-01-01", ""] {
            assert!(!accepted(bad), "{bad}");
        }
        assert!(require_plain_expiration(None).is_err());
        assert!(require_plain_expiration(Some("%")).is_err());
    }
}
