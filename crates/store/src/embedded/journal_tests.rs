#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;

use redb::{Database, ReadableDatabase};

use super::*;
use crate::Write;
use crate::power::{Dice, Loss, Recorder, Trouble};

fn put(n: usize) -> Batch {
    // Of sizes that fill segments and checkpoints at different rates.
    let body = vec![n as u8; [20, 900, 5000][n % 3]];
    Batch::default().put(format!("key-{:03}", n % 40), body).put("last", n.to_string()).announce(n.to_string())
}

/// What was acknowledged, and what may have happened besides.
#[derive(Default, Clone)]
struct Known {
    last: Option<usize>,
    tried: Option<usize>,
}

impl Known {
    async fn try_put(&mut self, store: &RedbStore, n: usize) -> Result<(), Error> {
        self.tried = Some(n);
        let answer = store.commit(put(n)).await;
        if answer.is_ok() {
            (self.last, self.tried) = (Some(n), None);
        }
        answer
    }

    /// The store shows the last acknowledged batch whole, or the one whose outcome is unknown.
    async fn check(&self, store: &RedbStore, case: &str) {
        let last = store.get(b"last").await.unwrap_or_else(|error| panic!("{case}: {error:?}"));
        let last = last.map(|text| std::str::from_utf8(&text).unwrap().parse::<usize>().unwrap());
        assert!(last == self.last || (self.tried.is_some() && last == self.tried), "{case}: {last:?}");
        if let Some(last) = last {
            let Some(Write::Put(key, body)) = put(last).writes.into_iter().next() else { panic!() };
            assert!(store.get(&key).await.unwrap() == Some(body), "{case}");
        }
    }
}

#[tokio::test]
async fn an_error_of_any_write_or_sync_loses_nothing_acknowledged() {
    // Every operation of a few dozen commits, checkpoints and turns of segments included.
    for trouble in (0..260).flat_map(|at| [Trouble::Once(at), Trouble::Dropping(at)]) {
        let disk = Recorder::new();
        let store = disk.meta().unwrap();
        let mut known = Known::default();
        let mut numbers = 0..;
        for n in numbers.by_ref().take(3) {
            known.try_put(&store, n).await.unwrap();
        }
        disk.set_trouble(trouble);
        let mut refused = 0;
        for n in numbers.by_ref().take(60) {
            if let Err(error) = known.try_put(&store, n).await {
                assert!(matches!(error, Error::Io(_)), "{trouble:?}: {error:?}");
                refused += 1;
                let cut = disk.crash(disk.position(), Loss::Everything, 0);
                known.check(&cut.meta().unwrap(), &format!("{trouble:?}, power lost at once")).await;
                // What readers see is the state before, until a later write says otherwise.
                let seen = store.get(b"last").await.unwrap().unwrap();
                assert_eq!(seen, known.last.unwrap().to_string(), "{trouble:?}");
                // And the next write goes on, for good: what was refused never comes back.
                known.try_put(&store, n + 100).await.unwrap();
                let cut = disk.crash(disk.position(), Loss::Everything, 0);
                known.check(&cut.meta().unwrap(), &format!("{trouble:?}, power lost later")).await;
            }
        }
        assert!(refused <= 1, "{trouble:?}: {refused} writes refused for one error");
        assert_eq!(store.writing(), Writing::Going, "{trouble:?}");
        for (loss, seed) in [(Loss::Everything, 0), (Loss::Random, 1), (Loss::Random, 2)] {
            let cut = disk.crash(disk.position(), loss, seed);
            known.check(&cut.meta().unwrap(), &format!("{trouble:?}, {loss:?}")).await;
        }
        drop(store);
        known.check(&disk.meta().unwrap(), &format!("{trouble:?}, closed")).await;
    }
}

#[tokio::test]
async fn an_error_of_any_write_or_sync_of_a_start_loses_nothing_acknowledged() {
    let first = Recorder::new();
    let mut known = Known::default();
    let store = first.meta().unwrap();
    for n in 0..30 {
        known.try_put(&store, n).await.unwrap();
    }
    // Killed here; or this is the first start of all.
    let (killed, began) = (first.position(), known.clone());
    for (at, before) in [(0, Known::default()), (killed, began)] {
        for strike in 0..40 {
            let case = format!("a start at {at}, strike {strike}");
            // What the process before did and did not sync is still in memory, as after a kill.
            let disk = first.killed(at);
            let mut known = before.clone();
            disk.set_trouble(Trouble::Dropping(strike));
            let mut refused = 0;
            for n in 100..130 {
                // Whoever cannot start, or cannot write, starts again.
                let Ok(store) = disk.meta() else {
                    refused += 1;
                    continue;
                };
                for n in [n, n + 100] {
                    refused += usize::from(known.try_put(&store, n).await.is_err());
                }
                let cut = disk.crash(disk.position(), Loss::Everything, 0);
                known.check(&cut.meta().unwrap(), &case).await;
            }
            assert!(refused <= 2, "{case}: {refused} refused for one error");
        }
    }
}

