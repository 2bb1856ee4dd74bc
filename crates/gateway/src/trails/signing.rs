//! The keys that sign digests: keys of the key service that no user sees, a new one every year.

use std::sync::Arc;
use std::time::Duration;

use arqueta_keys::Embedded;
use arqueta_model::{Clock, Timestamp};
use arqueta_store::{Batch, Error as StoreError, MetaStore};
use arqueta_trail::{PublicKey, Sign, SignError};
use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Where the list of keys is stored.
const LIST: &[u8] = b"trail/keys";
/// How long a key signs.
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// The signing keys of all years.
pub(super) struct KeyRing {
    kms: Embedded,
    meta: Arc<dyn MetaStore>,
    clock: Arc<dyn Clock>,
}

/// A key of the list.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Listed {
    /// What the key service knows it by.
    purpose: String,
    from: Timestamp,
    to: Timestamp,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl KeyRing {
    pub(super) fn new(kms: Embedded, meta: Arc<dyn MetaStore>, clock: Arc<dyn Clock>) -> Self {
        Self { kms, meta, clock }
    }

    async fn list(&self) -> Result<(Vec<Listed>, Option<Bytes>), Failure> {
        let bytes = self.meta.get(LIST).await?;
        let list = bytes.as_ref().map(|bytes| serde_json::from_slice(bytes)).transpose()?.unwrap_or_default();
        Ok((list, bytes))
    }

    /// The key that signs now, made where the last one's year is over.
    async fn in_force(&self) -> Result<Listed, Failure> {
        loop {
            let now = self.clock.now();
            let (mut list, bytes) = self.list().await?;
            if let Some(last) = list.last().filter(|last| now < last.to) {
                return Ok(last.clone());
            }
            let purpose = format!("trail digests {}", list.len() + 1);
            let next = Listed { purpose, from: now, to: now.plus(YEAR) };
            self.kms.service_signing_key(&next.purpose).await?;
            list.push(next.clone());
            let batch = Batch::default().unchanged(LIST, bytes).put(LIST, serde_json::to_vec(&list)?);
            match self.meta.commit(batch).await {
                Ok(()) => return Ok(next),
                // Somebody else made it at the same time.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn public(&self, listed: &Listed) -> Result<PublicKey, Failure> {
        let der = self.kms.service_signing_key(&listed.purpose).await?.pkcs1;
        let fingerprint = hex::encode(&Sha256::digest(&der)[..16]);
        Ok(PublicKey { fingerprint, der, from: listed.from, to: listed.to })
    }

    async fn signature(&self, fingerprint: &str, message: &[u8]) -> Result<Vec<u8>, Failure> {
        for listed in self.list().await?.0.iter().rev() {
            if self.public(listed).await?.fingerprint == fingerprint {
                return Ok(self.kms.sign_for_service(&listed.purpose, message).await?);
            }
        }
        Err(format!("no signing key has the fingerprint {fingerprint}").into())
    }
}

#[async_trait]
impl Sign for KeyRing {
    async fn current(&self) -> Result<PublicKey, SignError> {
        let listed = self.in_force().await.map_err(SignError)?;
        self.public(&listed).await.map_err(SignError)
    }

    async fn sign(&self, fingerprint: &str, message: &[u8]) -> Result<Vec<u8>, SignError> {
        self.signature(fingerprint, message).await.map_err(SignError)
    }

    async fn public_keys(&self) -> Result<Vec<PublicKey>, SignError> {
        let (list, _) = self.list().await.map_err(SignError)?;
        let mut keys = Vec::with_capacity(list.len());
        for listed in &list {
            keys.push(self.public(listed).await.map_err(SignError)?);
        }
        Ok(keys)
    }
}
