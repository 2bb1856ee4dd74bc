//! Trails over their JSON protocol.

use arqueta_trail::DeliveryError;
use serde_json::json;

use super::*;

const PREFIX: &str = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.";
const ARN: &str = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/one";

impl Edge {
    async fn trail(&self, signer: &Signer, operation: &str, request: Value) -> Answered {
        self.json(signer, "cloudtrail", &format!("{PREFIX}{operation}"), request).await
    }

    /// A call of the root user that succeeds.
    async fn trails(&self, operation: &str, request: Value) -> Value {
        let answered = self.trail(&self.root, operation, request).await;
        assert_eq!(answered.status, StatusCode::OK, "{operation}: {}", answered.body);
        serde_json::from_str(&answered.body).unwrap()
    }

    async fn refuses(&self, operation: &str, request: Value, code: &str) {
        self.trail(&self.root, operation, request).await.refused_json(400, code);
    }

    /// The newest event of the record.
    fn last(&self) -> Value {
        let record = self.record();
        let mut events = record.lines().filter(|line| line.contains("eventName"));
        serde_json::from_str(events.next_back().unwrap()).unwrap()
    }
}

#[tokio::test]
async fn a_trail_is_made_shown_changed_and_gone() {
    let edge = Edge::new().await;
    let made = edge
        .trails("CreateTrail", json!({ "Name": "one", "S3BucketName": "record", "EnableLogFileValidation": true }))
        .await;
    assert_eq!(
        made,
        json!({
            "Name": "one", "S3BucketName": "record", "IncludeGlobalServiceEvents": true, "IsMultiRegionTrail": false,
            "TrailARN": ARN, "LogFileValidationEnabled": true, "IsOrganizationTrail": false,
        })
    );
    let event = edge.last();
    assert_eq!(
        (&event["eventName"], &event["eventSource"]),
        (&json!("CreateTrail"), &json!("cloudtrail.amazonaws.com"))
    );
    assert_eq!(event["requestParameters"]["s3BucketName"], "record");
    assert_eq!((&event["responseElements"]["trailARN"], &event["readOnly"]), (&json!(ARN), &json!(false)));
    let shown = edge.trails("GetTrail", json!({ "Name": ARN })).await;
    assert_eq!(
        (&shown["Trail"]["HomeRegion"], &shown["Trail"]["HasCustomEventSelectors"]),
        (&json!(REGION), &json!(false))
    );
    assert_eq!(edge.last()["responseElements"], Value::Null);
    edge.trails("UpdateTrail", json!({ "Name": "one", "S3KeyPrefix": "p" })).await;
    for names in [json!({}), json!({ "trailNameList": ["one", "none"] }), json!({ "trailNameList": [ARN] })] {
        let described = edge.trails("DescribeTrails", names).await;
        assert_eq!(described["trailList"][0]["S3KeyPrefix"], "p");
    }
    let listed = edge.trails("ListTrails", json!({})).await;
    assert_eq!(listed, json!({ "Trails": [{ "TrailARN": ARN, "Name": "one", "HomeRegion": REGION }] }));
    assert_eq!(edge.trails("DeleteTrail", json!({ "Name": "one" })).await, json!({}));
    edge.refuses("GetTrail", json!({ "Name": "one" }), "TrailNotFoundException").await;
    assert_eq!(edge.last()["errorCode"], "TrailNotFoundException");
}

#[tokio::test]
async fn logging_starts_and_ends_with_the_call_that_stops_it() {
    let edge = Edge::new().await;
    edge.trails("CreateTrail", json!({ "Name": "one", "S3BucketName": "record" })).await;
    let status = edge.trails("GetTrailStatus", json!({ "Name": "one" })).await;
    assert_eq!((&status["IsLogging"], &status["TimeLoggingStarted"]), (&json!(false), &json!("")));
    edge.trails("StartLogging", json!({ "Name": "one" })).await;
    edge.trails("StopLogging", json!({ "Name": "one" })).await;
    let status = edge.trails("GetTrailStatus", json!({ "Name": "one" })).await;
    assert_eq!((&status["IsLogging"], &status["LatestDeliveryTime"]), (&json!(false), &json!(1_767_225_600)));
    assert_eq!(
        (&status["TimeLoggingStopped"], &status["StartLoggingTime"]),
        (&json!("2026-01-01T00:00:00Z"), &json!(1_767_225_600))
    );
    assert_eq!(edge.delivery.puts(), 1, "the call that stopped the trail is in its last file");
}

