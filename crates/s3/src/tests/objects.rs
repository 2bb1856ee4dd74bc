//! Objects and buckets as clients see them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::rig::{HOST, Rig, anonymous};

#[tokio::test]
async fn an_object_lives_and_dies() {
    let rig = Rig::with_bucket().await;
    let put = rig
        .root
        .put("/bucket/a%20b/%C3%A9")
        .header("x-amz-meta-Colour", "blue")
        .header("content-type", "text/plain")
        .body("0123456789")
        .send(&rig)
        .await;
    assert_eq!(put.status, 200);
    assert_eq!(put.header("x-amz-version-id"), None, "no versioning, no version");
    let got = rig.root.get("/bucket/a%20b/%C3%A9").send(&rig).await;
    assert_eq!(
        (got.text(), got.header("content-length"), got.header("content-type")),
        ("0123456789", Some("10"), Some("text/plain"))
    );
    assert_eq!((got.header("x-amz-meta-colour"), got.header("accept-ranges")), (Some("blue"), Some("bytes")));
    assert_eq!(got.header("etag"), put.header("etag"));
    let part = rig.root.get("/bucket/a%20b/%C3%A9").header("range", "bytes=2-4").send(&rig).await;
    assert_eq!((part.status.as_u16(), part.text(), part.header("content-range")), (206, "234", Some("bytes 2-4/10")));
    let head = rig.root.head("/bucket/a%20b/%C3%A9").header("range", "bytes=-3").send(&rig).await;
    assert_eq!((head.status.as_u16(), head.header("content-range")), (206, Some("bytes 7-9/10")));
    assert_eq!(rig.root.delete("/bucket/a%20b/%C3%A9").send(&rig).await.status, 204);
    assert_eq!(rig.root.delete("/bucket/a%20b/%C3%A9").send(&rig).await.status, 204, "gone is gone");
    assert_eq!(rig.root.delete("/bucket").send(&rig).await.status, 204);
    assert_eq!(rig.root.head("/bucket").send(&rig).await.status, 404);
}

#[tokio::test]
async fn large_objects_come_back_in_order() {
    let rig = Rig::with_bucket().await;
    let body: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    assert_eq!(rig.root.put("/bucket/k").body(body.clone()).send(&rig).await.status, 200);
    let got = rig.root.get("/bucket/k").send(&rig).await;
    assert_eq!((got.body.len(), got.header("content-length")), (300_000, Some("300000")));
    assert!(got.body == body);
}

#[tokio::test]
async fn virtual_hosts_and_paths_name_the_same_bucket() {
    let rig = Rig::with_bucket().await;
    assert_eq!(rig.root.put("/bucket/k").body("x").send(&rig).await.status, 200);
    let mut request = anonymous("OPTIONS", "/k").build();
    request.headers_mut().insert("host", http::HeaderValue::from_static("bucket.localhost:9000"));
    // Preflights need no signature, which shows the addressing alone.
    request.headers_mut().insert("origin", http::HeaderValue::from_static("https://x"));
    request.headers_mut().insert("access-control-request-method", http::HeaderValue::from_static("GET"));
    let refused = rig.send(request).await;
    assert_eq!(refused.error(), (403, "AccessForbidden"));
    assert_eq!((refused.element("Method"), refused.element("ResourceType")), (Some("GET"), Some("OBJECT")));
    let rules = "<CORSConfiguration><CORSRule><AllowedOrigin>https://x</AllowedOrigin><AllowedMethod>GET</AllowedMethod><AllowedHeader>*</AllowedHeader><ExposeHeader>etag</ExposeHeader><MaxAgeSeconds>60</MaxAgeSeconds></CORSRule></CORSConfiguration>";
    assert_eq!(rig.root.put("/bucket?cors").body(rules).send(&rig).await.status, 200);
    for (host, uri) in [("bucket.localhost", "/k"), (HOST, "/bucket/k")] {
        let mut request = anonymous("OPTIONS", uri).build();
        for (name, value) in [
            ("host", host),
            ("origin", "https://x"),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "X-Amz-Date"),
        ] {
            request.headers_mut().insert(name, http::HeaderValue::from_str(value).unwrap());
        }
        let answer = rig.send(request).await;
        assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (200, Some("https://x")));
        assert_eq!(
            (answer.header("access-control-max-age"), answer.header("access-control-allow-headers")),
            (Some("60"), Some("x-amz-date"))
        );
    }
    let simple = rig.root.get("/bucket/k").header("origin", "https://x").send(&rig).await;
    assert_eq!(simple.header("access-control-expose-headers"), Some("etag"));
    let foreign = rig.root.get("/bucket/k").header("origin", "https://y").send(&rig).await;
    assert_eq!((foreign.status.as_u16(), foreign.header("access-control-allow-origin")), (200, None));
    assert!(rig.root.get("/bucket?cors").send(&rig).await.text().contains("<AllowedOrigin>https://x</AllowedOrigin>"));
}

