//! Where requests wait until it is known who sends them.
//!
//! What a request's body takes before its sender has proven himself is a gift to whoever asks for
//! it, so it is bounded over all requests together, and for each address. Honest calls are strangers' too
//! until their signatures are verified, so each address has a little that others cannot take. Who has signed, but whose
//! rights stand in the body, has room of his own: strangers cannot take it from him, nor he from them.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How much may wait, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Of all together.
    pub all: usize,
    /// Of one address, or one caller.
    pub each: usize,
    /// What each has however much the others hold, or a few could keep everybody out: all of that is
    /// bounded by how many have a connection.
    pub floor: usize,
}

/// What senders hold who are not known yet.
const STRANGERS: Room = Room { all: 64 << 20, each: 16 << 20, floor: 64 << 10 };
/// What callers hold whose rights stand in the bodies that they send.
const CALLERS: Room = Room { all: 256 << 20, each: 64 << 20, floor: 256 << 10 };

/// The bodies of requests that are not decided yet.
#[derive(Debug)]
pub struct Antechamber {
    strangers: Pool<IpAddr>,
    callers: Pool<Arc<str>>,
}

impl Default for Antechamber {
    fn default() -> Self {
        Self::new(STRANGERS, CALLERS)
    }
}

impl Antechamber {
    /// With room for `strangers` and for `callers`.
    #[must_use]
    pub fn new(strangers: Room, callers: Room) -> Self {
        Self { strangers: Pool::new(strangers), callers: Pool::new(callers) }
    }

    /// A request that comes `from` an address. `on_known` runs once it is known who sent it.
    pub fn enter(self: &Arc<Self>, from: IpAddr, on_known: impl Fn() + Send + Sync + 'static) -> Arc<Visitor> {
        Arc::new(Visitor {
            chamber: Arc::clone(self),
            standing: Mutex::new(Standing::Stranger { from, held: 0 }),
            on_known: Box::new(on_known),
        })
    }

    /// What waits now, of strangers and of callers, in bytes.
    #[must_use]
    pub fn held(&self) -> (usize, usize) {
        (self.strangers.lock().all, self.callers.lock().all)
    }
}

/// A request on its way to being decided. What it holds is given back when it is dropped.
pub struct Visitor {
    chamber: Arc<Antechamber>,
    standing: Mutex<Standing>,
    on_known: Box<dyn Fn() + Send + Sync>,
}

enum Standing {
    Stranger { from: IpAddr, held: usize },
    Caller { who: Arc<str>, held: usize },
    Admitted,
}

impl Visitor {
    /// Counts `bytes` of the body that are kept in memory. `false` if there is no room for them: the
    /// body must be given up. Of an admitted request nothing is counted.
    #[must_use]
    pub fn hold(&self, bytes: usize) -> bool {
        match &mut *self.standing() {
            Standing::Stranger { from, held } => self.chamber.strangers.take(from, bytes, held),
            Standing::Caller { who, held } => self.chamber.callers.take(who, bytes, held),
            Standing::Admitted => true,
        }
    }

    /// It is known who sent the request, not yet what of it he may do. What it holds is his.
    pub fn identify(&self, who: &str) {
        let who = Arc::<str>::from(who);
        let mut standing = self.standing();
        if let Standing::Stranger { from, held } = &*standing {
            self.chamber.strangers.give(from, *held);
            // Already in memory: that it is more than his room only keeps more from coming.
            let held = self.chamber.callers.force(&who, *held);
            *standing = Standing::Caller { who, held };
            drop(standing);
            (self.on_known)();
        }
    }

    /// The request was authenticated and authorized.
    pub fn admit(&self) {
        let before = std::mem::replace(&mut *self.standing(), Standing::Admitted);
        self.release(&before);
        if matches!(before, Standing::Stranger { .. }) {
            (self.on_known)();
        }
    }

    /// Whether it is not known who sent it.
    #[must_use]
    pub fn is_stranger(&self) -> bool {
        matches!(*self.standing(), Standing::Stranger { .. })
    }

    fn release(&self, standing: &Standing) {
        match standing {
            Standing::Stranger { from, held } => self.chamber.strangers.give(from, *held),
            Standing::Caller { who, held } => self.chamber.callers.give(who, *held),
            Standing::Admitted => {}
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        let standing = std::mem::replace(&mut *self.standing(), Standing::Admitted);
        self.release(&standing);
    }
}

impl std::fmt::Debug for Visitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Visitor").field("is_stranger", &self.is_stranger()).finish_non_exhaustive()
    }
}

