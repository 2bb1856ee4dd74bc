//! Hand-made pairs: one for each line that can be printed, and one for each rung.
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arqueta_client::testing::{Endless, Held, Object};
use arqueta_client::{Algorithm, Encryption, Entry, Facts, Listing, Lock, Sse, Whole};
use arqueta_compare::{Field, Options, Outcome, Tally, compare};
use futures::{StreamExt as _, TryStreamExt as _};
use md5::Digest as _;

/// An object whose bytes are `body`, with what S3 says of one that was put at once.
fn object(key: &str, body: &[u8]) -> Object {
    let etag = hex::encode(md5::Md5::digest(body));
    let size = body.len() as u64;
    Object {
        entry: Entry { key: key.into(), size, etag: etag.clone(), is_latest: true, ..Entry::default() },
        facts: Facts { size, etag, storage_class: "STANDARD".into(), ..Facts::default() },
        body: body.to_vec().into(),
        ..Object::default()
    }
}

fn with_checksum(mut object: Object, algorithm: Algorithm, value: &str, whole: Whole) -> Object {
    object.facts.checksums.insert(algorithm, value.into());
    object.facts.whole = Some(whole);
    object
}

fn sealed(mut object: Object, sse: Sse, key: &str) -> Object {
    // No MD5, as AWS's are none.
    let etag = format!("{:0>32}", object.facts.size + 0xabc);
    object.entry.etag.clone_from(&etag);
    object.facts.etag = etag;
    object.facts.encryption = Encryption { sse, key: Some(key.into()), bucket_key: false };
    object
}

fn multipart(mut object: Object, parts: &[u64]) -> Object {
    let (mut digests, mut at) = (Vec::new(), 0usize);
    for part in parts {
        let end = at + usize::try_from(*part).unwrap();
        digests.extend(md5::Md5::digest(&object.body[at..end]));
        at = end;
    }
    let etag = format!("{}-{}", hex::encode(md5::Md5::digest(digests)), parts.len());
    object.entry.etag.clone_from(&etag);
    object.facts.etag = etag;
    object.parts = parts.to_vec();
    object
}

async fn outcome_of(source: Object, destination: Object, options: Options) -> (Outcome, (usize, usize)) {
    let hold = |object| Arc::new(Held { objects: vec![object], ..Held::default() });
    let (source, destination) = (hold(source), hold(destination));
    let mut all: Vec<_> = compare(source.clone(), destination.clone(), options).try_collect().await.unwrap();
    assert_eq!(all.len(), 1);
    let reads = (source.reads.load(Ordering::Relaxed), destination.reads.load(Ordering::Relaxed));
    (all.remove(0), reads)
}

async fn says(source: Object, destination: Object) -> String {
    outcome_of(source, destination, Options::default()).await.0.lines().join("\n")
}

fn reading() -> Options {
    Options { read: true, ..Options::default() }
}

const TEXT: &[u8] = b"a text of forty bytes, no more, no less.";

#[tokio::test]
async fn the_first_rung_is_checksums_and_md5s() {
    let crc = |object, value| with_checksum(object, Algorithm::Crc32, value, Whole::Object);
    let (outcome, reads) = outcome_of(object("k", TEXT), object("k", TEXT), reading()).await;
    assert_eq!(outcome.same_line().unwrap(), "k: same (same MD5)");
    assert_eq!((outcome.combined(true).as_str(), reads), ("= k", (0, 0)));
    let one = crc(sealed(object("k", TEXT), Sse::Kms, "a"), "AAAAAA==");
    let other = crc(sealed(object("k", TEXT), Sse::Kms, "b"), "AAAAAA==");
    let (outcome, _) = outcome_of(one.clone(), other, Options::default()).await;
    assert_eq!(outcome.same_line().unwrap(), "k: same (same CRC32 of the whole object)");
    let other = crc(sealed(object("k", TEXT), Sse::Kms, "b"), "BBBBBB==");
    assert_eq!(says(one, other).await, "k: content differs: CRC32 AAAAAA== against BBBBBB==");
    let (outcome, _) = outcome_of(object("k", b""), sealed(object("k", b""), Sse::Kms, "a"), Options::default()).await;
    assert_eq!(outcome.lines()[0], "k: same bytes, ETag differs: the destination is SSE-KMS (both are empty)");
    let other = says(object("k", TEXT), object("k", b"A text of forty bytes, no more, no less.")).await;
    assert!(other.starts_with("k: content differs: MD5 "), "{other}");
    assert_eq!(says(object("k", TEXT), object("k", b"less")).await, "k: content differs: 40 bytes against 4 bytes");
}

