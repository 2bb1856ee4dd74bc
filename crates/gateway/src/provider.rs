//! The way to the identity provider at which people sign in to the console.

use std::sync::Arc;
use std::time::Duration;

use arqueta_console::Web;
use arqueta_model::Clock;
use arqueta_remote::{Http, HttpError, Reply, Secret};
use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Uri};
use zeroize::Zeroizing;

use crate::Error;
use crate::config::ConsoleOidc;

/// How long an answer may take, connecting included.
const TIME: Duration = Duration::from_secs(5);

/// Asks the provider.
pub struct Provider {
    http: Http,
    secret: Option<Secret>,
    clock: Arc<dyn Clock>,
}

impl Provider {
    /// # Errors
    /// [`Error::Config`] for an authority that cannot be read.
    pub fn new(oidc: &ConsoleOidc, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let http = Http::new(oidc.ca.as_deref(), TIME).map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            Error::Config(format!("console.oidc: {error}{cause}"))
        })?;
        Ok(Self { http, secret: oidc.secret(), clock })
    }

    async fn answer(&self, asked: impl Future<Output = Result<Reply, HttpError>>) -> Option<Reply> {
        let answered = tokio::select! {
            answered = asked => answered,
            () = self.clock.sleep(TIME) => {
                tracing::warn!("the console's identity provider does not answer in time");
                return None;
            }
        };
        answered
            .inspect_err(|error| {
                tracing::warn!(
                    error = error as &dyn std::error::Error,
                    "the console's identity provider cannot be reached"
                );
            })
            .ok()
    }
}

#[async_trait]
impl Web for Provider {
    async fn get(&self, address: &str) -> Option<Bytes> {
        let address: Uri = address.parse().ok()?;
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        let reply = self.answer(self.http.get(&address, headers)).await?;
        reply.status.is_success().then_some(reply.body)
    }

    async fn post(&self, address: &str, form: &str, authorization: Option<&str>) -> Option<Bytes> {
        let address: Uri = address.parse().ok()?;
        let mut headers = HeaderMap::from_iter([
            (ACCEPT, HeaderValue::from_static("application/json")),
            (CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded")),
        ]);
        if let Some(authorization) = authorization {
            let mut value = HeaderValue::from_str(authorization).ok()?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let body = Bytes::copy_from_slice(form.as_bytes());
        Some(self.answer(self.http.post(&address, headers, body)).await?.body)
    }

    fn secret(&self) -> Result<Option<Zeroizing<String>>, Box<dyn std::error::Error + Send + Sync>> {
        let read = self.secret.as_ref().map(Secret::read).transpose();
        Ok(read.inspect_err(|error| {
            tracing::warn!(error = error as &dyn std::error::Error, "the console's client secret cannot be read");
        })?)
    }
}
