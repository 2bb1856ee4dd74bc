//! The scrub of a store that is served: damage of every kind is found and named, and what is whole is not.
#![allow(clippy::unwrap_used)]

mod rig;
mod uploads;

use arqueta_engine::api::Versioning;
use arqueta_engine::schema;
use arqueta_engine::scrub::{Flaw, Scrubbed};
use arqueta_model::{AccountId, BlobId};
use arqueta_store::{Batch, BlobStore, MetaStore};
use bytes::Bytes;
use rig::{Mode, Rig, bucket, key, name, pattern};

const EVERYTHING: (u64, Option<u64>) = (u64::MAX, None);

/// All of it, and what was found.
async fn scrubbed(rig: &Rig) -> (Scrubbed, Vec<Flaw>) {
    let (mut sum, mut flaws, mut from) = (Scrubbed::default(), Vec::new(), None);
    let caller = rig.caller.clone();
    let owner = move |_: &AccountId| caller.clone();
    loop {
        let step = rig.engine.scrubber().step(from, EVERYTHING, &owner).await.unwrap();
        sum.records += step.records;
        sum.bodies += step.bodies;
        sum.bytes += step.bytes;
        sum.unopened += step.unopened;
        flaws.extend(step.flaws);
        from = step.next;
        if from.is_none() {
            return (sum, flaws);
        }
    }
}

fn told(flaws: &[Flaw]) -> Vec<(&'static str, String)> {
    let object = |flaw: &Flaw| flaw.object.as_ref().map_or(flaw.name.clone(), |object| object.key.to_string());
    flaws.iter().map(|flaw| (flaw.fault.kind(), object(flaw))).collect()
}

/// Every mode, small and large, and one of several parts.
async fn filled(versioning: Versioning) -> Rig {
    let rig = Rig::new(versioning).await;
    for (at, mode) in [("s3", Mode::S3), ("kms", Mode::Kms), ("customer", Mode::Customer)] {
        rig.put_mode(&format!("{at}-small"), pattern(10), mode).await;
        rig.put_mode(at, pattern(150_000), mode).await;
    }
    rig
}

async fn body_of(rig: &Rig, at: &str) -> (BlobId, u64) {
    let bytes = rig.meta.get(&schema::current(&bucket(), &key(at))).await.unwrap().unwrap();
    let record: arqueta_engine::record::ObjectRecord = arqueta_engine::record::Record::decode(&bytes).unwrap();
    let place = record.content.unwrap().places[0];
    let (arqueta_engine::record::Blob::File(id) | arqueta_engine::record::Blob::Inline(id)) = place.blob;
    (id, place.sealed_size)
}

async fn stored(rig: &Rig, at: &str) -> (BlobId, Vec<u8>) {
    let (id, size) = body_of(rig, at).await;
    let body = rig.blobs.read(id, size, 0..size).await.unwrap();
    let chunks: Vec<Bytes> = futures::TryStreamExt::try_collect(body).await.unwrap();
    (id, chunks.concat())
}

#[tokio::test]
async fn what_is_whole_is_read_to_its_end_and_nothing_is_found() {
    let rig = filled(Versioning::Enabled).await;
    rig.put_mode("s3", pattern(70_000), Mode::S3).await;
    rig.delete(name("kms")).await.unwrap();
    let upload = rig.start("m", Mode::Kms).await;
    rig.part("m", upload, 1, pattern(50_000)).await.unwrap();
    let (sum, flaws) = scrubbed(&rig).await;
    assert_eq!(told(&flaws), []);
    assert_eq!(sum.unopened, 2, "nobody has the customer's key");
    assert!(sum.bytes >= 3 * 150_000 + 70_000 + 50_000 && sum.bodies >= 7 && sum.records > 10, "{sum:?}");
}

#[tokio::test]
async fn any_byte_of_a_body_that_is_another_is_found_and_named() {
    for (at, opens) in [("s3", true), ("kms", true), ("customer", false)] {
        let rig = filled(Versioning::Off).await;
        let (id, whole) = stored(&rig, at).await;
        for place in [0, 45, 70_000, whole.len() - 1] {
            let mut body = whole.clone();
            body[place] ^= 1;
            rig.blobs.tamper(id, body).await;
            let expected: &[_] = if opens { &[("content", at.to_owned())] } else { &[] };
            assert_eq!(
                told(&scrubbed(&rig).await.1),
                expected,
                "byte {place}: a customer's body shows nothing outside"
            );
        }
        for (what, body) in [("cut", whole[..whole.len() - 1].to_vec()), ("grown", [&whole[..], b"x"].concat())] {
            rig.blobs.tamper(id, body).await;
            assert_eq!(told(&scrubbed(&rig).await.1), [("size", at.to_owned())], "{what}");
        }
        rig.blobs.delete(id).await.unwrap();
        assert_eq!(told(&scrubbed(&rig).await.1), [("missing", at.to_owned())]);
    }
}

#[tokio::test]
async fn damaged_records_references_and_small_bodies_are_found() {
    let rig = filled(Versioning::Off).await;
    let (large, _) = body_of(&rig, "s3").await;
    let (small, _) = body_of(&rig, "kms-small").await;
    rig.meta.commit(Batch::default().delete(schema::referenced(large))).await.unwrap();
    rig.meta.commit(Batch::default().put(schema::garbage(large), vec![0; 16])).await.unwrap();
    rig.meta.commit(Batch::default().put(schema::inline(small), vec![7; 66])).await.unwrap();
    rig.meta.damage(&schema::current(&bucket(), &key("kms"))).await;
    let (_, flaws) = scrubbed(&rig).await;
    let found = told(&flaws);
    for expected in [("unreferenced", "s3"), ("garbage", "s3"), ("content", "kms-small"), ("damaged", "kms")] {
        assert!(found.contains(&(expected.0, expected.1.to_owned())), "{expected:?}: {found:?}");
    }
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(flaws.iter().all(|flaw| flaw.object.as_ref().is_some_and(|object| object.bucket == bucket())));
}

#[tokio::test]
async fn content_that_nobody_encrypted_is_held_against_its_checksum() {
    let rig = Rig::over(Default::default(), Default::default(), Default::default(), |config| {
        config.encrypt_by_default = false;
    });
    rig.make_bucket(Versioning::Off).await;
    rig.put("plain", pattern(60_000)).await.unwrap();
    assert_eq!(told(&scrubbed(&rig).await.1), []);
    let (id, whole) = stored(&rig, "plain").await;
    assert!(whole == pattern(60_000));
    let mut body = whole;
    body[30_000] ^= 1;
    rig.blobs.tamper(id, body).await;
    assert_eq!(told(&scrubbed(&rig).await.1), [("content", "plain".to_owned())]);
}
