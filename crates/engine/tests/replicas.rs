//! Versions that were written elsewhere first.
#![allow(clippy::unwrap_used)]

mod rig;
mod uploads;

use std::sync::Arc;
use std::time::Duration;

use arqueta_engine::api::{
    AmendReplica, Checksum, ChecksumAlgorithm, ChecksumType, ChecksumValue, ContentHeaders, CreateBucket,
    EncryptionRequest, GetObject, LegalHold, ListObjectVersions, ListedVersion, ListedVersions, MarkReplica,
    PlacedReplica, PutReplica, ReplicaPart, ReplicaParts, ReplicationState, RequestedMode, Retention, RetentionMode,
    StorageClass, Tags, UserMetadata, Versioning,
};
use arqueta_engine::{Error, SseMode, schema};
use arqueta_model::{Clock, Timestamp, VersionId};
use arqueta_store::{BlobStore, Counting, MemoryBlobs, MetaStore};
use bytes::Bytes;
use futures::StreamExt;
use proptest::prelude::*;
use rig::{Mode, Rig, account, bucket, chunked, collect, key, name, pattern, version};
use uploads::MINIMUM;

/// An id of the instant `millis` after the rig's first one.
fn id(millis: u64, counter: u64, rest: u8) -> VersionId {
    let sequence = ((1_767_225_600_000 + millis) << 20) + counter;
    let mut bytes = [rest; 16];
    bytes[..8].copy_from_slice(&sequence.to_be_bytes());
    VersionId::Id(bytes)
}

fn instant(version: VersionId) -> u64 {
    let VersionId::Id(bytes) = version else { panic!("{version}") };
    u64::from_be_bytes(*bytes.first_chunk().unwrap())
}

fn replica(at: &str, version: VersionId, body: &Bytes) -> PutReplica {
    PutReplica {
        bucket: bucket(),
        key: key(at),
        version,
        last_modified: Timestamp::from_millis(1_767_225_600_000),
        body: chunked(body.clone(), 700),
        size: body.len() as u64,
        parts: None,
        checksum: None,
        headers: ContentHeaders::default(),
        metadata: UserMetadata::default(),
        tags: Tags::default(),
        storage_class: StorageClass::default(),
        encryption: EncryptionRequest::default(),
        retention: None,
        legal_hold: None,
    }
}

fn mark(at: &str, version: VersionId) -> MarkReplica {
    MarkReplica { bucket: bucket(), key: key(at), version, last_modified: Timestamp::from_millis(1_767_225_600_000) }
}

async fn put(rig: &Rig, input: PutReplica) -> Result<PlacedReplica, Error> {
    rig.engine.replicas().put(&rig.caller, input).await
}

async fn page(rig: &Rig, after: Option<(String, Option<VersionId>)>, limit: usize) -> ListedVersions {
    let (key_marker, version_marker) = after.map_or((None, None), |(key, version)| (Some(key), version));
    let (prefix, delimiter) = (String::new(), None);
    let input = ListObjectVersions { bucket: bucket(), prefix, delimiter, key_marker, version_marker, limit };
    rig.engine.listing().versions(input).await.unwrap()
}

fn place(one: ListedVersion) -> (VersionId, bool, bool) {
    (one.version, one.latest, one.object.is_some())
}

async fn order(rig: &Rig) -> Vec<(VersionId, bool, bool)> {
    page(rig, None, 1000).await.versions.into_iter().map(place).collect()
}

/// The same, one by one.
async fn paged(rig: &Rig) -> Vec<(VersionId, bool, bool)> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = page(rig, after, 1).await;
        all.extend(page.versions.into_iter().map(place));
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

async fn state(rig: &Rig) -> Vec<(Bytes, Bytes)> {
    rig.meta.dump().await.into_iter().collect()
}

