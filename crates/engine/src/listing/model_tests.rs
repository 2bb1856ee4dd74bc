//! Pages of every size, joined, against a naive model; and a page read while versions move.

use std::collections::{BTreeMap, BTreeSet};

use arqueta_model::{BucketName, ObjectId, PartId, Timestamp, VersionId};
use arqueta_store::{Batch, Change, Entry, MemoryMeta, MetaStore, Position, Scan};
use async_trait::async_trait;
use bytes::Bytes;
use proptest::prelude::*;
use serde_bytes::ByteBuf;
use tokio::sync::Mutex;

use super::{objects, uploads, versions};
use crate::api::{
    ListMultipartUploads, ListObjectVersions, ListObjects, ListedVersion, StorageClass, Tags, UserMetadata,
};
use crate::record::{Content, Manifest, ManifestPart, ObjectRecord, Record as _, UploadRecord};
use crate::sequence::version_id;
use crate::{Error, schema};

fn bucket() -> BucketName {
    "bucket".parse().unwrap()
}

fn record(sequence: u64, null: bool, live: bool) -> ObjectRecord {
    let part = ManifestPart { number: 1, id: PartId::random(), size: sequence, checksums: Vec::new() };
    let manifest = Manifest {
        parts: vec![part],
        multipart: false,
        etag: format!("etag-{sequence}"),
        checksums: Vec::new(),
        headers: Default::default(),
        metadata: UserMetadata::default(),
    };
    let content = Content {
        id: ObjectId::random(),
        manifest: ByteBuf::from(manifest.encode().to_vec()),
        tag: None,
        keys: None,
        places: Vec::new(),
        tags: Tags::default(),
        retention: None,
        legal_hold: None,
        storage_class: StorageClass::Standard,
    };
    ObjectRecord {
        version: if null { VersionId::Null } else { version_id(sequence) },
        sequence,
        last_modified: Timestamp::from_millis(7),
        owner: "111122223333".parse().unwrap(),
        content: live.then_some(content),
        null_sequence: None,
        replication: None,
    }
}

/// What a bucket holds: for each key its versions, newest first, and whether each is an object.
type Keys = BTreeMap<String, Vec<bool>>;

/// Puts the versions of `keys` where the engine keeps them; the oldest of each key is null.
async fn store(keys: &Keys) -> MemoryMeta {
    let mut batch = Batch::default();
    for (key, versions) in keys {
        let key = key.parse().unwrap();
        let null = (versions.len() > 1).then_some(1);
        for (age, live) in versions.iter().enumerate() {
            let sequence = (versions.len() - age) as u64;
            let mut record = record(sequence, sequence == 1, *live);
            if age == 0 {
                record.null_sequence = null;
                batch = batch.put(schema::current(&bucket(), &key), record.encode());
            } else {
                batch = batch.put(schema::noncurrent(&bucket(), &key, sequence), record.encode());
            }
        }
    }
    // Neighbours that no listing of this bucket may show.
    let other: BucketName = "bucket-2".parse().unwrap();
    let key = "a".parse().unwrap();
    batch = batch.put(schema::current(&other, &key), record(1, true, true).encode());
    batch = batch.put(schema::noncurrent(&other, &key, 1), record(1, true, true).encode());
    let meta = MemoryMeta::new();
    meta.commit(batch).await.unwrap();
    meta
}

/// A listing by its definition: every key rolled up or not, everything sorted, the marker cut off.
fn entries<'k>(
    keys: impl Iterator<Item = &'k String>,
    prefix: &str,
    delimiter: &str,
    after: &str,
) -> BTreeSet<(String, bool)> {
    let rolled = |key: &String| {
        let rest = &key[prefix.len()..];
        match rest.find(delimiter).filter(|_| !delimiter.is_empty()) {
            Some(at) => (key[..prefix.len() + at + delimiter.len()].to_owned(), true),
            None => (key.clone(), false),
        }
    };
    let listed = keys.filter(|key| key.starts_with(prefix)).map(rolled);
    listed.filter(|(entry, _)| entry.as_str() > after).collect()
}

