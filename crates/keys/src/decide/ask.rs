//! The question that every operation asks before it does anything.

use arqueta_call::{Kms, Permission};
use arqueta_kms::{Caller, EncryptionAlgorithm};
use arqueta_model::{EncryptionContext, Region};

/// One question: may `caller` do `operation`?
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub caller: &'a Caller,
    pub operation: Kms,
    /// The permission that is asked for, one of the operation's.
    pub permission: &'static Permission,
    /// The request's encryption context, for operations that have one.
    pub context: Option<&'a EncryptionContext>,
    /// The request's encryption algorithm, for operations that have a context.
    pub algorithm: EncryptionAlgorithm,
    /// Further condition keys of the request; an empty list is an absent key.
    pub conditions: &'a [(&'a str, &'a [String])],
    /// The Region where it happens, if it is not the service's own.
    pub region: Option<&'a Region>,
    /// Whether `ReEncrypt` stays under its key.
    pub same_key: Option<bool>,
    /// What `CreateGrant` would pass on.
    pub passes_on: Option<PassedOn<'a>>,
}

/// What a grant that is to be made would allow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PassedOn<'a> {
    pub operations: &'a [String],
    pub equals: Option<&'a EncryptionContext>,
    pub subset: Option<&'a EncryptionContext>,
}

impl<'a> Ask<'a> {
    /// By the operation's own permission.
    pub(crate) fn new(caller: &'a Caller, operation: Kms) -> Self {
        Self::by(caller, operation, &operation.row().permissions[0])
    }

    /// By `kms:ReEncryptFrom`.
    pub(crate) fn to_re_encrypt_from(caller: &'a Caller) -> Self {
        Self::new(caller, Kms::ReEncrypt)
    }

    /// By `kms:ReEncryptTo`.
    pub(crate) fn to_re_encrypt_to(caller: &'a Caller) -> Self {
        Self::by(caller, Kms::ReEncrypt, &Kms::ReEncrypt.row().permissions[1])
    }

    /// One question for each permission that the operation needs.
    pub(crate) fn all(caller: &'a Caller, operation: Kms) -> impl Iterator<Item = Self> {
        operation.row().permissions.iter().map(move |permission| Self::by(caller, operation, permission))
    }

    fn by(caller: &'a Caller, operation: Kms, permission: &'static Permission) -> Self {
        Self {
            caller,
            operation,
            permission,
            context: None,
            algorithm: EncryptionAlgorithm::SYMMETRIC_DEFAULT,
            conditions: &[],
            region: None,
            same_key: None,
            passes_on: None,
        }
    }

    pub(crate) fn context(self, context: &'a EncryptionContext) -> Self {
        Self { context: Some(context), ..self }
    }

    pub(crate) fn algorithm(self, algorithm: EncryptionAlgorithm) -> Self {
        Self { algorithm, ..self }
    }

    pub(crate) fn conditions(self, conditions: &'a [(&'a str, &'a [String])]) -> Self {
        Self { conditions, ..self }
    }

    pub(crate) fn within(self, region: &'a Region) -> Self {
        Self { region: Some(region), ..self }
    }

    pub(crate) fn same_key(self, same: bool) -> Self {
        Self { same_key: Some(same), ..self }
    }

    pub(crate) fn passing_on(self, grant: PassedOn<'a>) -> Self {
        Self { passes_on: Some(grant), ..self }
    }

    /// `kms:` and the permission's name.
    pub(crate) fn action(&self) -> &'static str {
        self.permission.action.name
    }

    /// The permission's name, as grants have it.
    pub(crate) fn permission(&self) -> &'static str {
        self.action().trim_start_matches("kms:")
    }
}
