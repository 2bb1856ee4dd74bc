//! What calls cost the disk: syncs and bytes, exactly, whatever the size of the store.
//!
//! The journal's frames are counted as they are written. Checkpoints of the index happen every 16 MiB
//! of frames, so they are counted apart: all that a checkpoint after a number of calls writes, shared
//! by these calls.

use std::path::Path;
use std::sync::Arc;

use arqueta_audit::JsonLines;
use arqueta_model::SystemClock;
use arqueta_store::power::{Recorder, Spent};
use arqueta_store::{Batch, MetaStore};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;

use crate::ledger::Mode;
use crate::load::{Load, PLAIN, VERSIONED};
use crate::signed::{Asked, Signer, call};
use crate::site::{Front, Site};

const CALLS: usize = 40;
const PAYLOAD: usize = 4096;

/// Records that a store of many objects has beside those of the test.
async fn grow(meta: &dyn MetaStore, records: usize) {
    for from in (0..records).step_by(1000) {
        let key = |n: usize| format!("z/{:08x}", n.wrapping_mul(2_654_435_761) as u32);
        let fill = (from..from + 1000).fold(Batch::default(), |batch, n| batch.put(key(n), vec![1; 400]));
        meta.commit(fill).await.unwrap();
    }
}

async fn site(front: &Front, records: usize, data: &Path, record: Option<Arc<JsonLines>>) -> (Site, Load) {
    let disk = Recorder::new();
    let meta = Arc::new(disk.full_size_meta().unwrap());
    grow(&*meta, records).await;
    let site = Site::start_over(front, disk, meta, data, record).await.unwrap();
    let load = Load { clients: site.clients(front).unwrap(), disk: site.disk.clone(), ledger: Arc::default() };
    load.prepare().await;
    (site, load)
}

async fn puts(load: &Load, mode: Mode) -> Spent {
    let put = async |number| {
        load.put(&(PLAIN, format!("{mode:?}/{number}")), mode, Bytes::from(vec![7; PAYLOAD])).await;
    };
    // Makes the bucket key of the window.
    put(0).await;
    let from = load.disk.position();
    for number in 1..=CALLS {
        put(number).await;
    }
    load.disk.spent(from)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_costs_its_one_sync_on_an_empty_and_on_a_large_store() {
    let front = Front::start().await;
    for records in [0, 100_000] {
        let data = tempfile::tempdir().unwrap();
        let (_site, load) = site(&front, records, data.path(), None).await;
        for mode in [Mode::Default, Mode::KmsBucketKey, Mode::Customer] {
            let Spent { journal: (syncs, bytes), others, .. } = puts(&load, mode).await;
            assert_eq!((syncs, others), (CALLS, (0, 0)), "{records} records: a small PUT in mode {mode:?} is one sync");
            assert!(bytes <= CALLS * 2 * PAYLOAD, "{records} records, {mode:?}: {} bytes a PUT", bytes / CALLS);
        }
        let from = load.disk.position();
        for _ in 0..CALLS {
            load.try_create_key().await.unwrap();
        }
        let Spent { journal: (syncs, bytes), others, .. } = load.disk.spent(from);
        assert_eq!((syncs, others), (CALLS, (0, 0)), "{records} records: CreateKey is one sync of the metadata");
        assert!(bytes <= CALLS * PAYLOAD, "{records} records: {} bytes a CreateKey", bytes / CALLS);
    }
}

/// The event of a change is in the frame of the change, and the frame before's in the record by then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorded_change_costs_one_sync_of_the_journal() {
    let (front, data) = (Front::start().await, tempfile::tempdir().unwrap());
    let lines = Arc::new(JsonLines::open(data.path().join("audit"), Arc::new(SystemClock)).await.unwrap());
    let (site, load) = site(&front, 0, data.path(), Some(lines)).await;
    let from = load.disk.position();
    for _ in 0..CALLS {
        load.try_create_key().await.unwrap();
    }
    let Spent { journal: (syncs, bytes), others, .. } = load.disk.spent(from);
    assert_eq!((syncs, others), (CALLS, (0, 0)), "CreateKey with its event is one sync");
    // One block each, unless one takes many rows of others away.
    assert!(bytes <= CALLS * PAYLOAD * 5 / 4, "{} bytes a recorded CreateKey", bytes / CALLS);
    assert!(!site.ids(b"audit/told/").await.is_empty(), "the last ones wait for a later commit");
    // A small change takes those of the calls before away.
    load.try_create_key().await.unwrap();
    assert!(site.ids(b"audit/told/").await.len() < CALLS, "rows go as fast as they come");
}

