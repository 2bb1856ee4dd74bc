//! The contract suites: every adapter, double and wrapper runs them (feature `testing`).
//!
//! Each takes a function that makes a fresh, empty store, and panics with the broken promise.

mod blob;
mod meta;

pub use blob::blob_store;
pub use meta::{damaged_records, meta_store};
