//! What is asked of a bucket, whoever holds it.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::{Entry, Error, Facts, Listing};

/// Tags by their keys.
pub type Tags = BTreeMap<String, String>;

/// The bytes of an object as they come.
pub type Body = BoxStream<'static, Result<Bytes, Error>>;

/// Where a listing goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Continuation token, or the key behind which to go on.
    pub token: String,
    /// The version behind which to go on.
    pub version: Option<String>,
}

/// A page of a listing.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// In the order of keys.
    pub entries: Vec<Entry>,
    /// Where the next one begins; absent behind the last.
    pub next: Option<Cursor>,
}

/// Why an object is not listed, as far as its bucket says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absence {
    /// A delete marker hides it.
    Marker {
        /// Seconds since 1970.
        since: i64,
    },
    /// Nothing is known.
    Unknown,
}

/// A bucket, or a part of one, that can be read.
#[async_trait]
pub trait Bucket: Send + Sync {
    /// A page of the listing.
    async fn page(&self, listing: Listing, from: Option<&Cursor>) -> Result<Page, Error>;

    /// What an object says of itself, its checksums included.
    async fn facts(&self, entry: &Entry) -> Result<Facts, Error>;

    /// The sizes of the `count` parts of an object, in their order; empty where the endpoint does not tell.
    async fn parts(&self, entry: &Entry, count: u32) -> Result<Vec<u64>, Error>;

    /// The tags of an object.
    async fn tags(&self, entry: &Entry) -> Result<Tags, Error>;

    /// The bytes of an object.
    async fn body(&self, entry: &Entry) -> Result<Body, Error>;

    /// Why this key is not listed.
    async fn absence(&self, key: &str) -> Result<Absence, Error>;

    /// What all keys begin with. Keys of entries are whole: two buckets are compared by what follows.
    fn prefix(&self) -> &str;
}
