//! Refused calls that nobody signed: told, but not as often as somebody without credentials likes.
//!
//! Each costs the record a line and a sync, and anybody can send them without end. So of each
//! address the first few of a minute are events; the rest is counted, and one event a minute tells
//! how many more there were. What is told does not hold up the answer: a refusal changed nothing,
//! and its time would say whether the bucket exists.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arqueta_model::{AccountId, Timestamp};

/// How long what was seen of an address counts.
pub(super) const WINDOW: Duration = Duration::from_secs(60);
/// How many refusals of one address are told one by one in that time.
const EACH: u32 = 10;
/// How many addresses are told apart in that time; all others are one.
const ADDRESSES: usize = 4096;
/// How many owners' buckets are told apart of one address.
const OWNERS: usize = 16;

/// What was refused to whom.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the present window began; `None` before the first refusal.
    since: Option<Timestamp>,
    seen: HashMap<IpAddr, Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    told: u32,
    /// Refusals that were not told, by the owner of what they asked for.
    more: HashMap<AccountId, u64>,
}

/// What becomes of a refusal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is an event.
    Told,
    /// It is counted.
    Counted,
    /// It is counted, as the first one of its window: somebody must tell when that ends.
    CountedFirst,
}

/// What is told of refusals that were no events.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct More {
    /// Address that they came from; unspecified for those beyond the ones that are told apart.
    pub(super) from: IpAddr,
    /// Whose buckets they asked for.
    pub(super) owner: AccountId,
    /// How many.
    pub(super) count: u64,
}

impl Strangers {
    /// Decides about a refusal at `now`. The owner is that of the bucket, if there is such a bucket;
    /// without one it takes the same way.
    pub(super) fn refuse(&self, from: IpAddr, owner: Option<&AccountId>, now: Timestamp) -> Fate {
        let mut state = self.lock();
        let State { since, seen } = &mut *state;
        since.get_or_insert(now);
        let quiet = seen.values().all(|seen| seen.more.is_empty());
        let from = network(from);
        let from = if seen.len() < ADDRESSES || seen.contains_key(&from) { from } else { Ipv6Addr::UNSPECIFIED.into() };
        let of = seen.entry(from).or_default();
        if of.told < EACH {
            of.told += 1;
            return Fate::Told;
        }
        if let Some(owner) = owner
            && (of.more.len() < OWNERS || of.more.contains_key(owner))
        {
            *of.more.entry(owner.clone()).or_default() += 1;
            return if quiet { Fate::CountedFirst } else { Fate::Counted };
        }
        Fate::Counted
    }

    /// Ends the window if it is over at `now`; what is to be told of it.
    pub(super) fn end_window(&self, now: Timestamp) -> Vec<More> {
        let mut state = self.lock();
        if state.since.is_none_or(|since| now < since.plus(WINDOW)) {
            return Vec::new();
        }
        state.take()
    }

    /// Ends the window now.
    pub(super) fn take(&self) -> Vec<More> {
        self.lock().take()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self) -> Vec<More> {
        self.since = None;
        let seen = std::mem::take(&mut self.seen).into_iter();
        seen.flat_map(|(from, seen)| seen.more.into_iter().map(move |(owner, count)| More { from, owner, count }))
            .collect()
    }
}

/// Who has one IPv6 address has the network around it.
fn network(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V4(from) => from.into(),
        IpAddr::V6(from) => Ipv6Addr::from_bits(from.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn owner(id: &str) -> AccountId {
        id.parse().unwrap()
    }

    #[test]
    fn an_address_is_told_a_few_times_and_then_summed_up() {
        let (strangers, now) = (Strangers::default(), Timestamp::from_millis(0));
        let (one, other): (IpAddr, IpAddr) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let mine = owner("111122223333");
        for _ in 0..EACH {
            assert_eq!(strangers.refuse(one, Some(&mine), now), Fate::Told);
        }
        assert_eq!(strangers.refuse(one, Some(&mine), now), Fate::CountedFirst);
        assert_eq!(strangers.refuse(one, Some(&mine), now), Fate::Counted);
        assert_eq!(strangers.refuse(one, None, now), Fate::Counted, "no bucket, no account to tell");
        assert_eq!(strangers.refuse(other, Some(&mine), now), Fate::Told, "others are not affected");
        assert_eq!(strangers.end_window(now.plus(WINDOW / 2)), []);
        assert_eq!(strangers.end_window(now.plus(WINDOW)), [More { from: one, owner: mine.clone(), count: 2 }]);
        assert_eq!(strangers.refuse(one, Some(&mine), now.plus(WINDOW)), Fate::Told, "and begins anew");
        assert_eq!(strangers.take(), []);
    }

    #[test]
    fn missing_buckets_use_up_an_address_as_existing_ones_do() {
        let (strangers, now) = (Strangers::default(), Timestamp::from_millis(0));
        let from = "192.0.2.1".parse().unwrap();
        for _ in 0..EACH {
            assert_eq!(strangers.refuse(from, None, now), Fate::Told);
        }
        assert_eq!(strangers.refuse(from, Some(&owner("111122223333")), now), Fate::CountedFirst);
    }

    #[test]
    fn addresses_without_number_take_room_for_a_bounded_number() {
        let (strangers, now) = (Strangers::default(), Timestamp::from_millis(0));
        let mine = owner("111122223333");
        for n in 0..2 * u32::try_from(ADDRESSES).unwrap() {
            strangers.refuse(std::net::Ipv4Addr::from_bits(n).into(), Some(&mine), now);
        }
        assert_eq!(strangers.lock().seen.len(), ADDRESSES + 1);
        let more = strangers.take();
        let count = ADDRESSES as u64 - u64::from(EACH);
        assert_eq!(more, [More { from: Ipv6Addr::UNSPECIFIED.into(), owner: mine.clone(), count }]);

        let within = |n: u64| IpAddr::from(Ipv6Addr::from_bits((0x2001_0db8 << 96) | u128::from(n)));
        for n in 0..u64::from(EACH) + 5 {
            strangers.refuse(within(n), Some(&mine), now);
        }
        assert_eq!(strangers.take()[0].count, 5, "a network of IPv6 is one sender");
    }
}
