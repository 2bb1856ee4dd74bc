//! ListObjects, ListObjectsV2 and ListObjectVersions.

use std::borrow::Cow;

use arqueta_engine::api;
use arqueta_engine::listing::{continuation_token, continue_after};
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Response, S3Result};

use super::listing_document::Document;
use super::{Call, Operations, bucket_name, fail, fields};
use crate::answer::Ordered;
use crate::error::invalid_argument;
use crate::text;

/// Most entries of one page.
const MOST: i32 = 1000;

/// How keys are written in a listing.
pub struct Writing<'a> {
    call: &'a Call,
    encoded: bool,
}

impl<'a> Writing<'a> {
    /// As `encoding-type` asks.
    ///
    /// # Errors
    /// `InvalidArgument` for what is no way to encode.
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

fn wrong_token(token: &str) -> S3Error {
    invalid_argument("The continuation token provided is incorrect", "continuation-token", token)
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
    let mut document = Document::new("ListBucketResult", write.encoded, page.objects.len());
    document.element("Name", &input.bucket);
    document.named("Prefix", input.prefix.as_deref().unwrap_or_default());
    document.named("Marker", input.marker.as_deref().unwrap_or_default());
    // Without a delimiter clients take the last key; a page that ends beyond it must say so.
    let last = page.objects.last().map(|object| object.key.as_str());
    document.maybe("NextMarker", page.next.as_deref().filter(|next| delimiter.is_some() || last != Some(next)));
    document.plain("MaxKeys", limit);
    document.maybe("Delimiter", delimiter);
    document.plain("IsTruncated", page.next.is_some());
    encoding(&mut document, input.encoding_type.as_ref());
    page.objects.iter().for_each(|object| document.object(object, true));
    document.prefixes(&page.prefixes);
    Ok(answer(document, ListObjectsOutput::default()))
}

/// An answer with this document; s3s's own is not sent.
fn answer<T>(document: Document, output: T) -> S3Response<T> {
    let mut answer = S3Response::new(output);
    answer.extensions.insert(Ordered(document.finish()));
    answer
}

fn encoding(document: &mut Document, encoding: Option<&EncodingType>) {
    if let Some(encoding) = encoding {
        document.element("EncodingType", encoding.as_str());
    }
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
        Some(token) => Some(continue_after(token).map_err(|_| wrong_token(token))?),
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
    let mut document = Document::new("ListBucketResult", write.encoded, page.objects.len());
    document.element("Name", &input.bucket);
    document.named("Prefix", input.prefix.as_deref().unwrap_or_default());
    // Where a token says where to go on, nobody starts after anything.
    document.maybe("StartAfter", present(input.start_after.as_deref()).filter(|_| token.is_none()));
    if let Some(token) = token {
        document.element("ContinuationToken", token);
    }
    if let Some(next) = &page.next {
        document.element("NextContinuationToken", &continuation_token(next));
    }
    document.plain("KeyCount", page.objects.len() + page.prefixes.len());
    document.plain("MaxKeys", limit);
    document.maybe("Delimiter", delimiter);
    document.plain("IsTruncated", page.next.is_some());
    encoding(&mut document, input.encoding_type.as_ref());
    page.objects.iter().for_each(|object| document.object(object, owner));
    document.prefixes(&page.prefixes);
    Ok(answer(document, ListObjectsV2Output::default()))
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
    let mut document = Document::new("ListVersionsResult", write.encoded, page.versions.len());
    document.element("Name", &input.bucket);
    document.named("Prefix", input.prefix.as_deref().unwrap_or_default());
    document.named("KeyMarker", input.key_marker.as_deref().unwrap_or_default());
    document.element("VersionIdMarker", input.version_id_marker.as_deref().unwrap_or_default());
    if let Some((key, version)) = &page.next {
        document.named("NextKeyMarker", key);
        if let Some(version) = version {
            document.plain("NextVersionIdMarker", version);
        }
    }
    document.plain("MaxKeys", limit);
    document.maybe("Delimiter", delimiter);
    document.plain("IsTruncated", page.next.is_some());
    encoding(&mut document, input.encoding_type.as_ref());
    page.versions.iter().for_each(|version| document.version(version));
    document.prefixes(&page.prefixes);
    Ok(answer(document, ListObjectVersionsOutput::default()))
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
