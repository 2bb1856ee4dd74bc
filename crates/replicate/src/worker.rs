//! Every destination's lane at once.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arqueta_engine::StoreError;
use arqueta_engine::record::Record as _;
use arqueta_engine::replication::{Intent, Lane as Rows, Load};
use arqueta_store::Scan;
use tokio::task::JoinSet;

use crate::destination::Destination;
use crate::existing::Existing;
use crate::lane::{Lane, Round};
use crate::standing::Standing;

/// Rows read at once when they are counted.
const PAGE: usize = 1000;
/// How often rows are looked for that another process wrote.
const LOOK: Duration = Duration::from_secs(10);

/// Empties the outbox.
pub struct Replicator {
    on: Arc<Standing>,
    to: Arc<dyn Destination>,
}

impl fmt::Debug for Replicator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replicator").finish_non_exhaustive()
    }
}

impl Replicator {
    /// Does nothing yet. Everything will go to `to`.
    #[must_use]
    pub fn new(on: Standing, to: Arc<dyn Destination>) -> Self {
        Self { on: Arc::new(on), to }
    }

    /// Lets what was there before rules wait that send it.
    #[must_use]
    pub fn existing(&self) -> Existing {
        Existing::new(self.on.clone())
    }

    /// Counts what waits, for each destination, and returns the last sequence of all. To be called before other
    /// rows are written.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn begin(&self) -> Result<u64, StoreError> {
        let mut last = 0;
        for name in self.names().await? {
            let (load, newest) = self.count(&Rows::of(&name)).await?;
            self.on.engine.replication().found(&name, load);
            last = last.max(newest);
        }
        Ok(last)
    }

    /// Destinations for which anything waits.
    async fn names(&self) -> Result<BTreeSet<String>, StoreError> {
        let mut names = BTreeSet::new();
        let mut scan = Scan::prefix(Rows::all(), 1);
        while let Some(first) = self.on.meta.page(scan.clone()).await?.into_iter().next() {
            let Some(name) = Rows::name(&first.key) else { break };
            let prefix = Rows::of(name).prefix().clone();
            // Behind all rows of this one.
            scan.start = [&prefix[..prefix.len() - 1], &[1]].concat().into();
            names.insert(name.to_owned());
        }
        Ok(names)
    }

    async fn count(&self, rows: &Rows) -> Result<(Load, u64), StoreError> {
        let (mut load, mut newest) = (Load::default(), 0);
        let mut scan = Scan::prefix(rows.prefix(), PAGE);
        loop {
            let page = self.on.meta.page(scan.clone()).await?;
            let Some(last) = page.last() else { return Ok((load, newest)) };
            newest = rows.place(&last.key).map_or(newest, |place| place.sequence);
            scan.start = [&last.key[..], &[0]].concat().into();
            load.rows += page.len() as u64;
            let sizes = page.iter().filter_map(|entry| Intent::decode(entry.value.as_ref()?).ok());
            load.bytes += sizes.map(|intent| intent.size).sum::<u64>();
        }
    }

    /// Works for ever: a lane for each destination for which anything waits.
    pub async fn run(&self) {
        let mut written = self.on.engine.replication().watch();
        let mut lanes = JoinSet::new();
        let mut running = BTreeSet::new();
        let mut looked = None;
        loop {
            written.borrow_and_update();
            let now = self.on.clock.now();
            let mut due: BTreeSet<String> = self.on.engine.replication().outgoing().loads().into_keys().collect();
            if looked.is_none_or(|looked| now.since(looked) >= LOOK) {
                looked = Some(now);
                match self.names().await {
                    Ok(names) => due.extend(names),
                    Err(error) => tracing::warn!(%error, "what is to be replicated cannot be read"),
                }
            }
            for name in due {
                if running.insert(name.clone()) {
                    let lane = Lane::new(self.on.clone(), name.clone(), self.to.clone());
                    lanes.spawn(async move {
                        lane.run().await;
                        name
                    });
                }
            }
            tokio::select! {
                Some(ended) = lanes.join_next(), if !lanes.is_empty() => match ended {
                    Ok(name) => { running.remove(&name); }
                    // It names nobody: all are looked at again, and those that run hold their leases.
                    Err(error) => {
                        tracing::error!(%error, "a lane of replication broke and begins again");
                        lanes.abort_all();
                        while lanes.join_next().await.is_some() {}
                        running.clear();
                    }
                },
                _ = written.changed() => {}
                () = self.on.clock.sleep(LOOK) => {}
            }
        }
    }

    /// One round of every lane, for tests and for a clean end, until nothing more can be done now.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn round(&self) -> Result<(), StoreError> {
        for name in self.names().await? {
            let lane = Lane::new(self.on.clone(), name.clone(), self.to.clone());
            while lane.round().await? == Round::Done {}
        }
        Ok(())
    }
}
