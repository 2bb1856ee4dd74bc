//! Leases: one of several workers does a piece of background work, and a worker that was away for
//! too long cannot finish what it began.
//!
//! A lease is two records under its name: who holds it and until when, which renewing changes, and a
//! fencing token, which only taking it changes. A worker puts [`Held::fence`] into every batch: once
//! another took the lease, the old holder's batches conflict, however late they come and whatever its
//! clock says. So clocks decide only how soon somebody else may begin.
//!
//! ```text
//! w/lease/<name> = until, milliseconds since the epoch, i64 BE ‖ owner
//! w/fence/<name> = token, u64 BE
//! ```

use std::sync::Arc;
use std::time::Duration;

use arqueta_model::{Clock, Timestamp};
use bytes::Bytes;

use crate::{Batch, Error, MetaStore, Precondition};

const LEASES: &str = "w/lease/";
const FENCES: &str = "w/fence/";

/// Takes leases for one owner.
#[derive(Clone)]
pub struct Leases {
    meta: Arc<dyn MetaStore>,
    clock: Arc<dyn Clock>,
    owner: Arc<str>,
    term: Duration,
}

/// A lease that is held.
#[derive(Debug, Clone)]
pub struct Held {
    name: String,
    token: u64,
    /// The lease's record as this holder wrote it.
    written: Bytes,
}

impl Leases {
    /// Leases in `meta` for `owner`, a name that no other worker has, each for `term` unless renewed.
    #[must_use]
    pub fn new(meta: Arc<dyn MetaStore>, clock: Arc<dyn Clock>, owner: impl Into<Arc<str>>, term: Duration) -> Self {
        Self { meta, clock, owner: owner.into(), term }
    }

    /// How long a lease lasts.
    #[must_use]
    pub const fn term(&self) -> Duration {
        self.term
    }

    /// Takes the lease `name`, if nobody else holds it. Its own owner takes it anew: what that owner
    /// began before is fenced off, too.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn take(&self, name: &str) -> Result<Option<Held>, Error> {
        let (at, fence) = (key(LEASES, name), key(FENCES, name));
        let found = self.meta.get(&at).await?;
        if found.as_deref().is_some_and(|found| self.is_anothers(found)) {
            return Ok(None);
        }
        let last = self.meta.get(&fence).await?;
        let token = last.as_deref().and_then(|last| last.try_into().ok()).map_or(0, u64::from_be_bytes) + 1;
        let written = self.record();
        let batch = Batch::default()
            .unchanged(at.clone(), found)
            .unchanged(fence.clone(), last)
            .put(at, written.clone())
            .put(fence, token.to_be_bytes().to_vec());
        match self.meta.commit(batch).await {
            Err(Error::Conflict) => Ok(None),
            outcome => outcome.map(|()| Some(Held { name: name.to_owned(), token, written })),
        }
    }

    /// Holds it for another term. `false`: it is another's now.
    ///
    /// # Errors
    /// Failures of the store; it may be held or not.
    pub async fn renew(&self, held: &mut Held) -> Result<bool, Error> {
        let written = self.record();
        let at = key(LEASES, &held.name);
        let batch = Batch::default().require(held.fence()).put(at, written.clone());
        match self.meta.commit(batch).await {
            Err(Error::Conflict) => Ok(false),
            outcome => {
                outcome?;
                held.written = written;
                Ok(true)
            }
        }
    }

    /// Lets others have it at once.
    ///
    /// # Errors
    /// Failures of the store; it then ends with its term.
    pub async fn give_up(&self, held: Held) -> Result<(), Error> {
        let at = key(LEASES, &held.name);
        let batch = Batch::default().require(held.fence()).unchanged(at.clone(), Some(held.written)).delete(at);
        match self.meta.commit(batch).await {
            Err(Error::Conflict) => Ok(()),
            outcome => outcome,
        }
    }

    fn record(&self) -> Bytes {
        let until = self.clock.now().plus(self.term).millis().to_be_bytes();
        [&until[..], self.owner.as_bytes()].concat().into()
    }

    /// Whether a lease's record says that another one holds it now. One that cannot be read says so of nobody.
    fn is_anothers(&self, record: &[u8]) -> bool {
        let Some((until, owner)) = record.split_first_chunk() else { return false };
        let until = Timestamp::from_millis(i64::from_be_bytes(*until));
        // No lease lasts longer than its term: one that claims to was made under another clock.
        let now = self.clock.now();
        owner != self.owner.as_bytes() && until > now && until <= now.plus(self.term.saturating_mul(2))
    }
}

