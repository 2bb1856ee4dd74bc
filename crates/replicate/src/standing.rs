//! What replication stands on.

use std::sync::Arc;
use std::time::Duration;

use arqueta_engine::Engine;
use arqueta_model::Clock;
use arqueta_store::{Leases, MetaStore};

use crate::progress::Progress;
use crate::record::Told;
use crate::source::Source;

/// What replication stands on.
pub struct Standing {
    /// The use cases.
    pub engine: Arc<Engine>,
    /// Where the outbox is.
    pub meta: Arc<dyn MetaStore>,
    /// Who empties it.
    pub leases: Leases,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Reads versions as the role.
    pub source: Source,
    /// Says what was done.
    pub record: Told,
    /// Counts it.
    pub progress: Arc<Progress>,
    /// After how long a version is late, where its rule has time control.
    pub threshold: Duration,
}

/// A quarter of an hour, as S3 Replication Time Control has it.
pub const THRESHOLD: Duration = Duration::from_secs(15 * 60);
