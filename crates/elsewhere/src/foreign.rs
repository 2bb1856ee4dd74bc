//! Any S3: ordinary writes. Ids of versions are the endpoint's own, so what comes twice may be there twice, and
//! what changes of a version later on has none to be changed of.

use arqueta_engine::Caller;
use arqueta_engine::api::{Checksum, ChecksumAlgorithm, ChecksumType, ObjectStream};
use arqueta_replicate::{Address, Destination, Failure, Item, Origin, Part, Reason, Version, What};
use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::operation::upload_part::builders::UploadPartFluentBuilder;
use aws_sdk_s3::primitives::{ByteStream, DateTime, DateTimeFormat};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, StorageClass};
use bytes::BytesMut;

use crate::body::{content, portion};
use crate::headers::{date, hold, locked, mode, tagging};
use crate::meaning::{Act, failure};
use crate::sse::Asked;

/// Largest part that is held in memory while it is sent, in bytes: a part is sent again as a whole.
const LARGEST_PART: u64 = 64 << 20;

/// Buckets of any S3.
pub struct Foreign {
    client: Client,
}

/// An upload under way.
struct Upload<'a> {
    client: &'a Client,
    to: &'a Address,
    from: &'a Origin,
    id: String,
    /// The checksum that its parts state.
    checksum: Option<ChecksumAlgorithm>,
}

impl Foreign {
    /// By this client.
    pub const fn new(client: Client) -> Self {
        Self { client }
    }

    async fn put(&self, from: &Origin, to: &Address, version: Version) -> Result<(), Failure> {
        match version.multipart && version.parts.iter().all(|part| part.size <= LARGEST_PART) {
            true => self.upload(from, to, version).await,
            false => self.put_whole(from, to, version).await,
        }
    }

    async fn put_whole(&self, from: &Origin, to: &Address, version: Version) -> Result<(), Failure> {
        let asked = Asked::of(&version.encryption)?;
        let whole = |checksum: &&Checksum| checksum.kind == ChecksumType::FullObject;
        let checksum = version.checksums.iter().find(whole);
        let headers = version.headers;
        let put = self.client.put_object().bucket(to.bucket.as_str()).key(from.key.as_str());
        let put = put
            .set_expected_bucket_owner(to.account.as_ref().map(ToString::to_string))
            .content_length(i64::try_from(version.size).unwrap_or(i64::MAX))
            .set_content_type(headers.content_type)
            .set_content_encoding(headers.content_encoding)
            .set_content_disposition(headers.content_disposition)
            .set_content_language(headers.content_language)
            .set_cache_control(headers.cache_control)
            .set_website_redirect_location(headers.website_redirect)
            .set_expires(headers.expires.as_deref().and_then(expires))
            .storage_class(StorageClass::from(to.storage_class.unwrap_or(version.storage_class).name()))
            .set_server_side_encryption(asked.mode)
            .set_ssekms_key_id(asked.key)
            .set_ssekms_encryption_context(asked.context)
            .set_bucket_key_enabled(asked.bucket_key)
            .set_tagging(Some(tagging(&version.amendable.tags)).filter(|tags| !tags.is_empty()))
            .set_metadata(Some(version.metadata.0.into_iter().collect()));
        let put = locked(stated(put, checksum), version.amendable.retention, version.amendable.legal_hold);
        let put = put.body(content(version.body, version.size).await?);
        put.send().await.map(drop).map_err(|error| failure(Act::Put, &error))
    }

    /// In the parts of the source, so that the entity tag is the source's where both are MD5s.
    async fn upload(&self, from: &Origin, to: &Address, version: Version) -> Result<(), Failure> {
        let asked = Asked::of(&version.encryption)?;
        let whole = version.checksums.first();
        let own = version.parts.iter().all(|part| !part.checksums.is_empty());
        let checksum = whole.map(|whole| whole.value.algorithm()).filter(|algorithm| own && known(*algorithm));
        let headers = version.headers;
        let create = self.client.create_multipart_upload().bucket(to.bucket.as_str()).key(from.key.as_str());
        let create = create
            .set_expected_bucket_owner(to.account.as_ref().map(ToString::to_string))
            .set_checksum_algorithm(checksum.map(|algorithm| algorithm.name().into()))
            .set_checksum_type(checksum.and(whole).map(|whole| whole.kind.name().into()))
            .set_content_type(headers.content_type)
            .set_content_encoding(headers.content_encoding)
            .set_content_disposition(headers.content_disposition)
            .set_content_language(headers.content_language)
            .set_cache_control(headers.cache_control)
            .set_website_redirect_location(headers.website_redirect)
            .set_expires(headers.expires.as_deref().and_then(expires))
            .storage_class(StorageClass::from(to.storage_class.unwrap_or(version.storage_class).name()))
            .set_server_side_encryption(asked.mode)
            .set_ssekms_key_id(asked.key)
            .set_ssekms_encryption_context(asked.context)
            .set_bucket_key_enabled(asked.bucket_key)
            .set_tagging(Some(tagging(&version.amendable.tags)).filter(|tags| !tags.is_empty()))
            .set_metadata(Some(version.metadata.0.into_iter().collect()))
            .set_object_lock_mode(version.amendable.retention.map(|retention| mode(retention.mode)))
            .set_object_lock_retain_until_date(version.amendable.retention.map(|retention| date(retention.until)))
            .set_object_lock_legal_hold_status(version.amendable.legal_hold.map(hold));
        let created = create.send().await.map_err(|error| failure(Act::Begin, &error))?;
        let id = created.upload_id.ok_or_else(|| Failure::Unavailable("an upload without an id".to_owned()))?;
        let upload = Upload { client: &self.client, to, from, id, checksum };
        let done = upload.run(version.body, &version.parts).await;
        if done.is_err() {
            upload.abort().await;
        }
        done
    }

