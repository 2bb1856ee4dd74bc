//! A bound on the memory of all who are at work, by which nobody waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Shares are multiples of this, in bytes.
const STEP: usize = 16 << 10;

/// Divides a budget of bytes among those who are at work: few have much and go fast, many have
/// little. A slow one keeps what it has and never keeps another from working, as a permit would.
#[derive(Debug, Clone)]
pub struct Share(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    members: AtomicUsize,
    budget: usize,
    most: usize,
}

/// One that is at work, until dropped.
#[derive(Debug)]
pub struct Member(Arc<Shared>);

impl Share {
    /// Shares of `budget` bytes, none larger than `most`, and none smaller than 16 KiB.
    #[must_use]
    pub fn new(budget: usize, most: usize) -> Self {
        Self(Arc::new(Shared { members: AtomicUsize::new(0), budget, most }))
    }

    /// One more is at work.
    #[must_use]
    pub fn join(&self) -> Member {
        self.0.members.fetch_add(1, Ordering::Relaxed);
        Member(Arc::clone(&self.0))
    }
}

impl Member {
    /// What it may hold at present, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let share = self.0.budget / self.0.members.load(Ordering::Relaxed).max(1);
        (share / STEP * STEP).clamp(STEP, self.0.most.max(STEP))
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.0.members.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_have_little_and_few_no_more_than_the_most() {
        let share = Share::new(1 << 20, 256 << 10);
        let first = share.join();
        assert_eq!(first.bytes(), 256 << 10);
        let others: Vec<_> = (1..8).map(|_| share.join()).collect();
        assert_eq!(first.bytes(), 128 << 10);
        let crowd: Vec<_> = (8..1000).map(|_| share.join()).collect();
        assert_eq!(first.bytes(), STEP);
        drop((others, crowd));
        assert_eq!(first.bytes(), 256 << 10);
    }
}
