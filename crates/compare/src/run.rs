//! One object after the other, many at once.

use std::sync::Arc;

use arqueta_client::{Absence, Bucket, Entry, Error, Facts, Listing, Tags};
use arqueta_model::with_causes;
use futures::stream::{Stream, TryStreamExt as _};

use crate::ladder::{self, Sizes};
use crate::pairs::{Pair, pairs};
use crate::text::time;
use crate::{Content, Difference, Field, Outcome, Proof, Side, Verdict, explain, fields, read};

/// How two buckets are compared.
#[derive(Debug, Clone)]
pub struct Options {
    /// Objects as they are now, or all versions.
    pub listing: Listing,
    /// Whether bytes are read where nothing else proves them the same.
    pub read: bool,
    /// Whether no object is asked for anything: sizes and ETags as they are listed.
    pub listing_only: bool,
    /// What does not matter.
    pub ignore: Vec<Field>,
    /// How many objects are compared at the same time.
    pub at_once: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { listing: Listing::Objects, read: false, listing_only: false, ignore: Vec::new(), at_once: 32 }
    }
}

/// Compares two buckets, in the order of keys.
///
/// # Errors
/// What a listing fails with ends the stream. What fails of one object is [`Content::Unknown`].
pub fn compare(
    source: Arc<dyn Bucket>,
    destination: Arc<dyn Bucket>,
    options: Options,
) -> impl Stream<Item = Result<Outcome, Error>> + Send {
    let at_once = options.at_once.max(1);
    let comparing = Arc::new(Comparing { source: source.clone(), destination: destination.clone(), options });
    let listing = comparing.options.listing;
    pairs(source, destination, listing)
        .map_ok(move |pair| {
            let comparing = comparing.clone();
            async move { Ok(comparing.judge(pair).await) }
        })
        // In their order: whoever is done early waits, so no more than these are ever held.
        .try_buffered(at_once)
}

struct Comparing {
    source: Arc<dyn Bucket>,
    destination: Arc<dyn Bucket>,
    options: Options,
}

/// What both sides say of an object.
struct Heads {
    source: Facts,
    destination: Facts,
    tags: Option<(Tags, Tags)>,
}

impl Comparing {
    async fn judge(&self, pair: Pair) -> Outcome {
        let (source, destination) = match pair {
            Pair::Both(source, destination) => {
                let verdict = self.both(&source, &destination).await;
                return outcome(Some(source), Some(destination), verdict);
            }
            Pair::Source(source) => (Some(source), None),
            Pair::Destination(destination) => (None, Some(destination)),
        };
        let verdict = self.missing(source.as_ref(), destination.as_ref()).await;
        outcome(source, destination, verdict)
    }

    /// What failed of one object is no reason to stop.
    async fn both(&self, source: &Entry, destination: &Entry) -> Verdict {
        let both = |content| Verdict::Both { content, differences: Vec::new() };
        match (source.is_marker, destination.is_marker) {
            (true, true) => return both(Content::Same(Proof::Markers)),
            (true, false) => {
                let says = format!("a delete marker against {}", explain::size(destination.size));
                return both(Content::Differs(says));
            }
            (false, true) => {
                return both(Content::Differs(format!("{} against a delete marker", explain::size(source.size))));
            }
            (false, false) => {}
        }
        if self.options.listing_only {
            return both(as_listed(source, destination));
        }
        match self.asked(source, destination).await {
            Ok(verdict) => verdict,
            Err(error) if error.is_absent() => both(Content::Unknown("it changed meanwhile".to_owned())),
            Err(error) => both(Content::Unknown(with_causes(&error))),
        }
    }

    async fn asked(&self, source: &Entry, destination: &Entry) -> Result<Verdict, Error> {
        let heads = self.heads(source, destination).await?;
        // Sizes of parts cost calls: they are asked for where a rung or an explanation needs them, and once.
        let (content, sizes) = match ladder::by_checksum(&heads.source, &heads.destination) {
            Some(content) => (content, None),
            None if ladder::wants_sizes(&heads.source, &heads.destination) => {
                let sizes = self.sizes(source, destination, &heads).await?;
                let content = ladder::by_parts(&heads.source, &heads.destination, &sizes);
                (content.unwrap_or_else(unread), Some(sizes))
            }
            None => (unread(), None),
        };
        let sizes = match sizes {
            Some(sizes) => sizes,
            None if heads.source.etag == heads.destination.etag && !matches!(content, Content::Unknown(_)) => {
                Sizes::default()
            }
            None => self.sizes(source, destination, &heads).await?,
        };
        let content = match content {
            Content::Unknown(_) if self.options.read => self.by_reading(source, destination, &heads, &sizes).await?,
            content => content,
        };
        let differences = self.differences(&content, &heads, &sizes);
        Ok(Verdict::Both { content, differences })
    }

    async fn heads(&self, source: &Entry, destination: &Entry) -> Result<Heads, Error> {
        let facts = futures::future::try_join(self.source.facts(source), self.destination.facts(destination));
        if self.options.ignore.contains(&Field::Tags) {
            let (source, destination) = facts.await?;
            return Ok(Heads { source, destination, tags: None });
        }
        let tags = futures::future::join(self.source.tags(source), self.destination.tags(destination));
        let (facts, tags) = futures::future::join(facts, tags).await;
        let (source, destination) = facts?;
        let tags = match tags {
            (Ok(one), Ok(other)) => Some((one, other)),
            // An endpoint without tags has none to differ in; one that refuses them is an error.
            (Err(error), _) | (_, Err(error)) if error.is_unserved() => None,
            (Err(error), _) | (_, Err(error)) => return Err(error),
        };
        Ok(Heads { source, destination, tags })
    }