#[tokio::test]
async fn a_disk_that_fails_for_good_can_still_be_read() {
    for trouble in [Trouble::ReadOnly, Trouble::From(0), Trouble::From(1), Trouble::From(7), Trouble::From(40)] {
        let disk = Recorder::new();
        let store = disk.meta().unwrap();
        let mut known = Known::default();
        for n in 0..30 {
            known.try_put(&store, n).await.unwrap();
        }
        disk.set_trouble(trouble);
        let mut refused = 0;
        for n in 30..160 {
            match known.try_put(&store, n).await {
                Ok(()) => assert_eq!(refused, 0, "{trouble:?}: a write was taken after one was refused"),
                Err(error) => {
                    assert!(matches!(error, Error::Io(_)), "{trouble:?}: {error:?}");
                    refused += 1;
                }
            }
            known.tried = None;
            known.check(&store, &format!("{trouble:?}")).await;
            assert_eq!(store.scan(Scan::prefix(b"key-", 100)).await.unwrap().len(), 1 + known.last.unwrap().min(39));
        }
        assert!(refused > 50, "{trouble:?}");
        assert!(matches!(store.writing(), Writing::Stopped(_)), "{trouble:?}: {:?}", store.writing());
        let probed = store.probe().await;
        match probed {
            Err(Error::Io(_)) => {}
            // A frame that finds no room for a further segment does not stop the journal, and a smaller
            // one may fit: there is nothing for a probe to mend, and the next write finds out.
            Ok(()) => assert!(matches!(known.try_put(&store, 499).await, Err(Error::Io(_))), "{trouble:?}"),
            other => panic!("{trouble:?}: {other:?}"),
        }
        known.tried = None;
        disk.set_trouble(Trouble::None);
        store.probe().await.unwrap();
        assert_eq!(store.writing(), Writing::Going);
        known.try_put(&store, 500).await.unwrap();
        known.check(&disk.crash(disk.position(), Loss::Everything, 0).meta().unwrap(), &format!("{trouble:?}")).await;
    }
}

#[tokio::test]
async fn a_full_disk_takes_what_its_journal_has_room_for() {
    let disk = Recorder::new();
    let store = disk.meta().unwrap();
    let mut known = Known::default();
    for n in 0..30 {
        known.try_put(&store, n).await.unwrap();
    }
    disk.set_capacity(Some(0));
    let mut first = None;
    for n in 30..900 {
        if let Err(error) = known.try_put(&store, n).await {
            assert!(matches!(error, Error::Full(_)), "{error:?}");
            first.get_or_insert(n);
        }
        known.tried = None;
        known.check(&store, "full").await;
    }
    let first = first.unwrap();
    assert!(first > 31, "a full disk refuses the first write: nothing could be deleted");
    assert_eq!(store.writing(), Writing::Full);
    // A start on the full disk: everything can be read, nothing written, and then it can.
    let cut = disk.crash(disk.position(), Loss::Everything, 0);
    cut.set_capacity(Some(0));
    let again = cut.meta().unwrap();
    known.check(&again, "started full").await;
    cut.set_capacity(None);
    again.commit(Batch::default().put("x", "")).await.unwrap();
    disk.set_capacity(None);
    known.try_put(&store, 1000).await.unwrap();
    assert_eq!(store.writing(), Writing::Going);
    known.check(&disk.crash(disk.position(), Loss::Everything, 0).meta().unwrap(), "room again").await;
}

#[tokio::test]
async fn checkpoints_cut_short_anywhere_lose_nothing() {
    let disk = Recorder::new();
    let store = disk.meta().unwrap();
    let mut known = vec![(disk.position(), Known::default())];
    for n in 0..150 {
        let mut next = known.last().unwrap().1.clone();
        next.tried = Some(n);
        known.push((disk.position(), next.clone()));
        next.try_put(&store, n).await.unwrap();
        known.push((disk.position(), next));
    }
    drop(store);
    let mut dice = Dice::new(4);
    let from = known[1].0;
    for at in (from..disk.position()).step_by(3) {
        let (_, known) = known.iter().rev().find(|(position, _)| *position <= at).unwrap();
        // The write that came next may have begun.
        let mut known = known.clone();
        known.tried = known.tried.or(Some(known.last.map_or(0, |last| last + 1)));
        let loss = if at % 2 == 0 { Loss::Everything } else { Loss::Random };
        let cut = disk.crash(at, loss, dice.roll());
        let store = cut.meta().unwrap_or_else(|error| panic!("cut at {at}: {error:?}"));
        known.check(&store, &format!("cut at {at}, {loss:?}")).await;
        store.commit(Batch::default().put("on", "it goes")).await.unwrap();
    }
}

