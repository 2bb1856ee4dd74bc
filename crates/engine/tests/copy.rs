//! Copies from any mode to any other, re-keying in place, and what comes along.
#![allow(clippy::unwrap_used)]

mod rig;

use arqueta_engine::api::{
    Conditions, ContentHeaders, CopiedObject, CopyObject, CopySource, DefaultEncryption, DefaultMode,
    EncryptionRequest, GetObject, MetadataDirective, StorageClass, TagDirective, Tags, UpdateObjectEncryption,
    UserMetadata, Versioning,
};
use arqueta_engine::{Condition, Error, SseMode};
use rig::{Mode, Rig, any_etag, bucket, etag, key, name, pattern, version, write_if};

fn from(source: &str) -> CopyObject {
    CopyObject {
        bucket: bucket(),
        key: key("copy"),
        source: CopySource { name: name(source), conditions: Conditions::default(), customer_key: None },
        metadata: MetadataDirective::Copy,
        tags: TagDirective::Copy,
        storage_class: None,
        encryption: EncryptionRequest::default(),
        checksum: None,
        website_redirect: None,
        conditions: Conditions::default(),
        retention: None,
        legal_hold: None,
    }
}

async fn copy(rig: &Rig, input: CopyObject) -> Result<CopiedObject, Error> {
    rig.engine.objects().copy(&rig.caller, input).await
}

#[tokio::test]
async fn every_mode_to_every_other() {
    let rig = Rig::new(Versioning::Off).await;
    for size in [0, 5_000, 150_000] {
        for source in Mode::ALL {
            rig.put_mode("source", pattern(size), source).await;
            for target in Mode::ALL {
                let mut input = from("source");
                input.source.customer_key = source.customer_key();
                input.encryption = target.request();
                let copied = copy(&rig, input).await.unwrap();
                assert_eq!(copied.object.size, size as u64);
                assert!(rig.body_mode(name("copy"), target).await.unwrap() == pattern(size), "{source:?} {target:?}");
            }
        }
    }
    let stored = rig.everything().await;
    assert!(!stored.windows(64).any(|window| *window == pattern(64)[..]), "no plaintext on the way");
}

#[tokio::test]
async fn a_copys_md5_is_that_of_the_content_whatever_the_source_had() {
    let rig = Rig::new(Versioning::Off).await;
    let expected = rig.put_mode("source", pattern(500), Mode::S3).await.etag;
    for source in Mode::ALL {
        rig.put_mode("source", pattern(500), source).await;
        let mut input = from("source");
        input.source.customer_key = source.customer_key();
        assert_eq!(copy(&rig, input).await.unwrap().object.etag, expected, "{source:?}");
    }
}

#[tokio::test]
async fn a_copy_takes_the_destinations_default_and_nothing_from_the_source() {
    let rig = Rig::new(Versioning::Off).await;
    rig.put_mode("source", pattern(10), Mode::Kms).await;
    assert_eq!(copy(&rig, from("source")).await.unwrap().object.encryption.unwrap().mode, SseMode::S3);
    let default = DefaultEncryption { mode: DefaultMode::Kms(Some("key-9".into())), bucket_key: true };
    rig.engine.bucket_settings().put_encryption(&bucket(), default, None).await.unwrap();
    let encryption = copy(&rig, from("source")).await.unwrap().object.encryption.unwrap();
    assert_eq!((encryption.mode, encryption.bucket_key), (SseMode::Kms, true));
    assert_eq!(encryption.key.unwrap().key_id(), "key-9");
}

#[tokio::test]
async fn what_comes_along_and_what_does_not() {
    let rig = Rig::new(Versioning::Off).await;
    let tags = || Tags::of_object(vec![("a".into(), "1".into())]).unwrap();
    rig.put_with("source", "x", |put| {
        put.headers.content_type = Some("text/plain".into());
        put.headers.website_redirect = Some("/elsewhere".into());
        put.metadata.0.insert("who".into(), "me".into());
        put.tags = tags();
        put.storage_class = StorageClass::StandardIa;
    })
    .await
    .unwrap();
    copy(&rig, from("source")).await.unwrap();
    let head = rig.engine.objects().head(&rig.caller, GetObject::new(name("copy"))).await.unwrap();
    assert_eq!(head.headers.content_type.as_deref(), Some("text/plain"));
    assert_eq!(head.headers.website_redirect, None);
    assert_eq!(head.metadata.0["who"], "me");
    assert_eq!((head.tags, head.storage_class), (1, StorageClass::Standard));

    let headers = ContentHeaders { content_type: Some("text/csv".into()), ..ContentHeaders::default() };
    let mut input = from("source");
    input.metadata = MetadataDirective::Replace(headers, UserMetadata::default());
    input.tags = TagDirective::Replace(Tags::default());
    copy(&rig, input).await.unwrap();
    let head = rig.engine.objects().head(&rig.caller, GetObject::new(name("copy"))).await.unwrap();
    assert_eq!(head.headers.content_type.as_deref(), Some("text/csv"));
    assert!(head.metadata.0.is_empty() && head.tags == 0);
}

