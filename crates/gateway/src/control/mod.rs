//! The socket in the data folder, by which commands reach the gateway that has the folder open.
//!
//! Who may connect is who may read the folder: the socket is its owner's alone, and a peer that is
//! neither the gateway's user nor root is turned away. It gives pages of the metadata as it is
//! stored, which the folder's files give as well: whoever reads keys from it needs the root key, as
//! without a gateway. The changes it knows are a new account, how much may lie in buckets, another try of what was not
//! replicated, that everything is read, and jobs that wrap the versions of a bucket anew.
//!
//! A request is a line of JSON, an answer a frame: four bytes of length, a byte of kind, the rest.

mod client;
mod quota;
mod rekeys;
mod replication;
mod scrub;
mod serve;
mod still;
mod wire;

pub(crate) use client::Running;
pub(crate) use serve::{Desk, bind};
pub(crate) use wire::{
    AccountQuota, Behind, BucketQuota, Created, Limits, Listed, Of, RekeyBucket, RekeyJob, ScrubAsk, Towards, Waiting,
};