/// A folder with a store that was killed, so that its journal holds what its database has not.
async fn killed(dir: &Path) -> Known {
    let disk = Recorder::new();
    let store = disk.full_size_meta().unwrap();
    let mut known = Known::default();
    for n in 0..20 {
        known.try_put(&store, n).await.unwrap();
    }
    disk.crash(disk.position(), Loss::Everything, 0).export(dir).unwrap();
    known
}

#[tokio::test]
async fn damage_of_the_journal_is_named_and_nothing_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let known = killed(dir.path()).await;
    let (meta, segment) = (dir.path().join("meta.redb"), dir.path().join("meta.journal/000000.seg"));
    let good = fs::read(&segment).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&segment).unwrap();
    for block in 1..15u64 {
        file.write_all_at(b"decay", block * 4096 + 60).unwrap();
        let refused = RedbStore::open(&meta).unwrap_err();
        let told = refused.to_string();
        assert!(matches!(refused, Error::Damaged { .. }), "block {block}: {refused:?}");
        assert!(told.contains("000000.seg") && told.contains("byte"), "{told}");
        file.write_all_at(&good, 0).unwrap();
    }
    fs::remove_file(&segment).unwrap();
    let refused = RedbStore::open(&meta).unwrap_err();
    assert!(refused.to_string().contains("segment 1 of the journal"), "{refused}");
    fs::write(&segment, &good).unwrap();
    known.check(&RedbStore::open(&meta).unwrap(), "whole again").await;
}

#[tokio::test]
async fn the_last_frame_cut_at_any_byte_is_cut_off_whole() {
    let dir = tempfile::tempdir().unwrap();
    let known = killed(dir.path()).await;
    let (meta, journal) = (fs::read(dir.path().join("meta.redb")).unwrap(), dir.path().join("meta.journal"));
    let good = fs::read(journal.join("000000.seg")).unwrap();
    let used = good.iter().rposition(|byte| *byte != 0).unwrap();
    let last = (0..used).step_by(4096).rfind(|at| good[*at..].starts_with(b"AQF1")).unwrap();
    for cut in (last..used).step_by(41) {
        let mut torn = good.clone();
        torn[cut..].fill(0);
        fs::write(dir.path().join("meta.redb"), &meta).unwrap();
        fs::remove_dir_all(&journal).unwrap();
        fs::create_dir(&journal).unwrap();
        fs::write(journal.join("000000.seg"), torn).unwrap();
        let before = Known { last: known.last.map(|last| last - 1), tried: None };
        before.check(&RedbStore::open(dir.path().join("meta.redb")).unwrap(), &format!("cut at {cut}")).await;
    }
}

#[tokio::test]
async fn a_clean_end_leaves_nothing_to_replay_and_files_are_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta.redb");
    for n in 0..14 {
        let store = RedbStore::open(&path).unwrap();
        store.commit(put(n)).await.unwrap();
        drop(store);
        let database = Database::open(&path).unwrap();
        let table = database.begin_read().unwrap().open_table(PAIRS).unwrap();
        assert!(table.get(&b"last"[..]).unwrap().unwrap().value().ends_with(n.to_string().as_bytes()));
    }
    assert!(fs::read_dir(dir.path().join("meta.journal")).unwrap().count() <= 9);
}

#[tokio::test]
async fn after_a_checkpoint_a_killed_store_has_nothing_to_replay() {
    let (checkpointed, not) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let disk = Recorder::new();
    let store = disk.full_size_meta().unwrap();
    let mut known = Known::default();
    for n in 0..20 {
        known.try_put(&store, n).await.unwrap();
    }
    let before = disk.position();
    store.checkpoint().await.unwrap();
    let after = disk.position();
    store.checkpoint().await.unwrap();
    assert_eq!(disk.position(), after, "nothing is written where there is nothing to do");
    for (dir, at) in [(&not, before), (&checkpointed, after)] {
        disk.crash(at, Loss::Everything, 0).export(dir.path()).unwrap();
        let database = Database::open(dir.path().join("meta.redb")).unwrap();
        let table = database.begin_read().unwrap().open_table(PAIRS).unwrap();
        assert_eq!(table.get(&b"last"[..]).unwrap().is_some(), at == after);
    }
    // Killed anywhere in the middle of it.
    for at in before..=after {
        for (loss, seed) in [(Loss::Everything, 0), (Loss::Random, 1), (Loss::Random, 2)] {
            known.check(&disk.crash(at, loss, seed).meta().unwrap(), &format!("cut at {at}, {loss:?}")).await;
        }
    }
    known.try_put(&store, 20).await.unwrap();
    known.check(&disk.crash(disk.position(), Loss::Everything, 0).meta().unwrap(), "written on").await;
}

