use std::path::Path;
use std::sync::Arc;

use arqueta_model::ManualClock;
use arqueta_store::{Batch, Fault, Faulty, MemoryMeta, MetaStore as _, Scan};
use bytes::Bytes;
use futures::future::join_all;

use super::row::ROWS;
use super::*;
use crate::testing::{TestSealer, event};
use crate::{AuditSink as _, Entries, Entry, Event, JsonLines};

type Store = Arc<Faulty<MemoryMeta>>;

struct World {
    folder: tempfile::TempDir,
    store: Store,
    told: Told<Store>,
    outbox: Arc<Outbox>,
    lines: Arc<JsonLines>,
    sink: Journaled,
}

async fn lines(folder: &Path) -> Arc<JsonLines> {
    let lines = JsonLines::open(folder, Arc::new(ManualClock::default())).await.unwrap();
    lines.seal(Arc::new(TestSealer(1)), None).await.unwrap();
    Arc::new(lines)
}

async fn over(folder: tempfile::TempDir, store: Store) -> World {
    let (outbox, lines) = (Arc::new(Outbox::default()), lines(folder.path()).await);
    let (told, sink) = (Told::new(store.clone(), outbox.clone()), Journaled::new(lines.clone()));
    World { folder, store, told, outbox, lines, sink }
}

async fn world() -> World {
    over(tempfile::tempdir().unwrap(), Arc::new(Faulty::new(MemoryMeta::default()))).await
}

/// As begun and as it ended: two events of one request.
fn ended(begun: &Event) -> Event {
    Event { event_id: format!("{}-ended", begun.event_id), response_elements: "made".into(), ..begun.clone() }
}

impl World {
    async fn rows(&self) -> usize {
        self.store.page(Scan::prefix(ROWS, 100)).await.unwrap().len()
    }

    /// What the files tell: events with their outcome, and whether the outcome was recorded.
    fn recorded(&self) -> Vec<(String, bool)> {
        let entries = Entries::open(self.folder.path(), None).unwrap();
        let events = entries.map(|entry| match entry.unwrap() {
            Entry::Event(event) => event,
            Entry::Announced(event) => panic!("{event:?} was announced on its own"),
        });
        events.map(|event| (event.event_name, event.additional_event_data.is_none())).collect()
    }

    async fn change(&self) -> Result<(), arqueta_store::Error> {
        self.told.commit(Batch::default().put("k", "v")).await
    }

    async fn tidy(&self) {
        self.lines.flush().await.unwrap();
        self.outbox.tidy(&self.lines, &self.told).await.unwrap();
    }

    /// What a start after a crash finds, with the record as it is.
    async fn again(self) -> (World, usize) {
        let World { folder, store, told, outbox, lines, sink } = self;
        drop((told, outbox, sink, lines));
        let world = over(folder, store).await;
        let restored = world.outbox.restore(&world.lines, &world.told).await.unwrap();
        world.tidy().await;
        assert_eq!(world.rows().await, 0);
        assert_eq!(world.outbox.restore(&world.lines, &world.told).await.unwrap(), 0);
        (world, restored)
    }
}

#[tokio::test]
async fn a_change_carries_its_event_and_the_record_relieves_it() {
    let world = world().await;
    let begun = event("Change");
    call(async {
        world.sink.announce(begun.clone()).await.unwrap();
        assert_eq!(world.rows().await, 0);
        world.change().await.unwrap();
        assert_eq!(world.rows().await, 1, "in the batch of the change");
        world.change().await.unwrap();
        assert_eq!(world.rows().await, 1, "the first one carries it");
        assert_eq!(world.recorded(), [], "nothing was announced on its own");
        world.sink.append(ended(&begun)).await.unwrap();
        assert_eq!(world.recorded(), [("Change".to_owned(), true)], "readers find it with the answer");
    })
    .await;
    assert_eq!(world.rows().await, 1, "until it is known to be durable");
    world.lines.flush().await.unwrap();
    world.told.commit(Batch::default().put("other", "change")).await.unwrap();
    assert_eq!(world.rows().await, 0, "a later commit takes it away");
    assert_eq!(world.recorded().len(), 1);
}

/// StopLogging of a trail that is stopped changes nothing, and then delivers what is left.
#[tokio::test]
async fn what_a_recorded_call_commits_afterwards_does_not_tell_it_again() {
    let world = world().await;
    let begun = event("Change");
    call(async {
        world.sink.announce(begun.clone()).await.unwrap();
        world.sink.append(ended(&begun)).await.unwrap();
        world.change().await.unwrap();
    })
    .await;
    assert_eq!(world.rows().await, 0);
    world.tidy().await;
    assert_eq!(world.recorded(), [("Change".to_owned(), true)]);
}

