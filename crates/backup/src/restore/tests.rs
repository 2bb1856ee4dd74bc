#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use arqueta_root::{Argon2Cost, Passphrase};
use arqueta_store::{MemoryMeta, RedbStore, Scan};

use super::*;
use crate::{KeptFile, Source, Taken, take};

const LEAST: Argon2Cost = Argon2Cost { memory_kib: 8 << 10, iterations: 1, lanes: 1 };

fn passphrase() -> Passphrase {
    Passphrase::new(b"correct horse battery").unwrap()
}

fn body_of(key: &[u8]) -> Option<BlobId> {
    Some(BlobId::from_bytes(key.strip_prefix(b"x/")?.try_into().ok()?))
}

fn path_of(folder: &Path, id: BlobId) -> PathBuf {
    folder.join("blobs").join(id.to_string())
}

/// A data folder of some records, bodies and files, and a depot.
struct World {
    dir: tempfile::TempDir,
    meta: MemoryMeta,
    depot: Depot,
    bodies: BTreeMap<BlobId, Vec<u8>>,
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let depot = Depot::make_or_open(&dir.path().join("depot"), &passphrase(), LEAST).unwrap();
        let mut world = Self { dir, meta: MemoryMeta::new(), depot, bodies: BTreeMap::new() };
        fs::create_dir_all(world.data().join("blobs")).unwrap();
        fs::create_dir_all(world.data().join("audit")).unwrap();
        for n in 0..600u32 {
            world.record(&format!("c/{n:05}"), &[n as u8; 100]).await;
        }
        for size in [0, 1, (1 << 20) + 1] {
            world.body(size).await;
        }
        fs::write(world.data().join("root.key"), [7; 32]).unwrap();
        fs::write(world.data().join("audit/events.jsonl"), vec![b'e'; 1_200_000]).unwrap();
        world
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    async fn record(&mut self, key: &str, value: &[u8]) {
        self.meta.commit(Batch::default().put(key.as_bytes().to_vec(), value.to_vec())).await.unwrap();
    }

    async fn body(&mut self, size: usize) -> BlobId {
        let id = BlobId::random();
        let body: Vec<u8> = (0..size).map(|at| (at / 7) as u8).collect();
        fs::write(path_of(&self.data(), id), &body).unwrap();
        self.meta.commit(Batch::default().put([b"x/", &id.as_bytes()[..]].concat(), "")).await.unwrap();
        self.bodies.insert(id, body);
        id
    }

    async fn try_take(&self, name: &str, still: Result<(), Error>) -> Result<Taken, Error> {
        let data = self.data();
        let file = |name: &str| {
            let path = data.join(name);
            KeptFile { bytes: fs::metadata(&path).unwrap().len(), name: name.to_owned(), path }
        };
        let source = Source {
            meta: &self.meta,
            body_of: &body_of,
            name_of: &|key| String::from_utf8_lossy(key).into_owned(),
            path_of: &|id| path_of(&data, id),
            files: vec![file("root.key"), KeptFile { bytes: 1_100_000, ..file("audit/events.jsonl") }],
        };
        take(&self.depot, (name, "1"), source, async || Ok(()), async || still).await
    }

    async fn take(&self, name: &str) -> Taken {
        self.try_take(name, Ok(())).await.unwrap()
    }

    async fn restore(&self, name: Option<&str>, into: &str) -> Result<PathBuf, Error> {
        let into = self.dir.path().join(into);
        let open = |folder: &Path| -> Result<RedbStore, Error> { Ok(RedbStore::open(folder.join("meta.redb"))?) };
        restore(&self.depot, &self.depot.index(name)?, &into, &body_of, &path_of, open).await?;
        Ok(into)
    }
}

async fn records_of(meta: &dyn MetaStore) -> Vec<Entry> {
    meta.page(Scan::prefix(b"", 100_000)).await.unwrap()
}

#[tokio::test]
async fn what_is_taken_comes_back_each_back_up_as_of_its_instant() {
    let mut world = World::new().await;
    let first = world.take("1").await;
    assert_eq!((first.index.records, first.index.bodies, first.known), (603, 3, 0));
    let before = records_of(&world.meta).await;
    world.record("c/00007", b"changed").await;
    let late = world.body(100).await;
    let second = world.take("2").await;
    assert_eq!(second.known, 3);
    assert!(second.written < first.written / 10, "{} after {}", second.written, first.written);
    let third = world.take("3").await;
    assert!(third.written < 10_000, "nothing changed: {}", third.written);
    assert_eq!(world.depot.list().unwrap(), ["1", "2", "3"]);
    for (name, into, has_late) in [(Some("1"), "a", false), (None, "b", true)] {
        let index = world.depot.index(name).unwrap();
        assert_eq!(verify(&world.depot, &index, &body_of).unwrap(), []);
        let folder = world.restore(name, into).await.unwrap();
        for (id, body) in &world.bodies {
            match fs::read(path_of(&folder, *id)) {
                Ok(found) => assert!(&found == body && (has_late || *id != late)),
                Err(_) => assert!(*id == late && !has_late),
            }
        }
        assert_eq!(fs::read(folder.join("root.key")).unwrap(), [7; 32]);
        assert_eq!(fs::read(folder.join("audit/events.jsonl")).unwrap(), vec![b'e'; 1_100_000]);
        let meta = RedbStore::open(folder.join("meta.redb")).unwrap();
        let now = if has_late { records_of(&world.meta).await } else { before.clone() };
        assert_eq!(records_of(&meta).await, now);
    }
}