    async fn sizes(&self, source: &Entry, destination: &Entry, heads: &Heads) -> Result<Sizes, Error> {
        let of_source = ladder::sizes(&*self.source, source, &heads.source);
        let of_destination = ladder::sizes(&*self.destination, destination, &heads.destination);
        futures::future::try_join(of_source, of_destination).await
    }

    /// One side is enough where the other has something written down that can be computed.
    async fn by_reading(
        &self,
        source: &Entry,
        destination: &Entry,
        heads: &Heads,
        sizes: &Sizes,
    ) -> Result<Content, Error> {
        let of_source = ladder::computable(&heads.source, &sizes.0);
        let of_destination = || ladder::computable(&heads.destination, &sizes.1);
        let proven = match of_source {
            Some((expected, proof)) => Some((read::fits(&*self.destination, destination, expected).await?, proof)),
            None => match of_destination() {
                Some((expected, proof)) => Some((read::fits(&*self.source, source, expected).await?, proof)),
                None => None,
            },
        };
        if let Some((Some(true), proof)) = proven {
            return Ok(Content::Same(proof));
        }
        // What does not fit is shown by the bytes themselves: where they differ, or that an ETag is no MD5.
        let bodies = futures::future::try_join(self.source.body(source), self.destination.body(destination));
        let (one, other) = bodies.await?;
        read::bytes(one, other).await
    }

    fn differences(&self, content: &Content, heads: &Heads, sizes: &Sizes) -> Vec<Difference> {
        let mut found = Vec::new();
        if heads.source.etag != heads.destination.etag && matches!(content, Content::Same(_)) {
            let why = explain::etags(&heads.source, &heads.destination, (&sizes.0, &sizes.1));
            let is_explained = why.is_some();
            let why = why.unwrap_or_else(|| "neither parts nor encryption say why".to_owned());
            found.push(Difference {
                field: Field::Etag,
                says: format!("same bytes, ETag differs: {why}"),
                is_explained,
            });
        }
        let tags = heads.tags.as_ref().map(|(one, other)| (one, other));
        found.extend(fields::differences(&heads.source, &heads.destination, tags));
        found.retain(|difference| !self.options.ignore.contains(&difference.field));
        found
    }

    async fn missing(&self, source: Option<&Entry>, destination: Option<&Entry>) -> Verdict {
        let (on, entry, other, here) = match (source, destination) {
            (Some(entry), _) => (Side::Destination, entry, &self.destination, &self.source),
            (None, Some(entry)) => (Side::Source, entry, &self.source, &self.destination),
            (None, None) => return Verdict::Missing { on: Side::Destination, reasons: Vec::new() },
        };
        let mut reasons = Vec::new();
        if self.options.listing_only {
            return Verdict::Missing { on, reasons };
        }
        if self.options.listing == Listing::Objects {
            let key = format!("{}{}", other.prefix(), crate::pairs::after(&entry.key, here.prefix().len()));
            if let Ok(Absence::Marker { since }) = other.absence(&key).await {
                reasons.push(format!("delete marker since {}", time(since)));
            }
        }
        if !entry.is_marker
            && on == Side::Destination
            && let Ok(Facts { replication: Some(status), replication_failure, .. }) = here.facts(entry).await
            && ["PENDING", "FAILED"].contains(&status.as_str())
        {
            let why = replication_failure.map_or_else(String::new, |why| format!(": {why}"));
            reasons.push(format!("replication {status}{why}"));
        }
        Verdict::Missing { on, reasons }
    }
}

/// What both sides have written down proves of the bytes of two objects.
///
/// # Errors
/// What asking either side fails with.
pub async fn without_reading(
    source: &dyn Bucket,
    destination: &dyn Bucket,
    (one, other): (&Entry, &Entry),
) -> Result<Content, Error> {
    let (of_one, of_other) = futures::future::try_join(source.facts(one), destination.facts(other)).await?;
    if let Some(content) = ladder::by_checksum(&of_one, &of_other) {
        return Ok(content);
    }
    if !ladder::wants_sizes(&of_one, &of_other) {
        return Ok(unread());
    }
    let sizes = (ladder::sizes(source, one, &of_one).await?, ladder::sizes(destination, other, &of_other).await?);
    Ok(ladder::by_parts(&of_one, &of_other, &sizes).unwrap_or_else(unread))
}

fn unread() -> Content {
    Content::Unknown("cannot tell without reading: no common checksum".to_owned())
}

/// What listings alone prove: another size is other bytes, one MD5 is one content. An ETag that is no MD5
/// looks like one, but does not come out the same twice.
fn as_listed(source: &Entry, destination: &Entry) -> Content {
    if source.size != destination.size {
        let says = format!("{} against {}", explain::size(source.size), explain::size(destination.size));
        return Content::Differs(says);
    }
    match (source.etag == destination.etag, source.etag.contains('-')) {
        _ if source.size == 0 => Content::Same(Proof::Empty),
        (true, false) => Content::Same(Proof::Md5),
        (true, true) => Content::Same(Proof::MultipartEtagAlone),
        (false, _) => Content::Unknown("cannot tell by the listings: the ETags differ".to_owned()),
    }
}

fn outcome(source: Option<Entry>, destination: Option<Entry>, verdict: Verdict) -> Outcome {
    let key = source.as_ref().or(destination.as_ref()).map(|entry| entry.key.clone()).unwrap_or_default();
    Outcome { key, source, destination, verdict }
}
