//! Request bodies: framing, digests, trailers, time.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::StreamBody;

use super::rig::{Rig, anonymous, presign};

const STREAMING: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

#[tokio::test]
async fn chunked_framing_is_never_stored() {
    let rig = Rig::with_bucket().await;
    let framed = "3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\n";
    let url = presign(&rig.root, "PUT", "/bucket/k", true);
    for signed in ["STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"] {
        let answer = anonymous("PUT", &url).payload(signed).body(framed).send(&rig).await;
        assert_eq!(answer.error(), (501, "NotImplemented"), "{signed}");
        let answer = anonymous("PUT", "/bucket/k").payload(signed).body(framed).send(&rig).await;
        assert_eq!(answer.error(), (501, "NotImplemented"), "{signed}");
    }
    let answer = anonymous("PUT", &url).payload(STREAMING).body(framed).send(&rig).await;
    assert_eq!(answer.error(), (400, "InvalidRequest"), "the trailer is not announced");
    let answer = rig.root.put("/bucket/k").header("content-encoding", "aws-chunked").body(framed).send(&rig).await;
    assert_eq!(answer.error(), (400, "InvalidRequest"));
    assert_eq!(rig.root.get("/bucket/k").send(&rig).await.error(), (404, "NoSuchKey"));
}

#[tokio::test]
async fn chunks_that_nobody_signed_are_decoded_without_a_signature_too() {
    let rig = Rig::with_bucket().await;
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::bucket/*"}]}"#;
    assert_eq!(rig.root.put("/bucket?policy").body(policy).send(&rig).await.status, 204);
    let put = |uri: &str, body: &'static str| {
        anonymous("PUT", uri)
            .payload(STREAMING)
            .header("content-encoding", "aws-chunked")
            .header("x-amz-decoded-content-length", "3")
            .header("x-amz-trailer", "x-amz-checksum-crc32")
            .body(body)
    };
    let good = "3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\n";
    for bad in [&good[3..], "3\r\nabc\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n", "4\r\nabcd\r\n0\r\n\r\n"] {
        let answer = put("/bucket/k", bad).send(&rig).await;
        assert_eq!(answer.status, 400, "{bad}: {}", answer.text());
    }
    let answer = put("/bucket/k", good).send(&rig).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let got = rig.root.get("/bucket/k").send(&rig).await;
    assert_eq!((got.text(), got.header("content-encoding")), ("abc", None));
    let url = presign(&rig.root, "PUT", "/bucket/k", true);
    let answer = put(&url, good).send(&rig).await;
    assert_eq!(answer.error(), (403, "AccessDenied"), "a presigned request signs its headers");
}

fn trailed(rig: &Rig, announced: &str, trailer: &str) -> super::rig::Draft {
    rig.root
        .put("/bucket/k")
        .payload(STREAMING)
        .header("content-encoding", "gzip,aws-chunked")
        .header("x-amz-decoded-content-length", "3")
        .header("x-amz-trailer", announced)
        .body(format!("3\r\nabc\r\n0\r\n{trailer}\r\n"))
}

#[tokio::test]
async fn trailers_are_announced_present_and_right() {
    let rig = Rig::with_bucket().await;
    let answer = trailed(&rig, "x-amz-checksum-crc32", "x-amz-checksum-crc32:NSRBwg==\r\n").send(&rig).await;
    assert_eq!((answer.status.as_u16(), answer.header("x-amz-checksum-crc32")), (200, Some("NSRBwg==")));
    let got = rig.root.get("/bucket/k").send(&rig).await;
    assert_eq!((got.text(), got.header("content-encoding")), ("abc", Some("gzip")));
    for (announced, trailer, error) in [
        ("x-amz-checksum-crc32", "x-amz-checksum-crc32:AAAAAA==\r\n", (400, "BadDigest")),
        ("x-amz-checksum-crc32", "x-amz-checksum-crc32:nonsense\r\n", (400, "MalformedTrailerError")),
        ("x-amz-checksum-crc32", "", (400, "MalformedTrailerError")),
        ("x-amz-checksum-crc32", "x-amz-checksum-crc32c:Nks/tw==\r\n", (400, "MalformedTrailerError")),
        ("x-amz-checksum-crc32", "x-amz-checksum-crc32:NSRBwg==\r\nx-amz-meta-a:b\r\n", (400, "MalformedTrailerError")),
        ("x-amz-meta-a", "x-amz-meta-a:b\r\n", (400, "InvalidRequest")),
    ] {
        assert_eq!(trailed(&rig, announced, trailer).send(&rig).await.error(), error, "{announced} {trailer}");
    }
}

#[tokio::test]
async fn digests_of_objects_are_compared() {
    let rig = Rig::with_bucket().await;
    for (name, value, error) in [
        ("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==", (400, "BadDigest")),
        ("content-md5", "abc", (400, "InvalidDigest")),
        ("x-amz-checksum-crc32", "AAAAAA==", (400, "BadDigest")),
        ("x-amz-checksum-sha256", "AAAAAA==", (400, "InvalidRequest")),
        ("x-amz-checksum-xxhash3", "AAAAAA==", (400, "InvalidRequest")),
        ("x-amz-checksum-xxhash3", "AAAAAAAAAAA=", (400, "BadDigest")),
        ("x-amz-checksum-xxhash32", "AAAAAA==", (400, "InvalidRequest")),
        ("x-amz-sdk-checksum-algorithm", "CRC32", (400, "InvalidRequest")),
    ] {
        let answer = rig.root.put("/bucket/k").header(name, value).body("abc").send(&rig).await;
        assert_eq!(answer.error(), error, "{name}: {value}");
    }
    let wrong = rig.root.put("/bucket/k").payload(&"0".repeat(64)).body("abc").send(&rig).await;
    assert_eq!(wrong.error(), (400, "XAmzContentSHA256Mismatch"));
    assert_eq!(rig.root.get("/bucket/k").send(&rig).await.error(), (404, "NoSuchKey"));
    let right = rig.root.put("/bucket/k").header("x-amz-checksum-crc32", "NSRBwg==").body("abc").send(&rig).await;
    assert_eq!(right.status, 200);
    let told = rig.root.get("/bucket/k").header("x-amz-checksum-mode", "ENABLED").send(&rig).await;
    assert_eq!(
        (told.header("x-amz-checksum-crc32"), told.header("x-amz-checksum-type")),
        (Some("NSRBwg=="), Some("FULL_OBJECT"))
    );
    assert_eq!(rig.root.get("/bucket/k").send(&rig).await.header("x-amz-checksum-crc32"), None);
}

const ENABLE: &str = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";

#[tokio::test]
async fn digests_of_documents_are_compared_before_they_act() {
    let rig = Rig::with_bucket().await;
    for (name, value) in
        [("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="), ("x-amz-checksum-crc32", "AAAAAA=="), ("content-md5", "?")]
    {
        let answer = rig.root.put("/bucket?versioning").header(name, value).body(ENABLE).send(&rig).await;
        assert_eq!(answer.error(), (400, "BadDigest"), "{name}");
    }
    let wrong = rig.root.put("/bucket?versioning").payload(&"0".repeat(64)).body(ENABLE).send(&rig).await;
    assert_eq!(wrong.error(), (400, "XAmzContentSHA256Mismatch"));
    assert!(!rig.root.get("/bucket?versioning").send(&rig).await.text().contains("Enabled"));
    assert_eq!(rig.root.put("/bucket?versioning").body(ENABLE).send(&rig).await.status, 200);
    assert!(rig.root.get("/bucket?versioning").send(&rig).await.text().contains("Enabled"));
}

#[tokio::test]
async fn documents_are_bounded_and_well_formed() {
    let rig = Rig::with_bucket().await;
    let huge = format!("{ENABLE}{}", " ".repeat(4 * 1024 * 1024));
    let answer = rig.root.put("/bucket?versioning").body(huge).send(&rig).await;
    assert_eq!(answer.error(), (400, "MaxMessageLengthExceeded"));
    for bad in ["", "<x/>", "<VersioningConfiguration>", "not xml"] {
        let answer = rig.root.put("/bucket?versioning").body(bad).send(&rig).await;
        assert_eq!(answer.status, 400, "{bad:?}");
    }
    let many = format!("<Delete>{}</Delete>", "<Object><Key>k</Key></Object>".repeat(1001));
    let crc = rig.root.post("/bucket?delete").body(many.clone());
    assert_eq!(crc.send(&rig).await.error(), (400, "InvalidRequest"), "no digest");
}

#[tokio::test]
async fn a_body_that_stalls_times_out() {
    let rig = Rig::with_bucket().await;
    let (parts, _) =
        rig.root.put("/bucket/k").payload("UNSIGNED-PAYLOAD").header("x-amz-meta-a", "b").build().into_parts();
    let mut parts = parts;
    parts.headers.insert("content-length", http::HeaderValue::from_static("10"));
    let stalled = futures::stream::pending::<Result<http_body::Frame<Bytes>, std::io::Error>>();
    let request = http::Request::from_parts(parts, StreamBody::new(stalled));
    let (edge, clock) = (std::sync::Arc::clone(&rig.edge), std::sync::Arc::clone(&rig.clock));
    let answer = tokio::spawn(async move { edge.call(request, &super::rig::connection()).await });
    while !answer.is_finished() {
        clock.advance(Duration::from_secs(21));
        tokio::task::yield_now().await;
    }
    let answer = answer.await.unwrap();
    assert_eq!(answer.status(), 400);
    let body = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
    assert!(std::str::from_utf8(&body).unwrap().contains("<Code>RequestTimeout</Code>"));
}

#[tokio::test]
async fn a_length_must_be_declared() {
    let rig = Rig::with_bucket().await;
    let (mut parts, body) = rig.root.put("/bucket/k").payload("UNSIGNED-PAYLOAD").body("abc").build().into_parts();
    parts.headers.remove("content-length");
    let frames =
        futures::stream::once(async { Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::from_static(b"abc"))) });
    drop(body);
    let request = http::Request::from_parts(parts, StreamBody::new(Box::pin(frames)));
    assert_eq!(rig.send(request).await.error(), (411, "MissingContentLength"));
}

/// A whole body of which nobody knows, before the last poll, that it is over.
fn endless(draft: super::rig::Draft) -> http::Request<StreamBody<impl futures::Stream<Item = Piece> + Send + Unpin>> {
    let (parts, body) = draft.build().into_parts();
    let pieces = futures::stream::once(async move {
        let whole = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
        Ok(http_body::Frame::data(whole))
    });
    http::Request::from_parts(parts, StreamBody::new(Box::pin(pieces)))
}

type Piece = Result<http_body::Frame<Bytes>, std::io::Error>;

#[tokio::test]
async fn a_body_whose_end_comes_apart_is_compared_as_well() {
    let rig = Rig::with_bucket().await;
    for (uri, body) in [("/bucket/k", "abc"), ("/bucket?versioning", ENABLE)] {
        let draft = rig.root.put(uri).payload(&"0".repeat(64)).body(body);
        assert_eq!(rig.send(endless(draft)).await.error(), (400, "XAmzContentSHA256Mismatch"), "{uri}");
    }
    assert_eq!(rig.root.get("/bucket/k").send(&rig).await.error(), (404, "NoSuchKey"));
    assert!(!rig.root.get("/bucket?versioning").send(&rig).await.text().contains("Enabled"));
    assert_eq!(rig.send(endless(rig.root.put("/bucket/k").body("abc"))).await.status, 200);
    assert_eq!(rig.root.get("/bucket/k").send(&rig).await.text(), "abc");
}

#[tokio::test]
async fn a_document_in_chunks_is_held_against_its_trailer() {
    let rig = Rig::with_bucket().await;
    let chunked = |announced: &str, trailer: &str| {
        rig.root
            .put("/bucket?versioning")
            .payload(STREAMING)
            .header("x-amz-decoded-content-length", &ENABLE.len().to_string())
            .header("x-amz-trailer", announced)
            .body(format!("{:x}\r\n{ENABLE}\r\n0\r\n{trailer}\r\n\r\n", ENABLE.len()))
    };
    let crc = {
        use base64::Engine as _;
        use s3s::crypto::Checksum as _;
        let mut crc = s3s::crypto::Crc32::new();
        crc.update(ENABLE.as_bytes());
        base64::prelude::BASE64_STANDARD.encode(crc.finalize())
    };
    for (announced, trailer, error) in [
        ("x-amz-checksum-crc32", "x-amz-checksum-crc32:AAAAAA==".to_owned(), (400, "BadDigest")),
        ("x-amz-checksum-crc32", format!("x-amz-checksum-crc32c:{crc}"), (400, "MalformedTrailerError")),
        ("x-amz-meta-a", "x-amz-meta-a:b".to_owned(), (400, "MalformedTrailerError")),
    ] {
        assert_eq!(chunked(announced, &trailer).send(&rig).await.error(), error, "{announced} {trailer}");
    }
    let bare = rig.root.put("/bucket?versioning").header("x-amz-trailer", "x-amz-checksum-crc32").body(ENABLE);
    assert_eq!(bare.send(&rig).await.error(), (400, "MalformedTrailerError"), "no chunks, no trailer");
    assert!(!rig.root.get("/bucket?versioning").send(&rig).await.text().contains("Enabled"));
    let right = chunked("x-amz-checksum-crc32", &format!("x-amz-checksum-crc32:{crc}")).send(&rig).await;
    assert_eq!(right.status, 200, "{}", right.text());
}

#[tokio::test]
async fn what_nobody_was_allowed_yet_is_small() {
    let rig = Rig::with_bucket().await;
    let tags = "<Tag><Key>k</Key><Value>v</Value></Tag>".repeat(40_000);
    let tagging = format!("<Tagging><TagSet>{tags}</TagSet></Tagging>");
    let answer = anonymous("PUT", "/bucket/k?tagging").body(tagging).send(&rig).await;
    assert_eq!(answer.error(), (403, "AccessDenied"), "whatever is wrong with the body");
    let many = format!("<Delete>{}</Delete>", "<Object><Key/></Object>".repeat(6_000));
    let answer = rig.root.post("/bucket?delete").header("content-md5", "x").body(many).send(&rig).await;
    assert_eq!(answer.error(), (400, "MalformedXML"), "not counted, not parsed");
}
