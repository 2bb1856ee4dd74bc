//! Every target's lane at once.

use std::sync::Arc;

use arqueta_engine::notifications::Lane as Rows;
use arqueta_store::Scan;

use crate::lane::Lane;
use crate::progress::Progress;
use crate::route::{PAGE, Route, Standing};

/// Empties the outbox.
pub struct Courier {
    lanes: Vec<Arc<Lane>>,
    on: Standing,
}

impl Courier {
    /// Does nothing yet. What it does it will count in `progress`.
    #[must_use]
    pub fn new(on: Standing, routes: Vec<Route>, progress: &Progress) -> Self {
        let lane = |route: Route| {
            let counts = progress.target(&route.name);
            Arc::new(Lane::new(on.clone(), route, counts))
        };
        Self { lanes: routes.into_iter().map(lane).collect(), on }
    }

    /// Counts what waits, for each target and for those that the configuration does not have any more, and
    /// says which those are. Returns the last sequence of all. To be called before other rows are written.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn begin(&self, progress: &Progress) -> Result<u64, arqueta_store::Error> {
        let (mut last, mut unnamed) = (0, 0);
        let mut scan = Scan::prefix(Rows::all(), 1);
        while let Some(first) = self.on.meta.page(scan.clone()).await?.into_iter().next() {
            let Some(name) = Rows::name(&first.key) else { break };
            let rows = Rows::of(name);
            let (found, newest) = self.count(&rows).await?;
            last = last.max(newest);
            if self.lanes.iter().any(|lane| lane.name() == name) {
                self.on.notices.found(name, found);
            } else {
                unnamed += found;
                tracing::warn!(
                    target_name = name,
                    events = found,
                    "events wait for a target that is not configured; they stay until it is"
                );
            }
            // Behind all rows of this one.
            scan.start = [&rows.prefix()[..rows.prefix().len() - 1], &[1]].concat().into();
        }
        progress.leave(unnamed);
        Ok(last)
    }

    /// How many rows a lane has, and the last one's sequence.
    async fn count(&self, rows: &Rows) -> Result<(u64, u64), arqueta_store::Error> {
        let (mut found, mut newest) = (0, 0);
        let mut scan = Scan::prefix(rows.prefix(), PAGE);
        loop {
            let page = self.on.meta.page(scan.clone()).await?;
            let Some(last) = page.last() else { return Ok((found, newest)) };
            found += page.len() as u64;
            newest = rows.place(&last.key).map_or(newest, |place| place.sequence);
            scan.start = [&last.key[..], &[0]].concat().into();
        }
    }

    /// Works for ever.
    pub async fn run(&self) {
        let lanes = self.lanes.iter().map(|lane| lane.run());
        futures::future::join_all(lanes).await;
        // Without a target there is nothing to do, and what runs for ever does not end.
        std::future::pending().await
    }

    /// One round of every lane, for tests and for a clean end.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn round(&self) -> Result<(), arqueta_store::Error> {
        for lane in &self.lanes {
            lane.once().await?;
        }
        Ok(())
    }
}
