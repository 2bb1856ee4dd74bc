//! KMS Developer Guide, "Key states of AWS KMS keys": what each operation does in each state.

use std::collections::BTreeSet;

use arqueta_store::{Batch, MetaStore as _};

use super::*;
use crate::schema::{self, Edition, Held, KEYS, KeyRecord, Lifecycle, MultiRegion, Origin};

/// States as a key record can be put into them, in the order of [`TABLE`].
#[derive(Debug, Clone, Copy)]
enum At {
    Enabled,
    Disabled,
    PendingDeletion,
    /// Of origin `EXTERNAL`, without material.
    PendingImport,
    /// Of a custom key store whose tokens are away.
    Unavailable,
    Creating,
    Updating,
    PendingReplicaDeletion,
}

const STATES: [At; 8] = [
    At::Enabled,
    At::Disabled,
    At::PendingDeletion,
    At::PendingImport,
    At::Unavailable,
    At::Creating,
    At::Updating,
    At::PendingReplicaDeletion,
];

const OK: &str = "ok";
/// `DisabledException`.
const D: &str = "DisabledException";
/// `KMSInvalidStateException`.
const S: &str = "KMSInvalidStateException";
/// `UnsupportedOperationException`: the key's origin has no such operation.
const U: &str = "UnsupportedOperationException";

const TABLE: &[(&str, [&str; 8])] = &[
    // Enabled, Disabled, PendingDeletion, PendingImport, Unavailable, Creating, Updating, PendingReplicaDeletion
    ("CancelKeyDeletion", [S, S, OK, S, S, S, S, OK]),
    ("CreateAlias", [OK, OK, S, OK, OK, OK, OK, S]),
    ("CreateGrant", [OK, D, S, S, OK, S, OK, S]),
    ("Decrypt", [OK, D, S, S, S, S, OK, S]),
    ("DeleteImportedKeyMaterial", [U, U, U, OK, U, U, U, U]),
    ("DescribeKey", [OK, OK, OK, OK, OK, OK, OK, OK]),
    ("DisableKey", [OK, OK, S, S, OK, S, S, S]),
    ("DisableKeyRotation", [OK, D, S, U, U, S, OK, S]),
    ("EnableKey", [OK, OK, S, S, OK, S, S, S]),
    ("EnableKeyRotation", [OK, D, S, U, U, S, OK, S]),
    ("Encrypt", [OK, D, S, S, S, S, OK, S]),
    ("GenerateDataKey", [OK, D, S, S, S, S, OK, S]),
    ("GenerateDataKeyPairWithoutPlaintext", [OK, D, S, S, S, S, OK, S]),
    ("GenerateDataKeyWithoutPlaintext", [OK, D, S, S, S, S, OK, S]),
    ("GetKeyLastUsage", [OK, OK, OK, OK, OK, OK, OK, OK]),
    ("GetKeyPolicy", [OK, OK, OK, OK, OK, OK, OK, OK]),
    ("GetKeyRotationStatus", [OK, OK, OK, OK, OK, OK, OK, OK]),
    ("GetParametersForImport", [U, U, U, OK, U, U, U, U]),
    ("ListAliases", [OK, OK, OK, OK, OK, OK, OK, OK]),
    ("ListGrants", [OK, OK, OK, OK, OK, OK, OK, OK]),
    ("ListKeyPolicies", [OK, OK, OK, OK, OK, OK, OK, OK]),
    ("ListResourceTags", [OK, OK, OK, OK, OK, OK, OK, OK]),
    ("PutKeyPolicy", [OK, OK, OK, OK, OK, OK, OK, OK]),
    ("ReEncryptFrom", [OK, D, S, S, S, S, OK, S]),
    ("ReEncryptTo", [OK, D, S, S, S, S, OK, S]),
    ("RevokeGrant", [OK, OK, OK, OK, OK, OK, OK, OK]),
    ("RotateKeyOnDemand", [OK, D, S, S, U, S, OK, S]),
    ("ScheduleKeyDeletion", [OK, OK, S, OK, OK, S, S, S]),
    ("TagResource", [OK, OK, S, OK, OK, OK, OK, S]),
    ("UntagResource", [OK, OK, S, OK, OK, OK, OK, S]),
    ("UpdateAlias", [OK, OK, S, OK, OK, OK, OK, S]),
    ("UpdateKeyDescription", [OK, OK, S, OK, OK, OK, OK, S]),
];

/// A key in one state, another one that is enabled, and what there is from better days.
struct Stage {
    kms: Embedded,
    by: Caller,
    key: String,
    other: String,
    /// Under `key`, where it ever had material.
    old: Vec<u8>,
    /// Under `other`.
    foreign: Vec<u8>,
    grant: String,
}

