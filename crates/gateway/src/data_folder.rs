//! The data folder itself.

use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

/// Creates `folder` for its owner only; an existing one keeps what its owner chose.
pub(crate) fn private_folder(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        // Fails early and with the folder's name if nothing can be created in it.
        let probe = folder.join(".writable");
        std::fs::write(&probe, b"")?;
        return std::fs::remove_file(probe);
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    std::fs::set_permissions(folder, Permissions::from_mode(0o700))
}
