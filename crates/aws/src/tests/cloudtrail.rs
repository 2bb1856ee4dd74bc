//! LookupEvents over the record.

use std::time::Duration;

use arqueta_audit::AuditSink as _;
use serde_json::json;

use super::*;

const LOOKUP: &str = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents";

async fn found(edge: &Edge, request: Value) -> (Vec<String>, Value) {
    let answered = edge.json(&edge.root, "cloudtrail", LOOKUP, request).await;
    assert_eq!(answered.status, StatusCode::OK, "{}", answered.body);
    let body: Value = serde_json::from_str(&answered.body).unwrap();
    let name = |event: &Value| event["EventName"].as_str().unwrap().to_owned();
    (body["Events"].as_array().unwrap().iter().map(name).collect(), body)
}

/// What is found, without the searches themselves.
async fn changes(edge: &Edge, request: Value) -> Vec<String> {
    let (mut names, _) = found(edge, request).await;
    names.retain(|name| name != "LookupEvents");
    names
}

#[tokio::test]
async fn events_are_found_newest_first_page_by_page() {
    let edge = Edge::new().await;
    for name in ["a", "b", "c"] {
        edge.iam("CreateUser", &[("UserName", name)]).await;
        edge.clock.advance(Duration::from_secs(10));
    }
    edge.iam("ListUsers", &[]).await;
    edge.audit.flush().await.unwrap();
    let (names, body) = found(&edge, json!({})).await;
    assert_eq!(names, ["ListUsers", "CreateUser", "CreateUser", "CreateUser"]);
    let newest = &body["Events"][0];
    assert_eq!(
        (&newest["ReadOnly"], &newest["Username"], &newest["EventSource"]),
        (&json!("true"), &json!("root"), &json!("iam.amazonaws.com"))
    );
    assert_eq!(newest["EventTime"], 1_767_225_630);
    let whole: Value = serde_json::from_str(newest["CloudTrailEvent"].as_str().unwrap()).unwrap();
    assert_eq!(whole["eventID"], newest["EventId"]);

    // The search before is an event, too.
    let (first, body) = found(&edge, json!({ "MaxResults": 4 })).await;
    assert_eq!(first, ["LookupEvents", "ListUsers", "CreateUser", "CreateUser"]);
    let (rest, body) = found(&edge, json!({ "MaxResults": 3, "NextToken": body["NextToken"] })).await;
    assert_eq!(rest, ["CreateUser"]);
    assert!(body.get("NextToken").is_none());
}

#[tokio::test]
async fn attributes_and_times_narrow_the_search() {
    let edge = Edge::new().await;
    edge.iam("CreateUser", &[("UserName", "a")]).await;
    edge.clock.advance(Duration::from_secs(100));
    edge.json(&edge.root, "kms", "TrentService.CreateKey", json!({})).await;
    let by = |key: &str, value: &str| json!({ "LookupAttributes": [{ "AttributeKey": key, "AttributeValue": value }] });
    for (key, value, wanted) in [
        ("EventName", "CreateUser", vec!["CreateUser"]),
        ("EventSource", "kms.amazonaws.com", vec!["CreateKey"]),
        ("ReadOnly", "false", vec!["CreateKey", "CreateUser"]),
        ("Username", "root", vec!["CreateKey", "CreateUser"]),
        ("AccessKeyId", "AKIDROOT", vec!["CreateKey", "CreateUser"]),
        ("ResourceType", "AWS::KMS::Key", vec!["CreateKey"]),
        ("EventName", "createuser", vec![]),
        ("Username", "nobody", vec![]),
    ] {
        assert_eq!(changes(&edge, by(key, value)).await, wanted, "{key}={value}");
    }
    let start = 1_767_225_600.0;
    assert_eq!(changes(&edge, json!({ "StartTime": start + 50.0 })).await, ["CreateKey"]);
    assert_eq!(found(&edge, json!({ "StartTime": start, "EndTime": start + 50.0 })).await.0, ["CreateUser"]);
}

#[tokio::test]
async fn refusals() {
    let edge = Edge::new().await;
    let attribute = json!({ "AttributeKey": "EventName", "AttributeValue": "x" });
    for (request, code) in [
        (json!({ "MaxResults": 0 }), "InvalidMaxResultsException"),
        (json!({ "MaxResults": 51 }), "InvalidMaxResultsException"),
        (json!({ "LookupAttributes": [attribute, attribute] }), "InvalidLookupAttributesException"),
        (json!({ "StartTime": 2.0, "EndTime": 1.0 }), "InvalidTimeRangeException"),
        (json!({ "NextToken": "!" }), "InvalidNextTokenException"),
        (json!({ "NextToken": "bm9uZQ" }), "InvalidNextTokenException"),
        (json!({ "EventCategory": "insight" }), "InvalidEventCategoryException"),
        (
            json!({ "LookupAttributes": [{ "AttributeKey": "Other", "AttributeValue": "x" }] }),
            "InvalidLookupAttributesException",
        ),
        (
            json!({ "LookupAttributes": [{ "AttributeKey": "EventName", "AttributeValue": "" }] }),
            "InvalidLookupAttributesException",
        ),
        (json!({ "LookupAttributes": [{ "AttributeKey": "EventName" }] }), "SerializationException"),
    ] {
        edge.json(&edge.root, "cloudtrail", LOOKUP, request).await.refused_json(400, code);
    }
    let other = LOOKUP.replace("LookupEvents", "MakeTrail");
    edge.json(&edge.root, "cloudtrail", &other, json!({})).await.refused_json(400, "UnknownOperationException");
    let nobody = edge.user("nobody", &policy("Allow", "kms:*", "*")).await;
    edge.json(&nobody, "cloudtrail", LOOKUP, json!({})).await.refused_json(400, "AccessDeniedException");
    let auditor = edge.user("auditor", &policy("Allow", "cloudtrail:LookupEvents", "*")).await;
    assert_eq!(edge.json(&auditor, "cloudtrail", LOOKUP, json!({})).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_page_is_full_when_it_is_large() {
    let edge = Edge::new().await;
    let mut event = arqueta_audit::testing::event("Large");
    event.recipient_account_id = ACCOUNT.to_owned();
    event.event_time = edge.clock.now().rfc3339();
    event.request_parameters = json!({ "text": "\"".repeat(40_000) });
    for n in 0..50 {
        event.event_id = format!("{n:08}-0000-4000-8000-000000000000");
        edge.audit.append(event.clone()).await.unwrap();
    }
    let (mut token, mut seen, mut pages) = (Value::Null, 0, 0);
    loop {
        let large = json!([{ "AttributeKey": "EventName", "AttributeValue": "Large" }]);
        let (names, body) = found(&edge, json!({ "LookupAttributes": large, "NextToken": token })).await;
        assert!(body.to_string().len() < 3 << 20, "{}", body.to_string().len());
        (seen, pages) = (seen + names.len(), pages + 1);
        token = body["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    assert_eq!(seen, 50);
    assert!((3..20).contains(&pages), "{pages}");
}
