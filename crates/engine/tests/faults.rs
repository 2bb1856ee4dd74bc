//! Every store operation of every use case fails once, in every way: nothing acknowledged is lost,
//! nothing is half there, and nothing that is referred to is missing.
#![allow(clippy::unwrap_used)]

mod rig;

use arqueta_engine::Error;
use arqueta_engine::api::{
    Conditions, CopyObject, CopySource, GetObject, MetadataDirective, TagDirective, Tags, UpdateObjectEncryption,
    Versioning,
};
use arqueta_store::{BlobStore, Fault, MetaStore};
use bytes::Bytes;
use rig::{Mode, Rig, bucket, collect, key, name, pattern, version};

const FAULTS: [Fault; 3] = [Fault::Refused, Fault::Unacknowledged, Fault::Full];

/// An operation under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    PutSmall,
    PutLarge,
    Delete,
    RemoveVersion,
    Copy,
    Tag,
    Rekey,
}

const ACTS: [Act; 7] = [Act::PutSmall, Act::PutLarge, Act::Delete, Act::RemoveVersion, Act::Copy, Act::Tag, Act::Rekey];

async fn act(rig: &Rig, act: Act, old: arqueta_model::VersionId) -> Result<(), Error> {
    match act {
        Act::PutSmall => rig.put_with("k", pattern(100), |put| put.encryption = Mode::Kms.request()).await.map(drop),
        Act::PutLarge => {
            rig.put_with("k", pattern(300_000), |put| put.encryption = Mode::Kms.request()).await.map(drop)
        }
        Act::Delete => rig.delete(name("k")).await.map(drop),
        Act::RemoveVersion => rig.delete(version("k", old)).await.map(drop),
        Act::Copy => rig.engine.objects().copy(&rig.caller, copy()).await.map(drop),
        Act::Tag => {
            let tags = Tags::of_object(vec![("a".into(), "b".into())])?;
            rig.engine.objects().put_tags(&name("k"), Some(tags)).await.map(drop)
        }
        Act::Rekey => {
            let input = UpdateObjectEncryption { name: name("k"), key: "key-2".into(), bucket_key: true };
            rig.engine.objects().update_encryption(&rig.caller, &input).await.map(drop)
        }
    }
}

fn copy() -> CopyObject {
    CopyObject {
        bucket: bucket(),
        key: key("k"),
        source: CopySource { name: name("source"), conditions: Conditions::default(), customer_key: None },
        metadata: MetadataDirective::Copy,
        tags: TagDirective::Copy,
        storage_class: None,
        encryption: Mode::DualKms.request(),
        checksum: None,
        website_redirect: None,
        conditions: Conditions::default(),
        retention: None,
        legal_hold: None,
    }
}

/// What a reader sees of `k`: its body, or that there is none.
async fn seen(rig: &Rig) -> Option<Bytes> {
    match rig.get(GetObject::new(name("k"))).await {
        Ok(got) => Some(collect(got).await.unwrap()),
        Err(Error::NoSuchKey { .. }) => None,
        Err(other) => panic!("{other}"),
    }
}

async fn prepared(versioning: Versioning) -> (Rig, arqueta_model::VersionId) {
    let rig = Rig::new(versioning).await;
    rig.put_mode("source", pattern(90_000), Mode::S3).await;
    rig.put_mode("k", pattern(40_000), Mode::Kms).await;
    let old = rig.put_mode("k", pattern(50_000), Mode::Kms).await.version;
    (rig, old.unwrap_or(arqueta_model::VersionId::Null))
}

