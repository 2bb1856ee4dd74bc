//! A bucket in memory, and one that makes up its listing as it goes.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;

use crate::{Absence, Body, Bucket, Cursor, Entry, Error, Facts, Listing, Page, Tags};

/// An object of a [`Held`].
#[derive(Debug, Clone, Default)]
pub struct Object {
    /// As it is listed.
    pub entry: Entry,
    /// Its head.
    pub facts: Facts,
    /// Its tags.
    pub tags: Tags,
    /// Sizes of its parts.
    pub parts: Vec<u64>,
    /// Its bytes.
    pub body: Bytes,
}

/// A bucket in memory.
#[derive(Debug, Default)]
pub struct Held {
    /// In the order in which they are listed.
    pub objects: Vec<Object>,
    /// Entries of a page; a thousand if zero.
    pub page: usize,
    /// Why objects are not there.
    pub markers: Vec<(String, i64)>,
    /// What all keys begin with.
    pub prefix: String,
    /// How many bodies were asked for.
    pub reads: AtomicUsize,
}

impl Held {
    fn find(&self, entry: &Entry) -> Result<&Object, Error> {
        let is_it = |object: &&Object| object.entry.key == entry.key && object.entry.version == entry.version;
        let none = || Error::Absent { call: "HeadObject", code: "404".to_owned() };
        self.objects.iter().find(is_it).ok_or_else(none)
    }
}

#[async_trait]
impl Bucket for Held {
    async fn page(&self, _: Listing, from: Option<&Cursor>) -> Result<Page, Error> {
        let size = if self.page == 0 { 1000 } else { self.page };
        let at: usize = from.and_then(|from| from.token.parse().ok()).unwrap_or(0);
        let entries: Vec<_> = self.objects.iter().skip(at).take(size).map(|object| object.entry.clone()).collect();
        let end = at + entries.len();
        let next = (end < self.objects.len()).then(|| Cursor { token: end.to_string(), version: None });
        Ok(Page { entries, next })
    }

    async fn facts(&self, entry: &Entry) -> Result<Facts, Error> {
        Ok(self.find(entry)?.facts.clone())
    }

    async fn parts(&self, entry: &Entry, _: u32) -> Result<Vec<u64>, Error> {
        Ok(self.find(entry)?.parts.clone())
    }

    async fn tags(&self, entry: &Entry) -> Result<Tags, Error> {
        Ok(self.find(entry)?.tags.clone())
    }

    async fn body(&self, entry: &Entry) -> Result<Body, Error> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let body = self.find(entry)?.body.clone();
        // In pieces that fit nobody else's.
        let pieces: Vec<_> = body.chunks(7).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        Ok(futures::stream::iter(pieces).boxed())
    }

    async fn absence(&self, key: &str) -> Result<Absence, Error> {
        let found = self.markers.iter().find(|(marked, _)| marked == key);
        Ok(found.map_or(Absence::Unknown, |(_, since)| Absence::Marker { since: *since }))
    }

    fn prefix(&self) -> &str {
        &self.prefix
    }
}

/// `count` objects that are nowhere, all alike: what lists and heads of a large bucket cost who reads them.
#[derive(Debug)]
pub struct Endless {
    /// How many.
    pub count: u64,
}

impl Endless {
    fn entry(number: u64) -> Entry {
        Entry {
            key: format!("folder-{:04}/object-with-a-name-{number:012}", number / 1000),
            is_latest: true,
            size: 4096,
            etag: "620f0b67a91f7f74151bc5be745b7110".to_owned(),
            modified: 1_700_000_000,
            ..Entry::default()
        }
    }
}

#[async_trait]
impl Bucket for Endless {
    async fn page(&self, _: Listing, from: Option<&Cursor>) -> Result<Page, Error> {
        let at: u64 = from.and_then(|from| from.token.parse().ok()).unwrap_or(0);
        let end = self.count.min(at + 1000);
        let next = (end < self.count).then(|| Cursor { token: end.to_string(), version: None });
        Ok(Page { entries: (at..end).map(Self::entry).collect(), next })
    }

    async fn facts(&self, entry: &Entry) -> Result<Facts, Error> {
        Ok(Facts { size: entry.size, etag: entry.etag.clone(), ..Facts::default() })
    }

    async fn parts(&self, _: &Entry, _: u32) -> Result<Vec<u64>, Error> {
        Ok(Vec::new())
    }

    async fn tags(&self, _: &Entry) -> Result<Tags, Error> {
        Ok(Tags::new())
    }

    async fn body(&self, _: &Entry) -> Result<Body, Error> {
        Ok(futures::stream::iter([Ok(Bytes::from_static(&[0; 4096]))]).boxed())
    }

    async fn absence(&self, _: &str) -> Result<Absence, Error> {
        Ok(Absence::Unknown)
    }

    fn prefix(&self) -> &str {
        ""
    }
}
