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
use bytes::Bytes;

use crate::ledger::Mode;
use crate::load::{Load, PLAIN};
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
