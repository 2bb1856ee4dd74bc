//! Who is connected: how many at once, how many of one address, and who leaves first when there is
//! no place left.
//!
//! A connection without a request is worth nothing to its client that a new one would not be, so
//! it never keeps another client out: where no place is left, the one that has been idle for
//! longest ends. Neither does one whose requests are nobody's yet: half a request is sent as easily as
//! none, so where none is idle the oldest of these ends, of the address with most connections. What is
//! left to whoever wants all places is to keep requests going that are admitted on each of them, and
//! of one address only a share may, of connections and of requests.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How many may be connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// All together.
    pub connections: usize,
    /// From one address; an IPv6 client has a whole /64 of addresses, which count as one.
    pub per_address: usize,
    /// Networks whose addresses are held to no share: those of trusted proxies.
    pub exempt: Vec<IpNet>,
}

impl Bounds {
    /// `connections`, whoever they are from.
    #[must_use]
    pub const fn of(connections: usize) -> Self {
        Self { connections, per_address: connections, exempt: Vec::new() }
    }

    fn share_of(&self, address: IpAddr) -> usize {
        match self.exempt.iter().any(|network| network.contains(&address)) {
            true => usize::MAX,
            false => self.per_address,
        }
    }
}

/// The places of one port.
#[derive(Debug)]
pub struct Seats {
    state: Mutex<State>,
    /// A place became free.
    freed: Notify,
    refused: AtomicU64,
    displaced: AtomicU64,
    waited: AtomicU64,
}

/// What is to be seen of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occupancy {
    /// Connections.
    pub open: usize,
    /// Most of them.
    pub limit: usize,
    /// Those on which no request is under way.
    pub idle: usize,
    /// Those on which only requests are under way whose senders are not known yet.
    pub undecided: usize,
    /// Connections and requests refused because their address has its share already, since the start.
    pub refused: u64,
    /// Idle and undecided connections that ended to make room, since the start.
    pub displaced: u64,
    /// Connections that had to wait for a place, since the start.
    pub waited: u64,
}

#[derive(Debug)]
struct State {
    bounds: Bounds,
    seated: HashMap<u64, Guest>,
    by_address: HashMap<IpAddr, usize>,
    /// Requests under way, by the address of who sent them.
    requests: HashMap<IpAddr, usize>,
    /// Idle connections, the one that has been idle for longest first.
    idle: BTreeMap<u64, u64>,
    /// Connections with nothing but requests of whom nobody knows yet, the oldest first.
    undecided: BTreeMap<u64, u64>,
    next: u64,
}

#[derive(Debug)]
struct Guest {
    address: IpAddr,
    requests: usize,
    /// Those of them whose senders are known.
    known: usize,
    /// Its place among the idle, or the undecided.
    turn: u64,
    since: Instant,
    leave: Arc<Notify>,
}

