//! Who may do what, and who learns what.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::Request;
use http_body_util::Full;

use super::rig::{HOST, Rig, Signer, anonymous, now, presign, presign_v2};

const ALL: &str = "arn:aws:s3:::bucket/*";
const BUCKET: &str = "arn:aws:s3:::bucket";

async fn rig() -> Rig {
    let rig = Rig::with_bucket().await;
    assert_eq!(rig.root.put("/bucket/k").body("content").send(&rig).await.status, 200);
    rig
}

#[tokio::test]
async fn a_missing_key_is_told_only_to_those_who_may_list() {
    let rig = rig().await;
    let reader = rig.identities.user("reader", &[("s3:GetObject", ALL, "{}")]).await;
    let lister = rig.identities.user("lister", &[("s3:GetObject", ALL, "{}"), ("s3:ListBucket", BUCKET, "{}")]).await;
    for signer in [&reader, &lister] {
        assert_eq!(signer.get("/bucket/k").send(&rig).await.text(), "content");
    }
    assert_eq!(reader.get("/bucket/missing").send(&rig).await.error(), (403, "AccessDenied"));
    assert_eq!(reader.head("/bucket/missing").send(&rig).await.status, 403);
    assert_eq!(lister.get("/bucket/missing").send(&rig).await.error(), (404, "NoSuchKey"));
    // Neither may look at other buckets, whether they exist or not.
    for signer in [&reader, &lister] {
        assert_eq!(signer.get("/missing-bucket/k").send(&rig).await.error(), (403, "AccessDenied"));
        assert_eq!(signer.get("/missing-bucket").send(&rig).await.error(), (403, "AccessDenied"));
    }
}

/// What nobody may learn: whether a bucket is there, and what its policy says.
#[tokio::test]
async fn an_unsigned_request_is_not_told_why_it_was_denied() {
    let rig = rig().await;
    let deny = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/k"}]}"#;
    assert_eq!(rig.root.put("/bucket?policy").body(deny).send(&rig).await.status, 204);
    for uri in ["/bucket/k", "/bucket/missing", "/bucket", "/missing-bucket", "/missing-bucket/k"] {
        let answer = anonymous("GET", uri).send(&rig).await;
        assert_eq!(
            (answer.error(), answer.element("Message")),
            ((403, "AccessDenied"), Some("Access Denied")),
            "{uri}"
        );
    }
}

#[tokio::test]
async fn versions_tags_and_conditions_have_their_own_permissions() {
    let rig = rig().await;
    let user = rig.identities.user("user", &[("s3:GetObject", ALL, "{}"), ("s3:PutObject", ALL, "{}")]).await;
    assert_eq!(user.get("/bucket/k?versionId=null").send(&rig).await.error(), (403, "AccessDenied"));
    assert_eq!(user.put("/bucket/a").body("x").send(&rig).await.status, 200);
    for (name, value) in [("x-amz-tagging", "a=b"), ("x-amz-object-lock-legal-hold", "ON"), ("x-amz-acl", "private")] {
        assert_eq!(
            user.put("/bucket/a").header(name, value).body("x").send(&rig).await.error(),
            (403, "AccessDenied"),
            "{name}"
        );
    }
    let writer = rig.identities.user("writer", &[("s3:PutObject", ALL, "{}")]).await;
    assert_eq!(
        writer.put("/bucket/k").header("if-match", "\"x\"").body("x").send(&rig).await.error(),
        (403, "AccessDenied")
    );
    assert_eq!(
        writer.put("/bucket/k").header("if-none-match", "*").body("x").send(&rig).await.error(),
        (412, "PreconditionFailed")
    );
    for uri in ["/bucket?encryption", "/bucket?versioning", "/bucket?policy", "/bucket?cors"] {
        assert_eq!(user.get(uri).send(&rig).await.error(), (403, "AccessDenied"), "{uri}");
    }
}