#[tokio::test]
async fn control_characters_in_keys_can_be_listed() {
    let rig = Rig::with_bucket().await;
    assert_eq!(rig.root.put("/bucket/a%01b").body("x").send(&rig).await.status, 200);
    let plain = rig.root.get("/bucket?list-type=2").send(&rig).await;
    assert!(plain.text().contains("<Key>a&#x1;b</Key>"), "{}", plain.text());
    let encoded = rig.root.get("/bucket?list-type=2&encoding-type=url").send(&rig).await;
    assert!(encoded.text().contains("<Key>a%01b</Key>"));
    assert_eq!(rig.root.get("/bucket?encoding-type=xml").send(&rig).await.error(), (400, "InvalidArgument"));
    let missing = rig.root.get("/bucket/a%02").send(&rig).await;
    assert_eq!((missing.error(), missing.element("Key")), ((404, "NoSuchKey"), Some("a&#x2;")));
}

#[tokio::test]
async fn listings_are_paged() {
    let rig = Rig::with_bucket().await;
    for key in ["a/1", "a/2", "b", "c"] {
        assert_eq!(rig.root.put(&format!("/bucket/{key}")).body("x").send(&rig).await.status, 200);
    }
    let first = rig.root.get("/bucket?list-type=2&max-keys=2&delimiter=%2F").send(&rig).await;
    assert_eq!((first.element("IsTruncated"), first.element("KeyCount")), (Some("true"), Some("2")));
    assert!(first.text().contains("<Prefix>a/</Prefix>") && first.text().contains("<Key>b</Key>"));
    let token = first.element("NextContinuationToken").unwrap().to_owned();
    let second =
        rig.root.get(&format!("/bucket?list-type=2&delimiter=%2F&continuation-token={token}")).send(&rig).await;
    assert_eq!((second.element("IsTruncated"), second.element("Key")), (Some("false"), Some("c")));
    assert_eq!(
        rig.root.get("/bucket?list-type=2&continuation-token=x").send(&rig).await.error(),
        (400, "InvalidArgument")
    );
    assert_eq!(rig.root.get("/bucket?max-keys=-1").send(&rig).await.error(), (400, "InvalidArgument"));
    assert_eq!(rig.root.get("/bucket?max-keys=5000").send(&rig).await.element("MaxKeys"), Some("1000"));
}

