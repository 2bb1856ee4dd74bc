//! What is stored of buckets and their counts, read.

use std::collections::HashMap;
use std::sync::Arc;

use arqueta_model::{AccountId, BucketName};
use arqueta_store::{Entry, Error as StoreError, MetaStore, Scan};
use bytes::Bytes;

use super::account::Account;
use super::{Amount, Quota, change};
use crate::api::BucketDocument;
use crate::record::{BucketRecord, Record as _};
use crate::schema;

/// Records read at once.
const PAGE: usize = 1000;

pub(super) async fn record(meta: &dyn MetaStore, bucket: &BucketName) -> Result<Option<BucketRecord>, StoreError> {
    let key = schema::bucket(bucket);
    let Some(bytes) = meta.get(&key).await? else { return Ok(None) };
    BucketRecord::decode(&bytes)
        .map(Some)
        .map_err(|_| StoreError::Damaged { what: format!("bucket record of {bucket}") })
}

/// The records of all buckets that are whole.
pub(super) async fn buckets(meta: &dyn MetaStore) -> Result<Vec<BucketRecord>, StoreError> {
    let (mut found, mut scan) = (Vec::new(), Scan::prefix(schema::BUCKETS, PAGE));
    loop {
        let page = meta.page(scan.clone()).await?;
        let whole = page.iter().filter_map(|entry| BucketRecord::decode(entry.value.as_ref()?).ok());
        found.extend(whole);
        let Some(last) = page.last().filter(|_| page.len() == PAGE) else { return Ok(found) };
        scan.start = [&last.key[..], &[0]].concat().into();
    }
}

/// Accounts that are limited.
pub(super) async fn accounts(meta: &dyn MetaStore) -> Result<HashMap<AccountId, Arc<Account>>, StoreError> {
    let page = meta.page(Scan::prefix(schema::ACCOUNT_QUOTAS, usize::MAX)).await?;
    let account = |entry: Entry| {
        let account = std::str::from_utf8(&entry.key[schema::ACCOUNT_QUOTAS.len()..]).ok()?.parse().ok()?;
        Some((account, Arc::new(Account::limited(Quota::decode(entry.value.as_ref()?).ok()?))))
    };
    Ok(page.into_iter().filter_map(account).collect())
}

/// The rows of a bucket, as they lie there.
pub(super) async fn page(meta: &dyn MetaStore, bucket: &BucketName) -> Result<Vec<Entry>, StoreError> {
    meta.page(Scan::prefix(&schema::usages(bucket), usize::MAX)).await
}

/// Rows by their slots; `None` where one is damaged.
pub(super) fn rows(page: &[Entry]) -> Option<Vec<Option<(Amount, Bytes)>>> {
    let mut rows = Vec::new();
    for entry in page {
        let bytes = entry.value.as_ref()?;
        let slot = usize::from(schema::usage_slot(&entry.key)?);
        rows.resize(rows.len().max(slot + 1), None);
        rows[slot] = Some((Amount::decode(bytes).ok()?, bytes.clone()));
    }
    Some(rows)
}

/// What a scan finds in a bucket.
pub(super) async fn total(meta: &dyn MetaStore, bucket: &BucketName) -> Result<Amount, StoreError> {
    let mut total = Amount::ZERO;
    for (prefix, is_current) in [(schema::currents(bucket), true), (schema::noncurrents(bucket), false)] {
        let mut scan = Scan::prefix(&prefix, PAGE);
        loop {
            let page = meta.page(scan.clone()).await?;
            let whole = page.iter().filter_map(|entry| entry.value.as_ref());
            total = whole.fold(total, |sum, record| sum.plus(change::weight(record, is_current)));
            let Some(last) = page.last().filter(|_| page.len() == PAGE) else { break };
            scan.start = [&last.key[..], &[0]].concat().into();
        }
    }
    Ok(total)
}

/// The limits that a bucket's record states. Those that cannot be read let nothing in.
pub(super) fn quota(bucket: &BucketRecord) -> Quota {
    let text = bucket.documents.get(&BucketDocument::Quota);
    let nothing = Quota { bytes: Some(0), objects: Some(0) };
    text.map_or_else(Quota::default, |text| serde_json::from_str(text).unwrap_or(nothing))
}

/// Makes a bucket's record state its limits.
pub(super) fn state_quota(bucket: &mut BucketRecord, quota: Quota) {
    let text = serde_json::to_string(&quota).expect("two numbers are JSON");
    match quota.is_none() {
        true => bucket.documents.remove(&BucketDocument::Quota),
        false => bucket.documents.insert(BucketDocument::Quota, text),
    };
}
