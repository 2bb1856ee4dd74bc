//! Event notifications: what a bucket's owner wants to be told, and the outbox it waits in.
//!
//! **Promises.** What is told of a change is a row of the change's own commit: there is no event
//! without its change and no change without its event. A bucket without a configuration costs a look
//! into its record, which is at hand. Rows of one key lie in the order of its commits.
//!
//! Who empties the outbox is no matter of the engine (`arqueta-notify`).
//!
//! Source: S3 User Guide, "Amazon S3 Event Notifications".

mod act;
mod configuration;
mod happening;
mod notice;
mod notices;

pub use crate::outbox::Place;
pub use act::{Act, Witness, witnessed};
pub use configuration::{Destination, Notifications, Rule};
pub use happening::{Happening, expand};
pub use notice::{Lane, Notice, Occurrence, ReplicationData};
pub(crate) use notices::About;
pub use notices::{Access, Notices, Targets};