#[tokio::test]
async fn a_replica_is_what_its_source_was() {
    let rig = Rig::new(Versioning::Enabled).await;
    let written = id(1, 0, 9);
    let input = PutReplica {
        headers: ContentHeaders { content_type: Some("text/x".to_owned()), ..ContentHeaders::default() },
        metadata: UserMetadata([("a".to_owned(), "b".to_owned())].into()),
        tags: Tags::of_object(vec![("t".to_owned(), "u".to_owned())]).unwrap(),
        storage_class: StorageClass::StandardIa,
        last_modified: Timestamp::from_millis(1_767_225_500_000),
        ..replica("k", written, &pattern(5000))
    };
    let placed = put(&rig, input).await.unwrap();
    assert!(!placed.repeated);
    let got = rig.get(GetObject::new(version("k", written))).await.unwrap();
    let info = got.info.clone();
    assert_eq!(collect(got).await.unwrap(), pattern(5000));
    assert_eq!((info.version, info.last_modified.millis()), (written, 1_767_225_500_000));
    assert_eq!((info.replication, info.tags), (Some(ReplicationState::Replica), 1));
    assert_eq!((info.headers.content_type.as_deref(), info.storage_class), (Some("text/x"), StorageClass::StandardIa));
    assert_eq!((info.metadata.0["a"].as_str(), info.etag), ("b", placed.etag));
    assert_eq!(rig.body(name("k")).await.unwrap(), pattern(5000), "it is the current one");
    let own = rig.put("k", "own").await.unwrap().version.unwrap();
    assert_eq!(order(&rig).await, [(own, true, true), (written, false, true)]);
}

#[tokio::test]
async fn what_comes_twice_is_there_and_costs_one_commit_at_first() {
    let mut counting = None;
    let wrap = |meta: Arc<dyn MetaStore>| -> Arc<dyn MetaStore> {
        let counted = Counting::new(meta);
        counting = Some(counted.clone());
        Arc::new(counted)
    };
    let rig = Rig::wrapping(Arc::default(), MemoryBlobs::default(), Arc::default(), |_| {}, wrap);
    rig.make_bucket(Versioning::Enabled).await;
    let meta = counting.unwrap();
    for (size, at) in [(4096, "small"), (40_000, "large")] {
        let first = put(&rig, replica(at, id(1, 0, 1), &pattern(size))).await.unwrap();
        let (before, commits, calls) = (state(&rig).await, meta.writes(), rig.kms.calls());
        let again = put(&rig, replica(at, id(1, 0, 1), &pattern(size))).await.unwrap();
        assert_eq!(PlacedReplica { repeated: true, ..first }, again);
        assert_eq!((state(&rig).await, meta.writes(), rig.kms.calls()), (before, commits, calls), "{at}");
    }
    let commits = meta.writes();
    put(&rig, replica("k", id(2, 0, 1), &pattern(4096))).await.unwrap();
    assert_eq!(meta.writes() - commits, 1);
    let marked = rig.engine.replicas().delete_marker(mark("k", id(3, 0, 1))).await.unwrap();
    assert_eq!((meta.writes() - commits, marked.repeated), (2, false));
    assert!(rig.engine.replicas().delete_marker(mark("k", id(3, 0, 1))).await.unwrap().repeated);
    assert_eq!(meta.writes() - commits, 2);
    let broken = PutReplica {
        body: futures::stream::iter([Err(arqueta_engine::BodyError::Digest)]).boxed(),
        ..replica("k", id(2, 0, 1), &pattern(4096))
    };
    assert!(matches!(put(&rig, broken).await, Err(Error::Body(_))), "it is heard to its end");
    for twice in [
        put(&rig, replica("k", id(3, 0, 1), &pattern(1))).await.map(drop),
        rig.engine.replicas().delete_marker(mark("k", id(2, 0, 1))).await.map(drop),
    ] {
        assert!(matches!(twice, Ok(()) | Err(Error::InvalidRequest { .. })), "{twice:?}");
    }
    assert_eq!(order(&rig).await[0], (id(3, 0, 1), true, false));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever order versions come in, they stand as at their source: also two of one instant.
    #[test]
    fn late_versions_go_below_newer_ones(
        kinds in prop::collection::vec((0u64..4, any::<bool>()), 1..9),
        seed in any::<prop::sample::Index>(),
        twice in any::<bool>(),
    ) {
        let all: Vec<_> = kinds.iter().enumerate().map(|(n, (at, object))| (id(*at, 0, n as u8), *object)).collect();
        let mut shuffled = all.clone();
        let by = seed.index(shuffled.len());
        shuffled.rotate_left(by);
        if by % 2 == 1 {
            shuffled.reverse();
        }
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            let rig = Rig::new(Versioning::Enabled).await;
            for (id, object) in shuffled.iter().chain(all.iter().filter(|_| twice)) {
                match object {
                    true => put(&rig, replica("k", *id, &pattern(usize::from(u8::from(*object)) + 20))).await.map(drop),
                    false => rig.engine.replicas().delete_marker(mark("k", *id)).await.map(drop),
                }
                .unwrap();
            }
            // Ids of one instant are in order by the rest of them where two meet; of three the first two decide.
            let mut expected = all.clone();
            expected.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
            let listed = order(&rig).await;
            let instants = |ids: Vec<VersionId>| ids.into_iter().map(instant).collect::<Vec<_>>();
            assert_eq!(
                instants(listed.iter().map(|(id, ..)| *id).collect()),
                instants(expected.iter().map(|(id, _)| *id).collect()),
            );
            assert_eq!(paged(&rig).await, listed, "a page ends anywhere");
            assert_eq!(listed.iter().filter(|(_, latest, _)| *latest).count(), 1);
            assert!(listed[0].1);
            for (id, object) in &all {
                assert_eq!(rig.body(version("k", *id)).await.is_ok(), *object);
            }
            // Each is found by its id, and goes alone.
            for (gone, (id, _)) in all.iter().enumerate() {
                rig.delete(version("k", *id)).await.unwrap();
                assert_eq!(order(&rig).await.len(), all.len() - gone - 1);
            }
        });
    }
}

