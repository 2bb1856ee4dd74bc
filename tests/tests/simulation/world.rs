//! One run: a seed, a disk, several lives of a gateway on it, clients that come back after each.

use std::sync::Arc;
use std::time::Duration;

use arqueta_audit::Journaled;
use arqueta_gateway::Config;
use arqueta_gateway::foundations::Foundations;
use arqueta_gateway::wiring::Gateway;
use arqueta_model::{Clock as _, ManualClock, repeatable};
use arqueta_store::power::{Dice, Loss, Recorder, Syncs, Trouble};
use arqueta_store::{Batch, MetaStore, RedbStore};
use futures::FutureExt as _;
use tokio::task::JoinSet;

use crate::bodies::CANARY;
use crate::check;
use crate::client::{Client, Signer};
use crate::clock::Wall;
use crate::program;
use crate::record::{Book, Lost, RecordInTurn, Silence};
use crate::stage::{self, Cut, Stage};
use crate::stores::{InTurn, Lent};
use crate::turns::{Faults, Step, Turns};

/// How long nothing may happen. Nothing waits for real time, so this never passes.
const PATIENCE: Duration = Duration::from_secs(60);

/// How large a run is. What fails is tried again with less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub clients: usize,
    /// Calls of each client in each life.
    pub calls: usize,
    /// Lives; the power goes at the end of each but the last.
    pub lives: usize,
}

impl Size {
    pub const USUAL: Self = Self { clients: 3, calls: 6, lives: 2 };
    pub const LONG: Self = Self { clients: 3, calls: 12, lives: 3 };
}

/// What a run left.
pub struct Ran {
    pub trace: Vec<String>,
    pub failure: Option<String>,
    /// Calls of clients and checks.
    pub calls: usize,
    /// Turns given.
    pub turns: usize,
}

/// Runs a seed.
pub fn run(seed: u64, size: Size) -> Ran {
    let ((), stage) = with_world(seed, |world| world.run(size));
    let history = stage.history();
    let trace = history.trace().to_vec();
    let turns = trace.iter().filter(|line| line.starts_with("turn ")).count();
    Ran { trace, failure: history.failure().cloned(), calls: history.told().len(), turns }
}

/// What is wrong that the simulation must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// The disk lies about these syncs.
    Syncs(Syncs),
    /// Nothing tells of changes that these calls are about to make.
    Unannounced(Silence),
}

/// What is found in a seed where this is wrong, and nothing else fails.
pub fn found(seed: u64, wrong: Wrong) -> Option<String> {
    let ((), stage) =
        with_world(seed, |world| World { faults: Faults::default(), wrong: Some(wrong), ..world }.run(Size::LONG));
    stage.history().failure().cloned()
}

/// Bytes that a commit of the metadata writes while clients do what the seed says, checkpoints left
/// out, in a store that already has `records` of [`FILL`] bytes. Without a `journal` to speak of, every
/// commit is a checkpoint.
pub fn bytes_a_commit(seed: u64, records: usize, journal: bool) -> usize {
    let measured = |world: World| async move {
        let mut world = World { faults: Faults::default(), ..world };
        let meta = world.disk.full_size_meta_in_line(journal).expect("an empty disk");
        let key = |number: usize| format!("z/{:08x}", (number as u32).wrapping_mul(2_654_435_761));
        for from in (0..records).step_by(TOGETHER) {
            let numbers = from..records.min(from + TOGETHER);
            let batch = numbers.fold(Batch::default(), |batch, number| batch.put(key(number), vec![1; FILL]));
            meta.commit(batch).await.expect("a healthy disk");
        }
        let life = world.open(meta).await.expect("a gateway on a healthy disk");
        life.client.prepare().await;
        let (from, size) = (world.disk.position(), Size { calls: 40, ..Size::USUAL });
        world.live(&life, size, None).await;
        assert_eq!(world.stage.history().failure(), None);
        let spent = world.disk.spent(from);
        (spent.journal.1 + spent.database.1) / life.turns.commits()
    };
    with_world(seed, measured).0
}

/// Runs `work` where the stage sees when nothing can go on.
fn with_world<F: Future>(seed: u64, work: impl FnOnce(World) -> F) -> (F::Output, Arc<Stage>) {
    let stage = Stage::new();
    let driver = stage.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // What blocks is done in the order in which it was begun, and none of it elsewhere.
        .max_blocking_threads(1)
        .thread_keep_alive(PATIENCE)
        .on_thread_start(move || repeatable::seed(Some(!seed)))
        .on_thread_park(move || driver.idle())
        .build()
        .expect("a runtime");
    repeatable::seed(Some(seed));
    let done = runtime.block_on(async {
        stage.open();
        work(World::new(seed, stage.clone())).await
    });
    repeatable::seed(None);
    stage.close();
    // A thread that still reads something for nobody is not waited for.
    runtime.shutdown_background();
    (done, stage)
}

