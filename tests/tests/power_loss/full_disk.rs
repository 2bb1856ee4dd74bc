//! A disk that takes no more, because it is full or failed: writes fail cleanly and say which, what
//! was there can be read, and when the disk is well again all goes on.

use std::sync::Arc;

use arqueta_store::power::{Loss, Recorder, Trouble};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use bytes::Bytes;

use crate::check::check;
use crate::ledger::Mode;
use crate::load::{Load, PLAIN};
use crate::site::{Front, Site};

/// More small writes than the metadata's spare pages can take.
const MOST: usize = 2000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_and_keeps_everything() {
    let (front, data) = (Front::start().await, tempfile::tempdir().unwrap());
    let site = Site::start(&front, Recorder::new(), data.path()).await.unwrap();
    let clients = site.clients(&front).unwrap();
    let load = Load { clients: clients.clone(), disk: site.disk.clone(), ledger: Arc::default() };
    load.prepare().await;
    load.run(2, 8, 4).await;

    // From here on no fresh page: the metadata may still use pages that it has, bodies have none.
    site.disk.set_capacity(Some(0));
    for size in [17_000, 70_000, 300 << 10] {
        let refused = try_put(&load, "large", Mode::Default, size).await;
        assert_eq!(refused, Err("507 InsufficientStorage".to_owned()), "{size} bytes");
    }
    for mode in Mode::ALL {
        let refused = fill(&load, mode).await;
        assert_eq!(refused, "507 InsufficientStorage", "{mode:?}");
    }
    assert_eq!(create_keys(&load).await, "500 KMSInternalException");
    // Mostly there is room for a delete, and then it holds; a refused one has changed nothing.
    for mode in Mode::ALL {
        if let Err(refused) = load.try_delete(&(PLAIN, format!("{mode:?}/0"))).await {
            assert_eq!(told(&refused), "507 InsufficientStorage", "{mode:?}");
        }
    }
    let ledger = load.ledger.lock().unwrap().clone();
    check(&clients, &ledger, site.disk.position()).await.unwrap();

    // A restart on the full disk, as an operator would try: everything can be read.
    let full = site.disk.crash(site.disk.position(), Loss::Random, 6);
    full.set_capacity(Some(0));
    let restarted = Site::start(&front, full, data.path()).await.unwrap();
    check(&clients, &ledger, site.disk.position()).await.unwrap();

    drop(restarted);

    // With space again the first gateway goes on without a restart.
    site.serve(&front);
    site.disk.set_capacity(None);
    load.run(2, 8, 5).await;
    site.sweep().await;
    site.check_blobs().await.unwrap();
    let ledger = load.ledger.lock().unwrap().clone();
    check(&clients, &ledger, site.disk.position()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_disk_refuses_writes_and_serves_reads() {
    let (front, data) = (Front::start().await, tempfile::tempdir().unwrap());
    let site = Site::start(&front, Recorder::new(), data.path()).await.unwrap();
    let clients = site.clients(&front).unwrap();
    let load = Load { clients: clients.clone(), disk: site.disk.clone(), ledger: Arc::default() };
    load.prepare().await;
    load.run(2, 8, 7).await;
    for trouble in [Trouble::ReadOnly, Trouble::From(0)] {
        site.disk.set_trouble(trouble);
        for size in [100, 70_000] {
            for mode in Mode::ALL {
                let body = Bytes::from(vec![7; size]);
                let refused = load.try_put(&(PLAIN, "refused".to_owned()), mode, body).await.unwrap_err();
                assert_eq!(told(&refused), "503 ServiceUnavailable", "{trouble:?}, {size} bytes, {mode:?}");
                assert_ne!(refused.message(), Some("Please reduce your request rate."), "{trouble:?}, {mode:?}");
            }
        }
        let refused = load.try_delete(&(PLAIN, "w0/0".to_owned())).await.unwrap_err();
        assert_eq!(told(&refused), "503 ServiceUnavailable", "{trouble:?}");
        // Buckets, listings, versions, uploads, keys, and every object byte for byte.
        let ledger = load.ledger.lock().unwrap().clone();
        check(&clients, &ledger, site.disk.position()).await.unwrap();
        site.disk.set_trouble(Trouble::None);
        load.run(1, 4, 8).await;
        let ledger = load.ledger.lock().unwrap().clone();
        check(&clients, &ledger, site.disk.position()).await.unwrap();
    }
}

/// Small objects, which live in the metadata, until one is refused.
async fn fill(load: &Load, mode: Mode) -> String {
    for number in 0..MOST {
        if let Err(refused) = try_put(load, &format!("{mode:?}/{number}"), mode, 100).await {
            return refused;
        }
    }
    panic!("the metadata was never full");
}

/// KMS keys until one is refused.
async fn create_keys(load: &Load) -> String {
    for _ in 0..MOST {
        if let Err(refused) = load.try_create_key().await {
            return told(&refused);
        }
    }
    panic!("the metadata was never full");
}

/// A PUT; if it is refused, status and code.
async fn try_put(load: &Load, key: &str, mode: Mode, size: usize) -> Result<(), String> {
    let (name, body) = ((PLAIN, key.to_owned()), Bytes::from(vec![7; size]));
    load.try_put(&name, mode, body).await.map_err(|refused| told(&refused))
}

/// Status and code.
fn told<E: ProvideErrorMetadata>(error: &SdkError<E>) -> String {
    let status = error.raw_response().map_or(0, |answer| answer.status().as_u16());
    format!("{status} {}", error.code().unwrap_or("no code"))
}
