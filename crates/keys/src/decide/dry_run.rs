//! Dry runs: what a call would have come to, without doing it (KMS Developer Guide, "Testing your
//! permissions").

use std::sync::Arc;

use arqueta_kms::Error;

use super::ask::Ask;
use super::resolve::Names;
use crate::Embedded;
use crate::call::Call;
use crate::key::Key;
use crate::key::fitness::usable;
use crate::limits::{self, refused};

const IGNORE_CIPHERTEXT: &str = "IGNORE_CIPHERTEXT";

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

impl Embedded {
    /// The key whose ciphertext would be opened, where none is given: the caller must name it.
    pub(crate) async fn unseen_source(
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
