//! The record's events reach the audit webhook in their order, and a repetition is known as one.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use arqueta_audit::{AuditSink, JsonLines, testing};
use arqueta_model::ManualClock;
use arqueta_notify::{AuditStream, Counts, Failure, Message, Source, Target};
use arqueta_store::{Leases, MemoryMeta};
use async_trait::async_trait;

/// Keeps what came, taken or not.
#[derive(Default)]
struct Double {
    came: Mutex<Vec<Message>>,
    down: Mutex<bool>,
}

#[async_trait]
impl Target for Double {
    async fn send(&self, message: &Message) -> Result<(), Failure> {
        self.came.lock().unwrap().push(message.clone());
        match *self.down.lock().unwrap() {
            true => Err(Failure::Unavailable("down".to_owned())),
            false => Ok(()),
        }
    }
}

fn names(message: &Message) -> Vec<String> {
    let body: serde_json::Value = serde_json::from_slice(&message.body).unwrap();
    let records = body["Records"].as_array().unwrap();
    records.iter().map(|record| record["eventName"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_delivery_that_comes_again_is_the_same_however_far_the_record_reaches_by_then() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::default());
    let sink = Arc::new(JsonLines::open(folder.path(), clock.clone()).await.unwrap());
    let (meta, target) = (Arc::new(MemoryMeta::default()), Arc::new(Double::default()));
    let stream = || {
        let from = Source {
            folder: folder.path().to_owned(),
            sink: sink.clone(),
            meta: meta.clone(),
            leases: Leases::new(meta.clone(), clock.clone(), "one", Duration::from_secs(30)),
            clock: clock.clone(),
        };
        AuditStream::new(from, target.clone(), Arc::new(Counts::default()))
    };
    for name in ["One", "Two"] {
        sink.append(testing::event(name)).await.unwrap();
    }
    *target.down.lock().unwrap() = true;
    stream().deliver().await.unwrap_err();
    sink.append(testing::event("Three")).await.unwrap();
    // Another process than the one that made it.
    stream().deliver().await.unwrap_err();
    *target.down.lock().unwrap() = false;
    assert!(stream().deliver().await.unwrap());
    assert!(!stream().deliver().await.unwrap());
    let came = target.came.lock().unwrap();
    let [first, second, third, rest] = &came[..] else { panic!("{} came", came.len()) };
    assert_eq!((&first.id, &first.body), (&second.id, &second.body));
    assert_eq!((&first.id, &first.body), (&third.id, &third.body));
    assert_eq!((names(first), names(rest)), (vec!["One".to_owned(), "Two".to_owned()], vec!["Three".to_owned()]));
    assert_ne!(first.id, rest.id);
}
