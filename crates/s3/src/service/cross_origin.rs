//! Cross-origin requests: what the rules of the bucket say of them, and preflights.

use arqueta_engine::record::BucketDocument;
use arqueta_model::BucketName;
use http::header::{HeaderName, ORIGIN};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use s3s::Body;

use super::S3Edge;
use crate::answer;
use crate::cors;
use crate::subject;

impl S3Edge {
    /// What the bucket's cross-origin rules say of a request with an `Origin`.
    pub(super) async fn cors_question(&self, parts: &Parts) -> Option<Allowed> {
        let text = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let origin = text(ORIGIN)?;
        let preflight = parts.method == Method::OPTIONS;
        // What a preflight asks counts in other requests as well, where a client sends it.
        let asked = text(http::header::ACCESS_CONTROL_REQUEST_METHOD);
        let method = if preflight { asked? } else { asked.unwrap_or(parts.method.as_str()) };
        let headers = asked.and_then(|_| text(http::header::ACCESS_CONTROL_REQUEST_HEADERS)).unwrap_or_default();
        let bucket = self.addressed_bucket(parts)?;
        let document = self.engine.buckets().get(&bucket).await.ok()?.documents.get(&BucketDocument::Cors)?.clone();
        let rules = cors::from_document(&document)?;
        let rule = cors::find(&rules, &cors::Question { origin, method, headers })?.clone();
        let owned = str::to_owned;
        Some(Allowed { rule, origin: owned(origin), method: owned(method), headers: owned(headers) })
    }

    fn addressed_bucket(&self, parts: &Parts) -> Option<BucketName> {
        match self.hosts.bucket(subject::host(parts)) {
            Some(bucket) => bucket.parse().ok(),
            None => parts.uri.path().trim_start_matches('/').split('/').next()?.parse().ok(),
        }
    }
}

/// A cross-origin rule that allows a request, with what was asked.
pub(super) struct Allowed {
    rule: cors::Rule,
    origin: String,
    method: String,
    headers: String,
}

impl Allowed {
    pub(super) fn decorate(&self, answer: &mut Response<Body>) {
        let question = cors::Question { origin: &self.origin, method: &self.method, headers: &self.headers };
        cors::decorate(answer.headers_mut(), &self.rule, &question);
    }
}

/// The answer to a preflight.
pub(super) fn preflight(parts: &Parts, allowed: Option<&Allowed>) -> Response<Body> {
    match allowed {
        Some(allowed) => {
            let mut answer = Response::new(Body::empty());
            allowed.decorate(&mut answer);
            answer
        }
        None if parts.headers.contains_key(ORIGIN) => answer::error(
            "AccessForbidden",
            StatusCode::FORBIDDEN,
            "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
        ),
        None => answer::error(
            "BadRequest",
            StatusCode::BAD_REQUEST,
            "Insufficient information. Origin request header needed.",
        ),
    }
}
