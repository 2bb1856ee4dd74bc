//! The edge itself: a request in, an answer out, never an error.

mod account;
mod closing;
mod config;
mod cross_origin;
mod intake;
mod site;

use std::sync::Arc;
use std::time::Duration;

use arqueta_call::signature::SigningKeys;
use arqueta_call::{Connection, Visitor};
use arqueta_engine::lifecycle::Calendar;
use arqueta_engine::notifications::witnessed;
use arqueta_engine::{Engine, Error};
use arqueta_iam::Iam;
use arqueta_model::{Clock, PrincipalKind, Served};
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, S3Error, S3Result, StdError, s3_error};

use crate::answer;
use crate::auth::{self, Access, NoSecrets, refuse_doubled, refuse_undecoded};
use crate::body::Watched;
use crate::document;
use crate::error;
use crate::exchange::{Exchange, session_token};
use crate::form::{self, Forms, Target};
use crate::gate::Gate;
use crate::host::Hosts;
use crate::leftover;
use crate::minio;
use crate::ops::Operations;
use crate::public_access::PublicAccess;
use crate::query;
use crate::record::Recorder;
use crate::refusal::Refusal;
use crate::resources::{self, On};
use crate::signature::{self, Rules, Verified, Verifier};
use crate::signing::Signing;
use crate::subject::{self, Subject};
use crate::tidy::tidy;
use closing::Closing;
pub use config::EdgeConfig;
use cross_origin::Allowed;

/// Most tags of an object.
const MOST_TAGS: usize = 10;
const TOO_MANY_TAGS: &str = "Object tags cannot be greater than 10";

/// S3 over HTTP. Cheap to share behind an `Arc`.
pub struct S3Edge {
    /// With authorization.
    guarded: S3Service,
    /// Without. Only for the PUTs that stand for forms, which are decided before.
    admitted: S3Service,
    verifier: Verifier,
    forms: Forms,
    engine: Arc<Engine>,
    clock: Arc<dyn Clock>,
    hosts: Hosts,
    /// Under which buckets are websites.
    sites: Option<Hosts>,
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
    #[must_use]
    pub fn new(
        engine: Arc<Engine>,
        iam: Arc<Iam>,
        clock: Arc<dyn Clock>,
        recorder: Recorder,
        config: &EdgeConfig,
    ) -> Self {
        let hosts = Hosts::new(&config.domains, &config.region);
        let under = &config.website_domains;
        let sites = (!under.is_empty()).then(|| Hosts::new(under, &config.region));
        let settings = Arc::new(StaticConfigProvider::new(Arc::new(settings())));
        let gate = Arc::new(Gate::new(Arc::clone(&iam), Arc::clone(&engine), config.region.clone()));
        let public_access = config.block_public_access.then_some(PublicAccess::BLOCKED);
        let service = |guarded: bool| {
            let region = config.region.clone();
            let operations =
                Operations::new(Arc::clone(&engine), Arc::clone(&gate), region, recorder.clone(), public_access)
                    .by(Calendar::of_days(config.lifecycle_day))
                    .showing(!config.website_domains.is_empty())
                    .replicating(config.elsewhere.clone());
            let mut builder = S3ServiceBuilder::new(operations);
            builder.set_config(Arc::clone(&settings) as Arc<_>);
            builder.set_host(hosts.clone());
            if guarded {
                builder.set_auth(NoSecrets);
                builder.set_access(Access { gate: Arc::clone(&gate), recorder: recorder.clone() });
            }
            builder.build()
        };
        let (guarded, admitted) = (service(true), service(false));
        let rules =
            Rules { region: config.region.clone(), any_region: config.any_region, version_2: config.signature_v2 };
        let keys = SigningKeys::new();
        let verifier = Verifier::new(Arc::clone(&iam), Arc::clone(&clock), rules, keys.clone());
        let forms = Forms {
            gate,
            iam,
            recorder: recorder.clone(),
            clock: Arc::clone(&clock),
            region: config.region.clone(),
            signature_v2: config.signature_v2,
            keys,
        };
        Self { guarded, admitted, verifier, forms, clock, body_idle: config.body_idle, hosts, sites, recorder, engine }
    }

    /// Whether `host` names a bucket, so that the path of a request to it is a key.
    #[must_use]
    pub fn is_bucket_host(&self, host: &str) -> bool {
        self.hosts.bucket(host).is_some() || self.sites.as_ref().is_some_and(|sites| sites.bucket(host).is_some())
    }

