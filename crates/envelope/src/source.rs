//! Source keys: from a window where bucket keys apply, from the key service otherwise.

use std::sync::Arc;

use arqueta_kms::{
    Caller, Decrypt, Error as KmsError, GenerateDataKey, KeyDescription, KeyRef, KeySpec, KeyState, KeyUsage, Kms,
    Operation,
};
use arqueta_model::{
    AccountId, Arn, BucketKeyId, BucketName, Clock, EncryptionContext, KeyArn, ObjectKey, Region, Requester, Timestamp,
};
use arqueta_seal::SourceKey;
use moka::sync::Cache;

use crate::bucket_key::{WrappedBucketKey, WrappedBucketKeys};
use crate::counters::{Counters, Direction};
use crate::in_use::{Hold, InUse};
use crate::keys::Source;
use crate::windows::{Window, Windows};
use crate::{BucketKeyConfig, Error};

/// Most window ids and key names remembered.
const REMEMBERED: u64 = 10_000;

/// A live bucket key for writing belongs to exactly this.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct WriteKey {
    pub(crate) requester: Requester,
    pub(crate) bucket: BucketName,
    pub(crate) key: KeyArn,
    /// The caller's own pairs.
    pub(crate) context: EncryptionContext,
}

/// An unwrapped bucket key for reading belongs to exactly this. Key and whole context are part of
/// it: a record whose context was edited must not profit from a window that another one opened.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ReadKey {
    pub(crate) requester: Requester,
    pub(crate) id: BucketKeyId,
    pub(crate) key: KeyArn,
    /// With `aws:s3:arn`.
    pub(crate) context: EncryptionContext,
}

/// A bucket key's name, and what keeps it in use while its window is open.
#[derive(Clone)]
pub(crate) struct Named {
    pub(crate) id: BucketKeyId,
    hold: Hold,
}

/// What a source key is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) bucket: &'a BucketName,
    pub(crate) object: &'a ObjectKey,
}

/// A source key for a new layer.
pub(crate) struct NewSource {
    pub(crate) plaintext: Arc<SourceKey>,
    pub(crate) stored: Source,
    pub(crate) key: KeyArn,
    /// Of a bucket key: keeps it in use.
    pub(crate) hold: Option<Hold>,
}

pub(crate) struct Sources {
    kms: Arc<dyn Kms>,
    wrapped: Arc<dyn WrappedBucketKeys>,
    clock: Arc<dyn Clock>,
    region: Region,
    limits: BucketKeyConfig,
    pub(crate) writing: Windows<WriteKey, Named>,
    pub(crate) reading: Windows<ReadKey, ()>,
    /// Writing windows by id, for counting bytes.
    by_id: Cache<BucketKeyId, std::sync::Weak<Window<Named>>>,
    /// What key names stood for when a window was last opened through them: open windows go on
    /// through an outage of the key service.
    resolved: Cache<(AccountId, KeyRef), (KeyDescription, Timestamp)>,
    pub(crate) counters: Counters,
    pub(crate) in_use: InUse,
}

impl Sources {
    pub(crate) fn new(
        kms: Arc<dyn Kms>,
        wrapped: Arc<dyn WrappedBucketKeys>,
        clock: Arc<dyn Clock>,
        region: Region,
        limits: BucketKeyConfig,
    ) -> Self {
        Self {
            writing: Windows::new(clock.clone(), limits),
            // What a bucket key may seal is bounded when it seals; reading ends by time alone.
            reading: Windows::new(
                clock.clone(),
                BucketKeyConfig { max_objects: u64::MAX, max_bytes: u64::MAX, ..limits },
            ),
            by_id: Cache::new(REMEMBERED),
            resolved: Cache::new(REMEMBERED),
            counters: Counters::default(),
            in_use: InUse::default(),
            kms,
            wrapped,
            clock,
            region,
            limits,
        }
    }

    /// The live bucket key for writing, or a new one.
    pub(crate) async fn bucket_key(
        &self,
        caller: &Caller,
        place: Place<'_>,
        key: &KeyRef,
        own: &EncryptionContext,
    ) -> Result<NewSource, Error> {
        let context = own.with_s3_arn(&Arn::bucket(place.bucket))?;
        let description = self.describe(caller, key).await?;
        let write_key = WriteKey {
            requester: caller.requester(),
            bucket: place.bucket.clone(),
            key: description.key.clone(),
            context: own.clone(),
        };
        let entered = self
            .writing
            .enter(&write_key, || {
                new_bucket_key(NewBucketKey {
                    kms: self.kms.clone(),
                    wrapped: self.wrapped.clone(),
                    caller: caller.clone(),
                    bucket: place.bucket.clone(),
                    key: exact(key, &description),
                    context: context.clone(),
                    created: self.clock.now(),
                    in_use: self.in_use.clone(),
                })
            })
            .await?;
        let (bucket, Named { id, hold }) = (place.bucket, entered.detail);
        if entered.opened_here {
            self.counters.miss(bucket, &description.key, Direction::Write);
            self.by_id.insert(id, Arc::downgrade(&entered.window));
            let name = (caller.identity.principal.account.clone(), key.clone());
            self.resolved.insert(name, (description.clone(), self.clock.now()));
        } else {
            self.kms.recheck(caller, Operation::GenerateDataKey, &description.key, &context).await?;
            self.counters.hit(bucket, &description.key, Direction::Write);
        }
        require_usable(&description)?;
        let (plaintext, stored) = (entered.source, Source::BucketKey(id));
        Ok(NewSource { plaintext, stored, key: description.key, hold: Some(hold) })
    }