    async fn mark(&self, from: &Origin, to: &Address) -> Result<(), Failure> {
        let delete = self.client.delete_object().bucket(to.bucket.as_str()).key(from.key.as_str());
        let delete = delete.set_expected_bucket_owner(to.account.as_ref().map(ToString::to_string));
        delete.send().await.map(drop).map_err(|error| failure(Act::Mark, &error))
    }
}

impl Upload<'_> {
    async fn run(&self, mut body: ObjectStream, parts: &[Part]) -> Result<(), Failure> {
        let (mut rest, mut done) = (BytesMut::new(), Vec::with_capacity(parts.len()));
        for part in parts {
            let bytes = portion(&mut body, &mut rest, part.size).await?;
            let own = part.checksums.iter().find(|own| Some(own.value.algorithm()) == self.checksum);
            let number = i32::from(part.number);
            let send = self.client.upload_part().bucket(self.to.bucket.as_str()).key(self.from.key.as_str());
            let send = part_stated(send.upload_id(&self.id).part_number(number), own).body(ByteStream::from(bytes));
            let sent = send.send().await.map_err(|error| failure(Act::Part, &error))?;
            let listed = CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag);
            let listed = listed
                .set_checksum_crc32(sent.checksum_crc32)
                .set_checksum_crc32_c(sent.checksum_crc32_c)
                .set_checksum_crc64_nvme(sent.checksum_crc64_nvme)
                .set_checksum_sha1(sent.checksum_sha1)
                .set_checksum_sha256(sent.checksum_sha256);
            done.push(listed.build());
        }
        let upload = CompletedMultipartUpload::builder().set_parts(Some(done)).build();
        let complete = self.client.complete_multipart_upload().bucket(self.to.bucket.as_str());
        let complete = complete.key(self.from.key.as_str()).upload_id(&self.id).multipart_upload(upload);
        complete.send().await.map(drop).map_err(|error| failure(Act::Complete, &error))
    }

    /// What it leaves takes space there; lifecycle of that bucket removes what this does not.
    async fn abort(&self) {
        let abort = self.client.abort_multipart_upload().bucket(self.to.bucket.as_str());
        if let Err(error) = abort.key(self.from.key.as_str()).upload_id(&self.id).send().await {
            tracing::debug!(bucket = %self.to.bucket, %error, "an upload that failed is left behind");
        }
    }
}

#[async_trait]
impl Destination for Foreign {
    async fn take(&self, _: &Caller, Item { from, to, what }: Item) -> Result<(), Failure> {
        match what {
            What::Put(version) => self.put(&from, &to, *version).await,
            What::Marker => self.mark(&from, &to).await,
            What::Amend(_) => Err(Failure::denied(
                Reason::DstVersionNotFound,
                "the endpoint gives versions ids of its own, so it has none of this one's",
            )),
        }
    }
}

/// The algorithms that every S3 knows.
const fn known(algorithm: ChecksumAlgorithm) -> bool {
    use ChecksumAlgorithm as A;
    matches!(algorithm, A::Crc32 | A::Crc32c | A::Crc64Nvme | A::Sha1 | A::Sha256)
}

fn stated(put: PutObjectFluentBuilder, checksum: Option<&Checksum>) -> PutObjectFluentBuilder {
    use ChecksumAlgorithm as A;
    let Some(checksum) = checksum else { return put };
    let value = checksum.value.to_string();
    match checksum.value.algorithm() {
        A::Crc32 => put.checksum_crc32(value),
        A::Crc32c => put.checksum_crc32_c(value),
        A::Crc64Nvme => put.checksum_crc64_nvme(value),
        A::Sha1 => put.checksum_sha1(value),
        A::Sha256 => put.checksum_sha256(value),
        _ => put,
    }
}

fn part_stated(part: UploadPartFluentBuilder, checksum: Option<&Checksum>) -> UploadPartFluentBuilder {
    use ChecksumAlgorithm as A;
    let Some(checksum) = checksum else { return part };
    let value = checksum.value.to_string();
    match checksum.value.algorithm() {
        A::Crc32 => part.checksum_crc32(value),
        A::Crc32c => part.checksum_crc32_c(value),
        A::Crc64Nvme => part.checksum_crc64_nvme(value),
        A::Sha1 => part.checksum_sha1(value),
        A::Sha256 => part.checksum_sha256(value),
        _ => part,
    }
}

/// A date that is one; other texts are no header that the client sends.
fn expires(text: &str) -> Option<DateTime> {
    DateTime::from_str(text, DateTimeFormat::HttpDate).ok()
}
