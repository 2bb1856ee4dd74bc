//! Where things are kept: ordered metadata and write-once blobs.
//!
//! **Purpose.** Two contracts, [`MetaStore`] and [`BlobStore`], and their adapters.
//!
//! **Refuses to do** anything that knows what a bucket, an object or a key is: keys and values
//! are bytes here, and every blob byte was sealed before it arrived.
//!
//! **Invariants.** Acknowledged means durable: when `commit` or `finish` returns `Ok`, data and
//! directory entries are synced. A batch happens whole or not at all. A blob appears under its
//! id only when complete, and never changes.
//!
//! **Threat notes.** A reader of the disk sees object names, sizes and metadata in the clear and
//! bodies sealed. Records carry a checksum against decay; over that lies [`Authentic`], whose tags
//! nobody makes who has not its key. An older record of the same key still verifies; bodies are the
//! envelope's work.
//!
//! ```
//! use arqueta_store::{Batch, MemoryMeta, MetaStore as _};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! let store = MemoryMeta::new();
//! store.commit(Batch::default().unchanged("name", None).put("name", "first")).await?;
//! // It is not unchanged any more.
//! assert!(store.commit(Batch::default().unchanged("name", None).put("name", "second")).await.is_err());
//! assert_eq!(store.get(b"name").await?.as_deref(), Some(b"first".as_slice()));
//! # Ok::<(), arqueta_store::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod authentic;
mod blob;
#[cfg(any(test, feature = "testing"))]
pub mod contract;
mod copies;
mod damages;
mod database;
#[cfg(any(test, feature = "testing"))]
mod doubles;
mod embedded;
mod error;
mod fs;
mod group;
mod headroom;
mod lease;
#[cfg(any(test, feature = "testing"))]
mod memory;
mod meta;
#[cfg(any(test, feature = "testing"))]
pub mod power;
pub mod record;
mod share;
#[cfg(feature = "sled")]
mod sled_store;

pub use arqueta_journal::BLOCK;
pub use authentic::{Authentic, Tagger};
pub use blob::{BlobEntry, BlobStore, BlobStream, BlobWriter};
pub use damages::{Cause, Damages};
#[cfg(any(test, feature = "testing"))]
pub use doubles::{Counting, Fault, Faulty, Slow};
pub use embedded::{Frozen, RedbOptions, RedbStore, Writing};
pub use error::Error;
pub use fs::FsBlobs;
pub use headroom::{Headroom, Room, RoomLimits, Shortage};
pub use lease::{Held, Leases};
#[cfg(any(test, feature = "testing"))]
pub use memory::{MemoryBlobs, MemoryMeta};
pub use meta::{Batch, Change, Entry, MetaStore, Pair, Position, Precondition, Scan, Write};
pub use share::{Member, Share};
#[cfg(feature = "sled")]
pub use sled_store::SledStore;
