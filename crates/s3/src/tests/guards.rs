//! What is refused before it takes anything away, tells anything, or costs anything.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use s3s::crypto::{Checksum as _, Md5};

use super::rig::{Answer, Rig, anonymous};

const ALL: &str = "arn:aws:s3:::bucket/*";

/// Content-MD5, which some documents need.
fn md5(body: &str) -> String {
    let mut md5 = Md5::new();
    md5.update(body.as_bytes());
    BASE64_STANDARD.encode(md5.finalize())
}

async fn put(rig: &Rig, uri: &str, body: &str) -> Answer {
    rig.root.put(uri).header("content-md5", &md5(body)).body(body.to_owned()).send(rig).await
}

#[tokio::test]
async fn what_is_misspelt_takes_no_protection_away() {
    let rig = Rig::with_bucket().await;
    let good =
        "<PublicAccessBlockConfiguration><BlockPublicPolicy>true</BlockPublicPolicy></PublicAccessBlockConfiguration>";
    assert_eq!(put(&rig, "/bucket?publicAccessBlock", good).await.status, 200);
    let bad = good.replace("BlockPublicPolicy", "BlockPUBLICPolicy");
    assert_eq!(put(&rig, "/bucket?publicAccessBlock", &bad).await.error(), (400, "MalformedXML"));
    let kept = rig.root.get("/bucket?publicAccessBlock").send(&rig).await;
    assert_eq!(kept.element("BlockPublicPolicy"), Some("true"));
    for (uri, body) in [
        ("/bucket?versioning", "<VersioningConfiguration><MFADelete>Enabled</MFADelete></VersioningConfiguration>"),
        ("/bucket?notification", "<NotificationConfiguration><SqsConfiguration/></NotificationConfiguration>"),
        ("/bucket?tagging", "<Tagging><TagSet><Tagg><Key>a</Key><Value>b</Value></Tagg></TagSet></Tagging>"),
        (
            "/other",
            "<CreateBucketConfiguration><LocationConstrain>eu-west-1</LocationConstrain></CreateBucketConfiguration>",
        ),
    ] {
        assert_eq!(put(&rig, uri, body).await.error(), (400, "MalformedXML"), "{uri}");
    }
    assert_eq!(rig.root.get("/other").send(&rig).await.error(), (404, "NoSuchBucket"), "none was made");
    assert_eq!(rig.root.put("/bucket/k").body("content").send(&rig).await.status, 200);
    let delete = "<Delete><DryRun>true</DryRun><Object><Key>k</Key></Object></Delete>";
    let deleted = rig.root.post("/bucket?delete").header("content-md5", &md5(delete)).body(delete).send(&rig).await;
    assert_eq!(deleted.error(), (400, "MalformedXML"));
    assert_eq!(rig.root.get("/bucket/k").send(&rig).await.status, 200);
}

#[tokio::test]
async fn configurations_are_as_large_as_those_of_s3() {
    let rig = Rig::with_bucket().await;
    let cors = |headers: usize| {
        let headers = "<AllowedHeader>x-a</AllowedHeader>".repeat(headers);
        format!(
            "<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>{headers}\
             </CORSRule></CORSConfiguration>"
        )
    };
    assert_eq!(put(&rig, "/bucket?cors", &cors(1000)).await.status, 200);
    assert_eq!(put(&rig, "/bucket?cors", &cors(3000)).await.error(), (400, "MaxMessageLengthExceeded"));
    let ask = |headers: String| {
        let ask = anonymous("OPTIONS", "/bucket/k").header("origin", "https://a");
        ask.header("access-control-request-method", "GET").header("access-control-request-headers", &headers)
    };
    assert_eq!(ask("x-a".to_owned()).send(&rig).await.status, 200);
    assert_eq!(ask("x-a,".repeat(3000)).send(&rig).await.error(), (403, "AccessForbidden"));
    let key = "k".repeat(3000);
    let encryption = format!(
        "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm>\
         <KMSMasterKeyID>{key}</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
    );
    let refused = put(&rig, "/bucket?encryption", &encryption).await;
    assert_eq!(refused.error(), (400, "InvalidArgument"));
    assert!(refused.element("ArgumentValue").is_some_and(|value| value.len() == 1024), "what is repeated is bounded");
}

#[tokio::test]
async fn who_may_only_delete_is_told_nothing_of_what_is_there() {
    let rig = Rig::with_bucket().await;
    assert_eq!(rig.root.put("/bucket/k").body("content").send(&rig).await.status, 200);
    let deleter = rig.identities.user("deleter", &[("s3:DeleteObject", ALL, "{}")]).await;
    for (name, value) in [
        ("if-match", "\"0123\""),
        ("x-amz-if-match-size", "1"),
        ("x-amz-if-match-last-modified-time", "Mon, 01 Jan 2024 00:00:00 GMT"),
    ] {
        for key in ["k", "missing"] {
            let delete = deleter.delete(&format!("/bucket/{key}")).header(name, value);
            assert_eq!(delete.send(&rig).await.error(), (403, "AccessDenied"), "{name} {key}");
        }
    }
    let both = [("s3:DeleteObject", ALL, "{}"), ("s3:GetObject", ALL, "{}")];
    let reader = rig.identities.user("reader", &both).await;
    for condition in [
        "<ETag>\"0123\"</ETag>",
        "<Size>1</Size>",
        "<LastModifiedTime>Mon, 01 Jan 2024 00:00:00 GMT</LastModifiedTime>",
    ] {
        for key in ["k", "missing"] {
            let body = format!("<Delete><Object><Key>{key}</Key>{condition}</Object></Delete>");
            let delete = deleter.post("/bucket?delete").header("content-md5", &md5(&body)).body(body.clone());
            assert_eq!(delete.send(&rig).await.element("Code"), Some("AccessDenied"), "{condition} {key}");
            let delete = reader.post("/bucket?delete").header("content-md5", &md5(&body)).body(body);
            let told = delete.send(&rig).await;
            match key {
                "k" => assert_eq!(told.element("Code"), Some("PreconditionFailed"), "{condition}"),
                // Who may read learns that it is missing from those who may list.
                _ => assert!(!told.text().contains("NoSuchKey"), "{condition}: {}", told.text()),
            }
        }
    }
    assert_eq!(rig.root.get("/bucket/k").send(&rig).await.text(), "content");
    let good = "<Delete><Object><Key>k</Key></Object></Delete>";
    let delete = deleter.post("/bucket?delete").header("content-md5", &md5(good)).body(good);
    assert!(delete.send(&rig).await.text().contains("<Deleted>"), "without a condition it is none of that");
}

