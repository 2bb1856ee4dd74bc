//! Multipart uploads: what goes in as parts comes out as one object, and nothing is left behind.
#![allow(clippy::unwrap_used)]

mod rig;
mod uploads;

use std::time::Duration;

use arqueta_engine::api::{
    ByteRange, ChecksumAlgorithm, ChecksumRequest, ChecksumType, ChecksumValue, CompleteMultipartUpload, CopySource,
    CreateMultipartUpload, GetObject, ListParts, UploadPart, UploadPartCopy, Versioning,
};
use arqueta_engine::record::{PartRecord, Record};
use arqueta_engine::{Condition, Error, schema};
use arqueta_store::{Batch, MetaStore};
use bytes::Bytes;
use rig::{Mode, any_etag, bucket, collect, customer_key, key, name, pattern, write_if};
use uploads::{MINIMUM, abort, complete, create, listed, part, rig};

/// Small, around the inline limit, and several segments.
fn bodies() -> Vec<Bytes> {
    [MINIMUM, 16_400, 200_000, 70_000, 3].map(pattern).to_vec()
}

#[tokio::test]
async fn parts_in_any_order_become_one_object_in_every_mode() {
    for mode in Mode::ALL {
        let rig = rig();
        rig.make_bucket(Versioning::Off).await;
        let (bodies, upload) = (bodies(), rig.start("k", mode).await);
        let mut parts = Vec::new();
        for at in [3, 0, 4, 1, 2] {
            let number = at as u16 * 7 + 1;
            parts.push(listed(number, &rig.part_mode("k", upload, number, bodies[at].clone(), mode).await));
        }
        parts.sort_by_key(|part| part.number);
        // SSE-C clients do not send their key with Complete.
        let done = rig.complete("k", upload, parts).await.unwrap();
        let whole = bodies.concat();
        assert_eq!(done.size, whole.len() as u64);
        assert!(done.etag.ends_with("-5") && done.etag.len() == 34, "{}", done.etag);
        assert!(rig.body_mode(name("k"), mode).await.unwrap() == whole, "{mode:?}");
        for (range, want) in [
            (ByteRange::FromTo(500, 20_000), &whole[500..=20_000]),
            (ByteRange::Suffix(5), &whole[whole.len() - 5..]),
            (ByteRange::Part(15), &bodies[2][..]),
            (ByteRange::Part(1), &bodies[0][..]),
        ] {
            let get = GetObject { range: Some(range), customer_key: mode.customer_key(), ..GetObject::new(name("k")) };
            assert!(collect(rig.get(get).await.unwrap()).await.unwrap() == want, "{mode:?} {range:?}");
        }
        rig.sweep_and_check().await;
        assert_eq!(rig.under(schema::PARTS).await + rig.under(schema::UPLOADS).await, 0);
    }
}

#[tokio::test]
async fn an_etag_is_the_md5_of_md5s_exactly_where_aws_says_so() {
    // md5(md5("a" * 1000) ‖ md5("b")), by another implementation.
    let want = "8579a3ad015530dfbb5dc55295cfe210-2";
    for mode in Mode::ALL {
        let rig = rig();
        rig.make_bucket(Versioning::Off).await;
        let bodies = [Bytes::from(vec![b'a'; 1000]), Bytes::from_static(b"b")];
        let done = rig.upload_all("k", &bodies, mode).await;
        assert_eq!(done.etag == want, mode == Mode::S3, "{mode:?} {}", done.etag);
    }
}

#[tokio::test]
async fn a_canary_in_parts_is_found_nowhere() {
    let canary = b"canary-9d02ff-plaintext";
    let body: Bytes = canary.iter().copied().cycle().take(50_000).collect::<Vec<_>>().into();
    for mode in Mode::ALL {
        let rig = rig();
        rig.make_bucket(Versioning::Off).await;
        rig.upload_all("k", &[body.clone(), body.slice(..2_000)], mode).await;
        let open = rig.start("open", mode).await;
        rig.part_mode("open", open, 1, body.clone(), mode).await;
        let stored = rig.everything().await;
        assert!(stored.len() > 100_000 && !stored.windows(canary.len()).any(|window| window == canary), "{mode:?}");
    }
}

