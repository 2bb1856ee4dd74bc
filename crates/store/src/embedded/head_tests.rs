//! Damage in the first page of the database, with a copy of it, with an older one and with none.

use std::fs;
use std::path::Path;

use super::*;
use crate::power::{Loss, Recorder};

const PAIRS_KEPT: usize = 20;

fn key(n: usize) -> String {
    format!("key-{n:03}")
}

async fn fill(store: &RedbStore) {
    for n in 0..PAIRS_KEPT {
        store.commit(Batch::default().put(key(n), vec![n as u8; 300])).await.unwrap();
    }
}

async fn filled() -> Recorder {
    let disk = Recorder::new();
    let store = disk.meta().unwrap();
    fill(&store).await;
    drop(store);
    again(&disk)
}

fn again(disk: &Recorder) -> Recorder {
    disk.crash(disk.position(), Loss::Everything, 0)
}

async fn assert_whole(store: &RedbStore, what: &str) {
    let page = store.page(Scan::prefix(b"key-", 100)).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(page.len(), PAIRS_KEPT, "{what}");
    for (n, entry) in page.iter().enumerate() {
        assert_eq!((&entry.key[..], &entry.value), (key(n).as_bytes(), &Some(vec![n as u8; 300].into())), "{what}");
    }
}

/// That it says which file is damaged, and what to do.
fn assert_named(refused: &Error, what: &str) {
    let text = refused.to_string();
    assert!(matches!(refused, Error::Damaged { .. }), "{what}: {refused:?}");
    assert!(text.contains("meta.redb") && text.contains("from one back-up"), "{what}: {text}");
}

/// The damage of one place: a bit of what redb keeps in the page, or a byte of all of it, and how it is called.
/// Every one of them with `ARQUETA_NIGHTLY`; else `nth` takes one of so many, other ones for each bit of a byte.
fn damages(nth: usize) -> impl Iterator<Item = (u64, u8, String)> {
    let bits = (0..320 * 8).map(|bit| (bit / 8, 1 << (bit % 8)));
    let all = bits.chain((0..4096).map(|at| (at, 0xff)));
    let taken = all.step_by(if std::env::var_os("ARQUETA_NIGHTLY").is_some() { 1 } else { nth });
    taken.map(|(at, flipped)| (at, flipped, format!("{flipped:#x} at {at}")))
}

#[tokio::test]
async fn a_flipped_bit_of_the_first_page_costs_nothing() {
    let disk = filled().await;
    for (at, flipped, what) in damages(5) {
        let damaged = again(&disk);
        damaged.damage(at, flipped).unwrap();
        let store = damaged.meta_in_line().unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_whole(&store, &what).await;
        if at % 16 == 0 {
            store.commit(Batch::default().put("later", "x")).await.unwrap();
            drop(store);
            let store = damaged.meta_in_line().unwrap();
            assert_eq!(store.get(b"later").await.unwrap().unwrap(), "x", "{what}");
            assert_whole(&store, &what).await;
        }
    }
}

/// As is after a kill: the copies are of a file in use, and the journal has what the file has not.
#[tokio::test]
async fn a_flipped_bit_of_the_first_page_costs_nothing_after_a_kill() {
    let disk = Recorder::new();
    let store = disk.meta().unwrap();
    fill(&store).await;
    let killed = again(&disk);
    for (at, flipped, what) in damages(13) {
        let damaged = again(&killed);
        damaged.damage(at, flipped).unwrap();
        let store = damaged.meta_in_line().unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_whole(&store, &what).await;
    }
}

/// As is before the first start of a version that makes copies, or with both of them damaged.
#[tokio::test]
async fn without_a_copy_nothing_is_lost_in_silence() {
    let disk = filled().await;
    let mut refused = 0;
    for (at, flipped, what) in damages(7) {
        let damaged = again(&disk);
        damaged.damage(at, flipped).unwrap();
        for place in [0, 8192] {
            damaged.damage_copy(place, 1).unwrap();
        }
        match damaged.meta_in_line() {
            Ok(store) => assert_whole(&store, &what).await,
            Err(error) => {
                refused += 1;
                assert_named(&error, &what);
                // As it was: whoever puts the byte back has the store back.
                damaged.damage(at, flipped).unwrap();
                let store = damaged.meta_in_line().unwrap_or_else(|error| panic!("{what}, mended: {error}"));
                assert_whole(&store, &what).await;
            }
        }
    }
    assert!(refused > 0, "the copy is what it is for");
}

#[tokio::test]
async fn one_damaged_copy_of_two_costs_nothing() {
    let disk = filled().await;
    for (place, at) in [(0, 0), (1, 9), (0, 70), (1, 100), (0, 200)] {
        let damaged = again(&disk);
        damaged.damage_copy(place * 8192 + 4096, 1).unwrap();
        damaged.damage(at, 1).unwrap();
        match damaged.meta_in_line() {
            Ok(store) => assert_whole(&store, &format!("{place} {at}")).await,
            Err(error) => assert_named(&error, &format!("{place} {at}")),
        }
    }
}

#[tokio::test]
async fn a_first_page_that_is_gone_is_taken_from_its_copy() {
    let disk = filled().await;
    for length in [64, 512, 4096] {
        let damaged = again(&disk);
        for at in 0..length {
            damaged.damage(at, 0xff).unwrap();
        }
        let store = damaged.meta_in_line().unwrap_or_else(|error| panic!("{length}: {error}"));
        assert_whole(&store, &length.to_string()).await;
    }
}

/// A version that knows nothing of the copy may have gone on with the file.
#[tokio::test]
async fn a_copy_of_another_time_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (path, head) = (dir.path().join("meta.redb"), dir.path().join("meta.head"));
    let store = RedbStore::open(&path).unwrap();
    fill(&store).await;
    drop(store);
    let old = fs::read(&head).unwrap();
    let store = RedbStore::open(&path).unwrap();
    // Until the journal has given up where the old copy begins.
    for n in 0..40 {
        store.commit(Batch::default().put(format!("later-{n}"), vec![7; 1 << 20])).await.unwrap();
    }
    drop(store);
    let whole = fs::read(&path).unwrap();
    for copy in [&old[..], b"", b"no copy", &[0; 16384]] {
        fs::write(&head, copy).unwrap();
        let store = RedbStore::open(&path).unwrap();
        assert!(store.get(b"later-39").await.unwrap().is_some());
        assert_whole(&store, "another copy").await;
        drop(store);
        // With damage as well it is never gone back to, and the file stays for whoever can mend it.
        for at in [0, 9, 13, 70, 200, 319] {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            assert_refused_or_newest(&path, &head, (&damaged, copy)).await;
        }
        fs::write(&path, &whole).unwrap();
    }
}

async fn assert_refused_or_newest(path: &Path, head: &Path, (damaged, copy): (&[u8], &[u8])) {
    fs::write(path, damaged).unwrap();
    fs::write(head, copy).unwrap();
    match RedbStore::open(path) {
        Ok(store) => {
            assert!(store.get(b"later-39").await.unwrap().is_some());
            assert_whole(&store, "damage and another copy").await;
        }
        Err(error) => {
            assert_named(&error, "damage and another copy");
            assert!(fs::read(path).unwrap() == damaged, "a file that did not open was written to");
        }
    }
}

#[tokio::test]
async fn a_store_that_cannot_have_copies_opens_without() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta.redb");
    fs::create_dir(dir.path().join("meta.head")).unwrap();
    let store = RedbStore::open(&path).unwrap();
    fill(&store).await;
    drop(store);
    assert_whole(&RedbStore::open(&path).unwrap(), "no copies").await;
}
