//! One pass over a bucket: what is at the source and not at the destination, is copied.

use std::sync::atomic::AtomicU64;

use arqueta_client::{Entry, Error, Listing, refusal};
use arqueta_compare::{Content, Key, keys, without_reading};
use futures::stream::TryStreamExt as _;

use crate::align::aligned;
use crate::copy::{Copier, Failure};
use crate::told::{Told, Totals};

/// What became of a version.
enum Came {
    Yes,
    /// It never will: it went away at the source, or nobody can read it.
    Never,
    /// It may the next time.
    NotYet,
}

/// A pass in the making.
pub(crate) struct Pass<'a> {
    pub(crate) copier: &'a Copier,
    pub(crate) listing: Listing,
    /// Whether objects go that the source has no more, where no versions tell of it.
    pub(crate) deletes: bool,
    pub(crate) is_dry: bool,
    pub(crate) at_once: usize,
    pub(crate) tell: &'a (dyn Fn(Told) + Send + Sync),
}

impl Pass<'_> {
    /// Goes over all keys, many at the same time, and the versions of each in their order.
    pub(crate) async fn run(&self) -> Result<(), Error> {
        let source = std::sync::Arc::new(self.copier.source.clone());
        let destination = std::sync::Arc::new(self.copier.destination.clone());
        keys(source, destination, self.listing)
            .map_ok(|key| async move {
                self.key(key).await;
                Totals::add(&self.copier.totals.keys, 1);
                Ok(())
            })
            .try_buffer_unordered(self.at_once)
            .try_for_each(|()| async { Ok(()) })
            .await
    }

    async fn key(&self, key: Key) {
        // From the oldest to the newest.
        let (source, destination) = (reversed(key.source), reversed(key.destination));
        if source.is_empty() {
            return self.without_source(&destination).await;
        }
        let found = aligned(&source, &destination, async |one, other| self.is_same(one, other).await).await;
        let totals = &self.copier.totals;
        Totals::add(&totals.there, (found.missing().start - found.gaps.len()) as u64);
        for gap in &found.gaps {
            self.left(&source[*gap], "the destination has newer versions already, before which none can be put");
        }
        let mut there = (self.listing == Listing::Versions).then_some(destination.len());
        for entry in &source[found.missing()] {
            match self.copy(entry, there).await {
                Came::Yes => there = there.map(|there| there + 1),
                Came::Never => {}
                // What is newer must not come before it.
                Came::NotYet => return,
            }
        }
    }

    async fn copy(&self, entry: &Entry, there: Option<usize>) -> Came {
        let totals = &self.copier.totals;
        let counter: &AtomicU64 = if entry.is_marker { &totals.markers } else { &totals.copied };
        if self.is_dry {
            Totals::add(counter, 1);
            Totals::add(&totals.bytes, entry.size);
            return Came::Yes;
        }
        match self.copier.copy(entry, there).await {
            Ok(()) => {
                Totals::add(counter, 1);
                Came::Yes
            }
            Err(failure) if failure.is_gone() => Came::Never,
            Err(failure) => {
                self.left(entry, &arqueta_model::with_causes(&failure));
                if matches!(failure, Failure::CustomerKey) { Came::Never } else { Came::NotYet }
            }
        }
    }

    fn left(&self, entry: &Entry, why: &str) {
        Totals::add(&self.copier.totals.left, 1);
        (self.tell)(Told::Left { key: entry.key.clone(), version: entry.version.clone(), why: why.to_owned() });
    }

    async fn is_same(&self, source: &Entry, destination: &Entry) -> bool {
        if source.is_marker || destination.is_marker {
            return source.is_marker == destination.is_marker;
        }
        // Where there are no versions, metadata and tags may have changed with the object's date alone.
        if self.listing == Listing::Objects && source.modified > destination.modified {
            return false;
        }
        if source.size != destination.size {
            return false;
        }
        if source.etag == destination.etag {
            return true;
        }
        match without_reading(&self.copier.source, &self.copier.destination, (source, destination)).await {
            Ok(Content::Same(_)) => true,
            Ok(Content::Differs(_)) | Err(_) => false,
            // Nothing that both have written down: as many bytes, and written since.
            Ok(Content::Unknown(_)) => destination.modified >= source.modified,
        }
    }

    async fn without_source(&self, destination: &[Entry]) {
        let Some(entry) = destination.last().filter(|_| self.deletes && self.listing == Listing::Objects) else {
            return;
        };
        if !self.is_dry {
            let there = &self.copier.destination;
            let call = there.client().delete_object().bucket(there.name()).key(&entry.key);
            if let Err(error) = call.send().await.map_err(|error| refusal("DeleteObject", error)) {
                return self.left(entry, &error.to_string());
            }
        }
        Totals::add(&self.copier.totals.deleted, 1);
    }
}

fn reversed(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.reverse();
    entries
}
