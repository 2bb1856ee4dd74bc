//! What holds for every request, whatever it asks for.

use std::time::Duration;

use http::HeaderValue;
use serde_json::json;

use super::*;

const LIST_KEYS: [(&str, &str); 2] =
    [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", "TrentService.ListKeys")];

#[tokio::test]
async fn a_kms_call_is_answered_in_json() {
    let edge = Edge::new().await;
    let created = edge.json(&edge.root, "kms", "TrentService.CreateKey", json!({})).await;
    assert_eq!(
        (created.status, &created.headers["content-type"]),
        (StatusCode::OK, &HeaderValue::from_static("application/x-amz-json-1.1"))
    );
    let key = serde_json::from_str::<Value>(&created.body).unwrap()["KeyMetadata"]["KeyId"].clone();
    let disabled = edge.json(&edge.root, "kms", "TrentService.DisableKey", json!({ "KeyId": key })).await;
    assert_eq!((disabled.status, &*disabled.body), (StatusCode::OK, ""));
    edge.json(&edge.root, "kms", "TrentService.Encrypt", json!({ "KeyId": key, "Plaintext": "YQ==" }))
        .await
        .refused_json(400, "DisabledException");
    edge.json(&edge.root, "kms", "TrentService.DescribeKey", json!({ "KeyId": "none" }))
        .await
        .refused_json(400, "NotFoundException");
    edge.json(&edge.root, "kms", "TrentService.CreateKey", json!({ "KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY" }))
        .await
        .refused_json(400, "UnsupportedOperationException");
    edge.json(&edge.root, "kms", "TrentService.Nothing", json!({}))
        .await
        .refused_json(400, "UnknownOperationException");
    edge.json(&edge.root, "kms", "DynamoDB_20120810.ListTables", json!({}))
        .await
        .refused_json(400, "UnknownOperationException");
}

#[tokio::test]
async fn a_user_needs_the_keys_permission() {
    let edge = Edge::new().await;
    let nobody = edge.user("nobody", &policy("Allow", "s3:*", "*")).await;
    edge.json(&nobody, "kms", "TrentService.CreateKey", json!({})).await.refused_json(400, "AccessDeniedException");
    let admin = edge.user("admin", &policy("Allow", "kms:*", "*")).await;
    assert_eq!(edge.json(&admin, "kms", "TrentService.CreateKey", json!({})).await.status, StatusCode::OK);
}

#[tokio::test]
async fn unproven_requests_are_refused_in_the_protocols_words() {
    let edge = Edge::new().await;
    let unknown = Signer { access_key_id: "AKIDNOBODY".to_owned(), ..edge.root.clone() };
    let wrong = Signer { secret: "guess".to_owned(), ..edge.root.clone() };
    let with_token = Signer { token: Some("x".to_owned()), ..edge.root.clone() };
    for (signer, json_code, query_code) in [
        (&unknown, "UnrecognizedClientException", "InvalidClientTokenId"),
        (&wrong, "InvalidSignatureException", "SignatureDoesNotMatch"),
        (&with_token, "UnrecognizedClientException", "InvalidClientTokenId"),
    ] {
        edge.json(signer, "kms", "TrentService.ListKeys", json!({})).await.refused_json(400, json_code);
        edge.query(signer, "sts", &[("Action", "GetCallerIdentity")]).await.refused(403, query_code);
        edge.query(signer, "iam", &[("Action", "ListUsers")]).await.refused(403, query_code);
    }
    let mut anonymous = edge.signed(&edge.root, "kms", &LIST_KEYS, "{}");
    anonymous.headers_mut().remove("authorization");
    edge.send(anonymous).await.refused_json(400, "MissingAuthenticationTokenException");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let mut anonymous = edge.signed(&edge.root, "sts", &[form], "Action=GetCallerIdentity&Version=2011-06-15");
    anonymous.headers_mut().remove("authorization");
    edge.send(anonymous).await.refused(403, "MissingAuthenticationToken");
}

#[tokio::test]
async fn a_request_is_good_for_its_service_its_body_and_its_time_only() {
    let edge = Edge::new().await;
    // Signed for STS, sent to KMS.
    edge.send(edge.signed(&edge.root, "sts", &LIST_KEYS, "{}")).await.refused_json(400, "InvalidSignatureException");
    // Another body than the one signed.
    let (parts, _) = edge.signed(&edge.root, "kms", &LIST_KEYS, "{}").into_parts();
    let swapped = Request::from_parts(parts, Full::new(Bytes::from_static(b"{ }")));
    edge.send(swapped).await.refused_json(400, "InvalidSignatureException");
    // Another header.
    let mut injected = edge.signed(&edge.root, "kms", &LIST_KEYS, "{}");
    injected.headers_mut().insert("x-amz-injected", HeaderValue::from_static("1"));
    edge.send(injected).await.refused_json(400, "InvalidSignatureException");
    // The same request, replayed.
    let early = edge.signed(&edge.root, "kms", &LIST_KEYS, "{}");
    edge.clock.advance(Duration::from_secs(16 * 60));
    edge.send(early).await.refused_json(400, "InvalidSignatureException");
}

#[tokio::test]
async fn revoked_keys_stop_at_once_though_their_signing_key_is_held() {
    let edge = Edge::new().await;
    let user = edge.user("u", &policy("Allow", "sts:*", "*")).await;
    assert_eq!(edge.query(&user, "sts", &[("Action", "GetCallerIdentity")]).await.status, StatusCode::OK);
    let named = [("UserName", "u"), ("AccessKeyId", &*user.access_key_id)];
    edge.iam("UpdateAccessKey", &[named[0], named[1], ("Status", "Inactive")]).await;
    edge.query(&user, "sts", &[("Action", "GetCallerIdentity")]).await.refused(403, "InvalidClientTokenId");
    edge.iam("UpdateAccessKey", &[named[0], named[1], ("Status", "Active")]).await;
    assert_eq!(edge.query(&user, "sts", &[("Action", "GetCallerIdentity")]).await.status, StatusCode::OK);
    edge.iam("DeleteAccessKey", &named).await;
    edge.query(&user, "sts", &[("Action", "GetCallerIdentity")]).await.refused(403, "InvalidClientTokenId");
}

#[tokio::test]
async fn oversized_and_foreign_bodies_are_refused() {
    let edge = Edge::new().await;
    let large = "x".repeat(crate::request::MAX_BODY + 1);
    edge.send(edge.signed(&edge.root, "kms", &LIST_KEYS, &large)).await.refused_json(413, "RequestEntityTooLarge");
    let json = ("content-type", "application/json");
    edge.send(edge.signed(&edge.root, "iam", &[json], "{}")).await.refused(400, "MalformedInput");
    let form = ("content-type", "application/x-www-form-urlencoded");
    edge.send(edge.signed(&edge.root, "iam", &[form], "Action=ListUsers&Action=x"))
        .await
        .refused(400, "MalformedInput");
    edge.send(edge.signed(&edge.root, "iam", &[form], "")).await.refused(400, "InvalidAction");
}

#[tokio::test]
async fn an_answer_that_cannot_be_recorded_is_not_given() {
    let edge = Edge::new().await;
    let mut services = edge.services.clone();
    let failing = Arc::new(arqueta_audit::testing::Faulty::new(arqueta_audit::testing::Memory::default()));
    failing.fail(true);
    services.recorder = Recorder::new(failing, services.region.clone());
    let edge = Edge { edge: AwsEdge::new(services), ..edge };
    edge.query(&edge.root, "iam", &[("Action", "CreateAccessKey")]).await.refused(500, "ServiceFailure");
}

#[tokio::test]
async fn what_nobody_proves_to_have_sent_is_refused_by_its_head() {
    let edge = Edge::new().await;
    let never = || {
        let stream = futures::stream::pending::<Result<http_body::Frame<Bytes>, std::io::Error>>();
        http_body_util::StreamBody::new(stream)
    };
    let unknown = Signer { access_key_id: "AKIDNOBODY".to_owned(), ..edge.root.clone() };
    let mut unsigned = edge.signed(&edge.root, "kms", &LIST_KEYS, "{}");
    unsigned.headers_mut().remove("authorization");
    let foreign = edge.signed(&edge.root, "sts", &LIST_KEYS, "{}");
    let guessed = edge.signed(&unknown, "kms", &LIST_KEYS, "{}");
    for (request, code) in [
        (unsigned, "MissingAuthenticationTokenException"),
        (foreign, "InvalidSignatureException"),
        (guessed, "UnrecognizedClientException"),
    ] {
        let (parts, _) = request.into_parts();
        let connection = Connection { peer: [127, 0, 0, 1].into(), tls: None, cipher_suite: "" };
        let mut answer = Box::pin(edge.edge.call(Request::from_parts(parts, never()), &connection));
        assert!(futures::poll!(&mut answer).is_pending(), "the rest may come");
        // Not long: a body that is read has ten times as long.
        edge.clock.advance(Duration::from_millis(500));
        let answer = tokio::time::timeout(Duration::from_secs(60), answer).await.unwrap();
        assert_eq!(answer.headers()["x-amzn-errortype"], code);
    }
    // The one call that needs no signature may be as long as its token.
    let mut unsigned = edge.signed(
        &edge.root,
        "sts",
        &[("content-type", "application/x-www-form-urlencoded")],
        &format!("Action=AssumeRoleWithWebIdentity&WebIdentityToken={}", "x".repeat(crate::request::MAX_UNSIGNED)),
    );
    unsigned.headers_mut().remove("authorization");
    edge.send(unsigned).await.refused(413, "RequestEntityTooLarge");
}

#[tokio::test]
async fn a_signature_that_is_found_good_makes_a_stranger_known() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let edge = Edge::new().await;
    let room = arqueta_call::antechamber::Room { all: 9000, each: 1000, floor: 0 };
    let chamber = Arc::new(arqueta_call::Antechamber::new(room, room));
    let wrong = Signer { secret: "guess".to_owned(), ..edge.root.clone() };
    for (signer, body, known, code) in [
        (&edge.root, "{}".to_owned(), true, None),
        (&wrong, "{}".to_owned(), false, Some("InvalidSignatureException")),
        (&edge.root, " ".repeat(1001), false, Some("ThrottlingException")),
    ] {
        let told = Arc::new(AtomicBool::new(false));
        let mut request = edge.signed(signer, "kms", &LIST_KEYS, &body);
        let tell = Arc::clone(&told);
        let visitor = chamber.enter([127, 0, 0, 1].into(), move || tell.store(true, Ordering::Relaxed));
        request.extensions_mut().insert(visitor);
        let answer = edge.send(request).await;
        assert_eq!(answer.headers.get("x-amzn-errortype").map(|code| code.to_str().unwrap()), code);
        assert_eq!(told.load(Ordering::Relaxed), known);
        assert_eq!(chamber.held(), (0, 0), "given back");
    }
}
