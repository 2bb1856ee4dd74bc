//! What a guard counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// What was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteCall {
    /// A key is made.
    Create,
    /// A key is looked at.
    Adopt,
    /// Something is sealed.
    Encrypt,
    /// Something is opened.
    Decrypt,
    /// A key is destroyed.
    Destroy,
    /// It is tried whether a bucket takes files.
    Check,
    /// A file is put.
    Put,
}

impl RemoteCall {
    const ALL: [Self; 7] =
        [Self::Create, Self::Adopt, Self::Encrypt, Self::Decrypt, Self::Destroy, Self::Check, Self::Put];

    /// The metric's label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Adopt => "adopt",
            Self::Encrypt => "encrypt",
            Self::Decrypt => "decrypt",
            Self::Destroy => "destroy",
            Self::Check => "check",
            Self::Put => "put",
        }
    }
}

/// How one attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemoteOutcome {
    /// Answered.
    Ok,
    /// Refused, or not authentic: an answer too.
    Refused,
    /// Fewer calls are asked for.
    Throttled,
    /// Not answered.
    Unavailable,
    /// Not tried: the breaker is open, or too many calls were waiting.
    NotTried,
}

impl RemoteOutcome {
    const ALL: [Self; 5] = [Self::Ok, Self::Refused, Self::Throttled, Self::Unavailable, Self::NotTried];

    /// The metric's label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::NotTried => "not_tried",
        }
    }
}

/// One number of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteCount {
    /// Which call.
    pub call: RemoteCall,
    /// How it ended.
    pub outcome: RemoteOutcome,
    /// How often, since the start. Every attempt counts.
    pub attempts: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counts([[AtomicU64; 5]; 7]);

impl Counts {
    pub(super) fn add(&self, call: RemoteCall, outcome: RemoteOutcome) {
        self.0[call as usize][outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn snapshot(&self) -> Vec<RemoteCount> {
        let pairs = RemoteCall::ALL.into_iter().flat_map(|call| RemoteOutcome::ALL.map(|outcome| (call, outcome)));
        let counts = pairs.map(|(call, outcome)| RemoteCount {
            call,
            outcome,
            attempts: self.0[call as usize][outcome as usize].load(Ordering::Relaxed),
        });
        counts.filter(|count| count.attempts > 0).collect()
    }
}
