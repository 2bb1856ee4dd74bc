//! What a disk holds after the power went.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::tape::{FileId, Image, Op, PAGE, Tape};
use super::{Dice, Loss};
use arqueta_journal::disk::parent;

/// The disk after the first `at` operations of `tape` and a power cut.
pub(super) fn image(tape: &Tape, at: usize, loss: Loss, dice: &mut Dice) -> Image {
    let log = &tape.log()[..at.min(tape.position())];
    let mut image = names_after(tape.base(), log, loss, dice);
    for id in image.names.values() {
        let before = tape.base().files.get(id).cloned().unwrap_or_default();
        image.files.insert(*id, content_after(before, *id, log, loss, dice));
    }
    image
}

/// What a name stands for.
#[derive(Debug, Clone, Copy)]
enum Entry {
    Dir,
    File(FileId),
}

/// A change of one directory: what becomes of a name.
type Change = (PathBuf, Option<Entry>);

fn names_after(base: &Image, log: &[Op], loss: Loss, dice: &mut Dice) -> Image {
    let dirs = base.dirs.iter().map(|path| (path.clone(), Entry::Dir));
    let files = base.names.iter().map(|(path, id)| (path.clone(), Entry::File(*id)));
    let mut durable: BTreeMap<PathBuf, Entry> = dirs.chain(files).collect();
    let mut volatile = durable.clone();
    let mut pending: BTreeMap<PathBuf, Vec<Change>> = BTreeMap::new();
    for op in log {
        if let Op::SyncDir(dir) = op {
            pending.remove(dir).into_iter().flatten().for_each(|change| apply(&mut durable, change));
        }
        if let Op::LoseDir(dir) = op {
            let lost = pending.remove(dir).unwrap_or_default();
            let kept = some_first(lost, loss, dice);
            kept.into_iter().for_each(|change| apply(&mut durable, change));
        }
        for change in changes(op, &volatile) {
            apply(&mut volatile, change.clone());
            pending.entry(parent(&change.0).to_owned()).or_default().push(change);
        }
    }
    for changes in pending.into_values() {
        some_first(changes, loss, dice).into_iter().for_each(|change| apply(&mut durable, change));
    }
    reachable(&durable)
}

/// What the disk had taken of the changes of a directory that no sync made durable.
fn some_first(mut changes: Vec<Change>, loss: Loss, dice: &mut Dice) -> Vec<Change> {
    let kept = if loss == Loss::Random { dice.below(changes.len() + 1) } else { 0 };
    changes.truncate(kept);
    changes
}

fn changes(op: &Op, volatile: &BTreeMap<PathBuf, Entry>) -> Vec<Change> {
    match op {
        Op::CreateDir(path) => vec![(path.clone(), Some(Entry::Dir))],
        Op::Create(path, id) => vec![(path.clone(), Some(Entry::File(*id)))],
        Op::Rename(from, to) => vec![(to.clone(), volatile.get(from).copied()), (from.clone(), None)],
        Op::Remove(path) => vec![(path.clone(), None)],
        Op::SyncDir(_) | Op::LoseDir(_) | Op::Write(..) | Op::SetLen(..) | Op::Sync(_) | Op::Lose(_) => Vec::new(),
    }
}

fn apply(entries: &mut BTreeMap<PathBuf, Entry>, (path, entry): Change) {
    match entry {
        Some(entry) => entries.insert(path, entry),
        None => entries.remove(&path),
    };
}

/// A name whose directory is lost is lost with it.
fn reachable(entries: &BTreeMap<PathBuf, Entry>) -> Image {
    let mut image = Image::default();
    // A directory sorts before what it holds.
    for (path, entry) in entries {
        let dir = parent(path);
        if dir != Path::new(".") && !image.dirs.contains(dir) {
            continue;
        }
        match entry {
            Entry::Dir => {
                image.dirs.insert(path.clone());
            }
            Entry::File(id) => {
                image.names.insert(path.clone(), *id);
            }
        }
    }
    image
}

/// A change of a file's content.
#[derive(Clone, Copy)]
enum Edit<'a> {
    Write(usize, &'a [u8]),
    SetLen(usize),
}

fn content_after(before: Vec<u8>, id: FileId, log: &[Op], loss: Loss, dice: &mut Dice) -> Vec<u8> {
    let mut durable = before;
    let mut unsynced = Vec::new();
    for op in log {
        match op {
            Op::Write(file, at, bytes) if *file == id => unsynced.push(Edit::Write(*at, bytes)),
            Op::SetLen(file, len) if *file == id => unsynced.push(Edit::SetLen(*len)),
            Op::Sync(file) if *file == id => unsynced.drain(..).for_each(|edit| edit.apply(&mut durable)),
            Op::Lose(file) if *file == id => {
                durable = some_pages(durable, &unsynced, loss, dice);
                unsynced.clear();
            }
            _ => {}
        }
    }
    some_pages(durable, &unsynced, loss, dice)
}

/// Every page, and the length, in one of its states since the last sync.
fn some_pages(durable: Vec<u8>, unsynced: &[Edit<'_>], loss: Loss, dice: &mut Dice) -> Vec<u8> {
    if loss == Loss::Everything || unsynced.is_empty() {
        return durable;
    }
    let mut lengths = vec![durable.len()];
    for edit in unsynced {
        let last = lengths[lengths.len() - 1];
        lengths.push(edit.length(last));
    }
    let most = lengths.iter().copied().max().unwrap_or_default();
    let mut content = durable;
    content.resize(most, 0);
    let touched: BTreeSet<usize> = unsynced.iter().flat_map(|edit| edit.pages(most)).collect();
    for page in touched {
        let range = page * PAGE..most.min((page + 1) * PAGE);
        let edits: Vec<_> = unsynced.iter().filter(|edit| edit.pages(most).contains(&page)).collect();
        for edit in &edits[..dice.below(edits.len() + 1)] {
            edit.apply_within(range.start, &mut content[range.clone()]);
        }
    }
    content.resize(lengths[dice.below(lengths.len())], 0);
    content
}

impl Edit<'_> {
    fn length(self, before: usize) -> usize {
        match self {
            Self::Write(at, bytes) => before.max(at + bytes.len()),
            Self::SetLen(len) => len,
        }
    }

    /// The pages whose bytes change, in a file never longer than `most`.
    fn pages(self, most: usize) -> std::ops::Range<usize> {
        match self {
            Self::Write(at, bytes) => at / PAGE..(at + bytes.len()).div_ceil(PAGE),
            Self::SetLen(len) => len / PAGE..most.div_ceil(PAGE),
        }
    }

    fn apply(self, content: &mut Vec<u8>) {
        content.resize(self.length(content.len()), 0);
        self.apply_within(0, content);
    }

    /// Changes the part of a file that begins at `start`.
    fn apply_within(self, start: usize, part: &mut [u8]) {
        match self {
            Self::Write(at, bytes) => {
                let (from, to) = (at.max(start), (at + bytes.len()).min(start + part.len()));
                if from < to {
                    part[from - start..to - start].copy_from_slice(&bytes[from - at..to - at]);
                }
            }
            Self::SetLen(len) => {
                let kept = len.saturating_sub(start).min(part.len());
                part[kept..].fill(0);
            }
        }
    }
}