#[tokio::test]
async fn the_second_rung_is_the_same_parts() {
    let one = multipart(object("k", TEXT), &[16, 16, 8]);
    let (outcome, _) = outcome_of(one.clone(), one.clone(), Options::default()).await;
    assert_eq!(outcome.same_line().unwrap(), "k: same (same multipart ETag, parts of the same sizes)");
    let mut silent = one.clone();
    silent.parts.clear();
    let (outcome, _) = outcome_of(one.clone(), silent, Options::default()).await;
    assert_eq!(outcome.same_line().unwrap(), "k: same (same multipart ETag)");
    let mut changed = object("k", b"a text of forty bytes, no more, no LESS.");
    changed = multipart(changed, &[16, 16, 8]);
    let line = says(one.clone(), changed).await;
    assert!(line.starts_with("k: content differs: ETags of the same parts, "), "{line}");
    let of_parts = |object, value| with_checksum(object, Algorithm::Sha256, value, Whole::Parts);
    let seal = |object| sealed(object, Sse::Kms, "a");
    let mut one = of_parts(seal(one), "AAA=-3");
    one.facts.etag.push_str("-3");
    let (outcome, _) = outcome_of(one.clone(), one.clone(), Options::default()).await;
    assert_eq!(outcome.same_line().unwrap(), "k: same (same SHA256 of the same parts)");
    let other = of_parts(one.clone(), "BBB=-3");
    assert_eq!(says(one, other).await, "k: content differs: SHA256 of the same parts, AAA=-3 against BBB=-3");
}

#[tokio::test]
async fn etags_that_differ_are_explained() {
    let crc = |object| with_checksum(object, Algorithm::Crc64Nvme, "AAAAAAAAAAA=", Whole::Object);
    let source = crc(object("k", TEXT));
    let mut replica = crc(sealed(object("k", TEXT), Sse::Kms, "arn:k"));
    replica.facts.replication = Some("REPLICA".into());
    replica.facts.encryption.bucket_key = true;
    assert_eq!(
        says(source.clone(), replica.clone()).await,
        "k: same bytes, ETag differs: the replica is SSE-KMS (same CRC64NVME of the whole object)\n\
         k: encryption differs: not encrypted against SSE-KMS under arn:k with a bucket key"
    );
    let (outcome, _) = outcome_of(source.clone(), replica, Options::default()).await;
    assert_eq!((outcome.combined(false).as_str(), outcome.combined(true).as_str()), ("= k", "* k"));
    let parts = crc(multipart(object("k", TEXT), &[32, 8]));
    assert_eq!(
        says(parts, source.clone()).await,
        "k: same bytes, ETag differs: 2 parts of 32 bytes against one PUT (same CRC64NVME of the whole object)"
    );
    let mut odd = source.clone();
    odd.facts.etag = "0x8D4BCC2E4835CD0".into();
    let (outcome, _) = outcome_of(source, odd, Options::default()).await;
    assert!(outcome.lines()[0].contains("neither parts nor encryption say why"));
    assert_eq!(outcome.combined(false), "* k");
}

#[tokio::test]
async fn what_has_no_common_checksum_is_told_by_reading_one_side() {
    let line = "k: cannot tell without reading: no common checksum";
    let (put, parts) = (object("k", TEXT), multipart(object("k", TEXT), &[16, 16, 8]));
    assert_eq!(says(parts.clone(), put.clone()).await, line);
    let (outcome, _) = outcome_of(parts.clone(), put.clone(), Options::default()).await;
    assert_eq!(outcome.combined(false), "! k");
    // The third rung: only the side is read whose bytes the other has written down.
    let kms = sealed(object("k", TEXT), Sse::Kms, "a");
    for (source, destination, reads, etag) in [
        (parts.clone(), kms.clone(), (0, 1), "the destination is SSE-KMS, and 3 parts of 16 bytes against one PUT"),
        (kms.clone(), parts.clone(), (1, 0), "the source is SSE-KMS, and one PUT against 3 parts of 16 bytes"),
        (parts.clone(), put.clone(), (0, 1), "3 parts of 16 bytes against one PUT"),
    ] {
        let (outcome, read) = outcome_of(source, destination, reading()).await;
        let by = "ETag of one side computed of the other's bytes";
        assert_eq!(outcome.lines()[0], format!("k: same bytes, ETag differs: {etag} ({by})"));
        assert_eq!(read, reads);
    }
    let crc = with_checksum(kms.clone(), Algorithm::Crc32, "gaVgyQ==", Whole::Object);
    let (outcome, read) = outcome_of(crc, sealed(object("k", TEXT), Sse::Kms, "b"), reading()).await;
    assert!(outcome.lines().iter().all(|line| !line.contains("content")), "{:?}", outcome.lines());
    assert_eq!((outcome.combined(false).as_str(), read), ("= k", (0, 1)));
}

