//! HTTP to a Vault server: connections that are kept, its headers, its errors.

use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

use arqueta_kms::HolderError;
use arqueta_model::RequestId;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::VaultSettings;
use crate::aws::address;
use crate::error::{Seen, SetupError, read};
use crate::web::{Connections, connections};

const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
/// Tells a proxy of the server that this is a client and no forged browser request.
const REQUEST: HeaderName = HeaderName::from_static("x-vault-request");
/// The request that a call is for: in the server's audit where its operator lists the header
/// (`sys/config/auditing/request-headers`).
const FOR: HeaderName = HeaderName::from_static("x-arqueta-request-id");
/// Largest answer: several times the largest plaintext.
const MAX_ANSWER: usize = 256 * 1024;

pub(super) struct Client {
    http: Connections,
    /// `https://host/v1/<mount>/`
    base: String,
    namespace: Option<HeaderValue>,
    token_file: PathBuf,
    token: RwLock<HeaderValue>,
}

impl Client {
    pub(super) fn new(settings: &VaultSettings) -> Result<Self, SetupError> {
        let mount = settings.mount.trim_matches('/');
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/');
        if mount.is_empty() || !mount.bytes().all(fits) || mount.contains("..") {
            return Err(SetupError::Value("mount path"));
        }
        let namespace = settings.namespace.as_ref().map(|name| HeaderValue::from_str(name)).transpose();
        Ok(Self {
            http: connections(settings.ca.as_deref(), settings.connect)?,
            base: format!("{}/v1/{mount}/", address(&settings.address)?),
            namespace: namespace.map_err(|_| SetupError::Value("namespace"))?,
            token: RwLock::new(token(&settings.token_file)?),
            token_file: settings.token_file.clone(),
        })
    }

    /// Sends one request. A refused token is read again from its file, once.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Zeroizing<Vec<u8>>,
        for_: Option<&RequestId>,
    ) -> Result<Answer, HolderError> {
        // Wiped when the last of them is dropped.
        let body = Bytes::from_owner(Wiped(body));
        let used = self.token();
        let answer = self.once(&method, path, body.clone(), for_, used.clone()).await?;
        if answer.status != StatusCode::FORBIDDEN {
            return Ok(answer);
        }
        match token(&self.token_file) {
            Ok(fresh) if fresh != used => {
                *self.token.write().unwrap_or_else(PoisonError::into_inner) = fresh.clone();
                self.once(&method, path, body, for_, fresh).await
            }
            _ => Ok(answer),
        }
    }

    fn token(&self) -> HeaderValue {
        self.token.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn once(
        &self,
        method: &Method,
        path: &str,
        body: Bytes,
        for_: Option<&RequestId>,
        token: HeaderValue,
    ) -> Result<Answer, HolderError> {
        let mut request = Request::builder()
            .method(method)
            .uri([&self.base, path].concat())
            .header(CONTENT_TYPE, "application/json")
            .header(REQUEST, "true")
            .header(TOKEN, token);
        if let Some(namespace) = &self.namespace {
            request = request.header(NAMESPACE, namespace.clone());
        }
        if let Some(id) = for_ {
            request = request.header(FOR, id.to_string());
        }
        let request = request.body(Full::new(body)).map_err(|_| HolderError::UnknownKey)?;
        let answer = self.http.request(request).await.map_err(HolderError::unavailable)?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await.map_err(HolderError::Unavailable)?;
        Ok(Answer { status, body: Zeroizing::new(body.to_bytes().to_vec()) })
    }
}

/// A buffer that is wiped, as an owner of bytes.
struct Wiped(Zeroizing<Vec<u8>>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn token(path: &std::path::Path) -> Result<HeaderValue, SetupError> {
    let bytes = Zeroizing::new(read(path)?);
    let mut token = HeaderValue::from_bytes(bytes.trim_ascii()).map_err(|_| SetupError::Value("token"))?;
    token.set_sensitive(true);
    if token.is_empty() { Err(SetupError::Value("token")) } else { Ok(token) }
}

/// An answer of the server, which may hold a plaintext.
pub(super) struct Answer {
    status: StatusCode,
    body: Zeroizing<Vec<u8>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Errors {
    errors: Vec<String>,
}

impl Answer {
    fn errors(&self) -> String {
        serde_json::from_slice::<Errors>(&self.body).unwrap_or_default().errors.join("; ")
    }

    fn is_about_a_missing_key(&self) -> bool {
        let said = self.errors();
        self.status == StatusCode::NOT_FOUND
            || (self.status == StatusCode::BAD_REQUEST
                && ["key not found", "no existing key named", "could not delete"]
                    .iter()
                    .any(|words| said.contains(words)))
    }

    /// Whether the engine refuses what was sent, and not the key or the sender.
    pub(super) fn is_about_its_input(&self) -> bool {
        self.status == StatusCode::BAD_REQUEST && !self.is_about_a_missing_key()
    }

    /// Itself, if the server did what it was asked (Vault API, "HTTP status codes").
    pub(super) fn success(self) -> Result<Self, HolderError> {
        let seen = || Seen(format!("{}: {}", self.status.as_u16(), self.errors()));
        match self.status.as_u16() {
            200..=299 => Ok(self),
            _ if self.is_about_a_missing_key() => Err(HolderError::UnknownKey),
            429 => Err(HolderError::Throttled),
            // 412: a node that has not caught up; 472 and 473: a standby; 503: sealed.
            412 | 472 | 473 | 500.. | 300..=399 => Err(HolderError::unavailable(seen())),
            _ => Err(HolderError::Denied(seen().into())),
        }
    }

    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, HolderError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let place = (error.line(), error.column());
            HolderError::unavailable(Seen(format!(
                "the answer is not the engine's at line {}, column {}",
                place.0, place.1
            )))
        })
    }
}