#[tokio::test]
async fn a_checkpoint_beside_commits_fails_alone() {
    let disk = Recorder::new();
    let store = disk.meta().unwrap();
    let mut known = Known::default();
    known.try_put(&store, 0).await.unwrap();
    disk.set_capacity(Some(0));
    let (first, checkpoint, second) = tokio::join!(
        store.commit(Batch::default().put("a", "1")),
        store.checkpoint(),
        store.commit(Batch::default().put("b", "2")),
    );
    first.unwrap();
    second.unwrap();
    disk.set_capacity(None);
    // Whether or not the file had to grow.
    drop(checkpoint);
    store.checkpoint().await.unwrap();
    assert_eq!(
        (store.get(b"a").await.unwrap().unwrap(), store.get(b"b").await.unwrap().unwrap()),
        ("1".into(), "2".into())
    );
}

#[tokio::test]
async fn an_older_copy_of_the_database_beside_its_journal_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (path, copy) = (dir.path().join("meta.redb"), dir.path().join("copy"));
    drop(RedbStore::open(&path).unwrap());
    fs::copy(&path, &copy).unwrap();
    for n in 0..12 {
        let store = RedbStore::open(&path).unwrap();
        store.commit(put(n)).await.unwrap();
        drop(store);
        let newest = fs::read(&path).unwrap();
        // Its segment is there, and was given up, or is in use for something else.
        fs::copy(&copy, &path).unwrap();
        let refused = RedbStore::open(&path).unwrap_err();
        assert!(matches!(refused, Error::Damaged { .. }), "{refused:?}");
        let told = refused.to_string();
        assert!(told.contains("an older copy of the metadata") || told.contains("is missing"), "{told}");
        fs::write(&path, newest).unwrap();
        assert_eq!(RedbStore::open(&path).unwrap().get(b"last").await.unwrap().unwrap(), n.to_string());
    }
}

#[tokio::test]
async fn a_journal_whose_database_is_gone_is_not_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let known = killed(dir.path()).await;
    let (path, beside) = (dir.path().join("meta.redb"), dir.path().join("beside"));
    fs::rename(&path, &beside).unwrap();
    let refused = RedbStore::open(&path).unwrap_err().to_string();
    assert!(refused.contains("meta.redb is missing, and its journal is there"), "{refused}");
    fs::rename(&beside, &path).unwrap();
    known.check(&RedbStore::open(&path).unwrap(), "back").await;
}

/// A database as a version without a journal left it.
fn old(path: &Path, changes: u64) -> BTreeMap<String, Vec<u8>> {
    let database = Database::create(path).unwrap();
    let transaction = database.begin_write().unwrap();
    let pairs: BTreeMap<String, Vec<u8>> = (0..300).map(|n| (format!("key-{n}"), vec![n as u8; n])).collect();
    {
        let mut table = transaction.open_table(PAIRS).unwrap();
        for (key, body) in &pairs {
            let mut slot = table.insert_reserve(key.as_bytes(), body.len() + record::OVERHEAD).unwrap();
            record::encode_into(key.as_bytes(), body, slot.as_mut());
        }
        let mut feed = transaction.open_table(FEED).unwrap();
        for at in 1..=changes {
            let mut slot = feed.insert_reserve(at, 3 + record::OVERHEAD).unwrap();
            record::encode_into(&at.to_be_bytes(), b"old", slot.as_mut());
        }
        transaction.open_table(COUNTERS).unwrap().insert(LAST_POSITION, changes).unwrap();
    }
    transaction.commit().unwrap();
    pairs
}

async fn shows(store: &RedbStore, pairs: &BTreeMap<String, Vec<u8>>, changes: usize) {
    let found = store.scan(Scan::prefix(b"key-", 1000)).await.unwrap();
    let found: BTreeMap<_, _> = found.into_iter().map(|(key, body)| (key, body.to_vec())).collect();
    assert_eq!(found.len(), pairs.len());
    assert!(pairs.iter().all(|(key, body)| found[key.as_bytes()] == *body));
    assert_eq!(store.changes(Position(0), 1000).await.unwrap().len(), changes);
}

