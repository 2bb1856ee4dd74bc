//! The versioning state machine against a model that keeps plain lists.
#![allow(clippy::unwrap_used)]

mod rig;

use std::time::Duration;

use arqueta_engine::Error;
use arqueta_engine::api::{ListObjectVersions, ListObjects, Versioning};
use arqueta_model::VersionId;
use bytes::Bytes;
use proptest::prelude::*;
use rig::{Rig, bucket, name, version};

const KEYS: [&str; 2] = ["a", "a\0b"];

#[derive(Debug, Clone)]
enum Step {
    Put(usize, u16),
    Delete(usize),
    /// Removes the version at this place of the key's list, wrapping around.
    Remove(usize, prop::sample::Index),
    RemoveNull(usize),
    Versioning(bool),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0..KEYS.len();
    prop_oneof![
        // Some bodies travel in the metadata, some are files.
        5 => (key.clone(), prop_oneof![0u16..50, 20_000u16..20_050]).prop_map(|(key, size)| Step::Put(key, size)),
        2 => key.clone().prop_map(Step::Delete),
        3 => (key.clone(), any::<prop::sample::Index>()).prop_map(|(key, at)| Step::Remove(key, at)),
        1 => key.prop_map(Step::RemoveNull),
        2 => any::<bool>().prop_map(Step::Versioning),
        1 => Just(Step::Restart),
    ]
}

/// Versions of one key, newest first; `None` is a delete marker.
type Versions = Vec<(VersionId, Option<Bytes>)>;

struct Model {
    versioning: Versioning,
    keys: [Versions; 2],
}

impl Model {
    /// Adds a version under S3's rules; `fresh` is the id that the engine drew, if it drew one.
    fn add(&mut self, key: usize, fresh: Option<VersionId>, body: Option<Bytes>) {
        let versions = &mut self.keys[key];
        let id = match self.versioning {
            Versioning::Enabled => fresh.unwrap(),
            Versioning::Off => VersionId::Null,
            Versioning::Suspended => {
                assert_eq!(fresh, Some(VersionId::Null));
                VersionId::Null
            }
        };
        if id.is_null() {
            versions.retain(|(old, _)| !old.is_null());
        }
        versions.insert(0, (id, body));
    }
}

async fn run(steps: Vec<Step>, start: Versioning) {
    let mut rig = Rig::new(start).await;
    let mut model = Model { versioning: start, keys: [vec![], vec![]] };
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Put(key, size) => {
                let body: Bytes = vec![number as u8; usize::from(size)].into();
                let stored = rig.put(KEYS[key], body.clone()).await.unwrap();
                model.add(key, stored.version, Some(body));
            }
            Step::Delete(key) => {
                let deleted = rig.delete(name(KEYS[key])).await.unwrap();
                if model.versioning == Versioning::Off {
                    model.keys[key].clear();
                    assert!(!deleted.delete_marker && deleted.version.is_none());
                } else {
                    assert!(deleted.delete_marker);
                    model.add(key, deleted.version, None);
                }
            }
            Step::Remove(key, at) => {
                if !model.keys[key].is_empty() {
                    let at = at.index(model.keys[key].len());
                    let (id, body) = model.keys[key].remove(at);
                    let deleted = rig.delete(version(KEYS[key], id)).await.unwrap();
                    assert_eq!((deleted.version, deleted.delete_marker), (Some(id), body.is_none()));
                }
            }
            Step::RemoveNull(key) => {
                rig.delete(version(KEYS[key], VersionId::Null)).await.unwrap();
                model.keys[key].retain(|(id, _)| !id.is_null());
            }
            Step::Versioning(enabled) => {
                let wanted = if enabled { Versioning::Enabled } else { Versioning::Suspended };
                rig.engine.bucket_settings().put_versioning(&bucket(), wanted).await.unwrap();
                model.versioning = wanted;
            }
            Step::Restart => rig = rig.restarted(),
        }
        // Often, several versions fall into one millisecond.
        rig.clock.advance(Duration::from_millis(number as u64 % 3 / 2));
        compare(&rig, &model).await;
    }
}

