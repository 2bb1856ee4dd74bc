//! The place of back-ups: a folder.
//!
//! ```text
//! <folder>/key                 the depot's key, under the passphrase
//! <folder>/lock                held while a back-up is written
//! <folder>/pieces/<hh>/<name>  pieces of metadata and of files, named by their content
//! <folder>/bodies/<hh>/<id>    bodies
//! <folder>/back-ups/<name>     what a back-up consists of; its name is its instant
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use arqueta_root::{Argon2Cost, Chest, Passphrase};

use crate::{Error, Index};

const KEY: &str = "key";
const LOCK: &str = "lock";
pub(crate) const PIECES: &str = "pieces";
pub(crate) const BODIES: &str = "bodies";
const BACK_UPS: &str = "back-ups";
const INDEX: &[u8] = b"arqueta/1/back-up/index\0";

/// A place of back-ups, opened by its passphrase.
#[derive(Debug)]
pub struct Depot {
    pub(crate) folder: PathBuf,
    pub(crate) chest: Chest,
}

/// Held while a back-up is written.
pub(crate) struct Writing {
    _lock: File,
    /// Bytes written.
    pub written: u64,
}

impl Depot {
    /// The depot in `folder`, which is made if it is not there or empty. Blocks.
    ///
    /// # Errors
    /// [`Error::Foreign`] for a folder with something else in it, [`Error::Key`] for another passphrase,
    /// [`Error::Io`].
    pub fn make_or_open(folder: &Path, passphrase: &Passphrase, cost: Argon2Cost) -> Result<Self, Error> {
        if folder.join(KEY).exists() {
            return Self::open(folder, passphrase);
        }
        let mut there = match fs::read_dir(folder) {
            Ok(entries) => entries.flatten().map(|entry| entry.file_name()).collect::<Vec<_>>(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(Error::at(folder)(error)),
        };
        // Left by one that was cut off when it made this.
        there.retain(|name| ![".key.new", PIECES, BODIES, BACK_UPS, LOCK].map(Some).contains(&name.to_str()));
        if !there.is_empty() {
            return Err(Error::Foreign { path: folder.to_owned() });
        }
        for part in ["", PIECES, BODIES, BACK_UPS] {
            make_folder(&folder.join(part))?;
        }
        let (chest, bytes) = Chest::make(passphrase, cost)?;
        let (new, path) = (folder.join(".key.new"), folder.join(KEY));
        let _ = fs::remove_file(&new);
        write_file(&new, 0o600, &bytes)?;
        fs::rename(&new, &path).and_then(|()| sync(folder)).map_err(Error::at(&path))?;
        Ok(Self { folder: folder.to_owned(), chest })
    }

    /// The depot in `folder`. Blocks.
    ///
    /// # Errors
    /// [`Error::Key`] for another passphrase, [`Error::Io`].
    pub fn open(folder: &Path, passphrase: &Passphrase) -> Result<Self, Error> {
        let path = folder.join(KEY);
        let bytes = fs::read(&path).map_err(Error::at(&path))?;
        Ok(Self { folder: folder.to_owned(), chest: Chest::open(&bytes, &path, passphrase)? })
    }

    /// The back-ups that are there, by name, oldest first.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn list(&self) -> Result<Vec<String>, Error> {
        let folder = self.folder.join(BACK_UPS);
        let entries = fs::read_dir(&folder).map_err(Error::at(&folder))?;
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        Ok(names)
    }

    /// What a back-up consists of; the newest one without a name.
    ///
    /// # Errors
    /// [`Error::Unknown`], [`Error::Damaged`], [`Error::Io`].
    pub fn index(&self, name: Option<&str>) -> Result<Index, Error> {
        let names = self.list()?;
        let name = match name {
            Some(name) => names.iter().find(|found| *found == name),
            None => names.last(),
        };
        let Some(name) = name else {
            return Err(Error::Unknown { name: "at all".to_owned() });
        };
        let path = self.folder.join(BACK_UPS).join(name);
        let sealed = fs::read(&path).map_err(Error::at(&path))?;
        let opened = self.chest.unseal(&[INDEX, name.as_bytes()].concat(), &sealed);
        opened.and_then(|bytes| Index::decode(&bytes)).ok_or_else(|| Error::damaged(format!("the back-up {name}")))
    }

    /// Begins to write.
    pub(crate) fn write(&self) -> Result<Writing, Error> {
        let path = self.folder.join(LOCK);
        let mut options = OpenOptions::new();
        let lock =
            options.write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(Error::at(&path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Writing { _lock: lock, written: 0 }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse { path: self.folder.clone() }),
            Err(TryLockError::Error(error)) => Err(Error::at(path)(error)),
        }
    }

    pub(crate) fn path(&self, part: &str, name: &str) -> PathBuf {
        self.folder.join(part).join(&name[..2]).join(name)
    }

    /// Writes a file that is not there, whole or not at all.
    pub(crate) fn put(
        &self,
        writing: &mut Writing,
        path: &Path,
        content: impl FnOnce(&mut dyn Write) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let folder = path.parent().unwrap_or(&self.folder);
        if !folder.exists() {
            make_folder(folder)?;
        }
        let new = folder.join(format!(".{}.new", path.file_name().unwrap_or_default().to_string_lossy()));
        // One who was cut off may have left it; nobody else writes here now.
        let _ = fs::remove_file(&new);
        let file = create(&new, 0o600)?;
        let mut out = io::BufWriter::with_capacity(1 << 20, file);
        content(&mut out)?;
        let file = out.into_inner().map_err(|error| Error::at(&new)(error.into_error()))?;
        file.sync_all().map_err(Error::at(&new))?;
        writing.written += file.metadata().map_err(Error::at(&new))?.len();
        fs::rename(&new, path).map_err(Error::at(path))
    }

    /// Makes the back-up one that is there. Everything that it names is durable first.
    pub(crate) fn finish(&self, writing: &mut Writing, index: &Index) -> Result<(), Error> {
        // All of them: what one that was cut off has written has a name that may not be durable.
        for part in [PIECES, BODIES] {
            let part = self.folder.join(part);
            for entry in fs::read_dir(&part).map_err(Error::at(&part))? {
                let folder = entry.map_err(Error::at(&part))?.path();
                sync(&folder).map_err(Error::at(&folder))?;
            }
            sync(&part).map_err(Error::at(&part))?;
        }
        let sealed = self.chest.seal(&[INDEX, index.name.as_bytes()].concat(), &index.encode());
        let folder = self.folder.join(BACK_UPS);
        let path = folder.join(&index.name);
        self.put(writing, &path, |out| out.write_all(&sealed).map_err(Error::at(&path)))?;
        sync(&folder).map_err(Error::at(&folder))
    }
}

pub(crate) fn make_folder(path: &Path) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Error::at(path))
}

pub(crate) fn create(path: &Path, mode: u32) -> Result<File, Error> {
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(Error::at(path))
}

pub(crate) fn write_file(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), Error> {
    let mut file = create(path, mode)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(Error::at(path))
}

pub(crate) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