#[tokio::test]
async fn versions_are_named_where_there_are_versions() {
    let rig = Rig::with_bucket().await;
    let enable = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    assert_eq!(rig.root.put("/bucket?versioning").body(enable).send(&rig).await.status, 200);
    let first = rig.root.put("/bucket/k").body("1").send(&rig).await.header("x-amz-version-id").unwrap().to_owned();
    rig.root.put("/bucket/k").body("2").send(&rig).await;
    let old = rig.root.get(&format!("/bucket/k?versionId={first}")).send(&rig).await;
    assert_eq!((old.text(), old.header("x-amz-version-id")), ("1", Some(first.as_str())));
    let marker = rig.root.delete("/bucket/k").send(&rig).await;
    assert_eq!(marker.header("x-amz-delete-marker"), Some("true"));
    let gone = rig.root.get("/bucket/k").send(&rig).await;
    assert_eq!((gone.error(), gone.header("x-amz-delete-marker")), ((404, "NoSuchKey"), Some("true")));
    let marker = marker.header("x-amz-version-id").unwrap();
    let addressed = rig.root.get(&format!("/bucket/k?versionId={marker}")).send(&rig).await;
    assert_eq!(addressed.error(), (405, "MethodNotAllowed"));
    let listed = rig.root.get("/bucket?versions").send(&rig).await;
    assert_eq!((listed.text().matches("<Version>").count(), listed.text().matches("<DeleteMarker>").count()), (2, 1));
    assert_eq!(rig.root.get("/bucket/k?versionId=nonsense").send(&rig).await.error(), (400, "InvalidArgument"));
    let suspend = enable.replace("Enabled", "Suspended");
    assert_eq!(rig.root.put("/bucket?versioning").body(suspend).send(&rig).await.status, 200);
    assert_eq!(rig.root.put("/bucket/k").body("3").send(&rig).await.header("x-amz-version-id"), None);
    assert_eq!(rig.root.get("/bucket/k").send(&rig).await.header("x-amz-version-id"), Some("null"));
}

#[tokio::test]
async fn an_empty_content_md5_is_a_bad_one() {
    let rig = Rig::with_bucket().await;
    let put = rig.root.put("/bucket/k").header("content-md5", "").body("x").send(&rig).await;
    assert_eq!(put.error(), (400, "InvalidDigest"));
}

#[tokio::test]
async fn the_checksum_of_a_complete_is_the_objects_and_not_the_documents() {
    use s3s::crypto::Checksum as _;
    let rig = Rig::with_bucket().await;
    let create = rig.root.post("/bucket/k?uploads").header("x-amz-checksum-algorithm", "SHA256").send(&rig).await;
    let uri = format!("/bucket/k?uploadId={}", create.element("UploadId").unwrap());
    let part = rig.root.put(&format!("{uri}&partNumber=1")).body("content").send(&rig).await;
    let of_part = s3s::crypto::Sha256::checksum(b"content");
    let body = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{}</ETag><ChecksumSHA256>{}</ChecksumSHA256></Part></CompleteMultipartUpload>",
        part.header("etag").unwrap(),
        BASE64_STANDARD.encode(of_part),
    );
    let whole = format!("{}-1", BASE64_STANDARD.encode(s3s::crypto::Sha256::checksum(&of_part)));
    let complete = |checksum: &str| rig.root.post(&uri).header("x-amz-checksum-sha256", checksum).body(body.clone());
    let of_document = BASE64_STANDARD.encode(s3s::crypto::Sha256::checksum(body.as_bytes()));
    assert_eq!(complete(&of_document).send(&rig).await.error(), (400, "BadDigest"));
    assert_eq!(complete(&whole).send(&rig).await.element("ChecksumSHA256"), Some(&*whole));
    let attributes = rig.root.get("/bucket/k?attributes").header("x-amz-object-attributes", "Checksum");
    assert_eq!(attributes.send(&rig).await.element("ChecksumSHA256"), whole.strip_suffix("-1"));
}

#[tokio::test]
async fn many_keys_are_deleted_at_once() {
    let rig = Rig::with_bucket().await;
    for key in ["a", "b"] {
        rig.root.put(&format!("/bucket/{key}")).body("x").send(&rig).await;
    }
    let body = "<Delete><Object><Key>a</Key></Object><Object><Key>missing</Key></Object><Object><Key>b</Key><VersionId>bad</VersionId></Object></Delete>";
    let md5 = {
        use s3s::crypto::Checksum as _;
        BASE64_STANDARD.encode(s3s::crypto::Md5::checksum(body.as_bytes()))
    };
    let answer = rig.root.post("/bucket?delete").header("content-md5", &md5).body(body).send(&rig).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text().matches("<Deleted>").count(), 2, "{}", answer.text());
    assert_eq!(answer.text().matches("<Error>").count(), 1);
    assert_eq!(rig.root.get("/bucket/a").send(&rig).await.error(), (404, "NoSuchKey"));
    assert_eq!(rig.root.get("/bucket/b").send(&rig).await.status, 200);
}

