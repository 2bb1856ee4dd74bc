//! A bucket over S3.

mod list;
mod read;
mod seen;

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use futures::StreamExt as _;

use crate::{Absence, Body, Bucket, Cursor, Entry, Error, Facts, Listing, Page, Tags};

/// A bucket of an S3 endpoint, or a part of it.
#[derive(Clone)]
pub struct S3Bucket {
    client: Client,
    name: String,
    prefix: String,
    page_size: i32,
}

impl fmt::Debug for S3Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Bucket({}/{})", self.name, self.prefix)
    }
}

impl S3Bucket {
    /// The bucket `name`, or what of it begins with `prefix`. Nothing is asked yet.
    #[must_use]
    pub fn new(client: Client, name: &str, prefix: &str) -> Self {
        Self { client, name: name.to_owned(), prefix: prefix.to_owned(), page_size: 1000 }
    }

    /// With smaller pages.
    #[must_use]
    pub fn with_page_size(mut self, entries: i32) -> Self {
        self.page_size = entries;
        self
    }

    /// Its client, for what only S3 has.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

#[async_trait]
impl Bucket for S3Bucket {
    async fn page(&self, listing: Listing, from: Option<&Cursor>) -> Result<Page, Error> {
        match listing {
            Listing::Objects => self.objects(from).await,
            Listing::Versions => self.versions(&self.prefix, from, self.page_size).await,
        }
    }

    async fn facts(&self, entry: &Entry) -> Result<Facts, Error> {
        self.head(entry).await
    }

    async fn parts(&self, entry: &Entry, count: u32) -> Result<Vec<u64>, Error> {
        // Endpoints that have no such call, or keep no sizes, tell them when the parts are asked for one by one.
        match self.parts_of_attributes(entry).await {
            Ok(sizes) if are_all(&sizes, count, entry.size) => Ok(sizes),
            Err(error) if error.is_absent() && error.code() != "MethodNotAllowed" => Err(error),
            _ => self.parts_of_heads(entry, count).await,
        }
    }

    async fn tags(&self, entry: &Entry) -> Result<Tags, Error> {
        let call = self.client.get_object_tagging().bucket(&self.name).key(&entry.key);
        let said = call.set_version_id(entry.version.clone()).send().await;
        let said = said.map_err(|error| refusal("GetObjectTagging", error))?;
        Ok(said.tag_set.into_iter().map(|tag| (tag.key, tag.value)).collect::<BTreeMap<_, _>>())
    }

    async fn body(&self, entry: &Entry) -> Result<Body, Error> {
        let call = self.client.get_object().bucket(&self.name).key(&entry.key);
        // What was compared is what is read: a client may have put another object since.
        let call = if entry.version.is_none() { call.if_match(format!("\"{}\"", entry.etag)) } else { call };
        let said = call.set_version_id(entry.version.clone()).send().await;
        let said = said.map_err(|error| refusal("GetObject", error))?;
        let stream = futures::stream::try_unfold(said.body, |mut body| async move {
            let failed = |error| Error::Unanswered { call: "GetObject", source: Box::new(error) };
            Ok(body.try_next().await.map_err(failed)?.map(|bytes| (bytes, body)))
        });
        Ok(stream.boxed())
    }

    async fn absence(&self, key: &str) -> Result<Absence, Error> {
        let page = self.versions(key, None, 1).await?;
        let first = page.entries.into_iter().next().filter(|entry| entry.key == key && entry.is_marker);
        Ok(first.map_or(Absence::Unknown, |entry| Absence::Marker { since: entry.modified }))
    }

    fn prefix(&self) -> &str {
        &self.prefix
    }
}

/// How a bucket keeps versions: `Enabled` or `Suspended`; absent where it never did, or the endpoint has no such call.
///
/// # Errors
/// [`Error`] where the endpoint does not say.
pub async fn versioning(client: &Client, bucket: &str) -> Result<Option<String>, Error> {
    let answer = seen::Answer::default();
    let call = client.get_bucket_versioning().bucket(bucket).customize().interceptor(answer.clone());
    match call.send().await.map_err(|error| refusal("GetBucketVersioning", error)) {
        Ok(said) => Ok(said.status.map(|status| status.as_str().to_owned())),
        Err(error) if error.is_unserved() => Ok(None),
        // moto's document has a name of its own, which the SDK does not read.
        Err(error @ Error::Refused { status: 200, .. }) => {
            let document = answer.body();
            if document.contains("VersioningResponse") { Ok(stated(&document)) } else { Err(error) }
        }
        Err(error) => Err(error),
    }
}

/// The status that a document of versioning states.
fn stated(document: &str) -> Option<String> {
    let (_, rest) = document.split_once("<Status>")?;
    rest.split_once("</Status>").map(|(status, _)| status.trim().to_owned())
}

/// Whether these are the parts of an object of this size: of what MinIO has sealed, its GetObjectAttributes tells how
/// large the sealed parts are.
fn are_all(sizes: &[u64], count: u32, size: u64) -> bool {
    sizes.len() == count as usize && sizes.iter().sum::<u64>() == size
}

/// What a failure of the SDK's means.
pub fn refusal<E>(call: &'static str, error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let SdkError::ServiceError(answer) = &error else {
        return Error::Unanswered {
            call,
            source: Box::new(Failed(aws_sdk_s3::error::DisplayErrorContext(&error).to_string())),
        };
    };
    let status = answer.raw().status().as_u16();
    let code = answer.err().code().unwrap_or_default().to_owned();
    if status == 404 {
        return Error::Absent { call, code: if code.is_empty() { "404".to_owned() } else { code } };
    }
    Error::Refused { call, status, code, message: answer.err().message().unwrap_or_default().to_owned() }
}

/// What the SDK says of its failures, its causes included.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Failed(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_sealed_parts_are_no_sizes_of_parts() {
        let size = (5 << 20) + (6 << 20) + 3;
        assert!(are_all(&[5 << 20, 6 << 20, 3], 3, size));
        // As MinIO tells them under SSE-S3.
        assert!(!are_all(&[5_245_440, 6_294_528, 35], 3, size));
        assert!(!are_all(&[5 << 20, (6 << 20) + 3], 3, size));
    }

    #[test]
    fn a_status_is_read_under_any_name() {
        let of = |inner: &str| stated(&format!("<GetBucketVersioningResponse>{inner}</GetBucketVersioningResponse>"));
        assert_eq!(of("<Status>Enabled</Status>").as_deref(), Some("Enabled"));
        assert_eq!(of(""), None);
    }
}
