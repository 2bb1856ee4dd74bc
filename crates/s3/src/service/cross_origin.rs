//! Cross-origin requests: what the rules of the bucket say of them, and preflights.

use arqueta_engine::record::BucketDocument;
use arqueta_model::BucketName;
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, HeaderName, ORIGIN};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use s3s::Body;

use super::S3Edge;
use crate::answer;
use crate::cors;
use crate::refusal::Refusal;
use crate::subject;

impl S3Edge {
    /// What the bucket's cross-origin rules say of a request with an `Origin`.
    pub(super) async fn cors_question(&self, parts: &Parts) -> Option<Allowed> {
        let text = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let origin = text(ORIGIN)?;
        let preflight = parts.method == Method::OPTIONS;
        // What a preflight asks counts in other requests as well, where a client sends it.
        let asked = text(ACCESS_CONTROL_REQUEST_METHOD);
        let method = if preflight { asked? } else { asked.unwrap_or(parts.method.as_str()) };
        let headers = asked.and_then(|_| text(http::header::ACCESS_CONTROL_REQUEST_HEADERS)).unwrap_or_default();
        let bucket = self.addressed_bucket(parts)?;
        let document = self.engine.buckets().get(&bucket).await.ok()?.documents.get(&BucketDocument::Cors)?.clone();
        let rules = cors::from_document(&document)?;
        let rule = cors::find(&rules, &cors::Question { origin, method, headers })?.clone();
        let owned = str::to_owned;
        Some(Allowed { rule, origin: owned(origin), method: owned(method), headers: owned(headers) })
    }

    /// The answer to a preflight.
    pub(super) fn preflight(&self, parts: &Parts, allowed: Option<&Allowed>) -> Response<Body> {
        let Some(allowed) = allowed else { return self.not_allowed(parts) };
        let mut answer = Response::new(Body::empty());
        allowed.decorate(&mut answer);
        answer
    }

    /// Whether there is no such bucket, it has no rules, or none that allows this, is not told: nobody
    /// signed the question.
    fn not_allowed(&self, parts: &Parts) -> Response<Body> {
        if !parts.headers.contains_key(ORIGIN) {
            let message = "Insufficient information. Origin request header needed.";
            return answer::error("BadRequest", StatusCode::BAD_REQUEST, message);
        }
        let mut refusal = Refusal::new(
            "AccessForbidden",
            StatusCode::FORBIDDEN,
            "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
        );
        let asked = parts.headers.get(ACCESS_CONTROL_REQUEST_METHOD).and_then(|method| method.to_str().ok());
        refusal.details.push(("Method", asked.unwrap_or(parts.method.as_str()).to_owned()));
        refusal.details.push(("ResourceType", self.addressed_type(parts).to_owned()));
        answer::refused(refusal)
    }

    fn addressed_type(&self, parts: &Parts) -> &'static str {
        let path = parts.uri.path().trim_start_matches('/');
        let is_object = match self.hosts.bucket(subject::host(parts)) {
            Some(_) => !path.is_empty(),
            None => path.split_once('/').is_some_and(|(_, key)| !key.is_empty()),
        };
        if is_object { "OBJECT" } else { "BUCKET" }
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
