//! All versions of a bucket, page by page, for whoever wraps their keys anew.

use arqueta_envelope::SseMode;
use arqueta_model::{BucketName, VersionId};
use arqueta_store::Scan;
use bytes::Bytes;

use crate::api::ObjectName;
use crate::record::{ObjectRecord, Record};
use crate::state::State;
use crate::{Error, schema};

/// Which versions are walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// The current one of each key.
    Current,
    /// All others.
    Noncurrent,
}

/// What the keys of a version are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrapping {
    /// SSE-S3 or SSE-KMS: it can be wrapped anew.
    Rewrappable,
    /// SSE-C: only its customer can.
    Customer,
    /// DSSE-KMS: two layers.
    Dual,
    /// Not encrypted.
    Plain,
    /// The record is damaged.
    Damaged,
}

/// A page of versions that have content.
#[derive(Debug, Default)]
pub struct RekeyPage {
    /// Each version, and what its keys are.
    pub versions: Vec<(ObjectName, Wrapping)>,
    /// Records that were read, delete markers included.
    pub seen: u64,
    /// Where the next page begins; `None` after the last.
    pub next: Option<Bytes>,
}

/// Walks the versions of buckets.
#[derive(Debug, Clone, Copy)]
pub struct Rekeying<'a> {
    state: &'a State,
}

impl<'a> Rekeying<'a> {
    pub(crate) fn over(state: &'a State) -> Self {
        Self { state }
    }

    /// At most `limit` records of `bucket`, from `from` on; versions that are written meanwhile may be among them
    /// or not.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn page(
        self,
        bucket: &BucketName,
        which: Versions,
        from: Option<Bytes>,
        limit: usize,
    ) -> Result<RekeyPage, Error> {
        let prefix = match which {
            Versions::Current => schema::currents(bucket),
            Versions::Noncurrent => schema::noncurrents(bucket),
        };
        let mut scan = Scan::prefix(&prefix, limit);
        if let Some(from) = from.filter(|from| from.starts_with(&prefix)) {
            scan.start = from;
        }
        let entries = self.state.meta.page(scan).await?;
        let mut page = RekeyPage { seen: entries.len() as u64, ..RekeyPage::default() };
        if entries.len() == limit {
            page.next = entries.last().map(|last| [&last.key[..], &[0]].concat().into());
        }
        for entry in entries {
            let Some(key) = key_of(&entry.key[prefix.len()..], which) else { continue };
            let named = |version: Option<VersionId>| ObjectName { bucket: bucket.clone(), key: key.clone(), version };
            let record = entry.value.as_ref().map(|value| ObjectRecord::decode(value));
            match record {
                Some(Ok(record)) => {
                    let Some(content) = record.content else { continue };
                    let wrapping = match content.keys.as_ref().map(|keys| keys.mode()) {
                        Some(SseMode::S3 | SseMode::Kms) => Wrapping::Rewrappable,
                        Some(SseMode::Customer) => Wrapping::Customer,
                        Some(SseMode::DualKms) => Wrapping::Dual,
                        None => Wrapping::Plain,
                    };
                    page.versions.push((named(Some(record.version)), wrapping));
                }
                Some(Err(_)) | None => page.versions.push((named(None), Wrapping::Damaged)),
            }
        }
        Ok(page)
    }
}

/// The object's key behind the bucket's prefix.
fn key_of(rest: &[u8], which: Versions) -> Option<arqueta_model::ObjectKey> {
    match which {
        Versions::Current => std::str::from_utf8(rest).ok()?.parse().ok(),
        Versions::Noncurrent => schema::unescaped(rest).map(|(key, _)| key),
    }
}
