//! Every target's lane at once.

use std::sync::Arc;

use arqueta_engine::notifications::Lane as Rows;
use arqueta_store::Scan;

use crate::lane::Lane;
use crate::progress::Progress;
use crate::route::{Route, Standing};

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

    /// Works for ever.
    pub async fn run(&self) {
        if let Err(error) = self.look_for_others().await {
            tracing::warn!(%error, "whether events wait for targets that are not configured cannot be told");
        }
        let lanes = self.lanes.iter().map(|lane| lane.run());
        futures::future::join_all(lanes).await;
        // Without a target there is nothing to do, and what runs for ever does not end.
        std::future::pending().await
    }

    /// Says for which targets events wait that the configuration does not have any more.
    async fn look_for_others(&self) -> Result<(), arqueta_store::Error> {
        let mut scan = Scan::prefix(Rows::all(), 1);
        while let Some(first) = self.on.meta.page(scan.clone()).await?.into_iter().next() {
            let Some(name) = Rows::target(&first.key) else { return Ok(()) };
            if !self.lanes.iter().any(|lane| lane.name() == name) {
                tracing::warn!(
                    target_name = name,
                    "events wait for a target that is not configured; they stay until it is"
                );
            }
            // Behind all rows of this one.
            let prefix = Rows::of(name);
            scan.start = [&prefix.prefix()[..prefix.prefix().len() - 1], &[1]].concat().into();
        }
        Ok(())
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
