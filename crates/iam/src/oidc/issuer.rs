//! What an issuer publishes: its discovery document and its signature keys (OpenID Connect
//! Discovery 1.0, section 4; RFC 7517). Both are fetched through a seam, so that this crate opens
//! no socket, and remembered for a bounded time.

use std::sync::Arc;
use std::time::Duration;

use arqueta_model::{Clock, Timestamp};
use async_trait::async_trait;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use moka::future::Cache;
use serde_json::Value;
use url::{Host, Url};

use crate::Error;

/// Issuers whose keys are remembered at once.
const ISSUERS: u64 = 256;
/// How long keys are used before they are asked for again.
const LIFETIME: Duration = Duration::from_secs(60 * 60);
/// How soon an unknown key id, or a failure, is reason to ask again: nobody who can send a token
/// can make this gateway ask an issuer more often.
const PAUSE: Duration = Duration::from_secs(30);
/// Most keys of one issuer.
const KEYS: usize = 100;

/// Why an issuer's document is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// No connection, no answer in time, or an answer of a server's failure.
    #[error("the identity provider cannot be reached")]
    Unreachable,
    /// Another answer than a document of reasonable size.
    #[error("the identity provider does not publish the document")]
    Refused,
}

/// Fetches the documents of issuers. Implementations follow no redirection, and bound the size of
/// an answer and the time that it may take.
#[async_trait]
pub trait IssuerDocuments: Send + Sync {
    /// The document at `url`, which is `https`, or `http` to this very machine. `thumbprints` are
    /// the SHA-1 digests, in hex, of certification authorities to trust beside the usual ones.
    async fn fetch(&self, url: &Url, thumbprints: &[String]) -> Result<Vec<u8>, FetchError>;
}

/// An issuer, as its provider's record describes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Issuer<'a> {
    pub(crate) url: &'a str,
    pub(crate) thumbprints: &'a [String],
}

/// What an issuer answered, and when.
#[derive(Clone)]
struct Answer {
    keys: Result<Arc<[Jwk]>, Failure>,
    at: Timestamp,
}

#[derive(Debug, Clone, Copy)]
enum Failure {
    Unreachable,
    /// Its documents are not there or cannot be used.
    Unusable,
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Unreachable => Self::Unreachable,
            FetchError::Refused => Self::Unusable,
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unreachable => Self::IdpCommunication,
            Failure::Unusable => Self::InvalidIdentityToken {
                message: "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements".to_owned(),
            },
        }
    }
}

/// The signature keys of issuers, remembered.
pub(crate) struct Issuers {
    documents: Option<Arc<dyn IssuerDocuments>>,
    known: Cache<String, Answer>,
}

impl Issuers {
    /// Without `documents` no issuer can be reached.
    pub(crate) fn new(documents: Option<Arc<dyn IssuerDocuments>>) -> Self {
        Self { documents, known: Cache::new(ISSUERS) }
    }

    /// The keys of `issuer` that may have signed with the key id `kid`, all of them for `None`.
    pub(crate) async fn keys(
        &self,
        issuer: Issuer<'_>,
        kid: Option<&str>,
        clock: &dyn Clock,
    ) -> Result<Vec<Jwk>, Error> {
        let name = format!("{} {}", issuer.url, issuer.thumbprints.join(" "));
        let now = clock.now();
        if let Some(answer) = self.known.get(&name).await {
            let age = now.since(answer.at);
            let helps = answer.keys.as_ref().is_ok_and(|keys| keys.iter().any(|key| fits(key, kid)));
            if age >= if helps { LIFETIME } else { PAUSE } {
                self.known.invalidate(&name).await;
            }
        }
        // Callers at the same moment wait for one and the same answer.
        let fetched = async { Answer { keys: self.fetch(issuer).await, at: now } };
        let keys = self.known.get_with(name, fetched).await.keys?;
        Ok(keys.iter().filter(|key| fits(key, kid)).cloned().collect())
    }

    async fn fetch(&self, issuer: Issuer<'_>) -> Result<Arc<[Jwk]>, Failure> {
        let documents = self.documents.as_ref().ok_or(Failure::Unreachable)?;
        let url = format!("{}/.well-known/openid-configuration", issuer.url.trim_end_matches('/'));
        let url = Url::parse(&url).map_err(|_| Failure::Unusable)?;
        let found: Value = json(&documents.fetch(&url, issuer.thumbprints).await?)?;
        if found["issuer"].as_str() != Some(issuer.url) {
            return Err(Failure::Unusable);
        }
        let keys = found["jwks_uri"].as_str().and_then(|text| Url::parse(text).ok()).ok_or(Failure::Unusable)?;
        if !may_point_at(&url, &keys) {
            return Err(Failure::Unusable);
        }
        let found: Value = json(&documents.fetch(&keys, issuer.thumbprints).await?)?;
        let listed = found["keys"].as_array().filter(|keys| keys.len() <= KEYS).ok_or(Failure::Unusable)?;
        // A key of a kind that is not known here is no reason to refuse the others.
        Ok(listed.iter().filter_map(|key| serde_json::from_value(key.clone()).ok()).collect())
    }
}

fn json(bytes: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(bytes).map_err(|_| Failure::Unusable)
}

/// Whether the document at `from` may send this gateway to `keys`: anywhere by HTTPS, and by plain
/// HTTP only back to where it came from itself. What a bucket of this very gateway says must not
/// choose another port of this machine.
fn may_point_at(from: &Url, keys: &Url) -> bool {
    is_secure(keys) || (is_loopback(from) && from.origin() == keys.origin())
}

fn fits(key: &Jwk, kid: Option<&str>) -> bool {
    let signs = !matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption));
    signs && kid.is_none_or(|kid| key.common.key_id.as_deref() == Some(kid))
}

pub(crate) fn is_secure(url: &Url) -> bool {
    url.scheme() == "https" && url.host().is_some()
}

/// Whether a URL is plain HTTP to this very machine, by address or as `localhost`.
pub(crate) fn is_loopback(url: &Url) -> bool {
    url.scheme() == "http"
        && match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_document_from_this_machine_does_not_choose_another_of_its_ports() {
        let may = |from: &str, keys: &str| may_point_at(&from.parse().unwrap(), &keys.parse().unwrap());
        assert!(may("https://a.example.com/x", "https://b.example.com/keys"));
        assert!(may("http://127.0.0.1:9000/bucket/x", "http://127.0.0.1:9000/bucket/keys"));
        for (from, keys) in [
            ("http://127.0.0.1:9000/bucket/x", "http://127.0.0.1:9001/metrics"),
            ("http://127.0.0.1:9000/bucket/x", "http://localhost:9000/keys"),
            ("http://127.0.0.1:9000/bucket/x", "http://192.0.2.1/keys"),
            ("https://a.example.com/x", "http://127.0.0.1:9001/metrics"),
            ("https://a.example.com/x", "http://a.example.com/keys"),
            ("https://a.example.com/x", "file:///etc/passwd"),
        ] {
            assert!(!may(from, keys), "{from} to {keys}");
        }
    }
}
