//! Windows: source keys in memory for a while, each opened by one key-service call.

use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use arqueta_model::{Clock, Timestamp};
use arqueta_seal::SourceKey;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tracing::Instrument;

use crate::{BucketKeyConfig, Error};

/// How long an outage of the key service is answered from memory. Denials never are.
pub const OUTAGE_MEMORY: Duration = Duration::from_secs(1);

/// Most windows of one direction open at once; beyond it the least recently used is closed.
const CAPACITY: u64 = 10_000;

/// A source key and the window during which it may be used.
pub(crate) struct Window<T> {
    /// The key and what came with it, gone once the window has ended. Users hold clones: the key is
    /// wiped when the last of them drops, never while one of them still seals with it.
    source: RwLock<Option<Opened<T>>>,
    opened: Timestamp,
    limits: BucketKeyConfig,
    objects: AtomicU64,
    bytes: AtomicU64,
}

/// What opening a window yields.
pub(crate) type Opened<T> = (Arc<SourceKey>, T);

impl<T: Clone> Window<T> {
    /// A window opened by a call that began at `opened`. Its first use belongs to who opened it.
    pub(crate) fn new(source: SourceKey, detail: T, opened: Timestamp, limits: BucketKeyConfig) -> Self {
        Self {
            source: RwLock::new(Some((Arc::new(source), detail))),
            opened,
            limits,
            objects: AtomicU64::new(1),
            bytes: AtomicU64::new(0),
        }
    }

    /// Whether one more object would be admitted at `now`.
    fn is_open(&self, now: Timestamp) -> bool {
        self.is_current(now)
            && self.objects.load(Ordering::Relaxed) < self.limits.max_objects
            && self.source().is_some()
    }

    /// Whether neither time nor bytes have ended it. A clock that stepped back ends it too: how
    /// long it has been open is then unknown.
    fn is_current(&self, now: Timestamp) -> bool {
        now >= self.opened
            && now.since(self.opened) < self.limits.window
            && self.bytes.load(Ordering::Relaxed) < self.limits.max_bytes
    }

