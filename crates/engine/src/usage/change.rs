//! What a batch changes: read from the batch itself, so that no use case can forget to tell.

use arqueta_model::BucketName;
use arqueta_store::{Batch, Precondition, Write};
use bytes::Bytes;

use super::Amount;
use crate::listing::Brief;
use crate::schema;

/// A batch that changes what lies in a bucket.
pub(super) struct Change {
    pub bucket: BucketName,
    pub by: Amount,
}

/// What a batch changes; `None` for most.
pub(super) fn of(batch: &Batch) -> Option<Change> {
    let mut change: Option<Change> = None;
    for write in &batch.writes {
        let (key, new) = match write {
            Write::Put(key, value) => (key, Some(value)),
            Write::Delete(key) => (key, None),
            Write::Announce(_) => continue,
        };
        let Some((bucket, is_current)) = place(key) else { continue };
        let amount = |record: Option<&Bytes>| record.map_or(Amount::ZERO, |record| weight(record, is_current));
        let by = amount(new).minus(amount(before(batch, key)));
        match &mut change {
            Some(change) => change.by = change.by.plus(by),
            None => change = Some(Change { bucket: bucket.parse().ok()?, by }),
        }
    }
    change.filter(|change| change.by != Amount::ZERO)
}

/// What lies under a key as the batch found it. Every write of a version states that, but for a place that
/// nothing had.
fn before<'a>(batch: &'a Batch, key: &Bytes) -> Option<&'a Bytes> {
    batch.preconditions.iter().find_map(|precondition| match precondition {
        Precondition::Unchanged { key: of, value } if of == key => value.as_ref(),
        _ => None,
    })
}

/// The bucket whose version a key is of, and whether it is a current one.
fn place(key: &[u8]) -> Option<(&str, bool)> {
    let current = schema::bucket_of(key, schema::CURRENTS).map(|bucket| (bucket, true));
    current.or_else(|| schema::bucket_of(key, schema::NONCURRENTS).map(|bucket| (bucket, false)))
}

/// What a version adds. Nobody knows what a damaged one was.
pub(crate) fn weight(record: &[u8], is_current: bool) -> Amount {
    let Ok(brief) = Brief::decode(record) else { return Amount::ZERO };
    let size = brief.content.as_ref().map_or(0, |content| content.size);
    Amount {
        bytes: i64::try_from(size).unwrap_or(i64::MAX),
        objects: i64::from(is_current && brief.content.is_some()),
        versions: 1,
    }
}