#[tokio::test]
async fn a_multipart_upload_becomes_an_object() {
    let rig = Rig::with_bucket().await;
    let created = rig.root.post("/bucket/k?uploads").send(&rig).await;
    let upload = created.element("UploadId").unwrap().to_owned();
    let first = vec![b'a'; 5 * 1024 * 1024];
    let etag = |answer: super::rig::Answer| answer.header("etag").unwrap().to_owned();
    let one =
        etag(rig.root.put(&format!("/bucket/k?partNumber=1&uploadId={upload}")).body(first.clone()).send(&rig).await);
    let two = etag(rig.root.put(&format!("/bucket/k?partNumber=2&uploadId={upload}")).body("b").send(&rig).await);
    let listed = rig.root.get(&format!("/bucket/k?uploadId={upload}")).send(&rig).await;
    assert_eq!(listed.text().matches("<Part>").count(), 2);
    let body = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{one}</ETag></Part><Part><PartNumber>2</PartNumber><ETag>{two}</ETag></Part></CompleteMultipartUpload>"
    );
    let size = rig
        .root
        .post(&format!("/bucket/k?uploadId={upload}"))
        .header("x-amz-mp-object-size", "7")
        .body(body.clone())
        .send(&rig)
        .await;
    assert_eq!(size.error(), (400, "InvalidRequest"), "{}", size.text());
    let done = rig
        .root
        .post(&format!("/bucket/k?uploadId={upload}"))
        .header("x-amz-mp-object-size", "5242881")
        .body(body)
        .send(&rig)
        .await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(done.element("Location"), Some(&*format!("http://{HOST}/bucket/k")));
    let part = rig.root.get("/bucket/k?partNumber=2").send(&rig).await;
    assert_eq!((part.text(), part.header("x-amz-mp-parts-count")), ("b", Some("2")));
    let gone = rig.root.get(&format!("/bucket/k?uploadId={upload}")).send(&rig).await;
    assert_eq!((gone.error(), gone.element("UploadId")), ((404, "NoSuchUpload"), Some(upload.as_str())));
    assert_eq!(rig.root.put("/bucket/k?partNumber=0&uploadId=x").body("b").send(&rig).await.status, 404);
}

#[tokio::test]
async fn a_copy_converts_and_tells() {
    let rig = Rig::with_bucket().await;
    rig.root.put("/bucket/from").header("x-amz-meta-a", "b").body("content").send(&rig).await;
    rig.kms.create(super::rig::ACCOUNT, "one");
    let copied = rig
        .root
        .put("/bucket/to")
        .header("x-amz-copy-source", "/bucket/from")
        .header("x-amz-server-side-encryption", "aws:kms")
        .header("x-amz-server-side-encryption-aws-kms-key-id", "one")
        .send(&rig)
        .await;
    assert_eq!((copied.status.as_u16(), copied.header("x-amz-server-side-encryption")), (200, Some("aws:kms")));
    let got = rig.root.get("/bucket/to").send(&rig).await;
    assert_eq!((got.text(), got.header("x-amz-meta-a")), ("content", Some("b")));
    for (source, error) in [
        ("/bucket/missing", (404, "NoSuchKey")),
        ("/missing-bucket/k", (404, "NoSuchBucket")),
        ("nonsense", (400, "InvalidArgument")),
        ("arn:aws:s3:us-east-1:111122223333:accesspoint/my-ap/object/k", (501, "NotImplemented")),
    ] {
        assert_eq!(
            rig.root.put("/bucket/to").header("x-amz-copy-source", source).send(&rig).await.error(),
            error,
            "{source}"
        );
    }
}

