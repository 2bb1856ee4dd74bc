//! The other Regions, as this one reaches them.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use arqueta_model::Region;
use tokio::sync::Notify;

use crate::PeerRegion;

/// The other Regions. None before the service joins them.
#[derive(Default)]
pub(crate) struct Neighbours(pub(crate) OnceLock<BTreeMap<Region, Neighbour>>);

/// One of them.
pub(crate) struct Neighbour {
    pub region: PeerRegion,
    /// Rings when there is something new to tell it, or when it can be reached again.
    pub wake: Notify,
}

impl Neighbours {
    pub(crate) fn get(&self, region: &Region) -> Option<&Neighbour> {
        self.0.get()?.get(region)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (&Region, &Neighbour)> {
        self.0.get().into_iter().flatten()
    }

    /// Has a Region told what it has yet to hear.
    pub(crate) fn wake(&self, region: &Region) {
        if let Some(neighbour) = self.get(region) {
            neighbour.wake.notify_one();
        }
    }
}
