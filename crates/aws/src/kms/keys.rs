//! Shapes of the making, describing and listing of keys, and of multi-Region keys.

use arqueta_keys::api::{
    CreateKeyRequest, CreateKeyResponse, DescribeKeyRequest, ListKeysRequest, NewOrigin, ReplicateKeyRequest,
    ReplicateKeyResponse, UpdatePrimaryRegionRequest,
};
use arqueta_kms::{Error, KeySpec, KeyUsage};
use arqueta_model::Region;
use serde::Deserialize;
use serde_json::{Value, json};

use super::limits;
use super::parameters::{MAX_DESCRIPTION, MAX_POLICY, limit, marker};
use super::shape::{Shape, Told};
use super::tags::{self, TagShape};
use super::wire::{Json, answers};

const USAGES: &[&str] = &["SIGN_VERIFY", "ENCRYPT_DECRYPT", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT"];
const ORIGINS: &[&str] = &["AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"];
/// Specs and the usage of key encapsulation, which AWS has and this service does not.
const ENCAPSULATION: [&str; 4] = ["ML_KEM_512", "ML_KEM_768", "ML_KEM_1024", "ENCAPSULATE_DECAPSULATE"];
/// Keys of other accounts, shared by AWS's Resource Access Manager.
const SHARED: &str = "OTHER_ACCOUNTS_VIA_RAM";

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct CreateKey {
    policy: Option<String>,
    description: Option<String>,
    key_usage: Option<String>,
    customer_master_key_spec: Option<String>,
    key_spec: Option<String>,
    origin: Option<String>,
    custom_key_store_id: Option<String>,
    bypass_policy_lockout_safety_check: bool,
    tags: Vec<TagShape>,
    multi_region: Option<bool>,
    xks_key_id: Option<String>,
}

impl Shape for CreateKey {
    type Request = CreateKeyRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        let (one, other) = (self.key_spec.as_deref(), self.customer_master_key_spec.as_deref());
        told.with("description", self.description.as_deref().unwrap_or_default());
        told.with("keyUsage", self.key_usage.as_deref().unwrap_or(KeyUsage::EncryptDecrypt.name()));
        told.with("keySpec", one.or(other).unwrap_or(KeySpec::SYMMETRIC_DEFAULT.name()));
        told.with("origin", self.origin.as_deref().unwrap_or(NewOrigin::AwsKms.name()));
        told.with("bypassPolicyLockoutSafetyCheck", self.bypass_policy_lockout_safety_check);
        told.with("multiRegion", self.multi_region.unwrap_or(false));
        told.maybe("customKeyStoreId", self.custom_key_store_id.as_deref());
        told.maybe("policy", self.policy.as_deref()).maybe("tags", tags::told(&self.tags));
        let (key_spec, key_usage) = self.kind()?;
        let origin = self.new_origin()?;
        let description = self.description.unwrap_or_default();
        limits::length(&description, "description", 0, MAX_DESCRIPTION)?;
        let tags = tags::checked(self.tags)?;
        self.policy.as_deref().map_or(Ok(()), |policy| limits::length(policy, "policy", 1, MAX_POLICY))?;
        Ok(CreateKeyRequest {
            policy: self.policy,
            description,
            key_usage,
            key_spec,
            origin,
            bypass_policy_lockout_safety_check: self.bypass_policy_lockout_safety_check,
            tags,
            multi_region: self.multi_region == Some(true),
        })
    }

    fn elements(answer: &CreateKeyResponse) -> Value {
        json!({ "keyMetadata": Json(&answer.key_metadata) })
    }
}

impl CreateKey {
    /// The spec and usage that are asked for; encapsulation is refused by name.
    fn kind(&self) -> Result<(KeySpec, KeyUsage), Error> {
        let usage = self.key_usage.as_deref().unwrap_or(KeyUsage::EncryptDecrypt.name());
        let spec = match (self.key_spec.as_deref(), self.customer_master_key_spec.as_deref()) {
            (Some(one), Some(other)) if one != other => {
                return Err(limits::invalid(
                    "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.",
                ));
            }
            (one, other) => one.or(other).unwrap_or(KeySpec::SYMMETRIC_DEFAULT.name()),
        };
        for (member, value) in [("KeySpec", spec), ("KeyUsage", usage)] {
            if ENCAPSULATION.contains(&value) {
                return Err(limits::unsupported(&format!("{member} {value}")));
            }
        }
        let usage = limits::named(usage, "keyUsage", USAGES, |name| {
            let all = KeySpec::ALL.into_iter().flat_map(|spec| spec.usages());
            all.copied().find(|usage| usage.name() == name)
        })?;
        let spec = limits::named(spec, "keySpec", &KeySpec::ALL.map(KeySpec::name), KeySpec::named)?;
        if self.key_usage.is_none() && !matches!(spec, KeySpec::SYMMETRIC_DEFAULT | KeySpec::SM2) {
            return Err(limits::invalid(
                "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
            ));
        }
        Ok((spec, usage))
    }

