//! Two listings side by side.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;

use arqueta_client::{Bucket, Entry, Error, Listing, entries};
use futures::stream::{self, Peekable, Stream, StreamExt as _, TryStreamExt as _};

/// All that stands under one key, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// At the source.
    pub source: Vec<Entry>,
    /// At the destination.
    pub destination: Vec<Entry>,
}

/// What stands on both sides, or on one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pair {
    Both(Entry, Entry),
    Source(Entry),
    Destination(Entry),
}

type Entries = Peekable<Pin<Box<dyn Stream<Item = Result<Entry, Error>> + Send>>>;

struct Sides {
    source: Entries,
    destination: Entries,
    /// Lengths of what keys begin with on either side.
    skip: (usize, usize),
}

/// The pairs in the order of keys. Nothing comes behind an error.
pub(crate) fn pairs(
    source: Arc<dyn Bucket>,
    destination: Arc<dyn Bucket>,
    listing: Listing,
) -> impl Stream<Item = Result<Pair, Error>> + Send {
    let all = keys(source, destination, listing);
    all.map_ok(|key| stream::iter(matched(key.source, key.destination)).map(Ok)).try_flatten()
}

/// Two listings side by side: what stands under each key, by what follows the prefixes.
///
/// # Errors
/// What a listing fails with; nothing comes behind it.
pub fn keys(
    source: Arc<dyn Bucket>,
    destination: Arc<dyn Bucket>,
    listing: Listing,
) -> impl Stream<Item = Result<Key, Error>> + Send {
    let skip = (source.prefix().len(), destination.prefix().len());
    let all = |bucket| {
        let all: Pin<Box<dyn Stream<Item = _> + Send>> = Box::pin(entries(bucket, listing));
        all.peekable()
    };
    let sides = Sides { source: all(source), destination: all(destination), skip };
    stream::try_unfold(sides, |mut sides| async move { Ok(sides.next().await?.map(|key| (key, sides))) })
}

impl Sides {
    /// The next key's entries.
    async fn next(&mut self) -> Result<Option<Key>, Error> {
        let (skip_source, skip_destination) = self.skip;
        // Both at once: a page of each may have to be fetched.
        let (next, other) = futures::join!(Pin::new(&mut self.source).peek(), Pin::new(&mut self.destination).peek());
        let key = |entry: Option<&Result<Entry, Error>>, skip: usize| {
            entry.and_then(|entry| entry.as_ref().ok()).map(|entry| after(&entry.key, skip))
        };
        let failed = |entry: Option<&Result<Entry, Error>>| entry.is_some_and(Result::is_err);
        let is_failed = failed(next) || failed(other);
        let order = match (key(next, skip_source), key(other, skip_destination)) {
            // Which of them failed comes out below.
            _ if is_failed => Ordering::Equal,
            (None, None) => return Ok(None),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(key), Some(other)) => key.cmp(&other),
        };
        let source = if order.is_le() { group(&mut self.source).await? } else { Vec::new() };
        let destination = if order.is_ge() { group(&mut self.destination).await? } else { Vec::new() };
        Ok(Some(Key { source, destination }))
    }
}

/// What of a key follows the prefix.
pub(crate) fn after(key: &str, skip: usize) -> String {
    key.get(skip..).unwrap_or(key).to_owned()
}

/// The next entries of one key.
async fn group(entries: &mut Entries) -> Result<Vec<Entry>, Error> {
    let mut group: Vec<Entry> = Vec::new();
    loop {
        let entries = Pin::new(&mut *entries);
        let fits = |entry: &Result<Entry, Error>| match (entry, group.first()) {
            (Ok(entry), Some(first)) => entry.key == first.key,
            _ => group.is_empty(),
        };
        match entries.next_if(fits).await {
            None => return Ok(group),
            Some(entry) => group.push(entry?),
        }
    }
}

