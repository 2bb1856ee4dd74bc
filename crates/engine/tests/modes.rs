//! Every mode of protection: what goes in comes out, and nothing of it is stored in the clear.
#![allow(clippy::unwrap_used)]

mod rig;

use arqueta_engine::api::{ByteRange, GetObject, RequestedMode, Versioning};
use arqueta_engine::{Error, SseMode};
use arqueta_store::BlobStore;
use bytes::Bytes;
use proptest::prelude::*;
use rig::{Mode, Rig, collect, customer_key, name, pattern};

/// Around the inline limit and every segment edge, and several segments.
const SIZES: [usize; 12] = [0, 1, 1000, 16_303, 16_304, 16_384, 16_385, 65_479, 65_480, 65_481, 131_000, 400_000];

#[tokio::test]
async fn every_size_comes_back_in_every_mode() {
    let rig = Rig::new(Versioning::Off).await;
    for mode in Mode::ALL {
        for size in SIZES {
            let body = pattern(size);
            let stored = rig.put_mode("k", body.clone(), mode).await;
            assert_eq!(stored.size, size as u64);
            assert!(rig.body_mode(name("k"), mode).await.unwrap() == body, "{mode:?} {size}");
        }
    }
}

#[tokio::test]
async fn unencrypted_only_where_nobody_asks_and_the_switch_is_off() {
    let rig = Rig::over(Default::default(), Default::default(), Default::default(), |config| {
        config.encrypt_by_default = false
    });
    rig.make_bucket(Versioning::Off).await;
    assert!(rig.put("plain", pattern(100_000)).await.unwrap().encryption.is_none());
    assert!(rig.body(name("plain")).await.unwrap() == pattern(100_000));
    let asked = rig.put_mode("asked", pattern(10), Mode::S3).await;
    assert_eq!(asked.encryption.unwrap().mode, SseMode::S3);
    let rig = Rig::new(Versioning::Off).await;
    assert_eq!(rig.put("default", "x").await.unwrap().encryption.unwrap().mode, SseMode::S3);
}

#[tokio::test]
async fn a_canary_is_found_nowhere() {
    let canary = b"canary-c8a1f0-plaintext";
    for mode in Mode::ALL {
        let rig = Rig::new(Versioning::Enabled).await;
        for size in [canary.len(), 5_000, 200_000] {
            let body: Bytes = canary.iter().copied().cycle().take(size).collect::<Vec<_>>().into();
            rig.put_mode("k", body, mode).await;
        }
        let stored = rig.everything().await;
        assert!(stored.len() > 205_000);
        assert!(!stored.windows(canary.len()).any(|window| window == canary), "{mode:?}");
    }
}

#[tokio::test]
async fn etags_are_md5s_exactly_where_aws_says_so() {
    let rig = Rig::new(Versioning::Off).await;
    let md5 = "900150983cd24fb0d6963f7d28e17f72";
    for mode in Mode::ALL {
        let stored = rig.put_mode("k", Bytes::from_static(b"abc"), mode).await;
        assert_eq!(stored.etag == md5, mode == Mode::S3, "{mode:?}");
        assert_eq!(stored.etag.len(), 32);
    }
}

#[tokio::test]
async fn a_customers_key_is_asked_for_and_checked() {
    let rig = Rig::new(Versioning::Off).await;
    rig.put_mode("c", pattern(50), Mode::Customer).await;
    rig.put_mode("s", pattern(50), Mode::S3).await;
    let get = |at: &str, key: Option<u8>| GetObject { customer_key: key.map(customer_key), ..GetObject::new(name(at)) };
    for (at, key) in [("c", None), ("s", Some(7))] {
        assert!(matches!(rig.get(get(at, key)).await, Err(Error::CustomerKey { .. })), "get {at}");
        assert!(
            matches!(rig.engine.objects().head(&rig.caller, get(at, key)).await, Err(Error::CustomerKey { .. })),
            "head {at}"
        );
    }
    assert!(matches!(rig.get(get("c", Some(8))).await, Err(Error::Encryption(_))));
    assert!(matches!(rig.engine.objects().head(&rig.caller, get("c", Some(8))).await, Err(Error::Encryption(_))));
    assert!(rig.engine.objects().head(&rig.caller, get("c", Some(7))).await.is_ok());
}

