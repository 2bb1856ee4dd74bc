//! Key material inside PKCS#11 tokens.
//!
//! **Purpose.** [`Cluster`] is a [`KeyHolder`](arqueta_kms::KeyHolder) over two or more tokens
//! that hold the same keys. Losing one goes unnoticed; whatever comes back is used again.
//!
//! **Refuses to do** anything with a key in the clear: keys are generated inside a token, travel
//! to the others wrapped under an RSA key generated inside the receiving one, and end as
//! sensitive and non-extractable in each, which is verified before a key is used.
//!
//! **Invariants.** Every PKCS#11 call happens in a worker process, one for each token
//! ([`worker`]): a module that crashes or hangs takes its worker with it and nothing else. Calls
//! and queues are bounded. A ciphertext is under a key made in the token for that one message.
//!
//! **Threat notes.** Who knows the PIN can use the keys while a token is at hand, and nobody can
//! take them away. What is encrypted (data keys of at most 4,096 bytes) crosses a pipe between two
//! processes of one user. See `docs/adr/0005-pkcs11.md` and `docs/threats.md`.
//!
//! ```
//! use arqueta_hsm::Settings;
//!
//! let settings = Settings {
//!     module: "/usr/lib/softhsm/libsofthsm2.so".into(),
//!     tokens: vec!["one".to_owned(), "two".to_owned()],
//!     pin: "271828".to_owned().into(),
//!     trust_anchor: None,
//! };
//! // No log shows the PIN.
//! assert!(!format!("{settings:?}").contains("271828"));
//! ```

mod cluster;
mod launch;
mod member;
mod process;
mod token;
mod wire;
pub mod worker;

pub use cluster::{Cluster, Settings};
pub use launch::Launch;