impl Stage {
    async fn new(at: At) -> Self {
        let world = World::new().await;
        let (key, other) = (world.key().await, world.key().await);
        let (old, foreign) = (world.encrypt(&key, b"x").await, world.encrypt(&other, b"x").await);
        let alias = CreateAliasRequest { alias_name: "alias/moving".into(), target_key_id: other.to_string() };
        world.kms.create_alias(&world.root, alias).await.unwrap();
        let grant = world.kms.create_grant(&world.root, grant(key.as_str())).await.unwrap().grant_id;
        let name = format!("{KEYS}{ACCOUNT}/{}", key.key_id());
        let stored = world.meta.get(name.as_bytes()).await.unwrap().unwrap();
        let mut changed: KeyRecord = schema::decode(name.as_bytes(), &stored).unwrap();
        put(&mut changed, at, &world);
        world.meta.commit(Batch::default().put(name, schema::encode(&changed))).await.unwrap();
        let kms = world.reopened().await;
        Self { kms, by: world.root, key: key.to_string(), other: other.to_string(), old, foreign, grant }
    }
}

fn put(record: &mut KeyRecord, at: At, world: &World) {
    let deletion = arqueta_model::Clock::now(&*world.clock).plus(7 * DAY);
    record.lifecycle = match at {
        At::Enabled | At::Unavailable => Lifecycle::Enabled,
        At::Disabled => Lifecycle::Disabled,
        At::PendingDeletion => Lifecycle::PendingDeletion { at: deletion },
        At::PendingImport => Lifecycle::PendingImport,
        At::Creating => Lifecycle::Creating,
        At::Updating => Lifecycle::Updating { enabled: true },
        At::PendingReplicaDeletion => Lifecycle::PendingReplicaDeletion { window_days: 7 },
    };
    match at {
        At::PendingImport => {
            record.origin = Origin::External;
            record.versions.clear();
        }
        At::Unavailable => {
            record.origin = Origin::CloudHsm;
            record.versions[0].sealed.clear();
            record.versions[0].held = Some(Held { holder: "away".into(), name: "k".into(), adopted: false });
        }
        At::Creating | At::Updating | At::PendingReplicaDeletion => {
            record.multi_region = Some(several());
        }
        At::Enabled | At::Disabled | At::PendingDeletion => {}
    }
}

fn several() -> MultiRegion {
    MultiRegion {
        primary: "us-east-1".parse().unwrap(),
        replicas: BTreeSet::from(["eu-west-1".parse().unwrap()]),
        edition: Edition::default(),
        waiting: None,
    }
}

fn grant(key: &str) -> CreateGrantRequest {
    CreateGrantRequest {
        key_id: key.to_owned(),
        grantee_principal: format!("arn:aws:iam::{ACCOUNT}:root"),
        operations: vec!["Decrypt".into()],
        ..Default::default()
    }
}

impl Stage {
    async fn outcome(&self, operation: &str) -> Result<(), Error> {
        let (kms, by, key_id) = (&self.kms, &self.by, self.key.clone());
        let plaintext = || Blob::new(b"x".to_vec());
        match operation {
            "CancelKeyDeletion" => kms.cancel_key_deletion(by, CancelKeyDeletionRequest { key_id }).await.map(drop),
            "CreateAlias" => {
                let request = CreateAliasRequest { alias_name: "alias/new".into(), target_key_id: key_id };
                kms.create_alias(by, request).await
            }
            "CreateGrant" => kms.create_grant(by, grant(&key_id)).await.map(drop),
            "Decrypt" => {
                let request = DecryptRequest { ciphertext_blob: Blob::new(self.old.clone()), ..Default::default() };
                kms.decrypt(by, request).await.map(drop)
            }
            "DeleteImportedKeyMaterial" => {
                let request = DeleteImportedKeyMaterialRequest { key_id, key_material_id: None };
                kms.delete_imported_key_material(by, request).await.map(drop)
            }
            "DescribeKey" => kms.describe_key(by, DescribeKeyRequest { key_id }).await.map(drop),
            "DisableKey" => kms.disable_key(by, DisableKeyRequest { key_id }).await,
            "DisableKeyRotation" => kms.disable_key_rotation(by, DisableKeyRotationRequest { key_id }).await,
            "EnableKey" => kms.enable_key(by, EnableKeyRequest { key_id }).await,
            "EnableKeyRotation" => {
                kms.enable_key_rotation(by, EnableKeyRotationRequest { key_id, ..Default::default() }).await
            }
            "Encrypt" => {
                let request = EncryptRequest { key_id, plaintext: plaintext(), ..Default::default() };
                kms.encrypt(by, request).await.map(drop)
            }
            "GenerateDataKey" => kms
                .generate_data_key(by, GenerateDataKeyRequest { key_id, size: 32, ..Default::default() })
                .await
                .map(drop),
            "GenerateDataKeyPairWithoutPlaintext" => {
                let request = GenerateDataKeyPairWithoutPlaintextRequest {
                    key_id,
                    key_pair_spec: arqueta_kms::KeySpec::ECC_NIST_P256,
                    encryption_context: Default::default(),
                    dry_run: false,
                };
                kms.generate_data_key_pair_without_plaintext(by, request).await.map(drop)
            }
            "GenerateDataKeyWithoutPlaintext" => {
                let request = GenerateDataKeyWithoutPlaintextRequest { key_id, size: 32, ..Default::default() };
                kms.generate_data_key_without_plaintext(by, request).await.map(drop)
            }
            other => self.administer(other).await,
        }
    }

