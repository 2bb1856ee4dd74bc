//! A listing as one stream.

use std::sync::Arc;

use futures::stream::{self, Stream, StreamExt as _, TryStreamExt as _};

use crate::{Bucket, Cursor, Entry, Error, Listing};

/// All entries of a bucket in the order of keys, a page ahead of who reads them.
///
/// # Errors
/// Whatever a page fails with, and [`Error::Order`]; nothing comes behind an error.
pub fn entries(bucket: Arc<dyn Bucket>, listing: Listing) -> impl Stream<Item = Result<Entry, Error>> + Send {
    let pages = stream::try_unfold(Some(None::<Cursor>), move |from| {
        let bucket = bucket.clone();
        async move {
            let Some(from) = from else { return Ok(None) };
            let page = bucket.page(listing, from.as_ref()).await?;
            // One that names itself as the next would be read for ever.
            let next = page.next.filter(|next| Some(next) != from.as_ref());
            Ok(Some((page.entries, next.map(Some))))
        }
    });
    let mut last: Option<String> = None;
    // `buffered` would poll the pages one by one all the same: each needs the one before.
    pages.map_ok(|page| stream::iter(page.into_iter().map(Ok))).try_flatten().map(move |entry| {
        let entry: Entry = entry?;
        if let Some(last) = last.take()
            && (last > entry.key || (last == entry.key && listing == Listing::Objects))
        {
            return Err(Error::Order(last, entry.key));
        }
        last = Some(entry.key.clone());
        Ok(entry)
    })
}
