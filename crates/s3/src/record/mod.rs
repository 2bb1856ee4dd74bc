//! What S3 calls leave in the record (CloudTrail): every call that administers buckets, and those
//! on objects that a trail selects.
//!
//! A call that changes something is announced after it was allowed and before it takes effect: its
//! event is part of what it commits first ([`arqueta_audit::begin`]), so no change takes effect without
//! a trace of it, and none is answered without its event. It is found out first whether events can be
//! written at all; only what stops being written in the middle of a call is answered with a failure and
//! may be there. Refusals of what nobody signed are told on their own time
//! ([`strangers`]).

mod document;
pub mod draft;
mod parameters;
mod strangers;

use std::net::IpAddr;
use std::sync::Arc;

use arqueta_audit::{AuditSink, Event, EventBuilder, Resource};
use arqueta_call::{Operation, Parameters, S3, Service};
use arqueta_model::{AccountId, Clock, PrincipalKind, Region, Timestamp};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Method, Response, StatusCode, Uri};
use http_body::Body as _;
use s3s::{Body, S3Error, S3Result};
use serde_json::{Map, Value, json};

use crate::answer;
use crate::error::unrecorded;
use crate::exchange::Exchange;
use crate::signing::Signing;
use draft::{Copied, Draft};
use strangers::{Fate, More, Strangers};

/// Which calls on objects are recorded. The calls on a bucket's objects as a whole, such as
/// listings, are asked about with an empty key.
pub trait DataSelection: Send + Sync {
    /// Whether a trail of `account` wants events of this object.
    fn wants(&self, account: &AccountId, bucket: &str, key: &str, read_only: bool) -> bool;
}

/// Selects nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoDataEvents;

impl DataSelection for NoDataEvents {
    fn wants(&self, _: &AccountId, _: &str, _: &str, _: bool) -> bool {
        false
    }
}

/// How many of the objects are named that the caller was not let at.
const NAMED: usize = 4;

/// Records the calls of the edge.
#[derive(Clone)]
pub struct Recorder {
    calls: arqueta_call::Recorder,
    selection: Arc<dyn DataSelection>,
    strangers: Arc<Strangers>,
}

/// What of a request goes into the record.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The operation.
    pub operation: &'static Operation,
    /// Bucket of the path.
    pub bucket: Option<&'a str>,
    /// Key of the path.
    pub key: Option<&'a str>,
    /// Headers.
    pub headers: &'a HeaderMap,
    /// Path and query.
    pub uri: &'a Uri,
    /// How it was signed.
    pub signing: Signing,
}

impl Recorder {
    /// Records into `audit` what happens in `region`.
    #[must_use]
    pub fn new(audit: Arc<dyn AuditSink>, selection: Arc<dyn DataSelection>, region: Region) -> Self {
        Self { calls: arqueta_call::Recorder::new(audit, region), selection, strangers: Arc::default() }
    }

    /// What will be recorded of a call whose caller is known; nothing for calls on objects that
    /// nobody selected at this moment, except where only the body tells which objects are meant. A
    /// copy concerns those who selected its source, too.
    #[must_use]
    pub fn draft(&self, exchange: &Exchange, asked: Asked<'_>, source: Option<Copied>) -> Option<Draft> {
        let operation = asked.operation;
        let owner = exchange.bucket().map(|bucket| &bucket.owner);
        let wanted = operation.is_management() || operation.objects_in_body || {
            let (bucket, key) = (asked.bucket.unwrap_or_default(), asked.key.unwrap_or_default());
            self.selects(exchange, owner, bucket, key, !operation.writes())
                || source.as_ref().is_some_and(|source| self.selects_source(exchange, source))
        };
        wanted.then(|| Draft {
            operation,
            bucket: asked.bucket.map(str::to_owned),
            keys: asked.key.map(str::to_owned).into_iter().collect(),
            owner: owner.cloned(),
            source,
            parameters: match operation.parameters {
                Parameters::Hidden => parameters::named(asked.bucket, asked.key),
                _ => parameters::of(asked.bucket, asked.key, asked.headers, asked.uri),
            },
            refused: Vec::new(),
            unnamed: 0,
            selected: None,
            touches_nothing: false,
            authentication: authentication(asked.signing),
            bytes_in: number(asked.headers.get(CONTENT_LENGTH)),
        })
    }

