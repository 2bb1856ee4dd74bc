//! The bytes of a version and what is said beside them.

use std::sync::Arc;

use arqueta_client::{Algorithm, Bucket as _, Entry, Error, Facts, S3Bucket, Sse, Tags, Whole, refusal};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{ObjectLockLegalHoldStatus, ObjectLockMode, ServerSideEncryption};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::{SinkExt as _, TryStreamExt as _};
use http_body::Frame;
use http_body_util::StreamBody;
use url::form_urlencoded;

use crate::pace::Pace;
use crate::told::Totals;

/// Largest object that comes whole before it goes: most are smaller, and no connection waits for the other.
const HELD: u64 = 1 << 20;
/// Largest object of one PUT ("Amazon S3 objects overview").
pub(crate) const LARGEST_PUT: u64 = 5 << 30;
/// Pieces of a body between the two connections.
const BETWEEN: usize = 4;

/// What copies.
pub(crate) struct Copier {
    pub(crate) source: S3Bucket,
    pub(crate) destination: S3Bucket,
    /// The destination's client for what makes versions: a request that was sent twice might make two.
    pub(crate) writes: Client,
    pub(crate) kms_key: Option<String>,
    pub(crate) pace: Pace,
    pub(crate) totals: Arc<Totals>,
}

/// A version and what is to be said of it at the destination.
pub(crate) struct Item<'a> {
    pub(crate) entry: &'a Entry,
    pub(crate) facts: Facts,
    pub(crate) tags: Tags,
}

/// Why a version stays behind.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Call(#[from] Error),
    #[error("it is sealed under a key of its client (SSE-C), without which nobody can read it")]
    CustomerKey,
    #[error("what arrived is not what left: {0}")]
    Changed(String),
}

impl Failure {
    /// The source has it no more: nothing is left behind.
    pub(crate) fn is_gone(&self) -> bool {
        let of_source = ["HeadObject", "GetObject", "GetObjectTagging"];
        matches!(self, Self::Call(Error::Absent { call, code }) if code != "NoSuchBucket" && of_source.contains(call))
    }

    /// Whether it may go better next time.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Call(Error::Unanswered { .. }) => true,
            Self::Call(Error::Refused { status, code, .. }) => {
                *status >= 500 || ["BadDigest", "IncompleteBody", "RequestTimeout"].contains(&code.as_str())
            }
            _ => false,
        }
    }
}

impl Copier {
    /// The key at the destination.
    pub(crate) fn key(&self, entry: &Entry) -> String {
        let rest = entry.key.get(self.source.prefix().len()..).unwrap_or(&entry.key);
        format!("{}{rest}", self.destination.prefix())
    }

    /// At once.
    pub(crate) async fn put(&self, item: &Item<'_>) -> Result<(), Failure> {
        let call = self.writes.put_object().bucket(self.destination.name());
        let call = self.described(call.key(self.key(item.entry)), item);
        let call = verified(call, &item.facts);
        let body = self.body(item, None).await?;
        let size = i64::try_from(item.facts.size).unwrap_or(i64::MAX);
        let put = call.content_length(size).body(body).send().await;
        let said = put.map_err(|error| refusal("PutObject", error))?;
        let is_md5 = !matches!(
            said.server_side_encryption,
            Some(ServerSideEncryption::AwsKms | ServerSideEncryption::AwsKmsDsse)
        );
        let etag = said.e_tag.unwrap_or_default();
        agree(item, is_md5 && item.facts.parts().is_none(), &etag)
    }

    /// Everything that stands beside the bytes.
    fn described(&self, call: PutObjectFluentBuilder, item: &Item<'_>) -> PutObjectFluentBuilder {
        let Facts { headers, metadata, lock, .. } = &item.facts;
        let header = |name: &str| headers.get(name).cloned();
        let call = call
            .set_cache_control(header("cache-control"))
            .set_content_disposition(header("content-disposition"))
            .set_content_encoding(header("content-encoding"))
            .set_content_language(header("content-language"))
            .set_content_type(header("content-type"))
            .set_expires(header("expires").and_then(|date| http_date(&date)))
            .set_website_redirect_location(header("x-amz-website-redirect-location"))
            .set_metadata(Some(metadata.clone().into_iter().collect()))
            .set_tagging(tagging(&item.tags))
            .set_object_lock_mode(lock.mode.as_deref().map(ObjectLockMode::from))
            .set_object_lock_retain_until_date(lock.until.map(DateTime::from_secs))
            .set_object_lock_legal_hold_status(lock.hold.then_some(ObjectLockLegalHoldStatus::On));
        match self.sealed(&item.facts) {
            None => call,
            Some((sse, key, bucket_key)) => {
                call.server_side_encryption(sse).set_ssekms_key_id(key).set_bucket_key_enabled(bucket_key)
            }
        }
    }

    /// How it is sealed at the destination: as at the source; what was not encrypted, as the bucket says.
    pub(crate) fn sealed(&self, facts: &Facts) -> Option<(ServerSideEncryption, Option<String>, Option<bool>)> {
        match facts.encryption.sse {
            Sse::S3 => Some((ServerSideEncryption::Aes256, None, None)),
            Sse::Kms => Some((ServerSideEncryption::AwsKms, self.kms_key.clone(), Some(facts.encryption.bucket_key))),
            Sse::Dsse => Some((ServerSideEncryption::AwsKmsDsse, self.kms_key.clone(), None)),
            _ => None,
        }
    }