    async fn administer(&self, operation: &str) -> Result<(), Error> {
        let (kms, by, key_id) = (&self.kms, &self.by, self.key.clone());
        let tags = std::collections::BTreeMap::from([("a".into(), "b".into())]);
        match operation {
            "GetKeyLastUsage" => kms.get_key_last_usage(by, GetKeyLastUsageRequest { key_id }).await.map(drop),
            "GetKeyPolicy" => kms.get_key_policy(by, GetKeyPolicyRequest { key_id, policy_name: None }).await.map(drop),
            "GetKeyRotationStatus" => {
                kms.get_key_rotation_status(by, GetKeyRotationStatusRequest { key_id }).await.map(drop)
            }
            "GetParametersForImport" => {
                let request = GetParametersForImportRequest {
                    key_id,
                    wrapping_algorithm: WrappingAlgorithm::OaepSha256,
                    wrapping_key_spec: arqueta_kms::KeySpec::RSA_2048,
                };
                kms.get_parameters_for_import(by, request).await.map(drop)
            }
            "ListAliases" => {
                kms.list_aliases(by, ListAliasesRequest { key_id: Some(key_id), ..Default::default() }).await.map(drop)
            }
            "ListGrants" => kms.list_grants(by, ListGrantsRequest { key_id, ..Default::default() }).await.map(drop),
            "ListKeyPolicies" => kms.list_key_policies(by, ListKeyPoliciesRequest { key_id }).await.map(drop),
            "ListResourceTags" => {
                kms.list_resource_tags(by, ListResourceTagsRequest { key_id, ..Default::default() }).await.map(drop)
            }
            "PutKeyPolicy" => {
                let policy = kms.get_key_policy(by, GetKeyPolicyRequest { key_id: key_id.clone(), policy_name: None });
                let policy = policy.await?.policy;
                kms.put_key_policy(by, PutKeyPolicyRequest { key_id, policy, ..Default::default() }).await
            }
            "ReEncryptFrom" => self.re_encrypt(&self.old, &self.other).await,
            "ReEncryptTo" => self.re_encrypt(&self.foreign, &self.key).await,
            "RevokeGrant" => {
                kms.revoke_grant(by, RevokeGrantRequest { key_id, grant_id: self.grant.clone(), ..Default::default() })
                    .await
            }
            "RotateKeyOnDemand" => kms.rotate_key_on_demand(by, RotateKeyOnDemandRequest { key_id }).await.map(drop),
            "ScheduleKeyDeletion" => {
                let request = ScheduleKeyDeletionRequest { key_id, pending_window_in_days: None };
                kms.schedule_key_deletion(by, request).await.map(drop)
            }
            "TagResource" => kms.tag_resource(by, TagResourceRequest { key_id, tags }).await,
            "UntagResource" => {
                kms.untag_resource(by, UntagResourceRequest { key_id, tag_keys: vec!["a".into()] }).await
            }
            "UpdateAlias" => {
                let request = UpdateAliasRequest { alias_name: "alias/moving".into(), target_key_id: key_id };
                kms.update_alias(by, request).await
            }
            "UpdateKeyDescription" => {
                let request = UpdateKeyDescriptionRequest { key_id, description: "d".into() };
                kms.update_key_description(by, request).await
            }
            other => panic!("{other} is not in this test"),
        }
    }

    async fn re_encrypt(&self, ciphertext: &[u8], to: &str) -> Result<(), Error> {
        let request = ReEncryptRequest {
            ciphertext_blob: Blob::new(ciphertext.to_vec()),
            destination_key_id: to.to_owned(),
            ..Default::default()
        };
        self.kms.re_encrypt(&self.by, request).await.map(drop)
    }
}

#[tokio::test]
async fn each_operation_does_in_each_state_what_aws_documents() {
    let mut wrong = Vec::new();
    for (column, at) in STATES.into_iter().enumerate() {
        for (operation, expected) in TABLE {
            let outcome = Stage::new(at).await.outcome(operation).await;
            let found = outcome.as_ref().map_or_else(|error| error.code(), |()| OK);
            if found != expected[column] {
                wrong.push(format!("{operation} at {at:?}: {found} ({outcome:?}), not {}", expected[column]));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
