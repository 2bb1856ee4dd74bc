//! Who is told.

use arqueta_model::with_causes;
use async_trait::async_trait;

use crate::message::Message;

/// Takes events.
#[async_trait]
pub trait Target: Send + Sync {
    /// Hands one event over. On return the target has it durably, as far as its protocol can say.
    ///
    /// # Errors
    /// [`Failure`]; the event is tried again.
    async fn send(&self, message: &Message) -> Result<(), Failure>;
}

/// Why a target did not take an event. Neither holds a body or a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The target works, and refuses this event: others may pass.
    #[error("refused: {0}")]
    Refused(String),
    /// The target does not work: nothing else of the account is tried for a while.
    #[error("unavailable: {0}")]
    Unavailable(String),
}

impl Failure {
    /// What an HTTP status means; `None` for success.
    #[must_use]
    pub fn of_status(status: u16) -> Option<Self> {
        match status {
            200..=299 => None,
            // Later, or to somebody who may: the same for every event.
            300..=399 | 401 | 403 | 404 | 405 | 408 | 425 | 429 | 500.. => {
                Some(Self::Unavailable(format!("status {status}")))
            }
            _ => Some(Self::Refused(format!("status {status}"))),
        }
    }

    /// Of an error and what caused it, in one line.
    pub(crate) fn unavailable(error: &(dyn std::error::Error + 'static)) -> Self {
        Self::Unavailable(with_causes(error))
    }
}
