//! Parameters that are none: refused in AWS's words before anyone is asked, and recorded all the same.

use serde_json::{Value, json};

use super::tests::{Service, service};

const INVALID: &str = "ValidationException";

async fn key(service: &Service) -> String {
    service.ok("CreateKey", json!({})).await["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn names_of_aliases_are_refused_by_what_is_wrong_with_them() {
    let service = service().await;
    let key = key(&service).await;
    let long = format!("alias/{}", "a".repeat(251));
    for (name, code) in [
        ("alias/aws/s3", "NotAuthorizedException"),
        ("alias/aws/s3:x", "NotAuthorizedException"),
        ("alias/", INVALID),
        ("app", INVALID),
        ("", INVALID),
        ("alias/a b", INVALID),
        ("alias/a:b", INVALID),
        ("alias/a\u{e9}", INVALID),
        (&long, INVALID),
    ] {
        for operation in ["CreateAlias", "UpdateAlias"] {
            service.refused(operation, json!({ "AliasName": name, "TargetKeyId": key }), code).await;
        }
        service.refused("DeleteAlias", json!({ "AliasName": name }), code).await;
    }
}

#[tokio::test]
async fn numbers_names_and_texts_out_of_bounds_are_refused() {
    let service = service().await;
    let key = key(&service).await;
    let mut wrong: Vec<(&str, Value, &str)> = Vec::new();
    for limit in [0, 101, -1] {
        wrong.push(("ListAliases", json!({ "Limit": limit }), INVALID));
    }
    for limit in [0, 1001] {
        wrong.push(("ListKeyPolicies", json!({ "KeyId": key, "Limit": limit }), INVALID));
        wrong.push(("ListKeyRotations", json!({ "KeyId": key, "Limit": limit }), INVALID));
    }
    for marker in ["", "!", "a", "_w"] {
        wrong.push(("ListAliases", json!({ "Marker": marker }), "InvalidMarkerException"));
    }
    for days in [0, 89, 2561, -90, i64::MAX] {
        wrong.push(("EnableKeyRotation", json!({ "KeyId": key, "RotationPeriodInDays": days }), INVALID));
    }
    for days in [0, 6, 31, -7, i64::MIN] {
        wrong.push(("ScheduleKeyDeletion", json!({ "KeyId": key, "PendingWindowInDays": days }), INVALID));
    }
    wrong.push(("ListKeyRotations", json!({ "KeyId": key, "IncludeKeyMaterial": "ALL" }), INVALID));
    wrong.push(("UpdateKeyDescription", json!({ "KeyId": key, "Description": "d".repeat(8193) }), INVALID));
    wrong.push(("PutKeyPolicy", json!({ "KeyId": key }), INVALID));
    wrong.push(("PutKeyPolicy", json!({ "KeyId": key, "Policy": " ".repeat(131_073) }), INVALID));
    for (operation, request, code) in wrong {
        service.refused(operation, request, code).await;
    }
    assert_eq!(
        service.ok("GetKeyRotationStatus", json!({ "KeyId": key })).await,
        json!({ "KeyId": format!("arn:aws:kms:eu-west-1:111122223333:key/{key}"), "KeyRotationEnabled": false })
    );
}

#[tokio::test]
async fn what_is_refused_here_is_an_event_with_its_parameters_as_they_were_sent() {
    let service = service().await;
    service.refused("CreateAlias", json!({ "AliasName": "app", "TargetKeyId": "x" }), INVALID).await;
    let event = service.last_event();
    assert_eq!((event.event_name.as_str(), event.error_code.as_deref()), ("CreateAlias", Some(INVALID)));
    assert_eq!(event.request_parameters, json!({ "aliasName": "app", "targetKeyId": "x" }));
    assert!(event.error_message.unwrap().starts_with("Alias must start with the prefix"));
}

#[tokio::test]
async fn a_listing_goes_on_behind_its_marker() {
    let service = service().await;
    let key = key(&service).await;
    for name in ["alias/a", "alias/b", "alias/c"] {
        service.ok("CreateAlias", json!({ "AliasName": name, "TargetKeyId": key })).await;
    }
    let first = service.ok("ListAliases", json!({ "Limit": 2 })).await;
    assert_eq!((&first["Truncated"], first["Aliases"].as_array().unwrap().len()), (&json!(true), 2));
    let rest = service.ok("ListAliases", json!({ "Limit": 2, "Marker": first["NextMarker"] })).await;
    assert_eq!((&rest["Truncated"], &rest["Aliases"][0]["AliasName"]), (&json!(false), &json!("alias/c")));
    assert_eq!(rest.get("NextMarker"), None);
}
