//! The question that every operation asks before it does anything.

use arqueta_model::{EncryptionContext, Region};

use crate::{Caller, EncryptionAlgorithm};

/// One question: may `caller` do `operation`?
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    pub caller: &'a Caller,
    /// Name of the permission, without `kms:`.
    pub operation: &'static str,
    /// The request's encryption context, for operations that have one.
    pub context: Option<&'a EncryptionContext>,
    /// The request's encryption algorithm, for operations that have a context.
    pub algorithm: EncryptionAlgorithm,
    /// Further condition keys of the request; an empty list is an absent key.
    pub conditions: &'a [(&'a str, &'a [String])],
    /// The Region where it happens, if it is not the service's own.
    pub region: Option<&'a Region>,
}

impl<'a> Ask<'a> {
    pub(super) fn new(caller: &'a Caller, operation: &'static str) -> Self {
        Self {
            caller,
            operation,
            context: None,
            algorithm: EncryptionAlgorithm::SYMMETRIC_DEFAULT,
            conditions: &[],
            region: None,
        }
    }

    pub(super) fn context(self, context: &'a EncryptionContext) -> Self {
        Self { context: Some(context), ..self }
    }

    pub(super) fn algorithm(self, algorithm: EncryptionAlgorithm) -> Self {
        Self { algorithm, ..self }
    }

    pub(super) fn conditions(self, conditions: &'a [(&'a str, &'a [String])]) -> Self {
        Self { conditions, ..self }
    }

    pub(super) fn within(self, region: &'a Region) -> Self {
        Self { region: Some(region), ..self }
    }

    pub(super) fn action(&self) -> String {
        ["kms:", self.operation].concat()
    }
}
