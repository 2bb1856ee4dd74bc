//! What the service enforces, rule by rule.

mod access;
mod aliases;
mod authentic;
mod backup;
mod calls;
mod contract;
mod costs;
mod crypto;
mod grants;
mod held;
mod import;
mod keys;
mod pairs;
mod quotas;
mod record;
mod regions;
mod rewrap;
mod rotation;
mod signing;
mod states;
mod stores;
mod usage;

use std::sync::Arc;
use std::time::Duration;

use arqueta_audit::testing::{Faulty, Memory as MemoryAudit};
use arqueta_kms::testing::{ACCOUNT, FixedRootKey, People, power_user, root};
use arqueta_kms::{Caller, Error};
use arqueta_model::{KeyArn, ManualClock};
use arqueta_store::MemoryMeta;

use crate::api::*;
use crate::{Config, Embedded};

const DAY: Duration = Duration::from_secs(86_400);

/// A service on doubles, and its parts.
struct World {
    kms: Embedded,
    meta: Arc<MemoryMeta>,
    audit: Arc<Faulty<MemoryAudit>>,
    clock: Arc<ManualClock>,
    people: Arc<People>,
    root: Caller,
}

impl World {
    async fn new() -> Self {
        let (meta, clock) = (Arc::new(MemoryMeta::new()), Arc::new(ManualClock::default()));
        let audit = Arc::new(Faulty::new(MemoryAudit::default()));
        let people = Arc::new(People::default());
        let kms = open(&meta, &audit, &clock, &people, [7; 32]).await.unwrap();
        Self { kms, meta, audit, clock, people, root: root(ACCOUNT) }
    }

    /// The same store opened again.
    async fn reopened(&self) -> Embedded {
        open(&self.meta, &self.audit, &self.clock, &self.people, [7; 32]).await.unwrap()
    }

    async fn key(&self) -> KeyArn {
        self.key_with(CreateKeyRequest::default()).await
    }

    async fn key_with(&self, request: CreateKeyRequest) -> KeyArn {
        self.kms.create_key(&self.root, request).await.unwrap().key_metadata.arn.parse().unwrap()
    }

    async fn encrypt(&self, key: &KeyArn, plaintext: &[u8]) -> Vec<u8> {
        let request =
            EncryptRequest { key_id: key.to_string(), plaintext: Blob::new(plaintext.to_vec()), ..Default::default() };
        self.kms.encrypt(&self.root, request).await.unwrap().ciphertext_blob.expose().to_vec()
    }

    async fn decrypt_as(&self, caller: &Caller, ciphertext: &[u8]) -> Result<DecryptResponse, Error> {
        let request = DecryptRequest { ciphertext_blob: Blob::new(ciphertext.to_vec()), ..Default::default() };
        self.kms.decrypt(caller, request).await
    }

    async fn generate_as(&self, caller: &Caller, key: &str) -> Result<GenerateDataKeyResponse, Error> {
        let request = GenerateDataKeyRequest { key_id: key.to_owned(), size: 32, ..Default::default() };
        self.kms.generate_data_key(caller, request).await
    }

    async fn disable(&self, key: &KeyArn) {
        self.kms.disable_key(&self.root, DisableKeyRequest { key_id: key.to_string() }).await.unwrap();
    }

    async fn schedule_deletion(&self, key: &KeyArn) {
        let request = ScheduleKeyDeletionRequest { key_id: key.to_string(), pending_window_in_days: Some(7) };
        self.kms.schedule_key_deletion(&self.root, request).await.unwrap();
    }

    async fn put_policy(&self, key: &KeyArn, policy: &str) -> Result<(), Error> {
        let request = PutKeyPolicyRequest {
            key_id: key.to_string(),
            policy: policy.to_owned(),
            bypass_policy_lockout_safety_check: true,
            ..Default::default()
        };
        self.kms.put_key_policy(&self.root, request).await
    }
}

async fn open(
    meta: &Arc<MemoryMeta>,
    audit: &Arc<Faulty<MemoryAudit>>,
    clock: &Arc<ManualClock>,
    people: &Arc<People>,
    root: [u8; 32],
) -> Result<Embedded, Error> {
    let config = config(root);
    let kms = Embedded::open(meta.clone(), audit.clone(), clock.clone(), config).await?;
    kms.join_identities(people.clone()).await?;
    Ok(kms)
}

fn config(root: [u8; 32]) -> Config {
    Config::new("000000000000".parse().unwrap(), "us-east-1".parse().unwrap(), Arc::new(FixedRootKey(root)))
}

/// The error code of a refusal.
fn code<T: std::fmt::Debug>(outcome: Result<T, Error>) -> &'static str {
    outcome.unwrap_err().code()
}

/// The message of a refusal.
fn message<T: std::fmt::Debug>(outcome: Result<T, Error>) -> String {
    outcome.unwrap_err().to_string()
}
