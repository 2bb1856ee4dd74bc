//! What is refused before anything is looked at.

use http::Request;
use http_body_util::Full;

use super::rig::{HOST, Rig, Signer, anonymous, presign};

#[tokio::test]
async fn a_signature_must_cover_the_host() {
    let rig = Rig::with_bucket().await;
    let answer = rig.root.get("/bucket").unsigned("host").send(&rig).await;
    assert_eq!(answer.error(), (403, "AccessDenied"));
    assert_eq!(answer.element("HeadersNotSigned"), Some("host"));
    let url = presign(&rig.root, "GET", "/bucket", false);
    let request = Request::get(url).header("host", HOST).header("x-amz-none", "1").body(Full::default()).unwrap();
    assert_eq!(rig.send(request).await.error(), (403, "AccessDenied"));
}

#[tokio::test]
async fn signatures_of_other_regions_secrets_and_headers_are_refused() {
    let rig = Rig::with_bucket().await;
    let other = rig.root.get("/bucket").region("eu-west-1").send(&rig).await;
    assert_eq!(other.error(), (400, "AuthorizationHeaderMalformed"));
    assert_eq!(other.element("Region"), Some("us-east-1"));
    let head = rig.root.head("/bucket").region("eu-west-1").send(&rig).await;
    assert_eq!((head.status.as_u16(), head.header("x-amz-bucket-region")), (400, Some("us-east-1")));
    let wrong = Signer { secret: "another".to_owned(), ..rig.root.clone() };
    assert_eq!(wrong.get("/bucket").send(&rig).await.error(), (403, "SignatureDoesNotMatch"));
    let extra =
        rig.root.get("/bucket").header("x-amz-expected-bucket-owner", "1").unsigned("x-amz-expected-bucket-owner");
    assert_eq!(extra.send(&rig).await.error(), (403, "AccessDenied"));
}

#[tokio::test]
async fn presigned_urls_work_and_override_headers() {
    let rig = Rig::with_bucket().await;
    assert_eq!(rig.root.put("/bucket/k").body("content").send(&rig).await.status, 200);
    let url = presign(&rig.root, "GET", "/bucket/k?response-content-type=text/x", true);
    let answer = rig.send(Request::get(url).header("host", HOST).body(Full::default()).unwrap()).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-type"), answer.text()),
        (200, Some("text/x"), "content")
    );
}

#[tokio::test]
async fn anonymous_callers_learn_nothing() {
    let rig = Rig::with_bucket().await;
    assert_eq!(rig.root.put("/bucket/k").body("x").send(&rig).await.status, 200);
    for (method, uri) in [
        ("GET", "/"),
        ("GET", "/bucket"),
        ("GET", "/bucket/k"),
        ("GET", "/bucket/missing"),
        ("GET", "/no-such-bucket"),
        ("GET", "/no-such-bucket/k"),
        ("PUT", "/bucket/k"),
        ("PUT", "/another-bucket"),
        ("DELETE", "/bucket/k"),
        ("GET", "/bucket?encryption"),
    ] {
        assert_eq!(anonymous(method, uri).send(&rig).await.error(), (403, "AccessDenied"), "{method} {uri}");
    }
    let overriding = anonymous("GET", "/bucket/k?response-content-type=text/x").send(&rig).await;
    assert_eq!(overriding.error(), (400, "InvalidRequest"));
}

#[tokio::test]
async fn malformed_headers_are_ignored_only_for_those_who_may_read() {
    let rig = Rig::with_bucket().await;
    assert_eq!(rig.root.put("/bucket/k").body("0123456789").send(&rig).await.status, 200);
    for (name, value) in
        [("range", "bytes=5-2"), ("range", "bytes=0-1,3-4"), ("range", "lines=1"), ("if-modified-since", "soon")]
    {
        let answer = rig.root.get("/bucket/k").header(name, value).send(&rig).await;
        assert_eq!((answer.status.as_u16(), answer.text()), (200, "0123456789"), "{name}: {value}");
        assert_eq!(anonymous("GET", "/bucket/k").header(name, value).send(&rig).await.error(), (403, "AccessDenied"));
        let wrong = Signer { secret: "another".to_owned(), ..rig.root.clone() };
        assert_eq!(wrong.get("/bucket/k").header(name, value).send(&rig).await.error(), (403, "SignatureDoesNotMatch"));
    }
    // A presigned URL loses its signature on the way, not its meaning.
    let url = presign(&rig.root, "GET", "/bucket/k?response-content-type=text/x", true);
    let request = Request::get(url).header("host", HOST).header("range", "bytes=9-1").body(Full::default()).unwrap();
    let answer = rig.send(request).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("text/x")));
}

#[tokio::test]
async fn entity_tags_need_no_quotes() {
    let rig = Rig::with_bucket().await;
    let put = rig.root.put("/bucket/k").body("content").send(&rig).await;
    let tag = put.header("etag").unwrap();
    let (bare, half) = (tag.trim_matches('"'), &tag[1..]);
    let copy = |tag: &str| {
        rig.root
            .put("/bucket/copy")
            .header("x-amz-copy-source", "/bucket/k")
            .header("x-amz-copy-source-if-none-match", tag)
    };
    for tag in [tag, bare, half] {
        assert_eq!(rig.root.get("/bucket/k").header("if-none-match", tag).send(&rig).await.status, 304, "{tag}");
        assert_eq!(rig.root.get("/bucket/k").header("if-match", tag).send(&rig).await.text(), "content", "{tag}");
        assert_eq!(copy(tag).send(&rig).await.error(), (412, "PreconditionFailed"), "{tag}");
    }
    assert_eq!(copy("another tag").send(&rig).await.status, 200);
    let delete = |tag: &str| rig.root.delete("/bucket/k").header("if-match", tag);
    assert_eq!(delete("another tag").send(&rig).await.error(), (412, "PreconditionFailed"));
    let wrong = Signer { secret: "another".to_owned(), ..rig.root.clone() };
    let forged = wrong.delete("/bucket/k").header("if-match", half).send(&rig).await;
    assert_eq!(forged.error(), (403, "SignatureDoesNotMatch"));
    let nobody = anonymous("DELETE", "/bucket/k").header("if-match", half).send(&rig).await;
    assert_eq!(nobody.error(), (403, "AccessDenied"));
    assert_eq!(delete(half).send(&rig).await.status, 204);
}

#[tokio::test]
async fn the_expected_owner_is_enforced() {
    let rig = Rig::with_bucket().await;
    let ask = |owner: &'static str| rig.root.get("/bucket").header("x-amz-expected-bucket-owner", owner);
    assert_eq!(ask(super::rig::ACCOUNT).send(&rig).await.status, 200);
    assert_eq!(ask("444455556666").send(&rig).await.error(), (403, "AccessDenied"));
    let nobody = ask("nobody").send(&rig).await;
    assert_eq!(nobody.error(), (400, "InvalidBucketOwnerAWSAccountID"));
    assert!(nobody.element("Message").unwrap().ends_with("an AWS Account ID... [nobody]"));
}
