//! STS's operations, and what the credentials that they give can do.

use std::time::Duration;

use serde_json::json;

use super::*;

fn session(answered: &Answered) -> Signer {
    Signer {
        access_key_id: answered.element("AccessKeyId"),
        secret: answered.element("SecretAccessKey"),
        token: Some(answered.element("SessionToken")),
    }
}

async fn role(edge: &Edge, name: &str, actions: &str) {
    let trust = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"],
        "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") } }] });
    edge.iam("CreateRole", &[("RoleName", name), ("AssumeRolePolicyDocument", &trust.to_string())]).await;
    edge.iam(
        "PutRolePolicy",
        &[("RoleName", name), ("PolicyName", "p"), ("PolicyDocument", &policy("Allow", actions, "*"))],
    )
    .await;
}

#[tokio::test]
async fn who_am_i() {
    let edge = Edge::new().await;
    let root = edge.query(&edge.root, "sts", &[("Action", "GetCallerIdentity")]).await;
    assert_eq!(root.headers["content-type"], "text/xml");
    assert_eq!((root.element("Account"), root.element("UserId")), (ACCOUNT.to_owned(), ACCOUNT.to_owned()));
    assert_eq!(root.element("Arn"), format!("arn:aws:iam::{ACCOUNT}:root"));
    assert!(root.body.starts_with(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>"
    ));
    // Needs no permission, and cannot be denied one.
    let user = edge.user("u", &policy("Deny", "*", "*")).await;
    let shown = edge.query(&user, "sts", &[("Action", "GetCallerIdentity")]).await;
    assert_eq!(shown.element("Arn"), format!("arn:aws:iam::{ACCOUNT}:user/u"));
}

#[tokio::test]
async fn a_role_is_assumed_used_and_ends() {
    let edge = Edge::new().await;
    role(&edge, "r", "kms:*").await;
    let user = edge.user("u", &policy("Allow", "sts:AssumeRole", "*")).await;
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/r");
    let request =
        [("Action", "AssumeRole"), ("RoleArn", &*arn), ("RoleSessionName", "sess"), ("DurationSeconds", "900")];
    let assumed = edge.query(&user, "sts", &request).await;
    assert_eq!(assumed.status, StatusCode::OK, "{}", assumed.body);
    assert_eq!(assumed.element("Expiration"), "2026-01-01T00:15:00Z");
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/r/sess");
    assert_eq!(assumed.element("Arn"), arn);
    let session = session(&assumed);
    assert!(session.access_key_id.starts_with("ASIA"));
    let me = edge.query(&session, "sts", &[("Action", "GetCallerIdentity")]).await;
    assert_eq!(me.element("Arn"), arn);
    assert_eq!(edge.json(&session, "kms", "TrentService.CreateKey", json!({})).await.status, StatusCode::OK);
    edge.query(&session, "iam", &[("Action", "ListUsers")]).await.refused(403, "AccessDenied");

    let stripped = Signer { token: None, ..session.clone() };
    edge.query(&stripped, "sts", &[("Action", "GetCallerIdentity")]).await.refused(403, "InvalidClientTokenId");
    edge.clock.advance(Duration::from_secs(901));
    edge.query(&session, "sts", &[("Action", "GetCallerIdentity")]).await.refused(403, "ExpiredToken");
    edge.json(&session, "kms", "TrentService.ListKeys", json!({})).await.refused_json(400, "ExpiredTokenException");
    let record = edge.record();
    for secret in [session.secret.as_str(), session.token.as_deref().unwrap()] {
        assert!(!record.contains(secret), "no secret in the record");
    }
}

#[tokio::test]
async fn a_session_policy_scopes_down() {
    let edge = Edge::new().await;
    role(&edge, "r", "kms:*").await;
    let user = edge.user("u", &policy("Allow", "sts:*", "*")).await;
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/r");
    let scope = policy("Allow", "kms:List*", "*");
    let request = [
        ("Action", "AssumeRole"),
        ("RoleArn", &*arn),
        ("RoleSessionName", "sess"),
        ("Policy", &*scope),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "red"),
    ];
    let assumed = edge.query(&user, "sts", &request).await;
    assert!(assumed.element("PackedPolicySize").parse::<u32>().unwrap() > 0);
    let session = session(&assumed);
    assert_eq!(edge.json(&session, "kms", "TrentService.ListKeys", json!({})).await.status, StatusCode::OK);
    edge.json(&session, "kms", "TrentService.CreateKey", json!({})).await.refused_json(400, "AccessDeniedException");
    let by_arn = [
        ("Action", "AssumeRole"),
        ("RoleArn", &*arn),
        ("RoleSessionName", "sess"),
        ("PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/ReadOnlyAccess"),
    ];
    assert_eq!(edge.query(&user, "sts", &by_arn).await.status, StatusCode::OK);
}

#[tokio::test]
async fn roles_refuse_whom_they_do_not_trust_and_what_is_malformed() {
    let edge = Edge::new().await;
    role(&edge, "r", "kms:*").await;
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/r");
    let nobody = edge.user("nobody", &policy("Allow", "s3:*", "*")).await;
    let base = [("Action", "AssumeRole"), ("RoleArn", &*arn), ("RoleSessionName", "sess")];
    edge.query(&nobody, "sts", &base).await.refused(403, "AccessDenied");
    let user = edge.user("u", &policy("Allow", "sts:*", "*")).await;
    let missing = format!("{arn}x");
    edge.query(&user, "sts", &[base[0], ("RoleArn", &missing), base[2]]).await.refused(403, "AccessDenied");
    edge.query(&user, "sts", &base[..2]).await.refused(400, "ValidationError");
    for (extra, status, code) in [
        (("DurationSeconds", "899"), 400, "ValidationError"),
        (("DurationSeconds", "3601"), 400, "ValidationError"),
        (("DurationSeconds", "x"), 400, "ValidationError"),
        (("Policy", "{"), 400, "MalformedPolicyDocument"),
        (("SerialNumber", "arn:aws:iam::1:mfa/x"), 501, "NotImplemented"),
        (("SourceIdentity", "x"), 501, "NotImplemented"),
    ] {
        edge.query(&user, "sts", &[base[0], base[1], base[2], extra]).await.refused(status, code);
    }
}

