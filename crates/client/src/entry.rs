//! What listings say.

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listing {
    /// The objects that there are now.
    Objects,
    /// All versions and delete markers, the newest of a key first.
    Versions,
}

/// An object, a version or a delete marker, as a listing has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The version's id, where versions are listed.
    pub version: Option<String>,
    /// Whether it is a delete marker.
    pub is_marker: bool,
    /// Whether it is the newest of its key.
    pub is_latest: bool,
    /// Bytes.
    pub size: u64,
    /// Without its quotes.
    pub etag: String,
    /// Seconds since 1970.
    pub modified: i64,
}
