//! Who can write the stores can destroy objects; he cannot make one read as something else.
#![allow(clippy::unwrap_used)]

mod rig;
mod uploads;

use std::sync::Arc;

use arqueta_engine::Error;
use arqueta_engine::api::Versioning;
use arqueta_engine::record::{BucketDocument, BucketRecord, ObjectRecord, PartRecord, Record};
use arqueta_engine::schema;
use arqueta_model::PartId;
use arqueta_store::{Authentic, Batch, MetaStore, Tagger};
use rig::{Mode, Rig, bucket, key, name, pattern};
use serde_bytes::ByteBuf;
use sha2::{Digest as _, Sha256};

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
            documents: Default::default(),
            tags: None,
        };
        rig.engine.buckets().create(create).await.unwrap();
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
async fn parts_do_not_change_places_before_their_upload_is_completed() {
    // Where entity tags are MD5s nothing tells a part's content until the manifest does.
    for mode in Mode::ALL.into_iter().filter(|mode| !matches!(mode, Mode::S3)) {
        let rig = uploads::rig();
        rig.make_bucket(Versioning::Off).await;
        let upload = rig.start("k", mode).await;
        let mut parts = Vec::new();
        let mut records = Vec::new();
        for number in [1, 2] {
            let body = pattern(uploads::MINIMUM + usize::from(number));
            parts.push(uploads::listed(number, &rig.part_mode("k", upload, number, body, mode).await));
            let at = schema::part(upload, number);
            let bytes = rig.meta.get(&at).await.unwrap().unwrap();
            records.push((at, PartRecord::decode(&bytes).unwrap()));
        }
        let [(first, one), (second, two)] = &records[..] else { panic!("two parts") };
        let with_content_of = |part: &PartRecord, other: &PartRecord| {
            PartRecord { id: other.id, size: other.size, place: other.place, ..part.clone() }.encode()
        };
        let exchanged = Batch::default()
            .put(first.clone(), with_content_of(one, two))
            .put(second.clone(), with_content_of(two, one));
        rig.meta.commit(exchanged).await.unwrap();
        let refused = rig.complete("k", upload, parts.clone()).await;
        assert!(matches!(refused, Err(Error::Integrity)), "{mode:?}: {refused:?}");
        let restored = Batch::default().put(first.clone(), one.encode()).put(second.clone(), two.encode());
        rig.meta.commit(restored).await.unwrap();
        assert!(rig.complete("k", upload, parts).await.is_ok(), "{mode:?}");
    }
}

#[tokio::test]
async fn an_unencrypted_object_in_place_of_a_sealed_one_shows_that_it_is_not_encrypted() {
    // docs/threats.md: not refused, because a gateway may hold such objects; never called sealed.
    let rig = Rig::new(Versioning::Off).await;
    rig.put_mode("k", pattern(10), Mode::Kms).await;
    let forger = Rig::over(Default::default(), Default::default(), Default::default(), |config| {
        config.encrypt_by_default = false;
    });
    forger.make_bucket(Versioning::Off).await;
    forger.put("k", "forged").await.unwrap();
    let mut batch = Batch::default();
    for (at, value) in forger.meta.dump().await {
        if at.starts_with(b"c/") || at.starts_with(b"i/") {
            batch = batch.put(at, value);
        }
    }
    rig.meta.commit(batch).await.unwrap();
    let got = rig.get(arqueta_engine::api::GetObject::new(name("k"))).await.unwrap();
    assert_eq!(got.info.encryption, None);
}

