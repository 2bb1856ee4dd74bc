//! What lies behind a window of rows that all have to wait.
//!
//! One account's events that a target does not take must not keep others' from being seen. Reading on is
//! another moment than the window's, in which an event may have come before one that is found. So the rows
//! before are read once more afterwards: whatever was committed before a row that was found is among them.

use std::collections::BTreeSet;

use arqueta_engine::StoreError;
use arqueta_engine::notifications::{Lane as Rows, Notice};
use arqueta_engine::record::Record as _;
use arqueta_store::{Entry, MetaStore, Scan};
use bytes::Bytes;

use crate::message;
use crate::route::PAGE;

/// The first rows behind `after` that need not wait and are the oldest of their keys; a page of them at most.
///
/// # Errors
/// Failures of the store.
pub async fn further(
    meta: &dyn MetaStore,
    rows: &Rows,
    after: &Bytes,
    waits: impl Fn(&Notice) -> bool + Send,
) -> Result<Vec<Entry>, StoreError> {
    let mut scan = Scan { start: behind(after), ..Scan::prefix(rows.prefix(), PAGE) };
    let (mut found, from) = loop {
        // A long lane is many pages, and other lanes stand in the same task.
        tokio::task::yield_now().await;
        let page = meta.page(scan.clone()).await?;
        let Some(last) = page.last() else { return Ok(Vec::new()) };
        let from = std::mem::replace(&mut scan.start, behind(&last.key));
        let found: Vec<(String, Entry)> = page
            .into_iter()
            .filter_map(|entry| {
                let notice = read(&entry).filter(|notice| !waits(notice))?;
                Some((message::group(&notice), entry))
            })
            .collect();
        if !found.is_empty() {
            break (found, from);
        }
    };
    let mut first: BTreeSet<String> = found.iter().map(|(group, _)| group.clone()).collect();
    let mut scan = Scan { end: Some(from), ..Scan::prefix(rows.prefix(), PAGE) };
    loop {
        tokio::task::yield_now().await;
        let page = meta.page(scan.clone()).await?;
        let Some(last) = page.last() else { break };
        scan.start = behind(&last.key);
        for notice in page.iter().filter_map(read) {
            first.remove(&message::group(&notice));
        }
    }
    found.retain(|(group, _)| first.contains(group));
    Ok(found.into_iter().map(|(_, entry)| entry).collect())
}

fn read(entry: &Entry) -> Option<Notice> {
    Notice::decode(entry.value.as_ref()?).ok()
}

fn behind(key: &[u8]) -> Bytes {
    [key, &[0]].concat().into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use arqueta_engine::notifications::Act;
    use arqueta_model::Timestamp;
    use arqueta_store::{Batch, MemoryMeta};

    use super::*;

    /// A row of which only the bucket matters: a test's group is its bucket.
    fn notice(bucket: &str) -> Notice {
        let none = String::new;
        let act = Act { principal: none(), source: none(), request: none(), host: none() };
        Notice::Test { bucket: bucket.parse().unwrap(), at: Timestamp::from_millis(0), act }
    }

    fn at(n: u64) -> Bytes {
        [&Rows::of("hook").prefix()[..], &n.to_be_bytes(), b"\0\0\0\0"].concat().into()
    }

    async fn found(buckets: &[&str], after: u64) -> Vec<Bytes> {
        let meta = MemoryMeta::default();
        let rows = buckets.iter().zip(0..);
        let batch = rows.fold(Batch::default(), |batch, (bucket, n)| batch.put(at(n), notice(bucket).encode()));
        meta.commit(batch).await.unwrap();
        let waits = |notice: &Notice| matches!(notice, Notice::Test { bucket, .. } if bucket.as_str() == "stuck");
        let found = further(&meta, &Rows::of("hook"), &at(after), waits).await.unwrap();
        found.into_iter().map(|entry| entry.key).collect()
    }

    #[tokio::test]
    async fn a_row_with_another_of_its_key_before_it_is_none() {
        assert_eq!(found(&["stuck", "aaa", "stuck", "aaa", "bbb", "bbb"], 2).await, [at(4), at(5)]);
        assert_eq!(found(&["aaa", "stuck", "aaa"], 1).await, Vec::<Bytes>::new());
        assert_eq!(found(&["stuck"; 3], 1).await, Vec::<Bytes>::new());
    }

    #[tokio::test]
    async fn rows_are_found_behind_any_number_of_those_that_wait() {
        let many = [vec!["stuck"; 3 * PAGE + 7], vec!["aaa", "stuck", "aaa"]].concat();
        let (first, second) = (3 * PAGE as u64 + 7, 3 * PAGE as u64 + 9);
        assert_eq!(found(&many, 10).await, [at(first), at(second)]);
    }
}
