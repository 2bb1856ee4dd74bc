//! The AWS JSON 1.1 protocol for CloudTrail (AWS CloudTrail API Reference, version 2013-11-01).

mod lookup;

pub(crate) use lookup::Lookups;

/// Target prefix of the service.
pub(crate) const TARGET: &str = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.";