fn texts(entries: &BTreeSet<(String, bool)>, prefixes: bool) -> Vec<String> {
    entries.iter().filter(|(_, is_prefix)| *is_prefix == prefixes).map(|(entry, _)| entry.clone()).collect()
}

fn key() -> impl Strategy<Value = String> {
    "[ab/é\0]{1,5}"
}

fn keys() -> impl Strategy<Value = Keys> {
    let versions = prop::collection::vec(prop::bool::weighted(0.7), 1..5);
    prop::collection::btree_map(key(), versions, 0..40)
}

fn delimiter() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "/", "a", "//", "é", "b/", "\0"])
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

proptest! {
    #[test]
    fn pages_of_objects_join_to_the_model(
        keys in keys(), prefix in "[ab/é]{0,2}", delimiter in delimiter(), after in "[ab/é]{0,4}", limit in 1..6usize,
    ) {
        let live = keys.iter().filter(|(_, versions)| versions[0]).map(|(key, _)| key);
        let model = entries(live, &prefix, delimiter, &after);
        let (objects, prefixes) = run(async {
            let meta = store(&keys).await;
            let (mut objects, mut prefixes) = (Vec::new(), Vec::new());
            let mut next = Some(after.clone()).filter(|after| !after.is_empty());
            loop {
                let input = ListObjects {
                    bucket: bucket(), prefix: prefix.clone(), delimiter: Some(delimiter.to_owned()), after: next, limit,
                };
                let page = objects::page(&meta, &input, usize::MAX).await.unwrap();
                let entries = page.objects.len() + page.prefixes.len();
                assert!(entries <= limit && (entries == limit || page.next.is_none()), "pages are full but for the last");
                objects.extend(page.objects.into_iter().map(|object| object.key.as_str().to_owned()));
                prefixes.extend(page.prefixes);
                next = page.next;
                if next.is_none() {
                    return (objects, prefixes);
                }
                assert!(entries > 0);
            }
        });
        prop_assert_eq!(objects, texts(&model, false));
        prop_assert_eq!(prefixes, texts(&model, true));
    }

    #[test]
    fn a_short_budget_changes_pages_but_not_their_sum(keys in keys(), delimiter in delimiter(), budget in 1..5usize) {
        let live = keys.iter().filter(|(_, versions)| versions[0]).map(|(key, _)| key);
        let model = entries(live, "", delimiter, "");
        let found = run(async {
            let meta = store(&keys).await;
            let (mut found, mut next) = (BTreeSet::new(), None);
            loop {
                let input = ListObjects {
                    bucket: bucket(), prefix: String::new(), delimiter: Some(delimiter.to_owned()), after: next, limit: 3,
                };
                let page = objects::page(&meta, &input, budget).await.unwrap();
                found.extend(page.objects.into_iter().map(|object| (object.key.as_str().to_owned(), false)));
                found.extend(page.prefixes.into_iter().map(|prefix| (prefix, true)));
                next = page.next;
                if next.is_none() {
                    return found;
                }
            }
        });
        prop_assert_eq!(found, model);
    }

    #[test]
    fn pages_of_versions_join_to_the_model(
        keys in keys(), prefix in "[ab/é]{0,2}", delimiter in delimiter(), after in "[ab/é]{0,4}", limit in 1..6usize,
    ) {
        let model = entries(keys.keys(), &prefix, delimiter, &after);
        let mut versions = Vec::new();
        for key in texts(&model, false) {
            let all = &keys[&key];
            versions.extend(all.iter().enumerate().map(|(age, live)| (key.clone(), (all.len() - age) as u64, *live)));
        }
        let (found, prefixes) = run(async {
            let meta = store(&keys).await;
            let (mut found, mut prefixes) = (Vec::new(), Vec::new());
            let mut next = Some((after.clone(), None)).filter(|(after, _)| !after.is_empty());
            loop {
                let (key_marker, version_marker) = next.map_or((None, None), |(key, version)| (Some(key), version));
                let input = ListObjectVersions {
                    bucket: bucket(), prefix: prefix.clone(), delimiter: Some(delimiter.to_owned()),
                    key_marker, version_marker, limit,
                };
                let page = versions::page(&meta, &input).await.unwrap();
                let entries = page.versions.len() + page.prefixes.len();
                assert!(entries <= limit && (entries == limit || page.next.is_none()), "pages are full but for the last");
                found.extend(page.versions);
                prefixes.extend(page.prefixes);
                next = page.next;
                if next.is_none() {
                    return (found, prefixes);
                }
            }
        });
        for version in &found {
            let newest = keys[version.key.as_str()].len() as u64;
            let sequence = sequence(version);
            prop_assert_eq!(version.latest, sequence == newest);
            prop_assert_eq!(version.version.is_null(), sequence == 1);
        }
        let found: Vec<_> =
            found.iter().map(|v| (v.key.as_str().to_owned(), sequence(v), v.object.is_some())).collect();
        prop_assert_eq!(found, versions);
        prop_assert_eq!(prefixes, texts(&model, true));
    }

    #[test]
    fn pages_of_uploads_join_to_the_model(
        keys in prop::collection::btree_map(key(), 1..4u8, 0..30), prefix in "[ab/é]{0,2}", delimiter in delimiter(), limit in 1..6usize,
    ) {
        let model = entries(keys.keys(), &prefix, delimiter, "");
        let wanted: Vec<_> = texts(&model, false).into_iter().flat_map(|key| {
            let count = keys[&key];
            (0..count).map(move |n| (key.clone(), n))
        }).collect();
        let (found, prefixes) = run(async {
            let meta = MemoryMeta::new();
            for (key, count) in &keys {
                for n in 0..*count {
                    let upload = upload(key, n);
                    let stored = schema::upload(&upload.bucket, &upload.key, upload.id);
                    meta.commit(Batch::default().put(stored, upload.encode())).await.unwrap();
                }
            }
            let (mut found, mut prefixes, mut next) = (Vec::new(), Vec::new(), None);
            loop {
                let (key_marker, upload_marker) = next.map_or((None, None), |(key, upload)| (Some(key), upload));
                let input = ListMultipartUploads {
                    bucket: bucket(), prefix: prefix.clone(), delimiter: Some(delimiter.to_owned()),
                    key_marker, upload_marker, limit,
                };
                let page = uploads::page(&meta, &input).await.unwrap();
                found.extend(page.uploads.into_iter().map(|upload| (upload.key.as_str().to_owned(), upload.id.as_bytes()[0])));
                prefixes.extend(page.prefixes);
                next = page.next;
                if next.is_none() {
                    return (found, prefixes);
                }
            }
        });
        prop_assert_eq!(found, wanted);
        prop_assert_eq!(prefixes, texts(&model, true));
    }
}

