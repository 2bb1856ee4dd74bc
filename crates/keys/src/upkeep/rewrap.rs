//! Changing what protects the root key.

use arqueta_kms::{Error, RootKeyError, RootProtector, RootSecret};
use arqueta_root::{Draft, ROOT_FILES, remove, sync_folder};
use arqueta_store::MetaStore;

use crate::key::material;
use crate::schema;

/// Has `to` keep the root key that `from` keeps, and removes what protected it before. No key is
/// touched. A crash at any step leaves one of the two that opens, and the same call then finishes.
///
/// Blocks shortly while names change. No service may be open over `meta`.
///
/// # Errors
/// [`RootKeyError::Nothing`] in a store without keys; [`RootKeyError::Wrong`] and whatever else
/// keeps `from` from opening; whatever keeps `to` from keeping it. What was there is then there still.
pub async fn rewrap(meta: &dyn MetaStore, from: &dyn RootProtector, to: &dyn RootProtector) -> Result<(), Error> {
    let check = meta.get(schema::ROOT).await?.ok_or(RootKeyError::Nothing)?;
    let root = match from.unlock().await.and_then(|root| the_right(root, &check)) {
        Ok(root) => root,
        // Interrupted after the new one took its name.
        Err(error) => to.unlock().await.and_then(|root| the_right(root, &check)).map_err(|_| error)?,
    };
    to.keep(&root).await?;
    // What is removed below is lost: the new one is opened once more, by its own name.
    let kept = to.unlock().await?;
    the_right(kept, &check)?;
    for name in ROOT_FILES {
        let other = to.path().with_file_name(name);
        remove(&Draft::path_of(&other)).map_err(RootKeyError::Io)?;
        if other != to.path() {
            remove(&other).map_err(RootKeyError::Io)?;
        }
    }
    sync_folder(to.path()).map_err(RootKeyError::Io)?;
    Ok(())
}

fn the_right(root: RootSecret, check: &[u8]) -> Result<RootSecret, RootKeyError> {
    if material::is_root(&root, check) { Ok(root) } else { Err(RootKeyError::Wrong) }
}