#[tokio::test]
async fn a_part_uploaded_again_replaces_the_first_and_unlisted_parts_go() {
    let rig = rig();
    rig.make_bucket(Versioning::Off).await;
    let upload = rig.start("k", Mode::Kms).await;
    let old = rig.part("k", upload, 1, pattern(90_000)).await.unwrap();
    let new = rig.part("k", upload, 1, pattern(80_000)).await.unwrap();
    rig.part("k", upload, 2, pattern(70_000)).await.unwrap();
    let small = rig.part("k", upload, 3, pattern(10)).await.unwrap();
    assert_ne!(old.etag, new.etag, "a part's entity tag is its own");
    assert_eq!(rig.under(schema::GARBAGE).await, 1);
    let stale = rig.complete("k", upload, vec![listed(1, &old)]).await;
    assert!(matches!(stale, Err(Error::InvalidPart { number: 1, .. })));
    rig.complete("k", upload, vec![listed(1, &new), listed(3, &small)]).await.unwrap();
    assert!(rig.body(name("k")).await.unwrap() == [pattern(80_000), pattern(10)].concat());
    rig.sweep_and_check().await;
    assert_eq!((rig.under(schema::REFERENCED).await, rig.under(schema::INLINE).await), (1, 1));
}

#[tokio::test]
async fn lists_that_do_not_fit_the_parts_are_refused_and_change_nothing() {
    let rig = rig();
    rig.make_bucket(Versioning::Off).await;
    let upload = rig.start("k", Mode::S3).await;
    let one = listed(1, &rig.part("k", upload, 1, pattern(MINIMUM)).await.unwrap());
    let small = listed(2, &rig.part("k", upload, 2, pattern(MINIMUM - 1)).await.unwrap());
    let last = listed(3, &rig.part("k", upload, 3, pattern(1)).await.unwrap());
    let before = rig.meta.dump().await;
    let other_etag = arqueta_engine::api::CompletedPart { etag: "0".repeat(32), ..one.clone() };
    let absent = arqueta_engine::api::CompletedPart { number: 9, ..one.clone() };
    type Is = fn(&Error) -> bool;
    let cases: [(Vec<_>, Is); 7] = [
        (vec![], |e| matches!(e, Error::InvalidRequest { .. })),
        (vec![last.clone(), one.clone()], |e| matches!(e, Error::InvalidPartOrder)),
        (vec![one.clone(), one.clone()], |e| matches!(e, Error::InvalidPartOrder)),
        (vec![other_etag], |e| matches!(e, Error::InvalidPart { number: 1, .. })),
        (vec![one.clone(), absent], |e| matches!(e, Error::InvalidPart { number: 9, .. })),
        (vec![one.clone(), small.clone(), last.clone()], |e| {
            matches!(e, Error::EntityTooSmall { number: 2, size: 999, .. })
        }),
        (vec![small.clone(), last.clone()], |e| matches!(e, Error::EntityTooSmall { number: 2, .. })),
    ];
    for (parts, is) in cases {
        let error = rig.complete("k", upload, parts.clone()).await.unwrap_err();
        assert!(is(&error), "{parts:?}: {error:?}");
    }
    let sized =
        |size| CompleteMultipartUpload { size: Some(size), ..complete("k", upload, vec![one.clone(), last.clone()]) };
    let wrong = rig.engine.uploads().complete(&rig.caller, sized(1002)).await;
    assert!(matches!(wrong, Err(Error::InvalidRequest { .. })));
    assert_eq!(rig.meta.dump().await, before);
    rig.engine.uploads().complete(&rig.caller, sized(1001)).await.unwrap();
}

