//! Conditional reads, writes and deletes, under concurrency too.
#![allow(clippy::unwrap_used)]

mod rig;

use std::sync::Arc;
use std::time::Duration;

use arqueta_engine::api::{
    ChecksumRequest, ChecksumValue, Conditions, DeleteConditions, DeleteObject, GetObject, Versioning,
};
use arqueta_engine::checksum::{Algorithm, Md5};
use arqueta_engine::{BodyError, Condition, Error};
use arqueta_model::Clock;
use bytes::Bytes;
use rig::{Rig, any_etag, etag, name, pattern, write_if};

#[tokio::test]
async fn exactly_one_of_many_creators_wins() {
    for versioning in [Versioning::Off, Versioning::Enabled, Versioning::Suspended] {
        let rig = Arc::new(Rig::new(versioning).await);
        let puts: Vec<_> = (0..32u8)
            .map(|at| {
                let rig = rig.clone();
                tokio::spawn(async move {
                    rig.put_with("k", vec![at; 20_000], |put| put.conditions = write_if(None, any_etag())).await
                })
            })
            .collect();
        let mut won = None;
        for (at, put) in puts.into_iter().enumerate() {
            match put.await.unwrap() {
                Ok(_) => assert!(won.replace(at as u8).is_none(), "two creators"),
                Err(error) => assert!(matches!(error, Error::PreconditionFailed { condition: Condition::IfNoneMatch })),
            }
        }
        assert_eq!(rig.body(name("k")).await.unwrap()[0], won.unwrap());
        let files = arqueta_store::BlobStore::list(&rig.blobs, None, 100).await.unwrap();
        assert_eq!(files.len(), 1, "losers leave no file");
    }
}

#[tokio::test]
async fn compare_and_swap_by_etag() {
    let rig = Rig::new(Versioning::Off).await;
    let first = rig.put("k", "one").await.unwrap().etag;
    let swap = async |held: &str, body: &'static str| {
        rig.put_with("k", body, |put| put.conditions = write_if(etag(held), None)).await
    };
    let second = swap(&first, "two").await.unwrap().etag;
    assert!(matches!(swap(&first, "three").await, Err(Error::PreconditionFailed { condition: Condition::IfMatch })));
    assert_eq!(rig.body(name("k")).await.unwrap(), "two");
    rig.delete(name("k")).await.unwrap();
    assert!(matches!(swap(&second, "three").await, Err(Error::NoSuchKey { .. })));
}

#[tokio::test]
async fn a_delete_marker_is_no_object_to_a_creator() {
    let rig = Rig::new(Versioning::Enabled).await;
    rig.put("k", "one").await.unwrap();
    let create = async || rig.put_with("k", "two", |put| put.conditions = write_if(None, any_etag())).await;
    assert!(create().await.is_err());
    rig.delete(name("k")).await.unwrap();
    assert!(create().await.is_ok());
}

#[tokio::test]
async fn reads_under_conditions() {
    let rig = Rig::new(Versioning::Off).await;
    let stored = rig.put("k", "body").await.unwrap();
    let read = async |conditions: Conditions| rig.get(GetObject { conditions, ..GetObject::new(name("k")) }).await;
    assert!(read(write_if(etag(&stored.etag), None)).await.is_ok());
    assert!(matches!(read(write_if(etag("other"), None)).await, Err(Error::PreconditionFailed { .. })));
    match read(write_if(None, etag(&stored.etag))).await {
        Err(Error::NotModified { etag, last_modified }) => {
            assert_eq!((etag, last_modified), (stored.etag.clone(), stored.last_modified));
        }
        other => panic!("{other:?}"),
    }
    rig.clock.advance(Duration::from_secs(5));
    let since = Conditions { if_modified_since: Some(rig.clock.now()), ..Conditions::default() };
    assert!(matches!(read(since).await, Err(Error::NotModified { .. })));
}

