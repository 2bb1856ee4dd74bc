//! Whether two buckets hold the same, and why not.
//!
//! **Purpose.** [`compare`] walks two listings side by side, in the order of keys, and says of each object
//! what it proved: by a ladder that begins with what both sides have written down and ends with the bytes.
//!
//! **Refuses to do** anything to either side: it reads.
//!
//! **Invariants.** Nothing is called the same that was not proven to be, and what proved it is said. What
//! cannot be told is an answer of its own. Memory is that of a page of each listing and of what is compared
//! at the same time, however large the buckets; with versions, also that of the versions of one key.
//!
//! **Threat notes.** Keys and metadata come from whoever wrote the objects: lines for people show control
//! characters as escapes.
//!
//! ```
//! use std::sync::Arc;
//!
//! use arqueta_client::testing::Endless;
//! use arqueta_compare::{Options, Tally, compare};
//! use futures::StreamExt as _;
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let (source, destination) = (Arc::new(Endless { count: 3 }), Arc::new(Endless { count: 2 }));
//! let mut tally = Tally::default();
//! let mut outcomes = Box::pin(compare(source, destination, Options::default()));
//! while let Some(outcome) = outcomes.next().await {
//!     let outcome = outcome?;
//!     tally.count(&outcome, false);
//!     if outcome.verdict.is_missing() {
//!         assert_eq!(outcome.lines()[0], "folder-0000/object-with-a-name-000000000002: missing in the destination");
//!     }
//! }
//! assert_eq!((tally.same, tally.missing), (2, 1));
//! # Ok::<(), arqueta_client::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod digest;
mod explain;
mod fields;
mod ladder;
mod outcome;
mod pairs;
mod read;
mod run;
mod tally;
mod text;

pub use outcome::{Content, Difference, Field, Outcome, Proof, Side, Verdict, Weight};
pub use pairs::{Key, keys};
pub use run::{Options, compare, without_reading};
pub use tally::Tally;
