//! Where the embedded database keeps its file: beside the operations of [`Disk`].

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use arqueta_journal::OsDisk;
use arqueta_journal::disk::Disk;
use redb::backends::FileBackend;

/// A disk that an embedded database can live on.
pub(crate) trait Databases: Disk {
    /// Opens or creates the embedded database in the file at `path`.
    fn database(&self, builder: &redb::Builder, path: &Path) -> Result<redb::Database, redb::DatabaseError>;
}

impl Databases for OsDisk {
    fn database(&self, builder: &redb::Builder, path: &Path) -> Result<redb::Database, redb::DatabaseError> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        builder.create_with_backend(FileBackend::new(file)?)
    }
}
