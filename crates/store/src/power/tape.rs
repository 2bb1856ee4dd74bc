//! What the recording disk remembers: its live content and the log of everything done to it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::trouble::Trouble;
use arqueta_journal::disk::parent;

/// Unit of writing back and of space.
pub(super) const PAGE: usize = 4096;

/// A file's content, whatever its name.
pub(super) type FileId = u64;

/// Directories, names and contents.
#[derive(Debug, Clone, Default)]
pub(super) struct Image {
    pub(super) dirs: BTreeSet<PathBuf>,
    pub(super) names: BTreeMap<PathBuf, FileId>,
    pub(super) files: BTreeMap<FileId, Vec<u8>>,
}

/// One operation.
#[derive(Debug, Clone)]
pub(super) enum Op {
    CreateDir(PathBuf),
    Create(PathBuf, FileId),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    SyncDir(PathBuf),
    /// A sync that failed: what it covered is not made durable by a later one.
    LoseDir(PathBuf),
    Write(FileId, usize, Bytes),
    SetLen(FileId, usize),
    Sync(FileId),
    /// As [`Op::LoseDir`].
    Lose(FileId),
}

/// The live disk and how it came about.
#[derive(Debug, Clone, Default)]
pub(super) struct Tape {
    base: Image,
    live: Image,
    log: Vec<Op>,
    capacity: Option<usize>,
    /// Pages that take up space.
    allocated: HashSet<(FileId, usize)>,
    next_file: FileId,
    trouble: Trouble,
}

impl Image {
    pub(super) fn export(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        self.dirs.iter().try_for_each(|path| fs::create_dir_all(dir.join(path)))?;
        self.names.iter().try_for_each(|(path, id)| fs::write(dir.join(path), &self.files[id]))
    }

    /// What a process sees after it.
    fn apply(&mut self, op: &Op) {
        match op {
            Op::CreateDir(path) => drop(self.dirs.insert(path.clone())),
            Op::Create(path, id) => {
                self.names.insert(path.clone(), *id);
                self.files.insert(*id, Vec::new());
            }
            Op::Rename(from, to) => {
                let id = self.names.remove(from);
                self.names.extend(id.map(|id| (to.clone(), id)));
            }
            Op::Remove(path) => {
                self.names.remove(path);
                self.dirs.remove(path);
            }
            Op::Write(id, at, bytes) => {
                let content = self.files.entry(*id).or_default();
                content.resize(content.len().max(at + bytes.len()), 0);
                content[*at..at + bytes.len()].copy_from_slice(bytes);
            }
            Op::SetLen(id, len) => self.files.entry(*id).or_default().resize(*len, 0),
            Op::SyncDir(_) | Op::LoseDir(_) | Op::Sync(_) | Op::Lose(_) => {}
        }
    }

    pub(super) fn import(dir: &Path) -> io::Result<Self> {
        let mut image = Self::default();
        for (id, entry) in (0..).zip(fs::read_dir(dir)?) {
            let entry = entry?;
            image.files.insert(id, fs::read(entry.path())?);
            image.names.insert(entry.file_name().into(), id);
        }
        Ok(image)
    }
}

impl Tape {
    pub(super) fn new(image: Image) -> Self {
        let next_file = image.files.keys().next_back().map_or(0, |last| last + 1);
        let pages = |(id, content): (&FileId, &Vec<u8>)| {
            (0..content.len().div_ceil(PAGE)).map(|page| (*id, page)).collect::<Vec<_>>()
        };
        let allocated = image.files.iter().flat_map(pages).collect();
        Self { base: image.clone(), live: image, allocated, next_file, ..Self::default() }
    }

    /// As it was after the first `at` operations.
    pub(super) fn until(&self, at: usize) -> Self {
        let (mut live, log) = (self.base.clone(), self.log[..at].to_vec());
        log.iter().for_each(|op| live.apply(op));
        Self { base: self.base.clone(), log, next_file: self.next_file, ..Self::new(live) }
    }

    pub(super) fn position(&self) -> usize {
        self.log.len()
    }

    pub(super) fn base(&self) -> &Image {
        &self.base
    }

    pub(super) fn live(&self) -> &Image {
        &self.live
    }

    pub(super) fn log(&self) -> &[Op] {
        &self.log
    }