#[tokio::test]
async fn the_last_rung_is_bytes() {
    let (one, other) = (sealed(object("k", TEXT), Sse::Kms, "a"), sealed(object("k", TEXT), Sse::Kms, "b"));
    let (outcome, reads) = outcome_of(one.clone(), other, reading()).await;
    assert_eq!(outcome.same_line().unwrap(), "k: same (bytes read on both sides)");
    assert_eq!(reads, (1, 1));
    let other = sealed(object("k", b"a text of forty bytes, no more, no LESS."), Sse::Kms, "b");
    let (outcome, _) = outcome_of(one, other, reading()).await;
    assert_eq!(outcome.lines(), ["k: content differs: from byte 35 on"]);
    // Something written down that does not fit ends with the bytes, which say where.
    let parts = multipart(object("k", TEXT), &[16, 16, 8]);
    let (outcome, _) = outcome_of(parts, object("k", b"a text of forty Bytes, no more, no less."), reading()).await;
    assert_eq!(outcome.lines(), ["k: content differs: from byte 16 on"]);
}

#[tokio::test]
async fn what_stands_beside_the_bytes_is_compared_and_may_be_ignored() {
    let source = object("k", TEXT);
    let mut other = object("k", TEXT);
    other.facts.metadata.insert("a".into(), "1".into());
    other.facts.headers.insert("content-type", "text/plain".into());
    other.facts.lock = Lock { mode: None, until: None, hold: true };
    other.tags.insert("t".into(), "x".into());
    let (outcome, _) = outcome_of(source.clone(), other.clone(), Options::default()).await;
    assert_eq!(
        outcome.lines(),
        [
            "k: metadata differs: content-type none against \"text/plain\", x-amz-meta-a none against \"1\"",
            "k: tags differ: t none against \"x\"",
            "k: lock differs: no legal hold against a legal hold",
        ]
    );
    assert_eq!(outcome.combined(false), "* k");
    let ignore = vec![Field::Metadata, Field::Tags, Field::Lock];
    let (outcome, _) = outcome_of(source, other, Options { ignore, ..Options::default() }).await;
    assert_eq!(outcome.combined(true), "= k");
}

#[tokio::test]
async fn what_is_missing_has_its_reason() {
    let mut failed = object("x/failed", TEXT);
    failed.facts.replication = Some("FAILED".into());
    failed.facts.replication_failure = Some("DstKmsKeyNotFound".into());
    let mut pending = object("x/pending", TEXT);
    pending.facts.replication = Some("PENDING".into());
    let objects = vec![object("x/deleted", TEXT), failed, object("x/lost", TEXT), pending];
    let source = Arc::new(Held { objects, prefix: "x/".into(), ..Held::default() });
    let markers = vec![("y/deleted".to_owned(), 1_700_000_000)];
    let objects = vec![object("y/only\nhere", TEXT)];
    let destination = Arc::new(Held { objects, markers, prefix: "y/".into(), ..Held::default() });
    let outcomes: Vec<Outcome> = compare(source, destination, Options::default()).try_collect().await.unwrap();
    let lines: Vec<_> = outcomes.iter().flat_map(Outcome::lines).collect();
    assert_eq!(
        lines,
        [
            "x/deleted: missing in the destination: delete marker since 2023-11-14T22:13:20Z",
            "x/failed: missing in the destination: replication FAILED: DstKmsKeyNotFound",
            "x/lost: missing in the destination",
            "y/only\\nhere: missing in the source",
            "x/pending: missing in the destination: replication PENDING",
        ]
    );
    let combined: Vec<_> = outcomes.iter().map(|outcome| outcome.combined(false)).collect();
    assert_eq!(combined, ["+ x/deleted", "+ x/failed", "+ x/lost", "- y/only\\nhere", "+ x/pending"]);
    let json = outcomes[1].json(false);
    assert_eq!(json["missingIn"], "destination");
    assert_eq!(json["reasons"][0], "replication FAILED: DstKmsKeyNotFound");
    assert_eq!(json["destination"], serde_json::Value::Null);
}