/// The versions of a key: those of one id, then the oldest with the oldest, since it is the newest that a copy
/// lacks, if any. From the newest to the oldest.
fn matched(mut source: Vec<Entry>, mut destination: Vec<Entry>) -> VecDeque<Pair> {
    let mut pairs = VecDeque::new();
    if let ([_], [_]) = (source.as_slice(), destination.as_slice()) {
        pairs.extend(source.pop().zip(destination.pop()).map(|(a, b)| Pair::Both(a, b)));
        return pairs;
    }
    let ids: std::collections::HashSet<_> = destination.iter().filter_map(|entry| entry.version.clone()).collect();
    let (same, mut rest): (Vec<_>, Vec<_>) =
        source.into_iter().partition(|entry| entry.version.as_ref().is_some_and(|version| ids.contains(version)));
    for entry in same.into_iter().rev() {
        if let Some(at) = destination.iter().position(|other| other.version == entry.version) {
            pairs.push_front(Pair::Both(entry, destination.remove(at)));
        }
    }
    while let (Some(_), Some(_)) = (rest.last(), destination.last()) {
        pairs.extend(rest.pop().zip(destination.pop()).map(|(a, b)| Pair::Both(a, b)));
    }
    pairs.extend(rest.into_iter().map(Pair::Source));
    pairs.extend(destination.into_iter().map(Pair::Destination));
    pairs
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use arqueta_client::testing::{Held, Object};

    use super::*;

    fn bucket(prefix: &str, keys: &[(&str, &str)]) -> Arc<dyn Bucket> {
        let object = |(key, version): &(&str, &str)| Object {
            entry: Entry {
                key: format!("{prefix}{key}"),
                version: Some((*version).to_owned()).filter(|version| !version.is_empty()),
                ..Entry::default()
            },
            ..Object::default()
        };
        let objects = keys.iter().map(object).collect();
        Arc::new(Held { objects, page: 2, prefix: prefix.to_owned(), ..Held::default() })
    }

    async fn shown(source: Arc<dyn Bucket>, destination: Arc<dyn Bucket>, listing: Listing) -> Result<String, Error> {
        let name = |entry: &Entry| format!("{}{}", entry.key, entry.version.as_deref().unwrap_or_default());
        let show = |pair: Pair| match pair {
            Pair::Both(a, b) => format!("={}/{}", name(&a), name(&b)),
            Pair::Source(a) => format!("+{}", name(&a)),
            Pair::Destination(b) => format!("-{}", name(&b)),
        };
        let all: Vec<_> = pairs(source, destination, listing).map_ok(show).try_collect().await?;
        Ok(all.join(" "))
    }

    #[tokio::test]
    async fn keys_are_paired_by_what_follows_the_prefix() {
        let source = bucket("x/", &[("a", ""), ("b", ""), ("d", ""), ("é", "")]);
        let destination = bucket("", &[("b", ""), ("c", ""), ("é", ""), ("\u{10000}", "")]);
        let shown = shown(source, destination, Listing::Objects).await.unwrap();
        assert_eq!(shown, "+x/a =x/b/b -c +x/d =x/é/é -\u{10000}");
    }

    #[tokio::test]
    async fn a_side_may_be_empty() {
        for (source, destination, expected) in
            [(&[("a", "")][..], &[][..], "+a"), (&[], &[("a", "")], "-a"), (&[], &[], "")]
        {
            let shown = shown(bucket("", source), bucket("", destination), Listing::Objects).await.unwrap();
            assert_eq!(shown, expected);
        }
    }

    #[tokio::test]
    async fn versions_are_paired_by_id_and_else_from_the_oldest() {
        let source = bucket("", &[("a", "3"), ("a", "2"), ("a", "1"), ("b", "9")]);
        let kept = bucket("", &[("a", "2"), ("a", "1"), ("b", "9")]);
        assert_eq!(shown(source.clone(), kept, Listing::Versions).await.unwrap(), "=a2/a2 =a1/a1 +a3 =b9/b9");
        let own = bucket("", &[("a", "y"), ("a", "x"), ("b", "z")]);
        assert_eq!(shown(source, own, Listing::Versions).await.unwrap(), "=a1/ax =a2/ay +a3 =b9/bz");
    }

    #[tokio::test]
    async fn a_listing_out_of_order_is_an_error() {
        for (source, destination) in [
            (&[("b", ""), ("a", "")][..], &[("b", "")][..]),
            (&[("b", "")], &[("b", ""), ("a", "")]),
            (&[("a", ""), ("a", "")], &[]),
        ] {
            let found = shown(bucket("", source), bucket("", destination), Listing::Objects).await;
            assert!(matches!(found, Err(Error::Order(..))), "{found:?}");
        }
    }
}
