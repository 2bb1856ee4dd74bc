//! Key material: drawn once, sealed at rest under the root key, opened into memory on first use.

use std::fmt;
use std::sync::{Arc, OnceLock};

use arqueta_kms::{Error, KeySpec, KeyUsage, RootKeyError, RootSecret};
use arqueta_model::{KeyArn, ObjectId, Timestamp};
use arqueta_seal::{SourceKey, message};
use zeroize::Zeroizing;

use crate::asymmetric::{self, PrivateKey};
use crate::schema::{Cause, VersionRecord};

/// Key bytes that never leave the service: 32 of a symmetric key, an HMAC key, or a private key
/// in PKCS #8. Wiped on drop.
pub(crate) struct Material {
    bytes: Zeroizing<Vec<u8>>,
    /// The parsed form of a private key; empty until first used.
    private: OnceLock<PrivateKey>,
}

impl Material {
    pub(crate) fn expose(&self) -> &[u8] {
        &self.bytes
    }

    /// The 32 bytes of a symmetric encryption key.
    ///
    /// # Errors
    /// `KMSInternalException`: the key's spec says what its material is.
    pub(crate) fn symmetric(&self) -> Result<&[u8; 32], Error> {
        self.expose().try_into().map_err(|_| RootKeyError::Wrong.into())
    }

    /// The private key of a key of this spec and usage, parsed at most once.
    ///
    /// # Errors
    /// `KMSInternalException`: the key's spec says what its material is.
    pub(crate) fn private(&self, spec: KeySpec, usage: KeyUsage) -> Result<&PrivateKey, Error> {
        if let Some(key) = self.private.get() {
            return Ok(key);
        }
        let key = PrivateKey::parse(spec, usage, self.expose()).map_err(|_| RootKeyError::Wrong)?;
        Ok(self.private.get_or_init(|| key))
    }
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Material({} bytes)", self.bytes.len())
    }
}

/// The opened form of one version, shared by all snapshots of its key; empty until first used.
pub(crate) type Slot = Arc<OnceLock<Material>>;

/// The record of version `number` of `key` with the material `bytes`.
pub(crate) fn version(
    root: &RootSecret,
    key: &KeyArn,
    number: usize,
    (made, cause): (Timestamp, Cause),
    bytes: &[u8],
) -> VersionRecord {
    VersionRecord { id: new_id(), made, cause, sealed: seal(root, key, number, bytes), held: None, imported: None }
}

/// Fresh bytes for a key of `spec`. Takes a second or more for RSA.
///
/// # Errors
/// `KMSInternalException`.
pub(crate) fn draw(spec: KeySpec) -> Result<Zeroizing<Vec<u8>>, Error> {
    match spec.secret_len() {
        Some(length) => Ok(random(length)),
        None => asymmetric::generate(spec),
    }
}

/// Random bytes of the operating system, 1 to 1,024.
pub(crate) fn random(size: usize) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(size.next_multiple_of(SourceKey::LEN)));
    while bytes.len() < size {
        bytes.extend_from_slice(SourceKey::random().expose());
    }
    bytes.truncate(size);
    bytes
}

/// A fresh `KeyMaterialId`: 64 lower-case hexadecimal digits.
pub(crate) fn new_id() -> String {
    format!("{}{}", ObjectId::random(), ObjectId::random())
}

/// The stored form of the bytes of version `number` of `key`.
pub(crate) fn seal(root: &RootSecret, key: &KeyArn, number: usize, bytes: &[u8]) -> Vec<u8> {
    message::seal(root.expose(), &aad(key, number), bytes)
}

/// The material of a version, opened at most once while its key stays as it is.
pub(crate) fn open<'a>(
    slot: &'a OnceLock<Material>,
    root: &RootSecret,
    key: &KeyArn,
    number: usize,
    version: &VersionRecord,
) -> Result<&'a Material, Error> {
    if let Some(material) = slot.get() {
        return Ok(material);
    }
    let opened = message::open(root.expose(), &aad(key, number), &version.sealed).map_err(|_| RootKeyError::Wrong)?;
    Ok(slot.get_or_init(|| Material { bytes: opened, private: OnceLock::new() }))
}