#[tokio::test]
async fn uploads_and_parts_that_do_not_exist() {
    let rig = rig();
    rig.make_bucket(Versioning::Off).await;
    let upload = rig.start("k", Mode::S3).await;
    let none = arqueta_model::UploadId::random();
    assert!(matches!(rig.part("k", none, 1, pattern(1)).await, Err(Error::NoSuchUpload)));
    assert!(matches!(rig.part("other", upload, 1, pattern(1)).await, Err(Error::NoSuchUpload)), "another key's upload");
    assert!(matches!(rig.complete("k", none, vec![]).await, Err(Error::NoSuchUpload)));
    assert!(matches!(rig.engine.uploads().abort(abort("k", none)).await, Err(Error::NoSuchUpload)));
    for number in [0, 10_001] {
        assert!(matches!(rig.part("k", upload, number, pattern(1)).await, Err(Error::InvalidArgument { .. })));
    }
    let elsewhere = UploadPart { bucket: "no-bucket".parse().unwrap(), ..part("k", upload, 1, pattern(1)) };
    assert!(matches!(rig.engine.uploads().put_part(&rig.caller, elsewhere).await, Err(Error::NoSuchBucket)));
    let nowhere = CreateMultipartUpload { bucket: "no-bucket".parse().unwrap(), ..create("k") };
    assert!(matches!(rig.engine.uploads().create(&rig.caller, nowhere).await, Err(Error::NoSuchBucket)));
}

#[tokio::test]
async fn an_abort_frees_everything_and_is_final() {
    let rig = rig();
    rig.make_bucket(Versioning::Off).await;
    let upload = rig.start("k", Mode::S3).await;
    let big = rig.part("k", upload, 1, pattern(90_000)).await.unwrap();
    rig.part("k", upload, 2, pattern(10)).await.unwrap();
    let mut late = abort("k", upload);
    late.if_started = Some(arqueta_model::Timestamp::from_millis(1));
    assert!(matches!(rig.engine.uploads().abort(late).await, Err(Error::PreconditionFailed { .. })));
    rig.engine.uploads().abort(abort("k", upload)).await.unwrap();
    assert_eq!((rig.under(schema::PARTS).await, rig.under(schema::INLINE).await), (0, 0));
    assert!(matches!(rig.part("k", upload, 3, pattern(1)).await, Err(Error::NoSuchUpload)));
    assert!(matches!(rig.complete("k", upload, vec![listed(1, &big)]).await, Err(Error::NoSuchUpload)));
    assert!(matches!(rig.engine.uploads().abort(abort("k", upload)).await, Err(Error::NoSuchUpload)));
    rig.sweep_and_check().await;
    assert!(rig.body(name("k")).await.is_err());
}

#[tokio::test]
async fn a_repeated_complete_gets_the_same_answer_for_a_day() {
    for versioning in [Versioning::Off, Versioning::Enabled] {
        let rig = rig();
        rig.make_bucket(versioning).await;
        let upload = rig.start("k", Mode::Kms).await;
        let parts = vec![listed(1, &rig.part("k", upload, 1, pattern(5)).await.unwrap())];
        let first = rig.complete("k", upload, parts.clone()).await.unwrap();
        assert_eq!(rig.complete("k", upload, parts.clone()).await.unwrap(), first);
        // Still, when the object is no longer the current one.
        rig.put("k", "newer").await.unwrap();
        let again = rig.complete("k", upload, parts.clone()).await.unwrap();
        assert_eq!((&again.etag, again.version), (&first.etag, first.version));
        assert!(rig.body(name("k")).await.unwrap() == "newer", "a repeat writes nothing");
        let mut others = parts.clone();
        others[0].etag = "0".repeat(32);
        assert!(matches!(rig.complete("k", upload, others).await, Err(Error::NoSuchUpload)));
        rig.engine.sweeper().uploads(rig.later()).await.unwrap();
        assert!(matches!(rig.complete("k", upload, parts).await, Err(Error::NoSuchUpload)));
    }
}

