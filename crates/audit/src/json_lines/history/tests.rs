use std::time::Duration;

use arqueta_model::{Clock as _, ManualClock};

use super::*;
use crate::testing::{TestSealer, event};
use crate::{AuditSink as _, JsonLines, Resource};

const ACCOUNT: &str = "111122223333";
const KEY: TestSealer = TestSealer(1);

struct Written {
    folder: tempfile::TempDir,
    history: History,
    clock: Arc<ManualClock>,
    sink: JsonLines,
    /// As the record has them.
    events: Vec<Event>,
}

/// `count` events over three days, some of another account, and some data events.
async fn written(count: usize, padding: usize) -> Written {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let sink = JsonLines::open(folder.path(), clock.clone()).await.unwrap();
    let history = History::new(folder.path(), Arc::new(KEY));
    let mut written = Written { folder, history, clock, sink, events: Vec::new() };
    for n in 0..count {
        written.append(n, padding).await;
        if (n + 1) % (count / 3) == 0 && n + 1 < count {
            written.clock.advance(Duration::from_secs(86_400));
        }
    }
    written
}

impl Written {
    async fn append(&mut self, n: usize, padding: usize) {
        let mut event = event(["Decrypt", "CreateKey", "ListKeys"][n % 3]);
        event.event_time = self.clock.now().plus(Duration::from_secs(n as u64)).rfc3339();
        event.read_only = n % 3 != 1;
        event.user_agent = "x".repeat(padding);
        event.user_identity.user_name = Some(format!("user{}", n % 5));
        event.user_identity.access_key_id = Some(format!("AKIA{}", n % 7));
        let arn = format!("arn:aws:kms:::key/{}", n % 11);
        event.resources.push(Resource { account_id: String::new(), kind: "AWS::KMS::Key".into(), arn });
        if n % 13 == 12 {
            event.recipient_account_id = "444455556666".to_owned();
        }
        event.management_event = n % 17 != 16;
        self.sink.append(event.clone()).await.unwrap();
        self.events.push(event);
    }

    fn query(&self) -> Query<'static> {
        let (from, to) = (ManualClock::default().now(), self.clock.now().plus(Duration::from_secs(86_400)));
        Query { account: ACCOUNT, from, to, attribute: None, before: None }
    }

    fn found(&self, query: &Query<'_>) -> Vec<Event> {
        let mut found = Vec::new();
        assert!(
            self.history
                .search(query, |event| {
                    found.push(event);
                    true
                })
                .unwrap()
        );
        found
    }

    /// By reading everything.
    fn expected(&self, query: &Query<'_>) -> Vec<Event> {
        let (from, to) = (query.from.rfc3339(), query.to.rfc3339());
        let mut wanted: Vec<_> = self.events.clone();
        wanted.retain(|event| {
            event.recipient_account_id == query.account
                && event.management_event
                && (from.as_str()..=to.as_str()).contains(&&*event.event_time)
                && query.attribute.is_none_or(|(attribute, value)| attribute.values(event).iter().any(|v| v == value))
        });
        wanted.reverse();
        wanted
    }

    fn check(&self) {
        let all = self.query();
        let id = self.events[self.events.len() / 2].event_id.clone();
        for attribute in [
            None,
            Some((Attribute::EventName, "CreateKey")),
            Some((Attribute::EventName, "createkey")),
            Some((Attribute::Username, "user3")),
            Some((Attribute::AccessKeyId, "AKIA6")),
            Some((Attribute::ResourceName, "arn:aws:kms:::key/10")),
            Some((Attribute::ResourceType, "AWS::KMS::Key")),
            Some((Attribute::EventSource, "kms.amazonaws.com")),
            Some((Attribute::ReadOnly, "false")),
            Some((Attribute::EventId, &*id)),
            Some((Attribute::EventId, "none")),
        ] {
            let query = Query { attribute, ..all };
            assert_eq!(self.found(&query), self.expected(&query), "{attribute:?}");
            let from = self.clock.now();
            let narrow = Query { from, to: from.plus(Duration::from_secs(70)), ..query };
            assert_eq!(self.found(&narrow), self.expected(&narrow), "{attribute:?} in a minute");
            let other = Query { account: "444455556666", ..query };
            assert_eq!(self.found(&other), self.expected(&other), "{attribute:?} of another account");
            let expected = self.expected(&query);
            for at in (1..expected.len()).step_by(expected.len() / 4 + 1) {
                let rest = Query { before: Some(&expected[at - 1].event_id), ..query };
                assert_eq!(self.found(&rest), expected[at..], "{attribute:?} from {at}");
            }
        }
        let nowhere = Query { before: Some("none"), ..all };
        assert!(!self.history.search(&nowhere, |_| true).unwrap());
        let far = Query { to: Timestamp::from_millis(i64::MAX), ..all };
        assert_eq!(self.found(&far), self.expected(&all), "a time that is none");
    }
}

#[tokio::test]
async fn a_search_finds_what_reading_everything_finds() {
    let mut written = written(120, 0).await;
    written.check();
    for n in 120..130 {
        written.append(n, 0).await;
        let query = written.query();
        assert_eq!(written.found(&query), written.expected(&query), "what was just recorded is found");
    }
    written.check();
}

#[tokio::test]
async fn compressed_files_and_files_of_many_blocks_are_searched_alike() {
    let written = written(1500, 900).await;
    written.check();
    assert_eq!(crate::pack(written.folder.path()).unwrap(), 2);
    written.check();
    let fresh = History::new(written.folder.path(), Arc::new(KEY));
    fresh.prepare().unwrap();
    Written { history: fresh, ..written }.check();
}

#[tokio::test]
async fn an_index_that_was_changed_or_lost_hides_nothing() {
    let written = written(120, 0).await;
    written.check();
    let indexes: Vec<_> = std::fs::read_dir(written.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "index"))
        .collect();
    assert_eq!(indexes.len(), 2, "of the finished files");
    let good = std::fs::read(&indexes[0]).unwrap();
    // Somebody without the key takes the terms out, and its tag with another.
    let mut emptied = good.clone();
    let length = emptied.len();
    emptied[60..length - 32].fill(0);
    for bytes in [emptied, good[..length / 2].to_vec(), Vec::new(), std::fs::read(&indexes[1]).unwrap()] {
        std::fs::write(&indexes[0], bytes).unwrap();
        let history = History::new(written.folder.path(), Arc::new(KEY));
        let mut found = Vec::new();
        history
            .search(&written.query(), |event| {
                found.push(event);
                true
            })
            .unwrap();
        assert_eq!(found, written.expected(&written.query()));
        assert_eq!(std::fs::read(&indexes[0]).unwrap(), good, "and is made anew");
    }
    std::fs::remove_file(&indexes[0]).unwrap();
    written.check();
}

#[tokio::test]
async fn a_search_reads_only_what_can_hold_it() {
    let written = written(1500, 900).await;
    let mut taken = 0;
    written
        .history
        .search(&written.query(), |_| {
            taken += 1;
            taken < 50
        })
        .unwrap();
    assert_eq!(taken, 50);
    let index = written.history.lock().growing.as_ref().unwrap().1.clone();
    assert!(index.blocks.len() > 3, "{}", index.blocks.len());
    let id = &written.events.last().unwrap().event_id;
    let term = index::term(ACCOUNT, Some((Attribute::EventId, id)));
    let holding = index.blocks.iter().filter(|block| block.may_hold(0, u64::MAX, term)).count();
    assert_eq!(holding, 1);
    assert!(written.history.lock().finished.is_empty(), "older files were not opened for a page of the newest");
}
