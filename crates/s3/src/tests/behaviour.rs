//! What AWS does in the corners of its operations.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use s3s::crypto::Checksum as _;

use super::rig::{HOST, Rig, Signer, presign};
use crate::tests::rig::Answer;

const VERSIONING: &str = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";

fn md5(body: &str) -> String {
    BASE64_STANDARD.encode(s3s::crypto::Md5::checksum(body.as_bytes()))
}

async fn delete_objects(rig: &Rig, body: &str) -> Answer {
    rig.root.post("/bucket?delete").header("content-md5", &md5(body)).body(body.to_owned()).send(rig).await
}

async fn put(rig: &Rig, key: &str, body: &'static str) -> String {
    let put = rig.root.put(&format!("/bucket/{key}")).body(body).send(rig).await;
    assert_eq!(put.status, 200, "{}", put.text());
    put.header("etag").unwrap().to_owned()
}

async fn presigned(rig: &Rig, signer: &Signer, method: &'static str, path: &str) -> Answer {
    let url = presign(signer, method, path, true);
    let request = http::Request::builder().method(method).uri(url).header("host", HOST);
    rig.send(request.body(http_body_util::Full::<bytes::Bytes>::default()).unwrap()).await
}

#[tokio::test]
async fn a_resumed_download_is_never_a_splice() {
    let rig = Rig::with_bucket().await;
    let old = put(&rig, "k", "0123456789").await;
    let resume = |etag: &str| rig.root.get("/bucket/k").header("range", "bytes=5-").header("if-range", etag);
    let same = resume(&old).send(&rig).await;
    assert_eq!((same.status.as_u16(), same.text()), (206, "56789"));
    put(&rig, "k", "another one").await;
    let changed = resume(&old).send(&rig).await;
    assert_eq!((changed.status.as_u16(), changed.text()), (200, "another one"));
    let older = resume("Wed, 01 Jan 2020 00:00:00 GMT").send(&rig).await;
    assert_eq!((older.status.as_u16(), older.text()), (200, "another one"));
    put(&rig, "empty", "").await;
    let footer = rig.root.get("/bucket/empty").header("range", "bytes=-13").send(&rig).await;
    assert_eq!((footer.status.as_u16(), footer.text()), (200, ""));
    let nothing = rig.root.get("/bucket/k").header("range", "bytes=-").send(&rig).await;
    assert_eq!((nothing.status.as_u16(), nothing.text()), (200, "another one"));
}

#[tokio::test]
async fn times_of_lists_are_those_of_head() {
    let rig = Rig::with_bucket().await;
    put(&rig, "k", "x").await;
    for uri in ["/bucket", "/bucket?list-type=2", "/bucket?versions"] {
        let list = rig.root.get(uri).send(&rig).await;
        let told = list.element("LastModified").unwrap();
        assert!(told.ends_with(".000Z"), "{uri}: {told}");
    }
    let head = rig.root.head("/bucket/k?response-content-type=a%2Fb&response-cache-control=no-store").send(&rig).await;
    assert_eq!((head.header("content-type"), head.header("cache-control")), (Some("a/b"), Some("no-store")));
}

#[tokio::test]
async fn conditions_in_a_presigned_url_count() {
    let rig = Rig::with_bucket().await;
    put(&rig, "k", "x").await;
    let failing = presigned(&rig, &rig.root, "GET", "/bucket/k?if-match=other").await;
    assert_eq!(failing.error(), (412, "PreconditionFailed"));
    assert_eq!(presigned(&rig, &rig.root, "GET", "/bucket/k?if-match=*").await.status, 200);
    assert_eq!(presigned(&rig, &rig.root, "GET", "/bucket/k?if-none-match=*").await.status, 304);
}

#[tokio::test]
async fn documents_with_cdata_or_a_document_type_do_nothing() {
    let rig = Rig::with_bucket().await;
    put(&rig, "a", "x").await;
    put(&rig, "ab", "x").await;
    for body in [
        "<Delete><Object><Key>a<![CDATA[b]]></Key></Object></Delete>",
        "<!DOCTYPE Delete><Delete><Object><Key>a</Key></Object></Delete>",
    ] {
        assert_eq!(delete_objects(&rig, body).await.error(), (400, "MalformedXML"), "{body}");
    }
    let tagging = "<Tagging><TagSet><Tag><Key>k<![CDATA[x]]></Key><Value>v</Value></Tag></TagSet></Tagging>";
    assert_eq!(rig.root.put("/bucket?tagging").body(tagging).send(&rig).await.error(), (400, "MalformedXML"));
    for key in ["a", "ab"] {
        assert_eq!(rig.root.head(&format!("/bucket/{key}")).send(&rig).await.status, 200, "{key}");
    }
}

