//! The check of a whole store, while nobody else uses it: every record is read, every body is looked
//! for, and what does not fit together is found and, if wanted, mended.
//!
//! **Promises.** Nothing that a whole record names is touched. A damaged record is removed only after
//! its caller has put it aside, and only where that loses nothing: keys, bucket keys and buckets stay
//! for a person to decide, and so do versions in a bucket with object lock, or whose record cannot be
//! read, and a current version that others lie under: it may have been a delete marker. Bodies that
//! nothing names are freed only where that is asked for, by a check that finds no damaged record: they
//! may be what such a record named, also one that was put aside before.
//!
//! Bodies are looked at from outside: whether they are there, and as long as they should be. What is in
//! them shows when they are read, under their keys. Memory: about 200 bytes for each body.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use arqueta_model::{BlobId, BucketName, ObjectKey};
use arqueta_store::{Batch, BlobStore, Entry, MetaStore, Precondition, Scan};
use bytes::Bytes;

use crate::naming::name_of;
use crate::record::{Blob, BucketRecord, ObjectRecord, PartRecord, Place, Record, UploadRecord};
use crate::{Error, schema};

/// Records and bodies read at a time.
const PAGE: usize = 1000;

/// What does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The record is not what was written.
    Damaged,
    /// A body that it names is not there.
    BodyMissing(BlobId),
    /// A body that it names is longer or shorter than it was.
    BodySize(BlobId),
    /// A body that it names has no reference, or one that is damaged.
    Unreferenced(BlobId),
    /// A body that it names is marked as garbage.
    MarkedAsGarbage(BlobId),
    /// The key has versions and no current one.
    Headless,
    /// Nothing names this body, or this reference to one.
    Unnamed,
    /// The manifest is not the one that was sealed, or its key is another's.
    Manifest,
    /// A body is not what was sealed.
    Content,
}

impl Fault {
    /// Whether [`Report::mend`] mends it by itself. A damaged record is mended where that loses nothing.
    #[must_use]
    pub const fn is_repairable(&self) -> bool {
        matches!(self, Self::Unreferenced(_) | Self::MarkedAsGarbage(_) | Self::Headless)
    }

    /// Its kind in one word.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::BodyMissing(_) => "missing",
            Self::BodySize(_) => "size",
            Self::Unreferenced(_) => "unreferenced",
            Self::MarkedAsGarbage(_) => "garbage",
            Self::Headless => "headless",
            Self::Unnamed => "unnamed",
            Self::Manifest => "manifest",
            Self::Content => "content",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged => f.write_str("is not what was written"),
            Self::BodyMissing(id) => write!(f, "names the body {id}, which is missing"),
            Self::BodySize(id) => write!(f, "names the body {id}, which has another size"),
            Self::Unreferenced(id) => write!(f, "names the body {id}, which has no reference"),
            Self::MarkedAsGarbage(id) => write!(f, "names the body {id}, which is marked as garbage"),
            Self::Headless => f.write_str("has no current version before it"),
            Self::Unnamed => f.write_str("is named by nothing"),
            Self::Manifest => f.write_str("has a manifest or keys that do not authenticate"),
            Self::Content => f.write_str("has content that does not authenticate"),
        }
    }
}

/// One thing that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Key of the record in the store.
    pub key: Bytes,
    /// What that record is, in words.
    pub record: String,
    /// What is wrong.
    pub fault: Fault,
    /// Whether a damaged record may be removed once it is put aside.
    removable: bool,
}

/// What a check found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// All that does not fit.
    pub findings: Vec<Finding>,
    /// Records read.
    pub records: u64,
    /// Bodies named.
    pub bodies: u64,
}

