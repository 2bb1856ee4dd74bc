//! One request and the answer to it: what the layers around s3s must tell each other.
//!
//! s3s hands its authentication hook an access key id and nothing else, and drops on the way to
//! the answer whatever its own error type has no field for. An [`Exchange`] travels beside it: in
//! the request's extensions for the operations, and in a task-local for the authentication hook,
//! which runs on the same task and sees no request.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arqueta_call::{Connection, Operation};
use arqueta_engine::record::BucketRecord;
use arqueta_iam::Identity;
use arqueta_model::{Clock, RequestInfo};
use http::{HeaderMap, Uri};
use s3s::{S3Error, S3Result};

use crate::admission::Admission;
use crate::incoming::Incoming;
use crate::record::draft::Draft;
use crate::refusal::Refusal;
use crate::replica::Replica;
use crate::sightings::Sightings;
use crate::signing::Signing;

tokio::task_local! {
    static CURRENT: Arc<Exchange>;
}

/// State of one request.
#[derive(Debug)]
pub struct Exchange {
    info: Arc<RequestInfo>,
    tls: Option<&'static str>,
    token: Option<String>,
    identity: OnceLock<Arc<Identity>>,
    admission: Admission,
    bucket: OnceLock<Arc<BucketRecord>>,
    incoming: Incoming,
    signing: OnceLock<Signing>,
    refusal: Mutex<Option<Refusal>>,
    doubt: Mutex<Option<Refusal>>,
    operation: OnceLock<&'static Operation>,
    escaped: AtomicBool,
    replica: OnceLock<Replica>,
    /// Whether the requester pays for the request.
    pub charged: AtomicBool,
    draft: Mutex<Option<Draft>>,
    sightings: Sightings,
}

impl Exchange {
    /// Begins the exchange of a request. `token` is the session token it carries outside of a form.
    #[must_use]
    pub fn begin(
        (headers, uri): (&HeaderMap, &Uri),
        connection: &Connection,
        clock: &dyn Clock,
        token: Option<String>,
    ) -> Arc<Self> {
        Arc::new(Self {
            info: Arc::new(connection.request(headers, uri, clock)),
            tls: connection.tls,
            token,
            identity: OnceLock::new(),
            admission: Admission::default(),
            bucket: OnceLock::new(),
            incoming: Incoming::default(),
            signing: OnceLock::new(),
            refusal: Mutex::default(),
            doubt: Mutex::default(),
            operation: OnceLock::new(),
            escaped: AtomicBool::new(false),
            replica: OnceLock::new(),
            charged: AtomicBool::new(false),
            draft: Mutex::default(),
            sightings: Sightings::default(),
        })
    }

