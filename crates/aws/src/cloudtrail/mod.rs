//! The AWS JSON 1.1 protocol for CloudTrail (AWS CloudTrail API Reference, version 2013-11-01):
//! each call authorized before it acts and recorded before it is answered.

mod call;
mod dispatch;
mod logging;
mod lookup;
mod shapes;
mod tagging;
mod trails;

pub(crate) use call::Call;
pub(crate) use dispatch::perform;
pub(crate) use lookup::Lookups;

/// Target prefix of the service.
pub(crate) const TARGET: &str = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.";