    fn selects(
        &self,
        exchange: &Exchange,
        owner: Option<&AccountId>,
        bucket: &str,
        key: &str,
        read_only: bool,
    ) -> bool {
        let caller = exchange.identity().filter(|_| !is_anonymous(exchange));
        let accounts = caller.map(|identity| &identity.principal.account).into_iter().chain(owner);
        accounts.into_iter().any(|account| self.selection.wants(account, bucket, key, read_only))
    }

    /// A copy reads its source, and is a call that writes: either is reason enough.
    fn selects_source(&self, exchange: &Exchange, source: &Copied) -> bool {
        let Copied { bucket, key, owner } = source;
        [true, false].into_iter().any(|read_only| self.selects(exchange, owner.as_ref(), bucket, key, read_only))
    }

    /// Sees to it that an allowed call which is about to take effect cannot do so without a trace:
    /// one that changes how buckets are administered, and one on objects that is recorded.
    ///
    /// # Errors
    /// `InternalError` if it cannot be written; the call must not go on.
    pub async fn announce(&self, exchange: &Exchange) -> S3Result<()> {
        let begun = exchange.with_draft(|draft| {
            let operation = draft.operation;
            // Which objects are meant only the body may say, and so whether anybody wants to know.
            let begins = operation.writes() && !operation.objects_in_body;
            let event = begins.then(|| self.event(exchange, draft)).flatten()?.build();
            // The caller's account is told, or the bucket's where nobody signed.
            Some((operation, event.for_accounts(&draft.owner).into_iter().next()?))
        });
        let Some((operation, event)) = begun.flatten() else { return Ok(()) };
        self.calls.announce(operation, event).await.map_err(|error| refused(&error))
    }

    /// As [`Recorder::announce`], of a call whose body was read: of which objects it is. What nobody
    /// selected is not begun.
    ///
    /// # Errors
    /// As [`Recorder::announce`].
    pub async fn begin(&self, exchange: &Exchange) -> S3Result<()> {
        let begun = exchange.with_draft(|draft| {
            if (draft.keys.is_empty() && draft.refused.is_empty()) || !self.selects_any(exchange, draft) {
                return None;
            }
            let pieces = self.event(exchange, draft)?.build().in_pieces();
            Some(pieces.into_iter().filter_map(|it| it.for_accounts(&draft.owner).into_iter().next()).collect())
        });
        let Some(events) = begun.flatten() else { return Ok(()) };
        self.calls.begin(events).await.map_err(|error| refused(&error))
    }

    /// Records a finished call. An answer whose event cannot be written does not leave.
    ///
    /// # Errors
    /// What is answered instead.
    pub async fn settle(
        &self,
        answer: Response<Body>,
        exchange: &Exchange,
        method: &Method,
        clock: &Arc<dyn Clock>,
    ) -> Result<Response<Body>, Response<Body>> {
        let Some(mut draft) = exchange.take_draft() else { return Ok(answer) };
        if draft.operation.objects_in_body && !self.selects_any(exchange, &mut draft) {
            return Ok(answer);
        }
        if is_anonymous(exchange) && is_strangers(&draft, answer.status()) {
            self.refused(exchange, &draft, &answer, method, clock);
            return Ok(answer);
        }
        if is_anonymous(exchange) && draft.owner.is_none() {
            // No account is concerned.
            return Ok(answer);
        }
        if let Err(error) = self.calls.record(self.events(exchange, &draft, &answer, method)).await {
            tracing::error!(%error, "an answer was withheld because its call cannot be recorded");
            let told = unrecorded(&error, UNRECORDED);
            return Err(answer::error(told.code, told.status, &told.message));
        }
        Ok(answer)
    }

