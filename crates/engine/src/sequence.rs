//! Commit order of versions.

use std::sync::atomic::{AtomicU64, Ordering};

use arqueta_model::{Timestamp, VersionId};

/// Bits below the milliseconds.
const COUNTER_BITS: u32 = 20;

/// Hands out sequences: milliseconds since the epoch << 20 and a counter, growing even when the
/// clock steps back.
#[derive(Debug, Default)]
pub struct Sequencer {
    last: AtomicU64,
}

impl Sequencer {
    /// A sequence above `floor` and above all handed out before.
    pub fn next(&self, now: Timestamp, floor: u64) -> u64 {
        let millis = u64::try_from(now.millis()).unwrap_or(0);
        let at_least = (millis << COUNTER_BITS).max(floor.saturating_add(1));
        let advance = |last: u64| Some(at_least.max(last.saturating_add(1)));
        let before = self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, advance);
        let (Ok(last) | Err(last)) = before;
        at_least.max(last.saturating_add(1))
    }

    /// From now on above `sequence`.
    pub fn raise(&self, sequence: u64) {
        self.last.fetch_max(sequence, Ordering::Relaxed);
    }
}

/// A fresh version id that tells its sequence in its first eight bytes.
pub fn version_id(sequence: u64) -> VersionId {
    let VersionId::Id(mut bytes) = VersionId::random() else { unreachable!("a random version id is never null") };
    bytes[..8].copy_from_slice(&sequence.to_be_bytes());
    VersionId::Id(bytes)
}

/// When a sequence was handed out, in milliseconds since the epoch, or a little later.
pub fn millis(sequence: u64) -> u64 {
    sequence >> COUNTER_BITS
}

/// The first sequence that could be handed out then.
pub fn first_of(at: Timestamp) -> u64 {
    u64::try_from(at.millis()).unwrap_or(0) << COUNTER_BITS
}

/// The sequence told by a version id; `None` for `null`.
pub fn sequence_in(version: VersionId) -> Option<u64> {
    match version {
        VersionId::Null => None,
        VersionId::Id(bytes) => bytes.first_chunk().map(|first| u64::from_be_bytes(*first)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_grow_also_when_the_clock_steps_back() {
        let sequencer = Sequencer::default();
        let first = sequencer.next(Timestamp::from_millis(1000), 0);
        let second = sequencer.next(Timestamp::from_millis(900), 0);
        let third = sequencer.next(Timestamp::from_millis(900), second + 500);
        assert!(first < second && second + 500 < third);
        assert_eq!(first >> COUNTER_BITS, 1000);
        sequencer.raise(third + 7);
        sequencer.raise(third);
        assert_eq!(sequencer.next(Timestamp::from_millis(900), 0), third + 8);
    }

    #[test]
    fn a_version_id_tells_its_sequence() {
        let sequencer = Sequencer::default();
        let sequence = sequencer.next(Timestamp::from_millis(5), 0);
        assert_eq!(sequence_in(version_id(sequence)), Some(sequence));
        assert_ne!(version_id(sequence), version_id(sequence));
        assert_eq!(sequence_in(VersionId::Null), None);
    }
}
