//! Keys of any service that speaks the AWS KMS protocol: AWS itself, or another Arqueta.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arqueta_kms::{HolderError, KeyHolder, Use};
use arqueta_model::{Clock, KeyArn, RequestId};
use async_trait::async_trait;
use aws_sdk_kms::Client;
use aws_sdk_kms::config::retry::RetryConfig;
use aws_sdk_kms::config::timeout::TimeoutConfig;
use aws_sdk_kms::config::{BehaviorVersion, Region};
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{KeySpec, KeyState};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::credentials::{Kept, Secret, trusting};
use crate::error::{Seen, SetupError};

/// Pair of the remote encryption context that binds a ciphertext to the additional data: SHA-256
/// of it, in hexadecimal digits. The caller's own pairs stand beside it.
const BINDING: &str = "arqueta:binding";
/// Days that the remote service waits before it destroys a key: the least that AWS has. The key
/// service's own waiting period is over by then.
const LAST_WAIT: i32 = 7;

/// Where the keys are, and who asks.
#[derive(Debug, Clone)]
pub struct AwsSettings {
    /// `https://kms.example.com`; AWS's own endpoint of the region if absent.
    pub endpoint: Option<String>,
    /// The region to sign for.
    pub region: String,
    /// Access key id of the identity that may use the keys.
    pub access_key_id: String,
    /// File with its secret access key.
    pub secret_access_key_file: PathBuf,
    /// File with a session token, for temporary credentials. Files are read again every few minutes.
    pub session_token_file: Option<PathBuf>,
    /// PEM file of the certificate authority; the system's if absent.
    pub ca: Option<PathBuf>,
    /// How long connecting may take.
    pub connect: Duration,
}

/// Keys at an endpoint of the AWS KMS protocol.
pub struct AwsHolder {
    client: Client,
}

impl fmt::Debug for AwsHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AwsHolder")
    }
}

impl AwsHolder {
    /// A holder; nothing is connected yet. Retries and the time of a call are [`crate::Guarded`]'s.
    ///
    /// # Errors
    /// [`SetupError`] for files that cannot be read and addresses that are none.
    pub fn new(settings: &AwsSettings, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        let kept = kept(settings, clock);
        kept.load()?;
        let mut config = aws_sdk_kms::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(settings.region.clone()))
            .credentials_provider(kept)
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().connect_timeout(settings.connect).build());
        if let Some(endpoint) = &settings.endpoint {
            config = config.endpoint_url(address(endpoint)?);
        }
        if let Some(ca) = &settings.ca {
            config = config.http_client(trusting(ca)?);
        }
        Ok(Self { client: Client::from_conf(config.build()) })
    }
}

fn kept(settings: &AwsSettings, clock: Arc<dyn Clock>) -> Kept {
    Kept {
        access_key_id: settings.access_key_id.clone(),
        secret: Secret::File(settings.secret_access_key_file.clone()),
        session_token_file: settings.session_token_file.clone(),
        clock,
    }
}

/// `http://host` or `https://host:port`, without path.
pub(crate) fn address(text: &str) -> Result<String, SetupError> {
    let bare = text.trim_end_matches('/');
    let host = bare.strip_prefix("https://").or_else(|| bare.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']) => Ok(bare.to_owned()),
        _ => Err(SetupError::Address(text.to_owned())),
    }
}

#[async_trait]
impl KeyHolder for AwsHolder {
    async fn create(&self, key: &KeyArn) -> Result<String, HolderError> {
        let description = format!("Holds the material of {key}");
        let made = self.client.create_key().description(description).send().await.map_err(refusal)?;
        let metadata = made.key_metadata.ok_or_else(|| unreadable("CreateKey"))?;
        metadata.arn.ok_or_else(|| unreadable("CreateKey"))
    }

    async fn adopt(&self, name: &str) -> Result<(), HolderError> {
        let described = self.client.describe_key().key_id(name).send().await.map_err(refusal)?;
        let metadata = described.key_metadata.ok_or_else(|| unreadable("DescribeKey"))?;
        // Symmetric keys have no other usage than encryption.
        let serves = metadata.key_spec == Some(KeySpec::SymmetricDefault);
        if serves && metadata.key_state == Some(KeyState::Enabled) { Ok(()) } else { Err(HolderError::UnknownKey) }
    }

    async fn encrypt(&self, of: &Use<'_>, plaintext: &[u8], aad: &[u8]) -> Result<Vec<u8>, HolderError> {
        let call = self.client.encrypt().key_id(of.name).plaintext(Blob::new(plaintext));
        let call = call.set_encryption_context(Some(context(of, aad))).customize().mutate_request(naming(of.request));
        let sealed = call.send().await.map_err(refusal)?;
        sealed.ciphertext_blob.map(Blob::into_inner).ok_or_else(|| unreadable("Encrypt"))
    }

    async fn decrypt(&self, of: &Use<'_>, ciphertext: &[u8], aad: &[u8]) -> Result<Zeroizing<Vec<u8>>, HolderError> {
        if ciphertext.is_empty() {
            return Err(HolderError::NotAuthentic);
        }
        let call = self.client.decrypt().key_id(of.name).ciphertext_blob(Blob::new(ciphertext));
        let call = call.set_encryption_context(Some(context(of, aad))).customize().mutate_request(naming(of.request));
        let opened = call.send().await.map_err(refusal)?;
        opened.plaintext.map(|plain| Zeroizing::new(plain.into_inner())).ok_or_else(|| unreadable("Decrypt"))
    }