    /// Runs `work` with this exchange as the current one of its task.
    // No `async fn`: that would hold `work` twice, as it came and as it runs.
    pub fn scope<F: Future>(self: Arc<Self>, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, work)
    }

    /// The exchange of this task; `None` outside of [`Exchange::scope`].
    #[must_use]
    pub fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(Arc::clone).ok()
    }

    /// Where the request came from.
    #[must_use]
    pub fn info(&self) -> &Arc<RequestInfo> {
        &self.info
    }

    /// Version of TLS, if any.
    #[must_use]
    pub const fn tls(&self) -> Option<&'static str> {
        self.tls
    }

    /// The session token that the request carries.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Remembers who the request acts as. The first call counts.
    pub fn identify(&self, identity: Arc<Identity>) {
        // A second look-up of the same request finds the same identity.
        let _ = self.identity.set(identity);
    }

    /// Who the request acts as. Trustworthy only once the signature was verified, which is when
    /// s3s asks for access.
    #[must_use]
    pub fn identity(&self) -> Option<&Arc<Identity>> {
        self.identity.get()
    }

    /// Remembers the record of the bucket in the path, as the authorization saw it.
    pub fn locate(&self, bucket: Arc<BucketRecord>) {
        let _ = self.bucket.set(bucket);
    }

    /// The record of the bucket in the path, if there is such a bucket.
    #[must_use]
    pub fn bucket(&self) -> Option<&Arc<BucketRecord>> {
        self.bucket.get()
    }

    /// Remembers that the request brings a replica.
    pub fn replicate(&self, replica: Replica) {
        let _ = self.replica.set(replica);
    }

    /// The replica that the request brings, once that is known.
    #[must_use]
    pub fn replica(&self) -> Option<&Replica> {
        self.replica.get()
    }

    /// Remembers how the request was signed.
    pub fn sign(&self, signing: Signing) {
        let _ = self.signing.set(signing);
    }

    /// How the request was signed; not at all before that is known.
    #[must_use]
    pub fn signing(&self) -> Signing {
        self.signing.get().copied().unwrap_or(Signing::None)
    }

    /// How far the request was let in.
    #[must_use]
    pub const fn admission(&self) -> &Admission {
        &self.admission
    }

    /// What is known of the body on its way in.
    #[must_use]
    pub const fn incoming(&self) -> &Incoming {
        &self.incoming
    }

    /// What was seen of objects when the request was decided.
    #[must_use]
    pub const fn sightings(&self) -> &Sightings {
        &self.sightings
    }

    /// Keeps what the caller is told if the body by which the call is decided cannot be read: the
    /// decision without it.
    pub fn doubt(&self, error: &S3Error) {
        *self.doubt.lock().unwrap_or_else(PoisonError::into_inner) = Some(Refusal::from(error));
    }

    /// Takes that back, because the call is being decided, or because it is being answered.
    pub fn take_doubt(&self) -> Option<Refusal> {
        self.doubt.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Keeps the error that becomes the answer.
    pub fn refuse(&self, error: &S3Error) {
        *self.refusal() = Some(Refusal::from(error));
    }

    /// Takes the error that becomes the answer, if one of ours does.
    #[must_use]
    pub fn take_refusal(&self) -> Option<Refusal> {
        self.refusal().take()
    }

    fn refusal(&self) -> MutexGuard<'_, Option<Refusal>> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers which operation runs, for the log.
    pub fn name_operation(&self, operation: &'static Operation) {
        let _ = self.operation.set(operation);
    }

    /// The operation that was asked for, once it is known.
    #[must_use]
    pub fn operation(&self) -> Option<&'static Operation> {
        self.operation.get().copied()
    }

    /// Begins what the record will say of the call.
    pub fn begin_draft(&self, draft: Option<Draft>) {
        *self.draft.lock().unwrap_or_else(PoisonError::into_inner) = draft;
    }

    /// What the record will say of the call, if anything.
    pub fn with_draft<T>(&self, read: impl FnOnce(&mut Draft) -> T) -> Option<T> {
        self.draft.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map(read)
    }

    /// Takes what the record will say of the call.
    #[must_use]
    pub fn take_draft(&self) -> Option<Draft> {
        self.draft.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Records that the answer contains characters hidden by [`crate::text::hide`].
    pub fn mark_hidden(&self) {
        self.escaped.store(true, Ordering::Release);
    }

    /// Whether the answer contains hidden characters.
    #[must_use]
    pub fn has_hidden(&self) -> bool {
        self.escaped.load(Ordering::Acquire)
    }
}

/// Hands an error that becomes the answer of the current exchange to it.
///
/// # Errors
/// The one that is there.
pub fn told<T>(result: S3Result<T>) -> S3Result<T> {
    if let (Err(error), Some(exchange)) = (&result, Exchange::current()) {
        exchange.refuse(error);
    }
    result
}

/// The session token of a request: its header, or the parameter of a presigned URL.
#[must_use]
pub fn session_token(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    if let Some(value) = headers.get("x-amz-security-token") {
        return value.to_str().ok().map(str::to_owned);
    }
    // Version 2 writes it as the header is written.
    let parameter = |name| crate::query::value(uri, name);
    parameter("X-Amz-Security-Token").or_else(|| parameter("x-amz-security-token"))
}
