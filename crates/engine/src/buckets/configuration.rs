use arqueta_model::BucketName;
use arqueta_store::Batch;

use super::BucketSettings;
use crate::api::{ObjectLockConfiguration, RetentionPeriod, Tags, Versioning};
use crate::notifications::{Notices, Notifications};
use crate::record::{BucketDocument, BucketRecord, Record};
use crate::replication::Replication;
use crate::state::ATTEMPTS;
use crate::{Error, schema};

/// Longest default retention, in days and in years.
const MAX_DAYS: u32 = 36_500;
const MAX_YEARS: u32 = 100;

impl BucketSettings<'_> {
    /// Changes a bucket's record. `change` may run more than once.
    pub(crate) async fn update(
        self,
        name: &BucketName,
        change: impl FnMut(&mut BucketRecord) -> Result<(), Error> + Send,
    ) -> Result<(), Error> {
        self.update_along(name, Batch::default(), change).await
    }

    /// The same in one commit with `along`.
    async fn update_along(
        self,
        name: &BucketName,
        along: Batch,
        mut change: impl FnMut(&mut BucketRecord) -> Result<(), Error> + Send,
    ) -> Result<(), Error> {
        let key = schema::bucket(name);
        for _ in 0..ATTEMPTS {
            let stored = self.state.stored_bucket(name).await?;
            let mut record = (*stored.record).clone();
            change(&mut record)?;
            let batch = along.clone().unchanged(key.clone(), Some(stored.bytes)).put(key.clone(), record.encode());
            match self.state.meta.commit(batch).await {
                Err(arqueta_store::Error::Conflict) => {}
                result => {
                    result?;
                    self.state.config.notices.wake(&Notices::rows_of(&along));
                    return Ok(());
                }
            }
        }
        Err(arqueta_store::Error::Conflict.into())
    }

    /// Enables or suspends versioning.
    ///
    /// # Errors
    /// [`Error::InvalidBucketState`] for suspending it under object lock; [`Error::NoSuchBucket`].
    pub async fn put_versioning(self, name: &BucketName, versioning: Versioning) -> Result<(), Error> {
        self.update(name, |bucket| {
            if bucket.object_lock.is_some() && versioning != Versioning::Enabled {
                return Err(Error::InvalidBucketState {
                    message: "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
                });
            }
            if bucket.documents.contains_key(&BucketDocument::Replication) && versioning != Versioning::Enabled {
                return Err(Error::InvalidBucketState {
                    message: "A replication configuration is present on this bucket, so the versioning state cannot be changed.",
                });
            }
            // A bucket that once had versioning never returns to `Off`: it may hold versions.
            bucket.versioning = match (bucket.versioning, versioning) {
                (Versioning::Off, Versioning::Off) => Versioning::Off,
                (_, Versioning::Off) => Versioning::Suspended,
                (_, wanted) => wanted,
            };
            Ok(())
        })
        .await
    }

    /// Tags of a bucket.
    ///
    /// # Errors
    /// [`Error::NoSuchTagSet`], [`Error::NoSuchBucket`].
    pub async fn tags(self, name: &BucketName) -> Result<Tags, Error> {
        self.state.bucket(name).await?.tags.clone().ok_or(Error::NoSuchTagSet)
    }

    /// Sets the tags of a bucket, or removes them; an empty set is none.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`].
    pub async fn put_tags(self, name: &BucketName, tags: Option<Tags>) -> Result<(), Error> {
        let tags = tags.filter(|tags| !tags.is_empty());
        self.update(name, |bucket| {
            bucket.tags.clone_from(&tags);
            Ok(())
        })
        .await
    }

    /// Object lock of a bucket.
    ///
    /// # Errors
    /// [`Error::NoObjectLockConfiguration`], [`Error::NoSuchBucket`].
    pub async fn object_lock(self, name: &BucketName) -> Result<ObjectLockConfiguration, Error> {
        self.state.bucket(name).await?.object_lock.ok_or(Error::NoObjectLockConfiguration)
    }

    /// Sets object lock. It needs versioning, and cannot be switched off again.
    ///
    /// # Errors
    /// [`Error::InvalidBucketState`] without versioning; [`Error::InvalidArgument`] for a period of
    /// nothing or beyond 36,500 days or 100 years.
    pub async fn put_object_lock(self, name: &BucketName, lock: ObjectLockConfiguration) -> Result<(), Error> {
        let too_long = |period| match period {
            RetentionPeriod::Days(days) => days > MAX_DAYS,
            RetentionPeriod::Years(years) => years > MAX_YEARS,
        };
        if let Some(default) = lock.default {
            if default.period.days() == 0 {
                return Err(Error::argument("Default retention period must be a positive integer value."));
            }
            if too_long(default.period) {
                return Err(Error::argument("Default retention period too large."));
            }
        }
        self.update(name, |bucket| {
            if bucket.versioning != Versioning::Enabled {
                return Err(Error::InvalidBucketState {
                    message: "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
                });
            }
            bucket.object_lock = Some(lock);
            Ok(())
        })
        .await
    }

    /// A configuration that is kept as text.
    ///
    /// # Errors
    /// [`Error::NoSuchDocument`], [`Error::NoSuchBucket`].
    pub async fn document(self, name: &BucketName, kind: BucketDocument) -> Result<String, Error> {
        let bucket = self.state.bucket(name).await?;
        bucket.documents.get(&kind).cloned().ok_or(Error::NoSuchDocument(kind))
    }

    /// Sets who is told of events, or that nobody is; the edge has validated it. `test` sends each
    /// target of a queue or a topic an event that says so, in the commit of the change.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`], [`Error::TooManyWaiting`].
    pub async fn put_notifications(
        self,
        name: &BucketName,
        configuration: &Notifications,
        test: bool,
    ) -> Result<(), Error> {
        let text = (!configuration.rules.is_empty()).then(|| configuration.to_document());
        let now = self.state.clock.now();
        let tests = match test {
            true => self.state.config.notices.test(name, configuration, self.state.sequence.next(now, 0), now)?,
            false => Batch::default(),
        };
        self.update_along(name, tests, |bucket| {
            set(bucket, BucketDocument::Notification, text.as_ref());
            Ok(())
        })
        .await
    }

    /// Sets what of a bucket is replicated where; the edge has validated it.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] where the bucket has no versioning; [`Error::NoSuchBucket`].
    pub async fn put_replication(self, name: &BucketName, configuration: &Replication) -> Result<(), Error> {
        let text = configuration.to_document();
        self.update(name, |bucket| {
            if bucket.versioning != Versioning::Enabled {
                return Err(Error::request(
                    "Versioning must be 'Enabled' on the bucket to apply a replication configuration",
                ));
            }
            set(bucket, BucketDocument::Replication, Some(&text));
            Ok(())
        })
        .await?;
        self.state.outgoing.rules_set();
        Ok(())
    }

    /// Sets or removes a configuration that is kept as text; the edge has validated it.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`].
    pub async fn put_document(
        self,
        name: &BucketName,
        kind: BucketDocument,
        text: Option<String>,
    ) -> Result<(), Error> {
        self.update(name, |bucket| {
            set(bucket, kind, text.as_ref());
            Ok(())
        })
        .await?;
        if kind == BucketDocument::Lifecycle {
            self.state.lifecycle.changed.notify_one();
        }
        Ok(())
    }
}

fn set(bucket: &mut BucketRecord, kind: BucketDocument, text: Option<&String>) {
    match text {
        Some(text) => bucket.documents.insert(kind, text.clone()),
        None => bucket.documents.remove(&kind),
    };
}
