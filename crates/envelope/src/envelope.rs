//! Sealing, opening and re-wrapping of objects' keys.

use std::sync::Arc;

use arqueta_kms::{Caller, KeyRef, Kms, S3Service};
use arqueta_model::{Arn, BucketName, Clock, EncryptionContext, KeyArn, ObjectId, ObjectKey, Region, SseMode};
use arqueta_seal::{BodyKey, ObjectCipher, SourceKey, WrapAad, WrapName, require_format};
use futures::future::try_join_all;

use crate::counters::Counters;
use crate::keys::{Layer, SealedKeys, Source};
use crate::source::{NewSource, Place, Sources};
use crate::{BucketKeyConfig, CustomerKey, Error, InUse, Protection, WrappedBucketKeys};

/// A new object's cipher, and the keys to be stored with it.
#[derive(Debug)]
pub struct Sealing {
    /// Seals and opens the object's content.
    pub cipher: Arc<ObjectCipher>,
    /// To be stored with the object.
    pub keys: SealedKeys,
}

/// Chooses, wraps and opens objects' keys. One for the whole gateway; share it behind `Arc`.
/// Its methods need a tokio runtime.
pub struct Envelope {
    sources: Sources,
    s3: S3Service,
}

impl Envelope {
    /// On a key service, a store of wrapped bucket keys and a clock.
    #[must_use]
    pub fn new(
        kms: Arc<dyn Kms>,
        wrapped: Arc<dyn WrappedBucketKeys>,
        clock: Arc<dyn Clock>,
        region: Region,
        config: BucketKeyConfig,
    ) -> Self {
        let s3 = S3Service::of(&region);
        Self { sources: Sources::new(kms, wrapped, clock, region, config), s3 }
    }

    /// Keys for a new object called `key` in `bucket`, with content `id`.
    ///
    /// # Errors
    /// [`Error::Kms`] with the key service's own error, also for keys that S3 cannot use;
    /// [`Error::Context`] for a caller's context that names `aws:s3:arn`;
    /// [`Error::BucketKeyStore`].
    pub async fn seal(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        key: &ObjectKey,
        id: ObjectId,
        protection: &Protection,
    ) -> Result<Sealing, Error> {
        let bodies: Vec<_> = (0..layers(protection.mode())).map(|_| BodyKey::random()).collect();
        let keys = self.wrap(caller, Place { bucket, object: key }, id, protection, &bodies).await?;
        Ok(Sealing { cipher: Arc::new(ObjectCipher::new(id, bodies)), keys })
    }

    /// The cipher of a stored object. `customer` is the key that the request brought, if any.
    ///
    /// # Errors
    /// [`Error::Kms`]; [`Error::CustomerKeyRequired`], [`Error::CustomerKeyWrong`],
    /// [`Error::CustomerKeyNotApplicable`]; [`Error::Seal`] and [`Error::BucketKeyMissing`] for
    /// keys that are not this object's.
    pub async fn open(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        key: &ObjectKey,
        id: ObjectId,
        keys: &SealedKeys,
        customer: Option<&CustomerKey>,
    ) -> Result<Arc<ObjectCipher>, Error> {
        let bodies = self.unwrap(caller, Place { bucket, object: key }, id, keys, customer).await?;
        Ok(Arc::new(ObjectCipher::new(id, bodies)))
    }

    /// Keys that protect the same content as `to` says (UpdateObjectEncryption). The body key,
    /// and so every sealed byte, the manifest's tag and the ETag, stay as they are.
    ///
    /// # Errors
    /// As for [`Envelope::open`] and [`Envelope::seal`]; [`Error::NotRewrappable`] where a
    /// customer's key is involved or the number of layers differs.
    pub async fn rewrap(
        &self,
        caller: &Caller,
        bucket: &BucketName,
        key: &ObjectKey,
        id: ObjectId,
        keys: &SealedKeys,
        to: &Protection,
    ) -> Result<SealedKeys, Error> {
        let (from, mode) = (keys.mode, to.mode());
        if from == SseMode::Customer || mode == SseMode::Customer || layers(from) != layers(mode) {
            return Err(Error::NotRewrappable { from, to: mode });
        }
        let place = Place { bucket, object: key };
        let bodies = self.unwrap(caller, place, id, keys, None).await?;
        self.wrap(caller, place, id, to, &bodies).await
    }

    /// Counts `bytes` of plaintext as sealed under `keys`, towards
    /// [`BucketKeyConfig::max_bytes`] of its bucket key's window.
    pub fn report_sealed(&self, keys: &SealedKeys, bytes: u64) {
        if let Some(id) = keys.bucket_key() {
            self.sources.report_sealed(id, bytes);
        }
    }

