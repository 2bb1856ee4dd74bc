//! What goes where, and what deliveries stand on.

use std::sync::Arc;
use std::time::Duration;

use arqueta_engine::notifications::Notices;
use arqueta_model::Clock;
use arqueta_store::{Leases, MetaStore};

use crate::message::Format;
use crate::target::Target;

/// Rows read at first; more where some of them wait.
pub const PAGE: usize = 1000;
/// Rows of a lane read at once, at most.
pub const WINDOW: usize = 10_000;

/// How events go to one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Events on their way at once, each of another key.
    pub concurrent: usize,
    /// How long one may take.
    pub attempt: Duration,
}

/// A target, and what it is told.
pub struct Route {
    /// Its name.
    pub name: String,
    /// The target.
    pub target: Arc<dyn Target>,
    /// What it reads.
    pub format: Format,
    /// Its bounds.
    pub bounds: Bounds,
}

/// What deliveries stand on.
#[derive(Clone)]
pub struct Standing {
    /// Where the outbox is.
    pub meta: Arc<dyn MetaStore>,
    /// Who empties it.
    pub leases: Leases,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who fills it.
    pub notices: Arc<Notices>,
}
