//! The record: what happened to keys, identities and buckets, in CloudTrail's words.
//!
//! **Purpose.** The event schema ([`Event`]) and the seam that takes events ([`AuditSink`]).
//!
//! **Refuses to do** filtering by secrecy after the fact: an event never contains a key, a
//! plaintext, a session token or a signature, because nothing that builds one is given them.
//!
//! **Invariants.** `append` returns only when the event is durable.
//!
//! **Threat notes.** Who can write the data folder can edit plain JSON lines; the signed digest
//! chain (CloudTrail delivery) is what makes an edit visible.

mod error;
mod event;
mod json_lines;
mod sink;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use error::Error;
pub use event::{Event, EventBuilder, Resource, SessionIssuer, UserIdentity};
pub use json_lines::{Events, JsonLines};
pub use sink::AuditSink;
