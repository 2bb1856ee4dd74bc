//! Multi-Region keys: one key, several Regions, one primary (KMS Developer Guide, "Multi-Region
//! keys in AWS KMS").
//!
//! **What is said.** The primary tells each replica the whole of the *shared properties*
//! ([`shared::Shared`]: material, id, spec, usage, origin, rotation, Regions), numbered by an
//! [`Edition`]. A replica takes over what has a higher edition than its own and ignores the rest,
//! so that loss, repetition and reordering of messages do no harm. What is still to be told is an
//! [`ErrandRecord`](crate::schema::ErrandRecord), committed with the change itself and removed
//! once the other Region has answered.
//!
//! **Invariants.**
//! - Only the primary makes editions, and at every moment at most one Region is the primary: it
//!   gives the part up durably, in a new term that names its one heir, before the heir can learn
//!   of it; it takes the part back only if the heir says that it has no such key.
//! - A destroyed key leaves its edition behind, and no older message makes a replica of it again.
//! - Nothing is encrypted under new material before every Region has it.
//! - Material leaves only for a Region that holds a record of the key, sealed for that Region.

pub(crate) mod outbox;
pub(crate) mod primary;
mod receive;
pub(crate) mod replicate;
mod seal;
mod shared;
mod wire;

use std::collections::BTreeMap;

use arqueta_model::{KeyArn, Region};
use tokio::sync::Notify;

use crate::decide::resolve::find_key;
use crate::schema::MultiRegion;
use crate::state::neighbours::Neighbour;
use crate::{Embedded, PeerRegion};

impl Embedded {
    /// Makes other Regions known to the service, before [`Self::run`]. Only the first call counts;
    /// a Region of the service's own name is left out.
    pub fn join_regions(&self, regions: BTreeMap<Region, PeerRegion>) {
        let own = &self.state.region;
        let others = regions.into_iter().filter(|(name, _)| name != own);
        let others = others.map(|(name, region)| (name, Neighbour { region, wake: Notify::new() })).collect();
        if self.state.neighbours.0.set(others).is_err() {
            tracing::error!("the other Regions are known already; the second list of them is ignored");
        }
    }
}

/// The local member of a multi-Region key that `arn` names in another Region.
pub(crate) fn local_member(service: &Embedded, arn: &KeyArn) -> Option<KeyArn> {
    let account = arn.account().parse().ok()?;
    let key = find_key(service, &account, arn.key_id())?;
    let regions = key.record.multi_region.as_ref()?;
    regions.all().any(|region| region.as_str() == arn.region()).then(|| key.arn.clone())
}

impl MultiRegion {
    /// A key that lives in `primary` alone, so far.
    pub(crate) fn new(primary: &Region) -> Self {
        Self {
            primary: primary.clone(),
            replicas: std::collections::BTreeSet::new(),
            edition: crate::schema::Edition::default(),
            waiting: None,
        }
    }

    fn all(&self) -> impl Iterator<Item = &Region> {
        std::iter::once(&self.primary).chain(&self.replicas)
    }
}