/// What is known while the store is read.
#[derive(Default)]
struct Walk {
    report: Report,
    /// Bodies that whole records name: their place, and whose.
    named: BTreeMap<BlobId, (Place, Bytes)>,
    small: BTreeSet<BlobId>,
    referenced: BTreeSet<BlobId>,
    garbage: BTreeSet<BlobId>,
    /// The last key whose noncurrent versions were met.
    last: Option<(String, ObjectKey)>,
    /// Buckets whose records are whole and lock no objects: their records come before their objects'.
    unlocked: BTreeSet<String>,
}

/// Reads everything.
///
/// # Errors
/// Failures of the stores; damage is found, not failed at.
pub async fn check(meta: &dyn MetaStore, blobs: &dyn BlobStore) -> Result<Report, Error> {
    let (mut walk, mut scan) = (Walk::default(), Scan::prefix(b"", PAGE));
    loop {
        let page = meta.page(scan.clone()).await?;
        let Some(last) = page.last() else { break };
        scan.start = [&last.key[..], &[0]].concat().into();
        for entry in page {
            walk.meet(meta, entry).await?;
        }
    }
    walk.compare(blobs).await?;
    Ok(walk.report)
}

impl Walk {
    fn find(&mut self, key: &Bytes, fault: Fault) {
        self.report.findings.push(Finding { key: key.clone(), record: name_of(key), fault, removable: false });
    }

    /// A damaged record, and whether removing it loses nothing that was not lost.
    async fn find_damaged(&mut self, meta: &dyn MetaStore, key: &Bytes) -> Result<(), Error> {
        let removable = match key.get(..2).unwrap_or_default() {
            schema::UPLOADS
            | schema::PARTS
            | schema::FINISHED
            | schema::REFERENCED
            | schema::GARBAGE
            | schema::REMOVED => true,
            schema::NONCURRENTS => self.lies_unlocked(key),
            schema::CURRENTS if self.lies_unlocked(key) => match current_of(key) {
                Some((bucket, object)) => {
                    let under = schema::noncurrents_of(&bucket, &object);
                    meta.page(Scan::prefix(&under, 1)).await?.is_empty()
                }
                None => false,
            },
            _ => false,
        };
        let (key, record) = (key.clone(), name_of(key));
        self.report.findings.push(Finding { key, record, fault: Fault::Damaged, removable });
        Ok(())
    }

    fn lies_unlocked(&self, key: &[u8]) -> bool {
        let bucket = key.get(2..).and_then(|rest| rest.split(|byte| *byte == 0).next());
        bucket.and_then(|name| std::str::from_utf8(name).ok()).is_some_and(|name| self.unlocked.contains(name))
    }

    async fn meet(&mut self, meta: &dyn MetaStore, Entry { key, value }: Entry) -> Result<(), Error> {
        self.report.records += 1;
        let kind = key.get(..2).unwrap_or_default();
        let blob = || Some(BlobId::from_bytes(key.get(2..)?.try_into().ok()?));
        // What these say lies in their keys.
        let set = match kind {
            schema::REFERENCED => Some(&mut self.referenced),
            schema::GARBAGE => Some(&mut self.garbage),
            schema::INLINE => Some(&mut self.small),
            _ => None,
        };
        if let (Some(set), Some(id)) = (set, blob()) {
            if value.is_some() {
                set.insert(id);
            }
            if value.is_none() && kind != schema::INLINE {
                self.find_damaged(meta, &key).await?;
            }
            return Ok(());
        }
        let Some(value) = value else { return self.find_damaged(meta, &key).await };
        let places = match kind {
            schema::CURRENTS | schema::NONCURRENTS => ObjectRecord::decode(&value)
                .map(|record| record.content.map(|content| content.places).unwrap_or_default()),
            schema::PARTS => PartRecord::decode(&value).map(|part| vec![part.place]),
            schema::UPLOADS => UploadRecord::decode(&value).map(|_| Vec::new()),
            schema::BUCKETS => BucketRecord::decode(&value).map(|bucket| {
                if bucket.object_lock.is_none() {
                    self.unlocked.insert(bucket.name.as_str().to_owned());
                }
                Vec::new()
            }),
            _ => return Ok(()),
        };
        let places = match places {
            Ok(places) => places,
            // A later format is no damage, and not for this version to judge.
            Err(error @ Error::UnknownFormat { .. }) => return Err(error),
            Err(_) => return self.find_damaged(meta, &key).await,
        };
        for place in places {
            let (Blob::File(id) | Blob::Inline(id)) = place.blob;
            self.named.insert(id, (place, key.clone()));
        }
        if kind == schema::NONCURRENTS { self.head_of(meta, &key).await } else { Ok(()) }
    }