#[tokio::test]
async fn tokens_of_users_and_federated_users() {
    let edge = Edge::new().await;
    let user = edge.user("u", &policy("Allow", "*", "*")).await;
    let token = edge.query(&user, "sts", &[("Action", "GetSessionToken")]).await;
    let own = session(&token);
    assert_eq!(
        edge.query(&own, "sts", &[("Action", "GetCallerIdentity")]).await.element("Arn"),
        format!("arn:aws:iam::{ACCOUNT}:user/u")
    );
    edge.query(&own, "sts", &[("Action", "GetSessionToken")]).await.refused(403, "AccessDenied");
    edge.query(&own, "iam", &[("Action", "ListUsers")]).await.refused(403, "AccessDenied");

    let scope = policy("Allow", "kms:ListKeys", "*");
    let federated =
        edge.query(&user, "sts", &[("Action", "GetFederationToken"), ("Name", "fred"), ("Policy", &scope)]).await;
    assert_eq!(federated.element("FederatedUserId"), format!("{ACCOUNT}:fred"));
    let fred = session(&federated);
    assert_eq!(edge.json(&fred, "kms", "TrentService.ListKeys", json!({})).await.status, StatusCode::OK);
    edge.json(&fred, "kms", "TrentService.ListAliases", json!({})).await.refused_json(400, "AccessDeniedException");
}

#[tokio::test]
async fn operations_that_are_not_served() {
    let edge = Edge::new().await;
    edge.query(&edge.root, "sts", &[("Action", "AssumeRoleWithSAML")]).await.refused(501, "NotImplemented");
    edge.query(&edge.root, "sts", &[("Action", "ListUsers")]).await.refused(400, "InvalidAction");
}

#[tokio::test]
async fn no_message_was_encoded_here() {
    let edge = Edge::new().await;
    let user = edge.user("u", &policy("Allow", "sts:DecodeAuthorizationMessage", "*")).await;
    let decode = [("Action", "DecodeAuthorizationMessage"), ("EncodedMessage", "4GIOHlTkIaWHQD0Q0m6XSnuUMCm")];
    edge.query(&user, "sts", &decode).await.refused(400, "InvalidAuthorizationMessageException");
    edge.query(&user, "sts", &decode[..1]).await.refused(400, "ValidationError");
    let nobody = edge.user("n", &policy("Allow", "sts:GetAccessKeyInfo", "*")).await;
    edge.query(&nobody, "sts", &decode).await.refused(403, "AccessDenied");
}

#[tokio::test]
async fn whose_an_access_key_is() {
    let edge = Edge::new().await;
    let user = edge.user("u", &policy("Allow", "sts:GetAccessKeyInfo", "*")).await;
    for id in [&user.access_key_id, "AKIDROOT"] {
        let told = edge.query(&user, "sts", &[("Action", "GetAccessKeyInfo"), ("AccessKeyId", id)]).await;
        assert_eq!(told.element("Account"), ACCOUNT, "{id}");
    }
    let unknown = [("Action", "GetAccessKeyInfo"), ("AccessKeyId", "AKIANOBODYNOBODY1234")];
    edge.query(&user, "sts", &unknown).await.refused(400, "ValidationError");
    let nobody = edge.user("n", &policy("Deny", "sts:GetAccessKeyInfo", "*")).await;
    edge.query(&nobody, "sts", &unknown).await.refused(403, "AccessDenied");
}

#[tokio::test]
async fn session_tags_that_cannot_be_meant_and_the_last_use_of_a_role() {
    let edge = Edge::new().await;
    role(&edge, "r", "kms:*").await;
    let user = edge.user("u", &policy("Allow", "sts:*", "*")).await;
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/r");
    let request = [("Action", "AssumeRole"), ("RoleArn", &*arn), ("RoleSessionName", "sess")];
    for tags in [
        &[("Tags.member.1.Key", "aws:x"), ("Tags.member.1.Value", "y")][..],
        &[
            ("Tags.member.1.Key", "a"),
            ("Tags.member.1.Value", "1"),
            ("Tags.member.2.Key", "A"),
            ("Tags.member.2.Value", "2"),
        ][..],
        &[("TransitiveTagKeys.member.1", "a")][..],
    ] {
        let request = [&request[..], tags].concat();
        edge.query(&user, "sts", &request).await.refused(400, "InvalidParameterValue");
    }
    let assumed = edge.query(&user, "sts", &request).await;
    let session = session(&assumed);
    assert!(edge.iam("GetRole", &[("RoleName", "r")]).await.body.contains("<RoleLastUsed/>"));
    edge.query(&session, "sts", &[("Action", "GetCallerIdentity")]).await;
    let role = edge.iam("GetRole", &[("RoleName", "r")]).await;
    assert_eq!(
        role.element("RoleLastUsed"),
        format!("<LastUsedDate>2026-01-01T00:00:00Z</LastUsedDate><Region>{REGION}</Region>")
    );
    // As with access keys, the next quarter of an hour is the next use.
    edge.clock.advance(Duration::from_secs(15 * 60));
    edge.query(&session, "sts", &[("Action", "GetCallerIdentity")]).await;
    assert!(edge.iam("GetRole", &[("RoleName", "r")]).await.element("RoleLastUsed").contains("00:15:00Z"));
}