#[tokio::test]
async fn conditions_are_held_against_the_current_version() {
    let rig = rig();
    rig.make_bucket(Versioning::Off).await;
    let old = rig.put("k", "old").await.unwrap();
    rig.clock.advance(Duration::from_secs(1));
    let upload = rig.start("k", Mode::S3).await;
    let parts = vec![listed(1, &rig.part("k", upload, 1, pattern(5)).await.unwrap())];
    let with = |conditions| CompleteMultipartUpload { conditions, ..complete("k", upload, parts.clone()) };
    let finish = |conditions| rig.engine.uploads().complete(&rig.caller, with(conditions));
    let refused = finish(write_if(None, any_etag())).await;
    assert!(matches!(refused, Err(Error::PreconditionFailed { condition: Condition::IfNoneMatch })));
    let refused = finish(write_if(rig::etag("other"), None)).await;
    assert!(matches!(refused, Err(Error::PreconditionFailed { condition: Condition::IfMatch })));
    assert!(rig.body(name("k")).await.unwrap() == "old");
    finish(write_if(rig::etag(&old.etag), None)).await.unwrap();
    assert!(rig.body(name("k")).await.unwrap() == pattern(5));
    rig.sweep_and_check().await;
}

#[tokio::test]
async fn a_condition_that_holds_for_another_object_than_the_client_knew_is_a_conflict() {
    let rig = rig();
    rig.make_bucket(Versioning::Off).await;
    let old = rig.put("k", "old").await.unwrap();
    rig.clock.advance(Duration::from_secs(1));
    let upload = rig.start("k", Mode::S3).await;
    let parts = vec![listed(1, &rig.part("k", upload, 1, pattern(5)).await.unwrap())];
    let with = |conditions| CompleteMultipartUpload { conditions, ..complete("k", upload, parts.clone()) };
    let finish = |conditions| rig.engine.uploads().complete(&rig.caller, with(conditions));
    rig.clock.advance(Duration::from_secs(1));
    assert_eq!(rig.put("k", "old").await.unwrap().etag, old.etag);
    let refused = finish(write_if(rig::etag(&old.etag), None)).await;
    assert!(matches!(refused, Err(Error::ConditionalConflict { condition: Condition::IfMatch })));
    let refused = finish(write_if(None, any_etag())).await;
    assert!(matches!(refused, Err(Error::PreconditionFailed { condition: Condition::IfNoneMatch })));
    rig.delete(name("k")).await.unwrap();
    let refused = finish(write_if(None, any_etag())).await;
    assert!(matches!(refused, Err(Error::ConditionalConflict { condition: Condition::IfNoneMatch })));
    finish(Default::default()).await.unwrap();
    assert!(rig.engine.uploads().was_completed(&bucket(), &key("k"), upload).await.unwrap());
    assert!(!rig.engine.uploads().was_completed(&bucket(), &key("other"), upload).await.unwrap());
}

#[tokio::test]
async fn versions_are_made_as_by_a_put() {
    let rig = rig();
    rig.make_bucket(Versioning::Enabled).await;
    let first = rig.upload_all("k", &[pattern(2_000)], Mode::S3).await;
    let second = rig.upload_all("k", &[pattern(3_000)], Mode::S3).await;
    assert_ne!(first.version, second.version);
    assert!(rig.body(rig::version("k", first.version.unwrap())).await.unwrap() == pattern(2_000));
    assert!(rig.body(name("k")).await.unwrap() == pattern(3_000));
    assert_eq!(rig.under(schema::GARBAGE).await, 0);
}

fn value(algorithm: ChecksumAlgorithm, body: &[u8]) -> ChecksumValue {
    let mut hasher = arqueta_engine::checksum::Hasher::new(arqueta_engine::checksum::Wanted::only(algorithm));
    hasher.update(body);
    hasher.finish().value(algorithm).unwrap()
}

