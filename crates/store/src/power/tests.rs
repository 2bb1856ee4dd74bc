#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, HashSet};

use arqueta_model::BlobId;
use bytes::Bytes;
use futures::TryStreamExt;

use super::tape::{FileId, Op};
use super::*;
use crate::{Batch, BlobStore, MetaStore, Position, Scan, Write};

/// What must be found from a position of the log on.
#[derive(Clone, Default)]
struct Promise {
    position: usize,
    pairs: BTreeMap<Bytes, Bytes>,
    feed: Vec<Bytes>,
    blobs: BTreeMap<BlobId, Bytes>,
}

/// Does one random thing after another and notes what is promised after each. One at a time, so
/// that the same seed gives the same log.
async fn run(disk: &Recorder, seed: u64, steps: usize) -> Vec<Promise> {
    let (meta, blobs) = (disk.meta().unwrap(), disk.blobs().unwrap());
    let mut dice = Dice::new(seed);
    let mut promises = vec![Promise { position: disk.position(), ..Promise::default() }];
    for _ in 0..steps {
        let mut next = promises.last().unwrap().clone();
        if dice.below(3) == 0 {
            let (id, body) = random_blob(&mut dice);
            write_blob(&blobs, id, &body).await;
            next.blobs.insert(id, body);
        } else {
            let batch = random_batch(&mut dice);
            model(&batch, &mut next);
            meta.commit(batch).await.unwrap();
        }
        next.position = disk.position();
        promises.push(next);
    }
    promises
}

fn random_blob(dice: &mut Dice) -> (BlobId, Bytes) {
    let id = BlobId::from_bytes(dice.bytes(16).try_into().unwrap());
    let len = [0, 100, 4096, 20_000, 20_001, 700_000][dice.below(6)];
    (id, dice.bytes(len).into())
}

async fn write_blob(blobs: &FsBlobs, id: BlobId, body: &Bytes) {
    let mut writer = blobs.create(id).await.unwrap();
    for chunk in body.chunks(65_536) {
        writer.write(Bytes::copy_from_slice(chunk)).await.unwrap();
    }
    writer.finish().await.unwrap();
}

fn random_batch(dice: &mut Dice) -> Batch {
    let mut batch = Batch::default();
    for _ in 0..=dice.below(4) {
        let key = format!("key-{:03}", dice.below(60));
        let most = 1 << (1 + dice.below(13));
        let len = dice.below(most);
        batch = match dice.below(5) {
            0 => batch.delete(key),
            1 => batch.announce(dice.bytes(20)),
            _ => batch.put(key, dice.bytes(len)),
        };
    }
    batch
}

fn model(batch: &Batch, state: &mut Promise) {
    for write in &batch.writes {
        match write.clone() {
            Write::Put(key, value) => drop(state.pairs.insert(key, value)),
            Write::Delete(key) => drop(state.pairs.remove(&key)),
            Write::Announce(body) => state.feed.push(body),
        }
    }
}

/// Opens the disk and checks that it shows `kept` or, if its operation was under way, `next`.
async fn check(disk: &Recorder, kept: &Promise, next: &Promise, case: &str) {
    let meta = disk.meta().unwrap_or_else(|error| panic!("{case}: the metadata does not open: {error:?}"));
    let blobs = disk.blobs().unwrap_or_else(|error| panic!("{case}: the blobs do not open: {error:?}"));
    let everything = Scan { start: Bytes::new(), end: None, limit: 10_000 };
    let pairs: BTreeMap<_, _> = meta.scan(everything).await.unwrap().into_iter().collect();
    let feed: Vec<_> = meta.changes(Position(0), 10_000).await.unwrap().into_iter().map(|change| change.body).collect();
    let shows = |promise: &Promise| pairs == promise.pairs && feed == promise.feed;
    assert!(shows(kept) || shows(next), "{case}: the metadata is not what was acknowledged");
    let listed: Vec<BlobId> = blobs.list(None, 10_000).await.unwrap().into_iter().map(|entry| entry.id).collect();
    assert!(kept.blobs.keys().all(|id| listed.contains(id)), "{case}: an acknowledged blob is gone");
    for id in listed {
        let expected = next.blobs.get(&id).unwrap_or_else(|| panic!("{case}: a blob from nowhere"));
        let found: Vec<Bytes> =
            blobs.read(id, expected.len() as u64, 0..expected.len() as u64).await.unwrap().try_collect().await.unwrap();
        assert!(found.concat() == *expected, "{case}: a blob came back different");
    }
    assert!(!disk.tape().live().names.keys().any(|path| path.starts_with("blobs/tmp")), "{case}: rubbish was kept");
    // And the store goes on.
    meta.commit(Batch::default().put("after", "the crash")).await.unwrap();
    write_blob(&blobs, BlobId::random(), &Bytes::from_static(b"after the crash")).await;
}

