//! What S3 calls leave in the record (CloudTrail): every call that administers buckets, and those
//! on objects that a trail selects.
//!
//! A call that changes how a bucket is administered is announced, durably, after it was allowed
//! and before it takes effect; its event is durable before its answer leaves. So no such change
//! takes effect without a trace of it, and none is answered without its event. Calls on objects
//! are not announced: an upload whose event cannot be written is answered with a failure and may
//! be there.

pub mod draft;
mod names;
mod parameters;
mod xml;

use std::sync::Arc;

use arqueta_audit::{AuditSink, Event, EventBuilder};
use arqueta_model::{AccountId, PrincipalKind, Region};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Method, Response, StatusCode, Uri};
use http_body::Body as _;
use s3s::{Body, S3Result, s3_error};
use serde_json::{Map, Value};

use crate::answer;
use crate::exchange::Exchange;
use crate::signing::Signing;
use draft::Draft;
use names::Recorded;

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

/// Records the calls of the edge.
#[derive(Clone)]
pub struct Recorder {
    audit: Arc<dyn AuditSink>,
    selection: Arc<dyn DataSelection>,
    region: Region,
}

/// What of a request goes into the record.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Name of the operation, as s3s has it.
    pub operation: &'a str,
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
        Self { audit, selection, region }
    }

    /// What will be recorded of a call whose caller is known; nothing for calls on objects that
    /// nobody selected at this moment, except where only the body tells which objects are meant.
    #[must_use]
    pub fn draft(&self, exchange: &Exchange, asked: Asked<'_>) -> Option<Draft> {
        let recorded = names::of(asked.operation)?;
        let draft = Draft {
            recorded,
            bucket: asked.bucket.map(str::to_owned),
            keys: asked.key.map(str::to_owned).into_iter().collect(),
            owner: exchange.bucket().map(|bucket| bucket.owner.clone()),
            parameters: parameters::of(asked.bucket, asked.key, asked.headers, asked.uri),
            authentication: authentication(asked.signing),
            bytes_in: number(asked.headers.get(CONTENT_LENGTH)),
        };
        let key = asked.key.unwrap_or_default();
        (recorded.management || recorded.objects_in_body || self.selects(exchange, &draft, key)).then_some(draft)
    }

    fn selects(&self, exchange: &Exchange, draft: &Draft, key: &str) -> bool {
        let caller = exchange.identity().filter(|identity| identity.principal.kind != PrincipalKind::Anonymous);
        let accounts = caller.map(|identity| &identity.principal.account).into_iter().chain(&draft.owner);
        let bucket = draft.bucket.as_deref().unwrap_or_default();
        accounts.into_iter().any(|account| self.selection.wants(account, bucket, key, draft.recorded.read_only))
    }

    /// Makes it durable that an allowed call is about to take effect, if it changes how buckets
    /// are administered.
    ///
    /// # Errors
    /// `InternalError` if it cannot be written; the call must not go on.
    pub async fn announce(&self, exchange: &Exchange) -> S3Result<()> {
        let event = exchange.with_draft(|draft| match draft.recorded {
            Recorded { management: true, read_only: false, .. } => self.event(exchange, draft).map(EventBuilder::build),
            _ => None,
        });
        let Some(event) = event.flatten() else { return Ok(()) };
        self.audit.announce(event).await.map_err(|error| {
            tracing::error!(%error, "a call on a bucket was refused because it cannot be recorded");
            s3_error!(InternalError, "{}", UNRECORDED)
        })
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
    ) -> Result<Response<Body>, Response<Body>> {
        let Some(mut draft) = exchange.take_draft() else { return Ok(answer) };
        let document = exchange.take_document();
        draft.add_document(&document);
        if draft.recorded.objects_in_body && !self.selects_any(exchange, &mut draft, &document) {
            return Ok(answer);
        }
        for event in self.events(exchange, &draft, &answer, method) {
            if let Err(error) = self.audit.append(event).await {
                tracing::error!(%error, "an answer was withheld because its call cannot be recorded");
                return Err(answer::error("InternalError", StatusCode::INTERNAL_SERVER_ERROR, UNRECORDED));
            }
        }
        Ok(answer)
    }

    /// Whether anything of a call whose body names its objects is selected; those become the
    /// call's resources.
    fn selects_any(&self, exchange: &Exchange, draft: &mut Draft, document: &[u8]) -> bool {
        let mut keys = std::mem::take(&mut draft.keys);
        if keys.is_empty() {
            keys = xml::texts(document, "Key");
        }
        keys.retain(|key| self.selects(exchange, draft, key));
        draft.keys = keys;
        !draft.keys.is_empty()
    }

    /// One event for every account concerned: the caller's, and the bucket owner's.
    fn events(&self, exchange: &Exchange, draft: &Draft, answer: &Response<Body>, method: &Method) -> Vec<Event> {
        let Some(mut builder) = self.event(exchange, draft) else { return Vec::new() };
        let mut additional = Map::new();
        if let Some(authentication) = draft.authentication {
            additional.insert("SignatureVersion".to_owned(), "SigV4".into());
            additional.insert("AuthenticationMethod".to_owned(), authentication.into());
        }
        if let Some(tls) = &exchange.info().tls {
            additional.insert("CipherSuite".to_owned(), (*tls.cipher_suite).into());
        }
        additional.insert("bytesTransferredIn".to_owned(), draft.bytes_in.into());
        additional.insert("bytesTransferredOut".to_owned(), bytes_out(answer, method).into());
        additional.insert("x-amz-id-2".to_owned(), answer::host_id(&exchange.info().id.to_string()).into());
        builder = builder.additional(Value::Object(additional));
        let status = answer.status();
        if status.is_client_error() || status.is_server_error() {
            let (code, message) = answer::failure(answer, status);
            builder = builder.error(&code, &message);
        } else if !draft.recorded.management && !draft.recorded.read_only {
            builder = builder.response(parameters::of_answer(answer.headers()));
        }
        builder.build().for_accounts(draft.owner.iter())
    }

    fn event(&self, exchange: &Exchange, draft: &Draft) -> Option<EventBuilder> {
        let principal = &exchange.identity()?.principal;
        if principal.kind == PrincipalKind::Anonymous && draft.owner.is_none() {
            // No account is concerned.
            return None;
        }
        let Recorded { event, management, read_only, .. } = draft.recorded;
        let mut builder = EventBuilder::new("s3.amazonaws.com", event, &self.region, principal, exchange.info())
            .parameters(draft.parameters.clone());
        if !management {
            builder = builder.data();
        }
        if !read_only {
            builder = builder.writes();
        }
        let Some(bucket) = &draft.bucket else { return Some(builder) };
        for key in draft.keys.iter().filter(|_| !management) {
            builder = builder.resource("AWS::S3::Object", &format!("arn:aws:s3:::{bucket}/{key}"), "");
        }
        let made = *event == "CreateBucket" && draft.owner.is_none();
        let owner = draft.owner.as_ref().or_else(|| made.then_some(&principal.account));
        let owner = owner.map(AccountId::as_str).unwrap_or_default();
        Some(builder.resource("AWS::S3::Bucket", &format!("arn:aws:s3:::{bucket}"), owner))
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("region", &self.region).finish_non_exhaustive()
    }
}

const UNRECORDED: &str = "We encountered an internal error. Please try again.";

fn authentication(signing: Signing) -> Option<&'static str> {
    match signing {
        Signing::Header => Some("AuthHeader"),
        Signing::Query => Some("QueryString"),
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