const LARGE: usize = 8 << 20;
/// A frame of the journal: the least that one takes.
const BLOCK: usize = 4096;

/// What one call after the other costs.
struct Rows<'a> {
    front: &'a Front,
    root: Signer,
    load: &'a Load,
}

impl Rows<'_> {
    /// Syncs of the journal and of bodies, most bytes of both, and what is left of folders' syncs.
    async fn hold(
        &self,
        what: &str,
        (journal, bodies): (usize, usize),
        most: (usize, usize),
        call: impl Future<Output = ()>,
    ) {
        let from = self.load.disk.position();
        call.await;
        let spent = self.load.disk.spent(from);
        assert_eq!((spent.journal.0, spent.others.0), (journal, bodies), "{what}: syncs of the journal, and of bodies");
        assert!(spent.journal.1 <= most.0, "{what}: {} bytes of journal", spent.journal.1);
        assert!(spent.others.1 <= most.1, "{what}: {} bytes of bodies", spent.others.1);
        // The name of a body, and of up to two folders of the first body there.
        assert!(spent.folders <= 3 * bodies, "{what}: {} syncs of folders", spent.folders);
    }

    async fn asked(&self, what: &str, most: usize, asked: Asked<'_>) {
        self.hold(what, (1, 0), (most, 0), call(self.front, &self.root, asked)).await;
    }
}

/// Sealed, a body is longer by a tag for each chunk.
const SEALED: usize = LARGE + LARGE / 1000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_body_is_one_sync_of_its_own_and_everything_else_none() {
    let front = Front::start().await;
    for records in [0, 100_000] {
        let data = tempfile::tempdir().unwrap();
        let (site, load) = site(&front, records, data.path(), None).await;
        let rows = Rows { front: &front, root: site.root().unwrap(), load: &load };
        let s3 = &load.clients.s3;
        let large = Bytes::from(vec![7; LARGE]);
        let name = |key: &str| (PLAIN, key.to_owned());
        // Makes the bucket keys of the window.
        for mode in [Mode::KmsBucketKey, Mode::Default] {
            load.put(&name("first"), mode, Bytes::from_static(b"1")).await;
        }

        let put = async { load.put(&name("large"), Mode::KmsBucketKey, large.clone()).await };
        rows.hold("PUT of 8 MiB", (1, 1), (BLOCK, SEALED), put).await;
        let copy = async {
            s3.copy_object()
                .bucket(PLAIN)
                .key("copy")
                .copy_source(format!("{PLAIN}/large"))
                .send()
                .await
                .map(drop)
                .unwrap();
        };
        rows.hold("copy of 8 MiB", (1, 1), (BLOCK, SEALED), copy).await;
        rows.hold("DELETE of 8 MiB", (1, 0), (BLOCK, 0), async { load.try_delete(&name("large")).await.unwrap() })
            .await;

        let mut id = String::new();
        let create = async {
            id = s3.create_multipart_upload().bucket(PLAIN).key("parts").send().await.unwrap().upload_id.unwrap()
        };
        rows.hold("CreateMultipartUpload", (1, 0), (BLOCK, 0), create).await;
        let mut tags = Vec::new();
        for number in [1, 2] {
            let part = async {
                let part = s3.upload_part().bucket(PLAIN).key("parts").upload_id(&id).part_number(number);
                tags.push(part.body(large.clone().into()).send().await.unwrap().e_tag.unwrap());
            };
            rows.hold("UploadPart of 8 MiB", (1, 1), (BLOCK, SEALED), part).await;
        }
        let complete = async {
            let part = |(number, tag)| CompletedPart::builder().part_number(number).e_tag(tag).build();
            let parts =
                CompletedMultipartUpload::builder().set_parts(Some((1..).zip(tags).map(part).collect())).build();
            let done = s3.complete_multipart_upload().bucket(PLAIN).key("parts").upload_id(&id).multipart_upload(parts);
            done.send().await.map(drop).unwrap();
        };
        rows.hold("CompleteMultipartUpload", (1, 0), (BLOCK, 0), complete).await;

        let small = name("small");
        load.put(&small, Mode::Default, Bytes::from(vec![7; PAYLOAD])).await;
        rows.hold("DELETE of 4 KiB", (1, 0), (BLOCK, 0), async { load.try_delete(&small).await.unwrap() }).await;
        let marked = (VERSIONED, "small".to_owned());
        load.put(&marked, Mode::Default, Bytes::from(vec![7; PAYLOAD])).await;
        rows.hold("a delete marker", (1, 0), (BLOCK, 0), async { load.try_delete(&marked).await.unwrap() }).await;

        rows.asked("CreateUser", 2 * BLOCK, Asked::Form("Action=CreateUser&Version=2010-05-08&UserName=ann")).await;
    }
}

