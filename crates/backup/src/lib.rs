//! Back-ups: consistent, incremental, encrypted copies of a data folder, also while it is served.
//!
//! **Purpose.** [`take`] adds a back-up to a [`Depot`], a folder anywhere; [`restore`] makes a data folder of any
//! one that is there; [`verify`] reads everything that one consists of.
//!
//! **Refuses to do**: decide what a data folder consists of. Who calls hands over one state of the metadata
//! that does not change while it is read, the files to keep, and what names a body.
//!
//! **Invariants.** A back-up is there once its index is, which is written last; what it consists of is written
//! under names of its own and never changed. So a kill anywhere costs the back-up under way and none that was
//! there before. What is there already is not written again: bodies by their id, which are written once in a
//! data folder too; metadata and files in pieces named by their content, under the depot's key.
//!
//! **Threat notes.** Everything is sealed (F-70 to F-74 of docs/format.md) under a key that a passphrase opens: who has
//! the depot learns how many bodies there are, their ids and sizes, and when back-ups were taken. Nothing in it can
//! be changed, exchanged or cut without being noticed; a whole depot can be put back to an earlier state, and
//! back-ups and pieces can be removed, which shows when they are missed.
//!
//! ```
//! use arqueta_backup::Depot;
//! use arqueta_root::{Argon2Cost, Passphrase};
//!
//! let folder = std::env::temp_dir().join(format!("depot-{}", std::process::id()));
//! let passphrase = Passphrase::new(b"correct horse battery").unwrap();
//! let cost = Argon2Cost { memory_kib: 8 << 10, iterations: 1, lanes: 1 };
//! let depot = Depot::make_or_open(&folder, &passphrase, cost).unwrap();
//! assert!(depot.list().unwrap().is_empty());
//! std::fs::remove_dir_all(folder).unwrap();
//! ```

mod body;
mod depot;
mod error;
mod index;
mod pieces;
mod restore;
mod take;

pub use depot::Depot;
pub use error::Error;
pub use index::Index;
pub use restore::{Finding, restore, verify};
pub use take::{KeptFile, Source, Taken, take};
