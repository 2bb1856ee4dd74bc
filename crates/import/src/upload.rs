//! Versions in parts: of the sizes that they had, so that their ETag stays.

use arqueta_client::{Algorithm, Facts, Whole, refusal};
use aws_sdk_s3::config::RequestChecksumCalculation;
use aws_sdk_s3::operation::create_multipart_upload::builders::CreateMultipartUploadFluentBuilder;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart, ObjectLockLegalHoldStatus,
    ObjectLockMode, ServerSideEncryption,
};

use crate::copy::{Copier, Failure, Item, agree, http_date, of_upload, tagging};

/// Parts of what had none, or whose nobody tells.
const PART: u64 = 64 << 20;
/// Most parts of an upload.
const PARTS: u64 = 10_000;

impl Copier {
    /// Uploads in parts of these sizes; in ones of its own choice where there are none.
    pub(crate) async fn upload(&self, item: &Item<'_>, sizes: Vec<u64>) -> Result<(), Failure> {
        let keeps_parts = !sizes.is_empty();
        let sizes = if keeps_parts { sizes } else { chosen(item.facts.size) };
        let key = self.key(item.entry);
        self.abort_others(&key).await?;
        // Algorithms that say what the whole is may be kept with any parts, others only with the same.
        let checksum = of_upload(&item.facts).filter(|(_, whole, _)| keeps_parts || *whole == Whole::Object);
        let call = self.destination.client().create_multipart_upload().bucket(self.destination.name()).key(&key);
        let call = self.described_upload(call, item);
        let (algorithm, kind) = match checksum.and_then(|(algorithm, whole, _)| Some((named(algorithm)?, whole))) {
            Some((algorithm, Whole::Object)) if is_crc(&algorithm) => (Some(algorithm), Some(ChecksumType::FullObject)),
            Some((algorithm, Whole::Parts)) => (Some(algorithm), Some(ChecksumType::Composite)),
            _ => (None, None),
        };
        let call = call.set_checksum_algorithm(algorithm.clone()).set_checksum_type(kind);
        let begun = call.send().await.map_err(|error| refusal("CreateMultipartUpload", error))?;
        let upload = begun.upload_id.unwrap_or_default();
        let done = self.parts(item, &key, &upload, &sizes, algorithm).await;
        let done = match done {
            Ok(parts) => self.complete(item, &key, &upload, parts, keeps_parts).await,
            Err(failure) => Err(failure),
        };
        if done.is_err() {
            let call = self.destination.client().abort_multipart_upload().bucket(self.destination.name());
            // What failed is what is told; an upload that stays is found by the next try.
            let _left = call.key(&key).upload_id(&upload).send().await;
        }
        done
    }

    /// One after the other: what is bounded is how many versions are copied at the same time.
    async fn parts(
        &self,
        item: &Item<'_>,
        key: &str,
        upload: &str,
        sizes: &[u64],
        algorithm: Option<ChecksumAlgorithm>,
    ) -> Result<Vec<CompletedPart>, Failure> {
        let (mut parts, mut first) = (Vec::new(), 0);
        for (number, size) in (1..).zip(sizes) {
            // The last may be empty, and no range is.
            let body = match size {
                0 => ByteStream::default(),
                size => self.body(item, Some((first, first + size - 1))).await?,
            };
            let call = self.destination.client().upload_part().bucket(self.destination.name()).key(key);
            let call = call.upload_id(upload).part_number(number).body(body).set_checksum_algorithm(algorithm.clone());
            let call = call.content_length(i64::try_from(*size).unwrap_or(i64::MAX));
            // The client computes none that is not asked of it: here it is.
            let computing = aws_sdk_s3::config::Builder::new()
                .request_checksum_calculation(RequestChecksumCalculation::WhenSupported);
            let said = if algorithm.is_some() {
                call.customize().config_override(computing).send().await
            } else {
                call.send().await
            };
            let said = said.map_err(|error| refusal("UploadPart", error))?;
            let part = CompletedPart::builder()
                .part_number(number)
                .set_e_tag(said.e_tag)
                .set_checksum_crc32(said.checksum_crc32)
                .set_checksum_crc32_c(said.checksum_crc32_c)
                .set_checksum_crc64_nvme(said.checksum_crc64_nvme)
                .set_checksum_sha1(said.checksum_sha1)
                .set_checksum_sha256(said.checksum_sha256);
            parts.push(part.build());
            first += size;
        }
        Ok(parts)
    }

