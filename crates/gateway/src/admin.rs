//! The administration port: `/healthz`, `/readyz`, `/metrics`, `/audit/head`, `/keys/<key>/usage`.
//! Unauthenticated, so it listens on loopback by default and says of objects no more than how many of
//! a bucket depend on a key.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response, StatusCode, header};
use http_body_util::Full;

use crate::dependents::DependentsDesk;
use crate::metrics::Metrics;
use crate::record::SealedRecord;

/// Answers for the administration port.
#[derive(Clone)]
pub struct Admin {
    metrics: Arc<Metrics>,
    record: Option<Arc<SealedRecord>>,
    dependents: Arc<DependentsDesk>,
    ready: Arc<AtomicBool>,
}

impl Admin {
    /// Not ready until [`Admin::set_ready`].
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, record: Option<Arc<SealedRecord>>, dependents: Arc<DependentsDesk>) -> Self {
        Self { metrics, record, dependents, ready: Arc::default() }
    }

    /// Whether requests are served; false again once draining begins.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    /// One answer.
    pub async fn answer(&self, request: &Parts) -> Response<Full<Bytes>> {
        if request.method != Method::GET && request.method != Method::HEAD {
            return text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned());
        }
        match request.uri.path() {
            "/healthz" => text(StatusCode::OK, "ok\n".to_owned()),
            "/readyz" if self.ready.load(Ordering::Acquire) => text(StatusCode::OK, "ready\n".to_owned()),
            "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "not ready\n".to_owned()),
            "/metrics" => {
                let mut answer = text(StatusCode::OK, self.metrics.render());
                answer.headers_mut().insert(
                    header::CONTENT_TYPE,
                    http::HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8"),
                );
                answer
            }
            "/audit/head" => match &self.record {
                Some(record) => text(StatusCode::OK, String::from_utf8_lossy(&record.head()).into_owned()),
                None => text(StatusCode::NOT_FOUND, "the record is not kept here\n".to_owned()),
            },
            path => match path.strip_prefix("/keys/").and_then(|rest| rest.strip_suffix("/usage")) {
                Some(key) => self.usage(key).await,
                None => {
                    let known = "only /healthz, /readyz, /metrics, /audit/head and /keys/<key>/usage\n";
                    text(StatusCode::NOT_FOUND, known.to_owned())
                }
            },
        }
    }

    async fn usage(&self, key: &str) -> Response<Full<Bytes>> {
        match self.dependents.usage(key).await {
            Ok(Some(usage)) => json(StatusCode::OK, &usage),
            Ok(None) => json(StatusCode::ACCEPTED, &serde_json::json!({ "recordsRead": self.dependents.seen() })),
            Err(error) => {
                tracing::warn!(%error, "what depends on keys could not be read");
                text(StatusCode::SERVICE_UNAVAILABLE, "the metadata cannot be read; see the log\n".to_owned())
            }
        }
    }
}

fn json(status: StatusCode, value: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut answer = text(status, format!("{value}\n"));
    answer.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    answer
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}
