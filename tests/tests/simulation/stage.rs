//! What is there from the first moment to the last: the history, and who goes on when nobody can.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use arqueta_store::power::Recorder;
use tokio::runtime::Handle;
use tokio::sync::Notify;

use crate::clock::Wall;
use crate::history::History;
use crate::turns::Turns;

/// The clock moves every so many turns: windows of bucket keys end under way.
const TURNS_A_STEP: usize = 20;

/// It moves by hours every so many steps.
const HOURS_AFTER: usize = 8;
/// Somebody sets it right every so many steps: it was ahead.
const BACK_AFTER: usize = 5;
/// By so much.
const BACK: Duration = Duration::from_secs(180);
/// So many seconds nobody does anything at all.
const MOST_ASLEEP: usize = 600;

/// One life of a gateway, as far as the stage knows it.
#[derive(Clone)]
pub struct Life {
    pub turns: Arc<Turns>,
    pub disk: Recorder,
    pub clock: Arc<Wall>,
    /// The power goes after so many turns.
    pub turns_left: Option<usize>,
}

/// Where the power went.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    /// The last turn.
    pub turn: usize,
    /// Operations of the disk before it and after it.
    pub from: usize,
    pub to: usize,
    /// Nobody was doing anything.
    pub at_rest: bool,
}

impl Cut {
    /// After so many operations of the disk, between two turns.
    pub const fn at(position: usize) -> Self {
        Self { turn: usize::MAX, from: position, to: position, at_rest: true }
    }
}

#[derive(Default)]
struct Scene {
    life: Option<Life>,
    /// Operations of the disk before the turn that is not over.
    before: usize,
    /// How often in a row nobody waited for a turn.
    asleep: usize,
    cut: Option<Cut>,
}

/// The simulation's only driver: [`Stage::idle`] is called whenever the runtime has nothing to do.
pub struct Stage {
    scene: Mutex<Scene>,
    history: Mutex<History>,
    /// The life is over.
    over: Notify,
    gate: Mutex<Option<Gate>>,
}

impl Stage {
    pub fn new() -> Arc<Self> {
        let (scene, history) = (Mutex::default(), Mutex::new(History::new()));
        Arc::new(Self { scene, history, over: Notify::new(), gate: Mutex::default() })
    }

    /// From here on what blocks waits for its place. To be called on the runtime.
    pub fn open(&self) {
        *self.gate.lock().unwrap_or_else(PoisonError::into_inner) = Some(Gate::put());
    }

    pub fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn scene(&self) -> MutexGuard<'_, Scene> {
        self.scene.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on, operations of this life go on one at a time.
    pub fn begin(&self, life: Life) {
        *self.scene() = Scene { before: life.disk.position(), life: Some(life.clone()), ..Scene::default() };
        life.turns.begin();
    }

    /// From here on nothing is in turn. Where the power went, if it did.
    pub fn end(&self) -> Option<Cut> {
        let mut scene = self.scene();
        scene.life = None;
        scene.cut.take()
    }

    /// Waits until the power is gone, or nothing can go on.
    pub async fn over(&self) {
        self.over.notified().await;
    }

    /// Nothing in the process can go on: one that waits does.
    pub fn idle(&self) {
        if self.let_others_work() {
            return;
        }
        let mut scene = self.scene();
        let Some(life) = scene.life.clone().filter(|life| life.turns.in_turn()) else {
            return;
        };
        let position = life.disk.position();
        let taken = life.turns.taken();
        if life.turns_left.is_some_and(|left| taken >= left) {
            scene.cut = Some(Cut { turn: taken, from: scene.before, to: position, at_rest: false });
            life.turns.end();
            scene.life = None;
            self.over.notify_one();
            return;
        }
        scene.before = position;
        let mut history = self.history();
        history.settle();
        if history.failure().is_none() {
            if let Some((step, fate)) = life.turns.give() {
                history.remark(format!("turn {taken} at {position}: {step:?} {fate:?}"));
                if taken % TURNS_A_STEP == 0 {
                    life.clock.advance(passing(taken / TURNS_A_STEP));
                    if taken / TURNS_A_STEP % BACK_AFTER == BACK_AFTER - 1 {
                        life.clock.step_back(BACK);
                    }
                }
                scene.asleep = 0;
                return;
            }
            // Everybody is asleep.
            scene.asleep += 1;
            if scene.asleep < MOST_ASLEEP {
                life.clock.advance(Duration::from_secs(1));
                return;
            }
            history.fail("nobody can go on, and not everybody is done".to_owned());
        }
        life.turns.end();
        scene.life = None;
        self.over.notify_one();
    }

    /// Lets the thread that does what blocks do everything that waits for it. Whether somebody can go
    /// on because of that.
    fn let_others_work(&self) -> bool {
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let next = Gate::put();
        drop(gate.replace(next));
        if let Some(next) = &*gate {
            // The thread is gone only with the runtime.
            let _ = next.reached.recv();
        }
        Handle::current().metrics().global_queue_depth() > 0
    }

    /// Nothing is in any order from here on.
    pub fn close(&self) {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// How much time passes in a step: some seconds, and now and then some hours. Less than a day in a
/// whole run, which is how long the end of an upload is remembered.
const fn passing(step: usize) -> Duration {
    let seconds = step as u64 * 37 * TURNS_A_STEP as u64 % 200;
    Duration::from_secs(if step % HOURS_AFTER == HOURS_AFTER - 1 { 2 * 3600 + seconds } else { seconds })
}

/// The thread that does what blocks stands here until nobody else can go on: what it does, and whom
/// it wakes, has its place in the order of things, too.
struct Gate {
    reached: mpsc::Receiver<()>,
    _closed: mpsc::Sender<()>,
}

impl Gate {
    /// Behind everything that waits for the thread. Dropping it opens it.
    fn put() -> Self {
        let ((arrive, reached), (_closed, opened)) = (mpsc::channel(), mpsc::channel::<()>());
        drop(Handle::current().spawn_blocking(move || {
            let _ = arrive.send(());
            // It is opened by not being there any more.
            let _ = opened.recv();
        }));
        Self { reached, _closed }
    }
}