#[tokio::test]
async fn a_copy_source_is_compared_as_it_is_understood() {
    let rig = Rig::with_bucket().await;
    assert_eq!(rig.root.put("/bucket/k").body("content").send(&rig).await.status, 200);
    let deny = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"{ALL}",
            "Condition":{{"StringLike":{{"s3:x-amz-copy-source":"bucket/*"}}}}}}}}"#
    );
    assert_eq!(rig.root.put("/bucket?policy").body(deny).send(&rig).await.status, 204);
    for source in ["bucket/k", "/bucket/k", "%2Fbucket/k", "b%75cket/k", "bucket%2Fk"] {
        let copy = rig.root.put("/bucket/c").header("x-amz-copy-source", source);
        assert_eq!(copy.send(&rig).await.error(), (403, "AccessDenied"), "{source}");
    }
}

#[tokio::test]
async fn a_missing_bucket_comes_before_what_is_wrong_with_a_document() {
    let rig = Rig::with_bucket().await;
    for uri in ["/missing/k?tagging", "/missing/k?retention", "/missing/k?legal-hold"] {
        assert_eq!(put(&rig, uri, "<x").await.error(), (404, "NoSuchBucket"), "{uri}");
    }
    let nobody = rig.identities.user("nobody", &[("s3:ListBucket", ALL, "{}")]).await;
    let denied = nobody.put("/missing/k?tagging").header("content-md5", &md5("<x")).body("<x").send(&rig).await;
    assert_eq!(denied.error(), (403, "AccessDenied"));
}

#[tokio::test]
async fn an_access_control_list_stands_in_one_place() {
    let rig = Rig::with_bucket().await;
    assert_eq!(rig.root.put("/bucket/k").body("content").send(&rig).await.status, 200);
    let owner = rig.root.get("/bucket?acl").send(&rig).await;
    let list = owner.text().to_owned();
    for uri in ["/bucket?acl", "/bucket/k?acl"] {
        let none = rig.root.put(uri).send(&rig).await;
        assert_eq!(none.error(), (400, "MissingSecurityHeader"), "{uri}");
        assert_eq!(none.element("MissingHeaderName"), Some("x-amz-acl"));
        let both = rig.root.put(uri).header("x-amz-acl", "private").body(list.clone()).send(&rig).await;
        assert_eq!(both.error(), (400, "UnexpectedContent"), "{uri}");
        assert_eq!(rig.root.put(uri).header("x-amz-acl", "private").send(&rig).await.status, 200);
        assert_eq!(rig.root.put(uri).body(list.clone()).send(&rig).await.status, 200);
    }
}

#[tokio::test]
async fn a_website_answers_whoever_sends_more_than_it_reads() {
    let rig = Rig::configured(|config| config.website_domains = vec!["site.example".to_owned()]).await;
    assert_eq!(rig.root.put("/bucket").send(&rig).await.status, 200);
    let site = "<WebsiteConfiguration><IndexDocument><Suffix>i</Suffix></IndexDocument></WebsiteConfiguration>";
    assert_eq!(put(&rig, "/bucket?website", site).await.status, 200);
    let large = vec![0; 2 << 20];
    for (host, status) in [("bucket.site.example", 405), ("none.site.example", 404)] {
        let answer = anonymous("PUT", "/k").host(host).body(large.clone()).send(&rig).await;
        assert_eq!((answer.status.as_u16(), answer.header("connection")), (status, Some("close")), "{host}");
        assert!(answer.header("x-amz-request-id").is_some_and(|id| !id.is_empty()), "{host}");
    }
    let small = anonymous("PUT", "/k").host("bucket.site.example").body("x").send(&rig).await;
    assert_eq!((small.status.as_u16(), small.header("connection")), (405, None));
    let undecodable = anonymous("GET", "/%ff").host("bucket.site.example").send(&rig).await;
    assert_eq!((undecodable.status.as_u16(), undecodable.header("x-amz-error-code")), (400, Some("InvalidURI")));
    let long = format!("/{}/", "k".repeat(1023));
    let long = anonymous("GET", &long).host("bucket.site.example").send(&rig).await;
    assert_eq!((long.status.as_u16(), long.header("x-amz-error-code")), (400, Some("KeyTooLongError")));
    let suffix = site.replace(">i<", &format!(">{}<", "s".repeat(70_000)));
    assert_eq!(put(&rig, "/bucket?website", &suffix).await.error(), (400, "InvalidArgument"));
}