/// Reads by every path, listings, and what is left in the stores.
async fn compare(rig: &Rig, model: &Model) {
    for (key, versions) in KEYS.iter().zip(&model.keys) {
        let current = rig.body(name(key)).await;
        match versions.first() {
            Some((_, Some(body))) => assert!(current.unwrap() == body),
            Some((id, None)) => {
                assert!(matches!(current, Err(Error::NoSuchKey { delete_marker: Some(m) }) if m == *id))
            }
            None => assert!(matches!(current, Err(Error::NoSuchKey { delete_marker: None }))),
        }
        for (id, body) in versions {
            let read = rig.body(version(key, *id)).await;
            match body {
                Some(body) => assert!(read.unwrap() == body),
                None => {
                    assert!(matches!(read, Err(Error::MethodNotAllowed { delete_marker, .. }) if delete_marker == *id))
                }
            }
        }
        let absent = rig.body(version(key, VersionId::random())).await;
        assert!(matches!(absent, Err(Error::NoSuchVersion)));
    }
    let list = ListObjectVersions {
        bucket: bucket(),
        prefix: String::new(),
        delimiter: None,
        key_marker: None,
        version_marker: None,
        limit: 1000,
    };
    let listed = rig.engine.listing().versions(list).await.unwrap().versions;
    let listed: Vec<_> = listed.iter().map(|v| (v.key.as_str(), v.version, v.latest, v.object.is_some())).collect();
    let wanted = KEYS.iter().zip(&model.keys).flat_map(|(key, versions)| {
        versions.iter().enumerate().map(move |(at, (id, body))| (*key, *id, at == 0, body.is_some()))
    });
    assert_eq!(listed, wanted.collect::<Vec<_>>());
    let list = ListObjects { bucket: bucket(), prefix: String::new(), delimiter: None, after: None, limit: 1000 };
    let listed = rig.engine.listing().objects(list).await.unwrap().objects;
    let current = model.keys.iter().filter(|versions| matches!(versions.first(), Some((_, Some(_))))).count();
    assert_eq!(listed.len(), current);
    no_body_too_many(rig, model).await;
}

/// Exactly the bodies of the versions are kept.
async fn no_body_too_many(rig: &Rig, model: &Model) {
    let bodies = || model.keys.iter().flatten().filter_map(|(_, body)| body.as_ref());
    let pairs = rig.meta.dump().await;
    let count = |prefix: &[u8]| pairs.iter().filter(|(key, _)| key.starts_with(prefix)).count();
    assert_eq!(count(b"i/"), bodies().filter(|body| body.len() < 16_000).count());
    assert_eq!(count(b"x/"), bodies().filter(|body| body.len() > 16_000).count());
    rig.settle().await;
    let files = arqueta_store::BlobStore::list(&rig.blobs, None, usize::MAX).await.unwrap().len();
    assert_eq!(files, count(b"x/"), "what nobody needs is gone, its marks wait for the sweeper");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn versions_are_those_of_the_model(
        steps in prop::collection::vec(step(), 1..25),
        start in prop::sample::select(vec![Versioning::Off, Versioning::Enabled, Versioning::Suspended]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(steps, start));
    }
}

#[tokio::test]
async fn versioning_never_returns_to_off() {
    let rig = Rig::new(Versioning::Enabled).await;
    rig.engine.bucket_settings().put_versioning(&bucket(), Versioning::Off).await.unwrap();
    assert_eq!(rig.engine.buckets().get(&bucket()).await.unwrap().versioning, Versioning::Suspended);
}

#[tokio::test]
async fn writers_of_one_key_lose_no_version() {
    let rig = std::sync::Arc::new(Rig::new(Versioning::Enabled).await);
    let writers = (0..40).map(|at| {
        let rig = rig.clone();
        tokio::spawn(async move { rig.put("k", vec![at; 30]).await.unwrap().version.unwrap() })
    });
    for writer in writers.collect::<Vec<_>>() {
        let id = writer.await.unwrap();
        assert_eq!(rig.body(version("k", id)).await.unwrap().len(), 30);
    }
    assert_eq!(rig.meta.dump().await.iter().filter(|(key, _)| key.starts_with(b"v/")).count(), 39);
}
