#![allow(clippy::unwrap_used)]

use std::fs;

use super::*;
use crate::contract;
use crate::power::Dice;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    let mut n = 0;
    contract::meta_store(async || {
        n += 1;
        SledStore::open(dir.path().join(n.to_string())).unwrap()
    })
    .await;
}

#[test]
fn a_second_opener_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta.sled");
    let first = SledStore::open(&path).unwrap();
    let refused = SledStore::open(&path).unwrap_err();
    assert!(matches!(refused, Error::InUse { .. }), "{refused:?}");
    drop(first);
    SledStore::open(&path).unwrap();
}

/// Fails beside a file `broken`.
fn sync_unless_broken(path: &Path) -> io::Result<()> {
    match path.ancestors().any(|folder| folder.join("broken").exists()) {
        true => Err(io::Error::other("the disk failed, as told")),
        false => File::open(path)?.sync_all(),
    }
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_answered_before_the_store_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let (path, broken) = (dir.path().join("meta.sled"), dir.path().join("broken"));
    let store = SledStore::open_with(&path, sync_unless_broken).unwrap();
    store.commit(Batch::default().put("kept", "1")).await.unwrap();
    fs::write(&broken, "").unwrap();
    let refused = store.commit(Batch::default().put("refused", "2")).await.unwrap_err();
    assert!(matches!(refused, Error::Io(_)), "{refused:?}");
    // The disk says that all is well again. It would not say what it dropped.
    fs::remove_file(&broken).unwrap();
    let everything = || Scan { start: Bytes::new(), end: None, limit: 10 };
    let answers = [
        store.commit(Batch::default().put("later", "3")).await,
        store.commit(Batch::default()).await,
        store.trim(Position(0)).await,
        store.get(b"kept").await.map(drop),
        store.page(everything()).await.map(drop),
        store.pages(vec![everything()]).await.map(drop),
        store.changes(Position(0), 1).await.map(drop),
    ];
    for answer in answers {
        let refused = answer.unwrap_err();
        assert!(matches!(&refused, Error::Io(error) if error.to_string().contains("as told")), "{refused:?}");
    }
    drop(store);
    let store = SledStore::open_with(&path, sync_unless_broken).unwrap();
    assert_eq!(store.get(b"kept").await.unwrap().unwrap(), "1");
    assert_eq!(store.get(b"later").await.unwrap(), None);
    store.commit(Batch::default().put("later", "3")).await.unwrap();
}

#[tokio::test]
async fn a_store_whose_first_sync_fails_does_not_open() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("broken"), "").unwrap();
    let refused = SledStore::open_with(&dir.path().join("meta.sled"), sync_unless_broken).unwrap_err();
    assert!(matches!(refused, Error::Io(_)), "{refused:?}");
}

type Files = BTreeMap<PathBuf, Vec<u8>>;

fn files(root: &Path, dir: &Path) -> Files {
    let mut found = Files::new();
    for path in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files(root, &path));
        } else {
            found.insert(path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap());
        }
    }
    found
}

/// The state at one acknowledgement with some pages, lengths and files of the next one: what a
/// power cut between the two may leave, every sync having been honoured.
fn torn(before: &Files, after: &Files, dice: &mut Dice) -> Files {
    let names: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let mut torn = Files::new();
    for name in names {
        let (old, new) = (before.get(name), after.get(name));
        let content = match (old, new) {
            (Some(old), Some(new)) => {
                let mut content = old.clone();
                content.resize(old.len().max(new.len()), 0);
                for (n, page) in new.chunks(4096).enumerate() {
                    if dice.below(2) == 0 {
                        content[n * 4096..n * 4096 + page.len()].copy_from_slice(page);
                    }
                }
                content.truncate([old.len(), new.len()][dice.below(2)]);
                Some(content)
            }
            (one, other) => [one, other][dice.below(2)].cloned(),
        };
        torn.extend(content.map(|content| (name.clone(), content)));
    }
    torn
}

#[tokio::test]
async fn everything_acknowledged_survives_power_loss() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("meta.sled");
    let mut store = SledStore::open(&path).unwrap();
    let mut dice = Dice::new(21);
    let mut states = vec![(files(&path, &path), BTreeMap::new())];
    for commit in 1..=300 {
        let mut pairs: BTreeMap<Bytes, Bytes> = states.last().unwrap().1.clone();
        let mut batch = Batch::default();
        for _ in 0..=dice.below(4) {
            let (key, len) = (Bytes::from(format!("key-{:03}", dice.below(60))), dice.below(6000));
            let body = Bytes::from(dice.bytes(len));
            pairs.insert(key.clone(), body.clone());
            batch = batch.put(key, body);
        }
        if commit % 40 == 0 {
            // sled rewrites its snapshot when closed and opened.
            drop(store);
            store = SledStore::open(&path).unwrap();
        }
        store.commit(batch).await.unwrap();
        states.push((files(&path, &path), pairs));
    }
    let mut failures = Vec::new();
    for round in 0..400 {
        let n = dice.below(states.len() - 1);
        let crashed = tempfile::tempdir().unwrap();
        for (name, content) in torn(&states[n].0, &states[n + 1].0, &mut dice) {
            let file = crashed.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        let everything = Scan { start: Bytes::new(), end: None, limit: 1000 };
        let found = match SledStore::open(crashed.path()) {
            Ok(store) => store.scan(everything).await.map(|pairs| pairs.into_iter().collect::<BTreeMap<_, _>>()),
            Err(error) => Err(error),
        };
        match found {
            Ok(found) if found == states[n].1 || found == states[n + 1].1 => {}
            other => failures.push(format!("round {round} after commit {n}: {:?}", other.map(|found| found.len()))),
        }
    }
    assert!(failures.is_empty(), "{} of 400: {failures:#?}", failures.len());
}