/// Test records have their sequence as their size.
fn sequence(version: &ListedVersion) -> u64 {
    crate::sequence::sequence_in(version.version).unwrap_or(1)
}

fn upload(key: &str, n: u8) -> UploadRecord {
    UploadRecord {
        id: arqueta_model::UploadId::from_bytes([n; 16]),
        bucket: bucket(),
        key: key.parse().unwrap(),
        object: ObjectId::random(),
        initiator: arqueta_model::Principal::root(&"111122223333".parse().unwrap(), "AKIA"),
        owner: "111122223333".parse().unwrap(),
        started: Timestamp::from_millis(1),
        keys: None,
        headers: Default::default(),
        metadata: UserMetadata::default(),
        tags: Tags::default(),
        retention: None,
        legal_hold: None,
        storage_class: StorageClass::Standard,
        checksum: None,
        replaces: false,
    }
}

/// A store in which a batch is committed right after the first scan.
struct Moving {
    inner: MemoryMeta,
    then: Mutex<Option<Batch>>,
}

#[async_trait]
impl MetaStore for Moving {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, arqueta_store::Error> {
        self.inner.get(key).await
    }
    async fn page(&self, scan: Scan) -> Result<Vec<Entry>, arqueta_store::Error> {
        let page = self.inner.page(scan).await?;
        if let Some(batch) = self.then.lock().await.take() {
            self.inner.commit(batch).await?;
        }
        Ok(page)
    }
    async fn commit(&self, batch: Batch) -> Result<(), arqueta_store::Error> {
        self.inner.commit(batch).await
    }
    async fn changes(&self, since: Position, limit: usize) -> Result<Vec<Change>, arqueta_store::Error> {
        self.inner.changes(since, limit).await
    }
    async fn trim(&self, through: Position) -> Result<(), arqueta_store::Error> {
        self.inner.trim(through).await
    }
}

