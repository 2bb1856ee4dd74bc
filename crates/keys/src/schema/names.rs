//! Under which names records are kept.

use arqueta_model::AccountId;

pub(crate) const ROOT: &[u8] = b"kms/root";
/// Says that a key service was put back here, until its account has been made.
pub(crate) const RESTORED: &[u8] = b"kms/restored";
pub(crate) const KEYS: &str = "kms/k/";
pub(crate) const ALIASES: &str = "kms/a/";
pub(crate) const GRANTS: &str = "kms/g/";
pub(crate) const WRAPPINGS: &str = "kms/i/";
pub(crate) const USES: &str = "kms/u/";
pub(crate) const STORES: &str = "kms/s/";
pub(crate) const ERRANDS: &str = "kms/o/";
pub(crate) const TOMBS: &str = "kms/t/";

/// Name of a [`WrappingRecord`].
pub(crate) fn wrapping_key(account: &AccountId, key_id: &str, id: &str) -> String {
    format!("{WRAPPINGS}{account}/{key_id}/{id}")
}

/// Name of the [`LastUse`] of a key.
pub(crate) fn use_key(account: &str, key_id: &str) -> String {
    format!("{USES}{account}/{key_id}")
}

/// The name under which an account's AWS-managed key for S3 is reached.
pub(crate) const AWS_S3: &str = "alias/aws/s3";
