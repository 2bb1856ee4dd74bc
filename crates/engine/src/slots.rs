//! What lies under the key of an object's record: nothing, a version, or damage.
//!
//! A damaged record stops what would have to know it, and nothing else: it can be replaced and
//! removed by whoever may write there. Its bodies stay, because nobody knows which they are, until
//! the check of the whole store finds them. Where object lock could protect it, it stays, too.

use arqueta_model::{BucketName, ObjectKey};
use arqueta_store::{Batch, Cause, Precondition, Scan};
use bytes::Bytes;

use crate::naming::name_of;
use crate::record::{ObjectRecord, Record as _};
use crate::state::State;
use crate::{Error, schema};

/// Versions looked through at a time.
const CHUNK: usize = 1000;

/// A record and the pair it was read from.
pub(crate) struct Stored {
    pub key: Bytes,
    pub bytes: Bytes,
    pub record: ObjectRecord,
}

/// What was found under a key.
#[expect(clippy::large_enum_variant, reason = "one lives at a time, for the length of a call; a version is the rule")]
pub(crate) enum Slot {
    Empty,
    Whole(Stored),
    Damaged(Damage),
}

/// A damaged record.
pub(crate) struct Damage {
    pub key: Bytes,
    /// What was read, where that much was possible.
    bytes: Option<Bytes>,
}

impl Slot {
    /// The version, for who can do nothing without it.
    pub fn whole(self) -> Result<Option<Stored>, Error> {
        match self {
            Self::Empty => Ok(None),
            Self::Whole(stored) => Ok(Some(stored)),
            Self::Damaged(damage) => Err(damage.error()),
        }
    }
}

impl Damage {
    pub fn error(&self) -> Error {
        Error::DamagedRecord { record: name_of(&self.key) }
    }

    /// Requires that it is still the same damage.
    pub fn require(&self, batch: Batch) -> Batch {
        match &self.bytes {
            Some(bytes) => batch.unchanged(self.key.clone(), Some(bytes.clone())),
            None => batch.require(Precondition::Damaged(self.key.clone())),
        }
    }
}

impl State {
    /// What lies under the key of an object's record. A record of a later format is no damage.
    pub(crate) async fn slot(&self, key: Bytes) -> Result<Slot, Error> {
        let bytes = match self.meta.get(&key).await {
            Ok(None) => return Ok(Slot::Empty),
            Ok(Some(bytes)) => bytes,
            Err(arqueta_store::Error::Damaged { .. }) => return Ok(Slot::Damaged(Damage { key, bytes: None })),
            Err(error) => return Err(error.into()),
        };
        match ObjectRecord::decode(&bytes) {
            Ok(record) => Ok(Slot::Whole(Stored { key, bytes, record })),
            Err(Error::Damaged { .. }) => {
                self.damages.note(&key, Cause::Unreadable);
                Ok(Slot::Damaged(Damage { key, bytes: Some(bytes) }))
            }
            Err(error) => Err(error),
        }
    }

    /// The sequence of a key's noncurrent null version, looked for where the current version cannot
    /// tell it.
    pub(crate) async fn null_below(&self, bucket: &BucketName, key: &ObjectKey) -> Result<Option<u64>, Error> {
        let mut scan = Scan::prefix(&schema::noncurrents_of(bucket, key), CHUNK);
        loop {
            let page = self.meta.page(scan.clone()).await?;
            let Some(last) = page.last() else { return Ok(None) };
            scan.start = [&last.key[..], &[0]].concat().into();
            let whole = page.into_iter().filter_map(|entry| ObjectRecord::decode(&entry.value?).ok());
            if let Some(null) = whole.into_iter().find(|record| record.version.is_null()) {
                return Ok(Some(null.sequence));
            }
        }
    }

    /// The sequence of a key's newest noncurrent version, or zero.
    pub(crate) async fn newest_below(&self, bucket: &BucketName, key: &ObjectKey) -> Result<u64, Error> {
        let newest = self.meta.page(Scan::prefix(&schema::noncurrents_of(bucket, key), 1)).await?;
        Ok(newest.first().and_then(|entry| schema::sequence_of(&entry.key)).unwrap_or(0))
    }
}
