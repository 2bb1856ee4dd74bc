//! A log that makes changes durable with one write and one sync, and its replay.
//!
//! **Purpose.** [`Journal`] takes frames of records, in order, and returns when each is durable;
//! [`Journal::replay`] hands them out again after a start. [`disk`] is the seam underneath: the few
//! file operations that durability rests on, of the operating system ([`OsDisk`]) or of a recorder
//! that replays them up to a power cut. The format and what was rejected: docs/adr/0007.
//!
//! **Refuses to do** anything that knows what the bytes mean, to acknowledge anything after an
//! error of the medium, and to try a failed sync again: the journal stops, and goes on in a fresh
//! segment when its owner has made durable that replays begin there.
//!
//! **Invariants.** One frame is on its way at a time. No byte of a durable frame is written again
//! while it is needed. A segment's header is durable before the frame that names it. A torn tail
//! is cut off; a bad frame before a durable one, or a missing segment, is an error that says where.
//!
//! **Threat notes.** Checksums are against decay and stale bytes, not against an attacker. The
//! loss of the very last frames cannot be told from a write that was never finished.
//!
//! ```
//! use std::sync::Arc;
//!
//! use arqueta_journal::{Error, Frame, Journal, Options, OsDisk, records};
//!
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path().join("journal");
//! let options = Options { segment_bytes: 1 << 16, spares: 1 };
//! let open = || Journal::open(Arc::new(OsDisk), &folder, [7; 16], options);
//! let mut journal = open()?;
//! let from = journal.begin(1, 0)?;
//! journal.resume();
//! let mut frame = Frame::default();
//! frame.record(1, |body| body.extend_from_slice(b"durable"));
//! journal.append(frame)?;
//!
//! let mut found = Vec::new();
//! open()?.replay(from, |_, payload| {
//!     found.extend(records(payload).flatten().map(|(kind, body)| (kind, body.to_vec())));
//!     Ok::<_, Error>(())
//! })?;
//! assert_eq!(found, [(1, b"durable".to_vec())]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod direct;
pub mod disk;
mod error;
mod frame;
mod journal;
mod os_disk;
mod position;
mod replay;
mod segment;

pub use direct::BLOCK;
pub use error::Error;
pub use frame::{Frame, JournalId, records};
pub use journal::{Journal, Options};
pub use os_disk::OsDisk;
pub use position::Position;

#[cfg(test)]
mod tests;
