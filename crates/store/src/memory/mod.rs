//! Stores in memory, for tests: nothing survives the process.

mod blob;
mod meta;

pub use blob::MemoryBlobs;
pub use meta::MemoryMeta;