/// Bytes of many, each with a share.
#[derive(Debug)]
struct Pool<K> {
    room: Room,
    state: Mutex<Held<K>>,
}

#[derive(Debug)]
struct Held<K> {
    all: usize,
    of: HashMap<K, usize>,
}

impl<K: Hash + Eq + Clone> Pool<K> {
    fn new(room: Room) -> Self {
        Self { room, state: Mutex::new(Held { all: 0, of: HashMap::new() }) }
    }

    fn take(&self, who: &K, bytes: usize, held: &mut usize) -> bool {
        let mut state = self.lock();
        let of = state.of.get(who).copied().unwrap_or_default();
        let (all, of) = (state.all.saturating_add(bytes), of.saturating_add(bytes));
        if of > self.room.each || (all > self.room.all && of > self.room.floor) {
            return false;
        }
        state.add(who, bytes);
        *held += bytes;
        true
    }

    fn force(&self, who: &K, bytes: usize) -> usize {
        self.lock().add(who, bytes);
        bytes
    }

    fn give(&self, who: &K, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let mut state = self.lock();
        state.all -= bytes;
        if let Some(of) = state.of.get_mut(who) {
            *of -= bytes;
            if *of == 0 {
                state.of.remove(who);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq + Clone> Held<K> {
    fn add(&mut self, who: &K, bytes: usize) {
        if bytes > 0 {
            self.all += bytes;
            *self.of.entry(who.clone()).or_default() += bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    fn chamber() -> Arc<Antechamber> {
        Arc::new(Antechamber::new(Room { all: 100, each: 60, floor: 0 }, Room { all: 50, each: 40, floor: 10 }))
    }

    #[test]
    fn an_address_has_its_share_however_many_requests_it_sends_and_all_have_theirs() {
        let chamber = chamber();
        let enter = |from| chamber.enter(address(from), || ());
        let (first, second, other) = (enter(1), enter(1), enter(2));
        assert!(first.hold(40) && second.hold(20));
        assert!(!first.hold(1) && !second.hold(1), "the address has its share");
        assert!(other.hold(40));
        assert!(!other.hold(1), "all have theirs");
        assert_eq!(chamber.held(), (100, 0));
        drop(first);
        assert!(other.hold(20) && second.hold(1));
        drop((second, other));
        assert_eq!(chamber.held(), (0, 0));
        assert!(chamber.strangers.lock().of.is_empty(), "nobody is remembered");
    }

    #[test]
    fn a_few_who_hold_all_keep_nobody_out() {
        let few = Room { all: 100, each: 60, floor: 10 };
        let chamber = Arc::new(Antechamber::new(few, few));
        let enter = |from| chamber.enter(address(from), || ());
        let (first, second) = (enter(1), enter(2));
        assert!(first.hold(60) && second.hold(40));
        assert!(!second.hold(1), "he has more than his floor");
        for honest in [enter(3), enter(4)] {
            assert!(honest.hold(4) && honest.hold(6) && !honest.hold(1));
        }
        let (one, other) = (enter(5), enter(5));
        assert!(one.hold(6) && !other.hold(6) && other.hold(4), "an address has one, however often it asks");
        // Neither do callers, whatever each brought.
        for (visitor, who) in [(&first, "a"), (&second, "b")] {
            visitor.identify(who);
        }
        assert_eq!(chamber.held(), (10, 100));
        let honest = enter(6);
        honest.identify("c");
        assert!(honest.hold(10) && !honest.hold(1));
    }

    #[test]
    fn who_is_known_has_room_of_his_own_and_who_is_admitted_needs_none() {
        let chamber = chamber();
        let known = Arc::new(AtomicUsize::new(0));
        let count = || {
            let known = Arc::clone(&known);
            move || {
                known.fetch_add(1, Ordering::Relaxed);
            }
        };
        let (signed, same) = (chamber.enter(address(1), count()), chamber.enter(address(1), count()));
        assert!(signed.hold(50) && signed.is_stranger());
        signed.identify("arn:aws:iam::111122223333:user/a");
        assert!(!signed.is_stranger());
        assert_eq!(chamber.held(), (0, 50));
        assert!(!signed.hold(1), "what he brought is counted");
        assert!(same.hold(60), "and no stranger's any more");
        signed.admit();
        assert_eq!(chamber.held(), (60, 0));
        assert!(signed.hold(1 << 30), "nobody counts what was admitted");
        same.admit();
        same.admit();
        assert_eq!((chamber.held(), known.load(Ordering::Relaxed)), ((0, 0), 2), "each is told once");
    }
}
