//! Who takes replicas.

use arqueta_engine::Caller;
use async_trait::async_trait;

use crate::item::Item;
use crate::reason::Reason;

/// Takes replicas: buckets of this gateway, or another endpoint.
#[async_trait]
pub trait Destination: Send + Sync {
    /// Hands one item over, as `role`, the session of the configuration's role. On return the destination has
    /// it durably. What it has already, by the version's id, it has: an item may come twice.
    ///
    /// # Errors
    /// [`Failure`].
    async fn take(&self, role: &Caller, item: Item) -> Result<(), Failure>;
}

/// Why a destination did not take an item. Neither holds content or a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It says no, and would say so again: the version's replication failed.
    #[error("denied: {reason}: {detail}")]
    Denied {
        /// AWS's name for it.
        reason: Reason,
        /// What it said, for the log.
        detail: String,
    },
    /// It cannot be reached, or not now: the item waits and is tried again.
    #[error("unavailable: {0}")]
    Unavailable(String),
}

impl Failure {
    /// A denial.
    #[must_use]
    pub fn denied(reason: Reason, detail: impl Into<String>) -> Self {
        Self::Denied { reason, detail: detail.into() }
    }
}