impl Seats {
    /// Places within `bounds`.
    #[must_use]
    pub fn new(bounds: Bounds) -> Arc<Self> {
        let state = State {
            bounds,
            seated: HashMap::new(),
            by_address: HashMap::new(),
            requests: HashMap::new(),
            idle: BTreeMap::new(),
            undecided: BTreeMap::new(),
            next: 0,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            freed: Notify::new(),
            refused: AtomicU64::new(0),
            displaced: AtomicU64::new(0),
            waited: AtomicU64::new(0),
        })
    }

    /// Other bounds from now on. Who is connected stays.
    pub fn set_bounds(&self, bounds: Bounds) {
        self.state().bounds = bounds;
        self.freed.notify_one();
    }

    /// A place for a connection from `address`, as soon as there is one; `None` if the address has
    /// its share of them already, all with requests under way.
    pub async fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Seat> {
        let key = counted(address);
        let mut waited = false;
        loop {
            {
                let mut state = self.state();
                let (share, of_address) = (state.bounds.share_of(key), state.of_address(key));
                if of_address >= share {
                    if !self.displace(&mut state, Some(key)) {
                        self.refused.fetch_add(1, Ordering::Relaxed);
                        return None;
                    }
                    return Some(state.seat(self, key));
                }
                if state.seated.len() < state.bounds.connections || self.displace(&mut state, None) {
                    return Some(state.seat(self, key));
                }
            }
            if !waited {
                waited = true;
                self.waited.fetch_add(1, Ordering::Relaxed);
            }
            // One accepting task waits, and `notify_one` keeps a word for it.
            self.freed.notified().await;
        }
    }

    /// Counts a request against the share of its client, who may be behind a proxy: a connection of
    /// HTTP/2, or a proxy's, carries many. `None` where the client has twice as many as he may have
    /// connections: those of a connection that makes room end a moment after it.
    pub fn ask_for(self: &Arc<Self>, client: IpAddr) -> Option<Asking> {
        let key = counted(client);
        let mut state = self.state();
        let under_way = state.requests.get(&key).copied().unwrap_or_default();
        if under_way >= state.bounds.share_of(key).saturating_mul(2) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        state.requests.insert(key, under_way + 1);
        Some(Asking { seats: self.clone(), key })
    }

    /// What is to be seen.
    #[must_use]
    pub fn occupancy(&self) -> Occupancy {
        let state = self.state();
        Occupancy {
            open: state.seated.len(),
            limit: state.bounds.connections,
            idle: state.idle.len(),
            undecided: state.undecided.len(),
            refused: self.refused.load(Ordering::Relaxed),
            displaced: self.displaced.load(Ordering::Relaxed),
            waited: self.waited.load(Ordering::Relaxed),
        }
    }

    /// Ends the connection that has been idle for longest, of one address or of all; without any, the
    /// oldest undecided one of the address that has most connections. Its place is free at once:
    /// nothing of it waits for the client.
    fn displace(&self, state: &mut State, of: Option<IpAddr>) -> bool {
        let Some(id) = state.idlest(of).or_else(|| state.least_known(of)) else { return false };
        if let Some(guest) = state.remove(id) {
            guest.leave.notify_one();
        }
        self.displaced.fetch_add(1, Ordering::Relaxed);
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn of_address(&self, key: IpAddr) -> usize {
        self.by_address.get(&key).copied().unwrap_or_default()
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn seat(&mut self, seats: &Arc<Seats>, address: IpAddr) -> Seat {
        let (id, turn, leave) = (self.number(), self.number(), Arc::new(Notify::new()));
        let guest = Guest { address, requests: 0, known: 0, turn, since: Instant::now(), leave: leave.clone() };
        self.seated.insert(id, guest);
        self.idle.insert(turn, id);
        *self.by_address.entry(address).or_default() += 1;
        Seat { seats: seats.clone(), id, leave }
    }

    fn remove(&mut self, id: u64) -> Option<Guest> {
        let guest = self.seated.remove(&id)?;
        self.idle.remove(&guest.turn);
        self.undecided.remove(&guest.turn);
        discount(&mut self.by_address, guest.address);
        Some(guest)
    }

    fn idlest(&self, of: Option<IpAddr>) -> Option<u64> {
        let fits = |id: &&u64| of.is_none_or(|key| self.seated.get(id).is_some_and(|guest| guest.address == key));
        self.idle.values().find(fits).copied()
    }

    fn least_known(&self, of: Option<IpAddr>) -> Option<u64> {
        let guests = self.undecided.iter().filter_map(|(turn, id)| Some((turn, id, self.seated.get(id)?.address)));
        let fits = guests.filter(|(.., address)| of.is_none_or(|key| key == *address));
        fits.max_by_key(|(turn, _, address)| (self.of_address(*address), Reverse(**turn))).map(|(_, id, _)| *id)
    }

    /// Changes the requests of a connection; whether it could make room now and could not before, or
    /// has become idle. It keeps its turn among the undecided however many more requests come.
    fn change(&mut self, id: u64, change: impl FnOnce(&mut Guest)) -> bool {
        let next = self.number();
        let Some(guest) = self.seated.get_mut(&id) else { return false };
        let before = guest.standing();
        change(guest);
        let after = guest.standing();
        if before == after {
            return false;
        }
        match before {
            Standing::Idle => self.idle.remove(&guest.turn),
            Standing::Undecided => self.undecided.remove(&guest.turn),
            Standing::Busy => None,
        };
        (guest.turn, guest.since) = (next, Instant::now());
        match after {
            Standing::Idle => self.idle.insert(next, id),
            Standing::Undecided => self.undecided.insert(next, id),
            Standing::Busy => None,
        };
        after != Standing::Busy
    }
}

impl Guest {
    const fn standing(&self) -> Standing {
        match (self.requests, self.known) {
            (0, _) => Standing::Idle,
            (_, 0) => Standing::Undecided,
            _ => Standing::Busy,
        }
    }
}

/// What a connection is worth to its client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// No request is under way.
    Idle,
    /// Some are, of nobody who is known.
    Undecided,
    /// Somebody known waits for an answer.
    Busy,
}

fn discount(counts: &mut HashMap<IpAddr, usize>, address: IpAddr) {
    if let Some(count) = counts.get_mut(&address) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&address);
        }
    }
}

