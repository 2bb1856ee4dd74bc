//! OpenID Connect: providers of an account, their signature keys, and sessions of roles for whom
//! they vouch (IAM User Guide, "OIDC federation"; STS API Reference, AssumeRoleWithWebIdentity).

mod claims;
mod issuer;
mod providers;
mod web_identity;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub use issuer::{FetchError, IssuerDocuments};
pub use providers::{CreateOidcProvider, OidcProvider};
pub use web_identity::{AssumeRoleWithWebIdentity, WebIdentity, WebIdentitySession};

pub(crate) use issuer::Issuers;

use crate::state::State;

/// OpenID Connect providers of accounts.
#[derive(Debug, Clone, Copy)]
pub struct Providers<'a> {
    pub(crate) state: &'a State,
}

impl<'a> Providers<'a> {
    pub(crate) fn over(state: &'a State) -> Self {
        Self { state }
    }
}