#[tokio::test]
async fn checksums_of_every_algorithm_and_type() {
    use ChecksumType::{Composite, FullObject};
    let bodies = [pattern(40_000), pattern(33)];
    for algorithm in ChecksumAlgorithm::ALL {
        for kind in [Composite, FullObject].into_iter().filter(|kind| algorithm.permits(*kind)) {
            let rig = rig();
            rig.make_bucket(Versioning::Off).await;
            let input = CreateMultipartUpload { checksum: Some(algorithm), checksum_type: Some(kind), ..create("k") };
            let upload = rig.engine.uploads().create(&rig.caller, input).await.unwrap();
            assert_eq!(upload.checksum, Some((algorithm, kind)));
            let mut parts = Vec::new();
            for (number, body) in (1..).zip(&bodies) {
                let declared = ChecksumRequest::Declared(value(algorithm, body));
                let input = UploadPart { checksum: declared, ..part("k", upload.id, number, body.clone()) };
                let stored = rig.engine.uploads().put_part(&rig.caller, input).await.unwrap();
                assert_eq!(stored.checksum.unwrap().value, value(algorithm, body));
                parts.push(listed(number, &stored));
            }
            let raw =
                [value(algorithm, &bodies[0]), value(algorithm, &bodies[1])].map(|v| v.as_bytes().to_vec()).concat();
            let want = match kind {
                FullObject => value(algorithm, &bodies.concat()).to_string(),
                Composite => format!("{}-2", value(algorithm, &raw)),
            };
            let finish = |checksum, checksum_type| {
                let input =
                    CompleteMultipartUpload { checksum, checksum_type, ..complete("k", upload.id, parts.clone()) };
                rig.engine.uploads().complete(&rig.caller, input)
            };
            let wrong = finish(Some((algorithm, value(algorithm, b"x").to_string())), None).await;
            assert!(matches!(wrong, Err(Error::ChecksumMismatch { .. })), "{algorithm:?} {kind:?}");
            let other = if kind == Composite { FullObject } else { Composite };
            assert!(matches!(finish(None, Some(other)).await, Err(Error::InvalidRequest { .. })));
            let done = finish(Some((algorithm, want.clone())), Some(kind)).await.unwrap();
            assert_eq!(done.checksum.unwrap().to_string(), want);
            let first = GetObject { range: Some(ByteRange::Part(1)), ..GetObject::new(name("k")) };
            let told = rig.get(first).await.unwrap().info.checksum.unwrap();
            assert_eq!((told.kind, told.to_string()), (kind, value(algorithm, &bodies[0]).to_string()));
        }
    }
}

#[tokio::test]
async fn an_upload_without_a_checksum_gets_the_default_one_of_the_whole_object() {
    let rig = rig();
    rig.make_bucket(Versioning::Off).await;
    let bodies = bodies();
    let done = rig.upload_all("k", &bodies, Mode::Kms).await;
    let checksum = done.checksum.unwrap();
    assert_eq!(checksum.kind, ChecksumType::FullObject);
    assert_eq!(checksum.value, value(ChecksumAlgorithm::Crc64Nvme, &bodies.concat()));
}