#[tokio::test]
async fn condition_keys_hold() {
    let rig = rig().await;
    let home = r#"{"StringEquals":{"s3:prefix":"home/"}}"#;
    let kms = r#"{"StringEquals":{"s3:x-amz-server-side-encryption":"aws:kms"}}"#;
    let user = rig.identities.user("user", &[("s3:ListBucket", BUCKET, home), ("s3:PutObject", ALL, kms)]).await;
    assert_eq!(user.get("/bucket?list-type=2&prefix=home%2F").send(&rig).await.status, 200);
    assert_eq!(user.get("/bucket?list-type=2&prefix=other%2F").send(&rig).await.error(), (403, "AccessDenied"));
    assert_eq!(user.get("/bucket?list-type=2").send(&rig).await.error(), (403, "AccessDenied"));
    assert_eq!(user.put("/bucket/x").body("x").send(&rig).await.error(), (403, "AccessDenied"));
    assert_eq!(
        user.put("/bucket/x").header("x-amz-server-side-encryption", "aws:kms").body("x").send(&rig).await.status,
        200
    );
    // An empty header protects nothing, so it does not pass for one that is there.
    let named = r#"{"Null":{"s3:x-amz-server-side-encryption":"false"}}"#;
    let namer = rig.identities.user("namer", &[("s3:PutObject", ALL, named)]).await;
    let put = |value| namer.put("/bucket/x").header("x-amz-server-side-encryption", value).body("x");
    assert_eq!(put("").send(&rig).await.error(), (403, "AccessDenied"));
    assert_eq!(put("AES256").send(&rig).await.status, 200);
    let presigned = r#"{"StringEquals":{"s3:authType":"REST-HEADER"}}"#;
    let header_only = rig.identities.user("headers", &[("s3:GetObject", ALL, presigned)]).await;
    assert_eq!(header_only.get("/bucket/k").send(&rig).await.status, 200);
    let url = presign(&header_only, "GET", "/bucket/k", true);
    let answer = rig.send(Request::get(url).header("host", HOST).body(Full::default()).unwrap()).await;
    assert_eq!(answer.error(), (403, "AccessDenied"));
}

#[tokio::test]
async fn who_denies_old_signatures_denies_those_that_tell_no_age() {
    let rig = rig().await;
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Deny","Principal":"*","Action":"s3:GetObject",
            "Resource":"{ALL}","Condition":{{"NumericGreaterThan":{{"s3:signatureAge":"600000"}}}}}}}}"#
    );
    let expires = now().seconds() + 60;
    let url = presign_v2(&rig.root, "GET", "/bucket/k", expires);
    let request = || Request::get(&url).header("host", HOST).body(Full::default()).unwrap();
    assert_eq!(rig.send(request()).await.text(), "content");
    assert!(rig.root.put("/bucket?policy").body(policy).send(&rig).await.status.is_success());
    assert_eq!(rig.send(request()).await.error(), (403, "AccessDenied"));
    assert_eq!(rig.root.get("/bucket/k").send(&rig).await.status, 200);
}

#[tokio::test]
async fn where_a_bucket_is_made_and_its_tags_are_conditions() {
    let rig = rig().await;
    let any = "arn:aws:s3:::*";
    let here = r#"{"StringEquals":{"s3:LocationConstraint":"us-east-1"}}"#;
    let team = r#"{"StringEquals":{"aws:RequestTag/team":"red"}}"#;
    let body = |inner: &str| format!("<CreateBucketConfiguration>{inner}</CreateBucketConfiguration>");
    let tag = |value: &str| body(&format!("<Tags><Tag><Key>team</Key><Value>{value}</Value></Tag></Tags>"));
    let tagger = rig.identities.user("tagger", &[("s3:CreateBucket", any, team), ("s3:TagResource", any, "{}")]).await;
    assert_eq!(tagger.put("/made-plain").send(&rig).await.error(), (403, "AccessDenied"));
    assert_eq!(tagger.put("/made-blue").body(tag("blue")).send(&rig).await.error(), (403, "AccessDenied"));
    assert_eq!(tagger.put("/made-red").body(tag("red")).send(&rig).await.status, 200);
    // Tags take a permission of their own.
    let maker = rig.identities.user("maker", &[("s3:CreateBucket", any, "{}")]).await;
    assert_eq!(maker.put("/made-tagged").body(tag("red")).send(&rig).await.error(), (403, "AccessDenied"));
    assert_eq!(maker.put("/made-empty").body(body("")).send(&rig).await.status, 200);
    let local = rig.identities.user("local", &[("s3:CreateBucket", any, here)]).await;
    let located = |region: &str| body(&format!("<LocationConstraint>{region}</LocationConstraint>"));
    assert_eq!(local.put("/made-here").send(&rig).await.error(), (403, "AccessDenied"));
    assert_eq!(local.put("/made-there").body(located("eu-west-1")).send(&rig).await.error(), (403, "AccessDenied"));
    // Allowed; that the first Region of S3 must not be named is the operation's own answer.
    assert_eq!(local.put("/made-here").body(located("us-east-1")).send(&rig).await.status, 400);
    let nobody = rig.identities.user("nobody", &[("s3:GetObject", ALL, "{}")]).await;
    for (uri, body) in [("/made-no", body("")), ("/made-no", tag("red")), ("/bucket", located("eu-west-1"))] {
        assert_eq!(nobody.put(uri).body(body).send(&rig).await.error(), (403, "AccessDenied"), "{uri}");
    }
}