async fn check_cut(disk: &Recorder, promises: &[Promise], at: usize, loss: Loss, seed: u64) -> Recorder {
    let kept = promises.iter().rposition(|promise| promise.position <= at).unwrap_or_default();
    let next = (kept + 1).min(promises.len() - 1);
    let crashed = disk.crash(at, loss, seed);
    check(&crashed, &promises[kept], &promises[next], &format!("power lost after {at} ({loss:?}, seed {seed})")).await;
    crashed
}

#[tokio::test]
async fn everything_acknowledged_survives_power_loss() {
    let mut dice = Dice::new(7);
    for seed in 0..4 {
        let disk = Recorder::new();
        let promises = run(&disk, seed, 60).await;
        for cut in 0..75 {
            let at = dice.below(disk.position() + 1);
            let loss = if cut % 3 == 0 { Loss::Everything } else { Loss::Random };
            check_cut(&disk, &promises, at, loss, dice.roll()).await;
        }
    }
}

#[tokio::test]
async fn a_first_start_survives_power_loss_at_every_operation() {
    let disk = Recorder::new();
    let promises = run(&disk, 1, 3).await;
    for at in 0..=disk.position() {
        for (loss, seed) in [(Loss::Everything, 0), (Loss::Random, 1), (Loss::Random, 2)] {
            check_cut(&disk, &promises, at, loss, seed).await;
        }
    }
}

