//! Taking a back-up.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use arqueta_model::BlobId;
use arqueta_store::{MetaStore, Scan};

use crate::index::Kept;
use crate::pieces::{Records, SIZE};
use crate::{Depot, Error, Index};

/// Records read at a time.
const PAGE: usize = 500;

/// What a back-up is taken of.
pub struct Source<'a> {
    /// A state of the metadata that does not change while it is read.
    pub meta: &'a dyn MetaStore,
    /// The body that a key of it refers to, if it does. None of them goes away meanwhile.
    pub body_of: &'a dyn Fn(&[u8]) -> Option<BlobId>,
    /// A record in words, for those that cannot be read.
    pub name_of: &'a dyn Fn(&[u8]) -> String,
    /// Where a body lies.
    pub path_of: &'a dyn Fn(BlobId) -> PathBuf,
    /// Files to keep.
    pub files: Vec<KeptFile>,
}

/// A file to keep, or the beginning of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Its path in the data folder.
    pub name: String,
    /// How much of it.
    pub bytes: u64,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The back-up.
    pub index: Index,
    /// Bytes that were written for it.
    pub written: u64,
    /// Bodies that were there already.
    pub known: u64,
}

/// Takes a back-up called `name`, of version `version` of Arqueta. `metadata_read` is called once the metadata is
/// needed no longer, and `still` before the back-up is made one that is there: an error of it is the end.
///
/// # Errors
/// [`Error`]; what was written is of use to the next one.
pub async fn take(
    depot: &Depot,
    (name, version): (&str, &str),
    source: Source<'_>,
    metadata_read: impl AsyncFnOnce() -> Result<(), Error>,
    still: impl AsyncFnOnce() -> Result<(), Error>,
) -> Result<Taken, Error> {
    let mut writing = depot.write()?;
    let mut index = Index {
        name: name.to_owned(),
        version: version.to_owned(),
        records: 0,
        damaged: Vec::new(),
        bodies: 0,
        missing: Vec::new(),
        metadata: Vec::new(),
        files: Vec::new(),
    };
    let (mut records, mut bodies, mut scan) = (Records::default(), BTreeSet::new(), Scan::prefix(b"", PAGE));
    loop {
        let page = source.meta.page(scan.clone()).await?;
        let Some(last) = page.last() else { break };
        scan.start = [&last.key[..], &[0]].concat().into();
        for entry in page {
            bodies.extend((source.body_of)(&entry.key));
            let Some(value) = entry.value else {
                index.damaged.push((source.name_of)(&entry.key));
                continue;
            };
            index.records += 1;
            if let Some(piece) = records.add(depot, &entry.key, &value) {
                index.metadata.push(depot.put_piece(&mut writing, &piece)?);
            }
        }
    }
    if let Some(piece) = records.rest() {
        index.metadata.push(depot.put_piece(&mut writing, &piece)?);
    }
    metadata_read().await?;
    for file in &source.files {
        let mut kept = Kept { path: file.name.clone(), pieces: Vec::new() };
        let mut from = File::open(&file.path).map_err(Error::at(&file.path))?.take(file.bytes);
        loop {
            let piece = read_piece(&mut from).map_err(Error::at(&file.path))?;
            if piece.is_empty() {
                break;
            }
            kept.pieces.push(depot.put_piece(&mut writing, &piece)?);
        }
        index.files.push(kept);
    }
    let mut known = 0;
    for id in bodies {
        if depot.has_body(id) {
            known += 1;
        } else if let Some(file) = open(&(source.path_of)(id))? {
            depot.put_body(&mut writing, id, file)?;
        } else {
            index.missing.push(id.to_string());
            continue;
        }
        index.bodies += 1;
        // Others on this thread have their turn: what keeps the state from changing, say.
        yield_once().await;
    }
    still().await?;
    depot.finish(&mut writing, &index)?;
    Ok(Taken { index, written: writing.written, known })
}

fn open(path: &Path) -> Result<Option<File>, Error> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::at(path)(error)),
    }
}

fn read_piece(from: &mut impl io::Read) -> io::Result<Vec<u8>> {
    let mut piece = Vec::new();
    from.take(SIZE as u64).read_to_end(&mut piece)?;
    Ok(piece)
}

/// Lets others run.
async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}