#[tokio::test]
async fn versions_and_markers_are_compared() {
    let version = |id: &str, body: &[u8]| {
        let mut object = object("k", body);
        object.entry.version = Some(id.into());
        object
    };
    let marker = |id: &str| Object {
        entry: Entry { key: "k".into(), version: Some(id.into()), is_marker: true, ..Entry::default() },
        ..Object::default()
    };
    let source =
        Held { objects: vec![marker("4"), version("3", b"c"), marker("2"), version("1", b"a")], ..Held::default() };
    let destination =
        Held { objects: vec![version("3", b"c"), version("2", b"b"), version("1", b"a")], ..Held::default() };
    let options = Options { listing: Listing::Versions, ..Options::default() };
    let outcomes: Vec<Outcome> = compare(Arc::new(source), Arc::new(destination), options).try_collect().await.unwrap();
    let lines: Vec<_> = outcomes.iter().flat_map(Outcome::lines).collect();
    assert_eq!(
        lines,
        ["k (2): content differs: a delete marker against 1 bytes", "k (4): delete marker missing in the destination"]
    );
}

#[tokio::test]
async fn what_cannot_be_asked_is_not_known() {
    let source = Held { objects: vec![object("k", TEXT)], ..Held::default() };
    // Listed, and gone when it is asked for.
    let mut gone = object("k", TEXT);
    gone.entry.version = None;
    let destination = Vanishing(Held { objects: vec![gone], ..Held::default() });
    let outcomes: Vec<Outcome> =
        compare(Arc::new(source), Arc::new(destination), Options::default()).try_collect().await.unwrap();
    assert_eq!(outcomes[0].lines(), ["k: it changed meanwhile"]);
    let mut tally = Tally::default();
    tally.count(&outcomes[0], false);
    assert_eq!(tally.exit(), 2);
}

struct Vanishing(Held);

#[async_trait::async_trait]
impl arqueta_client::Bucket for Vanishing {
    async fn page(
        &self,
        listing: Listing,
        from: Option<&arqueta_client::Cursor>,
    ) -> Result<arqueta_client::Page, arqueta_client::Error> {
        self.0.page(listing, from).await
    }

    async fn facts(&self, _: &Entry) -> Result<Facts, arqueta_client::Error> {
        Err(arqueta_client::Error::Absent { call: "HeadObject", code: "404".into() })
    }

    async fn parts(&self, entry: &Entry, count: u32) -> Result<Vec<u64>, arqueta_client::Error> {
        self.0.parts(entry, count).await
    }

    async fn tags(&self, entry: &Entry) -> Result<arqueta_client::Tags, arqueta_client::Error> {
        self.0.tags(entry).await
    }

    async fn body(&self, entry: &Entry) -> Result<arqueta_client::Body, arqueta_client::Error> {
        self.0.body(entry).await
    }

    async fn absence(&self, key: &str) -> Result<arqueta_client::Absence, arqueta_client::Error> {
        self.0.absence(key).await
    }

    fn prefix(&self) -> &str {
        self.0.prefix()
    }
}

#[tokio::test]
async fn listings_alone_prove_what_they_can() {
    let options = || Options { listing_only: true, ..Options::default() };
    let (outcome, _) = outcome_of(object("k", TEXT), object("k", TEXT), options()).await;
    assert_eq!(outcome.combined(true), "= k");
    let (outcome, _) = outcome_of(object("k", TEXT), sealed(object("k", TEXT), Sse::Kms, "a"), options()).await;
    assert_eq!(outcome.lines(), ["k: cannot tell by the listings: the ETags differ"]);
    let (outcome, _) = outcome_of(object("k", TEXT), object("k", b"x"), options()).await;
    assert_eq!(outcome.combined(true), "* k");
}

/// However large the buckets, no more is held than a page of each and what is compared at the same time.
#[tokio::test]
async fn a_million_keys_need_no_memory() {
    let count = 1_000_000;
    let resident = || {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
    };
    let before = resident();
    let (mut tally, mut most) = (Tally::default(), 0);
    let mut outcomes =
        Box::pin(compare(Arc::new(Endless { count }), Arc::new(Endless { count: count - 1 }), Options::default()));
    while let Some(outcome) = outcomes.next().await {
        tally.count(&outcome.unwrap(), false);
        if tally.all() % 50_000 == 0 {
            most = most.max(resident());
        }
    }
    assert_eq!((tally.same, tally.missing, tally.exit()), (count - 1, 1, 1));
    let grown = most.saturating_sub(before) >> 20;
    assert!(grown < 32, "{grown} MiB");
}