#[tokio::test]
async fn a_failing_delivery_is_told_and_stopping_succeeds_all_the_same() {
    let edge = Edge::new().await;
    edge.trails("CreateTrail", json!({ "Name": "one", "S3BucketName": "record" })).await;
    edge.trails("StartLogging", json!({ "Name": "one" })).await;
    edge.delivery.fail(Some(|| DeliveryError::NoSuchBucket));
    edge.trails("StopLogging", json!({ "Name": "one" })).await;
    let status = edge.trails("GetTrailStatus", json!({ "Name": "one" })).await;
    assert_eq!(status["LatestDeliveryError"], "NoSuchBucket");
    let trail = json!({ "Name": "two", "S3BucketName": "record" });
    edge.refuses("CreateTrail", trail.clone(), "S3BucketDoesNotExistException").await;
    edge.delivery.fail(Some(|| DeliveryError::AccessDenied));
    edge.refuses("CreateTrail", trail, "InsufficientS3BucketPolicyException").await;
}

#[tokio::test]
async fn selectors_are_kept_as_given_or_refused() {
    let edge = Edge::new().await;
    edge.trails("CreateTrail", json!({ "Name": "one", "S3BucketName": "record" })).await;
    let default = json!([{
        "ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": [], "ExcludeManagementEventSources": [],
    }]);
    assert_eq!(edge.trails("GetEventSelectors", json!({ "TrailName": "one" })).await["EventSelectors"], default);
    let wanted = json!([{
        "ReadWriteType": "WriteOnly", "IncludeManagementEvents": true,
        "DataResources": [{ "Type": "AWS::S3::Object", "Values": ["arn:aws:s3:::data/"] }],
        "ExcludeManagementEventSources": ["kms.amazonaws.com"],
    }]);
    let put = edge.trails("PutEventSelectors", json!({ "TrailName": "one", "EventSelectors": wanted })).await;
    assert_eq!((&put["EventSelectors"], &put["TrailARN"]), (&wanted, &json!(ARN)));
    assert_eq!(edge.trails("GetTrail", json!({ "Name": "one" })).await["Trail"]["HasCustomEventSelectors"], true);
    for (selectors, code) in [
        (json!({ "EventSelectors": [] }), "InvalidEventSelectorsException"),
        (json!({ "EventSelectors": [{ "ReadWriteType": "Some" }] }), "InvalidEventSelectorsException"),
        (
            json!({ "EventSelectors": [{ "DataResources": [{ "Type": "AWS::Lambda::Function" }] }] }),
            "InvalidEventSelectorsException",
        ),
        (json!({ "AdvancedEventSelectors": [{ "FieldSelectors": [] }] }), "UnsupportedOperationException"),
    ] {
        let mut request = selectors;
        request["TrailName"] = json!("one");
        edge.refuses("PutEventSelectors", request, code).await;
    }
    assert_eq!(edge.trails("GetEventSelectors", json!({ "TrailName": "one" })).await["EventSelectors"], wanted);
}

#[tokio::test]
async fn tags_are_added_listed_and_removed() {
    let edge = Edge::new().await;
    let tags = json!([{ "Key": "team", "Value": "audit" }]);
    edge.trails("CreateTrail", json!({ "Name": "one", "S3BucketName": "record", "TagsList": tags })).await;
    edge.trails("AddTags", json!({ "ResourceId": ARN, "TagsList": [{ "Key": "stage" }] })).await;
    let listed = edge.trails("ListTags", json!({ "ResourceIdList": [ARN] })).await;
    assert_eq!(
        listed["ResourceTagList"],
        json!([{ "ResourceId": ARN, "TagsList": [{ "Key": "team", "Value": "audit" }, { "Key": "stage", "Value": "" }] }])
    );
    edge.trails("RemoveTags", json!({ "ResourceId": ARN, "TagsList": [{ "Key": "team" }] })).await;
    let listed = edge.trails("ListTags", json!({ "ResourceIdList": [ARN] })).await;
    assert_eq!(listed["ResourceTagList"][0]["TagsList"], json!([{ "Key": "stage", "Value": "" }]));
    edge.refuses("ListTags", json!({ "ResourceIdList": ["one"] }), "CloudTrailARNInvalidException").await;
    let missing = ARN.replace("/one", "/none");
    edge.refuses("ListTags", json!({ "ResourceIdList": [missing] }), "ResourceNotFoundException").await;
}