/// Bound to whose it is: material cannot be put under another key or at another position. The
/// number has a fixed width, so the end of the ARN is unambiguous.
fn aad(key: &KeyArn, number: usize) -> Vec<u8> {
    [b"arqueta/1/material", key.as_str().as_bytes(), &(number as u64).to_be_bytes()].concat()
}

/// Of a store whose records carry no tags: no version writes it any more.
const UNTAGGED_CHECK: &[u8] = b"arqueta/1/root-check";

const ROOT_CHECK: &[u8] = b"arqueta/2/root-check";

/// What a root check says of its store, and only who has the root key could make it say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RootCheck {
    /// Its records carry tags ([`crate::upkeep::authentic`]).
    Tagged,
    /// It was written before there were tags.
    Untagged,
}

/// What [`is_root`] recognises the root key by.
pub(crate) fn root_check(root: &RootSecret) -> Vec<u8> {
    message::seal(root.expose(), ROOT_CHECK, b"")
}

/// What `check` says, if it was made under this root key.
pub(crate) fn root_checked(root: &RootSecret, check: &[u8]) -> Option<RootCheck> {
    let opens = |context| message::open(root.expose(), context, check).is_ok();
    if opens(ROOT_CHECK) { Some(RootCheck::Tagged) } else { opens(UNTAGGED_CHECK).then_some(RootCheck::Untagged) }
}

/// Whether `check` was made under this root key.
pub(crate) fn is_root(root: &RootSecret, check: &[u8]) -> bool {
    root_checked(root, check).is_some()
}

#[cfg(test)]
pub(crate) fn untagged_root_check(root: &RootSecret) -> Vec<u8> {
    message::seal(root.expose(), UNTAGGED_CHECK, b"")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn arn(id: &str) -> KeyArn {
        format!("arn:aws:kms:us-east-1:111122223333:key/{id}").parse().unwrap()
    }

    fn version(root: &RootSecret) -> VersionRecord {
        let bytes = draw(KeySpec::SYMMETRIC_DEFAULT).unwrap();
        super::version(root, &arn("a"), 1, (Timestamp::from_millis(0), Cause::Creation), &bytes)
    }

    #[test]
    fn material_opens_under_its_root_key_name_and_number_only() {
        let root = RootSecret::from_bytes(&[1; 32]);
        let version = version(&root);
        let opens =
            |root: &RootSecret, key: &str, number| open(&OnceLock::new(), root, &arn(key), number, &version).is_ok();
        assert!(opens(&root, "a", 1));
        assert!(!opens(&RootSecret::from_bytes(&[2; 32]), "a", 1));
        assert!(!opens(&root, "b", 1));
        assert!(!opens(&root, "a", 0));
    }

    #[test]
    fn each_version_is_new_material_with_a_new_id() {
        let root = RootSecret::from_bytes(&[1; 32]);
        let (one, two) = (version(&root), version(&root));
        assert_ne!(one.id, two.id);
        assert_eq!(one.id.len(), 64);
        let (a, b) = (OnceLock::new(), OnceLock::new());
        assert_ne!(
            open(&a, &root, &arn("a"), 1, &one).unwrap().expose(),
            open(&b, &root, &arn("a"), 1, &two).unwrap().expose()
        );
    }

    #[test]
    fn another_root_key_is_recognised() {
        let check = root_check(&RootSecret::from_bytes(&[1; 32]));
        assert!(is_root(&RootSecret::from_bytes(&[1; 32]), &check));
        assert!(!is_root(&RootSecret::from_bytes(&[2; 32]), &check));
        assert!(!is_root(&RootSecret::from_bytes(&[1; 32]), b""));
        let untagged = untagged_root_check(&RootSecret::from_bytes(&[1; 32]));
        let says = |root, check: &[u8]| root_checked(&RootSecret::from_bytes(&[root; 32]), check);
        assert_eq!((says(1, &check), says(2, &check)), (Some(RootCheck::Tagged), None));
        assert_eq!((says(1, &untagged), says(2, &untagged)), (Some(RootCheck::Untagged), None));
    }
}