    async fn destroy(&self, name: &str) -> Result<(), HolderError> {
        let call = self.client.schedule_key_deletion().key_id(name).pending_window_in_days(LAST_WAIT);
        match call.send().await.map_err(refusal) {
            // Not there, or waiting already.
            Err(HolderError::UnknownKey) => Ok(()),
            outcome => outcome.map(|_| ()),
        }
    }

    fn is_available(&self) -> bool {
        true
    }
}

/// What the remote service authenticates, decides by and records.
fn context(of: &Use<'_>, aad: &[u8]) -> std::collections::HashMap<String, String> {
    let own = of.context.pairs().map(|(name, value)| (name.to_owned(), value.to_owned()));
    own.chain([(BINDING.to_owned(), hex::encode(Sha256::digest(aad)))]).collect()
}

/// Names the request in the user agent, which the remote service records.
fn naming(request: &RequestId) -> impl Fn(&mut HttpRequest) + Send + Sync + 'static {
    let request = format!("arqueta-request/{request}");
    move |call| {
        for header in ["user-agent", "x-amz-user-agent"] {
            if let Some(agent) = call.headers().get(header).map(|agent| format!("{request} {agent}")) {
                // Both are text that was in a header already.
                let _ = call.headers_mut().try_insert(header, agent);
            }
        }
    }
}

fn unreadable(operation: &str) -> HolderError {
    HolderError::unavailable(Seen(format!("the answer to {operation} lacks what AWS documents")))
}

/// What is seen of a call without an answer.
pub(crate) fn unanswered<E>(error: &SdkError<E, HttpResponse>) -> Seen {
    // Bodies are in there: only what the connector says is told.
    Seen(match error {
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        SdkError::DispatchFailure(failure) => {
            failure.as_connector_error().map_or_else(|| "no connection".to_owned(), ToString::to_string)
        }
        SdkError::ResponseError(_) => "an answer that cannot be read".to_owned(),
        _ => "the request cannot be made".to_owned(),
    })
}

/// What an error means. By its code: the same in every operation.
fn refusal<E>(error: SdkError<E, HttpResponse>) -> HolderError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let SdkError::ServiceError(answer) = &error else {
        return HolderError::unavailable(unanswered(&error));
    };
    let (status, code) = (answer.raw().status().as_u16(), answer.err().code().unwrap_or_default());
    let seen = || Seen(format!("{status} {code}: {}", answer.err().message().unwrap_or_default()));
    match code {
        "InvalidCiphertextException" | "IncorrectKeyException" => HolderError::NotAuthentic,
        "NotFoundException" | "DisabledException" | "KMSInvalidStateException" | "InvalidKeyUsageException" => {
            HolderError::UnknownKey
        }
        "ThrottlingException" | "Throttling" | "TooManyRequestsException" | "RequestLimitExceeded" => {
            HolderError::Throttled
        }
        "KMSInternalException" | "DependencyTimeoutException" | "KeyUnavailableException" => {
            HolderError::unavailable(seen())
        }
        _ if status == 429 => HolderError::Throttled,
        _ if (400..500).contains(&status) && !code.is_empty() => HolderError::Denied(seen().into()),
        _ => HolderError::unavailable(seen()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use arqueta_model::{EncryptionContext, ManualClock};

    use super::*;

    #[test]
    fn the_binding_stands_beside_the_callers_pairs_and_cannot_be_replaced_by_them() {
        let pairs = [("aws:s3:arn", "arn:aws:s3:::b"), (BINDING, "forged")];
        let pairs = pairs.map(|(k, v)| (k.to_owned(), v.to_owned()));
        let bound = EncryptionContext::new(pairs.into_iter().collect()).unwrap();
        let request = RequestId::random();
        let sent = context(&Use { name: "k", request: &request, context: &bound }, b"aad");
        assert_eq!(sent["aws:s3:arn"], "arn:aws:s3:::b");
        assert_eq!(sent[BINDING], hex::encode(Sha256::digest(b"aad")));
    }

    #[test]
    fn addresses_have_a_scheme_a_host_and_nothing_else() {
        assert_eq!(address("https://kms.example.com:9000/").unwrap(), "https://kms.example.com:9000");
        for wrong in ["", "kms.example.com", "ftp://x", "https://", "http://x/path", "http://user@x", "http://x?y"] {
            assert!(address(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn credentials_are_read_again_and_a_missing_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "one\n").unwrap();
        let settings = AwsSettings {
            endpoint: Some("http://127.0.0.1:1".to_owned()),
            region: "us-east-1".to_owned(),
            access_key_id: "AKIA".to_owned(),
            secret_access_key_file: path.clone(),
            session_token_file: None,
            ca: None,
            connect: Duration::from_secs(1),
        };
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
        let files = kept(&settings, clock.clone());
        assert_eq!(files.load().unwrap().secret_access_key(), "one");
        std::fs::write(&path, "two").unwrap();
        assert_eq!(files.load().unwrap().secret_access_key(), "two");
        assert!(!format!("{files:?}").contains("two"));
        std::fs::remove_file(&path).unwrap();
        assert!(AwsHolder::new(&settings, clock).unwrap_err().to_string().contains("secret"));
    }
}
