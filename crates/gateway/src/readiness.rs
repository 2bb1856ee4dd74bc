//! What works and what does not, by trying it: reads, writes, the record, the key service, places
//! for connections, disk space. Behind `/readyz`.
//!
//! Trying costs a read, and now and then a commit that changes nothing, whoever asks and how often.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arqueta_audit::{AuditSink as _, JsonLines};
use arqueta_model::{Clock, Timestamp, with_causes};
use arqueta_store::{Batch, MetaStore, Room};
use serde::Serialize;
use tokio::sync::Mutex;

use crate::backends::Backends;
use crate::disk::Space;
use crate::listen::seats::{Occupancy, Seats};

/// How long a probe may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long what was found is told again.
const FRESH: i64 = 1_000;
/// How long a commit that succeeded says that commits do, in milliseconds.
const WRITABLE: i64 = 10_000;
/// A key that never has a value: taking it away is a commit that changes nothing.
const NOTHING: &[u8] = b"readiness/probe";

/// What is looked at.
pub struct Probed {
    /// Metadata.
    pub meta: Arc<dyn MetaStore>,
    /// The record, where it is kept here.
    pub record: Option<Arc<JsonLines>>,
    /// The space for bodies.
    pub room: Arc<dyn Room>,
    /// External key services.
    pub backends: Arc<Backends>,
    /// The data folder.
    pub folder: PathBuf,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// Finds out what works.
pub struct Readiness {
    probed: Probed,
    serving: AtomicBool,
    latest: Mutex<Option<(Timestamp, Found)>>,
    written: Mutex<Option<Timestamp>>,
}

/// One thing that works or does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Verdict {
    fn of(outcome: Result<(), String>) -> Self {
        Self { ok: outcome.is_ok(), reason: outcome.err() }
    }
}

#[derive(Debug, Clone)]
struct Found {
    read: Verdict,
    write: Verdict,
    record: Verdict,
    key_service: Verdict,
}

/// What `/readyz` says.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether everything that was asked about works.
    pub ready: bool,
    serving: Verdict,
    read: Verdict,
    write: Verdict,
    record: Verdict,
    key_service: Verdict,
    connections: Connections,
    #[serde(skip_serializing_if = "Option::is_none")]
    disk: Option<Space>,
}

#[derive(Debug, Clone, Serialize)]
struct Connections {
    #[serde(flatten)]
    verdict: Verdict,
    open: usize,
    idle: usize,
    limit: usize,
}

impl Connections {
    fn of(seen: Occupancy) -> Self {
        let full = seen.open >= seen.limit && seen.idle + seen.undecided == 0;
        let verdict = Verdict::of(match full {
            true => Err(format!("all {} connections have requests under way", seen.limit)),
            false => Ok(()),
        });
        Self { verdict, open: seen.open, idle: seen.idle, limit: seen.limit }
    }
}

/// What a caller of `/readyz` may ask about alone.
pub const PARTS: [&str; 5] = ["read", "write", "record", "keyService", "connections"];

impl Readiness {
    /// Nothing is served until [`Readiness::set_serving`].
    #[must_use]
    pub fn new(probed: Probed) -> Self {
        Self { probed, serving: AtomicBool::new(false), latest: Mutex::default(), written: Mutex::default() }
    }

    /// Whether requests are taken; false again once draining begins.
    pub fn set_serving(&self, serving: bool) {
        self.serving.store(serving, Ordering::Release);
    }

    /// What works now; `only` names the [`PARTS`] that [`Report::ready`] is about, none for all.
    pub async fn report(&self, only: &[&str], seats: &Seats) -> Report {
        let Found { read, mut write, record, key_service } = self.found().await;
        // A commit may find its place while no body does.
        if let (true, Some(shortage)) = (write.ok, self.probed.room.shortage()) {
            write = Verdict::of(Err(shortage.to_string()));
        }
        let serving = Verdict::of(match self.serving.load(Ordering::Acquire) {
            true => Ok(()),
            false => Err("starting, or draining before the end".to_owned()),
        });
        let connections = Connections::of(seats.occupancy());
        let parts = [&read, &write, &record, &key_service, &connections.verdict].map(|verdict| verdict.ok);
        let works = |(name, ok): (&&str, bool)| ok || !(only.is_empty() || only.contains(name));
        let ready = serving.ok && PARTS.iter().zip(parts).all(works);
        let disk = Space::of(&self.probed.folder).ok();
        Report { ready, serving, read, write, record, key_service, connections, disk }
    }

    async fn found(&self) -> Found {
        let mut latest = self.latest.lock().await;
        let now = self.probed.clock.now();
        if let Some((at, found)) = &*latest
            && (0..FRESH).contains(&(now.millis() - at.millis()))
        {
            return found.clone();
        }
        let (read, write, record) = tokio::join!(self.read(), self.write(now), self.record());
        let found = Found { read, write, record, key_service: self.key_service() };
        *latest = Some((now, found.clone()));
        found
    }

    async fn read(&self) -> Verdict {
        let read = async { self.probed.meta.get(NOTHING).await.map(drop).map_err(|error| with_causes(&error)) };
        Verdict::of(self.within(read).await)
    }

    async fn write(&self, now: Timestamp) -> Verdict {
        let mut written = self.written.lock().await;
        if written.is_some_and(|at| (0..WRITABLE).contains(&(now.millis() - at.millis()))) {
            return Verdict::of(Ok(()));
        }
        let batch = Batch::default().delete(NOTHING.to_vec());
        let commit = async { self.probed.meta.commit(batch).await.map_err(|error| with_causes(&error)) };
        let outcome = self.within(commit).await;
        *written = outcome.is_ok().then_some(now);
        Verdict::of(outcome)
    }

