//! The key service without a wire: keys and their life, decisions, cryptography, Regions.
//!
//! **Purpose.** Everything that AWS documents of keys, aliases, policies, grants and states is
//! enforced here, for the JSON protocol edge (the requests in [`api`]) and for object encryption
//! ([`arqueta_kms::Kms`]) alike.
//!
//! **Refuses to do** without authorization: every call names its [`arqueta_kms::Caller`], and the
//! service decides as that caller, also on behalf of S3.
//!
//! **Invariants.** A backing key never leaves the service. Every call by a user is an event in
//! the record before its answer leaves.
//!
//! **Threat notes.** See `docs/threats.md`.
//!
//! Rooms, from the bottom: `schema` what is stored; `asymmetric` primitives of key pairs; `key` one key at
//! one moment; `quotas`; `state` all keys, turns and commits; `held` material that is made here or held
//! elsewhere; `own` keys and events of the service itself; `call` one call and its event; `decide` who may;
//! `stores` custom key stores; `crypt` what keys do; `life` what becomes of keys; `regions` multi-Region
//! keys; `s3` the contract; `upkeep` the folder as a whole. [`run`] is the front door, for each request of [`api`].
//!
//! ```
//! use std::sync::Arc;
//!
//! use arqueta_audit::testing::Memory;
//! use arqueta_keys::{Config, Embedded, api, run};
//! use arqueta_kms::testing::{ACCOUNT, FixedRootKey, root};
//! use arqueta_model::ManualClock;
//! use arqueta_store::MemoryMeta;
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let config = Config::new(ACCOUNT.parse()?, "us-east-1".parse()?, Arc::new(FixedRootKey([7; 32])));
//! let (meta, record) = (Arc::new(MemoryMeta::new()), Arc::new(Memory::default()));
//! let service = Embedded::open(meta, record.clone(), Arc::new(ManualClock::default()), config).await?;
//! let (caller, request) = (root(ACCOUNT), api::CreateKeyRequest::default());
//! let made = run(&service, (&caller).into(), request, |_| serde_json::Value::Null).await?;
//! assert_eq!(made.key_metadata.key_spec.name(), "SYMMETRIC_DEFAULT");
//! assert_eq!(record.events()[0].event_name, "CreateKey");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod api;
mod asymmetric;
mod call;
mod config;
mod crypt;
mod decide;
mod held;
mod key;
mod life;
pub mod limits;
mod own;
mod page;
mod peer;
mod quotas;
mod regions;
mod s3;
mod schema;
mod secrets;
mod service;
mod state;
mod stores;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod upkeep;

pub use call::{Asked, Call, Operation, refuse, run};
pub use config::Config;
pub use life::service_keys::ServiceSigningKey;
pub use peer::{Peer, PeerError, PeerKey, PeerKeyError, PeerRegion};
pub use quotas::{QuotaError, Quotas};
pub use secrets::RecordSealer;
pub use state::Embedded;
pub use upkeep::authentic::{Authenticated, adopt, authenticate, is_initialized};
pub use upkeep::backup::{Backup, BackupError, Restored, is_restored, settle_restored};
pub use upkeep::inventory::{ListedKey, list_keys};
pub use upkeep::review::{ReviewedGrant, ReviewedKey, review_keys};
pub use upkeep::rewrap::rewrap;