#[tokio::test]
async fn deletes_under_conditions() {
    for versioning in [Versioning::Off, Versioning::Enabled] {
        let rig = Rig::new(versioning).await;
        let stored = rig.put("k", "body").await.unwrap();
        let delete = async |conditions: DeleteConditions| {
            let input = DeleteObject { name: name("k"), conditions, bypass_governance: false };
            rig.engine.objects().delete(&input).await
        };
        let none = DeleteConditions::default;
        for bad in [
            DeleteConditions { if_match: etag("other"), ..none() },
            DeleteConditions { size: Some(5), ..none() },
            DeleteConditions { last_modified: Some(stored.last_modified.plus(Duration::from_secs(1))), ..none() },
        ] {
            assert!(matches!(delete(bad).await, Err(Error::PreconditionFailed { .. })), "{versioning:?}");
            assert!(rig.body(name("k")).await.is_ok());
        }
        let good = DeleteConditions {
            if_match: etag(&stored.etag),
            size: Some(4),
            last_modified: Some(stored.last_modified),
            seen: None,
        };
        delete(good.clone()).await.unwrap();
        assert!(rig.body(name("k")).await.is_err());
        let gone = delete(good.clone()).await;
        match versioning {
            Versioning::Off => assert!(matches!(gone, Err(Error::NoSuchKey { .. }))),
            _ => assert!(matches!(gone, Err(Error::PreconditionFailed { .. })), "a delete marker has no tag"),
        }
        let input = DeleteObject { name: name("never"), conditions: good.clone(), bypass_governance: false };
        assert!(matches!(rig.engine.objects().delete(&input).await, Err(Error::NoSuchKey { .. })), "{versioning:?}");
        let untagged = delete(DeleteConditions { if_match: None, ..good }).await.unwrap();
        assert!(!untagged.delete_marker, "what is not there is not marked either");
    }
}

#[tokio::test]
async fn digests_and_lengths_are_checked_before_anything_is_visible() {
    let rig = Rig::new(Versioning::Off).await;
    let good = ChecksumValue::new(Algorithm::Crc32, &0xcbf4_3926_u32.to_be_bytes()).unwrap();
    let bad = ChecksumValue::new(Algorithm::Crc32, &[1, 2, 3, 4]).unwrap();
    let body = || Bytes::from_static(b"123456789");
    let trailer =
        |value: Option<ChecksumValue>| ChecksumRequest::Trailer(Algorithm::Crc32, Box::new(move || Ok(value)));

    let put = rig.put_with("k", body(), |put| put.md5 = Some([0; 16])).await;
    assert!(matches!(put, Err(Error::BadDigest { .. })));
    let put = rig.put_with("k", body(), |put| put.checksum = ChecksumRequest::Declared(bad)).await;
    assert!(matches!(put, Err(Error::ChecksumMismatch { algorithm: Algorithm::Crc32, .. })));
    let put = rig.put_with("k", body(), |put| put.checksum = trailer(Some(bad))).await;
    assert!(matches!(put, Err(Error::ChecksumMismatch { .. })));
    let put = rig.put_with("k", body(), |put| put.checksum = trailer(None)).await;
    assert!(matches!(put, Err(Error::InvalidRequest { .. })));
    let put = rig.put_with("k", body(), |put| put.size = Some(10)).await;
    assert!(matches!(put, Err(Error::IncompleteBody)));
    let put = rig.put_with("k", body(), |put| put.size = Some(8)).await;
    assert!(matches!(put, Err(Error::Body(BodyError::TooLarge))));
    assert!(matches!(rig.body(name("k")).await, Err(Error::NoSuchKey { .. })));

    let put = rig.put_with("k", body(), |put| {
        put.checksum = trailer(Some(good));
        put.md5 = Some(Md5::of(b"123456789"));
        put.size = Some(9);
    });
    assert_eq!(put.await.unwrap().checksum.unwrap().value, good);
    let head = rig.engine.objects().head(&rig.caller, GetObject::new(name("k"))).await.unwrap();
    assert_eq!(head.checksum.unwrap().value, good);
}

#[tokio::test]
async fn a_put_larger_than_allowed_is_refused_with_and_without_a_length() {
    let rig = Rig::over(Default::default(), Default::default(), Default::default(), |config| {
        config.put_limit = 100_000;
        config.part_minimum = 10;
    });
    rig.make_bucket(Versioning::Off).await;
    for size in [None, Some(100_001)] {
        let put = rig.put_with("k", pattern(100_001), |put| put.size = size).await;
        assert!(matches!(put, Err(Error::EntityTooLarge { limit: 100_000 })), "{size:?}");
    }
    assert!(rig.put("k", pattern(100_000)).await.is_ok());
}
