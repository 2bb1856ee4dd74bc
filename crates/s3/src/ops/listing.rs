//! ListObjects, ListObjectsV2 and ListObjectVersions.

use std::borrow::Cow;

use arqueta_engine::api::{self, ListedObject};
use arqueta_engine::listing::{continuation_token, continue_after};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result};

use super::{Call, Operations, bucket_name, fail, fields};
use crate::checksum::{algorithm_name, type_name};
use crate::error::{invalid_argument, of_engine};
use crate::text;
use crate::time_text::to_dto;

/// Most entries of one page.
const MOST: i32 = 1000;

/// How keys are written in a listing.
pub struct Writing<'a> {
    call: &'a Call,
    encoded: bool,
}

impl<'a> Writing<'a> {
    /// As `encoding-type` asks.
    pub fn new(call: &'a Call, encoding: Option<&EncodingType>) -> S3Result<Self> {
        match encoding.map(EncodingType::as_str) {
            None => Ok(Self { call, encoded: false }),
            Some(EncodingType::URL) => Ok(Self { call, encoded: true }),
            Some(other) => {
                Err(invalid_argument("Invalid Encoding Method specified in Request", "encoding-type", other))
            }
        }
    }

    /// A key, prefix, delimiter or marker.
    pub fn text(&self, text: &str) -> String {
        if self.encoded {
            return text::url_encoded(text);
        }
        match text::hide(text) {
            Cow::Borrowed(plain) => plain.to_owned(),
            Cow::Owned(hidden) => {
                self.call.exchange.mark_hidden();
                hidden
            }
        }
    }

    /// As [`Writing::text`], for what may be missing.
    pub fn option(&self, text: Option<&str>) -> Option<String> {
        text.map(|text| self.text(text))
    }

    /// Common prefixes.
    pub fn prefixes(&self, prefixes: &[String]) -> Option<Vec<CommonPrefix>> {
        let told = |prefix: &String| CommonPrefix { prefix: Some(self.text(prefix)) };
        (!prefixes.is_empty()).then(|| prefixes.iter().map(told).collect())
    }

    fn object(&self, object: &ListedObject, owner: bool) -> Object {
        Object {
            key: Some(self.text(object.key.as_str())),
            e_tag: Some(fields::etag(&object.etag)),
            size: i64::try_from(object.size).ok(),
            last_modified: Some(to_dto(object.last_modified)),
            owner: owner.then(|| fields::owner(&object.owner)),
            storage_class: Some(ObjectStorageClass::from_static(object.storage_class.name())),
            checksum_algorithm: object.checksum.map(|(algorithm, _)| vec![algorithm_name(algorithm)]),
            checksum_type: object.checksum.map(|(_, kind)| type_name(kind)),
            ..Object::default()
        }
    }
}

/// `max-keys` and its kin: at most 1,000, and no less than nothing.
pub fn limit(asked: Option<i32>, name: &str) -> S3Result<i32> {
    match asked {
        None => Ok(MOST),
        Some(asked) if asked >= 0 => Ok(asked.min(MOST)),
        Some(asked) => {
            let message = format!("Argument {name} must be an integer between 0 and 2147483647");
            Err(invalid_argument(&message, name, &asked.to_string()))
        }
    }
}

