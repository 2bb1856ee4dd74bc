//! Another Arqueta: replicas under the ids of their sources (docs/replication.md, "Between two gateways").

use arqueta_engine::Caller;
use arqueta_engine::api::{Checksum, ReplicaPart, ReplicaParts};
use arqueta_model::replica;
use arqueta_replicate::{Address, Amendable, Destination, Failure, Item, Origin, Version, What};
use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::StorageClass;

use crate::body;
use crate::client::Told;
use crate::headers::{locked, tagging};
use crate::meaning::{Act, failure};
use crate::sse::Asked;

/// Buckets of another Arqueta.
pub struct Arqueta {
    client: Client,
}

/// A header of a replica.
type Header = (&'static str, String);

impl Arqueta {
    /// By this client.
    pub const fn new(client: Client) -> Self {
        Self { client }
    }

    async fn put(&self, from: &Origin, to: &Address, version: Version) -> Result<(), Failure> {
        let asked = Asked::of(&version.encryption)?;
        let mut headers = vec![
            (replica::REPLICA, replica::PUT.to_owned()),
            (replica::VERSION, from.version.to_string()),
            (replica::LAST_MODIFIED, from.last_modified.millis().to_string()),
        ];
        headers.extend(version.checksums.first().map(|checksum| (replica::CHECKSUM, Checksum::named(checksum))));
        headers.extend(to.owner_override.then(|| (replica::OWNER, "Destination".to_owned())));
        if version.multipart {
            let parts: Vec<_> =
                version.parts.iter().map(|part| ReplicaPart { number: part.number, size: part.size }).collect();
            let checksums = version.parts.iter().all(|part| !part.checksums.is_empty());
            headers.push((replica::PARTS, ReplicaParts { parts, checksums }.text()));
            headers.push((replica::PART_CHECKSUMS, checksums.to_string()));
        }
        let class = to.storage_class.unwrap_or(version.storage_class).name();
        let content = version.headers;
        let put = self.object(from, to).content_length(i64::try_from(version.size).unwrap_or(i64::MAX));
        let mut put = put
            .set_content_type(content.content_type)
            .set_content_encoding(content.content_encoding)
            .set_content_disposition(content.content_disposition)
            .set_content_language(content.content_language)
            .set_cache_control(content.cache_control)
            .set_website_redirect_location(content.website_redirect)
            .storage_class(StorageClass::from(class))
            .set_server_side_encryption(asked.mode)
            .set_ssekms_key_id(asked.key)
            .set_ssekms_encryption_context(asked.context)
            .set_bucket_key_enabled(asked.bucket_key)
            .set_metadata(Some(version.metadata.0.into_iter().collect()));
        headers.extend(content.expires.map(|expires| ("expires", expires)));
        if !version.amendable.tags.is_empty() {
            headers.push(("x-amz-tagging", tagging(&version.amendable.tags)));
        }
        put = locked(put, version.amendable.retention, version.amendable.legal_hold);
        put = put.body(body::content(version.body, version.size).await?);
        send(put, Act::Put, headers).await
    }

    async fn amend(&self, from: &Origin, to: &Address, amendable: &Amendable) -> Result<(), Failure> {
        let headers = vec![
            (replica::REPLICA, replica::AMEND.to_owned()),
            (replica::VERSION, from.version.to_string()),
            ("x-amz-tagging", tagging(&amendable.tags)),
        ];
        let put = self.object(from, to).content_length(0).body(ByteStream::from_static(b""));
        send(locked(put, amendable.retention, amendable.legal_hold), Act::Amend, headers).await
    }

    async fn mark(&self, from: &Origin, to: &Address) -> Result<(), Failure> {
        let headers = vec![
            (replica::REPLICA, replica::MARK.to_owned()),
            (replica::VERSION, from.version.to_string()),
            (replica::LAST_MODIFIED, from.last_modified.millis().to_string()),
        ];
        let delete = self.client.delete_object().bucket(to.bucket.as_str()).key(from.key.as_str());
        let delete = delete.set_expected_bucket_owner(to.account.as_ref().map(ToString::to_string));
        let told = Told::of(replica::REPLICA);
        let sent = delete.customize().mutate_request(with(headers)).interceptor(told.clone()).send().await;
        sent.map_err(|error| failure(Act::Mark, &error))?;
        understood(&told)
    }

    fn object(&self, from: &Origin, to: &Address) -> PutObjectFluentBuilder {
        let put = self.client.put_object().bucket(to.bucket.as_str()).key(from.key.as_str());
        put.set_expected_bucket_owner(to.account.as_ref().map(ToString::to_string))
    }
}

#[async_trait]
impl Destination for Arqueta {
    async fn take(&self, _: &Caller, Item { from, to, what }: Item) -> Result<(), Failure> {
        match what {
            What::Put(version) => self.put(&from, &to, *version).await,
            What::Marker => self.mark(&from, &to).await,
            What::Amend(amendable) => self.amend(&from, &to, &amendable).await,
        }
    }
}

async fn send(put: PutObjectFluentBuilder, act: Act, headers: Vec<Header>) -> Result<(), Failure> {
    let told = Told::of(replica::REPLICA);
    let sent = put.customize().mutate_request(with(headers)).interceptor(told.clone()).send().await;
    sent.map_err(|error| failure(act, &error))?;
    understood(&told)
}

/// Adds headers before the request is signed.
fn with(
    headers: Vec<Header>,
) -> impl Fn(&mut aws_smithy_runtime_api::client::orchestrator::HttpRequest) + Send + Sync + 'static {
    move |request| {
        for (name, value) in &headers {
            // What no header can say is missing then, and the destination says so.
            let _ = request.headers_mut().try_insert(*name, value.clone());
        }
    }
}

/// Who does not know of replicas has written something else.
fn understood(told: &Told) -> Result<(), Failure> {
    match told.value().as_deref() {
        Some(replica::PLACED | replica::THERE) => Ok(()),
        _ => Err(Failure::Unavailable("the endpoint is no Arqueta that takes replicas".to_owned())),
    }
}
