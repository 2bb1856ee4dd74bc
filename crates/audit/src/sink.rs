use async_trait::async_trait;

use crate::{Error, Event};

/// Takes events. One contract suite, every adapter.
#[async_trait]
pub trait AuditSink: Send + Sync {
    /// Records an event and returns once it is durable. Concurrent appends share one sync.
    async fn append(&self, event: Event) -> Result<(), Error>;

    /// Makes it durable that the call described by `event` is about to change something. That is
    /// no event: readers of the record are given only what [`AuditSink::append`] took. It is what
    /// is left of a call whose outcome could not be recorded any more.
    async fn announce(&self, event: Event) -> Result<(), Error>;

    /// Whether an event could be recorded now, found out without writing one: a change whose event would
    /// be lost is not begun. A sink that cannot tell says yes.
    async fn ready(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Returns once everything appended before the call is durable.
    async fn flush(&self) -> Result<(), Error>;
}

/// Goes on where the record cannot be written, and says so in the log: the choice of
/// `audit.fail_closed = false`.
pub struct Lenient<S>(pub S);

impl<S> Lenient<S> {
    fn forgive(outcome: Result<(), Error>, name: &str, id: &str) -> Result<(), Error> {
        if let Err(error) = outcome {
            tracing::error!(%error, event = name, request = id, "A CALL WAS NOT RECORDED, and goes on: audit.fail_closed is off");
        }
        Ok(())
    }
}

#[async_trait]
impl<S: AuditSink> AuditSink for Lenient<S> {
    async fn append(&self, event: Event) -> Result<(), Error> {
        let (name, id) = (event.event_name.clone(), event.request_id.clone());
        Self::forgive(self.0.append(event).await, &name, &id)
    }

    async fn announce(&self, event: Event) -> Result<(), Error> {
        let (name, id) = (event.event_name.clone(), event.request_id.clone());
        Self::forgive(self.0.announce(event).await, &name, &id)
    }

    async fn flush(&self) -> Result<(), Error> {
        self.0.flush().await
    }
}

#[async_trait]
impl<S: AuditSink + ?Sized> AuditSink for std::sync::Arc<S> {
    async fn append(&self, event: Event) -> Result<(), Error> {
        (**self).append(event).await
    }

    async fn announce(&self, event: Event) -> Result<(), Error> {
        (**self).announce(event).await
    }

    async fn ready(&self) -> Result<(), Error> {
        (**self).ready().await
    }

    async fn flush(&self) -> Result<(), Error> {
        (**self).flush().await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{Faulty, Memory, event};

    #[tokio::test]
    async fn a_lenient_sink_goes_on_without_a_record_and_records_while_it_can() {
        let sink = Lenient(Faulty::new(Memory::default()));
        sink.0.fail(true);
        sink.append(event("Lost")).await.unwrap();
        sink.announce(event("Lost")).await.unwrap();
        sink.0.fail(false);
        sink.append(event("Kept")).await.unwrap();
        assert_eq!(sink.0.inner().events().len(), 1);
    }
}
