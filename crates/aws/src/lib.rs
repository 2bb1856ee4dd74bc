//! The other AWS protocol edges: KMS JSON, STS and IAM Query, CloudTrail JSON.

mod answer;
mod error;
mod json;
pub mod kms;
mod query;
mod request;
pub mod signature;

pub use error::Error;
pub use request::Peer;