#[tokio::test]
async fn two_gateways_that_write_at_once_come_to_one_order() {
    let (low, high) = (id(5, 0, 1), id(5, 0, 2));
    let mut orders = Vec::new();
    for pair in [[low, high], [high, low]] {
        let rig = Rig::new(Versioning::Enabled).await;
        for id in pair {
            put(&rig, replica("k", id, &pattern(20))).await.unwrap();
        }
        orders.push(order(&rig).await);
    }
    assert_eq!(orders[0], orders[1]);
    assert_eq!(orders[0][0].0, high);
}

#[tokio::test]
async fn what_was_removed_for_good_does_not_come_back() {
    let rig = Rig::new(Versioning::Enabled).await;
    let (first, second) = (id(1, 0, 1), id(2, 0, 1));
    put(&rig, replica("k", first, &pattern(20))).await.unwrap();
    rig.engine.replicas().delete_marker(mark("k", second)).await.unwrap();
    for id in [first, second] {
        rig.delete(version("k", id)).await.unwrap();
    }
    let before = state(&rig).await;
    assert!(matches!(put(&rig, replica("k", first, &pattern(20))).await, Err(Error::ReplicaRemoved)));
    let marked = rig.engine.replicas().delete_marker(mark("k", second)).await;
    assert!(matches!(marked, Err(Error::ReplicaRemoved)), "{marked:?}");
    assert_eq!(state(&rig).await, before);
    // What was written here first has no source that could bring it back.
    let own = rig.put("k", "own").await.unwrap().version.unwrap();
    rig.delete(version("k", own)).await.unwrap();
    let remembered = rig.meta.dump().await.into_iter().filter(|(key, _)| key.starts_with(schema::REMOVED)).count();
    assert_eq!(remembered, 2);
    rig.clock.advance(Duration::from_secs(60));
    assert_eq!(rig.engine.sweeper().removals(rig.clock.now()).await.unwrap(), 2);
    put(&rig, replica("k", first, &pattern(20))).await.unwrap();
}

