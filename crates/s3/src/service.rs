//! The edge itself: a request in, an answer out, never an error.

use std::sync::Arc;
use std::time::Duration;

use arqueta_engine::Engine;
use arqueta_engine::record::BucketDocument;
use arqueta_iam::Iam;
use arqueta_model::{BucketName, Clock, PrincipalKind, Region, Served};
use bytes::Bytes;
use http::header::{
    AUTHORIZATION, HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE, ORIGIN, RANGE,
};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body::Body as _;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, StdError, dto};

use crate::answer;
use crate::auth::{Access, Authenticator, refuse_doubled, refuse_undecoded};
use crate::body::{Digests, Watched};
use crate::cors;
use crate::exchange::{Connection, Exchange, session_token};
use crate::form::{self, Forms, Target};
use crate::gate::Gate;
use crate::host::Hosts;
use crate::ops::Operations;
use crate::public_access::PublicAccess;
use crate::query;
use crate::record::{self, Recorder};
use crate::refusal::Refusal;
use crate::signing::Signing;
use crate::subject::{self, Subject};

/// Largest XML or JSON document that a request may carry, in bytes.
const DOCUMENT_LIMIT: usize = 4 * 1024 * 1024;
/// Largest signed chunk of an aws-chunked body, in bytes: it is held until its signature is known.
const CHUNK_LIMIT: usize = 16 * 1024 * 1024;

/// Settings of the edge.
#[derive(Debug, Clone)]
pub struct EdgeConfig {
    /// The region that requests must be signed for.
    pub region: Region,
    /// Domains for virtual-host style; none for [`Hosts::defaults`].
    pub domains: Vec<String>,
    /// How long a request body may bring nothing.
    pub body_idle: Duration,
    /// Whether new buckets block public access, as those of AWS do.
    pub block_public_access: bool,
    /// Whether forms signed by Signature Version 2 are taken.
    pub signature_v2: bool,
}

impl EdgeConfig {
    /// Ordinary settings of `region`.
    #[must_use]
    pub fn new(region: Region) -> Self {
        Self {
            region,
            domains: Vec::new(),
            body_idle: Duration::from_secs(20),
            block_public_access: true,
            signature_v2: true,
        }
    }
}

/// S3 over HTTP. Cheap to share behind an `Arc`.
pub struct S3Edge {
    /// With authentication and authorization.
    guarded: S3Service,
    /// Without. Only for requests that `guarded` has admitted, see [`S3Edge::again`].
    admitted: S3Service,
    forms: Forms,
    engine: Arc<Engine>,
    clock: Arc<dyn Clock>,
    hosts: Hosts,
    recorder: Recorder,
    body_idle: Duration,
}

impl std::fmt::Debug for S3Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Edge").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

impl S3Edge {
    /// An edge over `engine`, for the identities of `iam`, whose calls go through `recorder`.
    ///
    /// # Panics
    /// Never: every [`Region`] is a region to s3s.
    #[must_use]
    pub fn new(
        engine: Arc<Engine>,
        iam: Arc<Iam>,
        clock: Arc<dyn Clock>,
        recorder: Recorder,
        config: &EdgeConfig,
    ) -> Self {
        let hosts = Hosts::new(&config.domains, &config.region);
        let settings = Arc::new(StaticConfigProvider::new(Arc::new(settings(&config.region))));
        let gate = Arc::new(Gate::new(Arc::clone(&iam), Arc::clone(&engine), config.region.clone()));
        let public_access = config.block_public_access.then_some(PublicAccess::BLOCKED);
        let service = |guarded: bool| {
            let region = config.region.clone();
            let operations = Operations::new(Arc::clone(&engine), Arc::clone(&gate), region, public_access);
            let mut builder = S3ServiceBuilder::new(operations);
            builder.set_config(Arc::clone(&settings) as Arc<_>);
            builder.set_host(hosts.clone());
            if guarded {
                builder.set_auth(Authenticator(Arc::clone(&iam)));
                builder.set_access(Access { gate: Arc::clone(&gate), recorder: recorder.clone() });
            }
            builder.build()
        };
        let (guarded, admitted) = (service(true), service(false));
        let (region, clock_of_forms) = (config.region.clone(), Arc::clone(&clock));
        let forms = Forms::new(gate, iam, recorder.clone(), clock_of_forms, region, config.signature_v2);
        Self { guarded, admitted, forms, clock, body_idle: config.body_idle, hosts, recorder, engine }
    }

