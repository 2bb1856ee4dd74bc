//! A bucket's import, step by step.

use std::sync::Arc;

use arqueta_client::{Entry, Error, Listing, S3Bucket, entries, refusal};
use aws_sdk_s3::Client;
use futures::TryStreamExt as _;

use crate::copy::{Copier, once};
use crate::pace::Pace;
use crate::pass::Pass;
use crate::settings::{Settings, Versioning};
use crate::told::{Told, Totals};

/// How buckets are imported.
#[derive(Debug, Clone)]
pub struct Options {
    /// The key at the destination for what is under a key of KMS at the source; the destination's own key for S3
    /// if absent.
    pub kms_key: Option<String>,
    /// Region of the destination.
    pub region: String,
    /// Whether objects of buckets without versions are deleted once the source has them no more.
    pub deletes: bool,
    /// Whether nothing is changed, and only told what would be.
    pub is_dry: bool,
    /// How many versions are copied at the same time.
    pub at_once: usize,
    /// How fast bytes may come.
    pub pace: Pace,
}

/// The import of one bucket.
#[derive(Debug)]
pub struct Import {
    source: S3Bucket,
    destination: S3Bucket,
    options: Options,
}

/// Whoever is told of what happens.
pub type Tell<'a> = &'a (dyn Fn(Told) + Send + Sync);

impl Import {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(source: S3Bucket, destination: S3Bucket, options: Options) -> Self {
        Self { source, destination, options }
    }

    /// The two buckets, to be compared.
    #[must_use]
    pub fn sides(&self) -> (S3Bucket, S3Bucket) {
        (self.source.clone(), self.destination.clone())
    }

    /// Makes the bucket, with the settings that its objects are to find.
    ///
    /// # Errors
    /// Where the bucket cannot be made or asked for; settings that stay behind are told.
    pub async fn begin(&self, tell: Tell<'_>) -> Result<(), Error> {
        let settings = self.settings();
        let versioning = settings.versioning().await?;
        settings.begin(versioning).await?.into_iter().for_each(tell);
        Ok(())
    }

    /// Copies what is at the source and not at the destination; `totals` counts along.
    ///
    /// # Errors
    /// Where one of the buckets cannot be listed. Versions that stay behind are told.
    pub async fn pass(&self, totals: Arc<Totals>, tell: Tell<'_>) -> Result<(), Error> {
        let listing = self.listing().await?;
        let copier = Copier {
            source: self.source.clone(),
            destination: self.destination.clone(),
            writes: once(self.destination.client()),
            kms_key: self.options.kms_key.clone(),
            pace: self.options.pace.clone(),
            totals: totals.clone(),
        };
        if self.options.is_dry && !self.settings().is_there().await? {
            let count = |entry: Entry| {
                Totals::add(if entry.is_marker { &totals.markers } else { &totals.copied }, 1);
                Totals::add(&totals.bytes, entry.size);
                async { Ok(()) }
            };
            return entries(Arc::new(self.source.clone()), listing).try_for_each(count).await;
        }
        let Options { deletes, is_dry, at_once, .. } = self.options;
        Pass { copier: &copier, listing, deletes, is_dry, at_once: at_once.max(1), tell }.run().await
    }

    /// Gives the bucket the settings that must not come before its objects.
    ///
    /// # Errors
    /// Where the source cannot be asked; settings that stay behind are told.
    pub async fn finish(&self, tell: Tell<'_>) -> Result<(), Error> {
        let settings = self.settings();
        let versioning = settings.versioning().await?;
        settings.finish(versioning).await.into_iter().for_each(tell);
        Ok(())
    }

    /// How many bytes all versions of the source have, and how many they are: what progress is measured by.
    ///
    /// # Errors
    /// Where the source cannot be listed.
    pub async fn size(&self) -> Result<(u64, u64), Error> {
        let all = entries(Arc::new(self.source.clone()), self.listing().await?);
        all.try_fold((0, 0), |(count, bytes), entry| async move { Ok((count + 1, bytes + entry.size)) }).await
    }

    /// Versions where the source keeps any.
    ///
    /// # Errors
    /// Where the source cannot be asked.
    pub async fn listing(&self) -> Result<Listing, Error> {
        let versioning = self.settings().versioning().await?;
        Ok(if versioning == Versioning::Never { Listing::Objects } else { Listing::Versions })
    }

    fn settings(&self) -> Settings<'_> {
        Settings {
            source: (self.source.client(), self.source.name()),
            destination: (self.destination.client(), self.destination.name()),
            kms_key: self.options.kms_key.as_deref(),
            region: &self.options.region,
            is_dry: self.options.is_dry,
        }
    }
}

/// The names of all buckets of an endpoint.
///
/// # Errors
/// Where they cannot be listed.
pub async fn buckets(client: &Client) -> Result<Vec<String>, Error> {
    let (mut names, mut from) = (Vec::new(), None);
    loop {
        let said = client.list_buckets().set_continuation_token(from).send().await;
        let said = said.map_err(|error| refusal("ListBuckets", error))?;
        names.extend(said.buckets.unwrap_or_default().into_iter().filter_map(|bucket| bucket.name));
        from = said.continuation_token.filter(|token| !token.is_empty());
        if from.is_none() {
            return Ok(names);
        }
    }
}