fn all_versions() -> ListObjectVersions {
    ListObjectVersions {
        bucket: bucket(),
        prefix: String::new(),
        delimiter: None,
        key_marker: None,
        version_marker: None,
        limit: 1000,
    }
}

#[tokio::test]
async fn a_version_that_becomes_current_during_the_page_is_not_missed() {
    let keys = Keys::from([("a".to_owned(), vec![true, true]), ("b".to_owned(), vec![true])]);
    let (inner, key) = (store(&keys).await, "a".parse().unwrap());
    let promoted = Batch::default()
        .delete(schema::noncurrent(&bucket(), &key, 1))
        .put(schema::current(&bucket(), &key), record(1, true, true).encode());
    let meta = Moving { inner, then: Mutex::new(Some(promoted)) };
    let page = versions::page(&meta, &all_versions()).await.unwrap();
    let found: Vec<_> = page.versions.iter().map(|v| (v.key.as_str(), sequence(v), v.latest)).collect();
    assert_eq!(found, [("a", 1, true), ("b", 1, true)]);
}

#[tokio::test]
async fn a_version_that_is_replaced_during_the_page_is_listed_once() {
    let keys = Keys::from([("a".to_owned(), vec![true])]);
    let (inner, key) = (store(&keys).await, "a".parse().unwrap());
    let replaced = Batch::default()
        .put(schema::noncurrent(&bucket(), &key, 1), record(1, true, true).encode())
        .put(schema::current(&bucket(), &key), record(2, false, true).encode());
    let meta = Moving { inner, then: Mutex::new(Some(replaced)) };
    let page = versions::page(&meta, &all_versions()).await.unwrap();
    let found: Vec<_> = page.versions.iter().map(|v| (sequence(v), v.latest)).collect();
    assert_eq!(found, [(2, true), (1, false)]);
}

