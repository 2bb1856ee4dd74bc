//! Changes to what a version's manifest does not cover: tags, locks, keys.

use arqueta_model::VersionId;
use arqueta_store::Batch;

use super::Objects;
use super::read::{Purpose, Reading};
use crate::Error;
use crate::api::{Conditions, ObjectName, Tags};
use crate::notifications::{About, Happening};
use crate::record::{Content, ObjectRecord, Record};
use crate::slots::Stored;
use crate::state::ATTEMPTS;

impl Objects<'_> {
    /// Tags of a version, and its id.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`], [`Error::NoSuchVersion`], [`Error::MethodNotAllowed`].
    pub async fn tags(self, name: &ObjectName) -> Result<(Tags, VersionId), Error> {
        let reading = self.itself(name).await?;
        Ok((reading.content().tags.clone(), reading.stored.record.version))
    }

    /// Replaces the tags of a version, or removes them. Returns the version's id.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`], [`Error::NoSuchVersion`], [`Error::MethodNotAllowed`].
    pub async fn put_tags(self, name: &ObjectName, tags: Option<Tags>) -> Result<VersionId, Error> {
        let happening = if tags.is_some() { Happening::TagsPut } else { Happening::TagsDeleted };
        self.amend(name, Some(happening), |content| {
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

    /// Changes a version in place, and tells `happening`; its last-modified time stays. `change` may run
    /// more than once.
    pub(crate) async fn amend(
        self,
        name: &ObjectName,
        happening: Option<Happening>,
        mut change: impl FnMut(&mut Content) -> Result<(), Error> + Send,
    ) -> Result<VersionId, Error> {
        let mut bucket = self.state.stored_bucket(&name.bucket).await?;
        let _held = self.state.locks.lock(&name.bucket, &name.key).await;
        for _ in 0..ATTEMPTS {
            let reading = self.itself(name).await?;
            let mut content = reading.content().clone();
            change(&mut content)?;
            let stored = reading.stored;
            let version = stored.record.version;
            let mut along = bucket.unchanged(Batch::default());
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
