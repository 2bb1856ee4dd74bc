//! What an object says of itself.

use std::collections::BTreeMap;

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::operation::head_object::builders::HeadObjectFluentBuilder;
use aws_sdk_s3::types::{
    ChecksumMode, ChecksumType, ObjectAttributes, ObjectLockLegalHoldStatus, ServerSideEncryption,
};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::list::{bare, seconds, unsigned};
use super::seen::Answer;
use super::{S3Bucket, refusal};
use crate::{Algorithm, Encryption, Entry, Error, Facts, Lock, Sse, Whole};

/// How many parts are asked for at once.
const AT_ONCE: usize = 8;

impl S3Bucket {
    pub(super) async fn head(&self, entry: &Entry) -> Result<Facts, Error> {
        let answer = Answer::default();
        let call = self.head_of(entry).checksum_mode(ChecksumMode::Enabled);
        let said = call.customize().interceptor(answer.clone()).send().await;
        let said = said.map_err(|error| refusal("HeadObject", error))?;
        Ok(Facts { replication_failure: answer.failure(), ..facts(said) })
    }

    fn head_of(&self, entry: &Entry) -> HeadObjectFluentBuilder {
        self.client.head_object().bucket(&self.name).key(&entry.key).set_version_id(entry.version.clone())
    }

    /// As GetObjectAttributes tells them: AWS does for parts that have checksums.
    pub(super) async fn parts_of_attributes(&self, entry: &Entry) -> Result<Vec<u64>, Error> {
        let (mut sizes, mut from) = (Vec::new(), None);
        loop {
            let call = self.client.get_object_attributes().bucket(&self.name).key(&entry.key);
            let call = call.set_version_id(entry.version.clone()).object_attributes(ObjectAttributes::ObjectParts);
            let said = call.set_part_number_marker(from.clone()).send().await;
            let said = said.map_err(|error| refusal("GetObjectAttributes", error))?;
            let Some(parts) = said.object_parts else { return Ok(sizes) };
            sizes.extend(parts.parts.unwrap_or_default().into_iter().map(|part| unsigned(part.size)));
            let next = parts.next_part_number_marker.filter(|next| Some(next) != from.as_ref());
            if parts.is_truncated != Some(true) || next.is_none() {
                return Ok(sizes);
            }
            from = next;
        }
    }

    /// As HeadObject tells them, which is asked for parts: for the first and the last, and for all where those do not
    /// fit parts of one size.
    pub(super) async fn parts_of_heads(&self, entry: &Entry, count: u32) -> Result<Vec<u64>, Error> {
        let size = |number: u32| async move {
            let call = self.head_of(entry).set_part_number(i32::try_from(number).ok());
            let said = call.send().await.map_err(|error| refusal("HeadObject", error))?;
            Ok::<_, Error>(unsigned(said.content_length))
        };
        if count == 0 {
            return Ok(Vec::new());
        }
        let first = match size(1).await {
            Ok(first) if count == 1 || first < entry.size => first,
            // It does not know of parts.
            Ok(_) => return Ok(Vec::new()),
            Err(Error::Refused { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        if let Some(sizes) = even(first, count, entry.size)
            && (count == 1 || sizes.last() == Some(&size(count).await?))
        {
            return Ok(sizes);
        }
        let sizes: Vec<u64> = stream::iter(1..=count).map(size).buffered(AT_ONCE).try_collect().await?;
        Ok(if sizes.iter().sum::<u64>() == entry.size { sizes } else { Vec::new() })
    }
}

/// `count` parts as large as the first, the last but what is left.
fn even(first: u64, count: u32, size: u64) -> Option<Vec<u64>> {
    let before = u64::from(count.checked_sub(1)?).checked_mul(first)?;
    let last = size.checked_sub(before).filter(|last| *last <= first && (*last > 0 || size == 0))?;
    let mut sizes = vec![first; count as usize - 1];
    sizes.push(last);
    Some(sizes)
}

fn facts(said: HeadObjectOutput) -> Facts {
    let encryption = encryption(&said);
    let lock = Lock {
        mode: said.object_lock_mode.as_ref().map(|mode| mode.as_str().to_owned()),
        until: said.object_lock_retain_until_date.map(|until| until.secs()),
        hold: said.object_lock_legal_hold_status == Some(ObjectLockLegalHoldStatus::On),
    };
    Facts {
        checksums: checksums(&said),
        headers: headers(&said),
        size: unsigned(said.content_length),
        etag: bare(said.e_tag),
        modified: seconds(said.last_modified),
        whole: match said.checksum_type {
            Some(ChecksumType::FullObject) => Some(Whole::Object),
            Some(ChecksumType::Composite) => Some(Whole::Parts),
            _ => None,
        },
        encryption,
        metadata: said.metadata.unwrap_or_default().into_iter().collect(),
        storage_class: said.storage_class.map_or_else(|| "STANDARD".to_owned(), |class| class.as_str().to_owned()),
        lock,
        replication: said.replication_status.map(|status| status.as_str().to_owned()),
        replication_failure: None,
    }
}

fn encryption(said: &HeadObjectOutput) -> Encryption {
    let sse = match &said.server_side_encryption {
        None if said.sse_customer_algorithm.is_some() => Sse::Customer,
        None => Sse::None,
        Some(ServerSideEncryption::Aes256) => Sse::S3,
        Some(ServerSideEncryption::AwsKms) => Sse::Kms,
        Some(ServerSideEncryption::AwsKmsDsse) => Sse::Dsse,
        Some(other) => Sse::Other(other.as_str().to_owned()),
    };
    Encryption { sse, key: said.ssekms_key_id.clone(), bucket_key: said.bucket_key_enabled == Some(true) }
}

fn checksums(said: &HeadObjectOutput) -> BTreeMap<Algorithm, String> {
    let all = [
        (Algorithm::Crc32, &said.checksum_crc32),
        (Algorithm::Crc32c, &said.checksum_crc32_c),
        (Algorithm::Crc64Nvme, &said.checksum_crc64_nvme),
        (Algorithm::Md5, &said.checksum_md5),
        (Algorithm::Sha1, &said.checksum_sha1),
        (Algorithm::Sha256, &said.checksum_sha256),
        (Algorithm::Sha512, &said.checksum_sha512),
        (Algorithm::Xxhash64, &said.checksum_xxhash64),
        (Algorithm::Xxhash3, &said.checksum_xxhash3),
        (Algorithm::Xxhash128, &said.checksum_xxhash128),
    ];
    all.into_iter().filter_map(|(algorithm, value)| Some((algorithm, value.clone()?))).collect()
}

fn headers(said: &HeadObjectOutput) -> BTreeMap<&'static str, String> {
    let all = [
        ("cache-control", &said.cache_control),
        ("content-disposition", &said.content_disposition),
        ("content-encoding", &said.content_encoding),
        ("content-language", &said.content_language),
        ("content-type", &said.content_type),
        ("expires", &said.expires_string),
        ("x-amz-website-redirect-location", &said.website_redirect_location),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value.clone().filter(|value| !value.is_empty())?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_one_size_are_known_by_the_first() {
        assert_eq!(even(8, 3, 20), Some(vec![8, 8, 4]));
        assert_eq!(even(8, 1, 8), Some(vec![8]));
        assert_eq!(even(8, 3, 24), Some(vec![8, 8, 8]));
        // A last part that is larger, or none left for it: they are not all of one size.
        for (first, count, size) in [(8, 3, 30), (8, 3, 16), (8, 3, 9), (u64::MAX, 3, 9)] {
            assert_eq!(even(first, count, size), None);
        }
    }
}