    async fn record(&self) -> Verdict {
        let Some(record) = &self.probed.record else { return Verdict::of(Ok(())) };
        // What its writer found out last, and whether it is there to find out anything.
        let flush = async { record.flush().await.map_err(|error| with_causes(&error)).and_then(|()| record.healthy()) };
        Verdict::of(self.within(flush).await)
    }

    fn key_service(&self) -> Verdict {
        let silent = self.probed.backends.silent();
        Verdict::of(match silent[..] {
            [] => Ok(()),
            _ => Err(format!("no answer from {}; keys whose material is elsewhere work", silent.join(", "))),
        })
    }

    async fn within(&self, probe: impl Future<Output = Result<(), String>>) -> Result<(), String> {
        tokio::select! {
            outcome = probe => outcome,
            () = self.probed.clock.sleep(PATIENCE) => Err(format!("no outcome after {} s", PATIENCE.as_secs())),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::listen::seats::Bounds;
    use arqueta_model::ManualClock;
    use arqueta_store::{Fault, Faulty, Headroom, MemoryMeta, RoomLimits, Shortage};

    fn over(meta: Arc<dyn MetaStore>, clock: Arc<ManualClock>) -> Readiness {
        let room = Headroom::open(std::env::temp_dir(), RoomLimits { reserve: 0, low_water: 0 }).unwrap();
        within(Arc::new(room), meta, clock)
    }

    fn within(room: Arc<dyn Room>, meta: Arc<dyn MetaStore>, clock: Arc<ManualClock>) -> Readiness {
        let backends = Arc::new(Backends::default());
        let probed = Probed { meta, room, record: None, backends, folder: std::env::temp_dir(), clock };
        let readiness = Readiness::new(probed);
        readiness.set_serving(true);
        readiness
    }

    #[tokio::test]
    async fn places_without_requests_are_places_and_taken_ones_are_not() {
        let readiness = over(Arc::new(MemoryMeta::default()), Arc::default());
        let seats = Seats::new(Bounds::of(1));
        let seat = Arc::new(seats.admit([192, 0, 2, 1].into()).await.unwrap());
        assert!(readiness.report(&[], &seats).await.ready);
        let work = seat.work();
        assert!(readiness.report(&[], &seats).await.ready, "whoever sends it may have to leave");
        work.make_known();
        let report = readiness.report(&[], &seats).await;
        assert!(!report.ready);
        assert!(report.connections.verdict.reason.unwrap().contains("all 1"));
        assert!(readiness.report(&["read", "write"], &seats).await.ready);
        drop(work);
        assert!(readiness.report(&[], &seats).await.ready);
    }

    #[tokio::test]
    async fn a_store_that_fails_is_told_with_its_reason_and_so_is_that_it_works_again() {
        let (store, clock) = (Arc::new(Faulty::new(MemoryMeta::default())), Arc::new(ManualClock::default()));
        let (readiness, seats) = (over(store.clone(), clock.clone()), Seats::new(Bounds::of(1)));
        assert!(readiness.report(&[], &seats).await.ready);
        store.fail_always(Some(Fault::Full));
        // What is found out is told for a moment, a commit for longer.
        clock.advance(Duration::from_secs(11));
        let report = readiness.report(&[], &seats).await;
        assert!(!report.ready);
        assert!(report.write.reason.unwrap().starts_with("no space left on the storage device"));
        assert!(readiness.report(&["record", "keyService"], &seats).await.ready);
        let tried = store.operations();
        assert!(!readiness.report(&["write"], &seats).await.ready);
        assert_eq!(store.operations(), tried, "who asks often costs nothing more");
        store.fail_always(None);
        clock.advance(Duration::from_secs(1));
        assert!(readiness.report(&[], &seats).await.ready);
    }

    /// No room, or some.
    #[derive(Default)]
    struct Full(AtomicBool);

    impl Room for Full {
        fn book(&self, _: &str, _: u64) -> bool {
            !self.0.load(Ordering::Relaxed)
        }
        fn arrived(&self, _: &str, _: u64) {}
        fn give_back(&self, _: &str, _: u64) {}
        fn give_up(&self) -> bool {
            false
        }
        fn ran_out(&self) {}
        fn shortage(&self) -> Option<Shortage> {
            self.0.load(Ordering::Relaxed).then_some(Shortage::Low { free: 7, until: 9 })
        }
    }

    #[tokio::test]
    async fn while_bodies_are_refused_writes_do_not_work_whatever_a_commit_finds() {
        let (room, seats) = (Arc::new(Full::default()), Seats::new(Bounds::of(1)));
        let readiness = within(room.clone(), Arc::new(MemoryMeta::default()), Arc::default());
        assert!(readiness.report(&[], &seats).await.ready);
        room.0.store(true, Ordering::Relaxed);
        let report = readiness.report(&[], &seats).await;
        assert!(!report.ready && report.read.ok && report.record.ok);
        assert_eq!(report.write.reason.unwrap(), "7 bytes are free; new bodies are refused until 9 are");
        assert!(readiness.report(&["read", "record"], &seats).await.ready);
        room.0.store(false, Ordering::Relaxed);
        assert!(readiness.report(&[], &seats).await.ready);
    }

    #[tokio::test]
    async fn nothing_is_ready_before_and_after_serving() {
        let readiness = over(Arc::new(MemoryMeta::default()), Arc::default());
        readiness.set_serving(false);
        assert!(!readiness.report(&["read"], &Seats::new(Bounds::of(1))).await.ready);
    }
}