#[tokio::test]
async fn who_could_not_have_the_version_is_told_so() {
    for versioning in [Versioning::Off, Versioning::Suspended] {
        let rig = Rig::empty();
        rig.make_bucket(Versioning::Off).await;
        if versioning == Versioning::Suspended {
            rig.engine.bucket_settings().put_versioning(&bucket(), versioning).await.unwrap();
        }
        let refused = put(&rig, replica("k", id(1, 0, 1), &pattern(20))).await;
        assert!(matches!(refused, Err(Error::InvalidBucketState { .. })), "{refused:?}");
        let marked = rig.engine.replicas().delete_marker(mark("k", id(1, 0, 1))).await;
        assert!(matches!(marked, Err(Error::InvalidBucketState { .. })));
    }
    let rig = Rig::new(Versioning::Enabled).await;
    let later = 16 * 60 * 1000;
    for (id, last_modified) in
        [(VersionId::Id([255; 16]), 0), (id(later, 0, 1), 0), (id(1, 0, 1), 1_767_225_600_000 + later as i64)]
    {
        let input =
            PutReplica { last_modified: Timestamp::from_millis(last_modified), ..replica("k", id, &pattern(2)) };
        assert!(matches!(put(&rig, input).await, Err(Error::InvalidArgument { .. })), "{id}");
    }
    let near = id(14 * 60 * 1000, 7, 1);
    put(&rig, replica("k", near, &pattern(2))).await.unwrap();
    let own = rig.put("k", "own").await.unwrap().version.unwrap();
    assert_eq!(order(&rig).await, [(own, true, true), (near, false, true)], "what follows stands above it");
}

#[tokio::test]
async fn a_null_version_is_placed_by_its_time() {
    let at = |millis: i64| Timestamp::from_millis(1_767_225_600_000 + millis);
    let null = |millis| PutReplica { last_modified: at(millis), ..replica("k", VersionId::Null, &pattern(20)) };
    let rig = Rig::new(Versioning::Enabled).await;
    put(&rig, replica("k", id(9, 0, 1), &pattern(30))).await.unwrap();
    put(&rig, replica("k", id(3, 0, 1), &pattern(30))).await.unwrap();
    assert!(!put(&rig, null(5)).await.unwrap().repeated);
    assert!(put(&rig, null(5)).await.unwrap().repeated);
    let expected = [(id(9, 0, 1), true, true), (VersionId::Null, false, true), (id(3, 0, 1), false, true)];
    assert_eq!(order(&rig).await, expected);
    assert_eq!(rig.body(version("k", VersionId::Null)).await.unwrap(), pattern(20));
    let other = put(&rig, null(6)).await;
    assert!(matches!(other, Err(Error::InvalidRequest { .. })), "it is another bucket's null version: {other:?}");
    rig.delete(version("k", VersionId::Null)).await.unwrap();
    assert_eq!(order(&rig).await.len(), 2);
    put(&rig, null(12)).await.unwrap();
    assert_eq!(order(&rig).await[0], (VersionId::Null, true, true));
    let suspended = rig.engine.bucket_settings();
    suspended.put_versioning(&bucket(), Versioning::Suspended).await.unwrap();
    rig.put("k", "own").await.unwrap();
    assert_eq!(order(&rig).await.len(), 3, "one null version, and it was replaced");
}