    /// Hits, misses and calls saved, per bucket, key and direction.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.sources.counters
    }

    /// Bucket keys that this process may still write into a record.
    #[must_use]
    pub const fn in_use(&self) -> &InUse {
        &self.sources.in_use
    }

    async fn wrap(
        &self,
        caller: &Caller,
        place: Place<'_>,
        id: ObjectId,
        protection: &Protection,
        bodies: &[BodyKey],
    ) -> Result<SealedKeys, Error> {
        let bucket_arn = Arn::bucket(place.bucket);
        let name = WrapName { bucket_arn: &bucket_arn, object_key: place.object, object_id: id };
        let mode = protection.mode();
        let (sources, context) = match protection {
            Protection::Customer(customer) => {
                let layers = wrap_layers(bodies, [(customer.source(), Source::Customer)], &name, mode, None);
                return Ok(SealedKeys::new(mode, None, EncryptionContext::default(), layers, Some(customer.md5())));
            }
            Protection::ServiceKey => {
                let (caller, none) = (self.s3.itself(caller), EncryptionContext::default());
                (vec![self.sources.bucket_key(&caller, place, &KeyRef::ServiceOwned, &none).await?], none)
            }
            Protection::Kms { key, context, bucket_key: true } => {
                let caller = self.s3.for_caller(caller);
                (vec![self.sources.bucket_key(&caller, place, key, context).await?], context.clone())
            }
            Protection::Kms { key, context, bucket_key: false } | Protection::DualKms { key, context } => {
                let caller = self.s3.for_caller(caller);
                let calls = bodies.iter().map(|_| self.sources.data_key(&caller, place, key, context));
                (try_join_all(calls).await?, context.clone())
            }
        };
        let key = one_key(&sources)?;
        let hold = sources.iter().find_map(|source| source.hold.clone());
        let pairs = sources.into_iter().map(|source| (source.plaintext, source.stored)).collect::<Vec<_>>();
        let pairs = pairs.iter().map(|(plaintext, stored)| (&**plaintext, stored.clone()));
        let layers = wrap_layers(bodies, pairs, &name, mode, Some(&key));
        Ok(SealedKeys::new(mode, Some(key), context, layers, None).holding(hold))
    }

    async fn unwrap(
        &self,
        caller: &Caller,
        place: Place<'_>,
        id: ObjectId,
        keys: &SealedKeys,
        customer: Option<&CustomerKey>,
    ) -> Result<Vec<BodyKey>, Error> {
        require_format(keys.version)?;
        if keys.layers.len() != layers(keys.mode) {
            return Err(arqueta_seal::Error::Authentication.into());
        }
        let bucket_arn = Arn::bucket(place.bucket);
        let name = WrapName { bucket_arn: &bucket_arn, object_key: place.object, object_id: id };
        if keys.mode == SseMode::Customer {
            let customer = customer.ok_or(Error::CustomerKeyRequired)?;
            if keys.customer_md5 != Some(customer.md5()) {
                return Err(Error::CustomerKeyWrong);
            }
            return Ok(vec![unwrap_layer(keys, 0, customer.source(), &name)?]);
        }
        if customer.is_some() {
            return Err(Error::CustomerKeyNotApplicable);
        }
        let caller = match keys.mode {
            SseMode::S3 => self.s3.itself(caller),
            _ => self.s3.for_caller(caller),
        };
        let key = keys.key.as_ref().ok_or(arqueta_seal::Error::Authentication)?;
        let opened =
            try_join_all(keys.layers.iter().map(|layer| self.open_source(&caller, place, layer, key, keys))).await?;
        opened.iter().enumerate().map(|(at, source)| unwrap_layer(keys, at, source, &name)).collect()
    }

    async fn open_source(
        &self,
        caller: &Caller,
        place: Place<'_>,
        layer: &Layer,
        key: &KeyArn,
        keys: &SealedKeys,
    ) -> Result<Arc<SourceKey>, Error> {
        match &layer.source {
            Source::BucketKey(id) => self.sources.open_bucket_key(caller, place, *id, key, &keys.context).await,
            Source::Wrapped(wrapped) => self.sources.open_data_key(caller, place, wrapped, key, &keys.context).await,
            Source::Customer => Err(arqueta_seal::Error::Authentication.into()),
        }
    }

    #[cfg(test)]
    pub(crate) const fn sources(&self) -> &Sources {
        &self.sources
    }
}

/// How many layers content has in `mode`.
const fn layers(mode: SseMode) -> usize {
    match mode {
        SseMode::DualKms => 2,
        SseMode::S3 | SseMode::Kms | SseMode::Customer => 1,
    }
}

/// The KMS key of all layers. A name that was given another target between two calls is an
/// outage of a moment: an object names one key.
fn one_key(sources: &[NewSource]) -> Result<KeyArn, Error> {
    let key = &sources.first().expect("a sealed object has at least one layer").key;
    if sources.iter().any(|source| source.key != *key) {
        return Err(arqueta_kms::Error::Unavailable("the key's name changed its target".into()).into());
    }
    Ok(key.clone())
}

fn wrap_layers<'a>(
    bodies: &[BodyKey],
    sources: impl IntoIterator<Item = (&'a SourceKey, Source)>,
    name: &WrapName<'_>,
    mode: SseMode,
    key: Option<&KeyArn>,
) -> Vec<Layer> {
    let layer = |(at, (body, (source, stored))): (u8, (&BodyKey, (&SourceKey, Source)))| {
        let aad = WrapAad { mode, layer: at, key_arn: key, bucket_key: stored.bucket_key() };
        let wrapped = body.wrap(source, name, &aad);
        Layer::new(stored, wrapped)
    };
    (0..).zip(bodies.iter().zip(sources)).map(layer).collect()
}

fn unwrap_layer(keys: &SealedKeys, at: usize, source: &SourceKey, name: &WrapName<'_>) -> Result<BodyKey, Error> {
    let layer = &keys.layers[at];
    let aad = WrapAad {
        mode: keys.mode,
        layer: u8::try_from(at).expect("there are at most two layers"),
        key_arn: keys.key.as_ref(),
        bucket_key: layer.source.bucket_key(),
    };
    Ok(BodyKey::unwrap(&layer.wrapped(), source, name, &aad)?)
}