impl Held {
    /// What every batch of the holder requires.
    #[must_use]
    pub fn fence(&self) -> Precondition {
        let token = Bytes::copy_from_slice(&self.token.to_be_bytes());
        Precondition::Unchanged { key: key(FENCES, &self.name), value: Some(token) }
    }

    /// The fencing token: larger for each one who takes the lease.
    #[must_use]
    pub const fn token(&self) -> u64 {
        self.token
    }
}

fn key(prefix: &str, name: &str) -> Bytes {
    [prefix, name].concat().into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use arqueta_model::ManualClock;

    use super::*;
    use crate::MemoryMeta;

    const TERM: Duration = Duration::from_secs(30);

    struct Rig {
        meta: Arc<MemoryMeta>,
        clock: Arc<ManualClock>,
    }

    impl Rig {
        fn new() -> Self {
            let clock = ManualClock::default();
            Self { meta: Arc::default(), clock: Arc::new(clock) }
        }

        fn of(&self, owner: &str) -> Leases {
            Leases::new(self.meta.clone(), self.clock.clone(), owner, TERM)
        }
    }

    fn write(held: &Held) -> Batch {
        Batch::default().require(held.fence()).put("work", "done")
    }

    #[tokio::test]
    async fn one_of_two_holds_it() {
        let rig = Rig::new();
        let (a, b) = (rig.of("a"), rig.of("b"));
        let held = a.take("sweep").await.unwrap().unwrap();
        assert!(b.take("sweep").await.unwrap().is_none());
        assert!(b.take("other").await.unwrap().is_some(), "another name is another lease");
        a.give_up(held).await.unwrap();
        assert!(b.take("sweep").await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_paused_owner_writes_nothing_any_more() {
        let rig = Rig::new();
        let (a, b) = (rig.of("a"), rig.of("b"));
        let mut old = a.take("sweep").await.unwrap().unwrap();
        rig.meta.commit(write(&old)).await.unwrap();
        rig.clock.advance(TERM + Duration::from_millis(1));
        let new = b.take("sweep").await.unwrap().unwrap();
        assert!(new.token() > old.token());
        assert!(matches!(rig.meta.commit(write(&old)).await, Err(Error::Conflict)));
        assert!(!a.renew(&mut old).await.unwrap());
        a.give_up(old).await.unwrap();
        assert!(a.take("sweep").await.unwrap().is_none(), "giving up an old lease frees no new one");
        rig.meta.commit(write(&new)).await.unwrap();
    }

    #[tokio::test]
    async fn renewing_keeps_it_and_its_fence() {
        let rig = Rig::new();
        let (a, b) = (rig.of("a"), rig.of("b"));
        let mut held = a.take("sweep").await.unwrap().unwrap();
        for _ in 0..5 {
            rig.clock.advance(TERM - Duration::from_secs(1));
            assert!(a.renew(&mut held).await.unwrap());
            assert!(b.take("sweep").await.unwrap().is_none());
        }
        rig.meta.commit(write(&held)).await.unwrap();
    }

    #[tokio::test]
    async fn an_owner_that_was_made_again_fences_off_what_it_was() {
        let rig = Rig::new();
        let before = rig.of("a").take("sweep").await.unwrap().unwrap();
        let after = rig.of("a").take("sweep").await.unwrap().unwrap();
        assert!(matches!(rig.meta.commit(write(&before)).await, Err(Error::Conflict)));
        rig.meta.commit(write(&after)).await.unwrap();
    }

    #[tokio::test]
    async fn a_clock_that_was_far_ahead_does_not_hold_it_for_years() {
        let rig = Rig::new();
        let ahead = Arc::new(ManualClock::new(rig.clock.now().plus(Duration::from_secs(400 * 86_400))));
        let strayed = Leases::new(rig.meta.clone(), ahead, "a", TERM);
        strayed.take("sweep").await.unwrap().unwrap();
        assert!(rig.of("b").take("sweep").await.unwrap().is_some());
    }

    #[tokio::test]
    async fn of_many_who_take_it_at_once_one_gets_it() {
        let rig = Rig::new();
        let takers = (0..20).map(|n| rig.of(&n.to_string())).collect::<Vec<_>>();
        let taken = futures::future::join_all(takers.iter().map(|leases| leases.take("sweep"))).await;
        assert_eq!(taken.into_iter().filter(|taken| taken.as_ref().unwrap().is_some()).count(), 1);
    }
}
