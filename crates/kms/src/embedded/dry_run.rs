//! Dry runs: what a call would have come to, without doing it (KMS Developer Guide, "Testing your
//! permissions").

use std::sync::Arc;

use super::Embedded;
use super::ask::Ask;
use super::call::Call;
use super::fitness::usable;
use super::key::Key;
use super::limits::{self, refused};
use super::resolve::Names;
use crate::Error;

const IGNORE_CIPHERTEXT: &str = "IGNORE_CIPHERTEXT";

/// What a dry run answers where the call would have succeeded.
pub(super) fn dry_run() -> Error {
    refused("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
}

/// Whether a dry run asks for the permission only, with no ciphertext to judge.
pub(super) fn ignores_ciphertext(modifiers: &[String], dry: bool) -> Result<bool, Error> {
    for modifier in modifiers {
        limits::member_of(modifier, "dryRunModifiers", &[IGNORE_CIPHERTEXT])?;
    }
    if !modifiers.is_empty() && !dry {
        return Err(limits::invalid("DryRunModifiers can only be specified when DryRun is true."));
    }
    Ok(!modifiers.is_empty())
}

impl Embedded {
    /// The key whose ciphertext would be opened, where none is given: the caller must name it.
    pub(super) async fn unseen_source(
        &self,
        call: &mut Call<'_>,
        named: Option<&str>,
        member: &str,
        ask: Ask<'_>,
    ) -> Result<Arc<Key>, Error> {
        let Some(name) = named else {
            return Err(limits::invalid(format!("{member} is required with the DryRunModifier {IGNORE_CIPHERTEXT}.")));
        };
        let key = self.admit(call, name, Names::Aliases, ask).await?;
        usable(&key)?;
        Ok(key)
    }
}
