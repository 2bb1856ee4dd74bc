//! What changes something: announced before it acts, recorded before it is answered, and refused where
//! it cannot be; every such operation of every protocol, as the tables of operations have them.

use std::collections::HashSet;

use arqueta_audit::{Entries, Entry};
use arqueta_call::{CloudTrail, Iam, Kms, Operation};
use arqueta_trail::TrailId;
use serde_json::json;

use super::*;
use crate::{cloudtrail, kms};

fn announced(rows: &'static [Operation]) -> impl Iterator<Item = &'static str> {
    rows.iter().filter(|row| row.is_announced()).map(|row| row.name)
}

fn kms_changes() -> impl Iterator<Item = &'static str> {
    announced(Kms::rows())
}

fn cloudtrail_changes() -> impl Iterator<Item = &'static str> {
    announced(CloudTrail::rows())
}

fn iam_changes() -> impl Iterator<Item = &'static str> {
    announced(Iam::rows())
}

#[tokio::test]
async fn every_operation_that_changes_something_is_announced_and_recorded() {
    let edge = Edge::new().await;
    let mut called = Vec::new();
    for operation in kms_changes() {
        edge.json(&edge.root, "kms", &format!("{}{operation}", kms::TARGET), json!({})).await;
        called.push(("kms.amazonaws.com", operation));
    }
    for operation in cloudtrail_changes() {
        edge.json(&edge.root, "cloudtrail", &format!("{}{operation}", cloudtrail::TARGET), json!({})).await;
        called.push(("cloudtrail.amazonaws.com", operation));
    }
    for operation in iam_changes() {
        edge.query(&edge.root, "iam", &[("Action", operation)]).await;
        called.push(("iam.amazonaws.com", operation));
    }
    assert!(called.len() > 80, "the tables are read: {}", called.len());
    for stopped in ["StopLogging", "DeleteTrail", "PutEventSelectors"] {
        assert!(called.contains(&("cloudtrail.amazonaws.com", stopped)), "{stopped}");
    }

    let (mut open, mut done) = (HashSet::new(), Vec::new());
    for entry in Entries::open(edge.folder.path().join("audit"), None).unwrap() {
        match entry.unwrap() {
            Entry::Announced(event) => {
                assert!(!event.read_only, "{}", event.event_name);
                assert_eq!(event.user_identity.kind, "Root", "{}", event.event_name);
                assert!(open.insert((event.request_id, event.event_name)));
            }
            Entry::Event(event) if !event.read_only => {
                let announced = open.remove(&(event.request_id, event.event_name.clone()));
                assert!(announced, "{} was not announced", event.event_name);
                done.push((event.event_source, event.event_name));
            }
            Entry::Event(_) => {}
        }
    }
    assert!(open.is_empty(), "announced and never recorded: {open:?}");
    let done: Vec<_> = done.iter().map(|(source, name)| (&**source, &**name)).collect();
    assert_eq!(done, called);
}

#[tokio::test]
async fn nothing_is_changed_that_cannot_be_recorded() {
    let edge = Edge::new().await;
    let trail = |operation: &str| format!("{}{operation}", cloudtrail::TARGET);
    let made = json!({ "Name": "all-calls", "S3BucketName": "record" });
    assert_eq!(edge.json(&edge.root, "cloudtrail", &trail("CreateTrail"), made).await.status, StatusCode::OK);
    let id = TrailId::named(&ACCOUNT.parse().unwrap(), edge.services.trails.region(), "all-calls").unwrap();
    std::fs::remove_dir_all(edge.folder.path().join("audit")).unwrap();
    for operation in cloudtrail_changes() {
        let answered = edge.json(&edge.root, "cloudtrail", &trail(operation), json!({ "Name": "all-calls" })).await;
        answered.refused_json(500, "InternalFailure");
    }
    for operation in kms_changes() {
        let answered = edge.json(&edge.root, "kms", &format!("{}{operation}", kms::TARGET), json!({})).await;
        assert_eq!(answered.status, StatusCode::INTERNAL_SERVER_ERROR, "{operation}");
    }
    for operation in iam_changes() {
        let parameters = [("Action", operation), ("UserName", "made")];
        let answered = edge.query(&edge.root, "iam", &parameters).await;
        assert_eq!(answered.status, StatusCode::INTERNAL_SERVER_ERROR, "{operation}");
    }
    edge.services.trails.trail(&id).await.expect("the trail is still there");
    std::fs::create_dir(edge.folder.path().join("audit")).unwrap();
    let absent = edge.query(&edge.root, "iam", &[("Action", "GetUser"), ("UserName", "made")]).await;
    assert_eq!(absent.status, StatusCode::NOT_FOUND);
}

/// One such call stopped LookupEvents and every trail for good.
#[tokio::test]
async fn what_a_caller_without_rights_sends_stops_no_reader_of_the_record() {
    const LOOKUP: &str = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents";
    let edge = Edge::new().await;
    let nobody = edge.user("nobody", &policy("Deny", "*", "*")).await;
    let name = "\"".repeat(300_000);
    for operation in ["GetTrail", "CreateTrail"] {
        let target = format!("{}{operation}", cloudtrail::TARGET);
        let answered = edge.json(&nobody, "cloudtrail", &target, json!({ "Name": name })).await;
        assert!(answered.status.is_client_error(), "{operation}: {}", answered.status);
    }
    let found = edge.json(&edge.root, "cloudtrail", LOOKUP, json!({})).await;
    assert_eq!(found.status, StatusCode::OK);
    assert!(found.body.len() < 256 << 10, "{}", found.body.len());
    for name in ["GetTrail", "CreateTrail", "CreateAccessKey"] {
        assert!(found.body.contains(name), "{name}");
    }
}