/// Operations that change the disk in a start, roughly.
const MOST_OF_A_START: usize = 40;
/// Of those, so many are committed together.
const TOGETHER: usize = 20;
/// Bytes of a record that only makes the store larger.
pub const FILL: usize = 24 << 10;

struct World {
    dice: Dice,
    stage: Arc<Stage>,
    disk: Recorder,
    /// The root key and the record, in real files.
    config: Config,
    _folder: tempfile::TempDir,
    book: Book,
    /// Of the present life: who sleeps through a crash does not wake up.
    clock: Arc<Wall>,
    signer: Option<Signer>,
    faults: Faults,
    /// Whether the disk is searched for plaintext, which takes its time.
    searched: bool,
    wrong: Option<Wrong>,
}

/// A gateway that runs.
struct Life {
    turns: Arc<Turns>,
    gateway: Arc<Gateway>,
    client: Client,
    meta: Arc<dyn MetaStore>,
    lent: (Arc<Lent<RedbStore>>, Arc<Lent<Journaled>>),
}

impl Drop for Life {
    fn drop(&mut self) {
        self.lent.0.give_back();
        self.lent.1.give_back();
    }
}

impl World {
    fn new(seed: u64, stage: Arc<Stage>) -> Self {
        let mut dice = Dice::new(seed);
        // A third of the runs knows nothing but lost power.
        let faults = match dice.below(3) {
            0 => Faults::default(),
            1 => Faults { store: 40, bodies: 40, record: 0 },
            _ => Faults { store: 15, bodies: 15, record: 60 },
        };
        // Where syncs cost nothing: what they are worth is simulated.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
        let mut config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
        (config.storage.reserve_bytes, config.storage.low_water_bytes) = (0, 0);
        // Programs write in every mode.
        config.objects.block_sse_c = false;
        Self {
            dice,
            stage,
            disk: Recorder::new(),
            book: Book::new(folder.path().join("audit")),
            config,
            _folder: folder,
            // So that midnight comes under way.
            clock: Arc::new(Wall::new(ManualClock::default().now().plus(Duration::from_secs(22 * 3600)))),
            signer: None,
            faults,
            searched: seed.is_multiple_of(8),
            wrong: None,
        }
    }

    async fn run(mut self, size: Size) {
        for life in 1..=size.lives + 1 {
            let gateway = match self.start_somehow(life).await {
                Ok(gateway) => gateway,
                Err(why) => {
                    return self.stage.history().fail(format!("life {life}: the gateway does not start: {why}"));
                }
            };
            if life == 1 {
                gateway.client.prepare().await;
            } else if !self.check(&gateway).await {
                return;
            }
            if life > size.lives {
                return;
            }
            // The last time everybody comes to an end before the power goes.
            let turns_left = (life < size.lives).then(|| 1 + self.dice.below(size.clients * size.calls * 6));
            let cut = self.live(&gateway, size, turns_left).await;
            if self.stage.history().failure().is_some() {
                return;
            }
            let cut = cut.unwrap_or_else(|| Cut::at(self.disk.position()));
            self.lose_power(cut);
        }
    }

    /// A start, through what may become of one that is not the first: the power goes once more, or the
    /// disk fails once, and whoever could not start does then.
    async fn start_somehow(&mut self, life: usize) -> Result<Life, String> {
        if life == 1 || (self.faults == Faults::default() && self.wrong.is_some()) {
            return self.start().await;
        }
        match self.dice.below(4) {
            0 => {
                let from = self.disk.position();
                let cut_short = self.start().await?;
                self.lose_power(Cut { turn: 0, from, to: self.disk.position(), at_rest: false });
                drop(cut_short);
                self.start().await
            }
            1 if self.faults != Faults::default() => {
                self.disk.set_trouble(Trouble::Dropping(self.dice.below(MOST_OF_A_START)));
                let started = self.start().await;
                self.disk.set_trouble(Trouble::None);
                match started {
                    Ok(started) => Ok(started),
                    Err(why) => {
                        self.stage.history().remark(format!("a start fails: {why}"));
                        self.start().await
                    }
                }
            }
            _ => self.start().await,
        }
    }

    async fn start(&mut self) -> Result<Life, String> {
        let meta = self.disk.meta_in_line().map_err(|error| format!("{error:?}"))?;
        self.open(meta).await
    }

