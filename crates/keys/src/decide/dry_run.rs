//! Dry runs: what a call would have come to, without doing it (KMS Developer Guide, "Testing your
//! permissions").

use arqueta_kms::Error;

use crate::limits::refused;

pub(crate) const IGNORE_CIPHERTEXT: &str = "IGNORE_CIPHERTEXT";

/// What a dry run answers where the call would have succeeded.
pub(crate) fn dry_run() -> Error {
    refused("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
}