#[tokio::test]
async fn encryption_is_what_the_source_chose() {
    for mode in [Mode::S3, Mode::Kms, Mode::KmsBucketKey, Mode::DualKms] {
        let rig = Rig::new(Versioning::Enabled).await;
        let input = PutReplica { encryption: mode.request(), ..replica("k", id(1, 0, 1), &pattern(20_000)) };
        let placed = put(&rig, input).await.unwrap();
        let encryption = placed.encryption.unwrap();
        assert_eq!(encryption.bucket_key, mode == Mode::KmsBucketKey, "{mode:?}");
        let md5 = arqueta_engine::checksum::Md5::of(&pattern(20_000));
        assert_eq!(placed.etag == hex::encode(md5), encryption.mode == SseMode::S3, "{mode:?}");
        assert_eq!(rig.body(name("k")).await.unwrap(), pattern(20_000));
    }
    let plain = Rig::over(Arc::default(), MemoryBlobs::default(), Arc::default(), |config| {
        config.encrypt_by_default = false;
    });
    plain.make_bucket(Versioning::Enabled).await;
    let placed = put(&plain, replica("k", id(1, 0, 1), &pattern(20))).await.unwrap();
    assert_eq!(placed.encryption, None);
    let asked = EncryptionRequest { mode: RequestedMode::S3, bucket_key: None };
    let placed =
        put(&plain, PutReplica { encryption: asked, ..replica("k", id(2, 0, 1), &pattern(20)) }).await.unwrap();
    assert_eq!(placed.encryption.unwrap().mode, SseMode::S3);
}

#[tokio::test]
async fn a_key_service_that_is_away_leaves_nothing_behind() {
    let rig = Rig::new(Versioning::Enabled).await;
    let before = state(&rig).await;
    rig.kms.set_down(true);
    let input = PutReplica { encryption: Mode::Kms.request(), ..replica("k", id(1, 0, 1), &pattern(20_000)) };
    assert!(matches!(put(&rig, input).await, Err(Error::Encryption(_))));
    assert_eq!(state(&rig).await, before);
}

fn crc32(body: &Bytes) -> ChecksumValue {
    use arqueta_engine::checksum::{Hasher, Wanted};
    let mut hasher = Hasher::new(Wanted::only(ChecksumAlgorithm::Crc32));
    hasher.update(body);
    hasher.finish().value(ChecksumAlgorithm::Crc32).unwrap()
}

#[tokio::test]
async fn a_checksum_is_kept_and_held_against_the_content() {
    let rig = Rig::new(Versioning::Enabled).await;
    let stated = |body: &Bytes| Some(Checksum::full_object(crc32(body)));
    let body = pattern(20_000);
    let input = PutReplica { checksum: stated(&body), ..replica("k", id(1, 0, 1), &body) };
    assert_eq!(put(&rig, input).await.unwrap().checksum, stated(&body));
    let before = (state(&rig).await, rig.blobs.list(None, 9).await.unwrap().len());
    let other = pattern(19_999);
    let wrong = PutReplica { checksum: stated(&other), ..replica("k", id(2, 0, 1), &body) };
    assert!(matches!(put(&rig, wrong).await, Err(Error::ChecksumMismatch { .. })));
    let short = PutReplica { size: 20_001, ..replica("k", id(2, 0, 1), &body) };
    assert!(matches!(put(&rig, short).await, Err(Error::IncompleteBody)));
    let composite = Checksum { value: crc32(&body), kind: ChecksumType::Composite, parts: 2 };
    let composite = PutReplica { checksum: Some(composite), ..replica("k", id(2, 0, 1), &body) };
    assert!(matches!(put(&rig, composite).await, Err(Error::InvalidArgument { .. })));
    assert_eq!((state(&rig).await, rig.blobs.list(None, 9).await.unwrap().len()), before);
}

