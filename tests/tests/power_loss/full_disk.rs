//! A full disk: writes fail cleanly, what was there stays, and with space again all goes on.

use std::sync::Arc;

use arqueta_store::power::Recorder;
use aws_sdk_s3::error::ProvideErrorMetadata;
use bytes::Bytes;

use crate::check::check;
use crate::load::{Load, PLAIN};
use crate::site::{Front, Site};

const BODIES: [usize; 4] = [100, 16_000, 70_000, 300 << 10];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_and_keeps_everything() {
    let (front, data) = (Front::start().await, tempfile::tempdir().unwrap());
    let site = Site::start(&front, Recorder::new(), data.path()).await.unwrap();
    let clients = site.clients(&front).unwrap();
    let load = Load { clients: clients.clone(), disk: site.disk.clone(), ledger: Arc::default() };
    load.prepare().await;
    load.run(2, 8, 4).await;

    // No fresh page: what the metadata can still do in pages it has, it may do.
    site.disk.set_capacity(Some(0));
    let mut refused = 0;
    for (number, size) in BODIES.into_iter().cycle().take(400).enumerate() {
        let name = (PLAIN, format!("w0/{}", number % 3));
        let body = Bytes::from(vec![7; size]);
        let began = site.disk.position();
        let put = clients.s3.put_object().bucket(name.0).key(&name.1).body(body.clone().into());
        match put.send().await {
            Ok(done) => load.note_put(&name, began, done, body),
            Err(error) => {
                let status = error.raw_response().map(|answer| answer.status().as_u16());
                assert_eq!((status, error.code()), (Some(507), Some("InsufficientStorage")), "{size}: {error:?}");
                refused += 1;
            }
        }
        if refused >= 12 {
            break;
        }
    }
    assert!(refused >= 12, "the disk was never full");
    let ledger = load.ledger.lock().unwrap().clone();
    check(&clients, &ledger, site.disk.position()).await.unwrap();

    site.disk.set_capacity(None);
    load.run(2, 8, 5).await;
    let ledger = load.ledger.lock().unwrap().clone();
    check(&clients, &ledger, site.disk.position()).await.unwrap();
    site.sweep().await;
    site.check_blobs().await.unwrap();
    check(&clients, &ledger, site.disk.position()).await.unwrap();
}
