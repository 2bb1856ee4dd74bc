#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

use super::*;
use crate::contract;
use crate::power::{Loss, Recorder, Trouble};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let mut n = 0;
    contract::blob_store(async || {
        n += 1;
        FsBlobs::open(dir.path().join(n.to_string())).unwrap()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract_on_a_recorder() {
    contract::blob_store(async || Recorder::new().blobs().unwrap()).await;
}

async fn write(store: &FsBlobs, len: usize) -> Result<BlobId, Error> {
    let id = BlobId::random();
    let mut writer = store.create(id).await?;
    for at in (0..len).step_by(100_000) {
        writer.write(vec![7; (len - at).min(100_000)].into()).await?;
    }
    writer.finish().await?;
    Ok(id)
}

async fn read(store: &FsBlobs, id: BlobId, len: u64) -> Result<usize, Error> {
    let chunks: Vec<Bytes> = store.read(id, len, 0..len).await?.try_collect().await?;
    Ok(chunks.iter().map(Bytes::len).sum())
}

/// A folder that was there before, with something in it, so that it cannot be taken away again.
#[tokio::test]
async fn want_of_descriptors_loses_no_folder() {
    let disk = Recorder::new();
    let write = async |store: &FsBlobs, last: u8| {
        let mut id = [0; 16];
        id[15] = last;
        let id = BlobId::from_bytes(id);
        let mut writer = store.create(id).await?;
        writer.write(Bytes::from_static(b"body")).await?;
        writer.finish().await.map(|_| id)
    };
    write(&disk.blobs().unwrap(), 1).await.unwrap();
    let mut refused = 0;
    for strike in 0..12 {
        let disk = disk.crash(disk.position(), Loss::Everything, 0);
        let store = disk.blobs().unwrap();
        disk.set_trouble(Trouble::Descriptors(strike));
        refused += usize::from(write(&store, 2).await.is_err());
        disk.set_trouble(Trouble::None);
        let id = write(&store, 3).await.unwrap_or_else(|error| panic!("after {strike}: {error:?}"));
        let cut = disk.crash(disk.position(), Loss::Everything, 0);
        assert_eq!(read(&cut.blobs().unwrap(), id, 4).await.unwrap(), 4, "after {strike}");
    }
    assert!((1..12).contains(&refused), "{refused}");
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn files_and_folders_are_for_their_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("deep/blobs");
    let store = FsBlobs::open(&root).unwrap();
    let id = write(&store, 10).await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let file = store.folder.path(id);
    assert_eq!(mode(&file), 0o600);
    for ancestor in file.ancestors().skip(1).take_while(|path| *path != dir.path()) {
        assert_eq!(mode(ancestor), 0o700, "{}", ancestor.display());
    }
    assert_eq!(file.strip_prefix(&root).unwrap().components().count(), 3);
}

#[tokio::test]
async fn abandoned_blobs_leave_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = FsBlobs::open(dir.path()).unwrap();
    for len in [0, 10, 600_000, 5_000_000] {
        let mut writer = store.create(BlobId::random()).await.unwrap();
        writer.write(vec![1; len].into()).await.unwrap();
        drop(writer);
    }
    // A batch that is on its way removes the file when it is done: opening again waits for it.
    drop(store);
    let store = loop {
        match FsBlobs::open(dir.path()) {
            Ok(store) => break store,
            Err(Error::InUse { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error:?}"),
        }
    };
    assert_eq!(files(dir.path()), [dir.path().join("lock")]);
    drop(store);
}

#[tokio::test]
async fn unfinished_files_are_removed_at_start() {
    let dir = tempfile::tempdir().unwrap();
    let store = FsBlobs::open(dir.path()).unwrap();
    let id = write(&store, 10).await.unwrap();
    drop(store);
    let left_behind = dir.path().join("tmp").join(format!("{}.0", BlobId::random()));
    fs::write(&left_behind, "half").unwrap();
    let store = FsBlobs::open(dir.path()).unwrap();
    assert!(!left_behind.exists());
    assert_eq!(read(&store, id, 10).await.unwrap(), 10);
}

#[tokio::test]
async fn a_second_opener_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = FsBlobs::open(dir.path()).unwrap();
    assert!(matches!(FsBlobs::open(dir.path()), Err(Error::InUse { .. })));
    drop(store);
    FsBlobs::open(dir.path()).unwrap();
}

#[tokio::test]
async fn a_shortened_file_is_damage_not_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let store = FsBlobs::open(dir.path()).unwrap();
    let len = 3_000_000;
    let id = write(&store, len).await.unwrap();
    let mut stream = store.read(id, len as u64, 0..len as u64).await.unwrap();
    let file = fs::OpenOptions::new().write(true).open(store.folder.path(id)).unwrap();
    file.set_len(2_000_000).unwrap();
    let mut last = Ok(Bytes::new());
    while let Some(chunk) = stream.next().await {
        assert!(last.is_ok(), "a stream goes on after an error");
        last = chunk;
    }
    assert!(matches!(last, Err(Error::Damaged { .. })), "{last:?}");
    assert!(matches!(read(&store, id, len as u64).await, Err(Error::Damaged { .. })));
}

