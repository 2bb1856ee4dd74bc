//! The Query protocol of IAM and STS.

mod form;
pub(crate) mod xml;