    /// Answers one request that came over `connection`. The path must be in origin form; hyper's
    /// HTTP/2 requests with an authority are fine. `Expect: 100-continue` is hyper's.
    pub async fn call<B>(&self, request: Request<B>, connection: &Connection) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<StdError>,
    {
        let (parts, body) = request.into_parts();
        let site = self.sites.as_ref().and_then(|sites| sites.bucket(subject::host(&parts))).map(str::to_owned);
        let request = Request::from_parts(parts, body);
        if let Some(bucket) = site {
            // Boxed: it has room for the requests that it makes of its own.
            return Box::pin(self.site(request, &bucket, connection)).await;
        }
        // What it changes and the event that tells it belong together.
        arqueta_audit::call(self.answer(request, connection)).await
    }

    async fn answer<B>(&self, request: Request<B>, connection: &Connection) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<StdError>,
    {
        let (parts, body) = request.into_parts();
        let token = session_token(&parts.headers, &parts.uri);
        let exchange = Exchange::begin((&parts.headers, &parts.uri), connection, &*self.clock, token);
        if let Some(visitor) = parts.extensions.get::<Arc<Visitor>>() {
            exchange.admission().receive(Arc::clone(visitor));
        }
        let subject = Subject::of(&parts, &self.hosts);
        let closing = Closing::of(&parts);
        let (body, leftover) = leftover::lend(body);
        let question = self.cors_question(&parts).await;
        let work = self.route(parts, body, &exchange, question.as_ref());
        let witness = Arc::clone(&exchange) as Arc<dyn arqueta_engine::notifications::Witness>;
        let mut answer = witnessed(witness, Arc::clone(&exchange).scope(work)).await;
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
        if !closing.can_go_on(leftover, &self.clock).await {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let served = served(&answer, &exchange, &subject);
        answer.extensions_mut().insert(served);
        answer
    }

    async fn route<B>(
        &self,
        parts: Parts,
        body: B,
        exchange: &Arc<Exchange>,
        question: Option<&Allowed>,
    ) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<StdError>,
    {
        if parts.method == Method::OPTIONS {
            self.preflight(&parts, question)
        } else if let Some(answer) = self.minio(&parts).await {
            answer
        } else if subject::is_of_account(&parts.headers, &parts.uri) {
            // Boxed, as forms are: hardly any request is one.
            Box::pin(self.account(parts, body, exchange)).await
        } else if let Err(refused) = self.refused(&parts) {
            answer::of_error(&refused)
        } else if form::is_form(&parts.method, &parts.headers) {
            self.form(&parts, self.watch(body, exchange), exchange).await
        } else if auth::is_object_lambda(&parts) && self.hosts.bucket(subject::host(&parts)).is_none() {
            answer::of_error(&self.object_lambda(&parts, exchange).await)
        } else if self.lacks_a_form(&parts) {
            answer::of_error(&form::not_a_form())
        } else {
            self.dispatch(parts, body, exchange).await
        }
    }

    /// Answers a browser form.
    async fn form<B>(&self, parts: &Parts, body: Watched<B>, exchange: &Arc<Exchange>) -> Response<Body>
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

    async fn object_lambda(&self, parts: &Parts, exchange: &Exchange) -> S3Error {
        match self.verified(parts, exchange).await {
            Ok(verified) => {
                exchange.sign(verified.signing);
                auth::refuse_object_lambda(&self.forms.gate, &self.recorder, exchange, parts)
            }
            Err(refused) => refused,
        }
    }

    /// Whether a request is a POST to a bucket that asks for nothing and carries no form.
    fn lacks_a_form(&self, parts: &Parts) -> bool {
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

    /// Answers anything but a preflight and a form.
    async fn dispatch<B>(&self, mut parts: Parts, body: B, exchange: &Arc<Exchange>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<StdError>,
    {
        let verified = match self.verified(&parts, exchange).await {
            Ok(verified) => verified,
            Err(refused) => return answer::of_error(&refused),
        };
        exchange.sign(verified.signing);
        signature::strip(&mut parts);
        let presigned = matches!(verified.signing, Signing::Query | Signing::QueryV2);
        tidy(&mut parts, presigned, exchange.info().received);
        if let Err(refused) = resources::check_numbers(&parts.uri) {
            return answer::of_error(&refused);
        }
        let heads = parts.method == Method::HEAD && self.target(&parts) == On::Service;
        if heads {
            // It says what a GET would, without the list.
            parts.method = Method::GET;
        }
        let request = match self.prepared(parts, body, verified.payload, exchange) {
            Ok(request) => request,
            Err(fault) => return answer::refused(fault.refusal()),
        };
        let mut answer = self.guarded.call(request).await.unwrap_or_else(|_| unwritable());
        if heads {
            answer.headers_mut().remove(CONTENT_LENGTH);
            *answer.body_mut() = Body::empty();
        }
        answer
    }

    async fn verified(&self, parts: &Parts, exchange: &Exchange) -> S3Result<Verified> {
        let bucket = self.hosts.bucket(subject::host(parts));
        let verified = signature::verify(&self.verifier, parts, bucket, exchange).await?;
        refuse_undecoded(&parts.headers, verified.signing)?;
        Ok(verified)
    }

    /// What a request may not be, whoever sends it.
    fn refused(&self, parts: &Parts) -> S3Result<()> {
        let on = self.target(parts);
        resources::check(&parts.method, &parts.uri, on)?;
        refuse_doubled(&parts.headers)?;
        refuse_many_tags(&parts.headers)?;
        let first = parts.uri.path().trim_start_matches('/').split('/').next().unwrap_or_default();
        let slashed = first.as_bytes().windows(3).any(|at| at.eq_ignore_ascii_case(b"%2f"));
        if slashed && self.hosts.bucket(subject::host(parts)).is_none() {
            // Whoever reads the path before us took this for one name.
            return Err(s3_error!(InvalidBucketName, "The specified bucket is not valid."));
        }
        Ok(())
    }

    fn target(&self, parts: &Parts) -> On {
        let subject = Subject::of(parts, &self.hosts);
        match (subject.bucket(), subject.key()) {
            (_, Some(_)) => On::Object,
            (Some(_), None) => On::Bucket,
            (None, None) => On::Service,
        }
    }

    /// MinIO's addresses, where no bucket has them.
    async fn minio(&self, parts: &Parts) -> Option<Response<Body>> {
        let answer = minio::answer(&parts.method, parts.uri.path())?;
        if self.hosts.bucket(subject::host(parts)).is_some() {
            return None;
        }
        let taken = self.engine.buckets().get(&minio::BUCKET.parse().ok()?).await.is_ok();
        (!taken).then_some(answer)
    }
}

/// What there is to tell of a request, beside the record.
fn served(answer: &Response<Body>, exchange: &Exchange, subject: &Subject) -> Served {
    let operation = exchange.operation();
    // Before the operation is known the signature is not verified.
    let identity = exchange.identity().filter(|_| operation.is_some());
    Served {
        operation: operation.map(|row| row.name),
        who: identity.map(|identity| match identity.principal.kind {
            PrincipalKind::Anonymous => "anonymous".to_owned(),
            _ => identity.principal.arn.as_str().to_owned(),
        }),
        bucket: subject.bucket().map(Into::into),
        key: subject.key().map(Into::into),
        code: answer.extensions().get::<Refusal>().map(|refusal| refusal.code.to_string()),
    }
}

/// What s3s is told.
fn settings() -> S3Config {
    let mut settings = S3Config::default();
    settings.xml_max_body_size = document::LIMIT;
    settings.enable_sig_v2 = false;
    settings.operation_id_routing = false;
    // Forms do not reach s3s. If one did, nothing of it would be held.
    (settings.post_object_max_file_size, settings.form_max_fields_size) = (1, 1);
    // A write that names no length is refused: none was lost on the way.
    settings.normalize_content_length = false;
    settings
}

/// Refuses more tags than an object can have, before a policy is asked about each of them.
fn refuse_many_tags(headers: &HeaderMap) -> S3Result<()> {
    let pairs = headers.get_all("x-amz-tagging").iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b'&'));
    match pairs.filter(|pair| !pair.is_empty()).nth(MOST_TAGS) {
        Some(_) => Err(error::of_engine(&Error::TooManyTags { message: TOO_MANY_TAGS })),
        None => Ok(()),
    }
}

/// s3s cannot write an answer that repeats control characters of the request.
fn unwritable() -> Response<Body> {
    answer::error("InvalidRequest", StatusCode::BAD_REQUEST, "The request contains characters that cannot be answered.")
}
