//! ListObjectVersions: current and noncurrent versions, merged.
//!
//! The two live in different ranges of the store, and a write moves versions between them. So a
//! window is read as current, noncurrent, and current again: only if nothing moved meanwhile is
//! it one picture. Otherwise it is read again, smaller each time, down to a single key.

use arqueta_model::{BucketName, ObjectKey, VersionId};
use arqueta_store::{Entry, MetaStore, Scan};
use bytes::Bytes;

use super::brief::Brief;
use super::cursor::after_all;
use super::group::{Shape, Start};
use super::{object_key, text, whole};
use crate::api::{ListObjectVersions, ListedVersion, ListedVersions};
use crate::record::{ObjectRecord, Record as _};
use crate::sequence::sequence_in;
use crate::{Error, schema};

/// Most records of one window.
const WINDOW: usize = 1000;

/// Windows of a walk with a delimiter start small: the first key often decides for a jump.
const SMALL_WINDOW: usize = 64;

/// Most records of a window after a jump, for the same reason.
const AFTER_JUMP: usize = 4;

/// How often a single key is read again while it keeps moving.
const PATIENCE: usize = 16;

/// Everything from here on: keys after `key`, and of `key` itself the versions older than `below`,
/// or all if there is no bound.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Position {
    /// Bytes, because the end of a common prefix need not be text.
    key: Vec<u8>,
    below: Option<u64>,
}

/// A version as read: its key, whether it is the current one, and what its record tells.
#[derive(Debug)]
struct Found {
    key: ObjectKey,
    latest: bool,
    brief: Brief,
}

/// Versions in order, and where the rest starts, if there is any.
struct Window {
    versions: Vec<Found>,
    rest: Option<Position>,
}

/// Reads one page.
pub(super) async fn page(meta: &dyn MetaStore, input: &ListObjectVersions) -> Result<ListedVersions, Error> {
    let mut page = ListedVersions::default();
    let shape = Shape::new(&input.prefix, input.delimiter.as_deref());
    let merge = Merge { meta, bucket: &input.bucket, prefix: shape.prefix };
    let Some(start) = merge.start(shape, input).await?.filter(|_| input.limit > 0) else { return Ok(page) };
    let (mut at, mut size) = (start, first_window(shape, input.limit));
    let mut last: Option<(String, Option<VersionId>)> = None;
    'windows: loop {
        let window = merge.stable_window(&at, size).await?;
        // A common prefix that ends the window, and where the keys after it start.
        let mut jump: Option<(String, Option<Vec<u8>>)> = None;
        for found in window.versions {
            if jump.as_ref().is_some_and(|(group, _)| found.key.as_str().starts_with(group)) {
                continue;
            }
            if page.versions.len() + page.prefixes.len() == input.limit {
                page.next = last;
                break 'windows;
            }
            if let Some(group) = shape.group(found.key.as_str()) {
                page.prefixes.push(group.to_owned());
                last = Some((group.to_owned(), None));
                jump = Some((group.to_owned(), after_all(group.as_bytes()).map(Into::into)));
            } else {
                let version = listed(found);
                last = Some((version.key.as_str().to_owned(), Some(version.version)));
                page.versions.push(version);
            }
        }
        let Some(rest) = window.rest else { break };
        (at, size) = match jump {
            Some((group, beyond)) if rest.key.starts_with(group.as_bytes()) => match beyond {
                Some(key) => (Position { key, below: None }, AFTER_JUMP),
                None => break,
            },
            _ => (rest, (size * 4).min(WINDOW)),
        };
    }
    Ok(page)
}

fn first_window(shape: Shape<'_>, limit: usize) -> usize {
    if shape.delimiter.is_some() { SMALL_WINDOW } else { (limit + 1).min(WINDOW) }
}

fn listed(Found { key, latest, brief }: Found) -> ListedVersion {
    ListedVersion {
        key: key.clone(),
        version: brief.version,
        latest,
        last_modified: brief.last_modified,
        owner: brief.owner.clone(),
        object: brief.object(key),
    }
}

struct Merge<'a> {
    meta: &'a dyn MetaStore,
    bucket: &'a BucketName,
    prefix: &'a str,
}