#[tokio::test]
async fn a_copy_needs_both_ends() {
    let rig = rig().await;
    let writer = rig
        .identities
        .user("writer", &[("s3:PutObject", ALL, "{}"), ("s3:GetObject", "arn:aws:s3:::bucket/open/*", "{}")])
        .await;
    let copy = |source: &'static str| writer.put("/bucket/to").header("x-amz-copy-source", source);
    assert_eq!(copy("bucket/k").send(&rig).await.error(), (403, "AccessDenied"));
    assert_eq!(copy("bucket/%6B").send(&rig).await.error(), (403, "AccessDenied"), "another spelling is the same key");
    rig.root.put("/bucket/open/k").body("x").send(&rig).await;
    assert_eq!(copy("/bucket/open/k").send(&rig).await.status, 200);
    assert_eq!(copy("bucket/open/missing").send(&rig).await.error(), (403, "AccessDenied"));
    assert_eq!(copy("bucket/open/k?versionId=null").send(&rig).await.error(), (403, "AccessDenied"));
}

#[tokio::test]
async fn the_version_that_a_copy_reads_is_decided_by_its_source() {
    let rig = rig().await;
    let on = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    assert_eq!(rig.root.put("/bucket?versioning").body(on).send(&rig).await.status, 200);
    let mut versions = Vec::new();
    for body in ["open", "secret"] {
        let put = rig.root.put("/bucket/k").body(body).send(&rig).await;
        versions.push(put.header("x-amz-version-id").unwrap().to_owned());
    }
    let [open, secret] = &versions[..] else { panic!() };
    let only = format!(r#"{{"StringEquals":{{"s3:VersionId":"{open}"}}}}"#);
    let user = rig.identities.user("user", &[("s3:GetObjectVersion", ALL, &only), ("s3:PutObject", ALL, "{}")]).await;
    let copy =
        |uri: &str, version: &str| user.put(uri).header("x-amz-copy-source", &format!("bucket/k?versionId={version}"));
    assert_eq!(copy("/bucket/mine", open).send(&rig).await.status, 200);
    assert_eq!(copy("/bucket/mine", secret).send(&rig).await.error(), (403, "AccessDenied"));
    let answer = copy(&format!("/bucket/mine?versionId={open}"), secret).send(&rig).await;
    assert_eq!(answer.error(), (400, "InvalidArgument"), "the URL names no version of what is made");
    assert_eq!(answer.element("Message"), Some("This operation does not accept a version-id."));

    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Deny","Principal":"*","Action":"s3:GetObjectVersion",
            "Resource":"{ALL}","Condition":{{"StringEquals":{{"s3:VersionId":"{open}"}}}}}}}}"#
    );
    assert!(rig.root.put("/bucket?policy").body(policy).send(&rig).await.status.is_success());
    assert_eq!(copy("/bucket/mine", open).send(&rig).await.error(), (403, "AccessDenied"), "a Deny holds for copies");
    assert_eq!(rig.root.get(&format!("/bucket/k?versionId={secret}")).send(&rig).await.text(), "secret");
}

