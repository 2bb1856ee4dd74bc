//! Endpoints as the operator configured them.

use std::time::Duration;

use arqueta_model::AccountId;
use arqueta_remote::BucketSettings;

/// What answers at an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Another Arqueta: ids are kept, and what arrives twice is there once.
    Arqueta,
    /// Any S3.
    S3,
}

/// An endpoint as the operator configured it.
#[derive(Debug, Clone)]
pub struct EndpointSettings {
    /// Its name in the configuration.
    pub name: String,
    /// What answers there.
    pub kind: Kind,
    /// Its buckets: names, or patterns with `*`; each alone or in an ARN.
    pub buckets: Vec<String>,
    /// Accounts whose buckets may replicate there.
    pub accounts: Vec<AccountId>,
    /// Where it is, and who writes.
    pub client: BucketSettings,
    /// How long one item may take, beside a second for each MiB of it.
    pub patience: Duration,
}
