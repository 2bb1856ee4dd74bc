//! The log that makes changes durable, and the file operations under it.
//!
//! **Purpose.** [`disk`]: the few file operations that durability rests on, as a seam between the
//! operating system and a recorder that replays them up to a power cut.
//!
//! **Refuses to do** anything that knows what the bytes mean.

mod direct;
pub mod disk;
mod os_disk;

pub use os_disk::OsDisk;