    /// Counts one more object and hands out the key; `None` if the window has ended.
    pub(crate) fn admit(&self, now: Timestamp) -> Option<Opened<T>> {
        if !self.is_current(now) {
            return None;
        }
        let next = |objects| (objects < self.limits.max_objects).then_some(objects + 1);
        self.objects.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).ok()?;
        self.source()
    }

    /// The key, for who opened the window; `None` if it was closed meanwhile.
    pub(crate) fn source(&self) -> Option<Opened<T>> {
        self.source.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn add_bytes(&self, bytes: u64) {
        // Saturating: a sum that wraps would reopen the window.
        let sum = |sum: u64| Some(sum.saturating_add(bytes));
        let _ = self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum);
    }

    fn close(&self) {
        self.source.write().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// What a call that opens a window came to.
type Answer<T> = Result<Arc<Window<T>>, Failure>;

#[derive(Clone)]
struct Failure {
    error: Error,
    at: Timestamp,
}

/// A call under way or done. The call runs on its own: it ends, and is recorded, even when
/// everyone who waited has gone.
type Flight<T> = Shared<BoxFuture<'static, Answer<T>>>;

/// Windows by what they are for, with at most one opening call at a time for each.
pub(crate) struct Windows<K, T> {
    flights: Cache<K, Flight<T>>,
    clock: Arc<dyn Clock>,
    limits: BucketKeyConfig,
}

/// A window that was entered.
pub(crate) struct Entered<T> {
    pub(crate) window: Arc<Window<T>>,
    pub(crate) source: Arc<SourceKey>,
    pub(crate) detail: T,
    /// This entry's own call opened it; otherwise nobody has authorized this entry yet.
    pub(crate) opened_here: bool,
}

impl<K, T> Windows<K, T>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    pub(crate) fn new(clock: Arc<dyn Clock>, limits: BucketKeyConfig) -> Self {
        let limits = BucketKeyConfig {
            window: limits.window.max(Duration::from_secs(1)),
            max_objects: limits.max_objects.max(1),
            max_bytes: limits.max_bytes.max(1),
        };
        let flights = Cache::builder()
            .max_capacity(CAPACITY)
            .eviction_policy(EvictionPolicy::lru())
            // Windows close by our own clock; this only frees what remains of them.
            .time_to_live(limits.window.saturating_mul(2))
            .build();
        Self { flights, clock, limits }
    }

    /// Enters the window of `key`, opening one by `open` if there is none: everyone who comes
    /// while that call is under way waits for its answer.
    pub(crate) async fn enter<F>(&self, key: &K, open: impl Fn() -> F + Send) -> Result<Entered<T>, Error>
    where
        F: Future<Output = Result<(SourceKey, T), Error>> + Send + 'static,
    {
        loop {
            let now = self.clock.now();
            let mut opened_here = false;
            let flight = match self.flights.get(key).filter(|flight| !is_over(flight, now)) {
                Some(flight) => flight,
                None => self
                    .flights
                    .entry_by_ref(key)
                    .or_insert_with_if(
                        || {
                            opened_here = true;
                            self.launch(open())
                        },
                        |flight| is_over(flight, now),
                    )
                    .into_value(),
            };
            let window = flight.await.map_err(|failure| failure.error)?;
            let source = if opened_here { window.source() } else { window.admit(self.clock.now()) };
            // Ended between the answer and now, or full: the next round opens another.
            if let Some((source, detail)) = source {
                return Ok(Entered { window, source, detail, opened_here });
            }
        }
    }

    fn launch(&self, open: impl Future<Output = Result<(SourceKey, T), Error>> + Send + 'static) -> Flight<T> {
        let (clock, limits) = (self.clock.clone(), self.limits);
        let call = async move {
            let opened = clock.now();
            match open.await {
                Ok((source, detail)) => {
                    let window = Arc::new(Window::new(source, detail, opened, limits));
                    tokio::spawn(close_at_end(Arc::downgrade(&window), clock, limits.window));
                    Ok(window)
                }
                Err(error) => Err(Failure { error, at: clock.now() }),
            }
        };
        let task = tokio::spawn(call.in_current_span());
        let clock = self.clock.clone();
        async move {
            task.await.unwrap_or_else(|lost| {
                let error = arqueta_kms::Error::Unavailable(Box::new(lost)).into();
                Err(Failure { error, at: clock.now() })
            })
        }
        .boxed()
        .shared()
    }
}

/// Whether a flight's answer is not to be handed out any more.
fn is_over<T: Clone>(flight: &Flight<T>, now: Timestamp) -> bool {
    match flight.peek() {
        None => false,
        Some(Ok(window)) => !window.is_open(now),
        Some(Err(failure)) => {
            !failure.error.is_retryable() || now < failure.at || now.since(failure.at) >= OUTAGE_MEMORY
        }
    }
}

async fn close_at_end<T: Clone>(window: Weak<Window<T>>, clock: Arc<dyn Clock>, after: Duration) {
    clock.sleep(after).await;
    if let Some(window) = window.upgrade() {
        window.close();
    }
}

#[cfg(test)]
impl<K, T> Windows<K, T>
where
    K: Hash + Eq + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    /// Forgets all windows, as eviction does one by one.
    pub(crate) fn evict_all(&self) {
        self.flights.invalidate_all();
        self.flights.run_pending_tasks();
    }

    /// The window that carries what `is_it` knows.
    pub(crate) fn peek(&self, is_it: impl Fn(&T) -> bool) -> Arc<Window<T>> {
        let windows = self.flights.iter().filter_map(|(_, flight)| flight.peek().cloned()?.ok());
        let carries = |window: &Arc<Window<T>>| window.source().is_some_and(|(_, detail)| is_it(&detail));
        windows.into_iter().find(carries).expect("the window is open")
    }
}