#[tokio::test]
async fn a_damaged_record_is_never_read_and_gives_way_and_a_later_format_stays() {
    let rig = Rig::new(Versioning::Off).await;
    let at = schema::current(&bucket(), &key("k"));
    for damaged in [&b""[..], b"\x01", b"\x01\x80"] {
        rig.put("k", "x").await.unwrap();
        rig.meta.commit(Batch::default().put(at.clone(), damaged.to_vec())).await.unwrap();
        assert!(matches!(rig.body(name("k")).await, Err(Error::DamagedRecord { .. })));
        rig.put("k", "y").await.unwrap();
        assert_eq!(rig.body(name("k")).await.unwrap(), "y");
        rig.meta.commit(Batch::default().put(at.clone(), damaged.to_vec())).await.unwrap();
        rig.delete(name("k")).await.unwrap();
        assert!(matches!(rig.body(name("k")).await, Err(Error::NoSuchKey { .. })));
    }
    let later = &b"\x09rest"[..];
    rig.meta.commit(Batch::default().put(at.clone(), later.to_vec())).await.unwrap();
    let expected = |error: &Error| matches!(error, Error::UnknownFormat { version: 9 });
    assert!(expected(&rig.body(name("k")).await.unwrap_err()));
    assert!(expected(&rig.put("k", "y").await.unwrap_err()), "what it refers to would be lost silently");
    assert!(expected(&rig.delete(name("k")).await.unwrap_err()));
    assert_eq!(rig.meta.get(&at).await.unwrap().unwrap(), later);
}

/// Tags as good as any for a test that does not know their key.
struct Keyed;

impl Tagger for Keyed {
    fn tag(&self, pieces: &[&[u8]]) -> [u8; 32] {
        let mut hash = Sha256::new_with_prefix(b"a key that only the gateway has");
        pieces.iter().for_each(|piece| hash.update(piece));
        hash.finalize().into()
    }
}

/// A rig whose engine sees authentic metadata only; `rig.meta` is what lies below.
async fn authentic() -> Rig {
    let wrap = |meta| Arc::new(Authentic::new(meta, Arc::new(Keyed), &[b"i/"], Arc::default())) as Arc<dyn MetaStore>;
    let rig = Rig::wrapping(Arc::default(), Default::default(), Arc::default(), |_| {}, wrap);
    rig.make_bucket(Versioning::Off).await;
    rig
}

#[tokio::test]
async fn an_unencrypted_object_in_the_place_of_an_encrypted_one_is_refused() {
    let rig = authentic().await;
    rig.put_mode("k", pattern(30), Mode::Kms).await;
    rig.put_mode("l", pattern(30), Mode::Kms).await;
    let at = |key_: &str| schema::current(&bucket(), &key(key_));
    let raw = async |key_: &str| rig.meta.get(&at(key_)).await.unwrap().unwrap();
    let (k, l) = (raw("k").await, raw("l").await);
    // The record says that nothing is encrypted, and is one in every other way.
    let mut record = ObjectRecord::decode(&k[..k.len() - 16]).unwrap();
    record.content.as_mut().unwrap().keys = None;
    let forged = [&record.encode()[..], &k[k.len() - 16..]].concat();
    for (what, value) in [("unencrypted", forged.into()), ("moved", l.clone()), ("untagged", k.slice(..k.len() - 16))] {
        rig.meta.commit(Batch::default().put(at("k"), value)).await.unwrap();
        let read = rig.body(name("k")).await;
        assert!(matches!(read, Err(Error::DamagedRecord { .. })), "{what}: {read:?}");
        assert!(rig.body(name("l")).await.unwrap() == pattern(30));
    }
    rig.meta.commit(Batch::default().put(at("k"), k)).await.unwrap();
    assert!(rig.body(name("k")).await.unwrap() == pattern(30), "the rig itself");
}

#[tokio::test]
async fn what_a_bucket_lets_happen_cannot_be_edited() {
    let rig = authentic().await;
    rig.put_mode("k", pattern(30), Mode::S3).await;
    let at = schema::bucket(&bucket());
    let raw = rig.meta.get(&at).await.unwrap().unwrap();
    let mut record = BucketRecord::decode(&raw[..raw.len() - 16]).unwrap();
    record.documents.insert(BucketDocument::Policy, "everyone may".to_owned());
    let forged = [&record.encode()[..], &raw[raw.len() - 16..]].concat();
    rig.meta.commit(Batch::default().put(at.clone(), forged)).await.unwrap();
    assert!(rig.engine.buckets().get(&bucket()).await.is_err());
    assert!(rig.put("k", "x").await.is_err(), "nothing is done under it");
    rig.meta.commit(Batch::default().put(at, raw)).await.unwrap();
    assert!(rig.engine.buckets().get(&bucket()).await.unwrap().documents.is_empty());
}
