//! What is there from the first moment to the last: the history, and who goes on when nobody can.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arqueta_model::ManualClock;
use arqueta_store::power::Recorder;
use tokio::sync::Notify;

use crate::history::History;
use crate::turns::Turns;

/// The clock moves every so many turns: windows of bucket keys end under way.
const TURNS_A_STEP: usize = 20;

/// One life of a gateway, as far as the stage knows it.
#[derive(Clone)]
pub struct Life {
    pub turns: Arc<Turns>,
    pub disk: Recorder,
    pub clock: Arc<ManualClock>,
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
}

#[derive(Default)]
struct Scene {
    life: Option<Life>,
    /// Operations of the disk before the turn that is not over.
    before: usize,
    cut: Option<Cut>,
}

/// The simulation's only driver: [`Stage::idle`] is called whenever the runtime has nothing to do.
pub struct Stage {
    scene: Mutex<Scene>,
    history: Mutex<History>,
    /// The life is over.
    over: Notify,
}

impl Stage {
    pub fn new() -> Arc<Self> {
        let (scene, history) = (Mutex::default(), Mutex::new(History::new()));
        Arc::new(Self { scene, history, over: Notify::new() })
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
        let mut scene = self.scene();
        let Some(life) = scene.life.clone().filter(|life| life.turns.idle()) else {
            return;
        };
        let position = life.disk.position();
        let taken = life.turns.taken();
        if life.turns_left.is_some_and(|left| taken >= left) {
            scene.cut = Some(Cut { turn: taken, from: scene.before, to: position });
            life.turns.end();
            scene.life = None;
            self.over.notify_one();
            return;
        }
        scene.before = position;
        let mut history = self.history();
        history.settle();
        if history.failure().is_none() {
            // Nobody waits: a thread is at work outside of the stores, and will wake somebody.
            if let Some((step, fate)) = life.turns.give() {
                history.remark(format!("turn {taken} at {position}: {step:?} {fate:?}"));
                if taken % TURNS_A_STEP == 0 {
                    life.clock.advance(Duration::from_secs(taken as u64 * 37 % 200));
                }
            }
            return;
        }
        life.turns.end();
        scene.life = None;
        self.over.notify_one();
    }
}
