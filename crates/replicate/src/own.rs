//! Buckets of this gateway as destinations.

use std::sync::Arc;

use arqueta_engine::api::{AmendReplica, MarkReplica, ObjectName, PutReplica, ReplicaPart, ReplicaParts, Versioning};
use arqueta_engine::api::{EncryptionRequest, RequestedMode};
use arqueta_engine::record::BucketRecord;
use arqueta_engine::{BodyError, Caller, Engine, EnvelopeError, Error as EngineError, KeyServiceError};
use arqueta_model::with_causes;
use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _};

use crate::access::{Access, Wish};
use crate::destination::{Destination, Failure};
use crate::item::{Address, Amendable, Item, Origin, Version, What};
use crate::reason::Reason;

/// Buckets of this gateway.
#[derive(Debug)]
pub struct OwnBuckets {
    engine: Arc<Engine>,
    access: Arc<Access>,
}

impl OwnBuckets {
    /// Those of `engine`.
    #[must_use]
    pub fn new(engine: Arc<Engine>, access: Arc<Access>) -> Self {
        Self { engine, access }
    }
}

#[async_trait]
impl Destination for OwnBuckets {
    async fn take(&self, role: &Caller, item: Item) -> Result<(), Failure> {
        let Item { from, to, what } = item;
        let bucket = self.bucket(&to).await?;
        let key = from.key.as_str();
        match what {
            What::Put(version) => {
                self.permit_put(role, &bucket, (key, &to), &version)?;
                self.put(role, from, to, *version).await
            }
            What::Marker => {
                let wish = Wish::on("s3:ReplicateDelete", key);
                self.permit(role, &bucket, &wish, Reason::DstDelObjNotPermitted)?;
                let marker = MarkReplica {
                    bucket: to.bucket,
                    key: from.key,
                    version: from.version,
                    last_modified: from.last_modified,
                };
                self.engine.replicas().delete_marker(marker).await.map(drop).map_err(|error| refused(&error))
            }
            What::Amend(now) => {
                self.permit(role, &bucket, &Wish::on("s3:ReplicateObject", key), Reason::DstPutObjectNotPermitted)?;
                self.permit(role, &bucket, &Wish::on("s3:ReplicateTags", key), Reason::DstPutTaggingNotPermitted)?;
                self.amend(from, to, now, &bucket).await
            }
        }
    }
}

impl OwnBuckets {
    async fn bucket(&self, to: &Address) -> Result<Arc<BucketRecord>, Failure> {
        let missing = || Failure::denied(Reason::DstBucketNotFound, to.bucket.as_str());
        let bucket = match self.engine.buckets().get(&to.bucket).await {
            Err(EngineError::NoSuchBucket) => return Err(missing()),
            bucket => bucket.map_err(|error| refused(&error))?,
        };
        if to.account.as_ref().is_some_and(|account| *account != bucket.owner) {
            return Err(missing());
        }
        if bucket.versioning != Versioning::Enabled {
            return Err(Failure::denied(Reason::DstBucketUnversioned, to.bucket.as_str()));
        }
        Ok(bucket)
    }

    fn permit(&self, role: &Caller, bucket: &BucketRecord, wish: &Wish<'_>, else_: Reason) -> Result<(), Failure> {
        self.access.permit(role, bucket, wish).map_err(|why| Failure::denied(else_, why))
    }

    /// What a role needs at the destination.
    fn permit_put(
        &self,
        role: &Caller,
        bucket: &BucketRecord,
        (key, to): (&str, &Address),
        version: &Version,
    ) -> Result<(), Failure> {
        let told = told(&version.encryption);
        let wish = Wish { told: &told, ..Wish::on("s3:ReplicateObject", key) };
        self.permit(role, bucket, &wish, Reason::DstPutObjectNotPermitted)?;
        if !version.amendable.tags.is_empty() {
            self.permit(role, bucket, &Wish::on("s3:ReplicateTags", key), Reason::DstPutTaggingNotPermitted)?;
        }
        if to.owner_override {
            let wish = Wish::on("s3:ObjectOwnerOverrideToBucketOwner", key);
            self.permit(role, bucket, &wish, Reason::DstPutAclNotPermitted)?;
        }
        Ok(())
    }