#[tokio::test]
async fn what_is_not_acted_on_is_refused_by_name() {
    let edge = Edge::new().await;
    for (parameter, value) in [
        ("SnsTopicName", json!("t")),
        ("CloudWatchLogsLogGroupArn", json!("arn:aws:logs:eu-west-1:111122223333:log-group:g:*")),
        ("CloudWatchLogsRoleArn", json!("arn:aws:iam::111122223333:role/r")),
        ("IsOrganizationTrail", json!(true)),
        ("RecursiveLogging", json!(true)),
    ] {
        let mut request = json!({ "Name": "one", "S3BucketName": "record" });
        request[parameter] = value;
        let answered = edge.trail(&edge.root, "CreateTrail", request).await;
        answered.refused_json(400, "UnsupportedOperationException");
        assert!(answered.body.contains(parameter), "{}", answered.body);
    }
    for operation in ["CreateEventDataStore", "PutInsightSelectors", "StartQuery"] {
        edge.refuses(operation, json!({}), "UnsupportedOperationException").await;
    }
    edge.refuses("MakeTrail", json!({}), "UnknownOperationException").await;
    edge.refuses("CreateTrail", json!({ "Name": "one" }), "SerializationException").await;
    edge.refuses("CreateTrail", json!({ "Name": "a b c", "S3BucketName": "x" }), "InvalidTrailNameException").await;
    edge.refuses("ListPublicKeys", json!({ "StartTime": 2.0, "EndTime": 1.0 }), "InvalidTimeRangeException").await;
    edge.refuses("ListTrails", json!({ "NextToken": "x" }), "InvalidTokenException").await;
}

#[tokio::test]
async fn who_is_not_allowed_learns_and_changes_nothing() {
    let edge = Edge::new().await;
    edge.trails("CreateTrail", json!({ "Name": "one", "S3BucketName": "record" })).await;
    let nobody = edge.user("nobody", &policy("Allow", "cloudtrail:*", ARN.replace("/one", "/mine").as_str())).await;
    for name in ["one", "none", "arn:aws:cloudtrail:eu-west-1:444455556666:trail/one"] {
        for operation in ["UpdateTrail", "DeleteTrail", "GetTrail", "StartLogging", "StopLogging", "GetTrailStatus"] {
            edge.trail(&nobody, operation, json!({ "Name": name })).await.refused_json(400, "AccessDeniedException");
        }
        for operation in ["PutEventSelectors", "GetEventSelectors"] {
            edge.trail(&nobody, operation, json!({ "TrailName": name }))
                .await
                .refused_json(400, "AccessDeniedException");
        }
    }
    for operation in ["DescribeTrails", "ListTrails", "ListPublicKeys"] {
        edge.trail(&nobody, operation, json!({})).await.refused_json(400, "AccessDeniedException");
    }
    assert_eq!(edge.last()["errorCode"], "AccessDenied".to_owned() + "Exception");
    edge.trail(&nobody, "GetTrail", json!({ "Name": "mine" })).await.refused_json(400, "TrailNotFoundException");
    let tagged = json!({ "Name": "mine", "S3BucketName": "record" });
    assert_eq!(edge.trail(&nobody, "CreateTrail", tagged).await.status, StatusCode::OK);
}

#[tokio::test]
async fn public_keys_are_answered_in_base64() {
    let edge = Edge::new().await;
    let keys = edge.trails("ListPublicKeys", json!({})).await;
    assert_eq!(
        keys["PublicKeyList"],
        json!([{
            "Value": "MA==", "ValidityStartTime": 1_767_225_600, "ValidityEndTime": 1_800_000_000,
            "Fingerprint": "0123456789abcdef0123456789abcdef",
        }])
    );
}
