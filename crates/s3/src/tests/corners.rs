//! Corners of operations: what clients send now and then, and what AWS makes of it.

use http::Request;
use http_body_util::Full;

use super::rig::{Answer, HOST, Rig, now, presign_v2};

#[tokio::test]
async fn parameters_that_s3_does_not_know_are_ignored() {
    let rig = Rig::with_bucket().await;
    let body = format!("<!DOCTYPE x>{}", "x".repeat(2 << 20));
    for uri in ["/bucket/k?x-trace=1", "/bucket/k?foo", "/bucket/k?acls=1&x-id=PutObject"] {
        assert_eq!(rig.root.put(uri).body(body.clone()).send(&rig).await.status, 200, "{uri}");
        assert_eq!(rig.root.get("/bucket/k").send(&rig).await.text(), body);
    }
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:PutObjectAcl","Resource":"arn:aws:s3:::bucket/*"}]}"#;
    assert_eq!(rig.root.put("/bucket?policy&x-trace=1").body(policy).send(&rig).await.status, 204);
}

#[tokio::test]
async fn a_file_name_of_any_language_is_kept() {
    const NAME: &str = "attachment; filename=\"größe 日本.txt\"";
    let rig = Rig::with_bucket().await;
    let said = |answer: &Answer, name: &str| String::from_utf8(answer.headers[name].as_bytes().to_vec()).unwrap();
    let put = rig
        .root
        .put("/bucket/k")
        .header("content-disposition", NAME)
        .header("cache-control", "privé")
        .header("content-language", "ü")
        .header("content-encoding", "aws-chunked, é")
        .payload("UNSIGNED-PAYLOAD")
        .body("x");
    // Not framed: an encoding that is only named is refused, whatever else stands beside it.
    assert_eq!(put.send(&rig).await.error(), (400, "InvalidRequest"));
    let put = rig.root.put("/bucket/k").header("content-disposition", NAME).header("cache-control", "privé").body("x");
    assert_eq!(put.send(&rig).await.status, 200);
    for answer in [rig.root.get("/bucket/k").send(&rig).await, rig.root.head("/bucket/k").send(&rig).await] {
        assert_eq!(
            (said(&answer, "content-disposition"), said(&answer, "cache-control")),
            (NAME.into(), "privé".into())
        );
    }
    let copy = rig.root.put("/bucket/c").header("x-amz-copy-source", "/bucket/k");
    assert_eq!(copy.send(&rig).await.status, 200);
    assert_eq!(said(&rig.root.head("/bucket/c").send(&rig).await, "content-disposition"), NAME);
    let replaced = rig.root.put("/bucket/r").header("x-amz-copy-source", "/bucket/k");
    let replaced = replaced.header("x-amz-metadata-directive", "REPLACE").header("content-language", "ü");
    assert_eq!(replaced.send(&rig).await.status, 200);
    let head = rig.root.head("/bucket/r").send(&rig).await;
    assert_eq!((said(&head, "content-language"), head.headers.get("content-disposition")), ("ü".into(), None));
    let overridden = rig.root.get("/bucket/k?response-content-disposition=%C3%BC").send(&rig).await;
    assert_eq!(said(&overridden, "content-disposition"), "ü");
}

#[tokio::test]
async fn a_number_without_a_digit_is_missing() {
    let rig = Rig::with_bucket().await;
    for uri in [
        "/bucket?max-keys=",
        "/bucket?list-type=2&max-keys=&continuation-token=",
        "/bucket?versions&max-keys=",
        "/bucket?uploads&max-uploads=",
        "/?max-buckets=",
    ] {
        let answer = rig.root.get(uri).send(&rig).await;
        assert_eq!(answer.status, 200, "{uri}: {}", answer.text());
    }
    assert_eq!(rig.root.get("/bucket?max-keys=x").send(&rig).await.error(), (400, "InvalidArgument"));
}

#[tokio::test]
async fn an_upload_is_completed_with_a_list_of_its_parts() {
    let rig = Rig::with_bucket().await;
    let started = rig.root.post("/bucket/k?uploads").send(&rig).await;
    let upload = started.element("UploadId").unwrap().to_owned();
    let none = rig.root.post("/bucket/k?uploadId=0").send(&rig).await;
    assert_eq!(none.error(), (404, "NoSuchUpload"), "that there is no such upload is said first");
    let bare = rig.root.post(&format!("/bucket/k?uploadId={upload}")).send(&rig).await;
    assert_eq!(bare.error(), (400, "InvalidRequest"));
    assert_eq!(bare.element("Message"), Some("You must specify at least one part"));
    let empty = rig.root.post(&format!("/bucket/k?uploadId={upload}")).body("<CompleteMultipartUpload/>");
    assert_eq!(empty.send(&rig).await.error(), (400, "MalformedXML"));
}

#[tokio::test]
async fn ownership_controls_are_removed_and_set_again() {
    let rig = Rig::with_bucket().await;
    let get = || rig.root.get("/bucket?ownershipControls").send(&rig);
    assert_eq!(get().await.element("ObjectOwnership"), Some("BucketOwnerEnforced"));
    for _ in 0..2 {
        assert_eq!(rig.root.delete("/bucket?ownershipControls").send(&rig).await.status, 204);
        assert_eq!(get().await.error(), (404, "OwnershipControlsNotFoundError"));
    }
    let public = rig.root.put("/bucket/k").header("x-amz-acl", "public-read").body("x").send(&rig).await;
    assert_eq!(public.error(), (400, "AccessControlListNotSupported"), "lists stay disabled");
    let controls = |rule: &str| {
        format!("<OwnershipControls><Rule><ObjectOwnership>{rule}</ObjectOwnership></Rule></OwnershipControls>")
    };
    let other = rig.root.put("/bucket?ownershipControls").body(controls("ObjectWriter")).send(&rig).await;
    assert_eq!(other.error(), (501, "NotImplemented"));
    let set = rig.root.put("/bucket?ownershipControls").body(controls("BucketOwnerEnforced")).send(&rig).await;
    assert_eq!((set.status.as_u16(), get().await.status.as_u16()), (200, 200));
}

#[tokio::test]
async fn a_bucket_with_versions_says_what_is_in_the_way() {
    let rig = Rig::with_bucket().await;
    assert_eq!(rig.root.put("/bucket/k").body("x").send(&rig).await.status, 200);
    let refused = rig.root.delete("/bucket").send(&rig).await;
    assert_eq!(refused.error(), (409, "BucketNotEmpty"));
    assert_eq!(refused.element("Message"), Some("The bucket you tried to delete is not empty"));
    let enabled = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    assert_eq!(rig.root.put("/bucket?versioning").body(enabled).send(&rig).await.status, 200);
    let refused = rig.root.delete("/bucket").send(&rig).await;
    assert!(refused.element("Message").unwrap().ends_with("You must delete all versions in the bucket."));
    assert_eq!(refused.element("BucketName"), Some("bucket"));
}

#[tokio::test]
async fn a_region_that_nobody_has_is_no_filter() {
    let rig = Rig::with_bucket().await;
    let here = rig.root.get("/?bucket-region=us-east-1").send(&rig).await;
    assert_eq!(here.element("Name"), Some("bucket"));
    let elsewhere = rig.root.get("/?bucket-region=eu-west-1").send(&rig).await;
    assert_eq!((elsewhere.status.as_u16(), elsewhere.element("Name")), (200, None));
    let nowhere = rig.root.get("/?bucket-region=us-east-9").send(&rig).await;
    assert_eq!(nowhere.error(), (400, "InvalidArgument"));
    assert_eq!(nowhere.element("ArgumentName"), Some("bucket-region"));
}

#[tokio::test]
async fn parts_by_version_2_are_judged_by_their_upload() {
    let rig = Rig::with_bucket().await;
    rig.kms.create(super::rig::ACCOUNT, "one");
    let part = |key: &str, upload: &str| {
        let path = format!("/bucket/{key}?partNumber=1&uploadId={upload}");
        let url = presign_v2(&rig.root, "PUT", &path, now().seconds() + 600);
        Request::put(url).header("host", HOST).header("content-length", "1").body(Full::from("x")).unwrap()
    };
    let sealed = rig
        .root
        .post("/bucket/sealed?uploads")
        .header("x-amz-server-side-encryption", "aws:kms")
        .header("x-amz-server-side-encryption-aws-kms-key-id", "one")
        .send(&rig)
        .await;
    let refused = rig.send(part("sealed", sealed.element("UploadId").unwrap())).await;
    assert_eq!(refused.error(), (400, "InvalidArgument"));
    assert!(refused.element("Message").unwrap().ends_with("require AWS Signature Version 4."));
    // Begun before the bucket's default was a KMS key.
    let plain = rig.root.post("/bucket/plain?uploads").send(&rig).await;
    let rule = "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>one</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>";
    let default = rig.root.put("/bucket?encryption").body(rule).send(&rig).await;
    assert_eq!(default.status, 200, "{}", default.text());
    assert_eq!(rig.send(part("plain", plain.element("UploadId").unwrap())).await.status, 200);
    assert_eq!(rig.send(part("plain", "0")).await.error(), (404, "NoSuchUpload"));
}

#[tokio::test]
async fn attributes_come_in_the_order_of_s3() {
    let rig = Rig::with_bucket().await;
    assert_eq!(
        rig.root.put("/bucket/k").header("x-amz-checksum-crc32", "NSRBwg==").body("abc").send(&rig).await.status,
        200
    );
    let all = "ObjectSize, StorageClass, ObjectParts, Checksum, ETag";
    let answer = rig.root.get("/bucket/k?attributes").header("x-amz-object-attributes", all).send(&rig).await;
    let at = |name: &str| answer.text().find(&format!("<{name}>")).unwrap();
    assert!(
        at("ETag") < at("Checksum") && at("Checksum") < at("StorageClass") && at("StorageClass") < at("ObjectSize")
    );
    assert!(
        answer.text().starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<GetObjectAttributesResponse xmlns=")
    );
    assert_eq!(
        (answer.element("ETag"), answer.element("ObjectSize")),
        (Some("900150983cd24fb0d6963f7d28e17f72"), Some("3"))
    );
    let one = rig.root.get("/bucket/k?attributes").header("x-amz-object-attributes", "ObjectSize").send(&rig).await;
    assert!(!one.text().contains("ETag") && one.element("ObjectSize") == Some("3"));
}

#[tokio::test]
async fn a_tag_without_its_quotes_is_a_condition_of_a_write_too() {
    let rig = Rig::with_bucket().await;
    let stored = rig.root.put("/bucket/k").body("abc").send(&rig).await;
    let etag = stored.header("etag").unwrap().to_owned();
    for condition in [&etag[1..], etag.trim_matches('"'), etag.as_str()] {
        assert_eq!(
            rig.root.put("/bucket/k").header("if-match", condition).body("abc").send(&rig).await.status,
            200,
            "{condition}"
        );
    }
    let other = rig.root.put("/bucket/k").header("if-match", "\"another").body("x").send(&rig).await;
    assert_eq!(other.error(), (412, "PreconditionFailed"));
}

#[tokio::test]
async fn what_a_preflight_asks_counts_in_any_request() {
    let rig = Rig::with_bucket().await;
    assert_eq!(rig.root.put("/bucket/k").body("abc").send(&rig).await.status, 200);
    let rules = "<CORSConfiguration><CORSRule><AllowedOrigin>https://x</AllowedOrigin><AllowedMethod>PUT</AllowedMethod></CORSRule></CORSConfiguration>";
    assert_eq!(rig.root.put("/bucket?cors").body(rules).send(&rig).await.status, 200);
    let origin = |draft: super::rig::Draft| draft.header("origin", "https://x");
    let get = origin(rig.root.get("/bucket/k"));
    assert_eq!(get.send(&rig).await.header("access-control-allow-origin"), None, "no rule for GET");
    let asked = origin(rig.root.get("/bucket/k")).header("access-control-request-method", "PUT").send(&rig).await;
    assert_eq!((asked.text(), asked.header("access-control-allow-origin")), ("abc", Some("https://x")));
    let more = origin(rig.root.get("/bucket/k")).header("access-control-request-method", "PUT");
    let more = more.header("access-control-request-headers", "x-other").send(&rig).await;
    assert_eq!(more.header("access-control-allow-origin"), None, "a header that no rule allows");
}

#[tokio::test]
async fn event_holds_are_refused_by_name() {
    let rig = Rig::with_bucket().await;
    for (name, value) in [("x-amz-object-lock-event-hold", "ON"), ("x-amz-object-lock-event-hold-duration-days", "1")] {
        let answer = rig.root.put("/bucket/k").header(name, value).body("abc").send(&rig).await;
        assert_eq!(answer.error(), (501, "NotImplemented"), "{name}");
        assert_eq!(answer.element("Header"), Some(name));
    }
    assert_eq!(rig.root.get("/bucket/k").send(&rig).await.error(), (404, "NoSuchKey"));
    for (uri, body) in [
        ("/bucket/k?retention", "<Retention><EventHold>ON</EventHold></Retention>"),
        (
            "/bucket?object-lock",
            "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention><DefaultEventHold><Days>1</Days></DefaultEventHold></DefaultRetention></Rule></ObjectLockConfiguration>",
        ),
    ] {
        let answer = rig.root.put(uri).body(body).send(&rig).await;
        assert_eq!(answer.error(), (501, "NotImplemented"), "{uri}");
    }
}