    async fn put(&self, role: &Caller, from: Origin, to: Address, version: Version) -> Result<(), Failure> {
        let parts = version.multipart.then(|| ReplicaParts {
            checksums: version.parts.iter().any(|part| !part.checksums.is_empty()),
            parts: version.parts.iter().map(|part| ReplicaPart { number: part.number, size: part.size }).collect(),
        });
        let replica = PutReplica {
            bucket: to.bucket,
            key: from.key,
            version: from.version,
            last_modified: from.last_modified,
            body: version.body.map_err(|error| BodyError::Other(Box::new(error))).boxed(),
            size: version.size,
            parts,
            checksum: version.checksums.first().copied(),
            headers: version.headers,
            metadata: version.metadata,
            tags: version.amendable.tags,
            storage_class: to.storage_class.unwrap_or(version.storage_class),
            encryption: version.encryption,
            retention: version.amendable.retention,
            legal_hold: version.amendable.legal_hold,
        };
        self.engine.replicas().put(role, replica).await.map(drop).map_err(|error| refused(&error))
    }

    async fn amend(&self, from: Origin, to: Address, now: Amendable, bucket: &BucketRecord) -> Result<(), Failure> {
        // Where nothing is locked, neither is a replica.
        let locks = bucket.object_lock.is_some();
        let replica = AmendReplica {
            name: ObjectName { bucket: to.bucket, key: from.key, version: Some(from.version) },
            tags: Some(now.tags),
            retention: now.retention.filter(|_| locks).map(Some),
            legal_hold: now.legal_hold.filter(|_| locks),
        };
        match self.engine.replicas().amend(replica).await {
            Err(EngineError::NoSuchVersion | EngineError::NoSuchKey { .. }) => {
                Err(Failure::denied(Reason::DstVersionNotFound, "the replica is not there"))
            }
            outcome => outcome.map_err(|error| refused(&error)),
        }
    }
}

/// What policies compare of a replica's encryption.
fn told(encryption: &EncryptionRequest) -> Vec<(&'static str, String)> {
    const MODE: &str = "s3:x-amz-server-side-encryption";
    const KEY: &str = "s3:x-amz-server-side-encryption-aws-kms-key-id";
    let under = |mode: &str, key: &Option<String>| {
        let key = key.iter().map(|key| (KEY, key.clone()));
        std::iter::once((MODE, mode.to_owned())).chain(key).collect()
    };
    match &encryption.mode {
        RequestedMode::Default | RequestedMode::Customer(_) => Vec::new(),
        RequestedMode::S3 => vec![(MODE, "AES256".to_owned())],
        RequestedMode::Kms { key, .. } => under("aws:kms", key),
        RequestedMode::DualKms { key, .. } => under("aws:kms:dsse", key),
    }
}

/// Why a bucket does not take a replica.
fn refused(error: &EngineError) -> Failure {
    let said = with_causes(error);
    let reason = match error {
        EngineError::NoSuchBucket => Reason::DstBucketNotFound,
        EngineError::InvalidBucketState { .. } => Reason::DstBucketUnversioned,
        EngineError::NoObjectLockConfiguration => Reason::DstBucketObjectLockConfigMissing,
        EngineError::ReplicaRemoved => Reason::DstObjectHardDeleted,
        EngineError::Encryption(EnvelopeError::Kms(kms)) => match &**kms {
            KeyServiceError::NotFound { .. } | KeyServiceError::InvalidKeyUsage { .. } => Reason::DstKmsKeyNotFound,
            KeyServiceError::Disabled { .. } | KeyServiceError::InvalidState { .. } => Reason::DstKmsKeyInvalidState,
            KeyServiceError::Denied { .. } => Reason::DstPutObjectNotPermitted,
            KeyServiceError::Refused { .. } => Reason::DstKmsKeyNotFound,
            _ => return Failure::Unavailable(said),
        },
        EngineError::InvalidArgument { .. } | EngineError::InvalidRequest { .. } => Reason::SrcObjectNotEligible,
        EngineError::AccessDenied { .. } | EngineError::ObjectLocked | EngineError::EntityTooLarge { .. } => {
            Reason::DstPutObjectNotPermitted
        }
        _ => return Failure::Unavailable(said),
    };
    Failure::denied(reason, said)
}