#[tokio::test]
async fn without_the_key_service_nothing_is_put_and_nothing_is_told() {
    for mode in [Mode::S3, Mode::Kms, Mode::KmsBucketKey, Mode::DualKms] {
        let rig = Rig::new(Versioning::Off).await;
        rig.put_mode("k", pattern(50), mode).await;
        let rig = rig.restarted();
        rig.kms.set_down(true);
        let before = rig.meta.dump().await;
        let put = rig.put_with("k", "new", |put| put.encryption = mode.request()).await;
        assert!(matches!(&put, Err(Error::Encryption(_))), "{mode:?}");
        assert!(put.unwrap_err().is_retryable());
        assert!(matches!(rig.body(name("k")).await, Err(Error::Encryption(_))), "{mode:?}");
        assert_eq!(rig.meta.dump().await, before, "{mode:?}");
        rig.kms.set_down(false);
    }
}

#[tokio::test]
async fn a_bucket_key_spares_the_key_service() {
    let rig = Rig::new(Versioning::Off).await;
    for at in 0..20 {
        rig.put_mode(&format!("k{at}"), pattern(10), Mode::KmsBucketKey).await;
        rig.body(name(&format!("k{at}"))).await.unwrap();
    }
    assert_eq!(rig.kms.calls(), 2, "one GenerateDataKey, one Decrypt");
}

#[tokio::test]
async fn tampered_bodies_end_in_an_error() {
    for mode in Mode::ALL {
        let rig = Rig::new(Versioning::Off).await;
        rig.put_mode("k", pattern(300_000), mode).await;
        let blob = rig.blobs.list(None, 1).await.unwrap()[0];
        let chunks = rig.blobs.read(blob.id, blob.size, 0..blob.size).await.unwrap();
        let good: Vec<Bytes> = futures::TryStreamExt::try_collect(chunks).await.unwrap();
        let good = good.concat();
        let mut flipped = good.clone();
        flipped[250_000] ^= 1;
        let mut extended = good.clone();
        extended.push(0);
        let cut = good[..good.len() - 1].to_vec();
        let segment_cut = good[..65_536].to_vec();
        for (what, bytes) in [("flipped", flipped), ("extended", extended), ("cut", cut), ("segment cut", segment_cut)]
        {
            rig.blobs.tamper(blob.id, bytes).await;
            assert!(rig.body_mode(name("k"), mode).await.is_err(), "{what} {mode:?}");
        }
        rig.blobs.tamper(blob.id, good).await;
        assert!(rig.body_mode(name("k"), mode).await.is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn ranges_are_the_bytes_of_the_whole(
        size in prop::sample::select(SIZES.to_vec()),
        mode in prop::sample::select(Mode::ALL.to_vec()),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let rig = Rig::new(Versioning::Off).await;
            let body = pattern(size);
            rig.put_mode("k", body.clone(), mode).await;
            for (a, b) in cuts {
                let (a, b) = (a.index(size + 1), b.index(size + 1));
                let (first, last) = (a.min(b), a.max(b));
                let wanted = [
                    (ByteRange::FromTo(first as u64, last as u64), first..size.min(last + 1)),
                    (ByteRange::From(first as u64), first..size),
                    (ByteRange::Suffix(first as u64), size - first..size),
                ];
                for (range, expected) in wanted {
                    let input = GetObject { range: Some(range), customer_key: mode.customer_key(), ..GetObject::new(name("k")) };
                    match rig.get(input).await {
                        Ok(got) => {
                            let told = got.info.range.clone();
                            assert!(collect(got).await.unwrap() == body.slice(expected.clone()), "{range:?}");
                            assert_eq!(told, Some(expected.start as u64..expected.end as u64));
                        }
                        Err(Error::InvalidRange { .. }) => assert!(expected.is_empty(), "{range:?} of {size}"),
                        Err(other) => panic!("{range:?}: {other}"),
                    }
                }
            }
        });
    }
}

#[tokio::test]
async fn blocked_customer_keys_are_denied() {
    let rig = Rig::new(Versioning::Off).await;
    let blocked = Some(vec![arqueta_engine::api::BlockedEncryption::Customer]);
    rig.engine.bucket_settings().put_encryption(&rig::bucket(), Default::default(), blocked).await.unwrap();
    let put = rig.put_with("k", "x", |put| put.encryption.mode = RequestedMode::Customer(customer_key(1))).await;
    assert!(matches!(put, Err(Error::AccessDenied { .. })));
    rig.engine.bucket_settings().delete_encryption(&rig::bucket()).await.unwrap();
    assert!(rig.put_with("k", "x", |put| put.encryption.mode = RequestedMode::Customer(customer_key(1))).await.is_ok());
}