#[tokio::test]
async fn a_replica_of_parts_has_its_sources_parts() {
    let source = uploads::rig();
    source.make_bucket(Versioning::Enabled).await;
    let bodies = [pattern(MINIMUM + 19_000), pattern(MINIMUM), pattern(7)];
    for mode in [Mode::S3, Mode::Kms] {
        let upload = source.start("k", mode).await;
        let mut listed = Vec::new();
        for (number, body) in [1, 5, 6].into_iter().zip(&bodies) {
            let part = source.part("k", upload, number, body.clone()).await.unwrap();
            listed.push(uploads::listed(number, &part));
        }
        let made = source.complete("k", upload, listed).await.unwrap();
        let rig = uploads::rig();
        rig.make_bucket(Versioning::Enabled).await;
        let whole: Bytes = bodies.concat().into();
        let parts: Vec<_> = [1, 5, 6]
            .into_iter()
            .zip(&bodies)
            .map(|(number, body)| ReplicaPart { number, size: body.len() as u64 })
            .collect();
        let input = |checksum| PutReplica {
            parts: Some(ReplicaParts { parts: parts.clone(), checksums: true }),
            checksum,
            encryption: mode.request(),
            ..replica("k", made.version.unwrap(), &whole)
        };
        let wrong = Checksum::full_object(ChecksumValue::new(ChecksumAlgorithm::Crc64Nvme, &[7; 8]).unwrap());
        assert!(matches!(put(&rig, input(Some(wrong))).await, Err(Error::ChecksumMismatch { .. })));
        assert!(rig.blobs.list(None, 9).await.unwrap().is_empty(), "what was taken in is gone");
        let placed = put(&rig, input(made.checksum)).await.unwrap();
        assert_eq!((placed.size, placed.checksum), (made.size, made.checksum));
        assert_eq!(placed.etag == made.etag, mode == Mode::S3);
        assert!(placed.etag.ends_with("-3"));
        assert_eq!(rig.body(name("k")).await.unwrap(), whole);
        let told = rig.engine.objects().attributes(&rig.caller, GetObject::new(name("k"))).await.unwrap();
        let sizes: Vec<_> = told.parts.iter().map(|part| (part.number, part.size, part.checksum.is_some())).collect();
        assert_eq!(sizes, [(1, 20_000, true), (5, 1000, true), (6, 7, true)]);
        assert!(put(&rig, input(made.checksum)).await.unwrap().repeated);
        assert!(rig.engine.sweeper().orphans(rig.clock.now().plus(Duration::from_secs(1))).await.unwrap() == 0);
    }
}

#[tokio::test]
async fn a_composite_checksum_is_that_of_the_parts() {
    let rig = uploads::rig();
    rig.make_bucket(Versioning::Enabled).await;
    let bodies = [pattern(MINIMUM), pattern(9)];
    let values: Vec<u8> = bodies.iter().flat_map(|body| crc32(body).as_bytes().to_vec()).collect();
    let composite = Checksum { value: crc32(&values.into()), kind: ChecksumType::Composite, parts: 2 };
    let parts = bodies.iter().zip(1..).map(|(body, number)| ReplicaPart { number, size: body.len() as u64 }).collect();
    let input = PutReplica {
        parts: Some(ReplicaParts { parts, checksums: false }),
        checksum: Some(composite),
        ..replica("k", id(1, 0, 1), &bodies.concat().into())
    };
    assert_eq!(put(&rig, input).await.unwrap().checksum, Some(composite));
}

async fn locked() -> Rig {
    let rig = Rig::empty();
    let create = CreateBucket {
        bucket: bucket(),
        owner: account(),
        object_lock: true,
        tags: None,
        documents: Default::default(),
    };
    rig.engine.buckets().create(create).await.unwrap();
    rig
}

fn amend(version: VersionId) -> AmendReplica {
    AmendReplica { name: rig::version("k", version), tags: None, retention: None, legal_hold: None }
}