    /// The bytes, or some of them: first and last.
    pub(crate) async fn body(&self, item: &Item<'_>, range: Option<(u64, u64)>) -> Result<ByteStream, Failure> {
        let Facts { size, etag, .. } = &item.facts;
        let call = self.source.client().get_object().bucket(self.source.name()).key(&item.entry.key);
        let call = call.set_version_id(item.entry.version.clone()).if_match(format!("\"{etag}\""));
        let call = call.set_range(range.map(|(first, last)| format!("bytes={first}-{last}")));
        let said = call.send().await.map_err(|error| refusal("GetObject", error))?;
        let size = range.map_or(*size, |(first, last)| last - first + 1);
        if said.content_length.and_then(|length| u64::try_from(length).ok()) != Some(size) {
            return Err(Failure::Changed("the source sends another number of bytes".to_owned()));
        }
        let (mut body, pace, totals) = (said.body, self.pace.clone(), self.totals.clone());
        if size <= HELD {
            let mut held = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
            while let Some(bytes) = body.try_next().await.map_err(unread)? {
                pace.wait(bytes.len()).await;
                Totals::add(&totals.bytes, bytes.len() as u64);
                held.extend_from_slice(&bytes);
            }
            return Ok(ByteStream::from(held));
        }
        let (mut into, from) = futures::channel::mpsc::channel::<Result<Bytes, Error>>(BETWEEN);
        // Ends with its body, or when nobody reads on.
        tokio::spawn(async move {
            loop {
                let next = body.try_next().await.map_err(unread);
                let Some(next) = next.transpose() else { return };
                let size = next.as_ref().map_or(0, Bytes::len);
                pace.wait(size).await;
                Totals::add(&totals.bytes, size as u64);
                if into.send(next).await.is_err() {
                    return;
                }
            }
        });
        Ok(ByteStream::from_body_1_x(StreamBody::new(from.map_ok(Frame::data))))
    }
}

fn unread(error: aws_sdk_s3::primitives::ByteStreamError) -> Error {
    Error::Unanswered { call: "GetObject", source: Box::new(error) }
}

/// HeadObject of what is under a client's key is refused by status alone.
pub(crate) fn customer(error: Error) -> Failure {
    match error {
        Error::Refused { status: 400, .. } => Failure::CustomerKey,
        error => error.into(),
    }
}

/// So that the destination verifies what it gets, by what the source has written down.
fn verified(call: PutObjectFluentBuilder, facts: &Facts) -> PutObjectFluentBuilder {
    let of_all = facts.of_all().map(|(algorithm, value)| (algorithm, value.to_owned()));
    let Some((algorithm, value)) = of_all.last() else {
        // An MD5 in hexadecimal digits: Content-MD5 has it in base64.
        let md5 = Some(&facts.etag).filter(|_| facts.has_md5() && facts.parts().is_none());
        return call.set_content_md5(md5.and_then(|etag| hex::decode(etag).ok()).map(|raw| STANDARD.encode(raw)));
    };
    match algorithm {
        Algorithm::Crc32 => call.checksum_crc32(value),
        Algorithm::Crc32c => call.checksum_crc32_c(value),
        Algorithm::Crc64Nvme => call.checksum_crc64_nvme(value),
        Algorithm::Md5 => call.checksum_md5(value),
        Algorithm::Sha1 => call.checksum_sha1(value),
        Algorithm::Sha256 => call.checksum_sha256(value),
        Algorithm::Sha512 => call.checksum_sha512(value),
        Algorithm::Xxhash64 => call.checksum_xxhash64(value),
        Algorithm::Xxhash3 => call.checksum_xxhash3(value),
        Algorithm::Xxhash128 => call.checksum_xxhash128(value),
    }
}

/// ETags that are MD5s on both sides are the same where the layout is.
pub(crate) fn agree(item: &Item<'_>, is_md5: bool, etag: &str) -> Result<(), Failure> {
    let etag = etag.trim_matches('"');
    if is_md5 && item.facts.has_md5() && etag != item.facts.etag {
        return Err(Failure::Changed(format!("ETag {} against {etag}", item.facts.etag)));
    }
    Ok(())
}

pub(crate) fn tagging(tags: &Tags) -> Option<String> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    tags.iter().for_each(|(key, value)| {
        form.append_pair(key, value);
    });
    // A plus is a plus to some.
    (!tags.is_empty()).then(|| form.finish().replace('+', "%20"))
}

pub(crate) fn http_date(date: &str) -> Option<DateTime> {
    DateTime::from_str(date, aws_sdk_s3::primitives::DateTimeFormat::HttpDate).ok()
}

/// A client that sends everything once.
pub(crate) fn once(client: &Client) -> Client {
    Client::from_conf(client.config().to_builder().retry_config(RetryConfig::disabled()).build())
}

/// Which checksum of the object a multipart upload is to end with.
pub(crate) fn of_upload(facts: &Facts) -> Option<(Algorithm, Whole, &str)> {
    let (algorithm, value) = facts.checksums.iter().next_back()?;
    let whole = if value.contains('-') { Whole::Parts } else { facts.whole.unwrap_or(Whole::Object) };
    Some((*algorithm, whole, value))
}
