//! What stands around s3s: signatures and what is said of them, sub-resources, limits before
//! authorization, and addresses that are not S3's.

use std::time::Duration;

use http::Request;
use http_body_util::Full;
use s3s::crypto::{Checksum as _, Sha256};

use super::rig::{HOST, Rig, Signer, anonymous, now, presign, presign_v2};

fn get(url: &str) -> Request<Full<bytes::Bytes>> {
    Request::get(url).header("host", HOST).body(Full::default()).unwrap()
}

fn put(url: &str, body: &'static str) -> Request<Full<bytes::Bytes>> {
    let request = Request::put(url).header("host", HOST).header("content-length", body.len());
    request.body(Full::from(body)).unwrap()
}

/// A rig with the object `/bucket/k`.
async fn rig() -> Rig {
    let rig = Rig::with_bucket().await;
    assert_eq!(rig.root.put("/bucket/k").body("content").send(&rig).await.status, 200);
    rig
}

fn soon() -> i64 {
    now().seconds() + 600
}

#[tokio::test]
async fn a_wrong_signature_is_told_what_was_signed() {
    let rig = rig().await;
    let wrong = Signer { secret: "another".to_owned(), ..rig.root.clone() };
    let answer = wrong.get("/bucket/k").send(&rig).await;
    assert_eq!(answer.error(), (403, "SignatureDoesNotMatch"));
    assert_eq!(answer.element("AWSAccessKeyId"), Some(rig.root.id.as_str()));
    assert!(answer.element("StringToSign").unwrap().starts_with("AWS4-HMAC-SHA256\n"));
    assert!(answer.element("StringToSignBytes").unwrap().starts_with("41 57 53 34"));
    assert!(answer.element("CanonicalRequest").unwrap().starts_with("GET\n/bucket/k\n"));
    assert_eq!(answer.element("SignatureProvided").map(str::len), Some(64));
    let keyed = wrong.put("/bucket/k").header("x-amz-server-side-encryption-customer-key", "c2VjcmV0").body("x");
    let keyed = keyed.send(&rig).await;
    assert_eq!((keyed.error(), keyed.element("CanonicalRequest")), ((403, "SignatureDoesNotMatch"), None));
    assert!(!keyed.text().contains("c2VjcmV0"), "a customer's key is repeated nowhere");
    let unknown = Signer { id: "AKIAUNKNOWNUNKNOWN00".to_owned(), ..rig.root.clone() };
    let unknown = unknown.get("/bucket/k").send(&rig).await;
    assert_eq!(unknown.error(), (403, "InvalidAccessKeyId"));
    assert_eq!(unknown.element("AWSAccessKeyId"), Some("AKIAUNKNOWNUNKNOWN00"));
    let loose = rig.root.get("/bucket/k").header("x-amz-meta-a", "1").unsigned("x-amz-meta-a").send(&rig).await;
    assert_eq!((loose.error(), loose.element("HeadersNotSigned")), ((403, "AccessDenied"), Some("x-amz-meta-a")));
}

#[tokio::test]
async fn a_clock_that_differs_is_told_both_times() {
    let rig = rig().await;
    rig.clock.advance(Duration::from_secs(14 * 60));
    assert_eq!(rig.root.get("/bucket/k").send(&rig).await.status, 200);
    rig.clock.advance(Duration::from_secs(2 * 60));
    let late = rig.root.get("/bucket/k").send(&rig).await;
    assert_eq!(late.error(), (403, "RequestTimeTooSkewed"));
    assert_eq!(late.element("MaxAllowedSkewMilliseconds"), Some("900000"));
    assert!(late.element("RequestTime").is_some() && late.element("ServerTime").unwrap().ends_with('Z'));
    let url = presign(&rig.root, "GET", "/bucket/k", true);
    let expired = rig.send(get(&url)).await;
    assert_eq!(expired.error(), (403, "AccessDenied"));
    assert_eq!(expired.element("Message"), Some("Request has expired"));
    assert_eq!(expired.element("X-Amz-Expires"), Some("600"));
    assert!(expired.element("Expires").is_some() && expired.element("ServerTime").is_some());
}

