//! The administration port: `/healthz`, `/readyz`, `/metrics`, `/audit/head`. Unauthenticated, so
//! it listens on loopback by default and says nothing about objects.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;

use crate::metrics::Metrics;
use crate::record::SealedRecord;

/// Answers for the administration port.
#[derive(Clone)]
pub struct Admin {
    metrics: Arc<Metrics>,
    record: Option<Arc<SealedRecord>>,
    ready: Arc<AtomicBool>,
}

impl Admin {
    /// Not ready until [`Admin::set_ready`].
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, record: Option<Arc<SealedRecord>>) -> Self {
        Self { metrics, record, ready: Arc::default() }
    }

    /// Whether requests are served; false again once draining begins.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Release);
    }

    /// One answer.
    #[must_use]
    pub fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned());
        }
        match request.uri().path() {
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
            _ => text(StatusCode::NOT_FOUND, "only /healthz, /readyz, /metrics and /audit/head\n".to_owned()),
        }
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::from(body)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}
