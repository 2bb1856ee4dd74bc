//! The way of every call past the record: announced, decided and performed, recorded, and only
//! then answered.

use std::future::Future;
use std::sync::Arc;

use arqueta_audit::{AuditSink, Event, EventBuilder};
use arqueta_model::{Principal, Region, RequestInfo};
use futures::future::try_join_all;

use crate::operation::Operation;

/// Takes down what calls do. The one place where an edge meets the record.
#[derive(Clone)]
pub struct Recorder {
    audit: Arc<dyn AuditSink>,
    region: Region,
}

/// A call whose sender is known.
pub trait Call: Send + Sync {
    /// What it answers.
    type Answer: Send;
    /// How it fails.
    type Error: From<arqueta_audit::Error> + Send;

    /// Which operation it is.
    fn operation(&self) -> &'static Operation;

    /// Its event as far as it is known before it is performed; no secret.
    fn draft(&self, recorder: &Recorder) -> EventBuilder;

    /// Decides whether the caller may, and does it.
    fn perform(&mut self) -> impl Future<Output = Result<Self::Answer, Self::Error>> + Send;

    /// What the record keeps of it: an event for each account concerned.
    fn events(&self, recorder: &Recorder, outcome: &Result<Self::Answer, Self::Error>) -> Vec<Event>;
}

impl Recorder {
    /// Records into `audit` what happens in `region`.
    #[must_use]
    pub fn new(audit: Arc<dyn AuditSink>, region: Region) -> Self {
        Self { audit, region }
    }

    /// Runs a call: what changes how something is administered is announced first; what cannot be
    /// recorded is not answered.
    ///
    /// # Errors
    /// The call's own, and failures of the record: of an announcement before anything is done.
    pub async fn run<C: Call>(&self, mut call: C) -> Result<C::Answer, C::Error> {
        let operation = call.operation();
        if operation.is_announced() {
            self.announce(operation, call.draft(self).build()).await?;
        }
        let outcome = call.perform().await;
        self.record(call.events(self, &outcome)).await?;
        outcome
    }

    /// The beginning of an event of `operation`: whose it is and what kind, as its row says.
    #[must_use]
    pub fn event(&self, operation: &Operation, principal: &Principal, request: &RequestInfo) -> EventBuilder {
        operation.event(&self.region, principal, request)
    }

    /// Says that a call of `operation` is about to take effect; it may still fail, and its event tells.
    /// What [is announced](Operation::is_announced) is durable when this returns, in a line of its own
    /// or, where the record can, in the frame of the change. Of other changes the record keeps what
    /// their frame tells. Reads are not begun.
    ///
    /// # Errors
    /// The record's; the call must not go on.
    pub async fn announce(&self, operation: &Operation, event: Event) -> Result<(), arqueta_audit::Error> {
        match operation.writes() {
            true if operation.is_announced() => self.audit.announce(event).await,
            true => {
                self.audit.ready().await?;
                arqueta_audit::begin(event).map(drop)
            }
            false => Ok(()),
        }
    }

    /// As [`Recorder::announce`], of a change on objects that it takes several events to tell. Those that
    /// are too many for the frame of the change are durable when this returns.
    ///
    /// # Errors
    /// As [`Recorder::announce`].
    pub async fn begin(&self, events: Vec<Event>) -> Result<(), arqueta_audit::Error> {
        if events.len() <= arqueta_audit::PIECES {
            self.audit.ready().await?;
            return arqueta_audit::begin_all(events).map(drop);
        }
        // Together, so that they share their syncs.
        let announced = events.into_iter().map(|event| arqueta_audit::apart(self.audit.announce(event)));
        try_join_all(announced).await.map(drop)
    }

    /// Makes the events of a call durable.
    ///
    /// # Errors
    /// The record's; the call must not be answered.
    pub async fn record(&self, events: impl IntoIterator<Item = Event> + Send) -> Result<(), arqueta_audit::Error> {
        let events: Vec<_> = events.into_iter().collect();
        for event in events {
            self.audit.append(event).await?;
        }
        Ok(())
    }

    /// Where it happens.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }
}

impl Operation {
    /// The beginning of its event in `region`: whose it is and what kind, as this row says.
    #[must_use]
    pub fn event(&self, region: &Region, principal: &Principal, request: &RequestInfo) -> EventBuilder {
        let mut event = EventBuilder::new(self.service.event_source(), self.event, region, principal, request);
        if self.writes() {
            event = event.writes();
        }
        if !self.is_management() {
            event = event.data();
        }
        event
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("region", &self.region).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::operations::{CloudTrail, Sts};
    use arqueta_audit::testing::{Faulty, Memory};
    use arqueta_model::ManualClock;
    use std::sync::atomic::{AtomicBool, Ordering};

    struct Probe {
        operation: &'static Operation,
        done: Arc<AtomicBool>,
        info: RequestInfo,
        principal: Principal,
    }

    impl Call for Probe {
        type Answer = u8;
        type Error = arqueta_audit::Error;

        fn operation(&self) -> &'static Operation {
            self.operation
        }

        fn draft(&self, recorder: &Recorder) -> EventBuilder {
            recorder.event(self.operation, &self.principal, &self.info)
        }

        async fn perform(&mut self) -> Result<u8, arqueta_audit::Error> {
            self.done.store(true, Ordering::Relaxed);
            Ok(7)
        }

        fn events(&self, recorder: &Recorder, _: &Result<u8, arqueta_audit::Error>) -> Vec<Event> {
            vec![self.draft(recorder).build()]
        }
    }

    fn probe(operation: &'static Operation) -> (Probe, Arc<AtomicBool>) {
        let done = Arc::new(AtomicBool::new(false));
        let connection = crate::Connection { peer: [127, 0, 0, 1].into(), tls: None, cipher_suite: "" };
        let info = connection.request(&http::HeaderMap::new(), &http::Uri::from_static("/"), &ManualClock::default());
        let principal = Principal::root(&"111122223333".parse().unwrap(), "AKID");
        (Probe { operation, done: Arc::clone(&done), info, principal }, done)
    }

    fn recorder() -> (Recorder, Arc<Faulty<Memory>>) {
        let sink = Arc::new(Faulty::new(Memory::default()));
        (Recorder::new(sink.clone(), "eu-west-1".parse().unwrap()), sink)
    }

    #[tokio::test]
    async fn what_is_recorded_is_answered_and_has_the_kind_of_its_row() {
        let (recorder, sink) = recorder();
        assert_eq!(recorder.run(probe(CloudTrail::StopLogging.row()).0).await.unwrap(), 7);
        assert_eq!(recorder.run(probe(Sts::GetCallerIdentity.row()).0).await.unwrap(), 7);
        let events = sink.inner().events();
        let told: Vec<_> = events.iter().map(|e| (&*e.event_source, &*e.event_name, e.read_only)).collect();
        let stop = ("cloudtrail.amazonaws.com", "StopLogging", false);
        assert_eq!(told, [stop, ("sts.amazonaws.com", "GetCallerIdentity", true)]);
    }

    #[tokio::test]
    async fn a_change_that_cannot_be_announced_is_not_made_and_a_read_that_cannot_be_recorded_not_answered() {
        let (recorder, sink) = recorder();
        sink.fail(true);
        let (stop, stopped) = probe(CloudTrail::StopLogging.row());
        recorder.run(stop).await.unwrap_err();
        assert!(!stopped.load(Ordering::Relaxed));
        let (read, done) = probe(CloudTrail::GetTrail.row());
        recorder.run(read).await.unwrap_err();
        assert!(done.load(Ordering::Relaxed));
    }
}