#[tokio::test]
async fn schemes_that_are_not_served_are_named() {
    let rig = rig().await;
    let url = presign(&rig.root, "GET", "/bucket/k", true);
    for (authorization, code) in [
        (
            "AWS4-HMAC-SHA1 Credential=a/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0",
            "InvalidArgument",
        ),
        ("Bearer secret", "InvalidArgument"),
        ("AWS AKIA:c2lnbmF0dXJl", "InvalidRequest"),
        ("AWS4-HMAC-SHA256 nonsense", "AuthorizationHeaderMalformed"),
    ] {
        let answer = anonymous("GET", "/bucket/k").header("authorization", authorization).send(&rig).await;
        assert_eq!(answer.error(), (400, code), "{authorization}");
        assert!(!answer.text().contains("secret") && !answer.text().contains("c2lnbmF0dXJl"));
        let mut both = get(&url);
        both.headers_mut().insert("authorization", authorization.parse().unwrap());
        let twice = rig.send(both).await;
        match authorization.starts_with("AWS") {
            true => assert_eq!(twice.error(), (400, "InvalidArgument"), "{authorization}"),
            false => assert_eq!(twice.status, 200, "somebody else's header"),
        }
    }
    let broken = rig.send(get(&url.replace("=600&", "=604801&"))).await;
    assert_eq!(broken.error(), (400, "AuthorizationQueryParametersError"));
    let parts = rig.send(get("/bucket/k?X-Amz-Algorithm=AWS4-HMAC-SHA256")).await;
    assert_eq!(parts.error(), (400, "AuthorizationQueryParametersError"));
}

#[tokio::test]
async fn any_region_will_do_where_it_is_said() {
    let rig = Rig::configured(|config| config.any_region = true).await;
    assert_eq!(rig.root.put("/bucket").region("eu-west-1").send(&rig).await.status, 200);
}

#[tokio::test]
async fn urls_presigned_by_version_2_are_served() {
    let rig = rig().await;
    let url = presign_v2(&rig.root, "GET", "/bucket/k?response-content-type=text/x", soon());
    let answer = rig.send(get(&url)).await;
    assert_eq!(
        (answer.status.as_u16(), answer.text(), answer.header("content-type")),
        (200, "content", Some("text/x"))
    );
    let url = presign_v2(&rig.root, "PUT", "/bucket/new?x-amz-meta-a=1", soon());
    assert_eq!(rig.send(put(&url, "by version 2")).await.status, 200);
    let stored = rig.root.get("/bucket/new").send(&rig).await;
    assert_eq!((stored.text(), stored.header("x-amz-meta-a")), ("by version 2", Some("1")), "hoisted headers count");
    let good = presign_v2(&rig.root, "PUT", "/bucket/k", soon());
    for (what, url, error) in [
        ("another key", good.replace("/bucket/k", "/bucket/j"), "SignatureDoesNotMatch"),
        ("another sub-resource", good.replace("?", "?acl&"), "SignatureDoesNotMatch"),
        ("a sub-resource that is not signed", good.replace("?", "?retention&"), "AccessDenied"),
        ("a copy in capitals", format!("{good}&X-Amz-Copy-Source=%2Fbucket%2Fk"), "AccessDenied"),
        ("an ACL in capitals", format!("{good}&X-Amz-Acl=public-read"), "AccessDenied"),
        ("a type in capitals", format!("{good}&Content-Type=text%2Fhtml"), "AccessDenied"),
        ("a condition", format!("{good}&If-Match=x"), "AccessDenied"),
        ("a sub-resource twice", good.replace("?", "?tagging&tagging&"), "AccessDenied"),
        ("two headers in one", format!("{good}&x-amz-meta-a=1%0Ax-amz-meta-b:2"), "AccessDenied"),
        ("another life", good.replace("Expires=", "Expires=9"), "SignatureDoesNotMatch"),
        ("no life", good.replace("Expires=", "x="), "AccessDenied"),
        ("expired", presign_v2(&rig.root, "PUT", "/bucket/k", now().seconds() - 1), "AccessDenied"),
        ("no number", good.replace("Expires=", "Expires=x"), "AccessDenied"),
    ] {
        assert_eq!(rig.send(put(&url, "x")).await.error(), (403, error), "{what}");
    }
    let mut added = put(&good, "x");
    added.headers_mut().insert("x-amz-copy-source", "/bucket/new".parse().unwrap());
    assert_eq!(rig.send(added).await.error(), (403, "SignatureDoesNotMatch"));
    assert_eq!(rig.root.get("/bucket/k").send(&rig).await.text(), "content");
}

