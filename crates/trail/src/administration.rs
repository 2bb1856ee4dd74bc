//! Administration: what CloudTrail's API changes and tells. The caller has authorized every call.

use arqueta_model::{AccountId, Timestamp};

use crate::name::check_prefix;
use crate::record::{Chain, Span, Status, Trail, Until};
use crate::{Error, EventSelector, PublicKey, Tag, TrailId, Trails, tag};

/// Most trails of an account (CloudTrail User Guide, "Quotas in AWS CloudTrail").
const TRAILS: usize = 5;

/// A trail to be made.
#[derive(Debug, Clone)]
pub struct NewTrail {
    /// Account and name.
    pub id: TrailId,
    /// Bucket to deliver to.
    pub bucket: String,
    /// What stands before `/AWSLogs/` in every key.
    pub prefix: Option<String>,
    /// Key id, key ARN, alias or alias ARN to encrypt log files under.
    pub kms_key: Option<String>,
    /// Whether events of IAM and STS are wanted.
    pub global_events: bool,
    /// Whether it covers every region; needs `global_events`.
    pub multi_region: bool,
    /// Whether to deliver digests.
    pub validation: bool,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// Changes of a trail; `None` leaves a setting as it is, an empty text removes it.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Bucket.
    pub bucket: Option<String>,
    /// Prefix.
    pub prefix: Option<String>,
    /// KMS key.
    pub kms_key: Option<String>,
    /// Events of IAM and STS.
    pub global_events: Option<bool>,
    /// Every region.
    pub multi_region: Option<bool>,
    /// Digests.
    pub validation: Option<bool>,
}

/// What GetTrailStatus tells.
#[derive(Debug, Clone)]
pub struct TrailStatus {
    /// Whether events of this moment will be delivered.
    pub logging: bool,
    /// Times and errors.
    pub status: Status,
}

impl Trails {
    /// Makes a trail. It does not log yet.
    ///
    /// # Errors
    /// Names and prefixes that cannot be, [`Error::TrailAlreadyExists`], [`Error::TooManyTrails`],
    /// [`Error::Destination`] for a bucket or key that does not let CloudTrail in.
    pub async fn create(&self, new: NewTrail) -> Result<Trail, Error> {
        let NewTrail { id, bucket, prefix, kms_key, global_events, multi_region, validation, tags: given } = new;
        let mut tags = Vec::new();
        tag::add(&mut tags, &given)?;
        let prefix = prefix.filter(|prefix| !prefix.is_empty());
        let kms_key = kms_key.filter(|key| !key.is_empty());
        let selectors = vec![EventSelector::default()];
        let mut trail = Trail { id, bucket, prefix, kms_key, global_events, multi_region, validation, selectors, tags };
        let others = self.directory.trails(Some(&trail.id.account)).await?;
        if others.len() >= TRAILS && others.iter().all(|other| other.id != trail.id) {
            return Err(Error::TooManyTrails { account: trail.id.account.to_string(), most: TRAILS });
        }
        if others.iter().any(|other| other.id == trail.id) {
            let TrailId { account, name } = trail.id;
            return Err(Error::TrailAlreadyExists { name, account: account.to_string() });
        }
        self.check(&mut trail).await?;
        self.directory.create(&trail).await?;
        Ok(trail)
    }

    /// Changes a trail.
    ///
    /// # Errors
    /// As [`Trails::create`], and [`Error::TrailNotFound`].
    pub async fn update(&self, id: &TrailId, changes: Changes) -> Result<Trail, Error> {
        let mut read = self.directory.trail(id).await?;
        let trail = &mut read.value;
        let text = |given: String| Some(given).filter(|given| !given.is_empty());
        if let Some(bucket) = changes.bucket {
            trail.bucket = bucket;
        }
        if let Some(prefix) = changes.prefix {
            trail.prefix = text(prefix);
        }
        if let Some(key) = changes.kms_key {
            trail.kms_key = text(key);
        }
        trail.global_events = changes.global_events.unwrap_or(trail.global_events);
        trail.multi_region = changes.multi_region.unwrap_or(trail.multi_region);
        trail.validation = changes.validation.unwrap_or(trail.validation);
        self.check(trail).await?;
        self.directory.put_trail(&read).await?;
        Ok(read.value)
    }

    /// Whether the trail can be as it says; its KMS key becomes the key's ARN.
    async fn check(&self, trail: &mut Trail) -> Result<(), Error> {
        trail.prefix.as_deref().map(check_prefix).transpose()?;
        if trail.multi_region && !trail.global_events {
            return Err(Error::ParameterCombination("Multi-Region trail must include global service events."));
        }
        let (to, folder) = (self.destination(trail)?, self.layout(trail).folder());
        let checked = self.deliver.check(&to, &folder, trail.kms_key.as_deref()).await;
        trail.kms_key = checked.map_err(|source| Error::Destination { bucket: trail.bucket.clone(), source })?;
        Ok(())
    }

