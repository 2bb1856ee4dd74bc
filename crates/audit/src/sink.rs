use async_trait::async_trait;

use crate::{Error, Event};

/// Takes events. One contract suite, every adapter.
#[async_trait]
pub trait AuditSink: Send + Sync {
    /// Records an event and returns once it is durable. Concurrent appends share one sync.
    async fn append(&self, event: Event) -> Result<(), Error>;

    /// Returns once everything appended before the call is durable.
    async fn flush(&self) -> Result<(), Error>;
}
