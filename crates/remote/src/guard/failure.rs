//! What a guard asks of the errors of a seam.

use arqueta_kms::HolderError;
use arqueta_trail::DeliveryError;

use super::RemoteOutcome;

pub(super) trait Failure: Sized {
    /// The remote side was not asked, or did not answer.
    fn unavailable(why: &'static str) -> Self;
    /// How the attempt ended that this is the error of.
    fn outcome(&self) -> RemoteOutcome;
    /// Whether another attempt may succeed.
    fn is_retryable(&self) -> bool;
}

impl Failure for HolderError {
    fn unavailable(why: &'static str) -> Self {
        Self::unavailable(why)
    }

    fn outcome(&self) -> RemoteOutcome {
        match self {
            Self::Unavailable(_) => RemoteOutcome::Unavailable,
            Self::Throttled => RemoteOutcome::Throttled,
            Self::Denied(_) | Self::UnknownKey | Self::NotAuthentic => RemoteOutcome::Refused,
        }
    }

    fn is_retryable(&self) -> bool {
        self.is_retryable()
    }
}

impl Failure for DeliveryError {
    fn unavailable(why: &'static str) -> Self {
        Self::Unavailable(why.into())
    }

    fn outcome(&self) -> RemoteOutcome {
        if self.is_retryable() { RemoteOutcome::Unavailable } else { RemoteOutcome::Refused }
    }

    fn is_retryable(&self) -> bool {
        self.is_retryable()
    }
}
