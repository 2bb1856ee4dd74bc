//! Whether the record is being written, for readiness checks and metrics.

use std::sync::{Arc, Mutex, PoisonError};

/// What the writer of the record last found. Shared by the writer and whoever asks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health {
    failure: Arc<Mutex<Option<String>>>,
}

impl Health {
    /// Remembers an outcome. Tells whether that is news.
    pub(crate) fn note<E: std::fmt::Display>(&self, outcome: Result<(), E>) -> bool {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        let news = failure.is_some() == outcome.is_ok();
        *failure = outcome.err().map(|error| error.to_string());
        news
    }

    /// Why the record is not being written, if it is not.
    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
