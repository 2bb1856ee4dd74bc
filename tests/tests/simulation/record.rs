//! The record: the gateway's own, on real files, but that each event waits for its turn, and that the
//! power goes while it is written.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arqueta_audit::{AuditSink, Entries, Entry, Event, Group, Head, Journaled, JsonLines};
use arqueta_gateway::Config;
use arqueta_keys::RecordSealer;
use arqueta_kms::RootKey as _;
use arqueta_root::FileRootKey;
use arqueta_store::MetaStore;
use arqueta_store::power::{Dice, Recorder};
use async_trait::async_trait;

use crate::clock::Wall;
use crate::stores::{Lent, told};
use crate::turns::{Fate, Step, Turns};

/// A line of the record.
#[derive(Debug, Clone)]
pub struct Line {
    pub event: Event,
    /// An announcement, which is no event.
    pub announced: bool,
}

/// What was written in a turn when the disk was at a position.
struct Written {
    group: Group,
    turn: usize,
    at: usize,
}

/// The files of the record. They outlive the gateways.
pub struct Book {
    folder: PathBuf,
    /// By the present life.
    written: Arc<Mutex<Vec<Written>>>,
}

/// Where the power went, as far as the record knows.
#[derive(Debug, Clone, Copy)]
pub struct Lost {
    /// The last turn.
    pub turn: usize,
    /// The last operation of the disk.
    pub at: usize,
    /// Whether the turn was over, and what was told in it was told.
    pub over: bool,
}

impl Book {
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, written: Arc::default() }
    }

    fn written(&self) -> MutexGuard<'_, Vec<Written>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The record for one life of a gateway.
    pub async fn open(&self, turns: &Arc<Turns>, disk: &Recorder, clock: &Arc<Wall>) -> Arc<JsonLines> {
        self.written().clear();
        let (written, turns, disk) = (self.written.clone(), turns.clone(), disk.clone());
        let watch = move |group| {
            let written = &mut written.lock().unwrap_or_else(PoisonError::into_inner);
            written.push(Written { group, turn: turns.taken(), at: disk.position() });
        };
        let lines = JsonLines::in_line(&self.folder, clock.clone(), watch).await;
        Arc::new(lines.expect("a folder that can be written to"))
    }

    pub fn lines(&self) -> Vec<Line> {
        let entries = Entries::open(&self.folder, None).expect("a folder that can be read");
        let line = |entry| match entry {
            Entry::Event(event) => Line { event, announced: false },
            Entry::Announced(event) => Line { event, announced: true },
        };
        entries.map(|entry| line(entry.expect("a file that can be read"))).collect()
    }

    /// What was being written when the power went may be there in part, or not at all.
    pub fn lose(&self, lost: Lost, dice: &mut Dice) {
        let last = self.written().drain(..).filter(|written| written.turn == lost.turn).collect::<Vec<_>>();
        let (mut gone, until) = (false, last.len().saturating_sub(1));
        for (number, Written { group, at, .. }) in last.into_iter().enumerate() {
            gone |= match lost.over {
                // Nobody may have waited for it to be durable.
                true => number == until && !group.awaited && dice.below(2) == 0,
                false => at > lost.at || (at == lost.at && dice.below(2) == 0),
            };
            if gone {
                let torn = dice.below((group.to - group.from) as usize + 1) as u64;
                cut(&group.file, group.from + torn).expect("a file of the record");
            }
        }
    }

    /// What is wrong with the chain.
    pub async fn verify(&self, config: &Config, meta: &dyn MetaStore) -> Option<String> {
        let root = FileRootKey::new(config.data_dir.join("root.key")).unlock().await.expect("the root key");
        let sealer = RecordSealer::new(&root);
        let head = match Head::load(meta, &sealer).await {
            Ok(head) => head,
            Err(error) => return Some(format!("the end of the record's chain: {error:?}")),
        };
        let report = arqueta_audit::verify(&self.folder, &sealer, head).expect("a folder that can be read");
        (!report.findings.is_empty()).then(|| format!("the record's chain: {:?}", report.findings))
    }
}

/// What follows a group that is torn is gone, whole files of it too.
fn cut(file: &Path, to: u64) -> io::Result<()> {
    match OpenOptions::new().write(true).open(file) {
        Ok(open) if open.metadata()?.len() > to => open.set_len(to),
        Ok(_) => Ok(()),
        // It was cut away with the group before.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// What of the record is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    Nothing,
    /// No call tells what it is about to do.
    Everybody,
    /// These calls do not: once they did not.
    OfTrails,
}

impl Silence {
    fn covers(self, event: &Event) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everybody => true,
            Self::OfTrails => ["StopLogging", "DeleteTrail"].contains(&&*event.event_name),
        }
    }
}

/// The record as one life of a gateway sees it.
pub struct RecordInTurn {
    inner: Arc<Lent<Journaled>>,
    turns: Arc<Turns>,
    silence: Silence,
}

impl RecordInTurn {
    pub const fn new(inner: Arc<Lent<Journaled>>, turns: Arc<Turns>, silence: Silence) -> Self {
        Self { inner, turns, silence }
    }

    async fn run(
        &self,
        work: impl Future<Output = Result<(), arqueta_audit::Error>>,
    ) -> Result<(), arqueta_audit::Error> {
        match self.turns.take(Step::Record).await {
            Fate::Works => work.await,
            Fate::Refused => Err(told().into()),
            Fate::Full => Err(io::Error::from(io::ErrorKind::StorageFull).into()),
            Fate::Forgotten => work.await.and(Err(told().into())),
        }
    }
}

#[async_trait]
impl AuditSink for RecordInTurn {
    async fn append(&self, event: Event) -> Result<(), arqueta_audit::Error> {
        self.run(async { self.inner.borrow()?.append(event).await }).await
    }
    async fn announce(&self, event: Event) -> Result<(), arqueta_audit::Error> {
        if self.silence.covers(&event) {
            return Ok(());
        }
        self.run(async { self.inner.borrow()?.announce(event).await }).await
    }
    async fn flush(&self) -> Result<(), arqueta_audit::Error> {
        self.inner.borrow()?.flush().await
    }
}
