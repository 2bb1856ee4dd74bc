//! Current versions that are too old, and delete markers that hide nothing any more.

use arqueta_model::ObjectKey;
use arqueta_store::{Batch, Entry, Scan};
use bytes::Bytes;

use super::Lifecycle;
use super::pass::{Ground, Pass, Removed, Step, What};
use super::rules::Expiry;
use crate::api::Versioning;
use crate::notifications::{About, Happening};
use crate::objects::permit_removal;
use crate::record::{ObjectRecord, Record as _};
use crate::slots::{Slot, Stored};
use crate::versions::{NewVersion, Versions};
use crate::{Error, schema};

impl Lifecycle<'_> {
    /// One step over the current versions of a bucket, from `from` or the first.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Damaged`] for rules that cannot be read; what was done stays done.
    pub async fn expire_currents(self, pass: &Pass, from: Option<Bytes>) -> Result<Step, Error> {
        let Some(ground) = self.ground(&pass.bucket).await?.filter(|ground| ground.rules.concern_currents()) else {
            return Ok(Step::default());
        };
        let base = schema::currents(&pass.bucket);
        let (page, step) = Step::read(&self.state.meta, &base, from).await?;
        let due = page.into_iter().filter_map(|entry| self.due(pass, &ground, &base, entry));
        let due = due.map(|(key, stored, expiry)| self.expire(pass, &ground, key, stored, expiry)).collect();
        Ok(step.carry_out(due).await)
    }

    /// What of a page is due, as read.
    fn due(self, pass: &Pass, ground: &Ground, base: &[u8], entry: Entry) -> Option<(ObjectKey, Stored, Expiry)> {
        let Entry { key: at, value } = entry;
        let key: ObjectKey = std::str::from_utf8(at.get(base.len()..)?).ok()?.parse().ok()?;
        let bytes = value?;
        let record = ObjectRecord::decode(&bytes).ok().filter(|record| !record.is_owed())?;
        let written = record.last_modified;
        let expiry = match &record.content {
            Some(content) => {
                let size = content.manifest().ok()?.size();
                ground.rules.expiry(key.as_str(), &content.tags, size, written, pass.calendar)
            }
            None => ground.rules.marker_expiry(key.as_str(), written, pass.calendar),
        };
        let expiry = expiry.filter(|expiry| expiry.at <= ground.now)?;
        Some((key, Stored { key: at, bytes, record }, expiry))
    }

    /// Removes or hides what is due, if it still is what was read.
    async fn expire(
        self,
        pass: &Pass,
        ground: &Ground,
        key: ObjectKey,
        stored: Stored,
        expiry: Expiry,
    ) -> Result<Option<Removed>, Error> {
        let _held = self.state.locks.lock(&pass.bucket, &key).await;
        let version = stored.record.version;
        let guarded = pass.guarded(ground);
        let last = stored.record.sequence;
        let told = || Ok(About::removed(ground.bucket(), version, (&self.state.sequence, last), ground.now));
        let notices = &self.state.config.notices;
        let tell = |batch| notices.tell(batch, ground.bucket(), &key, Happening::Expired, told);
        let (batch, what) = match (stored.record.is_delete_marker(), ground.bucket().versioning) {
            (true, _) => {
                let below = schema::noncurrents_of(&pass.bucket, &key);
                if !self.state.meta.page(Scan::prefix(&below, 1)).await?.is_empty() {
                    return Ok(None);
                }
                let removal = Versions::over(self.state).plan_removal(&pass.bucket, &key, stored).await?;
                (tell(joined(guarded, removal))?, What::Marker(version))
            }
            (false, Versioning::Off) => {
                if permit_removal(&stored.record, false, ground.now).is_err() {
                    return Ok(None);
                }
                let removal = Versions::over(self.state).plan_removal(&pass.bucket, &key, stored).await?;
                (tell(joined(guarded, removal))?, What::Object)
            }
            (false, Versioning::Enabled | Versioning::Suspended) => {
                let marker = NewVersion { content: None, happening: Happening::ExpiredMarker, along: guarded };
                let (batch, added) = Versions::over(self.state)
                    .plan_addition(&ground.stored, &key, Slot::Whole(stored), &marker)
                    .await?;
                (batch, What::Hidden(added.version.unwrap_or(arqueta_model::VersionId::Null)))
            }
        };
        match self.state.commit_freeing(batch).await {
            // Written anew, removed, or the rules are others: the next round looks again.
            Err(arqueta_store::Error::Conflict) => Ok(None),
            outcome => {
                outcome?;
                Ok(Some(Removed { key, what, rule: expiry.rule }))
            }
        }
    }
}

/// Both, as one.
pub(super) fn joined(mut batch: Batch, other: Batch) -> Batch {
    batch.preconditions.extend(other.preconditions);
    batch.writes.extend(other.writes);
    batch
}