#[tokio::test]
async fn a_database_without_a_journal_is_migrated_and_cannot_go_back() {
    for changes in [0, 5] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("meta.redb");
        let pairs = old(&path, changes);
        let store = RedbStore::open(&path).unwrap();
        shows(&store, &pairs, changes as usize).await;
        store.commit(Batch::default().put("new", "1").announce("new")).await.unwrap();
        let news = store.changes(Position(changes), 10).await.unwrap();
        assert_eq!(news, [Change { position: Position(changes + 1), body: "new".into() }]);
        drop(store);
        let store = RedbStore::open(&path).unwrap();
        shows(&store, &pairs, changes as usize + 1).await;
        drop(store);
        // What such a version does at its start.
        let database = Database::open(&path).unwrap();
        let refused = database.begin_read().unwrap().open_table(FEED).unwrap_err();
        assert!(matches!(refused, redb::TableError::TableTypeMismatch { .. }), "{refused:?}");
    }
}

#[tokio::test]
async fn a_migration_cut_short_anywhere_starts_again() {
    let dir = tempfile::tempdir().unwrap();
    let pairs = old(&dir.path().join("meta.redb"), 5);
    let disk = Recorder::import(dir.path()).unwrap();
    drop(disk.meta().unwrap());
    for at in 0..=disk.position() {
        for (loss, seed) in [(Loss::Everything, 0), (Loss::Random, 1), (Loss::Random, 2)] {
            let store = disk.crash(at, loss, seed).meta().unwrap_or_else(|error| panic!("cut at {at}: {error:?}"));
            shows(&store, &pairs, 5).await;
            store.commit(Batch::default().put("new", "1")).await.unwrap();
        }
    }
}

/// Bytes and syncs of `count` commits one after the other, in the journal while they run and in
/// the database by the end of the checkpoint that follows.
async fn cost(records: usize, count: usize, batch: impl Fn(usize) -> Batch) -> (usize, usize, usize) {
    let disk = Recorder::new();
    let store = disk.full_size_meta().unwrap();
    for from in (0..records).step_by(1000) {
        let fill = (from..from + 1000).fold(Batch::default(), |batch, n| {
            batch.put(format!("object/{:08x}", n.wrapping_mul(2_654_435_761) as u32), vec![n as u8; 300])
        });
        store.commit(fill).await.unwrap();
    }
    drop(store);
    let store = disk.full_size_meta().unwrap();
    let from = disk.position();
    for n in 0..count {
        store.commit(batch(n)).await.unwrap();
    }
    let running = disk.spent(from);
    drop(store);
    (running.journal.0, running.journal.1 / count, disk.spent(from).database.1 / count)
}

/// What a PUT of 4 KiB writes: its record, its body and its place in a listing.
fn small_put(n: usize) -> Batch {
    let at = n.wrapping_mul(40_503) as u16;
    Batch::default().put(format!("object/{at:04x}"), vec![1; 400]).put(format!("body/{at:04x}"), vec![2; 4096 + 40])
}

#[tokio::test]
async fn a_commit_is_one_sync_and_its_bytes_whatever_the_size_of_the_store() {
    for records in [0, 100_000] {
        let (syncs, journal, database) = cost(records, 1000, small_put).await;
        // The turns of the journal's segments: a header, the frame that names it, and its file's.
        assert!((1000..=1000 + 8).contains(&syncs), "{records} records: {syncs} syncs for 1000 commits");
        assert!(journal <= 2 * 4096 + 10_000, "{records} records: {journal} bytes of journal for one PUT");
        println!(
            "{records} records: a PUT of 4 KiB writes {journal} and, with a checkpoint every 1000, {database} bytes"
        );
        assert!(database <= 20_000, "{records} records: {database} bytes of checkpoint for one PUT");
        let (syncs, journal, _) = cost(records, 50, |n| Batch::default().put(format!("key/{n}"), vec![1; 700])).await;
        assert_eq!((syncs, journal), (50, 4096), "{records} records: a small change is one block and one sync");
    }
}

/// `FIGURES=1000000 bld test --release -p arqueta-store --features testing -- --ignored --nocapture figures`
#[tokio::test]
#[ignore = "figures for docs/adr/0007, by hand"]
async fn figures() {
    let records = std::env::var("FIGURES").unwrap().parse().unwrap();
    let (_, journal, database) = cost(records, 1950, small_put).await;
    println!("{records} records: {journal} bytes of journal and {database} of database a PUT");
}