#[tokio::test]
async fn buckets_tell_their_settings() {
    let rig = Rig::with_bucket().await;
    let location = rig.root.get("/bucket?location").send(&rig).await;
    assert!(location.status == 200 && location.text().contains("<LocationConstraint"), "{}", location.text());
    assert_eq!(rig.root.head("/bucket").send(&rig).await.header("x-amz-bucket-region"), Some("us-east-1"));
    let default = rig.root.get("/bucket?encryption").send(&rig).await;
    assert_eq!((default.element("SSEAlgorithm"), default.element("BucketKeyEnabled")), (Some("AES256"), Some("false")));
    let rule = "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>one</KMSMasterKeyID></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>true</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>";
    assert_eq!(rig.root.put("/bucket?encryption").body(rule).send(&rig).await.status, 200);
    let echoed = rig.root.get("/bucket?encryption").send(&rig).await;
    assert_eq!((echoed.element("KMSMasterKeyID"), echoed.element("BucketKeyEnabled")), (Some("one"), Some("true")));
    let key = rig.kms.create(super::rig::ACCOUNT, "one");
    let put = rig.root.put("/bucket/k").body("x").send(&rig).await;
    assert_eq!(put.header("x-amz-server-side-encryption-aws-kms-key-id"), Some(key.as_str()));
    assert_eq!(put.header("x-amz-server-side-encryption-bucket-key-enabled"), Some("true"));
    assert_eq!(rig.root.delete("/bucket?encryption").send(&rig).await.status, 204);
    assert_eq!(rig.root.get("/bucket?lifecycle").send(&rig).await.error(), (404, "NoSuchLifecycleConfiguration"));
    assert_eq!(rig.root.get("/bucket?tagging").send(&rig).await.error(), (404, "NoSuchTagSet"));
    assert_eq!(rig.root.head("/bucket").send(&rig).await.header("content-type"), Some("application/xml"));
    assert!(rig.root.get("/bucket?acl").send(&rig).await.text().contains("FULL_CONTROL"));
    let listed = rig.root.get("/").send(&rig).await;
    assert_eq!((listed.element("Name"), listed.element("BucketRegion")), (Some("bucket"), Some("us-east-1")));
}

#[tokio::test]
async fn a_customers_key_opens_what_it_closed() {
    const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    const MD5: &str = "hRasmdxgYDKV3nvbahU1MA==";
    let rig = Rig::with_bucket().await;
    let keyed = |draft: super::rig::Draft, key: &str, md5: &str| {
        draft
            .header("x-amz-server-side-encryption-customer-algorithm", "AES256")
            .header("x-amz-server-side-encryption-customer-key", key)
            .header("x-amz-server-side-encryption-customer-key-md5", md5)
    };
    let put = keyed(rig.root.put("/bucket/k"), KEY, MD5).body("content").send(&rig).await;
    assert_eq!(put.status, 200, "{}", put.text());
    assert_eq!(put.header("x-amz-server-side-encryption-customer-key-md5"), Some(MD5));
    assert_eq!(put.header("x-amz-server-side-encryption"), None);
    assert_eq!(keyed(rig.root.get("/bucket/k"), KEY, MD5).send(&rig).await.text(), "content");
    assert_eq!(rig.root.get("/bucket/k").send(&rig).await.error(), (400, "InvalidRequest"));
    assert_eq!(rig.root.head("/bucket/k").send(&rig).await.status, 400);
    let other = BASE64_STANDARD.encode([7; 32]);
    let other_md5 = {
        use s3s::crypto::Checksum as _;
        BASE64_STANDARD.encode(s3s::crypto::Md5::checksum(&[7; 32]))
    };
    let wrong = keyed(rig.root.get("/bucket/k"), &other, &other_md5).send(&rig).await;
    assert_eq!(wrong.error(), (403, "AccessDenied"));
    assert!(!wrong.text().contains(&other), "a key is in no answer");
}