#[tokio::test]
async fn onto_itself_only_with_a_change() {
    let rig = Rig::new(Versioning::Enabled).await;
    let first = rig.put_mode("copy", pattern(30), Mode::S3).await;
    assert!(matches!(copy(&rig, from("copy")).await, Err(Error::InvalidRequest { .. })));
    // Under a rule of the bucket, or sealed under keys of its own, it is another object.
    let rule = DefaultEncryption { mode: DefaultMode::S3, bucket_key: false };
    rig.engine.bucket_settings().put_encryption(&bucket(), rule, None).await.unwrap();
    copy(&rig, from("copy")).await.unwrap();
    rig.engine.bucket_settings().delete_encryption(&bucket()).await.unwrap();
    let mut encrypted = from("copy");
    encrypted.encryption = Mode::KmsBucketKey.request();
    copy(&rig, encrypted).await.unwrap();
    copy(&rig, from("copy")).await.unwrap();
    // An old version onto the key makes it current again.
    let mut restored = from("copy");
    restored.source.name = version("copy", first.version.unwrap());
    let copied = copy(&rig, restored).await.unwrap();
    assert_eq!(copied.source_version, first.version.unwrap());
    assert!(rig.body(name("copy")).await.unwrap() == pattern(30));
}

#[tokio::test]
async fn conditions_on_both_sides() {
    let rig = Rig::new(Versioning::Off).await;
    let source = rig.put("source", "x").await.unwrap();
    let with = |conditions| {
        let mut input = from("source");
        input.source.conditions = conditions;
        input
    };
    assert!(copy(&rig, with(write_if(etag(&source.etag), None))).await.is_ok());
    let failed = copy(&rig, with(write_if(etag("other"), None))).await;
    assert!(matches!(failed, Err(Error::PreconditionFailed { condition: Condition::SourceIfMatch })));
    let failed = copy(&rig, with(write_if(None, etag(&source.etag)))).await;
    assert!(matches!(failed, Err(Error::PreconditionFailed { condition: Condition::SourceIfNoneMatch })));
    let mut input = from("source");
    input.conditions = write_if(None, any_etag());
    assert!(matches!(copy(&rig, input).await, Err(Error::PreconditionFailed { condition: Condition::IfNoneMatch })));
}

#[tokio::test]
async fn sources_that_cannot_be_copied() {
    let rig = Rig::new(Versioning::Enabled).await;
    assert!(matches!(copy(&rig, from("absent")).await, Err(Error::NoSuchKey { .. })));
    rig.put("source", "x").await.unwrap();
    let marker = rig.delete(name("source")).await.unwrap().version.unwrap();
    assert!(matches!(copy(&rig, from("source")).await, Err(Error::NoSuchKey { delete_marker: Some(_) })));
    let mut input = from("source");
    input.source.name = version("source", marker);
    assert!(matches!(copy(&rig, input).await, Err(Error::InvalidRequest { .. })));
    rig.put_mode("source", pattern(5), Mode::Customer).await;
    assert!(matches!(copy(&rig, from("source")).await, Err(Error::CustomerKey { .. })));
    assert!(matches!(rig.body(name("copy")).await, Err(Error::NoSuchKey { .. })));
}

#[tokio::test]
async fn a_source_that_does_not_authenticate_becomes_nothing() {
    let rig = Rig::new(Versioning::Off).await;
    rig.put_mode("source", pattern(300_000), Mode::Kms).await;
    let blob = arqueta_store::BlobStore::list(&rig.blobs, None, 1).await.unwrap()[0];
    rig.blobs.tamper(blob.id, vec![0; usize::try_from(blob.size).unwrap()]).await;
    assert!(matches!(copy(&rig, from("source")).await, Err(Error::Integrity)));
    assert!(matches!(rig.body(name("copy")).await, Err(Error::NoSuchKey { .. })));
    assert_eq!(arqueta_store::BlobStore::list(&rig.blobs, None, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn re_keying_writes_no_body_and_keeps_tag_and_time() {
    let rig = Rig::new(Versioning::Off).await;
    for mode in [Mode::S3, Mode::Kms, Mode::KmsBucketKey] {
        let stored = rig.put_mode("k", pattern(90_000), mode).await;
        rig.clock.advance(std::time::Duration::from_secs(60));
        rig.settle().await;
        let blobs = rig.faulty_blobs.operations();
        let input =
            UpdateObjectEncryption { name: name("k"), key: "key-2".into(), bucket_key: mode != Mode::KmsBucketKey };
        let info = rig.engine.objects().update_encryption(&rig.caller, &input).await.unwrap();
        assert_eq!((info.mode, info.bucket_key), (SseMode::Kms, mode != Mode::KmsBucketKey));
        assert_eq!(rig.faulty_blobs.operations(), blobs, "no body was touched");
        let got = rig.get(GetObject::new(name("k"))).await.unwrap();
        assert_eq!((got.info.etag.clone(), got.info.last_modified), (stored.etag, stored.last_modified));
        assert_eq!(got.info.encryption.clone().unwrap().key.unwrap().key_id(), "key-2");
        assert!(rig::collect(got).await.unwrap() == pattern(90_000));
    }
}

#[tokio::test]
async fn re_keying_is_for_s3_and_kms_objects() {
    let rig = Rig::new(Versioning::Off).await;
    for mode in [Mode::DualKms, Mode::Customer] {
        rig.put_mode("k", pattern(9), mode).await;
        let input = UpdateObjectEncryption { name: name("k"), key: "key-2".into(), bucket_key: false };
        let outcome = rig.engine.objects().update_encryption(&rig.caller, &input).await;
        assert!(matches!(outcome, Err(Error::InvalidRequest { .. })), "{mode:?}");
        assert!(rig.body_mode(name("k"), mode).await.is_ok());
    }
}