#[tokio::test]
async fn a_condition_on_deletes_is_met_by_the_etag_of_each_key_and_not_by_a_header() {
    let rig = rig().await;
    let etag = rig.root.put("/bucket/l").body("content").send(&rig).await.header("etag").unwrap().to_owned();
    let conditional = r#"{"Null":{"s3:if-match":"false"}}"#;
    // Who states a condition is told something of what is there.
    let allowed = [("s3:DeleteObject", ALL, conditional), ("s3:GetObject", ALL, "{}")];
    let user = rig.identities.user("user", &allowed).await;
    let plain = etag.trim_matches('"');
    let body =
        format!("<Delete><Object><Key>k</Key></Object><Object><Key>l</Key><ETag>{plain}</ETag></Object></Delete>");
    let md5 = {
        use s3s::crypto::Checksum as _;
        BASE64_STANDARD.encode(s3s::crypto::Md5::checksum(body.as_bytes()))
    };
    let request = user.post("/bucket?delete").header("content-md5", &md5).header("if-match", &etag).body(body);
    let answer = request.send(&rig).await;
    assert_eq!(answer.text().matches("<Code>AccessDenied</Code>").count(), 1, "{}", answer.text());
    assert_eq!(answer.text().matches("<Deleted>").count(), 1, "{}", answer.text());
    assert_eq!(rig.root.get("/bucket/k").send(&rig).await.status, 200, "nobody said which content was meant");
    assert_eq!(rig.root.get("/bucket/l").send(&rig).await.status, 404);
}

#[tokio::test]
async fn many_keys_are_decided_one_by_one() {
    let rig = rig().await;
    rig.root.put("/bucket/mine/a").body("x").send(&rig).await;
    let user = rig.identities.user("user", &[("s3:DeleteObject", "arn:aws:s3:::bucket/mine/*", "{}")]).await;
    let body = "<Delete><Object><Key>mine/a</Key></Object><Object><Key>k</Key></Object><Object><Key>mine/a</Key><VersionId>null</VersionId></Object></Delete>";
    let md5 = {
        use s3s::crypto::Checksum as _;
        BASE64_STANDARD.encode(s3s::crypto::Md5::checksum(body.as_bytes()))
    };
    let answer = user.post("/bucket?delete").header("content-md5", &md5).body(body).send(&rig).await;
    assert_eq!(answer.text().matches("<Deleted>").count(), 1, "{}", answer.text());
    assert_eq!(answer.text().matches("<Code>AccessDenied</Code>").count(), 2);
    assert_eq!(rig.root.get("/bucket/k").send(&rig).await.status, 200);
    assert_eq!(rig.root.get("/bucket/mine/a").send(&rig).await.status, 404);
}

#[tokio::test]
async fn a_bucket_policy_admits_and_bars() {
    let rig = rig().await;
    let nobody = rig.identities.user("nobody", &[("s3:GetObject", "arn:aws:s3:::other/*", "{}")]).await;
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"{ALL}"}},
            {{"Effect":"Deny","Principal":"*","Action":"s3:DeleteObject","Resource":"{ALL}"}}]}}"#
    );
    assert_eq!(nobody.get("/bucket/k").send(&rig).await.error(), (403, "AccessDenied"));
    assert_eq!(rig.root.put("/bucket?policy").body("{}").send(&rig).await.error(), (400, "MalformedPolicy"));
    assert!(rig.root.put("/bucket?policy").body(policy).send(&rig).await.status.is_success());
    assert_eq!(nobody.get("/bucket/k").send(&rig).await.status, 200);
    assert_eq!(anonymous("GET", "/bucket/k").send(&rig).await.text(), "content");
    assert_eq!(anonymous("GET", "/bucket/k").header("range", "bytes=9-1").send(&rig).await.text(), "content");
    assert_eq!(anonymous("GET", "/bucket/missing").send(&rig).await.error(), (403, "AccessDenied"));
    assert_eq!(anonymous("PUT", "/bucket/k").body("x").send(&rig).await.error(), (403, "AccessDenied"));
    assert_eq!(anonymous("GET", "/bucket/k?response-content-type=a").send(&rig).await.error(), (400, "InvalidRequest"));
    assert_eq!(rig.root.delete("/bucket/k").send(&rig).await.error(), (403, "AccessDenied"));
    assert!(rig.root.get("/bucket?policy").send(&rig).await.text().contains("s3:DeleteObject"));
    assert!(rig.root.delete("/bucket?policy").send(&rig).await.status.is_success());
    assert_eq!(anonymous("GET", "/bucket/k").send(&rig).await.error(), (403, "AccessDenied"));
    assert_eq!(rig.root.delete("/bucket/k").send(&rig).await.status, 204);
}