    /// Whether anything of a call whose body names its objects is selected; those become the
    /// call's resources. Where the body was not even read, nothing was done to any object.
    fn selects_any(&self, exchange: &Exchange, draft: &mut Draft) -> bool {
        if let Some(selected) = draft.selected {
            return selected;
        }
        let (mut keys, mut refused) = (std::mem::take(&mut draft.keys), std::mem::take(&mut draft.refused));
        let (owner, bucket) = (draft.owner.as_ref(), draft.bucket.as_deref().unwrap_or_default());
        if keys.is_empty() && refused.is_empty() {
            return self.selects(exchange, owner, bucket, "", !draft.operation.writes());
        }
        let wanted = |key: &String| self.selects(exchange, owner, bucket, key, !draft.operation.writes());
        keys.retain(wanted);
        refused.retain(wanted);
        draft.unnamed = refused.len().saturating_sub(NAMED);
        keys.extend(refused.into_iter().take(NAMED));
        draft.keys = keys;
        // What was begun is what is told.
        *draft.selected.insert(!draft.keys.is_empty())
    }

    /// What nobody signed and nobody may do.
    fn refused(
        &self,
        exchange: &Exchange,
        draft: &Draft,
        answer: &Response<Body>,
        method: &Method,
        clock: &Arc<dyn Clock>,
    ) {
        let info = exchange.info();
        for more in self.strangers.end_window(info.received) {
            self.tell_later(self.summary(&more, info.received));
        }
        match self.strangers.refuse(info.source_ip, draft.owner.as_ref(), info.received) {
            Fate::Counted => {}
            // With the same work whether or not there is such a bucket, and so somebody to tell.
            Fate::Told => {
                let events = self.events(exchange, draft, answer, method);
                let concerned = draft.owner.is_some();
                events.into_iter().filter(|_| concerned).for_each(|event| self.tell_later(event));
            }
            Fate::CountedFirst => {
                let (recorder, clock) = (self.clone(), Arc::clone(clock));
                tokio::spawn(async move {
                    clock.sleep(strangers::WINDOW).await;
                    recorder.tell_rest(clock.now()).await;
                });
            }
        }
    }

    /// Tells what was counted and not told yet.
    pub async fn tell_rest(&self, now: Timestamp) {
        for more in self.strangers.take() {
            self.tell(self.summary(&more, now)).await;
        }
    }

    async fn tell(&self, event: Event) {
        if let Err(error) = self.calls.record([event]).await {
            tracing::error!(%error, "a refused call that nobody signed is not in the record");
        }
    }

    fn tell_later(&self, event: Event) {
        let recorder = self.clone();
        tokio::spawn(async move { recorder.tell(event).await });
    }

    fn summary(&self, more: &More, now: Timestamp) -> Event {
        let from = match more.from {
            IpAddr::V6(from) if from.is_unspecified() => "AWS Internal".to_owned(),
            from => from.to_string(),
        };
        let details = json!({ "reason": "AccessDenied", "sourceIPAddress": from, "count": more.count });
        EventBuilder::of_service(
            Service::S3.event_source(),
            "AnonymousRequestsRefused",
            self.calls.region(),
            &more.owner,
            now,
            details,
        )
        .build()
    }

    /// An event for every account concerned: the caller's, and the bucket owners'. Of a call on more
    /// objects than an event can name there are several.
    fn events(&self, exchange: &Exchange, draft: &Draft, answer: &Response<Body>, method: &Method) -> Vec<Event> {
        let Some(mut builder) = self.event(exchange, draft) else { return Vec::new() };
        let mut additional = Map::new();
        if let Some(authentication) = draft.authentication {
            let version = if exchange.signing().is_version_2() { "SigV2" } else { "SigV4" };
            additional.insert("SignatureVersion".to_owned(), version.into());
            additional.insert("AuthenticationMethod".to_owned(), authentication.into());
        }
        if let Some(tls) = &exchange.info().tls {
            additional.insert("CipherSuite".to_owned(), (*tls.cipher_suite).into());
        }
        if draft.unnamed > 0 {
            additional.insert("refusedObjectsNotNamed".to_owned(), draft.unnamed.into());
        }
        additional.insert("bytesTransferredIn".to_owned(), draft.bytes_in.into());
        additional.insert("bytesTransferredOut".to_owned(), bytes_out(answer, method).into());
        additional.insert("x-amz-id-2".to_owned(), answer::host_id(&exchange.info().id.to_string()).into());
        builder = builder.additional(Value::Object(additional));
        let status = answer.status();
        if status.is_client_error() || status.is_server_error() {
            let (code, message) = answer::failure(answer, status);
            builder = builder.error(&code, &message);
        } else if !draft.operation.is_management() && draft.operation.writes() {
            builder = builder.response(parameters::of_answer(answer.headers()));
        }
        let source = draft.source.as_ref().and_then(|source| source.owner.as_ref());
        let owners: Vec<_> = draft.owner.iter().chain(source).collect();
        let whole = builder.build().in_pieces();
        whole.into_iter().flat_map(|event| event.for_accounts(owners.iter().copied())).collect()
    }

