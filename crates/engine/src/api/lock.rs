use arqueta_model::Timestamp;
use serde::{Deserialize, Serialize};

/// How strictly retention holds (S3 User Guide, "Locking objects with Object Lock").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RetentionMode {
    /// Callers with `s3:BypassGovernanceRetention` may shorten or lift it.
    Governance,
    /// Nobody may.
    Compliance,
}

/// Retention of one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// How strictly.
    pub mode: RetentionMode,
    /// Until when.
    pub until: Timestamp,
}

/// A legal hold: on or off, until someone with `s3:PutObjectLegalHold` changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LegalHold {
    /// The version cannot be removed.
    On,
    /// No hold.
    Off,
}
