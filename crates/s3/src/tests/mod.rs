//! Whole requests, signed by hand, against an edge over an engine in memory.

mod authorization;
mod behaviour;
mod bodies;
mod corners;
mod edge;
mod errors;
mod forms;
mod guards;
mod identities;
mod interposed;
mod objects;
mod record;
mod replicas;
mod rig;
mod sightings;
mod signatures;
mod strangers;

use std::sync::Arc;

use arqueta_model::ManualClock;
use http::HeaderMap;

use crate::exchange::Exchange;

/// An exchange of nothing in particular.
pub fn exchange() -> Arc<Exchange> {
    Exchange::begin(
        (&HeaderMap::new(), &http::Uri::from_static("/")),
        &rig::connection(),
        &ManualClock::default(),
        Default::default(),
    )
}