    async fn complete(
        &self,
        item: &Item<'_>,
        key: &str,
        upload: &str,
        parts: Vec<CompletedPart>,
        keeps_parts: bool,
    ) -> Result<(), Failure> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let call = self.writes.complete_multipart_upload().bucket(self.destination.name());
        let call = call.key(key).upload_id(upload).multipart_upload(parts);
        let whole = of_upload(&item.facts).filter(|(_, whole, _)| *whole == Whole::Object);
        let call = match whole {
            Some((Algorithm::Crc32, _, value)) => call.checksum_crc32(value).checksum_type(ChecksumType::FullObject),
            Some((Algorithm::Crc32c, _, value)) => call.checksum_crc32_c(value).checksum_type(ChecksumType::FullObject),
            Some((Algorithm::Crc64Nvme, _, value)) => {
                call.checksum_crc64_nvme(value).checksum_type(ChecksumType::FullObject)
            }
            _ => call,
        };
        let said = call.send().await.map_err(|error| refusal("CompleteMultipartUpload", error))?;
        let is_md5 = !matches!(
            said.server_side_encryption,
            Some(ServerSideEncryption::AwsKms | ServerSideEncryption::AwsKmsDsse)
        );
        agree(item, is_md5 && keeps_parts, &said.e_tag.unwrap_or_default())
    }

    /// Uploads of this key that a killed import left. Nobody else writes here before the cut-over.
    async fn abort_others(&self, key: &str) -> Result<(), Failure> {
        let call = self.destination.client().list_multipart_uploads().bucket(self.destination.name()).prefix(key);
        let open = match call.send().await.map_err(|error| refusal("ListMultipartUploads", error)) {
            Ok(said) => said.uploads.unwrap_or_default(),
            Err(error) if error.is_unserved() => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for upload in open.into_iter().filter(|upload| upload.key.as_deref() == Some(key)) {
            let call = self.destination.client().abort_multipart_upload().bucket(self.destination.name()).key(key);
            let aborted = call.set_upload_id(upload.upload_id).send().await;
            match aborted.map_err(|error| refusal("AbortMultipartUpload", error)) {
                Err(error) if !error.is_absent() => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    fn described_upload(
        &self,
        call: CreateMultipartUploadFluentBuilder,
        item: &Item<'_>,
    ) -> CreateMultipartUploadFluentBuilder {
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
}

/// As the SDK names what it can compute.
fn named(algorithm: Algorithm) -> Option<ChecksumAlgorithm> {
    match algorithm {
        Algorithm::Crc32 => Some(ChecksumAlgorithm::Crc32),
        Algorithm::Crc32c => Some(ChecksumAlgorithm::Crc32C),
        Algorithm::Crc64Nvme => Some(ChecksumAlgorithm::Crc64Nvme),
        Algorithm::Sha1 => Some(ChecksumAlgorithm::Sha1),
        Algorithm::Sha256 => Some(ChecksumAlgorithm::Sha256),
        _ => None,
    }
}

fn is_crc(algorithm: &ChecksumAlgorithm) -> bool {
    matches!(algorithm, ChecksumAlgorithm::Crc32 | ChecksumAlgorithm::Crc32C | ChecksumAlgorithm::Crc64Nvme)
}

/// Parts of one size, as many as an upload may have.
fn chosen(size: u64) -> Vec<u64> {
    let part = PART.max(size.div_ceil(PARTS));
    let mut sizes = vec![part; usize::try_from(size / part).unwrap_or(0)];
    sizes.extend(Some(size % part).filter(|rest| *rest > 0));
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_chosen_within_s3s_bounds() {
        for size in [5 << 30, (5 << 30) + 1, 640_000 << 20, 5 << 40] {
            let sizes = chosen(size);
            assert_eq!(sizes.iter().sum::<u64>(), size);
            assert!(sizes.len() <= 10_000 && sizes.iter().all(|part| *part <= 5 << 30));
        }
    }
}