    /// Answers one request that came over `connection`. The path must be in origin form; hyper's
    /// HTTP/2 requests with an authority are fine. `Expect: 100-continue` is hyper's.
    pub async fn call<B>(&self, request: Request<B>, connection: &Connection) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<StdError>,
    {
        let (parts, body) = request.into_parts();
        let token = session_token(&parts.headers, &parts.uri);
        let exchange = Exchange::begin(&parts.headers, connection, &*self.clock, token);
        let subject = Subject::of(&parts, &self.hosts);
        let question = self.cors_question(&parts).await;
        let mut answer = if subject.method == Method::OPTIONS {
            preflight(&parts, question.as_ref())
        } else if form::is_form(&subject.method, &parts.headers) {
            let work = self.form(&parts, self.watch(body, &exchange), &exchange);
            Arc::clone(&exchange).scope(work).await
        } else if self.lacks_a_form(&parts) {
            Arc::clone(&exchange).scope(async { answer::of_error(&form::not_a_form()) }).await
        } else {
            let request = self.watched(parts, body, &exchange);
            let work = self.dispatch(request, &exchange);
            Arc::clone(&exchange).scope(work).await
        };
        if let Some(allowed) = &question
            && subject.method != Method::OPTIONS
        {
            allowed.decorate(&mut answer);
        }
        let answer = answer::finish(answer, &exchange, &subject);
        let mut answer = match self.recorder.settle(answer, &exchange, &subject.method, &self.clock).await {
            Ok(answer) => answer,
            Err(unrecorded) => answer::finish(unrecorded, &exchange, &subject),
        };
        let served = served(&answer, &exchange, &subject);
        answer.extensions_mut().insert(served);
        answer
    }

