use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use arqueta_kms::testing::{MemoryHolder, holder_contract};
use arqueta_model::{EncryptionContext, ManualClock, RequestId};

use super::*;

/// Answers from a script, then with success; or never.
#[derive(Default)]
struct Scripted {
    script: Mutex<VecDeque<HolderError>>,
    calls: AtomicUsize,
    silent: bool,
}

impl Scripted {
    fn new(script: impl IntoIterator<Item = HolderError>) -> Self {
        Self { script: Mutex::new(script.into_iter().collect()), ..Self::default() }
    }

    async fn answer<T>(&self, answer: T) -> Result<T, HolderError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.silent {
            std::future::pending::<()>().await;
        }
        self.script.lock().unwrap().pop_front().map_or(Ok(answer), Err)
    }
}

#[async_trait]
impl KeyHolder for Scripted {
    async fn create(&self, _: &KeyArn) -> Result<String, HolderError> {
        self.answer("name".to_owned()).await
    }

    async fn adopt(&self, _: &str) -> Result<(), HolderError> {
        self.answer(()).await
    }

    async fn encrypt(&self, _: &Use<'_>, _: &[u8], _: &[u8]) -> Result<Vec<u8>, HolderError> {
        self.answer(vec![1]).await
    }

    async fn decrypt(&self, _: &Use<'_>, _: &[u8], _: &[u8]) -> Result<Zeroizing<Vec<u8>>, HolderError> {
        self.answer(Zeroizing::new(vec![1])).await
    }

    async fn destroy(&self, _: &str) -> Result<(), HolderError> {
        self.answer(()).await
    }

    fn is_available(&self) -> bool {
        true
    }
}

fn outage() -> HolderError {
    HolderError::unavailable("told so")
}

/// A clock on which every sleep is over at once, so that pauses cost nothing; and time limits are
/// not what these tests are about.
fn guarded(
    script: impl IntoIterator<Item = HolderError>,
    limits: Limits,
) -> (Arc<Guarded<Scripted>>, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::default());
    (Arc::new(Guarded::new(Scripted::new(script), clock.clone(), limits)), clock)
}

const EAGER: Limits = Limits {
    call: Duration::from_secs(2),
    attempts: 3,
    backoff: Duration::ZERO,
    concurrent: 2,
    wait: Duration::from_secs(1),
    failures: 100,
    open: Duration::from_secs(5),
};

async fn sealed(guarded: &Guarded<Scripted>) -> Result<Vec<u8>, HolderError> {
    let (request, context) = (RequestId::random(), EncryptionContext::default());
    guarded.encrypt(&Use { name: "k", request: &request, context: &context }, b"x", b"").await
}

fn calls(guarded: &Guarded<Scripted>) -> usize {
    guarded.inner.calls.load(Ordering::SeqCst)
}

#[tokio::test]
async fn a_guarded_holder_keeps_the_contract() {
    let clock = Arc::new(ManualClock::default());
    holder_contract(&Guarded::new(MemoryHolder::default(), clock, Limits::default())).await;
}

#[tokio::test]
async fn outages_and_throttling_are_tried_again_within_the_bound() {
    let (holder, _) = guarded([outage(), HolderError::Throttled], EAGER);
    sealed(&holder).await.unwrap();
    assert_eq!(calls(&holder), 3);
    let (holder, _) = guarded([outage(), outage(), HolderError::Throttled], EAGER);
    assert!(matches!(sealed(&holder).await, Err(HolderError::Throttled)));
    assert_eq!(calls(&holder), 3);
}

#[tokio::test]
async fn refusals_are_final_at_once() {
    for refusal in [HolderError::Denied("no".into()), HolderError::UnknownKey, HolderError::NotAuthentic] {
        let said = refusal.to_string();
        let (holder, _) = guarded([refusal], EAGER);
        assert_eq!(sealed(&holder).await.unwrap_err().to_string(), said);
        assert_eq!(calls(&holder), 1);
    }
}

#[tokio::test]
async fn making_a_key_is_never_tried_again() {
    let (holder, _) = guarded([outage()], EAGER);
    let arn = "arn:aws:kms:us-east-1:111122223333:key/k".parse().unwrap();
    holder.create(&arn).await.unwrap_err();
    assert_eq!(calls(&holder), 1);
}

#[tokio::test]
async fn an_open_breaker_answers_without_a_call_until_a_probe_succeeds() {
    let limits = Limits { failures: 2, attempts: 1, ..EAGER };
    let (holder, clock) = guarded((0..3).map(|_| outage()), limits);
    for _ in 0..10 {
        assert!(matches!(sealed(&holder).await, Err(HolderError::Unavailable(_))));
    }
    assert_eq!((calls(&holder), holder.snapshot().breaker), (2, BreakerState::Open));
    clock.advance(limits.open);
    sealed(&holder).await.unwrap_err();
    sealed(&holder).await.unwrap_err();
    assert_eq!(calls(&holder), 3, "one probe");
    clock.advance(limits.open);
    sealed(&holder).await.unwrap();
    assert_eq!(holder.snapshot().breaker, BreakerState::Closed);
    let not_tried = |count: &&RemoteCount| count.outcome == RemoteOutcome::NotTried;
    assert_eq!(holder.snapshot().counts.iter().find(not_tried).unwrap().attempts, 9);
}

#[tokio::test]
async fn refusals_and_throttling_do_not_open_the_breaker() {
    let limits = Limits { failures: 1, attempts: 1, ..EAGER };
    let (guarded, _) = guarded([HolderError::Throttled, HolderError::NotAuthentic, HolderError::UnknownKey], limits);
    for _ in 0..3 {
        sealed(&guarded).await.unwrap_err();
    }
    assert_eq!(guarded.snapshot().breaker, BreakerState::Closed);
}

#[tokio::test]
async fn silence_ends_by_the_clock_and_waiting_for_a_turn_too() {
    let clock = Arc::new(ManualClock::default());
    let limits = Limits { attempts: 1, concurrent: 1, ..EAGER };
    let silent = Scripted { silent: true, ..Scripted::default() };
    let guarded = Arc::new(Guarded::new(silent, clock.clone(), limits));
    let start = || {
        tokio::spawn({
            let guarded = guarded.clone();
            async move { sealed(&guarded).await }
        })
    };
    let (first, second) = (start(), start());
    while calls(&guarded) < 1 {
        tokio::task::yield_now().await;
    }
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    clock.advance(limits.wait);
    let waited = second.await.unwrap().unwrap_err();
    assert_eq!(
        std::error::Error::source(&waited).unwrap().to_string(),
        "too many calls to the remote service are under way"
    );
    clock.advance(limits.call);
    let silence = first.await.unwrap().unwrap_err();
    assert_eq!(std::error::Error::source(&silence).unwrap().to_string(), "the remote service did not answer in time");
    assert_eq!(calls(&guarded), 1);
}

#[test]
fn pauses_stay_within_their_bound_and_differ() {
    let longest = Duration::from_millis(100);
    let pauses: std::collections::BTreeSet<_> = (0..100).map(|_| pause(longest, 1)).collect();
    assert!(pauses.len() > 50 && pauses.iter().all(|pause| *pause <= longest));
    assert!((0..100).all(|_| pause(longest, 40) <= longest * 64));
}
