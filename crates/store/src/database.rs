//! Where the embedded database keeps its file: beside the operations of [`Disk`].

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use arqueta_journal::OsDisk;
use arqueta_journal::disk::Disk;
use redb::StorageBackend;
use redb::backends::FileBackend;

/// A disk that an embedded database can live on.
pub(crate) trait Databases: Disk {
    /// Opens or creates the file at `path` for an embedded database.
    fn database(&self, path: &Path) -> io::Result<Box<dyn StorageBackend>>;
}

impl Databases for OsDisk {
    fn database(&self, path: &Path) -> io::Result<Box<dyn StorageBackend>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let backend = FileBackend::new(file).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Box::new(backend))
    }
}
