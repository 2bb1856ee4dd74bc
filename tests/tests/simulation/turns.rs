//! Whose turn it is. Every operation of the stores and the record, and every call of a client, waits
//! here; one goes on when nothing else in the process can, and the seed says which, and whether it
//! fails. The runtime has one thread, and one beside it for what blocks; it tells when it would fall
//! asleep: when that other thread has nothing to do either, everybody waits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arqueta_store::power::Dice;
use tokio::sync::oneshot;

/// What waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A client, with its next call.
    Call(usize),
    /// A reading operation of the metadata.
    Read,
    /// A writing one.
    Commit,
    /// Any operation of the bodies.
    Body,
    /// The record is about to be written.
    Record,
}

/// What becomes of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Works,
    /// Fails, and nothing happened.
    Refused,
    /// Fails as on a full disk, and nothing happened.
    Full,
    /// Fails, although it happened.
    Forgotten,
}

/// How often operations fail, of a thousand each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    pub store: usize,
    pub bodies: usize,
    pub record: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Everybody goes on at once, and nothing fails: starts and checks.
    Free,
    InTurn,
    /// The power is gone: nobody goes on.
    Over,
}

struct Waiting {
    step: Step,
    go: oneshot::Sender<Fate>,
}

struct Table {
    mode: Mode,
    waiting: Vec<Waiting>,
    dice: Dice,
    faults: Faults,
    taken: usize,
    commits: usize,
}

/// The turns of one life of a gateway.
pub struct Turns(Mutex<Table>);

impl Turns {
    /// Everybody goes on, until [`Turns::begin`].
    pub fn new(dice: Dice, faults: Faults) -> Arc<Self> {
        let table = Table { mode: Mode::Free, waiting: Vec::new(), dice, faults, taken: 0, commits: 0 };
        Arc::new(Self(Mutex::new(table)))
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on one at a time goes on.
    pub fn begin(&self) {
        self.table().mode = Mode::InTurn;
    }

    /// Everybody who waits and will wait goes on, without failures.
    pub fn release(&self) {
        let mut table = self.table();
        table.mode = Mode::Free;
        for waiting in table.waiting.drain(..) {
            // Nobody listens whose client is gone.
            let _ = waiting.go.send(Fate::Works);
        }
    }

    /// From here on nobody goes on.
    pub fn end(&self) {
        // They stay, and are not told: an operation that was cut off does not answer.
        self.table().mode = Mode::Over;
    }

    /// Waits for a turn.
    pub async fn take(&self, step: Step) -> Fate {
        let told = {
            let mut table = self.table();
            match table.mode {
                Mode::Free => return Fate::Works,
                Mode::InTurn => {
                    let (go, told) = oneshot::channel();
                    table.waiting.push(Waiting { step, go });
                    Some(told)
                }
                Mode::Over => None,
            }
        };
        if let Some(told) = told
            && let Ok(fate) = told.await
        {
            return fate;
        }
        std::future::pending().await
    }

    /// Whether operations are taken in turn.
    pub fn in_turn(&self) -> bool {
        self.table().mode == Mode::InTurn
    }

    /// Turns given so far.
    pub fn taken(&self) -> usize {
        self.table().taken
    }

    /// Commits that were let go on.
    pub fn commits(&self) -> usize {
        self.table().commits
    }

    /// Lets one go on, or all commits together, that they share a group. What it was and what
    /// becomes of it; nothing if nobody waits.
    pub fn give(&self) -> Option<(Step, Fate)> {
        let mut table = self.table();
        // Whoever was given up (its client is gone) is no choice.
        table.waiting.retain(|waiting| !waiting.go.is_closed());
        if table.waiting.is_empty() {
            return None;
        }
        table.taken += 1;
        let choices = table.waiting.len();
        let chosen = table.dice.below(choices);
        let step = table.waiting[chosen].step;
        let fate = table.fate(step);
        if step == Step::Commit && fate == Fate::Works && table.dice.below(3) == 0 {
            let together: Vec<_> = table.waiting.extract_if(.., |waiting| waiting.step == Step::Commit).collect();
            table.commits += together.len();
            for waiting in together {
                let _ = waiting.go.send(fate);
            }
        } else {
            let waiting = table.waiting.remove(chosen);
            table.commits += usize::from(step == Step::Commit);
            // It was not given up a moment ago, and nothing ran since.
            let _ = waiting.go.send(fate);
        }
        Some((step, fate))
    }
}

impl Table {
    fn fate(&mut self, step: Step) -> Fate {
        let (often, fates): (usize, &[Fate]) = match step {
            Step::Call(_) => return Fate::Works,
            Step::Read => (self.faults.store / 4, &[Fate::Refused]),
            Step::Commit => (self.faults.store, &[Fate::Refused, Fate::Full, Fate::Forgotten]),
            Step::Body => (self.faults.bodies, &[Fate::Refused, Fate::Full, Fate::Forgotten]),
            Step::Record => (self.faults.record, &[Fate::Refused, Fate::Full, Fate::Forgotten]),
        };
        if self.dice.below(1000) >= often { Fate::Works } else { fates[self.dice.below(fates.len())] }
    }
}
