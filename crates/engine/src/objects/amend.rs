//! Changes to what a version's manifest does not cover: tags, locks, keys.

use arqueta_model::{ObjectKey, VersionId};
use arqueta_store::Batch;

use super::Objects;
use super::read::{Purpose, Reading};
use crate::api::{Conditions, ObjectName, Tags};
use crate::notifications::{About, Happening};
use crate::record::{BucketRecord, Content, ObjectRecord, Record};
use crate::replication::{Outgoing, Subject};
use crate::slots::Stored;
use crate::state::ATTEMPTS;
use crate::{Error, schema};

impl Objects<'_> {
    /// Tags of a version, and its id.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`], [`Error::NoSuchVersion`], [`Error::MethodNotAllowed`].
    pub async fn tags(self, name: &ObjectName) -> Result<(Tags, VersionId), Error> {
        self.tags_if(name, Conditions::default()).await
    }

    /// As [`Objects::tags`], on conditions.
    ///
    /// # Errors
    /// As [`Objects::tags`], and [`Error::Changed`] and whatever else the conditions say.
    pub async fn tags_if(self, name: &ObjectName, held: Conditions) -> Result<(Tags, VersionId), Error> {
        let reading = self.find(name, &held, Purpose::Itself).await?;
        Ok((reading.content().tags.clone(), reading.stored.record.version))
    }

    /// Replaces the tags of a version, or removes them. Returns the version's id.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`], [`Error::NoSuchVersion`], [`Error::MethodNotAllowed`].
    pub async fn put_tags(self, name: &ObjectName, tags: Option<Tags>) -> Result<VersionId, Error> {
        self.put_tags_if(name, tags, Conditions::default()).await
    }

    /// As [`Objects::put_tags`], on conditions.
    ///
    /// # Errors
    /// As [`Objects::put_tags`], and [`Error::Changed`] and whatever else the conditions say.
    pub async fn put_tags_if(
        self,
        name: &ObjectName,
        tags: Option<Tags>,
        held: Conditions,
    ) -> Result<VersionId, Error> {
        let happening = if tags.is_some() { Happening::TagsPut } else { Happening::TagsDeleted };
        self.changed(name, &held, (Some(happening), true), |content| {
            content.tags = tags.clone().unwrap_or_default();
            Ok(())
        })
        .await
    }

    /// The version that a name means, unconditionally.
    pub(crate) async fn peek(self, name: &ObjectName) -> Result<Reading, Error> {
        self.find(name, &Conditions::default(), Purpose::Answer).await
    }

    /// As [`Self::peek`], for what a delete marker has none of.
    pub(crate) async fn itself(self, name: &ObjectName) -> Result<Reading, Error> {
        self.find(name, &Conditions::default(), Purpose::Itself).await
    }

    /// Changes a version in place, tells `happening`, and lets its replicas follow; its last-modified time stays.
    /// `change` may run more than once.
    pub(crate) async fn amend(
        self,
        name: &ObjectName,
        happening: Option<Happening>,
        change: impl FnMut(&mut Content) -> Result<(), Error> + Send,
    ) -> Result<VersionId, Error> {
        self.changed(name, &Conditions::default(), (happening, true), change).await
    }

    /// As [`Objects::amend`], on conditions. What itself follows another version `goes_on` to none: two buckets that
    /// tell each other of changes made at once would exchange them for ever.
    pub(crate) async fn changed(
        self,
        name: &ObjectName,
        held: &Conditions,
        (happening, goes_on): (Option<Happening>, bool),
        mut change: impl FnMut(&mut Content) -> Result<(), Error> + Send,
    ) -> Result<VersionId, Error> {
        let mut bucket = self.state.stored_bucket(&name.bucket).await?;
        let _held = self.state.locks.lock(&name.bucket, &name.key).await;
        for _ in 0..ATTEMPTS {
            let reading = self.find(name, held, Purpose::Itself).await?;
            let mut content = reading.content().clone();
            change(&mut content)?;
            let mut stored = reading.stored;
            let version = stored.record.version;
            let mut along = bucket.unchanged(Batch::default());
            if goes_on && Outgoing::concerns(&bucket.record, &stored.record) {
                stored.record.content = Some(content.clone());
                along = self.send_change(along, &bucket.record, &name.key, &mut stored).await?;
            }
            if let Some(happening) = happening {
                let told = || {
                    let now = self.state.clock.now();
                    let sequence = self.state.sequence.next(now, stored.record.sequence);
                    let written = About::written(&bucket.record, &stored.record)?;
                    Ok(About { sequence, at: now, ..written })
                };
                along = self.state.config.notices.tell(along, &bucket.record, &name.key, happening, told)?;
            }
            if self.replace_content(stored, content, along).await? {
                return Ok(version);
            }
            bucket = self.state.same_bucket(&bucket.record).await?;
        }
        Err(arqueta_store::Error::Conflict.into())
    }

    /// Adds what lets destinations of replication have a changed version, too.
    async fn send_change(
        self,
        batch: Batch,
        bucket: &BucketRecord,
        key: &ObjectKey,
        stored: &mut Stored,
    ) -> Result<Batch, Error> {
        let standing = self.state.meta.get(&schema::standing(&bucket.name, key, stored.record.sequence)).await?;
        let at = self.state.clock.now();
        let sequence = self.state.sequence.next(at, stored.record.sequence);
        let subject = Subject { bucket, key, sequence, at };
        self.state.outgoing.intend_change(batch, &subject, &mut stored.record, standing)
    }

    /// Writes a version back with other content, on the conditions of `along`; `false` if it was
    /// changed meanwhile.
    pub(crate) async fn replace_content(self, stored: Stored, content: Content, along: Batch) -> Result<bool, Error> {
        let record = ObjectRecord { content: Some(content), ..stored.record };
        let batch = along.unchanged(stored.key.clone(), Some(stored.bytes)).put(stored.key, record.encode());
        match self.state.commit(batch).await {
            Ok(()) => Ok(true),
            Err(arqueta_store::Error::Conflict) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
