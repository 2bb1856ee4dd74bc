//! Bringing a back-up back, and looking whether that could be done.

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};

use arqueta_model::BlobId;
use arqueta_store::{Batch, Entry, MetaStore};

use crate::depot::{create, make_folder, sync, write_file};
use crate::pieces::records;
use crate::{Depot, Error, Index};

/// Something of a back-up that is missing or not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A piece of the metadata, by its place.
    Metadata(usize),
    /// A file, by its path in the data folder.
    File(String),
    /// A body.
    Body(BlobId),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Metadata(at) => write!(f, "piece {at} of the metadata is missing or damaged"),
            Self::File(path) => write!(f, "the file {path} is missing or damaged"),
            Self::Body(id) => write!(f, "the body {id} is missing or damaged"),
        }
    }
}

/// Reads everything that a back-up consists of.
///
/// # Errors
/// [`Error::Io`]; damage is found, not failed at.
pub fn verify(depot: &Depot, index: &Index, body_of: &dyn Fn(&[u8]) -> Option<BlobId>) -> Result<Vec<Finding>, Error> {
    let mut findings = Vec::new();
    for (at, name) in index.metadata.iter().enumerate() {
        let Ok(entries) = entries(depot, name) else {
            findings.push(Finding::Metadata(at));
            continue;
        };
        for id in bodies(&entries, index, body_of) {
            if !depot.body(id, |_| Ok(()))? {
                findings.push(Finding::Body(id));
            }
        }
    }
    for file in &index.files {
        if file.pieces.iter().any(|name| depot.piece(name).is_err()) {
            findings.push(Finding::File(file.path.clone()));
        }
    }
    Ok(findings)
}

fn entries(depot: &Depot, name: &[u8; 32]) -> Result<Vec<Entry>, Error> {
    let piece = depot.piece(name)?;
    records(&piece).ok_or_else(|| Error::damaged(format!("the piece {}", hex::encode(name))))
}

/// The bodies that records refer to, less those that were missing already.
fn bodies(entries: &[Entry], index: &Index, body_of: &dyn Fn(&[u8]) -> Option<BlobId>) -> Vec<BlobId> {
    let all = entries.iter().filter_map(|entry| body_of(&entry.key));
    all.filter(|id| index.missing.is_empty() || !index.missing.contains(&id.to_string())).collect()
}

/// Makes the data folder `into`, which must not be there, of a back-up. It has its name once it is whole: a
/// kill in the middle leaves `<into>.restoring`, which nobody takes for one, and which the next one removes.
/// `open` opens the metadata of the folder that it is given, new and empty; they are closed when dropped.
///
/// # Errors
/// [`Error::Occupied`], [`Error::Damaged`] names what is missing, [`Error::Io`], [`Error::Store`].
pub async fn restore<M: MetaStore>(
    depot: &Depot,
    index: &Index,
    into: &Path,
    body_of: &dyn Fn(&[u8]) -> Option<BlobId>,
    path_of: &dyn Fn(&Path, BlobId) -> PathBuf,
    open: impl FnOnce(&Path) -> Result<M, Error>,
) -> Result<(), Error> {
    let is_empty = fs::read_dir(into).is_ok_and(|mut entries| entries.next().is_none());
    if into.exists() && !is_empty {
        return Err(Error::Occupied { path: into.to_owned() });
    }
    let mut building = into.as_os_str().to_owned();
    building.push(".restoring");
    let building = PathBuf::from(building);
    if building.exists() {
        fs::remove_dir_all(&building).map_err(Error::at(&building))?;
    }
    make_folder(&building)?;
    for file in &index.files {
        put_file(depot, &building, file)?;
    }
    let meta = open(&building)?;
    for name in &index.metadata {
        let entries = entries(depot, name)?;
        for id in bodies(&entries, index, body_of) {
            put_body(depot, id, &path_of(&building, id))?;
        }
        let pairs = entries.into_iter().filter_map(|entry| Some((entry.key, entry.value?)));
        let batch = pairs.fold(Batch::default(), |batch, (key, value)| batch.put(key, value));
        meta.commit(batch).await?;
    }
    drop(meta);
    sync_all(&building)?;
    if is_empty {
        fs::remove_dir(into).map_err(Error::at(into))?;
    }
    fs::rename(&building, into).map_err(Error::at(into))?;
    let above = into.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    sync(above).map_err(Error::at(above))
}

fn put_file(depot: &Depot, folder: &Path, file: &crate::index::Kept) -> Result<(), Error> {
    let name = Path::new(&file.path);
    // The index is authentic; this costs nothing.
    if !name.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(Error::damaged(format!("the name {:?}", file.path)));
    }
    let path = folder.join(name);
    make_folder(path.parent().unwrap_or(folder))?;
    let mut content = Vec::new();
    if let [one] = &file.pieces[..] {
        return write_file(&path, 0o600, &depot.piece(one)?);
    }
    let mut out = create(&path, 0o600)?;
    for piece in &file.pieces {
        content.clear();
        content.extend_from_slice(&depot.piece(piece)?);
        out.write_all(&content).map_err(Error::at(&path))?;
    }
    out.sync_all().map_err(Error::at(&path))
}

fn put_body(depot: &Depot, id: BlobId, path: &Path) -> Result<(), Error> {
    make_folder(path.parent().unwrap_or(path))?;
    let mut out = create(path, 0o600)?;
    if !depot.body(id, |stretch| out.write_all(stretch).map_err(Error::at(path)))? {
        return Err(Error::damaged(format!("the body {id}")));
    }
    out.sync_all().map_err(Error::at(path))
}

/// Every folder below, so that all names are durable.
fn sync_all(folder: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(Error::at(folder))? {
        let path = entry.map_err(Error::at(folder))?.path();
        if path.is_dir() {
            sync_all(&path)?;
        }
    }
    sync(folder).map_err(Error::at(folder))
}

#[cfg(test)]
mod tests;