    /// Answers a browser form.
    async fn form<B>(&self, parts: &http::request::Parts, body: Watched<B>, exchange: &Arc<Exchange>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<StdError>,
    {
        let host = subject::host(parts);
        let scheme = if exchange.tls().is_some() { "https" } else { "http" };
        let path = parts.uri.path().trim_matches('/');
        let (bucket, base, key) = match self.hosts.bucket(host) {
            Some(bucket) => (bucket, format!("{scheme}://{host}"), path),
            None => {
                let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
                (bucket, format!("{scheme}://{host}/{bucket}"), key)
            }
        };
        if bucket.is_empty() || !key.is_empty() || query::pairs(&parts.uri).next().is_some() {
            // A form goes to a bucket and asks for nothing beside.
            return answer::error(
                "MethodNotAllowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "The specified method is not allowed against this resource.",
            );
        }
        let target = Target { bucket, base: &base };
        // Boxed: most requests are no forms, and must not carry the room that one needs.
        match Box::pin(self.forms.accept(&parts.headers, body, exchange, target)).await {
            Ok((put, success)) => {
                let stored = self.admitted.call(put).await.unwrap_or_else(|_| unwritable());
                success.answer(stored)
            }
            Err(refused) => answer::of_error(&refused),
        }
    }

    /// Whether a request is a POST to a bucket that asks for nothing and carries no form.
    fn lacks_a_form(&self, parts: &http::request::Parts) -> bool {
        let path = parts.uri.path().trim_matches('/');
        let bucket = match self.hosts.bucket(subject::host(parts)) {
            Some(_) => path.is_empty(),
            None => !path.is_empty() && !path.contains('/'),
        };
        let asks = query::pairs(&parts.uri).any(|(name, _)| !name.to_ascii_lowercase().starts_with("x-amz-"));
        parts.method == Method::POST && bucket && !asks
    }

    fn watch<B>(&self, body: B, exchange: &Arc<Exchange>) -> Watched<B> {
        Watched::new(body, Arc::clone(exchange), Arc::clone(&self.clock), self.body_idle)
    }

    /// The request with its body under watch.
    fn watched<B>(&self, parts: http::request::Parts, body: B, exchange: &Arc<Exchange>) -> Request<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<StdError>,
    {
        if body.is_end_stream() {
            return Request::from_parts(parts, Body::empty());
        }
        let watched = self.watch(body, exchange);
        let watched = match document(&parts) {
            Some(digests) => {
                let watched = watched.with_digests(&parts.headers, digests, DOCUMENT_LIMIT);
                // A bucket policy is JSON.
                if is_json(&parts) { watched } else { watched.of_xml() }
            }
            None => watched,
        };
        Request::from_parts(parts, Body::http_body_unsync(watched))
    }

    async fn dispatch(&self, request: Request<Body>, exchange: &Exchange) -> Response<Body> {
        let signing = Signing::of(request.headers(), request.uri());
        if let Err(refused) =
            refuse_doubled(request.headers()).and_then(|()| refuse_undecoded(request.headers(), signing))
        {
            return answer::of_error(&refused);
        }
        let lenient = lenient_headers(&request);
        // These requests have no body, so they can be asked twice.
        let again = (!lenient.is_empty()).then(|| {
            let mut copy = Request::new(Body::empty());
            (*copy.method_mut(), *copy.uri_mut()) = (request.method().clone(), request.uri().clone());
            (*copy.headers_mut(), *copy.version_mut()) = (request.headers().clone(), request.version());
            copy
        });
        let answer = self.guarded.call(request).await;
        let malformed = answer.as_ref().is_ok_and(|answer| answer.status() == StatusCode::BAD_REQUEST);
        match again {
            Some(copy) if malformed && exchange.is_admitted() => self.again(lenient, copy).await,
            _ => answer.unwrap_or_else(|_| unwritable()),
        }
    }

    /// S3 ignores a malformed `Range` or date and forgives entity tags where s3s answers 400, and
    /// being signed the header cannot be changed before the signature was verified. So the request,
    /// whose signature and rights were found good, is asked again with what S3 makes of the header
    /// and without its signature.
    async fn again(
        &self,
        lenient: Vec<(HeaderName, Option<HeaderValue>)>,
        mut request: Request<Body>,
    ) -> Response<Body> {
        for (name, value) in lenient {
            match value {
                Some(value) => drop(request.headers_mut().insert(name, value)),
                None => drop(request.headers_mut().remove(name)),
            }
        }
        request.headers_mut().remove(AUTHORIZATION);
        *request.uri_mut() = unsigned(request.uri());
        self.admitted.call(request).await.unwrap_or_else(|_| unwritable())
    }

    /// What the bucket's cross-origin rules say of a request with an `Origin`.
    async fn cors_question(&self, parts: &http::request::Parts) -> Option<Allowed> {
        let text = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let origin = text(ORIGIN)?;
        let preflight = parts.method == Method::OPTIONS;
        let method = match preflight {
            true => text(http::header::ACCESS_CONTROL_REQUEST_METHOD)?,
            false => parts.method.as_str(),
        };
        let headers = match preflight {
            true => text(http::header::ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default(),
            false => "",
        };
        let bucket = self.addressed_bucket(parts)?;
        let document = self.engine.bucket(&bucket).await.ok()?.documents.get(&BucketDocument::Cors)?.clone();
        let rules = cors::from_document(&document)?;
        let rule = cors::find(&rules, &cors::Question { origin, method, headers })?.clone();
        let owned = str::to_owned;
        Some(Allowed { rule, origin: owned(origin), method: owned(method), headers: owned(headers) })
    }

    fn addressed_bucket(&self, parts: &http::request::Parts) -> Option<BucketName> {
        match self.hosts.bucket(subject::host(parts)) {
            Some(bucket) => bucket.parse().ok(),
            None => parts.uri.path().trim_start_matches('/').split('/').next()?.parse().ok(),
        }
    }
}

/// What there is to tell of a request, beside the record.
fn served(answer: &Response<Body>, exchange: &Exchange, subject: &Subject) -> Served {
    let operation = exchange.operation();
    // Before the operation is known the signature is not verified.
    let identity = exchange.identity().filter(|_| operation.is_some());
    Served {
        operation: operation.and_then(record::operation),
        who: identity.map(|identity| match identity.principal.kind {
            PrincipalKind::Anonymous => "anonymous".to_owned(),
            _ => identity.principal.arn.as_str().to_owned(),
        }),
        bucket: subject.bucket().map(Into::into),
        key: subject.key().map(Into::into),
        code: answer.extensions().get::<Refusal>().map(|refusal| refusal.code.to_string()),
    }
}

/// A cross-origin rule that allows a request, with what was asked.
struct Allowed {
    rule: cors::Rule,
    origin: String,
    method: String,
    headers: String,
}

impl Allowed {
    fn decorate(&self, answer: &mut Response<Body>) {
        let question = cors::Question { origin: &self.origin, method: &self.method, headers: &self.headers };
        cors::decorate(answer.headers_mut(), &self.rule, &question);
    }
}

fn preflight(parts: &http::request::Parts, allowed: Option<&Allowed>) -> Response<Body> {
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

/// What s3s is told (design, section 7).
fn settings(region: &Region) -> S3Config {
    let mut settings = S3Config::default();
    settings.xml_max_body_size = DOCUMENT_LIMIT;
    settings.aws_chunked_stream_max_chunk_size = CHUNK_LIMIT;
    settings.enable_sig_v2 = false;
    settings.operation_id_routing = false;
    // Forms do not reach s3s. If one did, nothing of it would be held.
    (settings.post_object_max_file_size, settings.form_max_fields_size) = (1, 1);
    settings.sig_v4_allowed_services = vec!["s3".to_owned()];
    let region = s3s::region::Region::new(region.as_str().into());
    settings.expected_region = Some(region.expect("a region of ours is a region to s3s"));
    settings
}

/// What the headers state of the body, if it is a document that s3s reads whole.
fn document(parts: &http::request::Parts) -> Option<Digests> {
    // Only `PUT` carries an object, and only without a sub-resource.
    let is_document = parts.method != Method::PUT || query::pairs(&parts.uri).any(|(name, _)| !of_objects(&name));
    let completes = parts.method == Method::POST && query::has(&parts.uri, "uploadId");
    is_document.then_some(if completes { Digests::WithoutChecksums } else { Digests::All })
}

/// Whether the document is a bucket policy, the one kind that is no XML.
fn is_json(parts: &http::request::Parts) -> bool {
    let signature = |name: &str| name.to_ascii_lowercase().starts_with("x-amz-") || name == "x-id";
    parts.method == Method::PUT
        && query::has(&parts.uri, "policy")
        && query::pairs(&parts.uri).all(|(name, _)| name == "policy" || signature(&name))
}

/// Whether a parameter may stand in the URL of a request whose body is an object or part.
fn of_objects(name: &str) -> bool {
    name.starts_with("X-Amz-") || matches!(name, "partNumber" | "uploadId" | "x-id" | "versionId")
}

/// Headers that s3s would refuse and S3 does not, each with what S3 makes of it: nothing, or an
/// entity tag in its quotes. Only of requests without a body.
fn lenient_headers(request: &Request<Body>) -> Vec<(HeaderName, Option<HeaderValue>)> {
    let read = matches!(*request.method(), Method::GET | Method::HEAD);
    let copy = request.headers().contains_key("x-amz-copy-source") && request.body().is_end_stream();
    let mut lenient = Vec::new();
    if read {
        lenient.extend(malformed_headers(request).map(|name| (name, None)));
    }
    if read || copy || *request.method() == Method::DELETE {
        lenient.extend(unquoted_tags(request).map(|(name, tag)| (name, Some(tag))));
    }
    lenient
}

/// Entity tags that lack a quote or have none and other characters than letters and digits.
fn unquoted_tags(request: &Request<Body>) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    let names = [
        IF_MATCH,
        IF_NONE_MATCH,
        HeaderName::from_static("x-amz-copy-source-if-match"),
        HeaderName::from_static("x-amz-copy-source-if-none-match"),
    ];
    names.into_iter().filter_map(|name| {
        let mut values = request.headers().get_all(&name).iter();
        let text = values.next()?.to_str().ok()?;
        let alone = values.next().is_none() && !text.is_empty();
        let refused = alone && dto::ETagCondition::parse_http_header(text.as_bytes()).is_err();
        let quoted = refused.then(|| format!("\"{}\"", text.trim_matches('"')))?;
        Some((name, HeaderValue::try_from(quoted).ok()?))
    })
}

/// Headers of a read that S3 ignores because they are malformed.
fn malformed_headers(request: &Request<Body>) -> impl Iterator<Item = HeaderName> {
    let malformed = move |name: &HeaderName| {
        let mut values = request.headers().get_all(name).iter();
        let Some(value) = values.next() else { return false };
        let text = value.to_str().unwrap_or_default();
        let good = match *name {
            RANGE => dto::Range::parse(text).is_ok(),
            _ => dto::Timestamp::parse(dto::TimestampFormat::HttpDate, text).is_ok(),
        };
        !good || values.next().is_some()
    };
    [RANGE, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE].into_iter().filter(malformed)
}

/// The URI without the parameters of a presigned URL.
fn unsigned(uri: &Uri) -> Uri {
    let kept: Vec<&str> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.to_ascii_lowercase().starts_with("x-amz-"))
        .collect();
    let path = match kept.is_empty() {
        true => uri.path().to_owned(),
        false => format!("{}?{}", uri.path(), kept.join("&")),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = path.parse().ok();
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

/// s3s cannot write an answer that repeats control characters of the request.
fn unwritable() -> Response<Body> {
    answer::error("InvalidRequest", StatusCode::BAD_REQUEST, "The request contains characters that cannot be answered.")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parts(method: Method, uri: &'static str) -> http::request::Parts {
        let mut request = Request::new(());
        (*request.method_mut(), *request.uri_mut()) = (method, Uri::from_static(uri));
        request.into_parts().0
    }

    #[test]
    fn documents_are_told_from_objects() {
        for uri in ["/b?versioning", "/b?delete", "/b/k?tagging", "/b/k?encryption", "/b?encryption"] {
            assert_eq!(document(&parts(Method::PUT, uri)), Some(Digests::All), "PUT {uri}");
        }
        for uri in ["/b?delete", "/b/k?uploads"] {
            assert_eq!(document(&parts(Method::POST, uri)), Some(Digests::All), "POST {uri}");
        }
        assert_eq!(document(&parts(Method::POST, "/b/k?uploadId=1")), Some(Digests::WithoutChecksums));
        for uri in [
            "/b/k",
            "/b/k?partNumber=1&uploadId=u",
            "/k?partNumber=1&uploadId=u",
            "/b/k?X-Amz-Signature=a",
            "/k?x-id=PutObject",
        ] {
            assert_eq!(document(&parts(Method::PUT, uri)), None, "PUT {uri}");
        }
    }

    #[test]
    fn a_presigned_uri_loses_only_its_signature() {
        let uri = Uri::from_static("/b/k%20x?versionId=a&X-Amz-Signature=1&X-Amz-Date=2&response-content-type=c");
        assert_eq!(unsigned(&uri).to_string(), "/b/k%20x?versionId=a&response-content-type=c");
        assert_eq!(unsigned(&Uri::from_static("/b?X-Amz-Signature=1")).to_string(), "/b");
    }

    #[test]
    fn malformed_headers_of_reads_are_found() {
        let found = |method: Method, name: HeaderName, value: &'static str| {
            let mut request = Request::new(Body::empty());
            *request.method_mut() = method;
            request.headers_mut().insert(name, HeaderValue::from_static(value));
            !lenient_headers(&request).is_empty()
        };
        for bad in ["bytes=5-2", "bytes=0-1,3-4", "items=0-1", "bytes=", "bytes=a-b"] {
            assert!(found(Method::GET, RANGE, bad), "{bad}");
        }
        for good in ["bytes=0-1", "bytes=5-", "bytes=-5"] {
            assert!(!found(Method::HEAD, RANGE, good), "{good}");
        }
        assert!(found(Method::GET, IF_MODIFIED_SINCE, "yesterday"));
        assert!(!found(Method::GET, IF_MODIFIED_SINCE, "Sun, 06 Nov 1994 08:49:37 GMT"));
        assert!(!found(Method::PUT, RANGE, "bytes=5-2"));
    }
}
