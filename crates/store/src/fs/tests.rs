#![allow(clippy::unwrap_used)]

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let mut n = 0;
    crate::contract::blob_store(async || {
        n += 1;
        FsBlobs::open(dir.path().join(n.to_string())).unwrap()
    })
    .await;
}
