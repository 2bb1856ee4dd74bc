//! What the edge stands on.

use std::sync::Arc;

use arqueta_audit::History;
use arqueta_call::Recorder;
use arqueta_iam::Iam;
use arqueta_keys::Embedded;
use arqueta_model::{AccountId, Clock, Region};
use arqueta_trail::Trails;

/// What the edge stands on.
#[derive(Clone)]
pub struct Services {
    /// The embedded key service.
    pub kms: Embedded,
    /// Identities.
    pub iam: Arc<Iam>,
    /// Takes every call past the record; the key service tells the outcome of its own.
    pub recorder: Recorder,
    /// Trails of all accounts.
    pub trails: Arc<Trails>,
    /// The record, for LookupEvents; `None` where it is kept elsewhere.
    pub history: Option<Arc<History>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Region of this gateway.
    pub region: Region,
    /// Account that the record belongs to.
    pub account: AccountId,
}
