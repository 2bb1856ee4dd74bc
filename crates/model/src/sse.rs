//! Server-side encryption modes.

use serde::{Deserialize, Serialize};

/// How an object is sealed. An unencrypted object has no mode: it has no keys at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SseMode {
    /// SSE-S3: under the service-owned key.
    S3,
    /// SSE-KMS: under a KMS key.
    Kms,
    /// DSSE-KMS: two independent layers under a KMS key.
    DualKms,
    /// SSE-C: under a key that the customer sends with each request.
    Customer,
}

impl SseMode {
    /// The mode's byte in authenticated data (format clause F-32). Codes are never reused.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::S3 => 1,
            Self::Kms => 2,
            Self::DualKms => 3,
            Self::Customer => 4,
        }
    }

    /// Whether a KMS key that users can name is behind it.
    #[must_use]
    pub const fn uses_kms_key(self) -> bool {
        matches!(self, Self::Kms | Self::DualKms)
    }
}
