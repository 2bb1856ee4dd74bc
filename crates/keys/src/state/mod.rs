//! The service's state: the directory, and the one way to change it.

pub(crate) mod announced;
pub(crate) mod change;
pub(crate) mod directory;
pub(crate) mod issued;
pub(crate) mod neighbours;
pub(crate) mod people;
pub(crate) mod turn;
pub(crate) mod uses;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use arqueta_audit::AuditSink;
use arqueta_call::Recorder;
use arqueta_kms::{Clusters, Error, RootSecret};
use arqueta_model::{AccountId, Clock, Region};
use arqueta_store::{Batch, MetaStore};
use tokio::sync::{Notify, Semaphore};

use crate::Config;
use crate::key::homes::Registry;
use crate::quotas::Limiter;
use crate::schema::{self, KeyRecord};
use announced::announced;
use change::Change;
use directory::Directory;
use issued::OfKey;
use neighbours::Neighbours;
use people::People;
use turn::{Turn, Turns};
use uses::Usage;

pub(crate) struct State {
    pub meta: Arc<dyn MetaStore>,
    pub recorder: Recorder,
    pub clock: Arc<dyn Clock>,
    pub account: AccountId,
    pub region: Region,
    pub root: RootSecret,
    pub homes: Arc<Registry>,
    pub clusters: Arc<Clusters>,
    /// Name of the holder that makes the material of new keys.
    pub home: Option<String>,
    pub limiter: Limiter,
    directory: RwLock<Directory>,
    turns: Turns,
    /// The store may hold something else than the directory; nothing is decided before it is read again.
    stale: AtomicBool,
    /// Rings when something has become due earlier than before.
    pub wake: Notify,
    /// Private-key operations at a time: one for each core.
    pub workers: Arc<Semaphore>,
    pub usage: Usage,
    /// The other Regions, once the service has joined them.
    pub neighbours: Neighbours,
    /// The identities, once the service has joined them.
    pub people: People,
}

/// The key service inside the gateway. Cheap to clone; clones are the same service.
#[derive(Clone)]
pub struct Embedded {
    pub(crate) state: Arc<State>,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("region", &self.state.region).finish_non_exhaustive()
    }
}

impl State {
    pub(crate) fn new(
        parts: (Arc<dyn MetaStore>, Arc<dyn AuditSink>, Arc<dyn Clock>),
        config: Config,
        homes: Arc<Registry>,
        root: RootSecret,
        directory: Directory,
    ) -> Self {
        let (meta, audit, clock) = parts;
        Self {
            meta,
            recorder: Recorder::new(audit, config.region.clone()),
            clock,
            account: config.account,
            region: config.region,
            root,
            limiter: Limiter::new(config.quotas),
            homes,
            clusters: Arc::new(config.clusters),
            home: config.home,
            directory: RwLock::new(directory),
            turns: Turns::default(),
            stale: AtomicBool::new(false),
            wake: Notify::new(),
            workers: Arc::new(Semaphore::new(cores())),
            usage: Usage::default(),
            neighbours: Neighbours::default(),
            people: People::default(),
        }
    }

    /// The directory now. Not to be held across an await.
    pub(crate) fn directory(&self) -> RwLockReadGuard<'_, Directory> {
        // Writers do not panic half-way: they replace values whole.
        self.directory.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_directory<T>(&self, change: impl FnOnce(&mut Directory) -> T) -> T {
        change(&mut self.directory.write().unwrap_or_else(PoisonError::into_inner))
    }

    async fn reload(&self) -> Result<(), Error> {
        let fresh = Directory::load(&*self.meta, &self.region, &self.homes).await?;
        self.change_directory(|directory| *directory = fresh);
        self.stale.store(false, Ordering::Release);
        Ok(())
    }

    async fn apply(&self, changes: Vec<Change>) -> Result<(), Error> {
        let batch = self.batch(&changes);
        let addressees: Vec<_> = changes.iter().filter_map(Change::addressee).cloned().collect();
        if let Err(error) = self.meta.commit(batch).await {
            // It may have happened, or someone else was faster.
            self.stale.store(true, Ordering::Release);
            return Err(error.into());
        }
        for change in &changes {
            if let Change::Destroy(key) = change {
                self.usage.forget(key.record.account.as_str(), &key.record.id);
            }
        }
        let applied = self.change_directory(|directory| {
            changes.into_iter().try_for_each(|change| change.enter(directory, &self.region))
        });
        if applied.is_err() {
            self.stale.store(true, Ordering::Release);
        }
        self.wake.notify_one();
        addressees.iter().for_each(|region| self.neighbours.wake(region));
        applied
    }

