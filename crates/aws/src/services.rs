//! What the edge stands on.

use std::sync::Arc;

use arqueta_audit::{AuditSink, History};
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
    /// Takes the events of IAM, STS and CloudTrail calls; those of KMS calls are the key service's own.
    pub audit: Arc<dyn AuditSink>,
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
