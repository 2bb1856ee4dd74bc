use std::collections::HashSet;

use futures::future::join_all;

use super::event;
use crate::{AuditSink, Event};

/// What every sink promises. `sink` is fresh; `recorded` reads back what is durable, in order.
///
/// # Panics
/// If the sink breaks the contract.
pub async fn contract<S, F>(sink: &S, recorded: impl Fn() -> F)
where
    S: AuditSink,
    F: Future<Output = Vec<Event>>,
{
    sink.flush().await.expect("flushing nothing is fine");
    assert!(recorded().await.is_empty(), "a fresh sink holds nothing");

    let first = event("First");
    sink.append(first.clone()).await.expect("a healthy sink takes events");
    assert_eq!(
        recorded().await,
        std::slice::from_ref(&first),
        "durable when append returns, without a flush, and equal"
    );

    sink.announce(event("Announced")).await.expect("a healthy sink takes announcements");
    assert_eq!(recorded().await, std::slice::from_ref(&first), "an announcement is no event");

    let awkward = Event { user_agent: "line\nbreak \u{2028} \"quote\" \u{0}".to_owned(), ..event("Awkward") };
    sink.append(awkward.clone()).await.expect("any text can be recorded");
    assert_eq!(recorded().await, [first, awkward], "order is kept, and no text breaks a line");

    let many: Vec<Event> = (0..200).map(|n| event(&format!("Concurrent{n}"))).collect();
    let ids: HashSet<_> = many.iter().map(|e| e.event_id.clone()).collect();
    for outcome in join_all(many.into_iter().map(|e| sink.append(e))).await {
        outcome.expect("a healthy sink takes concurrent events");
    }
    sink.flush().await.expect("flush");
    let after: HashSet<_> = recorded().await.into_iter().skip(2).map(|e| e.event_id).collect();
    assert_eq!(after, ids, "each concurrent event is there exactly once");
    assert_eq!(recorded().await.len(), 202);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Counting, Faulty, Memory};

    #[tokio::test]
    async fn doubles_keep_the_contract() {
        let memory = Memory::default();
        contract(&memory, || async { memory.events() }).await;
        let wrapped = Counting::new(Faulty::new(Memory::default()));
        contract(&wrapped, || async { wrapped.inner().inner().events() }).await;
        assert_eq!(wrapped.appends(), 202);
    }

    #[tokio::test]
    async fn a_faulty_sink_records_nothing_while_it_fails() {
        let sink = Faulty::new(Memory::default());
        sink.fail(true);
        assert!(sink.append(event("Lost")).await.is_err());
        assert!(sink.announce(event("Lost")).await.is_err());
        assert!(sink.flush().await.is_err());
        assert!(sink.inner().events().is_empty());
        sink.fail(false);
        assert!(sink.append(event("Kept")).await.is_ok());
    }
}