/// With its event: the same syncs, whether or not a trail selects the object.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_adds_no_sync_of_the_journal() {
    let (front, data) = (Front::start().await, tempfile::tempdir().unwrap());
    let lines = Arc::new(JsonLines::open(data.path().join("audit"), Arc::new(SystemClock)).await.unwrap());
    let (site, load) = site(&front, 0, data.path(), Some(lines)).await;
    let rows = Rows { front: &front, root: site.root().unwrap(), load: &load };
    rows.asked("CreateUser", 2 * BLOCK, Asked::Form("Action=CreateUser&Version=2010-05-08&UserName=ann")).await;

    let kms = &load.clients.kms;
    let key = load.try_create_key().await.unwrap().key_id;
    let encrypt = kms.encrypt().key_id(&key).plaintext(aws_sdk_kms::primitives::Blob::new("secret"));
    let sealed = encrypt.send().await.unwrap().ciphertext_blob.unwrap();
    let decrypt = async { kms.decrypt().ciphertext_blob(sealed).send().await.map(drop).unwrap() };
    rows.hold("Decrypt with its event", (0, 0), (0, 0), decrypt).await;

    let logs = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"cloudtrail.amazonaws.com"},
        "Action":["s3:GetBucketAcl","s3:PutObject"],"Resource":["arn:aws:s3:::versioned","arn:aws:s3:::versioned/*"]}]}"#;
    call(&front, &rows.root, Asked::Policy(VERSIONED, logs)).await;
    let selectors = r#"{"TrailName":"objects","EventSelectors":[{"ReadWriteType":"WriteOnly","IncludeManagementEvents":true,
        "DataResources":[{"Type":"AWS::S3::Object","Values":["arn:aws:s3:::plain/"]}]}]}"#;
    for (operation, body) in [
        ("CreateTrail", r#"{"Name":"objects","S3BucketName":"versioned"}"#),
        ("PutEventSelectors", selectors),
        ("StartLogging", r#"{"Name":"objects"}"#),
    ] {
        call(&front, &rows.root, Asked::Trail(operation, body)).await;
    }
    let name = |key: &str| (PLAIN, key.to_owned());
    load.put(&name("first"), Mode::KmsBucketKey, Bytes::from_static(b"1")).await;
    let told = site.ids(b"audit/told/").await;
    let put = async { load.put(&name("small"), Mode::KmsBucketKey, Bytes::from(vec![7; PAYLOAD])).await };
    rows.hold("PUT of 4 KiB with a data event", (1, 0), (3 * BLOCK, 0), put).await;
    let now = site.ids(b"audit/told/").await;
    assert!(now.iter().any(|id| !told.contains(id)), "no event was in the frame of its change");
    let put = async { load.put(&name("large"), Mode::KmsBucketKey, Bytes::from(vec![7; LARGE])).await };
    rows.hold("PUT of 8 MiB with a data event", (1, 1), (2 * BLOCK, SEALED), put).await;
    let delete = async { load.try_delete(&name("small")).await.unwrap() };
    rows.hold("DELETE with a data event", (1, 0), (2 * BLOCK, 0), delete).await;
}
