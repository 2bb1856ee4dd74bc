//! Who can write the stores can destroy objects; he cannot make one read as something else.
#![allow(clippy::unwrap_used)]

mod rig;

use arqueta_engine::Error;
use arqueta_engine::api::Versioning;
use arqueta_engine::record::{ObjectRecord, Record};
use arqueta_engine::schema;
use arqueta_model::PartId;
use arqueta_store::{Batch, MetaStore};
use rig::{Mode, Rig, bucket, key, name, pattern};
use serde_bytes::ByteBuf;

async fn record(rig: &Rig, at: &str) -> ObjectRecord {
    let bytes = rig.meta.get(&schema::current(&bucket(), &key(at))).await.unwrap().unwrap();
    ObjectRecord::decode(&bytes).unwrap()
}

async fn write(rig: &Rig, at: &str, record: &ObjectRecord) {
    let batch = Batch::default().put(schema::current(&bucket(), &key(at)), record.encode());
    rig.meta.commit(batch).await.unwrap();
}

/// Puts `k`, edits its record, and expects every read of it to fail.
async fn refused(mode: Mode, size: usize, what: &str, edit: impl Fn(&mut ObjectRecord, &ObjectRecord)) {
    let rig = Rig::new(Versioning::Off).await;
    rig.put_mode("k", pattern(size), mode).await;
    rig.put_mode("other", pattern(size), mode).await;
    let (good, other) = (record(&rig, "k").await, record(&rig, "other").await);
    let mut bad = good.clone();
    edit(&mut bad, &other);
    write(&rig, "k", &bad).await;
    let read = rig.body_mode(name("k"), mode).await;
    assert!(
        matches!(read, Err(Error::Integrity | Error::Encryption(_) | Error::CustomerKey { .. })),
        "{what} {mode:?} {size}: {read:?}"
    );
    write(&rig, "k", &good).await;
    assert!(rig.body_mode(name("k"), mode).await.is_ok(), "the rig itself");
}

#[tokio::test]
async fn edited_manifests_are_refused() {
    for mode in Mode::ALL {
        for size in [10, 40_000] {
            let edit = |change: fn(&mut arqueta_engine::record::Manifest)| {
                move |bad: &mut ObjectRecord, _: &ObjectRecord| {
                    let content = bad.content.as_mut().unwrap();
                    let mut manifest = content.manifest().unwrap();
                    change(&mut manifest);
                    content.manifest = ByteBuf::from(manifest.encode());
                }
            };
            refused(mode, size, "content type", edit(|m| m.headers.content_type = Some("text/html".into()))).await;
            refused(mode, size, "metadata", edit(|m| drop(m.metadata.0.insert("a".into(), "b".into())))).await;
            refused(mode, size, "etag", edit(|m| m.etag.push('0'))).await;
            refused(mode, size, "size", edit(|m| m.parts[0].size -= 1)).await;
            refused(mode, size, "part id", edit(|m| m.parts[0].id = PartId::random())).await;
            refused(mode, size, "checksum", edit(|m| m.checksums.clear())).await;
            refused(mode, size, "no parts", edit(|m| m.parts.clear())).await;
            let no_tag = |bad: &mut ObjectRecord, _: &ObjectRecord| bad.content.as_mut().unwrap().tag = None;
            refused(mode, size, "no tag", no_tag).await;
        }
    }
}

#[tokio::test]
async fn bodies_and_records_do_not_move_between_objects() {
    for mode in Mode::ALL {
        for size in [10, 40_000] {
            refused(mode, size, "another object's body", |bad, other| {
                bad.content.as_mut().unwrap().places.clone_from(&other.content.as_ref().unwrap().places);
            })
            .await;
            refused(mode, size, "another object's keys", |bad, other| {
                bad.content.as_mut().unwrap().keys.clone_from(&other.content.as_ref().unwrap().keys);
            })
            .await;
            refused(mode, size, "another object's record", |bad, other| *bad = other.clone()).await;
            refused(mode, size, "no place", |bad, _| bad.content.as_mut().unwrap().places.clear()).await;
            refused(mode, size, "no keys: sealed bytes are never given out as content", |bad, _| {
                bad.content.as_mut().unwrap().keys = None;
            })
            .await;
        }
    }
}

#[tokio::test]
async fn a_record_does_not_move_to_another_bucket() {
    for mode in Mode::ALL {
        let rig = Rig::new(Versioning::Off).await;
        rig.put_mode("k", pattern(100), mode).await;
        let second: arqueta_model::BucketName = "second".parse().unwrap();
        let create = arqueta_engine::api::CreateBucket {
            bucket: second.clone(),
            owner: rig::account(),
            object_lock: false,
            tags: None,
        };
        rig.engine.create_bucket(create).await.unwrap();
        // Bucket keys are copied along, so that only the binding to the name can refuse.
        let mut batch = Batch::default().put(schema::current(&second, &key("k")), record(&rig, "k").await.encode());
        for (at, value) in rig.meta.dump().await {
            if let Some(id) = at.strip_prefix(b"k/bucket\0") {
                batch = batch.put([b"k/second\0", id].concat(), value);
            }
        }
        rig.meta.commit(batch).await.unwrap();
        let moved = arqueta_engine::api::ObjectName { bucket: second, ..name("k") };
        assert!(rig.body_mode(moved, mode).await.is_err(), "{mode:?}");
    }
}

#[tokio::test]
async fn a_damaged_record_is_neither_read_nor_overwritten() {
    let rig = Rig::new(Versioning::Off).await;
    rig.put("k", "x").await.unwrap();
    let at = schema::current(&bucket(), &key("k"));
    for damaged in [&b""[..], b"\x01", b"\x01\x80", b"\x09rest"] {
        rig.meta.commit(Batch::default().put(at.clone(), damaged.to_vec())).await.unwrap();
        let expected = |error: &Error| matches!(error, Error::Damaged { .. } | Error::UnknownFormat { .. });
        assert!(expected(&rig.body(name("k")).await.unwrap_err()));
        assert!(expected(&rig.put("k", "y").await.unwrap_err()), "what it refers to would be lost silently");
        assert!(expected(&rig.delete(name("k")).await.unwrap_err()));
        assert_eq!(rig.meta.get(&at).await.unwrap().unwrap(), damaged);
    }
}
