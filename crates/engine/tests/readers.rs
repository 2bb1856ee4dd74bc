//! A reader that is slower than the sweeper.
#![allow(clippy::unwrap_used)]

mod rig;

use std::time::Duration;

use arqueta_engine::api::{
    ByteRange, ChecksumRequest, CompleteMultipartUpload, CompletedPart, Conditions, CreateMultipartUpload, GetObject,
    IfRange, UploadPart, Versioning,
};
use arqueta_model::Clock;
use arqueta_store::BlobStore;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use rig::{Mode, Rig, bucket, chunked, collect, key, name, pattern};

const PART: usize = 100_000;

async fn put_parts(rig: &Rig, sizes: &[usize]) {
    let create = CreateMultipartUpload {
        bucket: bucket(),
        key: key("k"),
        headers: Default::default(),
        metadata: Default::default(),
        tags: Default::default(),
        storage_class: Default::default(),
        encryption: Mode::Kms.request(),
        checksum: None,
        checksum_type: None,
        retention: None,
        legal_hold: None,
    };
    let upload = rig.engine.uploads().create(&rig.caller, create).await.unwrap().id;
    let mut parts = Vec::new();
    for (number, size) in (1..).zip(sizes) {
        let part = UploadPart {
            bucket: bucket(),
            key: key("k"),
            upload,
            number,
            body: chunked(pattern(*size), 10_000),
            size: None,
            md5: None,
            checksum: ChecksumRequest::Default,
            customer_key: None,
        };
        let etag = rig.engine.uploads().put_part(&rig.caller, part).await.unwrap().etag;
        parts.push(CompletedPart { number, etag, checksum: None });
    }
    let complete = CompleteMultipartUpload {
        bucket: bucket(),
        key: key("k"),
        upload,
        parts,
        checksum: None,
        checksum_type: None,
        size: None,
        conditions: Conditions::default(),
        customer_key: None,
    };
    rig.engine.uploads().complete(&rig.caller, complete).await.unwrap();
}

#[tokio::test]
async fn an_object_that_is_replaced_is_still_read_to_its_end() {
    let rig = Rig::over(Default::default(), Default::default(), Default::default(), |config| config.part_minimum = 1);
    rig.make_bucket(Versioning::Off).await;
    put_parts(&rig, &[PART; 4]).await;
    let mut body = rig.get(GetObject::new(name("k"))).await.unwrap().body;
    let mut read = BytesMut::from(&body.next().await.unwrap().unwrap()[..]);
    rig.put("k", "new").await.unwrap();
    rig.clock.advance(Duration::from_secs(86_400));
    rig.engine.sweeper().garbage(rig.clock.now()).await.unwrap();
    while let Some(chunk) = body.next().await {
        read.extend_from_slice(&chunk.unwrap());
    }
    let whole: Bytes = pattern(PART).repeat(4).into();
    assert!(read == whole);
    // The reader is done, so the rest of the garbage goes.
    drop(body);
    tokio::task::yield_now().await;
    rig.engine.sweeper().garbage(rig.clock.now()).await.unwrap();
    assert!(rig.blobs.list(None, 10).await.unwrap().is_empty());
}

/// The last part of many an upload is small enough to lie in the metadata, and goes with its record.
#[tokio::test]
async fn a_small_last_part_is_read_although_its_object_is_gone() {
    let rig = Rig::over(Default::default(), Default::default(), Default::default(), |config| config.part_minimum = 1);
    rig.make_bucket(Versioning::Off).await;
    for replaced in [true, false] {
        put_parts(&rig, &[PART, PART, 100]).await;
        let mut body = rig.get(GetObject::new(name("k"))).await.unwrap().body;
        let mut read = BytesMut::from(&body.next().await.unwrap().unwrap()[..]);
        match replaced {
            true => drop(rig.put("k", "new").await.unwrap()),
            false => drop(rig.delete(name("k")).await.unwrap()),
        }
        rig.clock.advance(Duration::from_secs(86_400));
        rig.engine.sweeper().garbage(rig.clock.now()).await.unwrap();
        while let Some(chunk) = body.next().await {
            read.extend_from_slice(&chunk.unwrap());
        }
        let whole = [pattern(PART), pattern(PART), pattern(100)].concat();
        assert!(read == whole, "replaced: {replaced}");
    }
}

#[tokio::test]
async fn a_part_is_sent_only_of_the_object_that_the_reader_has() {
    let rig = Rig::over(Default::default(), Default::default(), Default::default(), |_| {});
    rig.make_bucket(Versioning::Off).await;
    let first = rig.put("k", "first body").await.unwrap();
    let resume = |etag: &str| GetObject {
        range: Some(ByteRange::From(6)),
        if_range: Some(IfRange::Etag(etag.to_owned())),
        ..GetObject::new(name("k"))
    };
    let got = rig.get(resume(&first.etag)).await.unwrap();
    assert_eq!(got.info.range, Some(6..10));
    let second = rig.put("k", "other body").await.unwrap();
    let got = rig.get(resume(&first.etag)).await.unwrap();
    assert_eq!((got.info.range.clone(), collect(got).await.unwrap()), (None, Bytes::from("other body")));
    assert_eq!(rig.get(resume(&second.etag)).await.unwrap().info.range, Some(6..10));
}

#[tokio::test]
async fn a_reader_that_gives_up_holds_nothing() {
    let rig = Rig::over(Default::default(), Default::default(), Default::default(), |config| config.part_minimum = 1);
    rig.make_bucket(Versioning::Off).await;
    put_parts(&rig, &[PART; 3]).await;
    drop(rig.get(GetObject::new(name("k"))).await.unwrap());
    rig.delete(name("k")).await.unwrap();
    rig.clock.advance(Duration::from_secs(86_400));
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(rig.engine.sweeper().garbage(rig.clock.now()).await.unwrap(), 3);
}