#[tokio::test]
async fn without_later_commits_rows_go_too() {
    let world = world().await;
    let begun = event("Change");
    call(async {
        world.sink.announce(begun.clone()).await.unwrap();
        world.change().await.unwrap();
        world.sink.append(ended(&begun)).await.unwrap();
    })
    .await;
    world.tidy().await;
    assert_eq!((world.rows().await, world.recorded().len()), (0, 1));
}

#[tokio::test]
async fn a_call_given_up_after_its_change_is_told_without_its_outcome() {
    let world = world().await;
    call(async {
        world.sink.announce(event("Change")).await.unwrap();
        world.change().await.unwrap();
    })
    .await;
    world.tidy().await;
    assert_eq!(world.recorded(), [("Change".to_owned(), false)]);
    assert_eq!(world.rows().await, 0);
    // Or while it was being made.
    let stuck = Told::new(Stuck, world.outbox.clone());
    let mut given_up = Box::pin(call(async {
        begin(event("Slow")).unwrap();
        stuck.commit(Batch::default().put("k", "v")).await.unwrap();
    }));
    assert!(futures::poll!(&mut given_up).is_pending());
    drop(given_up);
    world.tidy().await;
    assert_eq!(world.recorded().last().unwrap(), &("Slow".to_owned(), false));
}

/// Never finishes a commit.
struct Stuck;

#[async_trait::async_trait]
impl arqueta_store::MetaStore for Stuck {
    async fn get(&self, _: &[u8]) -> Result<Option<Bytes>, arqueta_store::Error> {
        Ok(None)
    }
    async fn page(&self, _: Scan) -> Result<Vec<arqueta_store::Entry>, arqueta_store::Error> {
        Ok(Vec::new())
    }
    async fn commit(&self, _: Batch) -> Result<(), arqueta_store::Error> {
        std::future::pending().await
    }
    async fn changes(
        &self,
        _: arqueta_store::Position,
        _: usize,
    ) -> Result<Vec<arqueta_store::Change>, arqueta_store::Error> {
        Ok(Vec::new())
    }
    async fn trim(&self, _: arqueta_store::Position) -> Result<(), arqueta_store::Error> {
        Ok(())
    }
}

#[tokio::test]
async fn a_start_tells_what_the_record_lacks_and_nothing_twice() {
    let world = world().await;
    let (lost, known) = (event("Lost"), event("Known"));
    for begun in [&lost, &known] {
        call(async {
            world.sink.announce(begun.clone()).await.unwrap();
            world.change().await.unwrap();
            if begun.event_name == "Known" {
                world.sink.append(ended(begun)).await.unwrap();
            }
        })
        .await;
    }
    let (world, restored) = world.again().await;
    assert_eq!(restored, 1);
    assert_eq!(world.recorded(), [("Known".to_owned(), true), ("Lost".to_owned(), false)]);
}

/// The events of a call on more objects than fit into one.
fn pieces() -> Vec<Event> {
    let mut whole = event("DeleteObjects");
    let object = |key: u32| crate::Resource {
        account_id: String::new(),
        kind: crate::Resource::S3_OBJECT.to_owned(),
        arn: format!("arn:aws:s3:::bucket/{}{key}", "x".repeat(7_000)),
    };
    whole.resources = (0..12).map(object).collect();
    whole.in_pieces()
}

#[tokio::test]
async fn a_call_of_several_events_carries_each_and_each_is_relieved_for_itself() {
    let world = world().await;
    let begun = pieces();
    assert_eq!(begun.len(), 2);
    call(async {
        assert!(begin_all(begun.clone()).unwrap());
        world.change().await.unwrap();
        assert_eq!(world.rows().await, 2, "in the batch of the change");
        world.sink.append(ended(&begun[1])).await.unwrap();
        world.sink.append(ended(&begun[0])).await.unwrap();
    })
    .await;
    world.tidy().await;
    let told = [("DeleteObjects".to_owned(), true), ("DeleteObjects".to_owned(), true)];
    assert_eq!((world.rows().await, world.recorded()), (0, told.to_vec()));

    // One of them is lost: the other does not stand for it, neither at once nor after a start.
    for restarted in [false, true] {
        let mut world = self::world().await;
        let begun = pieces();
        call(async {
            begin_all(begun.clone()).unwrap();
            world.change().await.unwrap();
            world.sink.append(ended(&begun[1])).await.unwrap();
        })
        .await;
        if restarted {
            let (again, restored) = world.again().await;
            assert_eq!(restored, 1);
            world = again;
        }
        world.tidy().await;
        let mut entries = Entries::open(world.folder.path(), None).unwrap().skip(1);
        let Some(Ok(Entry::Event(last))) = entries.next() else { panic!("the lost one is told") };
        assert!(last.lacks_outcome() && last.resources == begun[0].resources);
        assert_eq!((world.rows().await, entries.count()), (0, 0));
    }
}