/// A text that may be empty, which is as good as missing.
pub fn present(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn count(limit: i32) -> usize {
    usize::try_from(limit).unwrap_or(0)
}

/// ListObjects.
pub async fn list_objects(
    ops: &Operations,
    request: S3Request<ListObjectsInput>,
) -> S3Result<S3Response<ListObjectsOutput>> {
    let call = Call::current()?;
    let input = &request.input;
    let write = Writing::new(&call, input.encoding_type.as_ref())?;
    let limit = limit(input.max_keys, "maxKeys")?;
    let delimiter = present(input.delimiter.as_deref());
    let page = ops
        .engine
        .listing()
        .objects(api::ListObjects {
            bucket: bucket_name(&input.bucket)?,
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: delimiter.map(str::to_owned),
            after: present(input.marker.as_deref()).map(str::to_owned),
            limit: count(limit),
        })
        .await
        .map_err(|e| fail(&e, &input.bucket, None))?;
    Ok(S3Response::new(ListObjectsOutput {
        name: Some(input.bucket.clone()),
        prefix: Some(write.text(input.prefix.as_deref().unwrap_or_default())),
        marker: Some(write.text(input.marker.as_deref().unwrap_or_default())),
        max_keys: Some(limit),
        is_truncated: Some(page.next.is_some()),
        contents: Some(page.objects.iter().map(|object| write.object(object, true)).collect()),
        common_prefixes: write.prefixes(&page.prefixes),
        delimiter: write.option(delimiter),
        // Without a delimiter clients take the last key.
        next_marker: delimiter.and_then(|_| write.option(page.next.as_deref())),
        encoding_type: input.encoding_type.clone(),
        ..ListObjectsOutput::default()
    }))
}

/// ListObjectsV2.
pub async fn list_objects_v2(
    ops: &Operations,
    request: S3Request<ListObjectsV2Input>,
) -> S3Result<S3Response<ListObjectsV2Output>> {
    let call = Call::current()?;
    let input = &request.input;
    let write = Writing::new(&call, input.encoding_type.as_ref())?;
    let limit = limit(input.max_keys, "maxKeys")?;
    let delimiter = present(input.delimiter.as_deref());
    let token = present(input.continuation_token.as_deref());
    let after = match token {
        Some(token) => Some(continue_after(token).map_err(|e| of_engine(&e))?),
        None => present(input.start_after.as_deref()).map(str::to_owned),
    };
    let page = ops
        .engine
        .listing()
        .objects(api::ListObjects {
            bucket: bucket_name(&input.bucket)?,
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: delimiter.map(str::to_owned),
            after,
            limit: count(limit),
        })
        .await
        .map_err(|e| fail(&e, &input.bucket, None))?;
    let owner = input.fetch_owner.unwrap_or(false);
    Ok(S3Response::new(ListObjectsV2Output {
        name: Some(input.bucket.clone()),
        prefix: Some(write.text(input.prefix.as_deref().unwrap_or_default())),
        max_keys: Some(limit),
        key_count: i32::try_from(page.objects.len() + page.prefixes.len()).ok(),
        continuation_token: token.map(str::to_owned),
        is_truncated: Some(page.next.is_some()),
        next_continuation_token: page.next.as_deref().map(continuation_token),
        contents: Some(page.objects.iter().map(|object| write.object(object, owner)).collect()),
        common_prefixes: write.prefixes(&page.prefixes),
        delimiter: write.option(delimiter),
        encoding_type: input.encoding_type.clone(),
        // Where a token says where to go on, nobody starts after anything.
        start_after: write.option(present(input.start_after.as_deref()).filter(|_| token.is_none())),
        ..ListObjectsV2Output::default()
    }))
}

/// ListObjectVersions.
pub async fn list_object_versions(
    ops: &Operations,
    request: S3Request<ListObjectVersionsInput>,
) -> S3Result<S3Response<ListObjectVersionsOutput>> {
    let call = Call::current()?;
    let input = &request.input;
    let write = Writing::new(&call, input.encoding_type.as_ref())?;
    let limit = limit(input.max_keys, "maxKeys")?;
    let delimiter = present(input.delimiter.as_deref());
    let page = ops
        .engine
        .listing()
        .versions(api::ListObjectVersions {
            bucket: bucket_name(&input.bucket)?,
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: delimiter.map(str::to_owned),
            key_marker: present(input.key_marker.as_deref()).map(str::to_owned),
            version_marker: fields::version(present(input.version_id_marker.as_deref()))?,
            limit: count(limit),
        })
        .await
        .map_err(|e| fail(&e, &input.bucket, None))?;
    let (mut versions, mut markers) = (Vec::new(), Vec::new());
    for listed in &page.versions {
        let (key, version) = (Some(write.text(listed.key.as_str())), Some(listed.version.to_string()));
        let (latest, last_modified) = (Some(listed.latest), Some(to_dto(listed.last_modified)));
        let owner = Some(fields::owner(&listed.owner));
        match &listed.object {
            None => {
                markers.push(DeleteMarkerEntry { key, version_id: version, is_latest: latest, last_modified, owner })
            }
            Some(object) => versions.push(ObjectVersion {
                key,
                version_id: version,
                is_latest: latest,
                last_modified,
                owner,
                e_tag: Some(fields::etag(&object.etag)),
                size: i64::try_from(object.size).ok(),
                storage_class: Some(ObjectVersionStorageClass::from_static(object.storage_class.name())),
                checksum_algorithm: object.checksum.map(|(algorithm, _)| vec![algorithm_name(algorithm)]),
                checksum_type: object.checksum.map(|(_, kind)| type_name(kind)),
                ..ObjectVersion::default()
            }),
        }
    }
    let next = page.next.as_ref();
    Ok(S3Response::new(ListObjectVersionsOutput {
        name: Some(input.bucket.clone()),
        prefix: Some(write.text(input.prefix.as_deref().unwrap_or_default())),
        key_marker: Some(write.text(input.key_marker.as_deref().unwrap_or_default())),
        version_id_marker: Some(input.version_id_marker.clone().unwrap_or_default()),
        max_keys: Some(limit),
        is_truncated: Some(next.is_some()),
        next_key_marker: next.map(|(key, _)| write.text(key)),
        next_version_id_marker: next.and_then(|(_, version)| version.map(|version| version.to_string())),
        versions: Some(versions),
        delete_markers: Some(markers),
        common_prefixes: write.prefixes(&page.prefixes),
        delimiter: write.option(delimiter),
        encoding_type: input.encoding_type.clone(),
        ..ListObjectVersionsOutput::default()
    }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_at_most_a_thousand_entries() {
        for (asked, want) in
            [(None, 1000), (Some(0), 0), (Some(1000), 1000), (Some(1001), 1000), (Some(i32::MAX), 1000)]
        {
            assert_eq!(limit(asked, "maxKeys").unwrap(), want);
        }
        assert!(limit(Some(-1), "maxKeys").is_err());
    }
}
