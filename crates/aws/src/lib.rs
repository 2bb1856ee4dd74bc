//! The other AWS protocol edges: KMS JSON, STS and IAM Query, CloudTrail JSON, on S3's port.
//!
//! **Purpose.** [`AwsEdge`] tells its requests from S3's, proves who sent them, and turns the
//! wire forms of four AWS services into calls of the key service, the identity service and the
//! record, and their results and errors into AWS's.
//!
//! **Refuses to do** anything that a service does not do: an operation or parameter that is not
//! acted on is refused by name, never ignored and never answered with success. It decides nothing
//! about keys; the key service authorizes its own calls.
//!
//! **Invariants.** Nothing is performed for a request whose signature was not verified over its
//! whole body. Every call is authorized before it acts and recorded before it is answered
//! ([`arqueta_call::Recorder`]). Every answer has a request id, which is that of its event.
//!
//! **Threat notes.** Everything before [`Presented::verify`](arqueta_call::signature::Presented::verify) reads hostile input:
//! bodies are bounded in size and time, parsers refuse what can be read in two ways, and no error
//! repeats a value of the request that could be a secret. An access key's existence is told apart
//! from a wrong signature, as AWS does.
//!
//! ```
//! use std::sync::Arc;
//!
//! use arqueta_audit::testing::Memory;
//! use arqueta_aws::kms;
//! use arqueta_keys::{Config, Embedded};
//! use arqueta_kms::testing::{ACCOUNT, FixedRootKey, root};
//! use arqueta_model::ManualClock;
//! use arqueta_store::MemoryMeta;
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let config = Config::new(ACCOUNT.parse()?, "us-east-1".parse()?, Arc::new(FixedRootKey([7; 32])));
//! let (meta, record) = (Arc::new(MemoryMeta::new()), Arc::new(Memory::default()));
//! let service = Embedded::open(meta, record, Arc::new(ManualClock::default()), config).await?;
//! let answer = kms::call(&service, &root(ACCOUNT), "CreateKey", br#"{"Description":"first"}"#).await?;
//! assert!(String::from_utf8(answer)?.contains(r#""Description":"first""#));
//! // Refused by name, never ignored.
//! assert!(kms::call(&service, &root(ACCOUNT), "Encapsulate", b"{}").await.is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod access;
mod answer;
mod cloudtrail;
mod error;
mod json;
pub mod kms;
mod protocol;
mod query;
mod request;
mod service;
mod services;

/// What only fuzz targets need to reach.
#[cfg(any(fuzzing, feature = "testing"))]
pub mod fuzzing {
    pub use crate::query::Form;
}

pub use error::Error;
pub use service::AwsEdge;
pub use services::Services;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