    fn batch(&self, changes: &[Change]) -> Batch {
        let directory = self.directory();
        let mut batch = Batch::default();
        for change in changes {
            batch = match change {
                Change::Key(key) => {
                    let before = directory.key(&key.account, &key.id).map(|key| key.stored.clone());
                    batch.unchanged(key.store_key(), before).put(key.store_key(), schema::encode(key))
                }
                Change::Destroy(key) => {
                    let KeyRecord { account, id, .. } = &key.record;
                    let aliases = key.aliases.iter().filter_map(|name| directory.alias(account, name));
                    let aliases = aliases.map(|alias| alias.store_key());
                    let grants = directory.issued.of_key(account, id).into_iter().flat_map(OfKey::all);
                    let grants = grants.map(|grant| grant.store_key());
                    let wrappings = directory.wrappings_of(account, id).map(str::to_owned);
                    let used = schema::use_key(account.as_str(), id);
                    aliases.chain(grants).chain(wrappings).chain([used]).fold(
                        batch
                            .unchanged(key.record.store_key(), Some(key.stored.clone()))
                            .delete(key.record.store_key()),
                        Batch::delete,
                    )
                }
                Change::Alias(alias) => {
                    let before = directory.alias(&alias.account, &alias.name).map(|alias| schema::encode(&**alias));
                    batch.unchanged(alias.store_key(), before).put(alias.store_key(), schema::encode(alias))
                }
                Change::DropAlias(alias) => batch.delete(alias.store_key()),
                Change::Grant(grant) => batch.put(grant.store_key(), schema::encode(grant)),
                Change::DropGrant(grant) => batch.delete(grant.store_key()),
                Change::Wrapping(wrapping) => batch.put(wrapping.store_key(), schema::encode(wrapping)),
                Change::DropWrapping(name) => batch.delete(name.clone()),
                Change::Store(store) => {
                    let before = directory.stores.get(&store.account).and_then(|stores| stores.get(&store.id));
                    let before = before.map(|store| schema::encode(&store.record));
                    batch.unchanged(store.store_key(), before).put(store.store_key(), schema::encode(store))
                }
                Change::DropStore(store) => {
                    let before = schema::encode(&store.record);
                    let key = store.record.store_key();
                    batch.unchanged(key.clone(), Some(before)).delete(key)
                }
                Change::Errand(errand) => batch.put(errand.store_key(), schema::encode(errand)),
                Change::DropErrand(errand) => batch.delete(errand.store_key()),
                Change::Tomb(tomb) => batch.put(tomb.store_key(), schema::encode(tomb)),
            };
        }
        batch
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

impl Embedded {
    /// Waits for the right to change anything. What was read before may be old by then.
    pub(crate) async fn turn(&self) -> Result<Turn, Error> {
        let turn = self.state.turns.alone().await;
        if self.state.stale.load(Ordering::Acquire) {
            self.state.reload().await?;
        }
        Ok(turn)
    }

    /// Waits for the right to change one key, its record and its grants, which others may have
    /// changed meanwhile. Who holds it finds keys by [`admit_in_turn`]: reading the store
    /// again would wait for this very turn.
    pub(crate) async fn turn_of(&self, account: &AccountId, id: &str) -> Result<Turn, Error> {
        loop {
            let turn = self.state.turns.key(account, id).await;
            // A failed change of this key has said so before its turn ended.
            if !self.state.stale.load(Ordering::Acquire) {
                return Ok(turn);
            }
            drop(turn);
            self.up_to_date().await?;
        }
    }

    /// Makes changes durable, then visible. Runs to its end even if the caller goes away, so
    /// that store and directory never differ.
    pub(crate) async fn commit(&self, turn: Turn, changes: Vec<Change>) -> Result<(), Error> {
        let state = self.state.clone();
        // Other Regions hear of a change because of the same commit that makes it.
        let changes = announced(self, changes);
        // The call's event goes with the commit, wherever that runs.
        let done = tokio::spawn(arqueta_audit::carried(async move {
            let outcome = state.apply(changes).await;
            drop(turn);
            outcome
        }));
        done.await.unwrap_or_else(|panic| Err(Error::Unavailable(panic.into())))
    }

    /// Runs `work` off the runtime's threads: private-key operations take up to milliseconds, and
    /// drawing an RSA key up to seconds.
    pub(crate) async fn off_runtime<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let worker = self.state.workers.clone().acquire_owned().await;
        let done = tokio::task::spawn_blocking(move || {
            let outcome = work();
            drop(worker);
            outcome
        });
        done.await.unwrap_or_else(|panic| Err(Error::Unavailable(panic.into())))
    }

    /// Reads the store again if it may differ from the directory.
    pub(crate) async fn up_to_date(&self) -> Result<(), Error> {
        if self.state.stale.load(Ordering::Acquire) {
            self.turn().await?;
        }
        Ok(())
    }
}
