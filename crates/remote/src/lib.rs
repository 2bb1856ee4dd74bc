//! What other services hold: keys ([`arqueta_kms::KeyHolder`]) and buckets ([`arqueta_trail::Deliver`]).
//!
//! **Purpose.** [`AwsHolder`] speaks the AWS KMS protocol, to AWS itself or to another Arqueta;
//! [`VaultHolder`] speaks the Transit API of Vault and OpenBao; [`RemoteBuckets`] puts files of trails into buckets
//! of any S3 endpoint; [`Http`] and [`SignedService`] post what notifications tell to addresses of the operator's. [`Guarded`] stands before each: time limits, retries, a circuit breaker, bounded concurrency and counts.
//!
//! **Refuses to do** any deciding about callers: the key service has authorized and will record
//! the call before it comes here. A key that would not bind its ciphertext to the additional data
//! is not adopted.
//!
//! **Invariants.** Additional data is always part of what the remote service authenticates. Only
//! outages and throttling are tried again, and never the making of a key. An answer that cannot be
//! told is an outage, never a success.
//!
//! **Threat notes.** Plaintexts pass through the buffers of TLS and HTTP libraries, which are not
//! wiped. Errors carry codes and messages of the remote service and never a body. Credentials come
//! from files that only the process should be able to read, or from the environment, and are not in
//! `Debug`.
//!
//! ```
//! use arqueta_remote::Limits;
//!
//! let limits = Limits::default();
//! assert!(limits.attempts > 1 && limits.failures > limits.attempts, "one call does not close the door");
//! ```

mod aws;
mod buckets;
mod credentials;
mod error;
mod guard;
mod signed;
mod vault;
mod web;

pub use aws::{AwsHolder, AwsSettings};
pub use buckets::{BucketSettings, RemoteBuckets, s3_config};
pub use credentials::Secret;
pub use error::SetupError;
pub use guard::{BreakerState, Guarded, Limits, RemoteCall, RemoteCount, RemoteOutcome, Snapshot};
pub use signed::{ServiceSettings, SignedService};
pub use vault::{VaultHolder, VaultSettings};
pub use web::{Http, HttpError, Reply, client_config};
