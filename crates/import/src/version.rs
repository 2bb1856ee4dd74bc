//! One version, from one side to the other.

use std::sync::Arc;
use std::time::Duration;

use arqueta_client::{Bucket as _, Entry, Listing, S3Bucket, Sse, Tags, entries, refusal};
use arqueta_model::{Clock as _, SystemClock};
use futures::TryStreamExt as _;

use crate::copy::{Copier, Failure, Item, LARGEST_PUT, customer};

/// How often a version is begun again from its start, and how long the first pause is: doubled each time, so that
/// a server that is started again meanwhile is waited for.
const TRIES: u32 = 8;
const PAUSE: Duration = Duration::from_millis(200);

impl Copier {
    /// Copies a version, or makes a delete marker, where the destination has `there` versions of its key; absent where
    /// it keeps none, and once more does no harm.
    pub(crate) async fn copy(&self, entry: &Entry, there: Option<usize>) -> Result<(), Failure> {
        let (mut tries, mut pause) = (0, PAUSE);
        loop {
            tries += 1;
            match self.once(entry).await {
                Err(failure) if failure.may_pass() && tries < TRIES => {}
                done => return done,
            }
            SystemClock.sleep(pause).await;
            pause *= 2;
            // What was not answered may have been done.
            if let Some(there) = there
                && self.versions(&self.key(entry)).await? > there
            {
                return Ok(());
            }
        }
    }

    /// How many versions of a key the destination has.
    async fn versions(&self, key: &str) -> Result<usize, Failure> {
        let of_key = S3Bucket::new(self.destination.client().clone(), self.destination.name(), key);
        let all = entries(Arc::new(of_key), Listing::Versions);
        // Keys that only begin like it come behind it.
        let all = all.try_take_while(|entry| futures::future::ready(Ok(entry.key == key)));
        Ok(all.try_fold(0, |count, _| async move { Ok(count + 1) }).await?)
    }

    async fn once(&self, entry: &Entry) -> Result<(), Failure> {
        if entry.is_marker {
            let call = self.writes.delete_object().bucket(self.destination.name());
            call.key(self.key(entry)).send().await.map_err(|error| refusal("DeleteObject", error))?;
            return Ok(());
        }
        let facts = self.source.facts(entry).await.map_err(customer)?;
        if facts.encryption.sse == Sse::Customer {
            return Err(Failure::CustomerKey);
        }
        let tags = match self.source.tags(entry).await {
            Err(error) if error.is_unserved() => Tags::new(),
            tags => tags?,
        };
        let item = Item { entry, facts, tags };
        match item.facts.parts() {
            Some(count @ 1..=10_000) if item.facts.size > 0 => {
                let sizes = self.source.parts(entry, count).await?;
                // An endpoint that does not tell: one PUT has the same bytes, and another ETag.
                if sizes.is_empty() && item.facts.size <= LARGEST_PUT {
                    self.put(&item).await
                } else {
                    self.upload(&item, sizes).await
                }
            }
            _ if item.facts.size > LARGEST_PUT => self.upload(&item, Vec::new()).await,
            _ => self.put(&item).await,
        }
    }
}