    pub(super) fn set_capacity(&mut self, bytes: Option<u64>) {
        self.capacity = bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX) / PAGE);
    }

    pub(super) fn set_trouble(&mut self, trouble: Trouble) {
        self.trouble = trouble;
    }

    /// Files ever created below `dir`.
    pub(super) fn created_below(&self, dir: &Path) -> HashSet<FileId> {
        let created = |op: &Op| match op {
            Op::Create(path, id) if path.starts_with(dir) => Some(*id),
            _ => None,
        };
        self.log.iter().filter_map(created).collect()
    }

    /// Syncs and bytes written of each file after the first `since` operations.
    pub(super) fn spent(&self, since: usize) -> BTreeMap<FileId, (usize, usize)> {
        let mut spent: BTreeMap<FileId, (usize, usize)> = BTreeMap::new();
        for op in self.log.iter().skip(since) {
            match op {
                Op::Sync(id) => spent.entry(*id).or_default().0 += 1,
                Op::Write(id, _, bytes) => spent.entry(*id).or_default().1 += bytes.len(),
                _ => {}
            }
        }
        spent
    }

    /// Syncs of directories after the first `since` operations.
    pub(super) fn folder_syncs(&self, since: usize) -> usize {
        self.log.iter().skip(since).filter(|op| matches!(op, Op::SyncDir(_))).count()
    }

    /// As if these operations had never happened.
    pub(super) fn forget(&mut self, forgotten: impl Fn(&Op) -> bool) {
        self.log.retain(|op| !forgotten(op));
    }

    pub(super) fn named(&self, path: &Path) -> io::Result<FileId> {
        self.live.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn ensure_parent(&self, path: &Path) -> io::Result<()> {
        let parent = parent(path);
        if parent == Path::new(".") || self.live.dirs.contains(parent) {
            Ok(())
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<FileId> {
        self.trouble.strike()?;
        self.ensure_parent(path)?;
        if self.live.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let id = self.next_file;
        self.next_file += 1;
        self.live.names.insert(path.to_owned(), id);
        self.live.files.insert(id, Vec::new());
        self.log.push(Op::Create(path.to_owned(), id));
        Ok(id)
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.trouble.strike()?;
        self.ensure_parent(to)?;
        let id = self.named(from)?;
        if self.live.names.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.live.names.remove(from);
        self.live.names.insert(to.to_owned(), id);
        self.log.push(Op::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        if self.trouble == Trouble::ReadOnly {
            return self.trouble.strike();
        }
        let id = self.named(path)?;
        self.live.names.remove(path);
        self.allocated.retain(|(file, _)| *file != id);
        self.log.push(Op::Remove(path.to_owned()));
        Ok(())
    }

    pub(super) fn create_dir(&mut self, path: &Path) -> io::Result<()> {
        self.ensure_parent(path)?;
        self.trouble.strike()?;
        if self.live.dirs.insert(path.to_owned()) {
            self.log.push(Op::CreateDir(path.to_owned()));
        }
        Ok(())
    }

    pub(super) fn remove_dir(&mut self, path: &Path) -> io::Result<()> {
        let empty = !self.live.names.keys().chain(&self.live.dirs).any(|entry| parent(entry) == path);
        if !empty || !self.live.dirs.contains(path) {
            return Err(if empty { io::ErrorKind::NotFound } else { io::ErrorKind::DirectoryNotEmpty }.into());
        }
        self.trouble.strike()?;
        self.live.dirs.remove(path);
        self.log.push(Op::Remove(path.to_owned()));
        Ok(())
    }

    pub(super) fn content(&mut self, id: FileId) -> &mut Vec<u8> {
        self.live.files.entry(id).or_default()
    }

    pub(super) fn write(&mut self, id: FileId, at: usize, bytes: Bytes) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let end = at + bytes.len();
        let fresh: Vec<_> = (at / PAGE..end.div_ceil(PAGE))
            .map(|page| (id, page))
            .filter(|page| !self.allocated.contains(page))
            .collect();
        if self.capacity.is_some_and(|most| self.allocated.len() + fresh.len() > most) && !fresh.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.allocated.extend(fresh);
        if let Err(error) = self.trouble.strike() {
            // A disk that is read-only has taken nothing.
            if self.trouble != Trouble::ReadOnly {
                self.put(id, at, bytes.slice(..bytes.len() / 2));
            }
            return Err(error);
        }
        self.put(id, at, bytes);
        Ok(())
    }

    fn put(&mut self, id: FileId, at: usize, bytes: Bytes) {
        let end = at + bytes.len();
        let content = self.content(id);
        if content.len() < end {
            content.resize(end, 0);
        }
        content[at..end].copy_from_slice(&bytes);
        self.log.push(Op::Write(id, at, bytes));
    }

    pub(super) fn sync(&mut self, id: FileId) -> io::Result<()> {
        self.sync_as(Op::Sync(id), Op::Lose(id))
    }

    pub(super) fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        self.sync_as(Op::SyncDir(path.to_owned()), Op::LoseDir(path.to_owned()))
    }

    fn sync_as(&mut self, done: Op, lost: Op) -> io::Result<()> {
        let drops = self.trouble.drops();
        let struck = self.trouble.strike();
        match struck {
            Ok(()) => self.log.push(done),
            Err(_) if drops => self.log.push(lost),
            Err(_) => {}
        }
        struck
    }

    pub(super) fn set_len(&mut self, id: FileId, len: usize) -> io::Result<()> {
        self.trouble.strike()?;
        self.content(id).resize(len, 0);
        self.allocated.retain(|(file, page)| *file != id || page * PAGE < len);
        self.log.push(Op::SetLen(id, len));
        Ok(())
    }

    pub(super) fn read(&mut self, id: FileId, at: usize, len: usize) -> Vec<u8> {
        let content = self.content(id);
        let end = content.len().min(at.saturating_add(len));
        content.get(at..end).unwrap_or_default().to_vec()
    }
}