#[tokio::test]
async fn declared_digests_of_parts_are_held_against_the_body() {
    let rig = rig();
    rig.make_bucket(Versioning::Off).await;
    let input = CreateMultipartUpload { checksum: Some(ChecksumAlgorithm::Sha256), ..create("k") };
    let upload = rig.engine.uploads().create(&rig.caller, input).await.unwrap().id;
    let before = rig.meta.dump().await;
    let bad = |adjust: fn(&mut UploadPart)| {
        let mut input = part("k", upload, 1, pattern(50_000));
        adjust(&mut input);
        rig.engine.uploads().put_part(&rig.caller, input)
    };
    let sha = |body: &[u8]| ChecksumRequest::Declared(value(ChecksumAlgorithm::Sha256, body));
    let wrong = UploadPart { checksum: sha(b"x"), ..part("k", upload, 1, pattern(50_000)) };
    assert!(matches!(rig.engine.uploads().put_part(&rig.caller, wrong).await, Err(Error::ChecksumMismatch { .. })));
    assert!(matches!(bad(|p| p.md5 = Some([0; 16])).await, Err(Error::BadDigest { .. })));
    assert!(matches!(bad(|p| p.size = Some(50_001)).await, Err(Error::IncompleteBody)));
    assert!(matches!(bad(|p| p.size = Some(49_999)).await, Err(Error::Body(_))));
    assert!(matches!(
        bad(|p| p.checksum = ChecksumRequest::Compute(ChecksumAlgorithm::Crc32)).await,
        Err(Error::InvalidRequest { .. })
    ));
    assert_eq!(rig.meta.dump().await, before);
    rig.assert_consistent().await;
    // A composite upload's Complete must repeat each part's checksum.
    let stored = rig.part("k", upload, 1, pattern(50_000)).await.unwrap();
    let mut parts = vec![listed(1, &stored)];
    parts[0].checksum = None;
    assert!(matches!(rig.complete("k", upload, parts.clone()).await, Err(Error::InvalidRequest { .. })));
    parts[0].checksum = Some((ChecksumAlgorithm::Sha256, value(ChecksumAlgorithm::Sha256, b"x").to_string()));
    assert!(matches!(rig.complete("k", upload, parts).await, Err(Error::InvalidPart { number: 1, .. })));
}