#[tokio::test]
async fn the_tags_of_an_object_open_it_and_what_is_copied_from_it() {
    let rig = rig().await;
    let by_tag = r#"{"StringEquals":{"s3:ExistingObjectTag/security":"public"}}"#;
    let user = rig
        .identities
        .user(
            "user",
            &[("s3:GetObject", ALL, by_tag), ("s3:GetObjectTagging", ALL, by_tag), ("s3:PutObject", ALL, "{}")],
        )
        .await;
    for (key, tag) in [("public", "security=public"), ("private", "security=private"), ("other", "a=public")] {
        let put = rig.root.put(&format!("/bucket/{key}")).header("x-amz-tagging", tag).body("content");
        assert_eq!(put.send(&rig).await.status, 200);
    }
    assert_eq!(user.get("/bucket/public").send(&rig).await.text(), "content");
    assert_eq!(user.get("/bucket/public?tagging").send(&rig).await.status, 200);
    assert_eq!(user.get("/bucket/public?acl").send(&rig).await.error(), (403, "AccessDenied"));
    let copy = user.put("/bucket/copy").header("x-amz-copy-source", "bucket/public");
    assert_eq!(copy.header("x-amz-tagging-directive", "REPLACE").send(&rig).await.status, 200);
    for key in ["private", "other", "k", "missing"] {
        assert_eq!(user.get(&format!("/bucket/{key}")).send(&rig).await.error(), (403, "AccessDenied"), "{key}");
        let copy = user.put("/bucket/copy").header("x-amz-copy-source", &format!("bucket/{key}"));
        assert_eq!(copy.send(&rig).await.error(), (403, "AccessDenied"), "{key}");
    }
}

#[tokio::test]
async fn session_tokens_fit_their_credentials() {
    let rig = rig().await;
    let session = rig.identities.session(&rig.root).await;
    assert_eq!(session.get("/bucket/k").send(&rig).await.text(), "content");
    let url = presign(&session, "GET", "/bucket/k", true);
    let request = || Request::get(&url).header("host", HOST).body(Full::default()).unwrap();
    assert_eq!(rig.send(request()).await.text(), "content");
    let other = rig.identities.session(&rig.root).await;
    for (signer, why) in [
        (Signer { token: other.token, ..session.clone() }, "another's"),
        (Signer { token: Some("nonsense".to_owned()), ..session.clone() }, "nonsense"),
        (Signer { token: session.token.clone(), ..rig.root.clone() }, "extra"),
    ] {
        assert_eq!(signer.get("/bucket/k").send(&rig).await.error(), (400, "InvalidToken"), "{why}");
    }
    let without = Signer { token: None, ..session.clone() };
    assert_eq!(without.get("/bucket/k").send(&rig).await.error(), (403, "InvalidAccessKeyId"));
    let unknown = Signer { id: "AKIAUNKNOWN".to_owned(), ..rig.root.clone() };
    assert_eq!(unknown.get("/bucket/k").send(&rig).await.error(), (403, "InvalidAccessKeyId"));
    rig.clock.advance(Duration::from_secs(901));
    let late = session.get("/bucket/k").at(arqueta_model::Clock::now(&*rig.clock));
    assert_eq!(late.send(&rig).await.error(), (400, "ExpiredToken"));
}