    fn new_origin(&self) -> Result<NewOrigin, Error> {
        let origin = self.origin.as_deref().unwrap_or(NewOrigin::AwsKms.name());
        limits::member_of(origin, "origin", ORIGINS)?;
        if self.xks_key_id.is_some() {
            return Err(limits::unsupported("XksKeyId"));
        }
        match (origin, &self.custom_key_store_id) {
            ("AWS_KMS", None) => Ok(NewOrigin::AwsKms),
            ("EXTERNAL", None) => Ok(NewOrigin::External),
            ("AWS_CLOUDHSM", Some(id)) => Ok(NewOrigin::CustomKeyStore(id.clone())),
            ("AWS_CLOUDHSM", None) => Err(limits::invalid("Origin AWS_CLOUDHSM needs a CustomKeyStoreId.")),
            ("AWS_KMS" | "EXTERNAL", Some(_)) => {
                Err(limits::invalid(format!("CustomKeyStoreId does not go with Origin {origin}.")))
            }
            _ => Err(limits::unsupported(&format!("Origin {origin}"))),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct DescribeKey {
    key_id: String,
    grant_tokens: Vec<String>,
}

impl Shape for DescribeKey {
    type Request = DescribeKeyRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("keyId", self.key_id.as_str());
        limits::grant_tokens(&self.grant_tokens)?;
        Ok(DescribeKeyRequest { key_id: self.key_id })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListKeys {
    limit: Option<i64>,
    marker: Option<String>,
    resource_owners: Vec<String>,
}

impl Shape for ListKeys {
    type Request = ListKeysRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.maybe("limit", self.limit).maybe("marker", self.marker.as_deref());
        for owner in &self.resource_owners {
            limits::member_of(owner, "resourceOwners", &["SELF", SHARED])?;
            if owner == SHARED {
                return Err(limits::unsupported(&format!("ResourceOwners {SHARED}")));
            }
        }
        Ok(ListKeysRequest { limit: limit(self.limit, 1000)?, marker: marker(self.marker.as_deref())? })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ReplicateKey {
    key_id: String,
    replica_region: String,
    policy: Option<String>,
    bypass_policy_lockout_safety_check: bool,
    description: Option<String>,
    tags: Vec<TagShape>,
}

impl Shape for ReplicateKey {
    type Request = ReplicateKeyRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("keyId", self.key_id.as_str()).with("replicaRegion", self.replica_region.as_str());
        told.with("bypassPolicyLockoutSafetyCheck", self.bypass_policy_lockout_safety_check);
        told.maybe("policy", self.policy.as_deref()).maybe("description", self.description.as_deref());
        told.maybe("tags", tags::told(&self.tags));
        let replica_region = region(&self.replica_region, "replicaRegion")?;
        let description = self.description.unwrap_or_default();
        limits::length(&description, "description", 0, MAX_DESCRIPTION)?;
        let tags = tags::checked(self.tags)?;
        self.policy.as_deref().map_or(Ok(()), |policy| limits::length(policy, "policy", 1, MAX_POLICY))?;
        let bypass_policy_lockout_safety_check = self.bypass_policy_lockout_safety_check;
        let (key_id, policy) = (self.key_id, self.policy);
        Ok(ReplicateKeyRequest {
            key_id,
            replica_region,
            policy,
            bypass_policy_lockout_safety_check,
            description,
            tags,
        })
    }

    fn elements(answer: &ReplicateKeyResponse) -> Value {
        json!(Json(answer))
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct UpdatePrimaryRegion {
    key_id: String,
    primary_region: String,
}

impl Shape for UpdatePrimaryRegion {
    type Request = UpdatePrimaryRegionRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("keyId", self.key_id.as_str()).with("primaryRegion", self.primary_region.as_str());
        let primary_region = region(&self.primary_region, "primaryRegion")?;
        Ok(UpdatePrimaryRegionRequest { key_id: self.key_id, primary_region })
    }
}

answers! {
    CreateKeyResponse { "KeyMetadata": key_metadata }
    DescribeKeyResponse { "KeyMetadata": key_metadata }
    KeyMetadata {
        "AWSAccountId": aws_account_id,
        "KeyId": key_id,
        "Arn": arn,
        "CreationDate": creation_date,
        "Enabled": enabled,
        "Description": description,
        "KeyUsage": key_usage,
        "KeyState": key_state,
        "DeletionDate": deletion_date,
        "Origin": origin,
        "ExpirationModel": expiration_model,
        "ValidTo": valid_to,
        "KeyManager": key_manager,
        "CustomerMasterKeySpec": customer_master_key_spec,
        "KeySpec": key_spec,
        "MultiRegion": multi_region,
        "MultiRegionConfiguration": multi_region_configuration,
        "PendingDeletionWindowInDays": pending_deletion_window_in_days,
        "CustomKeyStoreId": custom_key_store_id,
        "CloudHsmClusterId": cloud_hsm_cluster_id,
        "CurrentKeyMaterialId": current_key_material_id,
    } + algorithms(algorithms)
    MultiRegionConfiguration {
        "MultiRegionKeyType": multi_region_key_type,
        "PrimaryKey": primary_key,
        "ReplicaKeys": replica_keys,
    }
    MultiRegionKey { "Arn": arn, "Region": region }
    ListKeysResponse { "Keys": keys } + page(next_marker)
    KeyListEntry { "KeyId": key_id, "KeyArn": key_arn }
    ReplicateKeyResponse {
        "ReplicaKeyMetadata": replica_key_metadata,
        "ReplicaPolicy": replica_policy,
        "ReplicaTags": replica_tags,
    }
}

/// A Region's name, as the KMS API takes it.
fn region(name: &str, member: &str) -> Result<Region, Error> {
    limits::length(name, member, 1, 32)?;
    let parts: Vec<_> = name.split('-').collect();
    let (number, words) = parts.split_last().map_or(("", &[][..]), |(number, words)| (*number, words));
    let fits = matches!(words.len(), 2 | 3)
        && words.iter().all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()))
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit());
    name.parse().ok().filter(|_| fits).ok_or_else(|| {
        limits::constraint(name, member, r"Member must satisfy regular expression pattern: ^([a-z]+-){2,3}\d+$")
    })
}