#[tokio::test]
async fn a_page_goes_on_although_its_marker_version_was_deleted() {
    let keys = Keys::from([("a".to_owned(), vec![true, true, true])]);
    let meta = store(&keys).await;
    let first = versions::page(&meta, &ListObjectVersions { limit: 2, ..all_versions() }).await.unwrap();
    let key = "a".parse().unwrap();
    // What a client does that empties a bucket page by page: both listed versions go.
    let emptied = Batch::default()
        .delete(schema::noncurrent(&bucket(), &key, 1))
        .delete(schema::noncurrent(&bucket(), &key, 2))
        .put(schema::current(&bucket(), &key), record(1, true, true).encode());
    meta.commit(emptied).await.unwrap();
    let (key_marker, version_marker) = first.next.map(|(key, version)| (Some(key), version)).unwrap();
    let rest =
        versions::page(&meta, &ListObjectVersions { key_marker, version_marker, ..all_versions() }).await.unwrap();
    assert_eq!(rest.versions.iter().map(sequence).collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn a_limit_of_nothing_is_an_empty_last_page() {
    let meta = store(&Keys::from([("a".to_owned(), vec![true])])).await;
    let input = ListObjects { bucket: bucket(), prefix: String::new(), delimiter: None, after: None, limit: 0 };
    let page = objects::page(&meta, &input, usize::MAX).await.unwrap();
    assert!(page.objects.is_empty() && page.next.is_none());
}

#[tokio::test]
async fn a_common_prefix_is_jumped_over_not_read() {
    let meta = store(&(0..5000).map(|n| (format!("{:02}/{n:04}", n / 500), vec![true])).collect()).await;
    let meta = Counted { inner: meta, pairs: Default::default() };
    let input =
        ListObjects { bucket: bucket(), prefix: String::new(), delimiter: Some("/".into()), after: None, limit: 1000 };
    let page = objects::page(&meta, &input, usize::MAX).await.unwrap();
    assert_eq!(page.prefixes.len(), 10);
    let read = meta.pairs.load(std::sync::atomic::Ordering::Relaxed);
    assert!(read < 150, "read {read} of 5,000 records");
    meta.pairs.store(0, std::sync::atomic::Ordering::Relaxed);
    let input = ListObjectVersions {
        bucket: bucket(),
        prefix: String::new(),
        delimiter: Some("/".into()),
        key_marker: None,
        version_marker: None,
        limit: 1000,
    };
    let page = versions::page(&meta, &input).await.unwrap();
    assert_eq!(page.prefixes.len(), 10);
    let read = meta.pairs.load(std::sync::atomic::Ordering::Relaxed);
    assert!(read < 250, "versions: read {read} of 5,000 records");
}

/// However many delete markers lie in one common prefix, a page reads its share and the next goes on there.
#[tokio::test]
async fn delete_markers_within_a_common_prefix_have_a_budget() {
    let gone = (0..100_000).map(|n| (format!("a/{n:06}"), vec![false]));
    let more = [("a/x".to_owned(), vec![true]), ("b".to_owned(), vec![true])];
    let meta = Counted { inner: store(&gone.chain(more).collect()).await, pairs: Default::default() };
    for delimiter in [Some("/".to_owned()), None] {
        let (mut after, mut pages, mut found) = (None, 0, Vec::new());
        loop {
            let delimiter = delimiter.clone();
            let input = ListObjects { bucket: bucket(), prefix: String::new(), delimiter, after, limit: 1000 };
            meta.pairs.store(0, std::sync::atomic::Ordering::Relaxed);
            let page = objects::page(&meta, &input, objects::BUDGET).await.unwrap();
            let read = meta.pairs.load(std::sync::atomic::Ordering::Relaxed);
            assert!(read <= objects::BUDGET + 1000, "read {read} records");
            found.extend(page.objects.into_iter().map(|object| object.key.as_str().to_owned()));
            found.extend(page.prefixes);
            (after, pages) = (page.next, pages + 1);
            if after.is_none() {
                break;
            }
        }
        let want = if delimiter.is_some() { ["b", "a/"] } else { ["a/x", "b"] };
        assert_eq!((found, pages), (want.map(str::to_owned).to_vec(), 100_000 / objects::BUDGET + 1));
    }
}

#[tokio::test]
async fn a_damaged_record_is_a_gap_and_one_of_a_later_format_an_error() {
    let meta = store(&Keys::from([("a".to_owned(), vec![true])])).await;
    let key = schema::current(&bucket(), &"b".parse().unwrap());
    for (bytes, unknown) in [(&b"\x01garbage"[..], false), (b"", false), (b"\x09", true)] {
        meta.commit(Batch::default().put(key.clone(), bytes)).await.unwrap();
        let input = ListObjects { bucket: bucket(), prefix: String::new(), delimiter: None, after: None, limit: 9 };
        let page = objects::page(&meta, &input, usize::MAX).await;
        assert_eq!(matches!(page, Err(Error::UnknownFormat { version: 9 })), unknown);
        assert!(unknown || page.unwrap().objects.len() == 1);
    }
}

/// Counts the pairs that scans return.
struct Counted {
    inner: MemoryMeta,
    pairs: std::sync::atomic::AtomicUsize,
}

#[async_trait]
impl MetaStore for Counted {
    async fn get(&self, key: &[u8]) -> Result<Option<Bytes>, arqueta_store::Error> {
        self.inner.get(key).await
    }
    async fn page(&self, scan: Scan) -> Result<Vec<Entry>, arqueta_store::Error> {
        let page = self.inner.page(scan).await?;
        self.pairs.fetch_add(page.len(), std::sync::atomic::Ordering::Relaxed);
        Ok(page)
    }
    async fn commit(&self, batch: Batch) -> Result<(), arqueta_store::Error> {
        self.inner.commit(batch).await
    }
    async fn changes(&self, since: Position, limit: usize) -> Result<Vec<Change>, arqueta_store::Error> {
        self.inner.changes(since, limit).await
    }
    async fn trim(&self, through: Position) -> Result<(), arqueta_store::Error> {
        self.inner.trim(through).await
    }
}