#[tokio::test]
async fn tags_are_refused_and_missed_in_awss_words() {
    let rig = Rig::with_bucket().await;
    let set = |pair: &str| format!("<Tagging><TagSet>{pair}</TagSet></Tagging>");
    let one = set("<Tag><Key>a</Key><Value>b</Value></Tag>");
    assert_eq!(rig.root.put("/bucket?tagging").body(one.clone()).send(&rig).await.status, 204);
    assert_eq!(rig.root.get("/bucket?tagging").send(&rig).await.element("Value"), Some("b"));
    assert_eq!(rig.root.put("/bucket?tagging").body(set("")).send(&rig).await.status, 204);
    let none = rig.root.get("/bucket?tagging").send(&rig).await;
    assert_eq!((none.error(), none.element("BucketName")), ((404, "NoSuchTagSet"), Some("bucket")));

    let system = rig.root.put("/bucket/k").header("x-amz-tagging", "aws:a=b").body("x").send(&rig).await;
    assert_eq!(system.element("Message"), Some("Your TagKey cannot be prefixed with aws:"));
    let document = set("<Tag><Key>aws:a</Key><Value>b</Value></Tag>");
    let system = rig.root.put("/bucket?tagging").body(document).send(&rig).await;
    assert_eq!(system.element("Message"), Some("System tags cannot be added/updated by requester"));

    let versions = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    assert_eq!(rig.root.put("/bucket?versioning").body(versions).send(&rig).await.status, 200);
    let put = rig.root.put("/bucket/k").body("x").send(&rig).await;
    let version = put.header("x-amz-version-id").unwrap();
    let tagging = format!("/bucket/k?tagging&versionId={version}");
    assert_eq!(rig.root.put(&tagging).body(one.clone()).send(&rig).await.status, 200);
    rig.root.delete(&format!("/bucket/k?versionId={version}")).send(&rig).await;
    let gone = rig.root.put(&tagging).body(one.clone()).send(&rig).await;
    assert_eq!((gone.error(), gone.element("VersionId")), ((404, "NoSuchVersion"), Some(version)));
    let marked = rig.root.delete("/bucket/k").send(&rig).await;
    let marker = format!("/bucket/k?tagging&versionId={}", marked.header("x-amz-version-id").unwrap());
    let refused = rig.root.put(&marker).body(one).send(&rig).await;
    assert_eq!(refused.error(), (405, "MethodNotAllowed"));
    assert_eq!((refused.element("Method"), refused.element("ResourceType")), (Some("PUT"), Some("DeleteMarker")));
}

#[tokio::test]
async fn a_bucket_is_made_here_or_not_at_all() {
    let rig = Rig::with_bucket().await;
    for (place, code) in
        [("us-east-1", "InvalidLocationConstraint"), ("eu-west-1", "IllegalLocationConstraintException")]
    {
        let wanted = format!(
            "<CreateBucketConfiguration><LocationConstraint>{place}</LocationConstraint></CreateBucketConfiguration>"
        );
        assert_eq!(rig.root.put("/elsewhere").body(wanted).send(&rig).await.error(), (400, code));
    }
    assert_eq!(rig.root.put("/elsewhere").send(&rig).await.status, 200);
}

#[tokio::test]
async fn a_delete_on_condition_needs_its_object() {
    let rig = Rig::with_bucket().await;
    let put = rig.root.put("/bucket/k").body("x").send(&rig).await;
    let delete = |tag: &str| rig.root.delete("/bucket/k").header("if-match", tag);
    assert_eq!(delete("other").send(&rig).await.error(), (412, "PreconditionFailed"));
    assert_eq!(delete(put.header("etag").unwrap()).send(&rig).await.status, 204);
    assert_eq!(delete("other").send(&rig).await.error(), (404, "NoSuchKey"));
    assert_eq!(rig.root.delete("/bucket/k").send(&rig).await.status, 204);
}

#[tokio::test]
async fn an_object_lock_needs_a_document() {
    let rig = Rig::with_bucket().await;
    let put = |md5: &str| rig.root.put("/bucket?object-lock").header("content-md5", md5);
    let empty = put("1B2M2Y8AsgTpgAmY7PhCfg==").send(&rig).await;
    assert_eq!(
        (empty.error(), empty.element("Message")),
        ((400, "MissingRequestBodyError"), Some("Request Body is empty"))
    );
    let document = "<ObjectLockConfiguration/>";
    let md5 = {
        use s3s::crypto::Checksum as _;
        BASE64_STANDARD.encode(s3s::crypto::Md5::checksum(document.as_bytes()))
    };
    assert_eq!(put(&md5).body(document).send(&rig).await.error(), (400, "MalformedXML"));
}