#[tokio::test]
async fn version_2_is_not_for_objects_under_kms_keys_and_may_be_off() {
    let rig = rig().await;
    rig.kms.create(super::rig::ACCOUNT, "one");
    let sealed = rig
        .root
        .put("/bucket/kms")
        .header("x-amz-server-side-encryption", "aws:kms")
        .header("x-amz-server-side-encryption-aws-kms-key-id", "one")
        .body("x");
    assert_eq!(sealed.send(&rig).await.status, 200);
    let read = rig.send(get(&presign_v2(&rig.root, "GET", "/bucket/kms", soon()))).await;
    assert_eq!(read.error(), (400, "InvalidArgument"));
    assert!(read.element("Message").unwrap().ends_with("require AWS Signature Version 4."));
    let write = presign_v2(&rig.root, "PUT", "/bucket/new?x-amz-server-side-encryption=aws:kms", soon());
    assert_eq!(rig.send(put(&write, "x")).await.error(), (400, "InvalidArgument"));
    let off = Rig::configured(|config| config.signature_v2 = false).await;
    let refused = off.send(get(&presign_v2(&off.root, "GET", "/bucket/k", soon()))).await;
    assert_eq!(refused.error(), (400, "InvalidRequest"));
    assert!(refused.element("Message").unwrap().ends_with("Please use AWS4-HMAC-SHA256."));
}

#[tokio::test]
async fn a_presigned_query_carries_conditions_and_encryption() {
    let rig = rig().await;
    let url = presign(&rig.root, "PUT", "/bucket/k?If-None-Match=*", true);
    assert_eq!(rig.send(put(&url, "x")).await.error(), (412, "PreconditionFailed"));
    let url = presign(&rig.root, "PUT", "/bucket/c?x-amz-storage-class=DUST", true);
    assert_eq!(rig.send(put(&url, "x")).await.error(), (400, "InvalidStorageClass"));
}

#[tokio::test]
async fn a_subresource_under_a_method_that_has_none_touches_nothing() {
    let rig = rig().await;
    for (method, uri) in [
        ("DELETE", "/bucket/k?acl"),
        ("DELETE", "/bucket/k?torrent"),
        ("PUT", "/bucket/k?torrent"),
        ("PUT", "/bucket/k?policy"),
        ("PUT", "/bucket/k?uploads"),
        ("GET", "/bucket/k?restore"),
        ("POST", "/bucket/k"),
        ("DELETE", "/bucket?versioning"),
        ("DELETE", "/bucket?acl"),
        ("PUT", "/bucket?uploads"),
    ] {
        let draft = match method {
            "DELETE" => rig.root.delete(uri),
            "PUT" => rig.root.put(uri),
            "POST" => rig.root.post(uri),
            _ => rig.root.get(uri),
        };
        let answer = draft.body("overwritten").send(&rig).await;
        assert_eq!(answer.error(), (405, "MethodNotAllowed"), "{method} {uri}");
        assert_eq!(answer.element("Method"), Some(method));
        assert!(answer.element("ResourceType").is_some());
    }
    for uri in ["/bucket/k?partNumber=1", "/bucket/k?uploadId=u"] {
        let answer = rig.root.put(uri).body("overwritten").send(&rig).await;
        assert_eq!(answer.error(), (400, "InvalidArgument"), "{uri}");
    }
    assert_eq!(rig.root.get("/bucket/k").send(&rig).await.text(), "content");
}

#[tokio::test]
async fn a_write_that_names_no_length_touches_nothing() {
    let rig = rig().await;
    let upload = rig.root.post("/bucket/m?uploads").send(&rig).await;
    let part = format!("/bucket/m?partNumber=1&uploadId={}", upload.element("UploadId").unwrap());
    for uri in ["/bucket/k", &part] {
        let mut request = rig.root.put(uri).payload("UNSIGNED-PAYLOAD").build();
        request.headers_mut().remove("content-length");
        assert_eq!(rig.send(request).await.error(), (411, "MissingContentLength"), "{uri}");
    }
    assert_eq!(rig.root.get("/bucket/k").send(&rig).await.text(), "content");
}

