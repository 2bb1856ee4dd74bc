//! Replication, the sending side: which versions go where, and the outbox they wait in.
//!
//! **Promises.** That a version is to be replicated is a row of the commit that writes the version, beside a row
//! that tells how far it is, and the version's own state says so. A bucket without a configuration costs a look
//! into its record, which is at hand. Rows of one key lie in the order of its commits. The state says COMPLETED
//! in the commit that takes the last row away.
//!
//! Who empties the outbox is no matter of the engine (`arqueta-replicate`).
//!
//! Source: S3 User Guide, "Replicating objects within and across Regions".

mod configuration;
mod existing;
mod intent;
mod outgoing;
mod sender;
mod standing;

pub use crate::outbox::Place;
pub use configuration::{Destination, Filter, Form, Replication, Rule};
pub use existing::{Configured, Walked};
pub use intent::{Intent, Kind, Lane};
pub(crate) use outgoing::Subject;
pub use outgoing::{Load, Outgoing};
pub use sender::{Opened, Part, Replicating, Settled};
pub use standing::{Failed, Leg, Standing};
