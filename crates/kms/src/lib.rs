//! The contract of a key service: what the gateway calls, and the seams behind it.
//!
//! **Purpose.** [`Kms`] is what object encryption needs of any key service; administration of keys
//! is not part of it. [`KeyHolder`] keeps key material elsewhere, [`RootKey`] the root key.
//!
//! **Refuses to do** without authorization: every call names its [`Caller`], and the service
//! decides as that caller, also on behalf of S3.
//!
//! **Invariants.** A backing key never leaves its service. Every call by a user is an event in
//! the record before its answer leaves.
//!
//! **Threat notes.** See `docs/threats.md`.
//!
//! ```
//! use arqueta_kms::{KeySpec, KeyUsage};
//!
//! let spec = KeySpec::named("RSA_2048").expect("a spec of the KMS API");
//! assert!(spec.usages().contains(&KeyUsage::SignVerify));
//! assert!(!spec.usages().contains(&KeyUsage::GenerateVerifyMac));
//! ```

mod algorithm;
mod contract;
mod error;
mod holder;
mod key;
mod metered;
mod root;
mod spec;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use algorithm::{
    Algorithms, EncryptionAlgorithm, KeyAgreementAlgorithm, MacAlgorithm, MessageType, SigningAlgorithm,
};
pub use contract::{
    Caller, DataKey, Decrypt, GenerateDataKey, KeyDescription, KeyRef, Kms, Operation, ReEncrypt, ReEncrypted,
    S3Service,
};
// The type of [`Caller::identity`], for crates that do not depend on the policy language itself.
pub use arqueta_policy::Identity;
pub use error::Error;
pub use holder::{Adopted, Clusters, HolderError, Holders, KeyHolder, MAX_HELD_CIPHERTEXT, TokenCluster, Use};
pub use key::{KeyManager, KeyState, KeyUsage};
pub use metered::{Count, Counted, Metered, Outcome};
pub use root::{RootKey, RootKeyError, RootProtector, RootSecret};
pub use spec::KeySpec;