#[tokio::test]
async fn a_digest_that_is_wrong_is_told_for_every_operation() {
    let rig = rig().await;
    let wrong = "0".repeat(64);
    let empty = hex::encode(Sha256::new().finalize());
    for (draft, computed) in [
        (rig.root.put("/other"), Some(empty.as_str())),
        (rig.root.put("/bucket?versioning"), Some(empty.as_str())),
        (rig.root.post("/bucket?delete"), Some(empty.as_str())),
        (rig.root.get("/bucket/k"), Some(empty.as_str())),
        (rig.root.put("/other").body("<x/>"), None),
        (rig.root.put("/bucket?versioning").body("<x/>"), None),
        (rig.root.put("/bucket/k").body("new"), None),
    ] {
        let answer = draft.payload(&wrong).send(&rig).await;
        assert_eq!(answer.error(), (400, "XAmzContentSHA256Mismatch"), "{}", answer.text());
        assert_eq!(answer.element("ClientComputedContentSHA256"), Some(wrong.as_str()));
        let told = answer.element("S3ComputedContentSHA256").unwrap();
        assert!(told.len() == 64 && computed.is_none_or(|computed| computed == told));
    }
    assert_eq!(rig.root.get("/bucket/k").send(&rig).await.text(), "content");
}

#[tokio::test]
async fn chunks_without_their_end_are_incomplete() {
    let rig = rig().await;
    for framed in ["3\r\nabc\r\n", "3\r\nabc", "3\r\nabc\r\n0"] {
        let answer = rig
            .root
            .put("/bucket/k")
            .payload("STREAMING-UNSIGNED-PAYLOAD-TRAILER")
            .header("x-amz-decoded-content-length", "3")
            .header("x-amz-trailer", "x-amz-checksum-crc32")
            .body(framed)
            .send(&rig)
            .await;
        assert_eq!(answer.error(), (400, "IncompleteBody"), "{framed:?}");
    }
    assert_eq!(rig.root.get("/bucket/k").send(&rig).await.text(), "content");
}

/// Each pair became two condition keys, and each key was looked for among all before it: 28,000
/// pairs cost three seconds before anybody was asked who he is.
#[tokio::test]
async fn tags_are_counted_before_they_are_weighed() {
    let rig = rig().await;
    let many: Vec<String> = (0..28_000).map(|n| format!("k{n}=v")).collect();
    let refused = anonymous("PUT", "/no-such-bucket/k").header("x-amz-tagging", &many.join("&")).body("x");
    assert_eq!(refused.send(&rig).await.error(), (400, "BadRequest"));
    let ten = (0..10).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join("&");
    let right = rig.root.put("/bucket/k").header("x-amz-tagging", &ten).body("content").send(&rig).await;
    assert_eq!(right.status, 200, "{}", right.text());
}

#[tokio::test]
async fn an_encoded_slash_ends_no_bucket_name() {
    let rig = rig().await;
    for uri in ["/bucket%2Fk", "/bucket%2fk", "/%2Fbucket/k"] {
        assert_eq!(rig.root.get(uri).send(&rig).await.error(), (400, "InvalidBucketName"), "{uri}");
        assert_eq!(anonymous("GET", uri).send(&rig).await.error(), (400, "InvalidBucketName"), "{uri}");
    }
    assert_eq!(rig.root.put("/bucket/a%2Fb").body("x").send(&rig).await.status, 200);
    assert_eq!(rig.root.get("/bucket/a/b").send(&rig).await.status, 200);
}

#[tokio::test]
async fn that_there_is_no_bucket_is_said_first() {
    let rig = Rig::new().await;
    for draft in [
        rig.root.put("/none/k?partNumber=1&uploadId=nonsense").body("x"),
        rig.root.get("/none/k?versionId=nonsense"),
        rig.root.put("/none?versioning").body("<x/>"),
        rig.root.delete("/none/k?uploadId=nonsense"),
    ] {
        let answer = draft.send(&rig).await;
        assert_eq!((answer.error(), answer.element("BucketName")), ((404, "NoSuchBucket"), Some("none")));
    }
    assert_eq!(anonymous("GET", "/none/k").send(&rig).await.error(), (403, "AccessDenied"));
}

