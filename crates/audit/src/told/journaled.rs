use std::sync::Arc;

use async_trait::async_trait;

use super::scope;
use crate::{AuditSink, Error, Event, JsonLines};

/// The record of a store whose commits carry what their calls begin ([`super::Told`]).
pub struct Journaled {
    lines: Arc<JsonLines>,
}

impl Journaled {
    /// The record in `lines`.
    #[must_use]
    pub fn new(lines: Arc<JsonLines>) -> Self {
        Self { lines }
    }
}

impl std::fmt::Debug for Journaled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journaled").field("lines", &self.lines).finish()
    }
}

#[async_trait]
impl AuditSink for Journaled {
    /// The event of a call that succeeded, and whose beginning is durable with what it changed, is
    /// there for readers when this returns, and durable soon after: until then its row is. Every other
    /// one is durable.
    async fn append(&self, event: Event) -> Result<(), Error> {
        let Some(telling) = scope::current() else { return self.lines.append(event).await };
        let Some(at) = telling.carried(&event) else {
            let begun = telling.has_begun(&event);
            self.lines.append(event).await?;
            if begun {
                telling.recorded();
            }
            return Ok(());
        };
        // Copies for other accounts, and what an error says, no row has.
        let in_row = event.error_code.is_none() && event.shared_event_id.is_none();
        if in_row && self.lines.healthy().is_ok() {
            let durable = self.lines.append_early(event).await?;
            telling.tell(at, Some(durable));
        } else {
            self.lines.append_of_effect(event).await?;
            telling.tell(at, None);
        }
        Ok(())
    }

    /// Inside a call: the event goes with the first commit. It is found out first whether the record
    /// takes events, so that a change which cannot be recorded does not happen.
    async fn announce(&self, event: Event) -> Result<(), Error> {
        if scope::current().is_none() {
            return self.lines.announce(event).await;
        }
        self.lines.ready().await?;
        scope::begin(event).map(drop)
    }

    async fn ready(&self) -> Result<(), Error> {
        self.lines.ready().await
    }

    async fn flush(&self) -> Result<(), Error> {
        self.lines.flush().await
    }
}
