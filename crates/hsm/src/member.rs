//! One token of a cluster: kept open, looked after, opened again.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use arqueta_model::Clock;
use tokio::sync::watch;

use crate::launch::Launch;
use crate::process::Process;
use crate::wire::{Answer, Failure, Order, Secret};

/// Time between two looks at a token that works.
const LOOK: Duration = Duration::from_secs(2);
/// Time before a token that failed is opened again; doubles up to the longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// How to get at one token.
pub(crate) struct Member {
    pub label: String,
    launch: Launch,
    module: String,
    pin: Secret,
    clock: Arc<dyn Clock>,
    process: RwLock<Option<Arc<Process>>>,
    /// Whether opening it has been tried.
    tried: watch::Sender<bool>,
}

impl Member {
    pub(crate) fn new(launch: Launch, module: String, label: String, pin: Secret, clock: Arc<dyn Clock>) -> Self {
        let process = RwLock::default();
        Self { label, launch, module, pin, clock, process, tried: watch::Sender::new(false) }
    }

    /// Keeps the token open, for ever.
    pub(crate) async fn look_after(self: Arc<Self>) {
        let mut wait = RETRY.0;
        loop {
            let parts = (self.module.as_str(), self.label.as_str(), &self.pin);
            match Process::start(&self.launch, &self.clock, parts).await {
                Err(failure) => {
                    tracing::warn!(token = self.label, %failure, "a token cannot be opened and will be tried again");
                }
                Ok(process) => {
                    tracing::info!(token = self.label, "a token is open");
                    let process = Arc::new(process);
                    self.put(Some(process.clone()));
                    self.tried.send_replace(true);
                    let failure = self.watch(&process).await;
                    self.put(None);
                    tracing::warn!(token = self.label, %failure, "a token is lost");
                    wait = RETRY.0;
                }
            }
            self.tried.send_replace(true);
            self.clock.sleep(wait).await;
            wait = (wait * 2).min(RETRY.1);
        }
    }

    /// Until the token does not work any more; then why.
    async fn watch(&self, process: &Process) -> Failure {
        loop {
            tokio::select! {
                () = process.ended() => return Failure::Away("its worker is of no more use".to_owned()),
                () = self.clock.sleep(LOOK) => {}
            }
            match process.order(Order::Check).await {
                Ok(_) | Err(Failure::Busy) => {}
                Err(failure) => return failure,
            }
        }
    }

    /// Waits until opening the token has been tried once.
    pub(crate) async fn tried(&self) {
        // The sender lives in `self`.
        let _ = self.tried.subscribe().wait_for(|tried| *tried).await;
    }

    fn put(&self, process: Option<Arc<Process>>) {
        *self.process.write().unwrap_or_else(PoisonError::into_inner) = process;
    }

    fn process(&self) -> Option<Arc<Process>> {
        let process = self.process.read().unwrap_or_else(PoisonError::into_inner).clone();
        process.filter(|process| !process.is_ended())
    }

    pub(crate) fn is_up(&self) -> bool {
        self.process().is_some()
    }

    /// Has an order done, if the token is there.
    pub(crate) async fn order(&self, order: Order) -> Result<Answer, Failure> {
        match self.process() {
            Some(process) => process.order(order).await,
            None => Err(Failure::Away(format!("the token `{}` is not there", self.label))),
        }
    }
}