    /// Looks for the current version before the first noncurrent one of a key.
    async fn head_of(&mut self, meta: &dyn MetaStore, key: &Bytes) -> Result<(), Error> {
        let Some((bucket, object)) = object_of(key) else { return Ok(()) };
        let this = (bucket, object);
        if self.last.as_ref() == Some(&this) {
            return Ok(());
        }
        if let Ok(bucket) = this.0.parse()
            && let Ok(None) = meta.get(&schema::current(&bucket, &this.1)).await
        {
            self.find(key, Fault::Headless);
        }
        self.last = Some(this);
        Ok(())
    }

    async fn compare(&mut self, blobs: &dyn BlobStore) -> Result<(), Error> {
        let mut sizes = BTreeMap::new();
        let mut after = None;
        loop {
            let page = blobs.list(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            sizes.extend(page.into_iter().map(|blob| (blob.id, blob.size)));
        }
        let named = std::mem::take(&mut self.named);
        self.report.bodies = named.len() as u64;
        for (id, (place, key)) in &named {
            match place.blob {
                Blob::Inline(_) if !self.small.contains(id) => self.find(key, Fault::BodyMissing(*id)),
                Blob::Inline(_) => {}
                Blob::File(_) => {
                    match sizes.get(id) {
                        None => self.find(key, Fault::BodyMissing(*id)),
                        Some(size) if *size != place.sealed_size => self.find(key, Fault::BodySize(*id)),
                        Some(_) => {}
                    }
                    if !self.referenced.contains(id) {
                        self.find(key, Fault::Unreferenced(*id));
                    }
                    if self.garbage.contains(id) {
                        self.find(key, Fault::MarkedAsGarbage(*id));
                    }
                }
            }
        }
        let unnamed = |id: &&BlobId| !named.contains_key(*id);
        let stray = self.referenced.iter().filter(unnamed).map(|id| schema::referenced(*id));
        let stray: Vec<_> = stray.chain(self.small.iter().filter(unnamed).map(|id| schema::inline(*id))).collect();
        stray.iter().for_each(|key| self.find(key, Fault::Unnamed));
        Ok(())
    }
}

/// Bucket and key of a current version's store key.
pub(crate) fn current_of(key: &[u8]) -> Option<(BucketName, ObjectKey)> {
    let rest = std::str::from_utf8(key.strip_prefix(schema::CURRENTS)?).ok()?;
    let (bucket, object) = rest.split_once('\0')?;
    Some((bucket.parse().ok()?, object.parse().ok()?))
}

/// Bucket and key of a noncurrent version's store key.
pub(crate) fn object_of(key: &[u8]) -> Option<(String, ObjectKey)> {
    let rest = key.strip_prefix(schema::NONCURRENTS)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    let (object, _) = schema::unescaped(&rest[end + 1..])?;
    Some((std::str::from_utf8(&rest[..end]).ok()?.to_owned(), object))
}

impl Report {
    /// Whether everything fits.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// The damaged records that [`Report::mend`] will remove, for the caller to put aside first.
    pub fn removable(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.removable)
    }

    /// Whether a damaged record was found.
    #[must_use]
    pub fn has_damage(&self) -> bool {
        self.findings.iter().any(|finding| finding.fault == Fault::Damaged)
    }

