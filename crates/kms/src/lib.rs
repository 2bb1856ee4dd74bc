//! The key service: the contract that the gateway calls, and the embedded service behind it.
//!
//! **Purpose.** [`Kms`] is what object encryption needs of any key service. The embedded service
//! adds key administration, which is not part of the contract.
//!
//! **Refuses to do** without authorization: every call names its [`Caller`], and the service
//! decides as that caller, also on behalf of S3.
//!
//! **Invariants.** A backing key never leaves the service. Every call by a user is an event in
//! the record before its answer leaves.
//!
//! **Threat notes.** See `docs/threats.md`.

mod algorithm;
pub mod api;
mod contract;
mod embedded;
mod error;
mod holder;
mod metered;
mod quotas;
mod regions;
mod root;
mod spec;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use algorithm::{
    Algorithms, EncryptionAlgorithm, KeyAgreementAlgorithm, MacAlgorithm, MessageType, SigningAlgorithm,
};
pub use contract::{
    Caller, DataKey, Decrypt, GenerateDataKey, KeyDescription, KeyManager, KeyRef, KeyState, KeyUsage, Kms, Operation,
    ReEncrypt, ReEncrypted,
};
pub use embedded::{
    Authenticated, Backup, BackupError, Config, Embedded, ListedKey, RecordSealer, Restored, ServiceSigningKey,
    authenticate, is_initialized, list_keys, rewrap,
};
// The type of [`Caller::identity`], for crates that do not depend on the policy language itself.
pub use arqueta_policy::Identity;
pub use error::Error;
pub use holder::{Adopted, Clusters, HolderError, Holders, KeyHolder, MAX_HELD_CIPHERTEXT, TokenCluster, Use};
pub use metered::{Count, Counted, Metered, Outcome};
pub use quotas::{QuotaError, Quotas};
pub use regions::{Peer, PeerError, PeerKey, PeerKeyError, PeerRegion};
pub use root::{
    Argon2Cost, Draft, FileRootKey, HeldBy, Passphrase, ROOT_FILES, RootKey, RootKeyError, RootProtector, RootSecret,
    WrappedRootKey,
};
pub use spec::KeySpec;
