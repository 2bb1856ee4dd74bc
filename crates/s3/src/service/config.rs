//! Settings of the edge.

use std::time::Duration;

use arqueta_model::Region;

use crate::elsewhere::Elsewhere;

/// Settings of the edge.
#[derive(Debug, Clone)]
pub struct EdgeConfig {
    /// The region that requests must be signed for.
    pub region: Region,
    /// Domains for virtual-host style; none for [`Hosts::defaults`](crate::host::Hosts::defaults).
    pub domains: Vec<String>,
    /// Domains under which buckets are websites; none for no websites.
    pub website_domains: Vec<String>,
    /// How long a request body may bring nothing.
    pub body_idle: Duration,
    /// Whether new buckets block public access, as those of AWS do.
    pub block_public_access: bool,
    /// Whether forms and presigned requests signed by Signature Version 2 are taken.
    pub signature_v2: bool,
    /// Whether signatures for any Region are taken.
    pub any_region: bool,
    /// Where buckets may replicate to, beside this gateway.
    pub elsewhere: Elsewhere,
    /// What lifecycle calls a day: 24 hours, but in tests of applications.
    pub lifecycle_day: Duration,
}

impl EdgeConfig {
    /// Ordinary settings of `region`.
    #[must_use]
    pub fn new(region: Region) -> Self {
        Self {
            region,
            domains: Vec::new(),
            website_domains: Vec::new(),
            body_idle: Duration::from_secs(20),
            block_public_access: true,
            signature_v2: true,
            any_region: false,
            elsewhere: Elsewhere::default(),
            lifecycle_day: Duration::from_secs(24 * 60 * 60),
        }
    }
}