    /// A data key for one layer of one object.
    pub(crate) async fn data_key(
        &self,
        caller: &Caller,
        place: Place<'_>,
        key: &KeyRef,
        own: &EncryptionContext,
    ) -> Result<NewSource, Error> {
        let context = own.with_s3_arn(&Arn::object(place.bucket, place.object))?;
        let description = self.describe(caller, key).await?;
        let request = GenerateDataKey { key: &exact(key, &description), context: &context };
        let data_key = self.kms.generate_data_key(caller, request).await?;
        require_usable(&description)?;
        Ok(NewSource {
            plaintext: Arc::new(data_key.plaintext),
            stored: Source::Wrapped(data_key.wrapped),
            key: data_key.key,
            hold: None,
        })
    }

    /// The bucket key `id` for reading.
    pub(crate) async fn open_bucket_key(
        &self,
        caller: &Caller,
        place: Place<'_>,
        id: BucketKeyId,
        key: &KeyArn,
        own: &EncryptionContext,
    ) -> Result<Arc<SourceKey>, Error> {
        let context = own.with_s3_arn(&Arn::bucket(place.bucket))?;
        let read_key = ReadKey { requester: caller.requester(), id, key: key.clone(), context: context.clone() };
        let entered = self
            .reading
            .enter(&read_key, || {
                let (kms, wrapped, caller) = (self.kms.clone(), self.wrapped.clone(), caller.clone());
                let (bucket, key, context) = (place.bucket.clone(), key.clone(), context.clone());
                async move {
                    let stored = wrapped.load(&bucket, id).await?.ok_or(Error::BucketKeyMissing(id))?;
                    let request = Decrypt { wrapped: &stored.wrapped, key: Some(&key), context: &context };
                    Ok((kms.decrypt(&caller, request).await?, ()))
                }
            })
            .await?;
        if entered.opened_here {
            self.counters.miss(place.bucket, key, Direction::Read);
        } else {
            self.kms.recheck(caller, Operation::Decrypt, key, &context).await?;
            self.counters.hit(place.bucket, key, Direction::Read);
        }
        Ok(entered.source)
    }

    /// A layer's own data key for reading.
    pub(crate) async fn open_data_key(
        &self,
        caller: &Caller,
        place: Place<'_>,
        wrapped: &[u8],
        key: &KeyArn,
        own: &EncryptionContext,
    ) -> Result<Arc<SourceKey>, Error> {
        let context = own.with_s3_arn(&Arn::object(place.bucket, place.object))?;
        let request = Decrypt { wrapped, key: Some(key), context: &context };
        Ok(Arc::new(self.kms.decrypt(caller, request).await?))
    }

    pub(crate) fn report_sealed(&self, id: BucketKeyId, bytes: u64) {
        if let Some(window) = self.by_id.get(&id).and_then(|window| window.upgrade()) {
            window.add_bytes(bytes);
        }
    }

    /// What `key` stands for now. While the key service is out, what it stood for when a window
    /// was last opened through it, if that window can still be open: nothing else will work.
    async fn describe(&self, caller: &Caller, key: &KeyRef) -> Result<KeyDescription, Error> {
        let description = match self.kms.describe(caller, key).await {
            Ok(description) => description,
            Err(error) if error.is_retryable() => {
                let name = (caller.identity.principal.account.clone(), key.clone());
                let (description, at) = self.resolved.get(&name).ok_or(error)?;
                let now = self.clock.now();
                if now < at || now.since(at) >= self.limits.window {
                    return Err(KmsError::Unavailable("the key's name cannot be resolved".into()).into());
                }
                description
            }
            Err(error) => return Err(error.into()),
        };
        if description.key.region() != self.region.as_str() {
            let message = format!("Invalid arn {}", description.key.region());
            return Err(KmsError::NotFound { message }.into());
        }
        Ok(description)
    }
}

/// What it takes to make a bucket key, owned: the call outlives who asked for it.
struct NewBucketKey {
    kms: Arc<dyn Kms>,
    wrapped: Arc<dyn WrappedBucketKeys>,
    caller: Caller,
    bucket: BucketName,
    key: KeyRef,
    context: EncryptionContext,
    created: Timestamp,
    in_use: InUse,
}

async fn new_bucket_key(new: NewBucketKey) -> Result<(SourceKey, Named), Error> {
    let request = GenerateDataKey { key: &new.key, context: &new.context };
    let data_key = new.kms.generate_data_key(&new.caller, request).await?;
    let id = BucketKeyId::random();
    let hold = new.in_use.hold(id);
    let wrapped = WrappedBucketKey { key: data_key.key, wrapped: data_key.wrapped, created: new.created };
    new.wrapped.store(&new.bucket, id, &wrapped).await?;
    Ok((data_key.plaintext, Named { id, hold }))
}

/// The key that was described, and no other: a name may be given another target at any moment.
fn exact(key: &KeyRef, description: &KeyDescription) -> KeyRef {
    match key {
        KeyRef::Named(_) => KeyRef::Named(description.key.as_str().to_owned()),
        KeyRef::AwsManagedS3 | KeyRef::ServiceOwned => key.clone(),
    }
}

/// Refuses keys that S3 cannot use. Asked after the key service has authorized the caller: who
/// may not use a key is not told its state.
fn require_usable(description: &KeyDescription) -> Result<(), KmsError> {
    let key = &description.key;
    if description.usage != KeyUsage::EncryptDecrypt || description.spec != KeySpec::SYMMETRIC_DEFAULT {
        let message = format!("{key} is not a symmetric encryption key, and is not valid for GenerateDataKey.");
        return Err(KmsError::InvalidKeyUsage { message });
    }
    match description.state {
        KeyState::Enabled => Ok(()),
        KeyState::Disabled => Err(KmsError::Disabled { key: key.clone() }),
        state => Err(KmsError::InvalidState { key: key.clone(), state }),
    }
}
