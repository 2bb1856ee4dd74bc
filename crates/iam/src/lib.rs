//! Identities, access keys, roles and sessions.
//!
//! **Purpose.** [`Iam`] keeps accounts, users, groups, roles, managed policies and access keys,
//! and answers two questions: who is behind an access key id ([`Authentication::credential`]), and may this
//! caller do this ([`authorize`](fn@authorize))? Its operations and errors have the shapes of AWS IAM and
//! STS, so that the protocol edge only translates.
//!
//! **Refuses to do** verification of signatures (the edges), key policies (the key service) and
//! decisions on its own operations: the edge asks [`authorize`](fn@authorize) before it calls them.
//!
//! **Invariants.** A change is in force for the next request on this gateway, and on others after
//! [`Iam::refresh`]. A policy that cannot be read denies. A name used again is another identity:
//! keys and sessions belong to unique ids.
//!
//! **Threat notes.** Secrets are sealed at rest by [`SecretSealer`]; sessions are sealed tokens, so
//! whoever holds the sealing key can make any session. Trust, key and bucket policies are stored
//! with the unique ids of the users and roles they name, so that who may delete and create a user
//! of that name gets nothing of what the first was granted.
//!
//! ```
//! use std::sync::Arc;
//!
//! use arqueta_iam::{Config, Iam, SecretSealer};
//! use arqueta_model::{PrincipalKind, SystemClock};
//! use arqueta_store::MemoryMeta;
//! use zeroize::Zeroizing;
//!
//! /// Hides nothing; the gateway's seals under the root key.
//! struct Open;
//!
//! impl SecretSealer for Open {
//!     fn seal(&self, _: &[u8], plaintext: &[u8]) -> Vec<u8> {
//!         plaintext.to_vec()
//!     }
//!
//!     fn open(&self, _: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
//!         Some(sealed.to_vec().into())
//!     }
//! }
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! let config = Config { account: "111122223333".parse()?, root: None };
//! let (iam, first) = Iam::open(Arc::new(MemoryMeta::new()), Arc::new(SystemClock), Arc::new(Open), config).await?;
//! let key = first.expect("made at the very first start");
//! let credential = iam.authentication().credential(&key.access_key_id, None).await?;
//! assert_eq!(credential.identity.principal.kind, PrincipalKind::Root);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod access_keys;
mod accounts;
mod aliases;
mod authorize;
mod credential;
mod details;
mod directory;
mod error;
mod grants;
mod groups;
mod id;
mod instance_profiles;
mod known;
mod managed;
mod names;
mod oidc;
mod page;
mod people;
mod policies;
mod principals;
mod record;
mod report;
mod roles;
mod secret;
mod service;
mod simulate;
mod state;
mod sts;
mod summary;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod token;
mod users;
mod versions;

#[cfg(test)]
mod tests;

pub use access_keys::{AccessKey, AccessKeys, KeyHolder, LastUsed, NewAccessKey};
pub use accounts::{Accounts, Standing};
pub use arqueta_policy::{
    ConditionKeys, Decision, Effect, Identity, ParseError, Policy, PolicyKind, Principals, Request,
    Request as PolicyRequest, ResourcePolicy, Statement, Unidentified, denial, evaluate, identified, is_global_key,
    is_unserved_key, shown, unserved,
};
pub use authorize::{Denied, authorize, is_barred};
pub use credential::Authentication;
pub use details::{Detail, DetailKind, Held};
pub use error::Error;
pub use grants::{AttachedPolicy, Entity, Permissions};
pub use groups::{Group, Groups};
pub use instance_profiles::{CreateInstanceProfile, InstanceProfile, InstanceProfiles};
pub use known::Credential;
pub use names::Tag;
pub use oidc::{
    AssumeRoleWithWebIdentity, CreateOidcProvider, FetchError, IssuerDocuments, OidcProvider, Providers, WebIdentity,
    WebIdentitySession,
};
pub use page::{List, Page};
pub use people::{HeldPolicy, Met, People, Person};
pub use policies::{CreatePolicy, ManagedPolicy, Policies, PolicyEntities, PolicyScope, PolicyUsage};
pub use record::CredentialReport;
pub use report::Reports;
pub use roles::{CreateRole, Role, Roles};
pub use secret::{Secret, SecretSealer};
pub use service::{Config, Iam};
pub use simulate::{Simulated, Simulation, Simulator};
pub use state::RootKey;
pub use sts::{AssumeRole, CallerIdentity, FederationToken, Issued, Scope, Sessions, StsCaller, TemporaryCredentials};
pub use users::{CreateUser, User, Users};
pub use versions::PolicyVersion;
