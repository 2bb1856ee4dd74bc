//! Signing keys that the gateway uses for itself, such as for the digests of a trail. Like the key
//! behind SSE-S3 they are never listed, described, usable or deletable by users, nor in their record.

use std::fmt;
use std::sync::Arc;

use arqueta_kms::{Error, KeyManager, KeySpec, KeyUsage, MessageType, SigningAlgorithm};
use arqueta_model::Timestamp;

use crate::Embedded;
use crate::asymmetric::{Message, broken};
use crate::crypt::private::with_private;
use crate::held::new_version;
use crate::key::Key;
use crate::key::id::new_id;
use crate::own::managed::new_key;
use crate::schema::Cause;
use crate::state::change::Change;

const ALGORITHM: SigningAlgorithm = SigningAlgorithm::RSASSA_PKCS1_V1_5_SHA_256;

/// The public half of a service-owned signing key: RSA with a modulus of 2,048 bits.
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceSigningKey {
    /// SubjectPublicKeyInfo in DER (RFC 5280).
    pub spki: Vec<u8>,
    /// `RSAPublicKey` in DER (PKCS #1, RFC 8017), the form of CloudTrail's `ListPublicKeys`.
    pub pkcs1: Vec<u8>,
    /// Since when it signs.
    pub created: Timestamp,
}

impl fmt::Debug for ServiceSigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceSigningKey").field("created", &self.created).finish_non_exhaustive()
    }
}

impl Embedded {
    /// The signing key that the gateway uses for `purpose`, made on first use. The same purpose
    /// gives the same key, also after a restart.
    ///
    /// # Errors
    /// [`Error::Store`] if a new one cannot be stored.
    pub async fn service_signing_key(&self, purpose: &str) -> Result<ServiceSigningKey, Error> {
        let key = signing_key(self, purpose).await?;
        let created = key.record.created;
        with_private(self, &key, move |private| {
            let pkcs1 = private.public_pkcs1().ok_or_else(broken)?.to_vec();
            Ok(ServiceSigningKey { spki: private.public().to_vec(), pkcs1, created })
        })
        .await
    }

    /// Signs `message`, of any length, with the key of `purpose`: RSASSA-PKCS1-v1_5 with SHA-256.
    ///
    /// # Errors
    /// As [`Self::service_signing_key`].
    pub async fn sign_for_service(&self, purpose: &str, message: &[u8]) -> Result<Vec<u8>, Error> {
        let message = Message::new(ALGORITHM, MessageType::RAW, message)?;
        let key = signing_key(self, purpose).await?;
        with_private(self, &key, move |private| private.sign(ALGORITHM, &message)).await
    }
}

async fn signing_key(service: &Embedded, purpose: &str) -> Result<Arc<Key>, Error> {
    service.up_to_date().await?;
    if let Some(key) = existing_signing_key(service, purpose) {
        return Ok(key);
    }
    let mut record = new_key(service, &service.state.account, &new_id(), KeyManager::Owned, String::new());
    (record.spec, record.usage) = (KeySpec::RSA_2048, KeyUsage::SignVerify);
    purpose.clone_into(&mut record.description);
    record.versions.push(new_version(service, &record, None, Cause::Creation).await?);
    let turn = service.turn().await?;
    if let Some(key) = existing_signing_key(service, purpose) {
        return Ok(key);
    }
    service.commit(turn, vec![Change::Key(record)]).await?;
    Ok(existing_signing_key(service, purpose)
        .expect("a committed key is in the directory, and owned keys are never deleted"))
}

fn existing_signing_key(service: &Embedded, purpose: &str) -> Option<Arc<Key>> {
    let directory = service.state.directory();
    let signs = |key: &&Arc<Key>| key.record.usage == KeyUsage::SignVerify && key.record.description == purpose;
    directory.owned(&service.state.account).find(signs).cloned()
}
