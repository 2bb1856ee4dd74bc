//! The IAM policy language: parse, validate, evaluate. Pure, no I/O.

mod document;
mod identity;

pub use document::Policy;
pub use identity::Identity;