#[tokio::test]
async fn a_version_id_that_is_none_fails_its_key_alone() {
    let rig = Rig::with_bucket().await;
    put(&rig, "k", "x").await;
    let body = "<Delete><Object><Key>k</Key><VersionId>abc</VersionId></Object><Object><Key>k</Key></Object></Delete>";
    let answer = delete_objects(&rig, body).await;
    assert_eq!((answer.status.as_u16(), answer.element("Code")), (200, Some("NoSuchVersion")), "{}", answer.text());
    assert_eq!(rig.root.head("/bucket/k").send(&rig).await.status, 404);
}

#[tokio::test]
async fn buckets_are_made_and_changed_as_aws_has_it() {
    let rig = Rig::with_bucket().await;
    let tags =
        "<CreateBucketConfiguration><Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags></CreateBucketConfiguration>";
    assert_eq!(rig.root.put("/bucket").send(&rig).await.status, 200);
    assert_eq!(rig.root.put("/bucket").body(tags).send(&rig).await.error(), (409, "BucketAlreadyOwnedByYou"));
    for (bucket, said) in [("/bucket", (409, "BucketAlreadyOwnedByYou")), ("/other", (501, "NotImplemented"))] {
        let preferred = rig.root.put(bucket).header("x-amz-object-ownership", "BucketOwnerPreferred");
        assert_eq!(preferred.send(&rig).await.error(), said, "{bucket}");
    }
    let open = rig.root.put("/other").header("x-amz-acl", "public-read").send(&rig).await;
    assert_eq!(open.error(), (400, "InvalidBucketAclWithObjectOwnership"));
    let lower = VERSIONING.replace("Enabled", "enabled");
    assert_eq!(rig.root.put("/bucket?versioning").body(lower).send(&rig).await.error(), (400, "MalformedXML"));
    let empty = "<VersioningConfiguration></VersioningConfiguration>";
    let answer = rig.root.put("/bucket?versioning").body(empty).send(&rig).await;
    assert_eq!(answer.error(), (400, "IllegalVersioningConfigurationException"));
    let none = "<Tagging><TagSet></TagSet></Tagging>";
    assert_eq!(rig.root.put("/bucket?tagging").body(none).send(&rig).await.status, 204);
    assert_eq!(rig.root.get("/bucket?tagging").send(&rig).await.error(), (404, "NoSuchTagSet"));
    let bypass = rig.root.delete("/bucket/k").header("x-amz-bypass-governance-retention", "true");
    assert_eq!(bypass.send(&rig).await.error(), (400, "InvalidArgument"));
}

#[tokio::test]
async fn tags_are_told_once_and_a_marker_has_none() {
    let rig = Rig::with_bucket().await;
    let twice = rig.root.put("/bucket/k").header("x-amz-tagging", "a=1&a=2").body("x").send(&rig).await;
    assert_eq!((twice.error(), twice.element("ArgumentName")), ((400, "InvalidArgument"), Some("x-amz-tagging")));
    assert_eq!(rig.root.put("/bucket?versioning").body(VERSIONING).send(&rig).await.status, 200);
    put(&rig, "k", "x").await;
    let marker = rig.root.delete("/bucket/k").send(&rig).await.header("x-amz-version-id").unwrap().to_owned();
    let tagging = rig.root.put(&format!("/bucket/k?tagging&versionId={marker}"));
    let tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>";
    assert_eq!(tagging.body(tags).send(&rig).await.error(), (405, "MethodNotAllowed"));
    // Nor where it is the current version, and nobody named it.
    let ways = [
        rig.root.put("/bucket/k?tagging").body(tags),
        rig.root.get("/bucket/k?tagging"),
        rig.root.delete("/bucket/k?tagging"),
    ];
    for way in ways {
        let answer = way.send(&rig).await;
        assert_eq!((answer.error(), answer.header("x-amz-version-id")), ((405, "MethodNotAllowed"), Some(&*marker)));
        assert_eq!(answer.element("ResourceType"), Some("DeleteMarker"));
    }
    assert_eq!(rig.root.get("/bucket/k").send(&rig).await.error(), (404, "NoSuchKey"));
}