    /// Mends what can be mended without guessing, and returns what is left. With `free_unnamed`, bodies
    /// that nothing names are freed, unless a damaged record was found.
    ///
    /// # Errors
    /// Failures of the store; what was mended stays so.
    pub async fn mend(self, meta: &dyn MetaStore, free_unnamed: bool) -> Result<Vec<Finding>, Error> {
        let free_unnamed = free_unnamed && !self.has_damage();
        let (mut left, mut mended) = (Vec::new(), false);
        for finding in self.findings {
            match plan(meta, &finding, free_unnamed).await? {
                Some(batch) => {
                    if !mended {
                        // Before the first one: killed in between, no count is left that is wrong.
                        forget_usage(meta).await?;
                        mended = true;
                    }
                    meta.commit(batch).await?;
                }
                None => left.push(finding),
            }
        }
        Ok(left)
    }
}

/// Removes the counts of all buckets: what is mended may change them, and nobody knows by how much. They are
/// counted anew when they are next asked about.
async fn forget_usage(meta: &dyn MetaStore) -> Result<(), Error> {
    for chunk in meta.page(Scan::prefix(schema::USAGE, usize::MAX)).await?.chunks(PAGE) {
        let batch = chunk.iter().fold(Batch::default(), |batch, entry| batch.delete(entry.key.clone()));
        meta.commit(batch).await?;
    }
    Ok(())
}

/// What mends a finding.
async fn plan(
    meta: &dyn MetaStore,
    Finding { key, fault, removable, .. }: &Finding,
    free_unnamed: bool,
) -> Result<Option<Batch>, Error> {
    let batch = Batch::default();
    Ok(match fault {
        Fault::Damaged if *removable => Some(removal(meta, key).await?),
        Fault::Unreferenced(id) => Some(batch.put(schema::referenced(*id), "")),
        Fault::MarkedAsGarbage(id) => Some(batch.delete(schema::garbage(*id))),
        Fault::Headless => promotion(meta, key).await?,
        // The sweeper removes the body, and then the mark.
        Fault::Unnamed if free_unnamed => match key.strip_prefix(schema::REFERENCED) {
            Some(id) => {
                let mark = [schema::GARBAGE, id].concat();
                Some(batch.delete(key.clone()).put(mark, 0i64.to_be_bytes().to_vec()))
            }
            None => Some(batch.delete(key.clone())),
        },
        _ => None,
    })
}

async fn removal(meta: &dyn MetaStore, key: &Bytes) -> Result<Batch, Error> {
    let batch = match meta.get(key).await {
        Err(arqueta_store::Error::Damaged { .. }) => Batch::default().require(Precondition::Damaged(key.clone())),
        bytes => Batch::default().unchanged(key.clone(), bytes?),
    };
    Ok(batch.delete(key.clone()))
}

/// Makes a noncurrent version, the newest of its key, the current one.
async fn promotion(meta: &dyn MetaStore, key: &Bytes) -> Result<Option<Batch>, Error> {
    let Some((bucket, object)) = object_of(key) else { return Ok(None) };
    let (Ok(bucket), Some(bytes)) = (bucket.parse(), meta.get(key).await?) else { return Ok(None) };
    let at = schema::current(&bucket, &object);
    let mut record = ObjectRecord::decode(&bytes)?;
    record.null_sequence = null_below(meta, &schema::noncurrents_of(&bucket, &object), &record).await?;
    let batch = Batch::default().unchanged(key.clone(), Some(bytes)).unchanged(at.clone(), None);
    Ok(Some(batch.delete(key.clone()).put(at, record.encode())))
}

async fn null_below(meta: &dyn MetaStore, under: &[u8], head: &ObjectRecord) -> Result<Option<u64>, Error> {
    let page = meta.page(Scan::prefix(under, usize::MAX)).await?;
    let records = page.into_iter().filter_map(|entry| ObjectRecord::decode(&entry.value?).ok());
    let null = records.into_iter().find(|record| record.version.is_null() && record.sequence != head.sequence);
    Ok(null.map(|record| record.sequence))
}
