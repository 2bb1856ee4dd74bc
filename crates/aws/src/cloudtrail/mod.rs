//! The AWS JSON 1.1 protocol for CloudTrail (AWS CloudTrail API Reference, version 2013-11-01):
//! each call authorized before it acts and recorded before it is answered.

mod call;
mod dispatch;
mod logging;
mod lookup;
mod operations;
mod shapes;
mod tagging;
mod trails;

pub(crate) use call::Call;
pub(crate) use dispatch::perform;
pub(crate) use lookup::Lookups;
#[cfg(test)]
pub(crate) use operations::SERVED;

/// Target prefix of the service.
pub(crate) const TARGET: &str = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.";

/// `name`, if it is the name of one of CloudTrail's operations.
pub(crate) fn operation(name: &str) -> Option<&'static str> {
    let refused = || operations::KNOWN.iter().find(|known| **known == name).copied();
    operations::served(name).map(|served| served.name).or_else(refused)
}
