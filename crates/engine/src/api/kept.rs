//! What use cases ask for by the name it is kept under.

use serde::{Deserialize, Serialize};

/// A configuration that the engine keeps as the text it was given; the edge parses and enforces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum BucketDocument {
    /// The bucket policy, JSON.
    Policy,
    /// The CORS rules.
    Cors,
    /// The public access block.
    PublicAccessBlock,
    /// Object ownership.
    OwnershipControls,
    /// Lifecycle rules.
    Lifecycle,
    /// Replication rules.
    Replication,
    /// Who is told of events.
    Notification,
    /// What it shows to browsers.
    Website,
    /// Who pays for requests.
    RequestPayment,
    /// How much may lie in it, JSON.
    Quota,
}

/// Whether and how far a version was replicated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReplicationState {
    /// Waiting.
    Pending,
    /// Done.
    Completed,
    /// Refused by the destination.
    Failed,
    /// This version is a replica itself.
    Replica,
}