#[tokio::test]
async fn power_loss_during_recovery_loses_nothing_either() {
    let disk = Recorder::new();
    let promises = run(&disk, 9, 40).await;
    let last = promises.last().unwrap();
    let mut dice = Dice::new(3);
    let mut crashed = disk.crash(disk.position(), Loss::Random, 1);
    for round in 0..30 {
        drop((crashed.meta().unwrap(), crashed.blobs().unwrap()));
        let at = dice.below(crashed.position() + 1);
        crashed = crashed.crash(at, Loss::Random, dice.roll());
        check(&crashed.crash(0, Loss::Everything, 0), last, last, &format!("round {round}")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_writers_keep_their_promises() {
    let disk = Recorder::new();
    let (meta, blobs) = (Arc::new(disk.meta().unwrap()), disk.blobs().unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..8u64 {
        let (disk, meta, blobs) = (disk.clone(), meta.clone(), blobs.clone());
        tasks.spawn(async move {
            let mut dice = Dice::new(writer);
            let mut acknowledged = Vec::new();
            for n in 0..12 {
                let (id, body) = random_blob(&mut dice);
                write_blob(&blobs, id, &body).await;
                let key = Bytes::from(format!("{writer}/{n}"));
                meta.commit(Batch::default().put(key.clone(), id.as_bytes().to_vec())).await.unwrap();
                acknowledged.push((disk.position(), key, id, body));
            }
            acknowledged
        });
    }
    let acknowledged: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    let mut dice = Dice::new(5);
    for _ in 0..60 {
        let (at, seed) = (dice.below(disk.position() + 1), dice.roll());
        let crashed = disk.crash(at, Loss::Random, seed);
        let (meta, blobs) = (crashed.meta().unwrap(), crashed.blobs().unwrap());
        for (position, key, id, body) in &acknowledged {
            let found = meta.get(key).await.unwrap();
            assert!(found.is_some() || *position > at, "{key:?} is lost at {at} (seed {seed})");
            // A record that is there leads to its blob, acknowledged or not.
            if found.is_some() {
                let found: Vec<Bytes> = blobs
                    .read(*id, body.len() as u64, 0..body.len() as u64)
                    .await
                    .unwrap()
                    .try_collect()
                    .await
                    .unwrap();
                assert!(found.concat() == *body, "the blob of {key:?} is different at {at} (seed {seed})");
            }
        }
    }
}

async fn try_blob(blobs: &FsBlobs, id: BlobId, body: &'static [u8]) -> Result<(), Error> {
    let mut writer = blobs.create(id).await?;
    writer.write(Bytes::from_static(body)).await?;
    writer.finish().await.map(drop)
}

/// A disk may drop what a failed sync covers, and then say nothing of it.
#[tokio::test]
async fn blobs_acknowledged_after_a_failed_sync_survive_power_loss() {
    let mut struck = 0;
    for strike in 0..60 {
        let disk = Recorder::new();
        disk.set_trouble(Trouble::Dropping(strike));
        let (mut acknowledged, mut refused) = (Vec::new(), 0);
        // Three processes, which write into a folder that all of them need, and into others.
        for process in 0..3u8 {
            let blobs = match disk.blobs() {
                Ok(blobs) => blobs,
                Err(_) => {
                    refused += 1;
                    disk.blobs().unwrap()
                }
            };
            for n in 0..4u8 {
                let mut id = [1; 16];
                id[..3].copy_from_slice(&[[0, 0, process * 16, n][usize::from(n)], process, n]);
                let id = BlobId::from_bytes(id);
                match try_blob(&blobs, id, b"acknowledged").await {
                    Ok(()) => acknowledged.push(id),
                    Err(_) => refused += 1,
                }
                let cut = disk.crash(disk.position(), Loss::Everything, 0).blobs().unwrap();
                for id in &acknowledged {
                    let found = cut.read(*id, 12, 0..12).await;
                    let found: Vec<Bytes> = found
                        .unwrap_or_else(|error| panic!("strike {strike}: {id}: {error:?}"))
                        .try_collect()
                        .await
                        .unwrap();
                    assert!(found.concat() == b"acknowledged", "strike {strike}: {id}");
                }
            }
        }
        // A folder with files in it cannot be made anew: it takes no others before the next start.
        assert!(refused <= 4, "strike {strike}: {refused} refused for one error");
        struck += usize::from(refused > 0);
    }
    assert!(struck > 40, "{struck}");
}

/// The tests of the test: a disk whose syncs do nothing must be found out.
async fn is_found_out(loss: Loss, forgotten: impl Fn(&Op, &HashSet<FileId>) -> bool) {
    let disk = Recorder::new();
    let promises = run(&disk, 2, 20).await;
    let journal = disk.tape().created_below(Path::new(JOURNAL));
    // Before the stores were closed, which made everything durable in a second place.
    let acknowledged = promises.last().unwrap().position;
    let at = disk.tape().log()[..acknowledged].iter().filter(|op| !forgotten(op, &journal)).count();
    disk.tape().forget(|op| forgotten(op, &journal));
    let mut noticed = 0;
    for seed in 0..20 {
        let crashed = disk.crash(at, loss, seed);
        let last = promises.last().unwrap().clone();
        let check = tokio::spawn(async move { check(&crashed, &last, &last, "unsynced").await });
        noticed += usize::from(check.await.is_err());
    }
    assert_eq!(noticed, 20);
}

#[tokio::test]
async fn unsynced_files_are_found_out() {
    is_found_out(Loss::Random, |op, _| matches!(op, Op::Sync(_))).await;
}

#[tokio::test]
async fn an_unsynced_journal_is_found_out() {
    is_found_out(Loss::Everything, |op, journal| matches!(op, Op::Sync(id) if journal.contains(id))).await;
}

#[tokio::test]
async fn unsynced_directories_are_found_out() {
    is_found_out(Loss::Random, |op, _| matches!(op, Op::SyncDir(_))).await;
}

#[tokio::test]
async fn the_same_seed_gives_the_same_disk() {
    let disk = Recorder::new();
    run(&disk, 4, 10).await;
    let at = disk.position() / 2;
    let image = |seed| format!("{:?}", disk.crash(at, Loss::Random, seed).tape().live());
    assert_eq!(image(1), image(1));
}

#[tokio::test]
async fn an_exported_disk_opens_as_a_folder() {
    let disk = Recorder::new();
    let promises = run(&disk, 5, 20).await;
    let dir = tempfile::tempdir().unwrap();
    disk.crash(disk.position(), Loss::Random, 1).export(dir.path()).unwrap();
    let meta = RedbStore::open(dir.path().join("meta.redb")).unwrap();
    let blobs = FsBlobs::open(dir.path().join("blobs")).unwrap();
    let last = promises.last().unwrap();
    for (key, value) in &last.pairs {
        assert_eq!(meta.get(key).await.unwrap().as_ref(), Some(value));
    }
    assert_eq!(blobs.list(None, 1000).await.unwrap().len(), last.blobs.len());
}