#[tokio::test]
async fn a_lengthened_file_is_damage_whatever_is_read_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = FsBlobs::open(dir.path()).unwrap();
    let id = write(&store, 1000).await.unwrap();
    fs::OpenOptions::new().write(true).open(store.folder.path(id)).unwrap().set_len(1001).unwrap();
    for range in [0..1000, 0..1, 0..0] {
        assert!(matches!(store.read(id, 1000, range).await, Err(Error::Damaged { .. })));
    }
}

#[tokio::test]
async fn foreign_files_are_neither_listed_nor_touched() {
    let dir = tempfile::tempdir().unwrap();
    let store = FsBlobs::open(dir.path()).unwrap();
    let id = write(&store, 10).await.unwrap();
    let leaf = store.folder.path(id).parent().unwrap().to_owned();
    let upper = id.to_string().to_uppercase() + "x";
    let foreign = [dir.path().join("README"), dir.path().join("x/y"), leaf.join("notes.txt"), leaf.join(upper)];
    fs::create_dir(dir.path().join("x")).unwrap();
    foreign.iter().for_each(|path| fs::write(path, "mine").unwrap());
    let listed = store.list(None, 10).await.unwrap();
    assert_eq!(listed.iter().map(|entry| (entry.id, entry.size)).collect::<Vec<_>>(), [(id, 10)]);
    drop(store);
    drop(FsBlobs::open(dir.path()).unwrap());
    assert!(foreign.iter().all(|path| path.exists()));
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_then_over() {
    let disk = Recorder::new();
    let store = disk.blobs().unwrap();
    let kept = write(&store, 100_000).await.unwrap();
    disk.set_capacity(Some(1 << 20));
    for len in [1_000_000, 5_000_000] {
        let refused = write(&store, len).await.unwrap_err();
        assert!(matches!(refused, Error::Full(_)), "{refused:?}");
    }
    // The failed ones gave their space back.
    let small = write(&store, 500_000).await.unwrap();
    assert_eq!(read(&store, kept, 100_000).await.unwrap(), 100_000);
    assert_eq!(read(&store, small, 500_000).await.unwrap(), 500_000);
    assert_eq!(store.list(None, 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_writer_that_failed_stays_failed() {
    let disk = Recorder::new();
    let store = disk.blobs().unwrap();
    let id = BlobId::random();
    let mut writer = store.create(id).await.unwrap();
    disk.set_capacity(Some(0));
    // The batch fails in the background; the next one, or `finish`, says so.
    writer.write(vec![1; BATCH_AND_MORE].into()).await.unwrap();
    assert!(matches!(writer.write(vec![2; BATCH_AND_MORE].into()).await, Err(Error::Full(_))));
    disk.set_capacity(None);
    assert!(matches!(writer.write(vec![3; 10].into()).await, Err(Error::Closed)));
    assert!(matches!(writer.finish().await, Err(Error::Closed)));
    assert!(matches!(store.read(id, 0, 0..0).await, Err(Error::NoSuchBlob)));
}

const BATCH_AND_MORE: usize = 600 << 10;
