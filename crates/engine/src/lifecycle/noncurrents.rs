//! Noncurrent versions that lost their place long ago.

use arqueta_model::{ObjectKey, Timestamp};
use arqueta_store::Entry;
use bytes::Bytes;

use super::Lifecycle;
use super::currents::joined;
use super::pass::{Ground, Pass, Removed, Step, What};
use super::rules::Expiry;
use crate::notifications::{About, Happening};
use crate::objects::permit_removal;
use crate::record::{ObjectRecord, Record as _};
use crate::slots::{Slot, Stored};
use crate::versions::Versions;
use crate::{Error, schema};

/// Where a walk over noncurrent versions is: versions of one key may fill several steps.
#[derive(Debug, Clone, Default)]
pub struct Noncurrents {
    /// The key of the last version seen.
    key: Option<ObjectKey>,
    /// Noncurrent versions of that key seen so far.
    newer: u32,
    /// When the version above the next one was written, where that is known.
    above: Option<Timestamp>,
}

impl Lifecycle<'_> {
    /// One step over the noncurrent versions of a bucket, from `from` or the first. Who goes on with
    /// the walk hands `walk` on; who begins in the middle begins at a key
    /// ([`Lifecycle::first_version_of`]).
    ///
    /// # Errors
    /// As [`Lifecycle::expire_currents`].
    pub async fn expire_noncurrents(
        self,
        pass: &Pass,
        walk: &mut Noncurrents,
        from: Option<Bytes>,
    ) -> Result<Step, Error> {
        let Some(ground) = self.ground(&pass.bucket).await?.filter(|ground| ground.rules.concern_noncurrents()) else {
            return Ok(Step::default());
        };
        let base = schema::noncurrents(&pass.bucket);
        let (page, step) = Step::read(&self.state.meta, &base, from).await?;
        let mut due = Vec::new();
        for Entry { key: at, value } in page {
            let place = at.get(base.len()..).and_then(schema::unescaped);
            let (Some((key, _)), Some(sequence)) = (place, schema::sequence_of(&at)) else { continue };
            if walk.key.as_ref() != Some(&key) {
                let above = self.written(pass, &key).await?;
                *walk = Noncurrents { key: Some(key.clone()), newer: 0, above };
            }
            let (newer, replaced) = (walk.newer, walk.above);
            walk.newer = newer.saturating_add(1);
            let record = value.as_ref().and_then(|bytes| ObjectRecord::decode(bytes).ok());
            // Of a damaged version its place tells, to the millisecond, when it was written.
            let written = record.as_ref().map_or_else(|| in_sequence(sequence), |record| record.last_modified);
            walk.above = Some(written);
            let (Some(bytes), Some(record), Some(replaced)) = (value, record, replaced) else { continue };
            let stored = Stored { key: at, bytes, record };
            if let Some(expiry) = expiry(pass, &ground, &key, &stored, newer, replaced) {
                due.push(self.forget(pass, &ground, key, stored, expiry));
            }
        }
        Ok(step.carry_out(due).await)
    }

    /// Where the versions of the key begin whose version stands at `at`, to go on there later.
    #[must_use]
    pub fn first_version_of(self, pass: &Pass, at: &Bytes) -> Option<Bytes> {
        let base = schema::noncurrents(&pass.bucket);
        let (key, _) = schema::unescaped(at.strip_prefix(&base[..])?)?;
        Some(schema::noncurrents_of(&pass.bucket, &key))
    }

    /// When the current version of a key was written; unknown of a damaged one.
    async fn written(self, pass: &Pass, key: &ObjectKey) -> Result<Option<Timestamp>, Error> {
        Ok(match self.state.slot(schema::current(&pass.bucket, key)).await? {
            Slot::Whole(current) => Some(current.record.last_modified),
            Slot::Empty | Slot::Damaged(_) => None,
        })
    }

    async fn forget(
        self,
        pass: &Pass,
        ground: &Ground,
        key: ObjectKey,
        stored: Stored,
        expiry: Expiry,
    ) -> Result<Option<Removed>, Error> {
        let _held = self.state.locks.lock(&pass.bucket, &key).await;
        let version = stored.record.version;
        let what = if stored.record.is_delete_marker() { What::Marker(version) } else { What::Version(version) };
        let last = stored.record.sequence;
        let removal = Versions::over(self.state).plan_removal(&pass.bucket, &key, stored).await?;
        let removal = joined(pass.guarded(ground), removal);
        let told = || Ok(About::removed(ground.bucket(), version, (&self.state.sequence, last), ground.now));
        let notices = &self.state.config.notices;
        let removal = notices.tell(removal, ground.bucket(), &key, Happening::Expired, told)?;
        match self.state.commit_freeing(removal).await {
            Err(arqueta_store::Error::Conflict) => Ok(None),
            outcome => {
                outcome?;
                Ok(Some(Removed { key, what, rule: expiry.rule }))
            }
        }
    }
}

/// By which rule a version is due, unless it is protected.
fn expiry(
    pass: &Pass,
    ground: &Ground,
    key: &ObjectKey,
    stored: &Stored,
    newer: u32,
    replaced: Timestamp,
) -> Option<Expiry> {
    permit_removal(&stored.record, false, ground.now).ok().filter(|()| !stored.record.is_owed())?;
    let content = stored.record.content.as_ref();
    let object = match content {
        Some(content) => Some((&content.tags, content.manifest().ok()?.size())),
        None => None,
    };
    let expiry = ground.rules.noncurrent_expiry(key.as_str(), object, newer, replaced, pass.calendar)?;
    (expiry.at <= ground.now).then_some(expiry)
}

fn in_sequence(sequence: u64) -> Timestamp {
    Timestamp::from_millis(i64::try_from(crate::sequence::millis(sequence)).unwrap_or(i64::MAX))
}
