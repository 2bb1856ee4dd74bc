//! The data folder itself: whose it is, and which version of Arqueta may use it.

use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::Error;

/// Number of the format of the folder as a whole (docs/operating.md). It grows when an older Arqueta
/// would misread, or miss, what a newer one writes. 1: records without tags. 2: records under tags (ADR
/// 0008). 3: records of objects by the place of a field, which earlier ones refuse one by one.
const FORMAT: u32 = 3;
/// The file with that number.
const VERSION: &str = "VERSION";
const WORDS: &str = "arqueta data folder, format ";

/// Makes `folder` one that this version of Arqueta can use: creates it where it is missing, for its
/// owner only, and writes the number of its format.
///
/// # Errors
/// [`Error::DataDir`]; [`Error::Config`] for a folder that a newer Arqueta wrote.
pub(crate) fn open(folder: &Path) -> Result<(), Error> {
    let failed = |source| Error::DataDir { path: folder.to_owned(), source };
    match format(folder).map_err(failed)? {
        Some(FORMAT) => return private_folder(folder).map_err(failed),
        Some(format) if format > FORMAT => return Err(newer(folder, format)),
        // Older ones are read as they are; from here on they are of this format.
        Some(_) | None => {}
    }
    private_folder(folder).and_then(|()| write_format(folder)).map_err(failed)
}

/// Refuses a folder that a newer Arqueta wrote. Changes nothing.
///
/// # Errors
/// [`Error::Config`] for such a folder, [`Error::DataDir`] for one that cannot be read.
pub(crate) fn check(folder: &Path) -> Result<(), Error> {
    match format(folder) {
        Ok(Some(format)) if format > FORMAT => Err(newer(folder, format)),
        Ok(_) => Ok(()),
        Err(source) => Err(Error::DataDir { path: folder.to_owned(), source }),
    }
}

/// Whether a gateway has put the number of a format into `folder`.
pub(crate) fn is_marked(folder: &Path) -> bool {
    folder.join(VERSION).exists()
}

fn newer(folder: &Path, format: u32) -> Error {
    let (folder, here) = (folder.display(), env!("CARGO_PKG_VERSION"));
    Error::Config(format!(
        "the data folder {folder} has format {format}, and this is Arqueta {here}, which knows formats up to {FORMAT}: \
         a newer Arqueta wrote it and must serve it"
    ))
}

fn format(folder: &Path) -> io::Result<Option<u32>> {
    let text = match std::fs::read_to_string(folder.join(VERSION)) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let number = text.strip_prefix(WORDS).and_then(|number| number.trim_end().parse().ok());
    let unknown = || io::Error::new(io::ErrorKind::InvalidData, format!("{VERSION} is not what Arqueta wrote"));
    number.map(Some).ok_or_else(unknown)
}

/// Whole or not at all, also after a power cut.
fn write_format(folder: &Path) -> io::Result<()> {
    let (made, named) = (folder.join(".VERSION.new"), folder.join(VERSION));
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&made)?;
    file.write_all(format!("{WORDS}{FORMAT}\n").as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&made, &named)?;
    sync(folder)
}

/// Creates `folder` for its owner only; an existing one keeps what its owner chose.
pub(crate) fn private_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        // Fails early and with the folder's name if nothing can be created in it.
        let probe = folder.join(".writable");
        std::fs::write(&probe, b"")?;
        return std::fs::remove_file(probe);
    }
    let missing = first_missing(folder);
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    std::fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    // A folder whose name is not durable is gone after a power cut, with all that was acknowledged.
    let above = |path: &Path| match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_owned(),
        None => PathBuf::from("/"),
    };
    for made in folder.ancestors() {
        sync(&above(made))?;
        if Some(made) == missing.as_deref() {
            break;
        }
    }
    Ok(())
}

/// The topmost folder on the way to `folder` that has to be made.
fn first_missing(folder: &Path) -> Option<PathBuf> {
    let missing = folder.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists());
    missing.last().map(Path::to_owned)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_with_its_number_and_opened_again() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("a/b");
        assert_eq!(first_missing(&folder), Some(place.path().join("a")));
        open(&folder).unwrap();
        assert_eq!(format(&folder).unwrap(), Some(FORMAT));
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        open(&folder).unwrap();
        check(&folder).unwrap();
    }

    #[test]
    fn folders_from_before_there_was_a_number_get_one() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("meta.redb"), b"").unwrap();
        check(place.path()).unwrap();
        open(place.path()).unwrap();
        assert_eq!(format(place.path()).unwrap(), Some(FORMAT));
    }

    #[test]
    fn a_newer_folder_is_refused_by_name_and_left_as_it_is() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join(VERSION);
        std::fs::write(&file, format!("{WORDS}{}\n", FORMAT + 1)).unwrap();
        for refused in [open(place.path()), check(place.path())] {
            let line = refused.unwrap_err().line();
            assert!(
                line.contains(&place.path().display().to_string()) && line.contains(&format!("format {}", FORMAT + 1)),
                "{line}"
            );
        }
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 1);
        std::fs::write(&file, "something else").unwrap();
        assert!(open(place.path()).unwrap_err().line().contains("VERSION is not what Arqueta wrote"));
    }
}