    fn event(&self, exchange: &Exchange, draft: &Draft) -> Option<EventBuilder> {
        let principal = &exchange.identity()?.principal;
        let (operation, management) = (draft.operation, draft.operation.is_management());
        let mut builder = self.calls.event(operation, principal, exchange.info()).parameters(draft.parameters.clone());
        let Some(bucket) = &draft.bucket else { return Some(builder) };
        for key in draft.keys.iter().filter(|_| !management) {
            builder = builder.resource(Resource::S3_OBJECT, &format!("arn:aws:s3:::{bucket}/{key}"), "");
        }
        let made = operation == S3::CreateBucket.row() && draft.owner.is_none();
        let owner = draft.owner.as_ref().or_else(|| made.then_some(&principal.account));
        let owner = owner.map(AccountId::as_str).unwrap_or_default();
        if let Some(Copied { bucket: from, key, owner: of }) = &draft.source {
            builder = builder.resource(Resource::S3_OBJECT, &format!("arn:aws:s3:::{from}/{key}"), "");
            if from != bucket {
                let of = of.as_ref().map(AccountId::as_str).unwrap_or_default();
                builder = builder.resource("AWS::S3::Bucket", &format!("arn:aws:s3:::{from}"), of);
            }
        }
        Some(builder.resource("AWS::S3::Bucket", &format!("arn:aws:s3:::{bucket}"), owner))
    }
}

/// Whether what nobody signed did nothing and told him nothing, so that it is counted rather than told
/// each time: what was refused; a call that administers a bucket, whatever was wrong with it, or its
/// fault would show whether the bucket exists; and a call on many objects of which none was his to touch.
fn is_strangers(draft: &Draft, status: StatusCode) -> bool {
    let tells_nothing = draft.operation.is_management() || draft.operation.objects_in_body;
    draft.touches_nothing || status == StatusCode::FORBIDDEN || (tells_nothing && status.is_client_error())
}

/// Whether nobody signed the request.
fn is_anonymous(exchange: &Exchange) -> bool {
    exchange.identity().is_some_and(|identity| identity.principal.kind == PrincipalKind::Anonymous)
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("region", self.calls.region()).finish_non_exhaustive()
    }
}

fn refused(error: &arqueta_audit::Error) -> S3Error {
    tracing::error!(%error, "a call on a bucket was refused because it cannot be recorded");
    unrecorded(error, UNRECORDED).into_error()
}

const UNRECORDED: &str = "We encountered an internal error. Please try again.";

fn authentication(signing: Signing) -> Option<&'static str> {
    match signing {
        Signing::Header => Some("AuthHeader"),
        Signing::Query | Signing::QueryV2 => Some("QueryString"),
        Signing::Form | Signing::FormV2 => Some("HtmlForm"),
        Signing::None => None,
    }
}

fn number(header: Option<&http::HeaderValue>) -> u64 {
    header.and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0)
}

/// How long the answer's body is, as announced: the event is written before it leaves.
fn bytes_out(answer: &Response<Body>, method: &Method) -> u64 {
    if *method == Method::HEAD {
        return 0;
    }
    let announced = answer.headers().get(CONTENT_LENGTH);
    announced.map_or_else(|| answer.body().size_hint().exact().unwrap_or(0), |length| number(Some(length)))
}
