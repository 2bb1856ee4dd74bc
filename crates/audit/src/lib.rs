//! The record: what happened to keys, identities and buckets, in CloudTrail's words.
//!
//! **Purpose.** The event schema ([`Event`]) and the seam that takes events ([`AuditSink`]).
//!
//! **Refuses to do** filtering by secrecy after the fact: an event never contains a key, a
//! plaintext, a session token or a signature, because nothing that builds one is given them.
//!
//! **Invariants.** `append` returns only when the event is durable. Every group of lines that
//! became durable together is sealed to the one before it ([`Sealer`]). No line is longer than
//! 256 KiB, whatever a caller sent; readers go on past what they cannot read.
//!
//! **Threat notes.** Who can write the data folder can edit plain JSON lines, but not so that
//! [`verify`] does not see it; docs/record.md says what it sees and what it does not.
//!
//! ```
//! use arqueta_audit::EventBuilder;
//! use arqueta_model::{Principal, RequestInfo, Timestamp};
//!
//! let caller = Principal::root(&"111122223333".parse()?, "AKIAEXAMPLE");
//! let request = RequestInfo::new("192.0.2.7".parse()?, "an example", Timestamp::from_millis(0));
//! let region = "us-east-1".parse()?;
//! let event = EventBuilder::new("kms.amazonaws.com", "CreateKey", &region, &caller, &request).writes().build();
//! assert_eq!((event.event_name.as_str(), event.read_only), ("CreateKey", false));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bounds;
mod chain;
mod error;
mod event;
mod health;
mod identity;
mod json_lines;
mod sink;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod told;

pub use chain::{Head, Sealer};
pub use error::Error;
pub use event::{Event, EventBuilder, Resource, Tls};
pub use identity::{SessionIssuer, UserIdentity};
#[cfg(any(test, feature = "testing"))]
pub use json_lines::Group;
pub use json_lines::{
    Attribute, Cut, Entries, Entry, Events, Finding, History, JsonLines, Mark, Prune, Pruned, Query, Report, pack,
    prune, verify,
};
pub use sink::{AuditSink, Lenient};
pub use told::{Journaled, Outbox, PIECES, Told, apart, begin, begin_all, call, carried};
