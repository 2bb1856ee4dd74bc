//! Dry runs: what a call would have come to, without doing it (KMS Developer Guide, "Testing your
//! permissions").

use arqueta_kms::Error;

use crate::limits::{self, refused};

pub(crate) const IGNORE_CIPHERTEXT: &str = "IGNORE_CIPHERTEXT";

/// What a dry run answers where the call would have succeeded.
pub(crate) fn dry_run() -> Error {
    refused("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
}

/// Whether a dry run asks for the permission only, with no ciphertext to judge.
pub(crate) fn ignores_ciphertext(modifiers: &[String], dry: bool) -> Result<bool, Error> {
    for modifier in modifiers {
        limits::member_of(modifier, "dryRunModifiers", &[IGNORE_CIPHERTEXT])?;
    }
    if !modifiers.is_empty() && !dry {
        return Err(limits::invalid("DryRunModifiers can only be specified when DryRun is true."));
    }
    Ok(!modifiers.is_empty())
}
