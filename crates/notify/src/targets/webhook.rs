//! A webhook: an event is one POST, signed.
//!
//! ```text
//! X-Arqueta-Signature: t=<seconds since the epoch>,v1=<hex>
//! <hex> = HMAC-SHA-256(secret, <seconds> ‖ "." ‖ body)
//! ```

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arqueta_model::Clock;
use arqueta_remote::{Http, Secret, SetupError};
use async_trait::async_trait;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use http::{HeaderMap, Uri};
use sha2::Sha256;

use crate::message::Message;
use crate::target::{Failure, Target};

/// When and by whom it was signed.
const SIGNATURE: HeaderName = HeaderName::from_static("x-arqueta-signature");
/// The same for every repetition of an event.
const ID: HeaderName = HeaderName::from_static("x-arqueta-event-id");
/// The event's name.
const EVENT: HeaderName = HeaderName::from_static("x-arqueta-event");

/// Where a webhook is.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// `https://hooks.example.com/s3`
    pub url: String,
    /// The secret that events are signed with.
    pub secret: Option<Secret>,
    /// A token that is sent as `Authorization: Bearer`.
    pub token: Option<Secret>,
    /// PEM file of the certificate authority; the system's if absent.
    pub ca: Option<PathBuf>,
    /// How long connecting may take.
    pub connect: Duration,
}

/// A webhook.
pub struct Webhook {
    http: Http,
    url: Uri,
    secret: Option<Secret>,
    token: Option<Secret>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An address may carry a token.
        f.debug_struct("Webhook").field("host", &self.url.host()).finish_non_exhaustive()
    }
}

impl Webhook {
    /// Nothing is connected yet. Secrets are read here once, and again for each event, so that who
    /// renews them needs no restart.
    ///
    /// # Errors
    /// [`SetupError`] for an address that is none, and files that cannot be read.
    pub fn new(settings: WebhookSettings, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        let WebhookSettings { url, secret, token, ca, connect } = settings;
        let parsed: Option<Uri> = url
            .parse()
            .ok()
            .filter(|uri: &Uri| uri.host().is_some() && matches!(uri.scheme_str(), Some("http" | "https")));
        // Not repeated: it may carry a token.
        let parsed = parsed.ok_or(SetupError::Value("url"))?;
        for secret in secret.iter().chain(&token) {
            if secret.read()?.is_empty() {
                return Err(SetupError::Value("secret"));
            }
        }
        Ok(Self { http: Http::new(ca.as_deref(), connect)?, url: parsed, secret, token, clock })
    }

    fn headers(&self, message: &Message) -> Result<HeaderMap, Failure> {
        let unreadable = |error: SetupError| Failure::unavailable(&error);
        let text = |text: &str| HeaderValue::from_str(text).map_err(|error| Failure::unavailable(&error));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("Arqueta/", env!("CARGO_PKG_VERSION"))));
        headers.insert(ID, text(&message.id)?);
        headers.insert(EVENT, HeaderValue::from_static(message.event));
        if let Some(secret) = &self.secret {
            let secret = secret.read().map_err(unreadable)?;
            headers.insert(SIGNATURE, text(&signature(secret.as_bytes(), self.clock.now().seconds(), &message.body))?);
        }
        if let Some(token) = &self.token {
            let token = token.read().map_err(unreadable)?;
            let mut value = text(&format!("Bearer {}", token.as_str()))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(headers)
    }
}

fn signature(secret: &[u8], seconds: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body);
    format!("t={seconds},v1={}", hex::encode(mac.finalize().into_bytes()))
}

#[async_trait]
impl Target for Webhook {
    async fn send(&self, message: &Message) -> Result<(), Failure> {
        let headers = self.headers(message)?;
        let reply = self.http.post(&self.url, headers, message.body.clone()).await;
        let reply = reply.map_err(|error| Failure::unavailable(&error))?;
        Failure::of_status(reply.status.as_u16()).map_or(Ok(()), Err)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use arqueta_model::ManualClock;

    use super::*;

    #[test]
    fn a_signature_covers_time_and_body() {
        // `printf '5.{}' | openssl dgst -sha256 -hmac secret`
        let signed = signature(b"secret", 5, b"{}");
        assert_eq!(signed, "t=5,v1=f18d2fcd9a24151471e3e2d71bc7ce901fb7b89b341918a08f95e9ffc497ea26");
        assert_ne!(signature(b"secret", 6, b"{}"), signed);
        assert_ne!(signature(b"secret", 5, b"{ }"), signed);
        assert_ne!(signature(b"Secret", 5, b"{}"), signed);
    }

    #[test]
    fn addresses_are_http_and_are_not_shown() {
        let settings = |url: &str| WebhookSettings {
            url: url.to_owned(),
            secret: None,
            token: None,
            ca: None,
            connect: Duration::from_secs(1),
        };
        let clock = || Arc::new(ManualClock::default());
        let hook = Webhook::new(settings("http://127.0.0.1:1/path?token=hidden"), clock()).unwrap();
        assert!(!format!("{hook:?}").contains("hidden"));
        for url in ["", "127.0.0.1:80", "ftp://host/", "/path", "http://"] {
            let error = Webhook::new(settings(url), clock()).unwrap_err();
            assert!(matches!(error, SetupError::Value("url")), "{url}");
        }
        let unset = WebhookSettings {
            secret: Some(Secret::Variable("ARQUETA_TEST_IS_NOT_SET".to_owned())),
            ..settings("http://127.0.0.1:1/")
        };
        assert!(matches!(Webhook::new(unset, clock()).unwrap_err(), SetupError::Variable(_)));
    }
}