#[tokio::test]
async fn locks_are_the_sources_and_are_never_weakened_here() {
    let one = id(1, 0, 1);
    let unlocked = Rig::new(Versioning::Enabled).await;
    let held = PutReplica { legal_hold: Some(LegalHold::On), ..replica("k", one, &pattern(2)) };
    assert!(matches!(put(&unlocked, held).await, Err(Error::NoObjectLockConfiguration)));
    put(&unlocked, replica("k", one, &pattern(2))).await.unwrap();
    let hold = AmendReplica { legal_hold: Some(LegalHold::On), ..amend(one) };
    assert!(matches!(unlocked.engine.replicas().amend(hold).await, Err(Error::NoObjectLockConfiguration)));

    let rig = locked().await;
    let over = Retention { mode: RetentionMode::Compliance, until: Timestamp::from_millis(5) };
    put(&rig, PutReplica { retention: Some(over), ..replica("past", one, &pattern(2)) }).await.unwrap();
    assert_eq!(rig.engine.locks().retention(&version("past", one)).await.unwrap(), over);
    let until = rig.clock.now().plus(Duration::from_secs(100));
    let retention = Retention { mode: RetentionMode::Compliance, until };
    put(&rig, PutReplica { retention: Some(retention), ..replica("k", one, &pattern(2)) }).await.unwrap();
    assert!(matches!(rig.delete(version("k", one)).await, Err(Error::ObjectLocked)));
    for weaker in [None, Some(Retention { until: rig.clock.now(), ..retention })] {
        let amended = rig.engine.replicas().amend(AmendReplica { retention: Some(weaker), ..amend(one) }).await;
        assert!(matches!(amended, Err(Error::ObjectLocked)), "{amended:?}");
    }
    let longer = Retention { until: until.plus(Duration::from_secs(1)), ..retention };
    for _ in 0..2 {
        rig.engine.replicas().amend(AmendReplica { retention: Some(Some(longer)), ..amend(one) }).await.unwrap();
        assert_eq!(rig.engine.locks().retention(&version("k", one)).await.unwrap(), longer);
    }
    for hold in [LegalHold::On, LegalHold::Off] {
        rig.engine.replicas().amend(AmendReplica { legal_hold: Some(hold), ..amend(one) }).await.unwrap();
        assert_eq!(rig.engine.locks().legal_hold(&version("k", one)).await.unwrap(), hold);
    }
}

#[tokio::test]
async fn tags_follow_those_of_the_source() {
    let rig = Rig::new(Versioning::Enabled).await;
    let (one, two) = (id(1, 0, 1), id(2, 0, 1));
    for id in [one, two] {
        put(&rig, replica("k", id, &pattern(2))).await.unwrap();
    }
    let tags = Tags::of_object(vec![("a".to_owned(), "b".to_owned())]).unwrap();
    rig.engine.replicas().amend(AmendReplica { tags: Some(tags.clone()), ..amend(one) }).await.unwrap();
    assert_eq!(rig.engine.objects().tags(&version("k", one)).await.unwrap().0, tags);
    assert!(rig.engine.objects().tags(&name("k")).await.unwrap().0.is_empty(), "it was the older one that changed");
    let info = rig.get(GetObject::new(version("k", one))).await.unwrap().info;
    assert_eq!(info.replication, Some(ReplicationState::Replica));
    rig.engine.replicas().amend(AmendReplica { tags: Some(Tags::default()), ..amend(one) }).await.unwrap();
    assert!(rig.engine.objects().tags(&version("k", one)).await.unwrap().0.is_empty());
    let none = rig.engine.replicas().amend(AmendReplica { tags: Some(tags), ..amend(id(3, 0, 1)) }).await;
    assert!(matches!(none, Err(Error::NoSuchVersion)), "{none:?}");
}

#[tokio::test]
async fn quotas_hold_for_replicas() {
    use arqueta_engine::usage::Quota;
    let rig = Rig::new(Versioning::Enabled).await;
    rig.engine.usage().limit_bucket(&bucket(), Quota { bytes: Some(100), objects: None }).await.unwrap();
    put(&rig, replica("k", id(2, 0, 1), &pattern(60))).await.unwrap();
    let late = put(&rig, replica("k", id(1, 0, 1), &pattern(60))).await;
    assert!(matches!(late, Err(Error::QuotaExceeded)), "{late:?}");
    put(&rig, replica("k", id(1, 0, 1), &pattern(40))).await.unwrap();
    let full = put(&rig, replica("other", id(1, 0, 1), &pattern(1))).await;
    assert!(matches!(full, Err(Error::QuotaExceeded)), "{full:?}");
}
