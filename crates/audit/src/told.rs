//! The event of a change in the frame of the change.
//!
//! **How.** A call runs inside [`call`]. What it is about to do is [`begin`]-ed: held, not written.
//! The first batch that the call commits through a [`Told`] store carries that event as one more
//! row, so it is durable exactly if the change is, by the same sync. The record's files are made
//! from the events that are appended later; a row goes away with some later commit, once the files
//! have the call's event durably. A row that is left, by a crash or a caller that went away, becomes
//! an event that says that its outcome was not recorded ([`Outbox`]).
//!
//! A call that it takes several events to tell has a row for each ([`begin_all`]); one that takes more
//! than a commit should carry ([`PIECES`]) announces them in lines of their own before it ([`apart`]).
//!
//! Commits of a call that the row does not ride with, because it was refused, change nothing; a call
//! that never commits leaves no row.

mod journaled;
mod outbox;
mod row;
mod scope;
mod store;

pub use journaled::Journaled;
pub use outbox::Outbox;
pub use scope::{PIECES, apart, begin, begin_all, call, carried};
pub use store::Told;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