impl Merge<'_> {
    /// Where the page starts; `None` if that lies after everything.
    async fn start(&self, shape: Shape<'_>, input: &ListObjectVersions) -> Result<Option<Position>, Error> {
        let at = |key: &[u8], below| Some(Position { key: key.to_vec(), below });
        if let (Some(key), Some(version)) = (&input.key_marker, input.version_marker)
            && key.starts_with(shape.prefix)
            && shape.group(key).is_none()
        {
            return Ok(at(key.as_bytes(), self.sequence_of(key, version).await?));
        }
        let Some(start) = shape.start(input.key_marker.as_deref()) else { return Ok(None) };
        Ok(match start {
            Start::At(text) => at(text.as_bytes(), None),
            Start::After(text) => at(&[text.as_bytes(), &[0]].concat(), None),
            Start::Beyond(text) => after_all(text.as_bytes()).map(|key| Position { key: key.into(), below: None }),
        })
    }

    /// The sequence of a version that a page ended with. A null version may be gone meanwhile:
    /// then its key is listed from the start, which repeats versions but misses none.
    async fn sequence_of(&self, key: &str, version: VersionId) -> Result<Option<u64>, Error> {
        if let Some(sequence) = sequence_in(version) {
            return Ok(Some(sequence));
        }
        let Ok(key) = key.parse() else { return Ok(None) };
        let current = match self.meta.get(&schema::current(self.bucket, &key)).await {
            Ok(Some(current)) => ObjectRecord::decode(&current)?,
            Ok(None) | Err(arqueta_store::Error::Damaged { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(if current.version.is_null() { Some(current.sequence) } else { current.null_sequence })
    }

    /// A window that was one picture, or, of a key that never rests, the last one seen.
    async fn stable_window(&self, at: &Position, size: usize) -> Result<Window, Error> {
        let (mut size, mut tries) = (size.max(1), 0);
        loop {
            let currents = self.currents(at, size).await?;
            let window = self.window(at, size, &currents).await?;
            if self.currents(at, size).await? == currents || tries == PATIENCE {
                return Ok(window);
            }
            tries += usize::from(size == 1);
            size = (size / 4).max(1);
        }
    }

    async fn currents(&self, at: &Position, limit: usize) -> Result<Vec<Entry>, Error> {
        let base = schema::currents(self.bucket);
        let end = after_all(&[&base, self.prefix.as_bytes()].concat());
        let start = Bytes::from([&base[..], &at.key].concat());
        if end.as_ref().is_some_and(|end| start >= *end) {
            return Ok(Vec::new());
        }
        Ok(self.meta.page(Scan { start, end, limit }).await?)
    }

    /// Merges the current versions with the noncurrent ones of the same stretch of keys.
    async fn window(&self, at: &Position, size: usize, currents: &[Entry]) -> Result<Window, Error> {
        // Both ranges begin alike, but for one letter.
        let base = schema::currents(self.bucket).len();
        let last_current = currents.last().filter(|_| currents.len() == size).map(|current| &current.key[base..]);
        let noncurrents = self.noncurrents(at, size, last_current).await?;
        let mut versions = Vec::with_capacity(currents.len() + noncurrents.len());
        let rest = if noncurrents.len() == size {
            let last = noncurrents.last().map(|last| place(&last.key, base)).transpose()?;
            last.map(|(key, sequence)| Position { key: key.as_str().into(), below: Some(sequence) })
        } else {
            last_current.map(|key| Position { key: [key, &[0]].concat(), below: None })
        };
        for Entry { key: stored, value } in currents {
            let key = object_key(text(&stored[base..])?)?;
            // Beyond the last noncurrent one read, a key's versions are not all known yet.
            if rest.as_ref().is_some_and(|rest| key.as_str().as_bytes() > &rest.key[..]) {
                break;
            }
            let Some(brief) = whole(stored, value.as_ref(), Brief::decode)? else { continue };
            if at.below.is_none_or(|below| key.as_str().as_bytes() != at.key || brief.sequence < below) {
                versions.push(Found { key, latest: true, brief });
            }
        }
        for Entry { key: stored, value } in noncurrents {
            let (key, _) = place(&stored, base)?;
            let brief = whole(&stored, value.as_ref(), Brief::decode)?;
            versions.extend(brief.map(|brief| Found { key, latest: false, brief }));
        }
        let order = |found: &Found| found.brief.sequence;
        versions.sort_by(|a, b| (&a.key, order(b), b.latest).cmp(&(&b.key, order(a), a.latest)));
        versions.dedup_by(|later, first| later.key == first.key && order(later) == order(first));
        Ok(Window { versions, rest })
    }

    /// Noncurrent versions from `at` to those of `last_key`.
    async fn noncurrents(&self, at: &Position, limit: usize, last_key: Option<&[u8]>) -> Result<Vec<Entry>, Error> {
        let base = schema::noncurrents(self.bucket);
        let escaped = |key: &[u8]| [&base[..], &schema::escaped_prefix(key)].concat();
        let start = match at.below {
            None => escaped(&at.key),
            // Sequences are stored inverted, so older than `below` is at least its inverse and one.
            Some(below) => {
                let older = below.checked_sub(1).map(|older| (!older).to_be_bytes().to_vec());
                [escaped(&at.key), vec![0, 0], older.unwrap_or_else(|| vec![0xff; 9])].concat()
            }
        };
        let end = match last_key {
            Some(key) => after_all(&[escaped(key), vec![0, 0]].concat()),
            None => after_all(&escaped(self.prefix.as_bytes())),
        };
        if end.as_ref().is_some_and(|end| start >= *end) {
            return Ok(Vec::new());
        }
        Ok(self.meta.page(Scan { start: start.into(), end, limit }).await?)
    }
}

/// Key and sequence of a noncurrent version's store key.
fn place(stored: &[u8], base: usize) -> Result<(ObjectKey, u64), Error> {
    let damaged = || Error::Damaged { what: ObjectRecord::NAME };
    let (key, _) = schema::unescaped(stored.get(base..).unwrap_or_default()).ok_or_else(damaged)?;
    Ok((key, schema::sequence_of(stored).ok_or_else(damaged)?))
}