    async fn open(&mut self, meta: RedbStore) -> Result<Life, String> {
        let turns = Turns::new(Dice::new(self.dice.roll()), self.faults);
        self.clock = Arc::new(Wall::new(self.clock.now()));
        let blobs = self.disk.blobs().map_err(|error| format!("{error:?}"))?;
        let lines = self.book.open(&turns, &self.disk, &self.clock).await;
        let silence = match self.wrong {
            Some(Wrong::Unannounced(silence)) => silence,
            _ => Silence::Nothing,
        };
        let lent = (Lent::new(meta), Lent::new(Journaled::new(lines.clone())));
        let meta: Arc<dyn MetaStore> = Arc::new(InTurn::new(lent.0.clone(), turns.clone()));
        let foundations = Foundations {
            meta: meta.clone(),
            journaled: None,
            blobs: Arc::new(InTurn::new(Lent::new(blobs), turns.clone())),
            audit: Arc::new(RecordInTurn::new(lent.1.clone(), turns.clone(), silence)),
            record: Some(lines),
            outbox: Some(Arc::default()),
            clock: self.clock.clone(),
        };
        let gateway = Gateway::open(&self.config, foundations).await.map_err(|error| error.line())?;
        if let Some(created) = gateway.created.first() {
            let secret = created.key.secret.expose().to_owned();
            self.signer = Some(Signer { id: created.key.access_key_id.clone(), secret });
        }
        let signer = self.signer.clone().ok_or("no root credentials were made")?;
        let client = Client { signer, router: gateway.router.clone(), clock: self.clock.clone() };
        Ok(Life { turns, gateway: Arc::new(gateway), client, meta, lent })
    }

    /// Clients call until they are done or the power goes.
    async fn live(&mut self, life: &Life, size: Size, turns_left: Option<usize>) -> Option<Cut> {
        let mut clients = JoinSet::new();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let gateway = life.gateway.clone();
        let work = tokio::spawn(async move { gateway.work(stopped.map(drop)).await });
        self.stage.begin(stage::Life {
            turns: life.turns.clone(),
            disk: self.disk.clone(),
            clock: self.clock.clone(),
            turns_left,
        });
        for number in 0..size.clients {
            let (client, turns, stage) = (life.client.clone(), life.turns.clone(), self.stage.clone());
            let mut dice = Dice::new(self.dice.roll());
            clients.spawn(async move {
                for _ in 0..size.calls {
                    turns.take(Step::Call(number)).await;
                    let (call, at) = {
                        let mut history = stage.history();
                        let call = program::draw(&mut dice, &history);
                        let at = history.begin(&call);
                        (call, at)
                    };
                    let (heard, etag) = client.call(at, &call).await;
                    let mut history = stage.history();
                    history.hear(at, heard);
                    history.learn(&call, etag);
                }
            });
        }
        let done = async { while clients.join_next().await.is_some() {} };
        tokio::select! {
            () = done => {}
            () = self.stage.over() => {}
            () = tokio::time::sleep(PATIENCE) => {
                self.stage.history().fail("nobody can go on, and not everybody is done".to_owned());
            }
        }
        let cut = self.stage.end();
        if cut.is_none() {
            self.stage.history().settle();
            life.turns.release();
            // Nobody is listening if it ended by itself.
            let _ = stop.send(());
            let _ = work.await;
        }
        cut
    }

    /// The disk and the record as they are found after the power went.
    fn lose_power(&mut self, cut: Cut) {
        let at = cut.from + self.dice.below(cut.to - cut.from + 1);
        let loss = if self.dice.below(3) == 0 { Loss::Everything } else { Loss::Random };
        // Was the last turn over, what was told in it was told.
        let over = at == cut.to && (cut.at_rest || self.dice.below(2) == 0);
        {
            let mut history = self.stage.history();
            if over {
                history.settle();
            }
            history.remark(format!("cut at {at} of {}..{}, {loss:?}", cut.from, cut.to));
            history.crash();
        }
        self.book.lose(Lost { turn: cut.turn, at, over }, &mut self.dice);
        let seed = self.dice.roll();
        self.disk = match self.wrong {
            Some(Wrong::Syncs(syncs)) => {
                let lying = self.disk.ignoring(syncs);
                lying.crash(lying.position(), Loss::Everything, seed)
            }
            _ => self.disk.crash(at, loss, seed),
        };
    }

    /// Whether the gateway is as it may be.
    async fn check(&self, life: &Life) -> bool {
        // Failures are remembered for a second, so that not everybody tries again at once.
        life.client.clock.advance(Duration::from_secs(2));
        check::state(&life.client, &self.stage).await;
        let chain = self.book.verify(&self.config, &*life.meta).await;
        let mut history = self.stage.history();
        if history.failure().is_none() && self.searched && self.disk.wrote(CANARY) {
            history.fail("the disk holds plaintext".to_owned());
        }
        if let Some(wrong) = chain {
            history.fail(wrong);
        }
        if history.failure().is_some() {
            return false;
        }
        match check::record(&mut history, &self.book.lines(), &life.client.signer.id) {
            None => true,
            Some(lacks) => {
                history.fail(lacks);
                false
            }
        }
    }
}