    /// Removes a trail. What it has not delivered is delivered first, if it can be now; what it has
    /// stays.
    ///
    /// # Errors
    /// [`Error::TrailNotFound`], [`Error::Conflict`].
    pub async fn delete(&self, id: &TrailId) -> Result<(), Error> {
        self.directory.trail(id).await?;
        self.stop(id).await?;
        if let Err(error) = self.deliver_for(id).await {
            tracing::warn!(trail = %id.name, account = %id.account, %error, "a trail is deleted with events undelivered");
        }
        let _turn = self.turn.lock().await;
        self.directory.delete(&self.directory.trail(id).await?).await
    }

    /// One trail.
    ///
    /// # Errors
    /// [`Error::TrailNotFound`].
    pub async fn trail(&self, id: &TrailId) -> Result<Trail, Error> {
        Ok(self.directory.trail(id).await?.value)
    }

    /// The trails of an account, by name.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn of_account(&self, account: &AccountId) -> Result<Vec<Trail>, Error> {
        self.directory.trails(Some(account)).await
    }

    /// Starts to log: events from now on will be delivered. Nothing changes for a trail that logs.
    ///
    /// # Errors
    /// [`Error::TrailNotFound`].
    pub async fn start(&self, id: &TrailId) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        let trail = self.directory.trail(id).await?.value;
        let mut read = self.directory.progress(id).await?;
        if read.value.is_logging() {
            return Ok(());
        }
        let (from, now) = (self.record.end().await?, self.clock.now());
        let progress = &mut read.value;
        if trail.validation && progress.spans.is_empty() {
            progress.chain = Some(Chain::begin(progress.digested_to.map_or(now, |end| end.max(now))));
        }
        progress.spans.push_back(Span { from, until: Until::Open });
        progress.status.started = Some(now);
        self.directory.put_progress(id, &mut read).await?;
        self.select().await
    }

    /// Stops to log. The call itself is the last event: once it is recorded, [`Trails::deliver_for`]
    /// delivers what is left and closes the chain of digests.
    ///
    /// # Errors
    /// [`Error::TrailNotFound`].
    pub async fn stop(&self, id: &TrailId) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        self.directory.trail(id).await?;
        let mut read = self.directory.progress(id).await?;
        let Some(span) = read.value.spans.back_mut().filter(|span| span.until == Until::Open) else {
            return Ok(());
        };
        span.until = Until::Closing;
        read.value.status.stopped = Some(self.clock.now());
        self.directory.put_progress(id, &mut read).await?;
        self.select().await
    }

    /// How a trail does.
    ///
    /// # Errors
    /// [`Error::TrailNotFound`].
    pub async fn status(&self, id: &TrailId) -> Result<TrailStatus, Error> {
        self.directory.trail(id).await?;
        let progress = self.directory.progress(id).await?.value;
        Ok(TrailStatus { logging: progress.is_logging(), status: progress.status })
    }

    /// Sets which events a trail wants from now on. What happened before is delivered as selected
    /// then, if it can be delivered now.
    ///
    /// # Errors
    /// [`Error::TrailNotFound`], [`Error::InvalidSelectors`], [`Error::Conflict`].
    pub async fn put_selectors(&self, id: &TrailId, selectors: Vec<EventSelector>) -> Result<Trail, Error> {
        EventSelector::check(&selectors)?;
        self.directory.trail(id).await?;
        let _turn = self.turn.lock().await;
        if let Err(error) = self.advance(id).await {
            tracing::warn!(trail = %id.name, account = %id.account, %error, "events from before new selectors are still to be delivered");
        }
        let mut read = self.directory.trail(id).await?;
        read.value.selectors = selectors;
        self.directory.put_trail(&read).await?;
        self.select().await?;
        Ok(read.value)
    }

    /// Adds tags.
    ///
    /// # Errors
    /// [`Error::TrailNotFound`], [`Error::InvalidTag`], [`Error::TooManyTags`].
    pub async fn add_tags(&self, id: &TrailId, tags: &[Tag]) -> Result<(), Error> {
        let mut read = self.directory.trail(id).await?;
        tag::add(&mut read.value.tags, tags)?;
        self.directory.put_trail(&read).await
    }

    /// Removes tags by key.
    ///
    /// # Errors
    /// [`Error::TrailNotFound`].
    pub async fn remove_tags(&self, id: &TrailId, tags: &[Tag]) -> Result<(), Error> {
        let mut read = self.directory.trail(id).await?;
        tag::remove(&mut read.value.tags, tags);
        self.directory.put_trail(&read).await
    }

    /// The keys whose validity overlaps `start..=end`; a bound that is not given is now.
    ///
    /// # Errors
    /// [`Error::InvalidTimeRange`], [`Error::Sign`].
    pub async fn public_keys(&self, start: Option<Timestamp>, end: Option<Timestamp>) -> Result<Vec<PublicKey>, Error> {
        let now = self.clock.now();
        let (start, end) = (start.unwrap_or(now), end.unwrap_or(now));
        if start > end {
            return Err(Error::InvalidTimeRange);
        }
        // There is a key to show from the first time anyone asks.
        self.sign.current().await?;
        let mut keys = self.sign.public_keys().await?;
        keys.retain(|key| key.from <= end && key.to >= start);
        Ok(keys)
    }
}