#[tokio::test]
async fn uploads_in_the_corners() {
    let rig = Rig::with_bucket().await;
    put(&rig, "a%20b", "0123456789").await;
    let copy = |source: &str| rig.root.put("/bucket/copy").header("x-amz-copy-source", source);
    assert_eq!(copy("bucket/a+b").send(&rig).await.status, 200);
    let started = rig.root.post("/bucket/k?uploads").send(&rig).await;
    let id = started.element("UploadId").unwrap().to_owned();
    let part = rig.root.put(&format!("/bucket/k?partNumber=1&uploadId={id}")).body("body").send(&rig).await;
    assert_eq!(part.header("x-amz-checksum-crc64nvme"), None, "{:?}", part.headers);
    let parts = rig.root.get(&format!("/bucket/k?uploadId={id}")).send(&rig).await;
    assert!(
        !parts.text().contains("Checksum") && parts.text().contains("<DisplayName>root</DisplayName>"),
        "{}",
        parts.text()
    );
    let uploads = rig.root.get("/bucket?uploads").send(&rig).await;
    assert_eq!((uploads.element("NextKeyMarker"), uploads.element("NextUploadIdMarker")), (Some("k"), Some(&*id)));
    let markers = |key: &str| format!("/bucket?uploads&key-marker={key}&upload-id-marker={id}");
    assert_eq!(rig.root.get(&markers("k")).send(&rig).await.status, 200);
    assert_eq!(rig.root.get(&markers("other")).send(&rig).await.error(), (400, "InvalidArgument"));
    let complete = format!("/bucket/k?uploadId={id}");
    let none = rig.root.post(&complete).body("<CompleteMultipartUpload></CompleteMultipartUpload>").send(&rig).await;
    assert_eq!(none.error(), (400, "MalformedXML"));
    let list = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{}</ETag></Part></CompleteMultipartUpload>",
        part.header("etag").unwrap()
    );
    let both = rig.root.post(&complete).header("if-match", "\"a\"").header("if-none-match", "*").body(list.clone());
    let both = both.send(&rig).await;
    assert_eq!((both.error(), both.element("Header")), ((501, "NotImplemented"), Some("If-Match,If-None-Match")));
    let done = rig.root.post(&complete).body(list).send(&rig).await;
    assert_eq!(done.element("Location"), Some("http://127.0.0.1:9000/bucket/k"), "{}", done.text());
    assert_eq!(done.element("ChecksumType"), Some("FULL_OBJECT"));
    assert!(done.element("ChecksumCRC64NVME").is_some());
    let attributes =
        rig.root.get("/bucket/k?attributes").header("x-amz-object-attributes", "ObjectParts").send(&rig).await;
    assert!(
        attributes.text().contains("<ObjectParts><PartsCount>1</PartsCount></ObjectParts>"),
        "{}",
        attributes.text()
    );
    assert_eq!(rig.root.delete(&complete).send(&rig).await.status, 204, "giving up what is complete");
    assert_eq!(rig.root.get("/bucket/k").send(&rig).await.text(), "body");
}

#[tokio::test]
async fn what_is_wrong_with_a_body_is_told_to_who_may_send_one() {
    let rig = Rig::new().await;
    let create = rig.root.put("/bucket").header("x-amz-bucket-object-lock-enabled", "true");
    assert_eq!(create.send(&rig).await.status, 200);
    put(&rig, "k", "x").await;
    let reader = rig.identities.user("reader", &[("s3:GetObject", "arn:aws:s3:::bucket/*", "{}")]).await;
    for uri in ["/bucket/k?retention", "/bucket/k?legal-hold", "/bucket/k?tagging"] {
        for body in ["no document", "", "<Nothing></Nothing>"] {
            let send = |signer: &Signer| signer.put(uri).header("content-md5", &md5(body)).body(body).send(&rig);
            assert_eq!(send(&reader).await.error(), (403, "AccessDenied"), "{uri}: {body}");
            assert_eq!(send(&rig.root).await.status, 400, "{uri}: {body}");
        }
    }
    let tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>";
    let condition = r#"{"StringEquals":{"s3:RequestObjectTag/a":"b"}}"#;
    let tagger = rig.identities.user("tagger", &[("s3:PutObjectTagging", "arn:aws:s3:::bucket/*", condition)]).await;
    assert_eq!(tagger.put("/bucket/k?tagging").body(tags).send(&rig).await.status, 200, "the body decides");
}