#[tokio::test]
async fn more_events_than_a_commit_should_carry_are_announced_before_it() {
    let world = world().await;
    let many: Vec<_> = (0..3).flat_map(|_| pieces()).collect();
    call(async {
        assert!(!begin_all(many.clone()).unwrap() && !begin_all(Vec::new()).unwrap_or(true));
        join_all(many.iter().map(|event| apart(world.sink.announce(event.clone()))))
            .await
            .into_iter()
            .for_each(Result::unwrap);
        let entries = Entries::open(world.folder.path(), None).unwrap();
        let announced = entries.filter(|entry| matches!(entry, Ok(Entry::Announced(_)))).count();
        assert_eq!(announced, many.len(), "before anything changes");
        world.change().await.unwrap();
        assert_eq!(world.rows().await, 0);
    })
    .await;
}

#[tokio::test]
async fn of_a_call_that_failed_after_its_change_everything_is_told() {
    let world = world().await;
    let whole = "x".repeat(20_000);
    let failed = |name: &str| Event {
        request_parameters: serde_json::json!({ "document": whole }),
        error_code: Some("InternalError".to_owned()),
        ..ended(&event(name))
    };
    for changes in [true, false] {
        let end = failed(if changes { "Changed" } else { "Refused" });
        call(async {
            begin(Event { error_code: None, ..end.clone() }).unwrap();
            if changes {
                world.change().await.unwrap();
            }
            world.sink.append(end).await.unwrap();
        })
        .await;
    }
    let told: Vec<_> = Entries::open(world.folder.path(), None)
        .unwrap()
        .map(|entry| match entry.unwrap() {
            Entry::Event(event) => event.request_parameters["document"] == *whole,
            Entry::Announced(event) => panic!("{event:?}"),
        })
        .collect();
    assert_eq!(told, [true, false], "nothing took effect of what is not");
}

#[tokio::test]
async fn a_refused_commit_leaves_nothing_and_the_next_one_carries() {
    let world = world().await;
    let begun = event("Change");
    call(async {
        world.sink.announce(begun.clone()).await.unwrap();
        world.store.fail_always(Some(Fault::Full));
        assert!(world.change().await.is_err());
        world.store.fail_always(None);
        let conflict = Batch::default().unchanged("k", Some("other".into())).put("k", "v");
        assert!(world.told.commit(conflict).await.is_err());
        world.told.commit(Batch::default()).await.unwrap();
        assert_eq!(world.rows().await, 0, "what changes nothing carries nothing");
        world.change().await.unwrap();
        assert_eq!(world.rows().await, 1);
        world.sink.append(ended(&begun)).await.unwrap();
    })
    .await;
    // And one that is refused for good leaves its event, durable, and no row.
    let begun = event("Refused");
    call(async {
        world.sink.announce(begun.clone()).await.unwrap();
        world.sink.append(Event { error_code: Some("AccessDenied".to_owned()), ..ended(&begun) }).await.unwrap();
    })
    .await;
    world.tidy().await;
    assert_eq!((world.rows().await, world.recorded().len()), (0, 2));
}

#[tokio::test]
async fn another_event_of_the_same_call_does_not_stand_for_the_one_begun() {
    let world = world().await;
    let begun = event("PutObject");
    call(async {
        assert!(begin(begun.clone()).unwrap());
        world.change().await.unwrap();
        let other = Event { event_name: "GenerateDataKey".to_owned(), ..ended(&begun) };
        world.sink.append(other).await.unwrap();
    })
    .await;
    world.tidy().await;
    assert_eq!(world.recorded(), [("GenerateDataKey".to_owned(), true), ("PutObject".to_owned(), false)]);
    assert!(!begin(begun).unwrap(), "outside of a call nothing is begun");
}

#[tokio::test]
async fn a_task_of_the_call_belongs_to_it_if_it_is_told_so() {
    let world = Arc::new(world().await);
    call(async {
        world.sink.announce(event("Change")).await.unwrap();
        let apart = world.clone();
        tokio::spawn(async move { apart.change().await.unwrap() }).await.unwrap();
        assert_eq!(world.rows().await, 0);
        let with = world.clone();
        tokio::spawn(carried(async move { with.change().await.unwrap() })).await.unwrap();
        assert_eq!(world.rows().await, 1);
    })
    .await;
}

#[tokio::test]
async fn where_nothing_can_be_recorded_nothing_begins() {
    let world = world().await;
    world.lines.append(event("Before")).await.unwrap();
    // The file that is open is no longer the record's.
    std::fs::remove_dir_all(world.folder.path()).unwrap();
    let refused = call(async { world.sink.announce(event("Change")).await }).await;
    assert!(refused.is_err());
    std::fs::create_dir(world.folder.path()).unwrap();
    call(async {
        world.sink.announce(event("Change")).await.unwrap();
        world.change().await.unwrap();
    })
    .await;
    world.tidy().await;
    assert_eq!(world.recorded(), [("Change".to_owned(), false)]);
}
