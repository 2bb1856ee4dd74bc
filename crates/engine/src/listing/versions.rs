//! ListObjectVersions: current and noncurrent versions, merged.
//!
//! The two live in different ranges of the store, and a write moves versions between them. So both
//! are read from one snapshot.

use arqueta_model::{BucketName, ObjectKey, VersionId};
use arqueta_store::{Entry, MetaStore, Scan};

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
const AFTER_JUMP: usize = 1;

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
    // Whether the last entry is a common prefix.
    let mut grouped = false;
    'windows: loop {
        let window = merge.window(&at, size).await?;
        // A common prefix that ends the window, and where the keys after it start.
        let mut jump: Option<(String, Option<Vec<u8>>)> = None;
        for found in window.versions {
            if jump.as_ref().is_some_and(|(group, _)| found.key.as_str().starts_with(group)) {
                continue;
            }
            if page.versions.len() + page.prefixes.len() == input.limit {
                page.next = last(&page, grouped);
                break 'windows;
            }
            grouped = false;
            if let Some(group) = shape.group(found.key.as_str()) {
                grouped = true;
                page.prefixes.push(group.to_owned());
                jump = Some((group.to_owned(), after_all(group.as_bytes()).map(Into::into)));
            } else {
                page.versions.push(listed(found));
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

/// The last entry: a common prefix, or a key with its version.
fn last(page: &ListedVersions, grouped: bool) -> Option<(String, Option<VersionId>)> {
    match grouped {
        true => page.prefixes.last().map(|prefix| (prefix.clone(), None)),
        false => page.versions.last().map(|it| (it.key.as_str().to_owned(), Some(it.version))),
    }
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
        let Ok(key) = key.parse() else { return Ok(sequence_in(version)) };
        if let Some(sequence) = sequence_in(version) {
            return self.kept_at(&key, version, sequence).await.map(Some);
        }
        let current = match self.meta.get(&schema::current(self.bucket, &key)).await {
            Ok(Some(current)) => ObjectRecord::decode(&current)?,
            Ok(None) | Err(arqueta_store::Error::Damaged { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        Ok(if current.version.is_null() { Some(current.sequence) } else { current.null_sequence })
    }

    /// Where a version is kept whose id tells `sequence`: there, unless another one of the same instant is.
    async fn kept_at(&self, key: &ObjectKey, version: VersionId, sequence: u64) -> Result<u64, Error> {
        let keys = schema::near(self.bucket, key, sequence);
        let scan = Scan { start: keys.start, end: Some(keys.end), limit: 2 * schema::NEAR as usize + 1 };
        let mut other = false;
        for Entry { key, value } in self.meta.page(scan).await? {
            let brief = value.as_ref().and_then(|value| Brief::decode(value).ok());
            match brief.filter(|brief| brief.version == version) {
                Some(kept) => return Ok(kept.sequence),
                None => other |= schema::sequence_of(&key) == Some(sequence),
            }
        }
        if other
            && let Ok(Some(current)) = self.meta.get(&schema::current(self.bucket, key)).await
            && let Ok(current) = Brief::decode(&current)
            && current.version == version
        {
            return Ok(current.sequence);
        }
        Ok(sequence)
    }

    /// Merges the current versions with the noncurrent ones of the same stretch of keys.
    async fn window(&self, at: &Position, size: usize) -> Result<Window, Error> {
        let size = size.max(1);
        let pages = self.meta.pages(vec![self.currents(at, size), self.noncurrents(at, size)]).await?;
        let (currents, mut noncurrents) = match <[Vec<Entry>; 2]>::try_from(pages) {
            Ok([currents, noncurrents]) => (currents, noncurrents),
            // As many as were asked for.
            Err(_) => return Err(Error::Damaged { what: ObjectRecord::NAME }),
        };
        // Both ranges begin alike, but for one letter.
        let base = schema::currents(self.bucket).len();
        let last_current = currents.last().filter(|_| currents.len() == size).map(|current| current.key.slice(base..));
        if let Some(end) = last_current.as_ref().and_then(|key| after_all(&self.noncurrents_of(key))) {
            // Beyond the last current one read, a key's versions are not all known yet.
            noncurrents.truncate(noncurrents.partition_point(|entry| entry.key < end));
        }
        let mut versions = Vec::with_capacity(currents.len() + noncurrents.len());
        let rest = if noncurrents.len() == size {
            let last = noncurrents.last().map(|last| place(&last.key, base)).transpose()?;
            last.map(|(key, sequence)| Position { key: key.as_str().into(), below: Some(sequence) })
        } else {
            last_current.map(|key| Position { key: [&key[..], &[0]].concat(), below: None })
        };
        for Entry { key: stored, value } in &currents {
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

    /// Current versions from `at` on.
    fn currents(&self, at: &Position, limit: usize) -> Scan {
        let base = schema::currents(self.bucket);
        let end = after_all(&[&base, self.prefix.as_bytes()].concat());
        Scan { start: [&base[..], &at.key].concat().into(), end, limit }
    }

    /// Noncurrent versions from `at` on.
    fn noncurrents(&self, at: &Position, limit: usize) -> Scan {
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
        Scan { start: start.into(), end: after_all(&escaped(self.prefix.as_bytes())), limit }
    }

    /// What the noncurrent versions of a key begin with.
    fn noncurrents_of(&self, key: &[u8]) -> Vec<u8> {
        [&schema::noncurrents(self.bucket)[..], &schema::escaped_prefix(key), &[0, 0]].concat()
    }
}

/// Key and sequence of a noncurrent version's store key.
fn place(stored: &[u8], base: usize) -> Result<(ObjectKey, u64), Error> {
    let damaged = || Error::Damaged { what: ObjectRecord::NAME };
    let (key, _) = schema::unescaped(stored.get(base..).unwrap_or_default()).ok_or_else(damaged)?;
    Ok((key, schema::sequence_of(stored).ok_or_else(damaged)?))
}
