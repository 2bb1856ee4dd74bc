//! Error documents, and what key services and engines say in S3's words.

use arqueta_kms::testing::root;
use arqueta_kms::{KeyState, Operation};

use super::record::content_md5;
use super::rig::{ACCOUNT, Rig, Signer};

#[tokio::test]
async fn every_answer_names_its_request_and_errors_are_whole_documents() {
    let rig = Rig::with_bucket().await;
    let answer = rig.root.get("/bucket/missing%20key").send(&rig).await;
    assert_eq!(answer.error(), (404, "NoSuchKey"));
    let id = answer.header("x-amz-request-id").unwrap().to_owned();
    assert_eq!(answer.element("RequestId"), Some(id.as_str()));
    assert_eq!(answer.element("HostId"), answer.header("x-amz-id-2"));
    assert_eq!(answer.element("Key"), Some("missing key"));
    assert_eq!(answer.element("Resource"), None);
    assert!(answer.text().starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>"));
    assert_eq!(answer.header("content-type"), Some("application/xml"));
    let fine = rig.root.get("/bucket").send(&rig).await;
    assert!(fine.header("x-amz-request-id").is_some_and(|other| other != id));
    assert_eq!(rig.root.get("/missing-bucket").send(&rig).await.element("BucketName"), Some("missing-bucket"));
}

#[tokio::test]
async fn heads_and_unchanged_objects_have_no_body() {
    let rig = Rig::with_bucket().await;
    let missing = rig.root.head("/bucket/k").send(&rig).await;
    assert_eq!((missing.status.as_u16(), missing.body.len()), (404, 0));
    let put = rig.root.put("/bucket/k").body("x").send(&rig).await;
    let etag = put.header("etag").unwrap().to_owned();
    let unchanged = rig.root.get("/bucket/k").header("if-none-match", &etag).send(&rig).await;
    assert_eq!((unchanged.status.as_u16(), unchanged.body.len()), (304, 0));
    assert_eq!(unchanged.header("etag"), Some(etag.as_str()));
    let failed = rig.root.get("/bucket/k").header("if-match", "\"other\"").send(&rig).await;
    assert_eq!((failed.error(), failed.element("Condition")), ((412, "PreconditionFailed"), Some("If-Match")));
}

#[tokio::test]
async fn a_range_beyond_the_object_tells_its_size() {
    let rig = Rig::with_bucket().await;
    assert_eq!(rig.root.put("/bucket/k").body("0123456789").send(&rig).await.status, 200);
    let answer = rig.root.get("/bucket/k").header("range", "bytes=10-").send(&rig).await;
    assert_eq!((answer.error(), answer.element("ActualObjectSize")), ((416, "InvalidRange"), Some("10")));
}

#[tokio::test]
async fn what_is_not_served_says_so() {
    let rig = Rig::with_bucket().await;
    for (method, uri) in [
        ("GET", "/bucket/k?torrent"),
        ("PUT", "/bucket?logging"),
        ("PUT", "/bucket?inventory&id=a"),
        ("PUT", "/bucket?metrics&id=a"),
        ("POST", "/bucket/k?select&select-type=2"),
        ("PUT", "/bucket/k?renameObject"),
        ("GET", "/bucket?session"),
        ("PUT", "/bucket/k?annotation&annotationName=a"),
        ("POST", "/WriteGetObjectResponse"),
    ] {
        let draft = if method == "GET" {
            rig.root.get(uri)
        } else if method == "PUT" {
            rig.root.put(uri)
        } else {
            rig.root.post(uri)
        };
        let answer = draft.body("<x/>").send(&rig).await;
        assert_eq!(answer.error(), (501, "NotImplemented"), "{method} {uri}");
        let message = answer.element("Message").unwrap();
        assert!(message.contains(" is not implemented. ") && message.ends_with('.'), "{uri}: {message}");
        let nobody = super::rig::anonymous(method, uri).body("<x/>").send(&rig).await;
        assert_eq!(nobody.error(), (403, "AccessDenied"), "{method} {uri}: who may not is not told");
    }
    let public = rig.root.put("/bucket/k").header("x-amz-acl", "public-read").body("x").send(&rig).await;
    assert_eq!(public.error(), (400, "AccessControlListNotSupported"));
}

/// What the body decides is decided before anything is said of the bucket, too.
#[tokio::test]
async fn who_may_not_is_not_told_whether_there_is_a_bucket_or_whose_it_is() {
    let rig = Rig::with_bucket().await;
    assert_eq!(rig.root.put("/bucket/k").body("x").send(&rig).await.status, 200);
    let user = rig.identities.user("stranger", &[("s3:ListAllMyBuckets", "*", "{}")]).await;
    let by_body = [
        ("POST", "?delete", "<Delete><Object><Key>k</Key></Object></Delete>"),
        ("PUT", "/k?tagging", "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"),
        ("PUT", "/k?retention", "<Retention/>"),
        ("PUT", "/k?legal-hold", "<LegalHold><Status>ON</Status></LegalHold>"),
    ];
    let by_head = [
        ("PUT", "/k?annotation&annotationName=a", "<x/>"),
        ("GET", "/k?annotation&annotationName=a", ""),
        ("DELETE", "/k?annotation&annotationName=a", ""),
        ("PUT", "?metadataAnnotationTable", "<x/>"),
        ("GET", "/k?torrent", ""),
        ("PUT", "?logging", "<x/>"),
    ];
    let other = ("x-amz-expected-bucket-owner", "999999999999");
    let bypass = ("x-amz-bypass-governance-retention", "true");
    let ask = async |who: &Signer, (method, rest, body): (&'static str, &str, &'static str), bucket: &str, header| {
        let uri = format!("/{bucket}{rest}");
        let draft = match method {
            "PUT" => who.put(&uri),
            "POST" => who.post(&uri),
            "DELETE" => who.delete(&uri),
            _ => who.get(&uri),
        };
        let (name, value): (&str, &str) = header;
        let draft = if body.is_empty() { draft } else { draft.header("content-md5", &content_md5(body)).body(body) };
        draft.header(name, value).send(&rig).await
    };
    for request in by_body.into_iter().chain(by_head) {
        for header in [other, bypass, ("x-amz-meta-none", "a")] {
            let told = async |bucket: &str| {
                let answer = ask(&user, request, bucket, header).await;
                let message = answer.element("Message").map(|text| text.replace(bucket, "<bucket>"));
                (answer.status.as_u16(), answer.element("Code").map(str::to_owned), message)
            };
            let (existing, missing) = (told("bucket").await, told("none").await);
            assert_eq!(existing, missing, "{request:?} {header:?}");
            assert_eq!(existing.1.as_deref(), Some("AccessDenied"), "{request:?} {header:?}");
        }
    }
    // Who may is held to what he expects.
    for request in by_body {
        assert_eq!(ask(&rig.root, request, "bucket", other).await.error(), (403, "AccessDenied"), "{request:?}");
    }
    let bypassed = ask(&rig.root, by_body[0], "bucket", bypass).await;
    assert_eq!(bypassed.error(), (400, "InvalidArgument"));
    assert_eq!(rig.root.get("/bucket/k").send(&rig).await.status, 200, "nothing was done");
}

#[tokio::test]
async fn what_nothing_has_is_answered_as_such() {
    let rig = Rig::with_bucket().await;
    assert_eq!(rig.root.put("/bucket/k").body("x").send(&rig).await.status, 200);
    for (uri, error) in [
        ("/bucket?analytics&id=a", (404, "NoSuchConfiguration")),
        ("/bucket?intelligent-tiering&id=a", (404, "NoSuchConfiguration")),
        ("/bucket?inventory&id=a", (404, "NoSuchConfiguration")),
        ("/bucket?metrics&id=a", (404, "NoSuchConfiguration")),
        ("/bucket?metadataConfiguration", (404, "MetadataConfigurationNotFound")),
        ("/bucket?metadataTable", (404, "MetadataConfigurationNotFound")),
        ("/missing?metrics&id=a", (404, "NoSuchBucket")),
    ] {
        assert_eq!(rig.root.get(uri).send(&rig).await.error(), error, "{uri}");
    }
    for uri in ["/bucket?analytics", "/bucket?intelligent-tiering", "/bucket?inventory", "/bucket?metrics"] {
        let answer = rig.root.get(uri).send(&rig).await;
        assert_eq!((answer.status.as_u16(), answer.element("IsTruncated")), (200, Some("false")), "{uri}");
    }
    assert_eq!(rig.root.get("/bucket?abac").send(&rig).await.element("Status"), Some("Disabled"));
    let restore = "<RestoreRequest><Days>1</Days></RestoreRequest>";
    for (uri, error) in [("/bucket/k?restore", (403, "InvalidObjectState")), ("/bucket/m?restore", (404, "NoSuchKey"))]
    {
        assert_eq!(rig.root.post(uri).body(restore).send(&rig).await.error(), error, "{uri}");
    }
}

fn kms(rig: &Rig, key: &str) -> super::rig::Draft {
    rig.root
        .put("/bucket/k")
        .header("x-amz-server-side-encryption", "aws:kms")
        .header("x-amz-server-side-encryption-aws-kms-key-id", key)
        .body("content")
}

#[tokio::test]
async fn key_services_answer_in_s3s_words() {
    let rig = Rig::with_bucket().await;
    let missing = kms(&rig, "no-such-key").send(&rig).await;
    assert_eq!(missing.error(), (400, "KMS.NotFoundException"));
    let key = rig.kms.create(ACCOUNT, "one");
    rig.kms.set_state(&key, KeyState::Disabled);
    let disabled = kms(&rig, "one").send(&rig).await;
    assert_eq!(
        (disabled.error(), disabled.element("Message")),
        ((400, "KMS.DisabledException"), Some(&*format!("{key} is disabled.")))
    );
    rig.kms.set_state(&key, KeyState::PendingDeletion);
    assert_eq!(kms(&rig, "one").send(&rig).await.error(), (400, "KMS.KMSInvalidStateException"));
    rig.kms.set_state(&key, KeyState::Enabled);
    rig.kms.deny(&root(ACCOUNT), Operation::GenerateDataKey);
    let denied = kms(&rig, "one").send(&rig).await;
    assert_eq!(denied.error(), (403, "AccessDenied"));
    assert!(denied.element("Message").unwrap().contains("kms:GenerateDataKey"));
}

#[tokio::test]
async fn encryption_is_echoed_as_aws_echoes_it() {
    let rig = Rig::with_bucket().await;
    let key = rig.kms.create(ACCOUNT, "one");
    const FLAG: &str = "x-amz-server-side-encryption-bucket-key-enabled";
    let plain = kms(&rig, "one").send(&rig).await;
    assert_eq!(plain.header("x-amz-server-side-encryption"), Some("aws:kms"));
    assert_eq!(plain.header("x-amz-server-side-encryption-aws-kms-key-id"), Some(key.as_str()));
    assert_eq!(plain.header(FLAG), None, "absent, not false");
    let off = kms(&rig, "one").header(FLAG, "false").send(&rig).await;
    assert_eq!(off.header(FLAG), None);
    assert_eq!(kms(&rig, "one").header(FLAG, "true").send(&rig).await.header(FLAG), Some("true"));
    let got = rig.root.get("/bucket/k").send(&rig).await;
    assert_eq!((got.header(FLAG), got.text()), (Some("true"), "content"));
    let head = rig.root.head("/bucket/k").send(&rig).await;
    assert_eq!(head.header("x-amz-server-side-encryption-aws-kms-key-id"), Some(key.as_str()));
    let asked = rig.root.get("/bucket/k").header("x-amz-server-side-encryption", "aws:kms").send(&rig).await;
    assert_eq!(asked.error(), (400, "InvalidArgument"));
    let default = rig.root.put("/bucket/d").body("x").send(&rig).await;
    assert_eq!(default.header("x-amz-server-side-encryption"), Some("AES256"));
}

#[tokio::test]
async fn errors_carry_the_elements_that_aws_sends_with_them() {
    let rig = Rig::with_bucket().await;
    assert_eq!(rig.root.put("/bucket/k").body("0123456789").send(&rig).await.status, 200);
    let part = "/bucket/k?partNumber=1&uploadId=none";
    for (draft, code, elements) in [
        (rig.root.get("/missing-bucket/k"), "NoSuchBucket", vec![("BucketName", "missing-bucket")]),
        (rig.root.delete("/bucket"), "BucketNotEmpty", vec![("BucketName", "bucket")]),
        (rig.root.get("/bucket?policy"), "NoSuchBucketPolicy", vec![("BucketName", "bucket")]),
        (rig.root.get("/bucket?lifecycle"), "NoSuchLifecycleConfiguration", vec![("BucketName", "bucket")]),
        (rig.root.get("/bucket?tagging"), "NoSuchTagSet", vec![("BucketName", "bucket")]),
        (rig.root.get("/bucket/none"), "NoSuchKey", vec![("Key", "none")]),
        (
            rig.root.get("/bucket/k?versionId=00000000000000000000000000000000"),
            "NoSuchVersion",
            vec![("Key", "k"), ("VersionId", "00000000000000000000000000000000")],
        ),
        (rig.root.put(part).body("x"), "NoSuchUpload", vec![("UploadId", "none")]),
        (
            rig.root.get("/bucket/k").header("range", "bytes=10-"),
            "InvalidRange",
            vec![("RangeRequested", "bytes=10-"), ("ActualObjectSize", "10")],
        ),
        (
            rig.root.get("/bucket/k?partNumber=7"),
            "InvalidPartNumber",
            vec![("PartNumberRequested", "7"), ("ActualPartCount", "1")],
        ),
        (
            rig.root.put("/bucket/k").header("x-amz-storage-class", "DUST").body("x"),
            "InvalidStorageClass",
            vec![("StorageClassRequested", "DUST")],
        ),
        (
            rig.root.put("/bucket/k").header("content-md5", "nothing").body("x"),
            "InvalidDigest",
            vec![("Content-MD5", "nothing")],
        ),
        (
            rig.root.put("/bucket?versioning").header("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==").body("<x/>"),
            "BadDigest",
            vec![("ExpectedDigest", "1B2M2Y8AsgTpgAmY7PhCfg==")],
        ),
        (
            rig.root.put("/bucket/k").header("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==").body("x"),
            "BadDigest",
            vec![("ExpectedDigest", "1B2M2Y8AsgTpgAmY7PhCfg=="), ("CalculatedDigest", "ndTkYSaMgDT1yFZOFVxnpg==")],
        ),
        (
            rig.root.put("/bucket/k").header("x-amz-checksum-crc32", "AAAAAA==").body("x"),
            "BadDigest",
            vec![("ExpectedDigest", "AAAAAA=="), ("CalculatedDigest", "jNwWgw==")],
        ),
        (
            rig.root.put("/bucket/k").header("x-amz-tagging", "aws:a=b").body("x"),
            "InvalidTag",
            vec![("TagKey", "aws:a")],
        ),
        (
            rig.root.put("/bucket/k").header("x-amz-tagging", "a=%zz").body("x"),
            "InvalidArgument",
            vec![("ArgumentName", "x-amz-tagging"), ("ArgumentValue", "a=%zz")],
        ),
        (
            rig.root.get("/bucket?max-keys=x"),
            "InvalidArgument",
            vec![("ArgumentName", "max-keys"), ("ArgumentValue", "x")],
        ),
        (
            rig.root.get("/bucket?list-type=2&continuation-token=x"),
            "InvalidArgument",
            vec![("ArgumentName", "continuation-token")],
        ),
        (rig.root.delete("/bucket?tagging&cors"), "InvalidArgument", vec![("ArgumentName", "ResourceType")]),
    ] {
        let answer = draft.send(&rig).await;
        assert_eq!(answer.element("Code"), Some(code), "{}", answer.text());
        for (name, value) in elements {
            assert_eq!(answer.element(name), Some(value), "{}", answer.text());
        }
        assert_eq!(answer.text().matches("<BucketName>").count(), usize::from(answer.element("BucketName").is_some()));
    }
}

#[tokio::test]
async fn what_one_key_of_many_met_is_no_element_of_a_later_error() {
    let rig = Rig::with_bucket().await;
    let body = "<Delete><Object><Key>k</Key><VersionId>wrong</VersionId></Object></Delete>";
    let md5 = base64::Engine::encode(
        &base64::prelude::BASE64_STANDARD,
        s3s::crypto::Checksum::finalize({
            let mut hash = <s3s::crypto::Md5 as s3s::crypto::Checksum>::new();
            s3s::crypto::Checksum::update(&mut hash, body.as_bytes());
            hash
        }),
    );
    let answer = rig.root.post("/bucket?delete").header("content-md5", &md5).body(body).send(&rig).await;
    assert_eq!((answer.status.as_u16(), answer.element("ArgumentName")), (200, None));
    assert!(answer.text().starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<"), "{}", answer.text());
}