#[tokio::test]
async fn one_that_was_cut_off_is_none_and_spoils_none() {
    let mut world = World::new().await;
    world.take("1").await;
    world.body(50).await;
    let gone = Err(Error::damaged("what held the state"));
    assert!(world.try_take("2", gone).await.is_err());
    // As a kill in the middle of a write leaves it.
    let part = fs::read_dir(world.depot.folder.join("bodies")).unwrap().next().unwrap().unwrap().path();
    fs::write(part.join(".cut.new"), b"half").unwrap();
    fs::write(world.depot.folder.join("back-ups/.3.new"), b"half").unwrap();
    assert_eq!(world.depot.list().unwrap(), ["1"]);
    assert_eq!(verify(&world.depot, &world.depot.index(None).unwrap(), &body_of).unwrap(), []);
    world.restore(None, "a").await.unwrap();
    let again = world.take("2").await;
    assert_eq!(again.known, 4, "what was written is of use");
}

#[tokio::test]
async fn a_folder_that_is_there_is_left_alone_and_one_half_made_is_made_anew() {
    let world = World::new().await;
    world.take("1").await;
    let there = world.dir.path().join("there");
    fs::create_dir(&there).unwrap();
    fs::write(there.join("mine"), b"").unwrap();
    assert!(matches!(world.restore(None, "there").await, Err(Error::Occupied { .. })));
    fs::remove_file(there.join("mine")).unwrap();
    let half = world.dir.path().join("there.restoring");
    fs::create_dir(&half).unwrap();
    fs::write(half.join("meta.redb"), b"half").unwrap();
    world.restore(None, "there").await.unwrap();
    assert!(there.join("meta.redb").exists() && !half.exists());
}

#[tokio::test]
async fn every_damaged_or_missing_part_is_named_and_nothing_half_is_restored() {
    let world = World::new().await;
    world.take("1").await;
    let index = world.depot.index(None).unwrap();
    for part in ["pieces", "bodies"] {
        for folder in fs::read_dir(world.depot.folder.join(part)).unwrap() {
            for file in fs::read_dir(folder.unwrap().path()).unwrap() {
                let path = file.unwrap().path();
                let whole = fs::read(&path).unwrap();
                let mut edited = whole.clone();
                let middle = edited.len() / 2;
                edited[middle] ^= 1;
                for bytes in [&edited[..], &whole[..whole.len() - 1], &[&whole[..], b"x"].concat()] {
                    fs::write(&path, bytes).unwrap();
                    assert_eq!(verify(&world.depot, &index, &body_of).unwrap().len(), 1, "{}", path.display());
                }
                fs::remove_file(&path).unwrap();
                assert_eq!(verify(&world.depot, &index, &body_of).unwrap().len(), 1, "{}", path.display());
                assert!(matches!(world.restore(None, "a").await, Err(Error::Damaged { .. })));
                assert!(!world.dir.path().join("a").exists());
                fs::write(&path, whole).unwrap();
            }
        }
    }
    assert_eq!(verify(&world.depot, &index, &body_of).unwrap(), []);
    let path = world.depot.folder.join("back-ups/1");
    fs::rename(&path, world.depot.folder.join("back-ups/2")).unwrap();
    assert!(matches!(world.depot.index(None), Err(Error::Damaged { .. })), "one is not another");
}

#[tokio::test]
async fn what_could_not_be_copied_is_told() {
    let world = World::new().await;
    let id = *world.bodies.keys().next().unwrap();
    fs::remove_file(path_of(&world.data(), id)).unwrap();
    world.meta.damage(b"c/00042").await;
    let taken = world.take("1").await;
    assert_eq!((taken.index.missing, taken.index.damaged), (vec![id.to_string()], vec!["c/00042".to_owned()]));
    let folder = world.restore(None, "a").await.unwrap();
    assert!(!path_of(&folder, id).exists());
    let meta = RedbStore::open(folder.join("meta.redb")).unwrap();
    assert_eq!(meta.get(b"c/00042").await.unwrap(), None);
}

#[tokio::test]
async fn nothing_of_it_can_be_read_without_the_passphrase() {
    let mut world = World::new().await;
    world.record("c/canary", b"CANARY-OF-THE-METADATA").await;
    let id = world.body(0).await;
    fs::write(path_of(&world.data(), id), b"CANARY-OF-A-BODY").unwrap();
    world.take("1").await;
    let mut files = vec![world.depot.folder.clone()];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let bytes = fs::read(&path).unwrap();
            assert!(!bytes.windows(9).any(|part| part == b"CANARY-OF" || part == [7; 9]), "{}", path.display());
        }
    }
    let other = Passphrase::new(b"incorrect horse battery").unwrap();
    assert!(matches!(Depot::open(&world.depot.folder, &other), Err(Error::Key(_))));
    assert!(matches!(Depot::make_or_open(&world.data(), &other, LEAST), Err(Error::Foreign { .. })));
    let _writing = world.depot.write().unwrap();
    assert!(matches!(world.try_take("2", Ok(())).await, Err(Error::InUse { .. })));
}