#[tokio::test]
async fn a_fault_at_any_step_leaves_before_or_after() {
    let mut injected = 0;
    for versioning in [Versioning::Off, Versioning::Enabled] {
        for what in ACTS {
            let (clean, old) = prepared(versioning).await;
            let before = seen(&clean).await;
            let (meta, blobs) = (clean.faulty_meta.operations(), clean.faulty_blobs.operations());
            act(&clean, what, old).await.unwrap();
            let (meta, blobs) = (clean.faulty_meta.operations() - meta, clean.faulty_blobs.operations() - blobs);
            let after = seen(&clean).await;
            for fault in FAULTS {
                for nth in 1..=meta + blobs {
                    let (rig, old) = prepared(versioning).await;
                    if nth <= meta {
                        rig.faulty_meta.fail_nth(nth, fault);
                    } else {
                        rig.faulty_blobs.fail_nth(nth - meta, fault);
                    }
                    let outcome = act(&rig, what, old).await;
                    let rig = rig.restarted();
                    let now = seen(&rig).await;
                    match outcome {
                        Ok(()) => assert_eq!(now, after, "acknowledged: {what:?} {fault:?} {nth}"),
                        Err(_) => assert!(now == before || now == after, "half there: {what:?} {fault:?} {nth}"),
                    }
                    references_hold(&rig).await;
                    injected += 1;
                }
            }
        }
    }
    assert!(injected > 200, "{injected}");
}

/// Each referenced file is there, and none of them waits to be removed.
async fn references_hold(rig: &Rig) {
    let under = async |prefix: &'static [u8]| rig.meta.scan(arqueta_store::Scan::prefix(prefix, 10_000)).await.unwrap();
    let id = |key: &Bytes| arqueta_model::BlobId::from_bytes(key[2..].try_into().unwrap());
    let files = rig.blobs.list(None, usize::MAX).await.unwrap();
    let garbage: Vec<_> = under(b"g/").await.iter().map(|(key, _)| id(key)).collect();
    for (key, _) in under(b"x/").await {
        assert!(files.iter().any(|file| file.id == id(&key)), "a referenced file is missing");
        assert!(!garbage.contains(&id(&key)), "a referenced file is marked as garbage");
    }
}

#[tokio::test]
async fn a_full_disk_keeps_what_was_there_and_leaves_nothing_behind() {
    let (rig, _) = prepared(Versioning::Off).await;
    let before = (rig.meta.dump().await, rig.blobs.list(None, 100).await.unwrap());
    rig.faulty_blobs.fail_always(Some(Fault::Full));
    for size in [20_000, 300_000] {
        let put = rig.put("k", pattern(size)).await;
        assert!(matches!(put, Err(Error::Store(arqueta_store::Error::Full(_)))), "{size}");
    }
    rig.faulty_blobs.fail_always(None);
    let bucket_keys = |pairs: Vec<arqueta_store::Pair>| {
        pairs.into_iter().filter(|(key, _)| !key.starts_with(b"k/")).collect::<Vec<_>>()
    };
    assert_eq!(bucket_keys(rig.meta.dump().await), bucket_keys(before.0));
    assert_eq!(rig.blobs.list(None, 100).await.unwrap(), before.1);
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_nothing_behind() {
    use arqueta_engine::BodyError;
    use futures::StreamExt;
    let (rig, _) = prepared(Versioning::Off).await;
    let before = rig.blobs.list(None, 100).await.unwrap();
    for breaks in [BodyError::Incomplete, BodyError::Signature, BodyError::Idle] {
        let chunks = [Ok(pattern(600_000)), Err(breaks)];
        let put = rig.put_with("k", "", |put| put.body = futures::stream::iter(chunks).boxed()).await;
        assert!(matches!(put, Err(Error::Body(_))));
    }
    assert_eq!(rig.blobs.list(None, 100).await.unwrap(), before);
    assert_eq!(seen(&rig).await, Some(pattern(50_000)));
}

#[tokio::test]
async fn a_missing_body_is_damage_and_not_an_empty_object() {
    for size in [100, 50_000] {
        let rig = Rig::new(Versioning::Off).await;
        rig.put("k", pattern(size)).await.unwrap();
        for (key, _) in rig.meta.dump().await.iter().filter(|(key, _)| key.starts_with(b"i/")) {
            rig.meta.commit(arqueta_store::Batch::default().delete(key.clone())).await.unwrap();
        }
        for blob in rig.blobs.list(None, 10).await.unwrap() {
            rig.blobs.delete(blob.id).await.unwrap();
        }
        assert!(matches!(rig.body(name("k")).await, Err(Error::Damaged { .. })), "{size}");
    }
}