#[tokio::test]
async fn metadata_of_one_name_is_one_value() {
    let rig = rig().await;
    let twice = rig.root.put("/bucket/k").header("x-amz-meta-a", "one").header("x-amz-meta-a", "two").body("x");
    assert_eq!(twice.send(&rig).await.status, 200);
    assert_eq!(rig.root.head("/bucket/k").send(&rig).await.header("x-amz-meta-a"), Some("one,two"));
}

#[tokio::test]
async fn people_who_come_from_minio_get_an_answer() {
    let rig = rig().await;
    for path in ["/minio/health/live", "/minio/health/ready", "/minio/health/cluster"] {
        assert_eq!(anonymous("GET", path).send(&rig).await.status, 200, "{path}");
    }
    let admin = rig.root.get("/minio/admin/v3/info").send(&rig).await;
    assert!(admin.status == 501 && admin.text().contains("aws iam"), "{}", admin.text());
    let head = rig.root.head("/").send(&rig).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(anonymous("HEAD", "/").send(&rig).await.status, 403);
    assert_eq!(rig.root.put("/minio").send(&rig).await.status, 200);
    assert_eq!(
        rig.root.get("/minio/health/live").send(&rig).await.error(),
        (404, "NoSuchKey"),
        "a bucket of that name"
    );
}

#[tokio::test]
async fn a_connection_whose_body_is_too_long_to_throw_away_ends() {
    let rig = rig().await;
    let refused = |size: usize| rig.root.put("/none/k").payload("UNSIGNED-PAYLOAD").body(vec![0; size]);
    let small = refused(300 * 1024).send(&rig).await;
    assert_eq!((small.error(), small.header("connection")), ((404, "NoSuchBucket"), None));
    let large = refused(2 * 1024 * 1024).send(&rig).await;
    assert_eq!((large.error(), large.header("connection")), ((404, "NoSuchBucket"), Some("close")));
}

#[tokio::test]
async fn configurations_that_no_bucket_has_are_deleted_and_set_to_what_they_are() {
    let rig = Rig::with_bucket().await;
    for query in [
        "lifecycle",
        "replication",
        "website",
        "analytics&id=a",
        "intelligent-tiering&id=a",
        "inventory&id=a",
        "metrics&id=a",
    ] {
        let answer = rig.root.delete(&format!("/bucket?{query}")).send(&rig).await;
        assert_eq!(answer.status, 204, "{query}: {}", answer.text());
        let missing = rig.root.delete(&format!("/none?{query}")).send(&rig).await;
        assert_eq!(missing.error(), (404, "NoSuchBucket"), "{query}");
        let nobody = anonymous("DELETE", &format!("/bucket?{query}")).send(&rig).await;
        assert_eq!(nobody.error(), (403, "AccessDenied"), "{query}");
    }
    let payer = |who: &str| format!("<RequestPaymentConfiguration><Payer>{who}</Payer></RequestPaymentConfiguration>");
    let speed = |status: &str| format!("<AccelerateConfiguration><Status>{status}</Status></AccelerateConfiguration>");
    let topic = "<TopicConfiguration><Topic>arn:aws:sns:us-east-1:111122223333:t</Topic><Event>s3:ObjectCreated:*</Event></TopicConfiguration>";
    let notify = |inner: &str| format!("<NotificationConfiguration>{inner}</NotificationConfiguration>");
    for (query, body, status) in [
        ("requestPayment", payer("BucketOwner"), 200),
        ("requestPayment", payer("Requester"), 200),
        ("requestPayment", payer("BucketOwner"), 200),
        ("requestPayment", payer("Nobody"), 400),
        ("accelerate", speed("Suspended"), 200),
        ("accelerate", speed("Enabled"), 501),
        ("notification", notify(""), 200),
        ("notification", notify(topic), 400),
    ] {
        let answer = rig.root.put(&format!("/bucket?{query}")).body(body.clone()).send(&rig).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
    }
    assert_eq!(rig.root.delete("/bucket").send(&rig).await.status, 204);
}
