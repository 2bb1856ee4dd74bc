//! A running worker, as its cluster sees it.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arqueta_model::Clock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use zeroize::Zeroizing;

use crate::launch::Launch;
use crate::wire::{self, Answer, Failure, Order, Reply, Request, Secret};

/// Time that a token has for one order. A worker that takes longer is stopped.
const ORDER: Duration = Duration::from_secs(10);
/// Orders that wait for one token. More are turned away.
const QUEUE: usize = 512;

/// By number. An order keeps its place until it is answered, even if its caller has gone: it is
/// with the worker all the same.
type Orders = HashMap<u64, (oneshot::Sender<Result<Answer, Failure>>, OwnedSemaphorePermit)>;
type Waiting = Arc<Mutex<Orders>>;

pub(crate) struct Process {
    frames: mpsc::Sender<Zeroizing<Vec<u8>>>,
    waiting: Waiting,
    places: Arc<Semaphore>,
    numbers: AtomicU64,
    state: Arc<Ended>,
    clock: Arc<dyn Clock>,
    /// Killed when it is dropped.
    _child: Child,
}

/// Whether a worker is of no more use.
#[derive(Default)]
struct Ended {
    flag: AtomicBool,
    bell: Notify,
}

impl Ended {
    fn ring(&self) {
        self.flag.store(true, Ordering::Release);
        self.bell.notify_one();
    }
}

impl Process {
    /// Starts a worker and opens a token in it.
    pub(crate) async fn start(
        launch: &Launch,
        clock: &Arc<dyn Clock>,
        (module, label, pin): (&str, &str, &Secret),
    ) -> Result<Self, Failure> {
        let process = Self::spawn(launch, clock)?;
        let open = Order::Open { module: module.to_owned(), label: label.to_owned(), pin: pin.clone() };
        process.order(open).await.map(|_| process)
    }

    fn spawn(launch: &Launch, clock: &Arc<dyn Clock>) -> Result<Self, Failure> {
        let mut command = Command::new(&launch.program);
        for name in &launch.withheld {
            command.env_remove(name);
        }
        let mut child = command
            .args(&launch.arguments)
            .envs(launch.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| Failure::Away(format!("the worker cannot be started: {error}")))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (input, output) = pipes.ok_or_else(|| Failure::Away("the worker has no pipes".to_owned()))?;
        let (frames, queued) = mpsc::channel(QUEUE);
        let (waiting, state) = (Waiting::default(), Arc::<Ended>::default());
        tokio::spawn(write(input, queued));
        tokio::spawn(read(output, waiting.clone(), state.clone()));
        let places = Arc::new(Semaphore::new(QUEUE));
        Ok(Self { frames, waiting, places, numbers: AtomicU64::new(0), state, clock: clock.clone(), _child: child })
    }

    /// Has an order done.
    pub(crate) async fn order(&self, order: Order) -> Result<Answer, Failure> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| Failure::Busy)?;
        let id = self.numbers.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        lock(&self.waiting).insert(id, (answer, place));
        let gone = || Failure::Away("the worker ended".to_owned());
        let outcome = async {
            // There is room for as many frames as there are places.
            if self.is_ended() || self.frames.try_send(wire::frame(&Request { id, order })).is_err() {
                return Err(gone());
            }
            tokio::select! {
                outcome = answered => outcome.unwrap_or_else(|_| Err(gone())),
                () = self.clock.sleep(ORDER) => Err(Failure::Away("the token takes too long".to_owned())),
            }
        };
        let outcome = outcome.await;
        lock(&self.waiting).remove(&id);
        if matches!(outcome, Err(Failure::Away(_))) {
            self.state.ring();
        }
        outcome
    }

    /// Resolves when the worker is of no more use.
    pub(crate) async fn ended(&self) {
        while !self.is_ended() {
            self.state.bell.notified().await;
        }
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.state.flag.load(Ordering::Acquire)
    }
}

fn lock(waiting: &Waiting) -> MutexGuard<'_, Orders> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn write(mut input: ChildStdin, mut queued: mpsc::Receiver<Zeroizing<Vec<u8>>>) {
    while let Some(frame) = queued.recv().await {
        if input.write_all(&frame).await.is_err() || input.flush().await.is_err() {
            return;
        }
    }
}

async fn read(mut output: ChildStdout, waiting: Waiting, state: Arc<Ended>) {
    while let Some(Reply { id, outcome }) = receive(&mut output).await {
        if let Some((answer, _place)) = lock(&waiting).remove(&id) {
            // Nobody waits for an order that took too long.
            let _ = answer.send(outcome);
        }
    }
    state.ring();
    lock(&waiting).clear();
}

async fn receive(output: &mut ChildStdout) -> Option<Reply> {
    let mut header = [0; 4];
    output.read_exact(&mut header).await.ok()?;
    let mut body = Zeroizing::new(vec![0; wire::announced(header)?]);
    output.read_exact(&mut body).await.ok()?;
    wire::parse(&body)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use arqueta_model::ManualClock;
    use futures::FutureExt as _;

    use super::*;

    fn launch(script: &str, environment: Vec<(String, String)>) -> Launch {
        let arguments = vec!["-c".to_owned(), script.to_owned()];
        // Cargo sets this one for tests; it stands for a secret.
        let withheld = vec!["CARGO_MANIFEST_DIR".to_owned()];
        Launch { program: "/bin/sh".into(), arguments, environment, withheld }
    }

    #[tokio::test]
    async fn orders_that_callers_give_up_keep_their_places_with_the_worker() {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
        let process = Process::spawn(&launch("cat > /dev/null", Vec::new()), &clock).unwrap();
        for _ in 0..QUEUE {
            assert!(process.order(Order::Random { size: 1 }).now_or_never().is_none(), "nobody answers");
        }
        let one_more = process.order(Order::Random { size: 1 }).now_or_never();
        assert!(matches!(one_more, Some(Err(Failure::Busy))), "{one_more:?}");
    }

    #[tokio::test]
    async fn secrets_of_the_gateway_are_not_in_the_environment_of_a_module() {
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some());
        let folder = tempfile::tempdir().unwrap();
        let seen = folder.path().join("seen");
        let environment = vec![("SEEN".to_owned(), seen.display().to_string())];
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
        let process = Process::spawn(&launch("env > \"$SEEN\"", environment), &clock).unwrap();
        process.ended().await;
        let seen = std::fs::read_to_string(seen).unwrap();
        assert!(seen.contains("SEEN=") && !seen.contains("CARGO_MANIFEST_DIR="), "{seen}");
    }
}
