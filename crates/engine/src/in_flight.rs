//! Blobs between their first byte and the commit that refers to them.
//!
//! To the orphan sweep such a blob looks like one that a crash left: it is there and nothing names
//! it. Its age tells little (a file system's times lag behind the clock by a tick), so the sweep
//! asks here before it reads whether a record names the blob.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arqueta_model::{BlobId, Clock, Timestamp};

/// Blobs by when they came into doubt: `None` while someone is at work on them.
#[derive(Debug, Clone, Default)]
pub(crate) struct InFlight(Arc<Mutex<HashMap<BlobId, Option<Timestamp>>>>);

/// One blob in flight.
///
/// Dropped before [`Claim::stored`], it is over: no record will name the blob. Dropped after that
/// and before [`Claim::settle`], its commit may still be under way (a caller who goes away does not
/// call a commit back), so the blob stays in flight, in doubt, until a sweep for older ones.
pub(crate) struct Claim {
    id: BlobId,
    stored: bool,
    in_flight: InFlight,
    clock: Arc<dyn Clock>,
}

impl InFlight {
    /// Claims a blob; to be called before it is created.
    pub fn claim(&self, id: BlobId, clock: Arc<dyn Clock>) -> Claim {
        self.blobs().insert(id, None);
        Claim { id, stored: false, in_flight: self.clone(), clock }
    }

    /// Whether a commit that names this blob may be still to come.
    pub fn holds(&self, id: BlobId) -> bool {
        self.blobs().contains_key(&id)
    }

    /// Gives up blobs that came into doubt before `before`.
    pub fn forget_doubtful(&self, before: Timestamp) {
        self.blobs().retain(|_, doubted| doubted.is_none_or(|at| at >= before));
    }

    fn blobs(&self) -> MutexGuard<'_, HashMap<BlobId, Option<Timestamp>>> {
        // Each change is one call into the map; a poisoned one is still right.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim {
    /// The blob is finished; from here on a commit may name it.
    pub fn stored(&mut self) {
        self.stored = true;
    }

    /// What became of the blob is certain: a record names it, or none ever will.
    pub fn settle(&self) {
        self.in_flight.blobs().remove(&self.id);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut blobs = self.in_flight.blobs();
        if !self.stored {
            blobs.remove(&self.id);
        } else if let Some(doubted) = blobs.get_mut(&self.id) {
            *doubted = Some(self.clock.now());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use arqueta_model::ManualClock;

    use super::*;

    #[test]
    fn a_blob_that_was_not_finished_or_is_settled_is_no_longer_in_flight() {
        let (in_flight, clock, id) = (InFlight::default(), Arc::new(ManualClock::default()), BlobId::random());
        let claim = in_flight.claim(id, clock.clone());
        in_flight.forget_doubtful(Timestamp::from_millis(i64::MAX));
        assert!(in_flight.holds(id) && !in_flight.holds(BlobId::random()));
        drop(claim);
        assert!(in_flight.blobs().is_empty());
        let mut claim = in_flight.claim(id, clock);
        claim.stored();
        assert!(in_flight.holds(id));
        claim.settle();
        drop(claim);
        assert!(in_flight.blobs().is_empty());
    }

    #[test]
    fn a_blob_whose_commit_nobody_awaited_is_in_doubt_for_its_time() {
        let (in_flight, clock, id) = (InFlight::default(), Arc::new(ManualClock::default()), BlobId::random());
        let mut claim = in_flight.claim(id, clock.clone());
        claim.stored();
        drop(claim);
        in_flight.forget_doubtful(clock.now());
        assert!(in_flight.holds(id));
        clock.advance(Duration::from_millis(1));
        in_flight.forget_doubtful(clock.now());
        assert!(in_flight.blobs().is_empty());
    }
}
