//! When to deliver.

use std::time::Duration;

use arqueta_model::Timestamp;

use crate::{Error, Trails};

/// Shortest pause between two rounds.
const PAUSE: Duration = Duration::from_secs(1);

impl Trails {
    /// Delivers every `delivery` interval, and when a digest falls due, until it is dropped. The
    /// first round finishes what an earlier run had begun.
    pub async fn run(&self) {
        loop {
            self.deliver_all().await;
            let next = self.next_digest().await.unwrap_or_else(|error| {
                tracing::error!(%error, "trails cannot be read");
                None
            });
            let until_digest = next.map_or(Duration::MAX, |at| at.since(self.clock.now()));
            self.clock.sleep(until_digest.min(self.config.delivery).max(PAUSE)).await;
        }
    }

    /// When the next digest falls due. One that was due and failed is tried with the next delivery.
    async fn next_digest(&self) -> Result<Option<Timestamp>, Error> {
        let mut next = None;
        for trail in self.directory.trails(None).await? {
            let chain = self.directory.progress(&trail.id).await?.value.chain;
            let due = chain.filter(|chain| chain.begun.is_none()).map(|chain| chain.start.plus(self.config.digest));
            next = match (next, due) {
                (Some(next), Some(due)) => Some(due.min(next)),
                (next, due) => due.or(next),
            };
        }
        Ok(next)
    }
}