/// What counts as one address.
#[must_use]
pub fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address => address,
    }
}

/// The place of one connection, given back when it is dropped.
#[derive(Debug)]
pub struct Seat {
    seats: Arc<Seats>,
    id: u64,
    leave: Arc<Notify>,
}

impl Seat {
    /// A request is under way until what this returns is dropped.
    #[must_use]
    pub fn work(self: &Arc<Self>) -> Working {
        self.seats.state().change(self.id, |guest| guest.requests += 1);
        Working { seat: self.clone(), known: AtomicBool::new(false) }
    }

    /// Resolves when the place is another's, or when no request was under way for `limit`.
    pub async fn given_up(&self, limit: Duration) {
        loop {
            let left = match self.seats.state().seated.get(&self.id) {
                Some(guest) if guest.requests > 0 => limit,
                Some(guest) => limit.saturating_sub(guest.since.elapsed()),
                None => return,
            };
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = self.leave.notified() => return,
                () = tokio::time::sleep(left) => {}
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.seats.state().remove(self.id).is_some() {
            self.seats.freed.notify_one();
        }
    }
}

/// A request under way. Until it is known who sent it, its connection makes room as an idle one does.
#[derive(Debug)]
pub struct Working {
    seat: Arc<Seat>,
    known: AtomicBool,
}

impl Working {
    /// It is known who sent the request, or that it may be done.
    pub fn make_known(&self) {
        if !self.known.swap(true, Ordering::Relaxed) {
            self.seat.seats.state().change(self.seat.id, |guest| guest.known += 1);
        }
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        let Seat { seats, id, .. } = &*self.seat;
        let known = usize::from(*self.known.get_mut());
        let makes_room = seats.state().change(*id, |guest| {
            guest.requests -= 1;
            guest.known -= known;
        });
        if makes_room {
            // Whoever waits for a place may have this one's.
            seats.freed.notify_one();
        }
    }
}

/// A client's request under way.
#[derive(Debug)]
pub struct Asking {
    seats: Arc<Seats>,
    key: IpAddr,
}

impl Drop for Asking {
    fn drop(&mut self) {
        let mut state = self.seats.state();
        discount(&mut state.requests, self.key);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn places(connections: usize, per_address: usize) -> Arc<Seats> {
        Seats::new(Bounds { connections, per_address, exempt: vec!["10.0.0.0/8".parse().unwrap()] })
    }

    async fn seated(seats: &Arc<Seats>, from: IpAddr) -> Arc<Seat> {
        Arc::new(seats.admit(from).await.unwrap())
    }

    /// A request whose sender is known.
    fn admitted(seat: &Arc<Seat>) -> Working {
        let work = seat.work();
        work.make_known();
        work
    }

    fn left(seat: &Seat) -> bool {
        !seat.seats.state().seated.contains_key(&seat.id)
    }

    #[tokio::test]
    async fn idle_connections_keep_nobody_out() {
        let seats = places(3, 3);
        let first = seated(&seats, address(1)).await;
        let second = seated(&seats, address(1)).await;
        let third = seated(&seats, address(1)).await;
        // The first has asked since, so the second has been idle for longest.
        drop(first.work());
        let _other = seated(&seats, address(2)).await;
        assert_eq!((left(&first), left(&second), left(&third)), (false, true, false));
        assert_eq!((seats.occupancy().open, seats.occupancy().displaced), (3, 1));
        tokio::time::timeout(Duration::from_secs(60), second.given_up(Duration::from_secs(3600))).await.unwrap();
    }

    #[tokio::test]
    async fn an_address_gets_no_more_than_its_share_and_others_theirs() {
        let seats = places(4, 2);
        let busy = [seated(&seats, address(1)).await, seated(&seats, address(1)).await];
        let working = busy.each_ref().map(admitted);
        assert!(seats.admit(address(1)).await.is_none());
        assert_eq!(seats.occupancy().refused, 1);
        let _other = seated(&seats, address(2)).await;
        // One of them idle: it makes room for the newcomer of its own address, not the other's.
        drop(working);
        let _newcomer = seated(&seats, address(1)).await;
        assert_eq!(busy.iter().filter(|seat| left(seat)).count(), 1);
        assert_eq!(seats.occupancy().open, 3);
    }

    #[tokio::test]
    async fn a_network_of_ipv6_is_one_address_and_a_mapped_address_is_ipv4() {
        let seats = places(9, 1);
        for (held, same) in [("2001:db8::1", "2001:db8::2:1"), ("::ffff:192.0.2.7", "192.0.2.7")] {
            let held = seated(&seats, held.parse().unwrap()).await;
            let _work = admitted(&held);
            assert!(seats.admit(same.parse().unwrap()).await.is_none(), "{same}");
        }
        assert!(seats.admit("2001:db8:0:1::1".parse().unwrap()).await.is_some());
    }

    #[tokio::test]
    async fn trusted_proxies_have_no_share_but_the_clients_behind_them_do() {
        let seats = places(9, 1);
        let proxy = IpAddr::from([10, 0, 0, 1]);
        let connections = [seated(&seats, proxy).await, seated(&seats, proxy).await];
        let _working = connections.each_ref().map(Seat::work);
        let asking = [seats.ask_for(address(1)).unwrap(), seats.ask_for(address(1)).unwrap()];
        assert!(seats.ask_for(address(1)).is_none());
        assert!(seats.ask_for(address(2)).is_some());
        drop(asking);
        assert!(seats.ask_for(address(1)).is_some());
        assert!(seats.state().requests.is_empty());
        assert_eq!(seats.state().by_address.len(), 1);
    }

    #[tokio::test]
    async fn streams_of_one_connection_count_as_requests_of_their_address() {
        let seats = places(9, 3);
        let asked: Vec<_> = (0..6).map(|_| seats.ask_for(address(1)).unwrap()).collect();
        assert!(seats.ask_for(address(1)).is_none());
        assert!(seats.ask_for(address(2)).is_some());
        assert!((0..9).all(|_| seats.ask_for([10, 0, 0, 1].into()).is_some()), "a proxy has no share");
        drop(asked);
        assert!(seats.ask_for(address(1)).is_some());
        assert_eq!(seats.state().requests.len(), 0);
    }

    #[tokio::test]
    async fn requests_of_nobody_keep_nobody_out_and_the_address_with_most_makes_room_first() {
        let seats = places(5, 3);
        let [first, second, third] =
            [seated(&seats, address(1)).await, seated(&seats, address(1)).await, seated(&seats, address(1)).await];
        let other = seated(&seats, address(2)).await;
        let busy = seated(&seats, address(3)).await;
        let _answered = admitted(&busy);
        // The other address asked before the one with most.
        let _working = [&other, &second, &first, &third].map(Seat::work);
        // More requests on it make it no younger.
        let _more = second.work();
        assert_eq!((seats.occupancy().idle, seats.occupancy().undecided), (0, 4));
        let _newcomer = seated(&seats, address(4)).await;
        let _fifth = seated(&seats, address(1)).await;
        assert_eq!([&first, &second, &third, &other, &busy].map(|seat| left(seat)), [false, true, false, false, false]);
        // An idle one goes before all of them.
        drop(seats.admit(address(5)).await.unwrap());
        assert!(!left(&first) && !left(&other));
        assert_eq!(seats.occupancy().waited, 0);
    }

    #[tokio::test]
    async fn a_request_make_known_once_and_forgotten_with_its_end() {
        let seats = places(1, 1);
        let seat = seated(&seats, address(1)).await;
        let (one, two) = (seat.work(), seat.work());
        one.make_known();
        one.make_known();
        assert_eq!(seats.occupancy().undecided, 0);
        drop(one);
        assert_eq!(seats.occupancy().undecided, 1, "the other is nobody's");
        drop(two);
        assert_eq!((seats.occupancy().idle, seats.occupancy().undecided), (1, 0));
    }

    #[tokio::test]
    async fn without_any_idle_connection_a_newcomer_waits_for_a_place() {
        let seats = places(1, 1);
        let held = seated(&seats, address(1)).await;
        let work = admitted(&held);
        let mut waiting = Box::pin(seats.admit(address(2)));
        assert!(futures::poll!(&mut waiting).is_pending());
        assert_eq!((seats.occupancy().waited, seats.occupancy().idle), (1, 0));
        drop(work);
        assert!(waiting.await.is_some());
        assert!(left(&held));
        // Given back twice it is not.
        drop(held);
        assert_eq!(seats.occupancy().open, 0);
    }

    #[tokio::test]
    async fn who_asks_nothing_for_the_limit_is_given_up_and_who_works_is_not() {
        let seats = places(2, 2);
        let seat = seated(&seats, address(1)).await;
        let work = seat.work();
        assert!(futures::poll!(Box::pin(seat.given_up(Duration::from_secs(1)))).is_pending());
        drop(work);
        tokio::time::timeout(Duration::from_secs(60), seat.given_up(Duration::from_millis(20))).await.unwrap();
        assert!(!left(&seat));
    }
}