#[tokio::test]
async fn parts_are_copied_from_any_mode_into_any_other() {
    let rig = rig();
    rig.make_bucket(Versioning::Enabled).await;
    let source = pattern(150_000);
    for from in Mode::ALL {
        let version = rig.put_mode("source", source.clone(), from).await.version;
        for into in Mode::ALL {
            let upload = rig.start("k", into).await;
            let copy = |number, range| UploadPartCopy {
                bucket: bucket(),
                key: key("k"),
                upload,
                number,
                source: CopySource {
                    name: name("source"),
                    conditions: Default::default(),
                    customer_key: from.customer_key(),
                },
                range,
                customer_key: into.customer_key(),
            };
            let whole = rig.engine.uploads().copy_part(&rig.caller, copy(1, None)).await.unwrap();
            assert_eq!(whole.source_version, version);
            let range = Some(ByteRange::FromTo(65_000, 149_999));
            let some = rig.engine.uploads().copy_part(&rig.caller, copy(2, range)).await.unwrap();
            rig.complete("k", upload, vec![listed(1, &whole), listed(2, &some)]).await.unwrap();
            let body = rig.body_mode(name("k"), into).await.unwrap();
            assert!(body == [&source[..], &source[65_000..]].concat(), "{from:?} to {into:?}");
            for range in [
                ByteRange::FromTo(0, 150_000),
                ByteRange::FromTo(5, 4),
                ByteRange::From(0),
                ByteRange::Suffix(1),
                ByteRange::FromTo(150_000, 150_001),
            ] {
                let upload = rig.start("k", into).await;
                let refused = rig
                    .engine
                    .uploads()
                    .copy_part(&rig.caller, UploadPartCopy { upload, ..copy(1, Some(range)) })
                    .await;
                let beyond = range == ByteRange::FromTo(150_000, 150_001);
                assert!(matches!(refused, Err(Error::InvalidRequest { .. })) == beyond, "{range:?}: {refused:?}");
                assert!(matches!(refused, Err(Error::InvalidArgument { .. })) != beyond, "{range:?}: {refused:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_customers_key_comes_with_every_part_and_no_other_key_does() {
    let rig = rig();
    rig.make_bucket(Versioning::Off).await;
    let upload = rig.start("k", Mode::Customer).await;
    let with =
        |byte: Option<u8>| UploadPart { customer_key: byte.map(customer_key), ..part("k", upload, 1, pattern(10)) };
    assert!(matches!(rig.engine.uploads().put_part(&rig.caller, with(None)).await, Err(Error::CustomerKey { .. })));
    assert!(matches!(rig.engine.uploads().put_part(&rig.caller, with(Some(8))).await, Err(Error::CustomerKey { .. })));
    let stored = rig.engine.uploads().put_part(&rig.caller, with(Some(7))).await.unwrap();
    let plain = rig.start("k", Mode::S3).await;
    let unasked = UploadPart { upload: plain, ..with(Some(7)) };
    assert!(matches!(rig.engine.uploads().put_part(&rig.caller, unasked).await, Err(Error::CustomerKey { .. })));
    // After a restart nothing of the customer's key is known any more, so Complete needs it.
    let restarted = rig.restarted();
    let parts = vec![listed(1, &stored)];
    assert!(matches!(restarted.complete("k", upload, parts.clone()).await, Err(Error::CustomerKey { .. })));
    let keyed = CompleteMultipartUpload { customer_key: Some(customer_key(7)), ..complete("k", upload, parts) };
    restarted.engine.uploads().complete(&restarted.caller, keyed).await.unwrap();
    assert!(restarted.body_mode(name("k"), Mode::Customer).await.unwrap() == pattern(10));
}

#[tokio::test]
async fn without_the_key_service_no_part_is_taken_and_no_upload_ends() {
    for mode in [Mode::S3, Mode::Kms, Mode::KmsBucketKey, Mode::DualKms] {
        let rig = rig();
        rig.make_bucket(Versioning::Off).await;
        let upload = rig.start("k", mode).await;
        let stored = rig.part("k", upload, 1, pattern(10)).await.unwrap();
        let rig = rig.restarted();
        rig.kms.set_down(true);
        let before = rig.meta.dump().await;
        assert!(matches!(rig.part("k", upload, 2, pattern(10)).await, Err(Error::Encryption(_))), "{mode:?}");
        assert!(
            matches!(rig.complete("k", upload, vec![listed(1, &stored)]).await, Err(Error::Encryption(_))),
            "{mode:?}"
        );
        assert_eq!(rig.meta.dump().await, before);
    }
}

#[tokio::test]
async fn bodies_swapped_between_parts_do_not_open() {
    for mode in Mode::ALL {
        let rig = rig();
        rig.make_bucket(Versioning::Off).await;
        let upload = rig.start("k", mode).await;
        let mut parts = Vec::new();
        for number in [1, 2] {
            parts.push(listed(number, &rig.part_mode("k", upload, number, pattern(50_000), mode).await));
        }
        let record = |number| {
            let rig = &rig;
            async move { PartRecord::decode(&rig.meta.get(&schema::part(upload, number)).await.unwrap().unwrap()).unwrap() }
        };
        let (mut one, mut two) = (record(1).await, record(2).await);
        std::mem::swap(&mut one.place, &mut two.place);
        let swapped =
            Batch::default().put(schema::part(upload, 1), one.encode()).put(schema::part(upload, 2), two.encode());
        rig.meta.commit(swapped).await.unwrap();
        rig.complete("k", upload, parts).await.unwrap();
        assert!(rig.body_mode(name("k"), mode).await.is_err(), "{mode:?}");
    }
}

#[tokio::test]
async fn pages_of_parts_join() {
    let rig = rig();
    rig.make_bucket(Versioning::Off).await;
    let upload = rig.start("k", Mode::S3).await;
    let numbers = [1, 2, 3, 255, 256, 257, 9_999, 10_000];
    for number in numbers {
        rig.part("k", upload, number, pattern(usize::from(number % 9))).await.unwrap();
    }
    for limit in 1..=9 {
        let (mut found, mut after) = (Vec::new(), 0);
        loop {
            let input = ListParts { bucket: bucket(), key: key("k"), upload, after, limit };
            let page = rig.engine.uploads().list_parts(input).await.unwrap();
            assert!(page.parts.len() <= limit);
            found.extend(page.parts.iter().map(|part| part.number));
            match page.next {
                Some(next) => after = next,
                None => break,
            }
        }
        assert_eq!(found, numbers, "{limit}");
    }
    let last = ListParts { bucket: bucket(), key: key("k"), upload, after: u16::MAX, limit: 5 };
    assert!(rig.engine.uploads().list_parts(last).await.unwrap().parts.is_empty());
}

#[tokio::test]
async fn ten_thousand_parts_end_in_one_commit() {
    let rig =
        rig::Rig::over(Default::default(), Default::default(), Default::default(), |config| config.part_minimum = 1);
    rig.make_bucket(Versioning::Off).await;
    let upload = rig.start("k", Mode::KmsBucketKey).await;
    let mut parts = Vec::new();
    for number in 1..=10_000u16 {
        let body = Bytes::from(number.to_be_bytes().to_vec());
        parts.push(listed(number, &rig.part("k", upload, number, body).await.unwrap()));
    }
    // The first commit of a bucket finds out what lies in it.
    rig.put("first", "x").await.unwrap();
    let before = rig.faulty_meta.operations();
    rig.complete("k", upload, parts).await.unwrap();
    assert!(rig.faulty_meta.operations() - before < 12, "not one operation for each part");
    let whole: Vec<u8> = (1..=10_000u16).flat_map(u16::to_be_bytes).collect();
    assert!(rig.body(name("k")).await.unwrap() == whole);
    rig.assert_consistent().await;
}

#[tokio::test]
async fn an_upload_with_a_checksum_is_completed_under_the_customers_key() {
    let rig = rig();
    rig.make_bucket(Versioning::Off).await;
    let kind = ChecksumType::FullObject;
    let input = CreateMultipartUpload {
        encryption: Mode::Customer.request(),
        checksum: Some(ChecksumAlgorithm::Crc64Nvme),
        checksum_type: Some(kind),
        ..create("k")
    };
    let upload = rig.engine.uploads().create(&rig.caller, input).await.unwrap().id;
    let parts = vec![listed(1, &rig.part_mode("k", upload, 1, pattern(10), Mode::Customer).await)];
    assert!(matches!(rig.complete("k", upload, parts.clone()).await, Err(Error::CustomerKey { .. })));
    let with = |byte| CompleteMultipartUpload {
        customer_key: Some(customer_key(byte)),
        ..complete("k", upload, parts.clone())
    };
    let foreign = rig.engine.uploads().complete(&rig.caller, with(8)).await;
    assert!(matches!(foreign, Err(Error::CustomerKey { .. })));
    rig.engine.uploads().complete(&rig.caller, with(7)).await.unwrap();
}

#[tokio::test]
async fn uploads_do_not_keep_a_bucket_but_versions_keep_both() {
    let rig = rig();
    rig.make_bucket(Versioning::Off).await;
    let upload = rig.start("k", Mode::Kms).await;
    rig.part("k", upload, 1, pattern(70_000)).await.unwrap();
    rig.put("object", "x").await.unwrap();
    assert!(matches!(rig.engine.buckets().delete(&bucket()).await, Err(Error::BucketNotEmpty)));
    assert!(rig.part("k", upload, 2, pattern(1)).await.is_ok(), "the upload is still there");
    rig.delete(name("object")).await.unwrap();
    rig.engine.buckets().delete(&bucket()).await.unwrap();
    assert_eq!(rig.under(schema::UPLOADS).await + rig.under(schema::PARTS).await, 0);
    rig.make_bucket(Versioning::Off).await;
    assert!(matches!(rig.part("k", upload, 3, pattern(1)).await, Err(Error::NoSuchUpload)));
}
