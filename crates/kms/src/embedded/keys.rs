//! Keys: creation, description, listing and states (KMS Developer Guide, "Key states of AWS KMS keys").

use std::sync::Arc;

use serde_json::json;

use super::Embedded;
use super::access::{Ask, parse_policy};
use super::call::Call;
use super::ciphertext::MAX_KEY_ID;
use super::directory::Key;
use super::limits::{self, refused, unsupported};
use super::managed::{default_policy, new_id};
use super::page::page;
use super::record::{KeyRecord, Lifecycle};
use super::resolve::{Names, Target};
use super::rotation::days;
use super::state::Change;
use super::tags;
use crate::api::{
    CancelKeyDeletionRequest, CancelKeyDeletionResponse, CreateKeyRequest, CreateKeyResponse, DescribeKeyRequest,
    DescribeKeyResponse, DisableKeyRequest, EnableKeyRequest, EpochSeconds, KeyListEntry, KeyMetadata, ListKeysRequest,
    ListKeysResponse, ScheduleKeyDeletionRequest, ScheduleKeyDeletionResponse, UpdateKeyDescriptionRequest,
};
use crate::{Caller, Error, KeyManager, KeyState};

const MAX_DESCRIPTION: usize = 8192;
const USAGES: &[&str] = &["SIGN_VERIFY", "ENCRYPT_DECRYPT", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT"];
const ORIGINS: &[&str] = &["AWS_KMS", "EXTERNAL", "AWS_CLOUDHSM", "EXTERNAL_KEY_STORE"];
const SPECS: &[&str] = &[
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_SECG_P256K1",
    "SYMMETRIC_DEFAULT",
    "HMAC_224",
    "HMAC_256",
    "HMAC_384",
    "HMAC_512",
    "SM2",
    "ML_DSA_44",
    "ML_DSA_65",
    "ML_DSA_87",
    "ECC_NIST_EDWARDS25519",
];

impl Embedded {
    /// `CreateKey`. Other specs, usages and origins than a symmetric encryption key of this
    /// service are `UnsupportedOperationException`.
    ///
    /// # Errors
    /// As the API names them.
    pub async fn create_key(&self, caller: &Caller, request: CreateKeyRequest) -> Result<CreateKeyResponse, Error> {
        self.create(caller, None, request).await
    }

    /// As `CreateKey`, under a key id of the operator's choice: 1 to 128 of `A-Za-z0-9-`.
    /// A key that exists already is answered as it is, so that a start can ask for it every time.
    ///
    /// # Errors
    /// As [`Self::create_key`].
    pub async fn provision_key(
        &self,
        caller: &Caller,
        key_id: &str,
        request: CreateKeyRequest,
    ) -> Result<CreateKeyResponse, Error> {
        if let Some(key) = self.find(&caller.identity.principal.account, key_id) {
            return Ok(CreateKeyResponse { key_metadata: metadata(&key) });
        }
        self.create(caller, Some(key_id), request).await
    }

    async fn create(
        &self,
        caller: &Caller,
        id: Option<&str>,
        request: CreateKeyRequest,
    ) -> Result<CreateKeyResponse, Error> {
        let mut call = Call::writes(caller, "CreateKey")
            .with("description", request.description.as_deref().unwrap_or_default())
            .with("keyUsage", request.key_usage.as_deref().unwrap_or("ENCRYPT_DECRYPT"))
            .with("keySpec", request.key_spec.as_deref().unwrap_or("SYMMETRIC_DEFAULT"))
            .with("origin", request.origin.as_deref().unwrap_or("AWS_KMS"))
            .with("bypassPolicyLockoutSafetyCheck", request.bypass_policy_lockout_safety_check)
            .with("multiRegion", request.multi_region.unwrap_or(false))
            .maybe("policy", request.policy.as_deref())
            .maybe("tags", (!request.tags.is_empty()).then(|| json!(request.tags)));
        let outcome = self.create_in(&mut call, id, request).await;
        self.finish(call, outcome).await
    }

    async fn create_in(
        &self,
        call: &mut Call<'_>,
        id: Option<&str>,
        request: CreateKeyRequest,
    ) -> Result<CreateKeyResponse, Error> {
        check_kind(&request)?;
        let description = request.description.unwrap_or_default();
        limits::length(&description, "description", 0, MAX_DESCRIPTION)?;
        let wanted = tags::checked(request.tags)?;
        let account = &call.caller.identity.principal.account;
        let ask_tags = tags::conditions(&wanted);
        self.authorize_account(Ask::new(call.caller, "CreateKey").conditions(&tags::borrowed(&ask_tags)), "*")?;
        if !wanted.is_empty() {
            self.authorize_account(Ask::new(call.caller, "TagResource").conditions(&tags::borrowed(&ask_tags)), "*")?;
        }
        let policy = request.policy.unwrap_or_else(|| default_policy(account));
        let id = id.map_or_else(|| Ok(new_id()), checked_id)?;
        let mut record = self.new_key(account, &id, KeyManager::Customer, policy);
        record.description = description;
        record.tags = wanted;
        if !request.bypass_policy_lockout_safety_check {
            self.check_lockout(call.caller, &record)?;
        }
        let turn = self.turn().await?;
        if self.find_any(account, &id).is_some() {
            return Err(refused("AlreadyExistsException", format!("Key {id} already exists")));
        }
        call.touches(&record.arn(&self.state.region));
        self.commit(turn, vec![Change::Key(record)]).await?;
        let key = self.find(account, &id).ok_or_else(|| super::resolve::no_such_key(&id))?;
        let key_metadata = metadata(&key);
        call.answers(json!({ "keyMetadata": key_metadata }));
        Ok(CreateKeyResponse { key_metadata })
    }

    /// Refuses a policy under which its author could not put another one.
    pub(super) fn check_lockout(&self, caller: &Caller, record: &KeyRecord) -> Result<(), Error> {
        let policy = parse_policy(&record.policy)?;
        let key = Key::new(&self.state.region, record.clone(), bytes::Bytes::new(), None)?;
        if self.keeps_control(caller, &key, &policy) {
            return Ok(());
        }
        Err(refused(
            "MalformedPolicyDocumentException",
            "The new key policy will not allow you to update the key policy in the future.",
        ))
    }

    /// `DescribeKey`.
    ///
    /// # Errors
    /// As the API names them.
    pub async fn describe_key(
        &self,
        caller: &Caller,
        request: DescribeKeyRequest,
    ) -> Result<DescribeKeyResponse, Error> {
        let mut call = Call::reads(caller, "DescribeKey").with("keyId", request.key_id.as_str());
        let outcome = self.admit(&mut call, &request.key_id, Names::Aliases, Ask::new(caller, "DescribeKey")).await;
        let outcome = outcome.map(|key| DescribeKeyResponse { key_metadata: metadata(&key) });
        self.finish(call, outcome).await
    }

    /// `ListKeys`: the caller's account's keys.
    ///
    /// # Errors
    /// As the API names them.
    pub async fn list_keys(&self, caller: &Caller, request: ListKeysRequest) -> Result<ListKeysResponse, Error> {
        let call =
            Call::reads(caller, "ListKeys").maybe("limit", request.limit).maybe("marker", request.marker.as_deref());
        let outcome = self.list_keys_in(caller, &request).await;
        self.finish(call, outcome).await
    }

    async fn list_keys_in(&self, caller: &Caller, request: &ListKeysRequest) -> Result<ListKeysResponse, Error> {
        self.up_to_date().await?;
        self.authorize_account(Ask::new(caller, "ListKeys"), "*")?;
        let now = self.state.clock.now();
        let directory = self.state.directory();
        let keys = directory.keys.get(&caller.identity.principal.account).into_iter().flatten();
        let listed = keys
            .filter(|(_, key)| !key.is_owned() && !key.is_gone(now))
            .map(|(id, key)| (id.as_str(), KeyListEntry { key_id: id.clone(), key_arn: key.arn.as_str().to_owned() }));
        let page = page(listed, request.limit, (100, 1000), request.marker.as_deref())?;
        Ok(ListKeysResponse { truncated: page.next.is_some(), keys: page.items, next_marker: page.next })
    }

    /// `EnableKey`.
    ///
    /// # Errors
    /// As the API names them.
    pub async fn enable_key(&self, caller: &Caller, request: EnableKeyRequest) -> Result<(), Error> {
        self.change_key(Call::writes(caller, "EnableKey"), &request.key_id, |key, record| {
            not_pending_deletion(key)?;
            record.lifecycle = Lifecycle::Enabled;
            Ok(())
        })
        .await
    }

    /// `DisableKey`. Takes effect with the next call under the key.
    ///
    /// # Errors
    /// As the API names them.
    pub async fn disable_key(&self, caller: &Caller, request: DisableKeyRequest) -> Result<(), Error> {
        self.change_key(Call::writes(caller, "DisableKey"), &request.key_id, |key, record| {
            not_pending_deletion(key)?;
            record.lifecycle = Lifecycle::Disabled;
            Ok(())
        })
        .await
    }

    /// `UpdateKeyDescription`.
    ///
    /// # Errors
    /// As the API names them.
    pub async fn update_key_description(
        &self,
        caller: &Caller,
        request: UpdateKeyDescriptionRequest,
    ) -> Result<(), Error> {
        let call = Call::writes(caller, "UpdateKeyDescription").with("description", request.description.as_str());
        self.change_key(call, &request.key_id, |key, record| {
            limits::length(&request.description, "description", 0, MAX_DESCRIPTION)?;
            not_pending_deletion(key)?;
            record.description.clone_from(&request.description);
            Ok(())
        })
        .await
    }

    /// `ScheduleKeyDeletion`. Once the waiting period is over the key is gone, and its material
    /// is removed by [`Embedded::run_due`].
    ///
    /// # Errors
    /// As the API names them.
    pub async fn schedule_key_deletion(
        &self,
        caller: &Caller,
        request: ScheduleKeyDeletionRequest,
    ) -> Result<ScheduleKeyDeletionResponse, Error> {
        let window = request.pending_window_in_days.unwrap_or(30);
        let now = self.state.clock.now();
        let call = Call::writes(caller, "ScheduleKeyDeletion").with("pendingWindowInDays", window);
        self.change_key(call, &request.key_id, |key, record| {
            let window_days = limits::range(window, "pendingWindowInDays", 7, 30)?;
            not_pending_deletion(key)?;
            let at = now.plus(days(u16::try_from(window_days).expect("at most 30")));
            record.lifecycle = Lifecycle::PendingDeletion { at };
            Ok(ScheduleKeyDeletionResponse {
                key_id: key.arn.as_str().to_owned(),
                deletion_date: EpochSeconds(at),
                key_state: KeyState::PendingDeletion,
                pending_window_in_days: window,
            })
        })
        .await
    }

    /// `CancelKeyDeletion`. The key is disabled then.
    ///
    /// # Errors
    /// As the API names them.
    pub async fn cancel_key_deletion(
        &self,
        caller: &Caller,
        request: CancelKeyDeletionRequest,
    ) -> Result<CancelKeyDeletionResponse, Error> {
        self.change_key(Call::writes(caller, "CancelKeyDeletion"), &request.key_id, |key, record| {
            if key.state() != KeyState::PendingDeletion {
                return Err(refused("KMSInvalidStateException", format!("{} is not pending deletion.", key.arn)));
            }
            record.lifecycle = Lifecycle::Disabled;
            Ok(CancelKeyDeletionResponse { key_id: key.arn.as_str().to_owned() })
        })
        .await
    }

    /// Finds a key and checks that the caller may do `ask` with it.
    pub(super) async fn admit(
        &self,
        call: &mut Call<'_>,
        name: &str,
        names: Names,
        ask: Ask<'_>,
    ) -> Result<Arc<Key>, Error> {
        let target = self.resolve(call.caller, name, names, "keyId").await?;
        self.admit_target(call, &target, ask)
    }

    /// Notes the key in the record, as far as the caller may know it, and decides.
    pub(super) fn admit_target(&self, call: &mut Call<'_>, target: &Target, ask: Ask<'_>) -> Result<Arc<Key>, Error> {
        let own = &call.caller.identity.principal.account;
        if let Some(key) = target.key.as_ref().filter(|key| key.record.account == *own) {
            call.touches(&key.arn);
        }
        let key = self.authorize(ask, target)?;
        call.touches(&key.arn);
        Ok(key)
    }

    /// One change of one key by a permission named like the operation, recorded.
    pub(super) async fn change_key<T>(
        &self,
        call: Call<'_>,
        name: &str,
        edit: impl FnOnce(&Key, &mut KeyRecord) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut call = call.with("keyId", name);
        let ask = Ask::new(call.caller, call.name());
        let outcome = self.change_key_in(&mut call, name, ask, edit).await;
        self.finish(call, outcome).await
    }

    pub(super) async fn change_key_in<T>(
        &self,
        call: &mut Call<'_>,
        name: &str,
        ask: Ask<'_>,
        edit: impl FnOnce(&Key, &mut KeyRecord) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let turn = self.turn().await?;
        let key = self.admit(call, name, Names::Keys, ask).await?;
        let mut record = key.record.clone();
        let answer = edit(&key, &mut record)?;
        self.commit(turn, vec![Change::Key(record)]).await?;
        Ok(answer)
    }
}

/// A key that can encrypt and decrypt.
pub(super) fn usable(key: &Key) -> Result<(), Error> {
    match key.state() {
        KeyState::Enabled => Ok(()),
        KeyState::Disabled => Err(Error::Disabled { key: key.arn.clone() }),
        state => Err(Error::InvalidState { key: key.arn.clone(), state }),
    }
}

/// A key that can be administered.
pub(super) fn not_pending_deletion(key: &Key) -> Result<(), Error> {
    match key.state() {
        state @ KeyState::PendingDeletion => Err(Error::InvalidState { key: key.arn.clone(), state }),
        _ => Ok(()),
    }
}

/// What AWS tells of a key.
pub(super) fn metadata(key: &Key) -> KeyMetadata {
    let record = &key.record;
    KeyMetadata {
        aws_account_id: record.account.as_str().to_owned(),
        key_id: record.id.clone(),
        arn: key.arn.as_str().to_owned(),
        creation_date: EpochSeconds(record.created),
        enabled: key.state() == KeyState::Enabled,
        description: record.description.clone(),
        key_usage: record.usage,
        key_state: key.state(),
        deletion_date: match record.lifecycle {
            Lifecycle::PendingDeletion { at } => Some(EpochSeconds(at)),
            Lifecycle::Enabled | Lifecycle::Disabled => None,
        },
        origin: "AWS_KMS".to_owned(),
        key_manager: record.manager,
        customer_master_key_spec: record.spec.clone(),
        key_spec: record.spec.clone(),
        encryption_algorithms: vec!["SYMMETRIC_DEFAULT".to_owned()],
        multi_region: false,
        current_key_material_id: Some(record.versions[key.current()].id.clone()),
    }
}

/// Refuses, by name, what this service does not make.
fn check_kind(request: &CreateKeyRequest) -> Result<(), Error> {
    let usage = request.key_usage.as_deref().unwrap_or("ENCRYPT_DECRYPT");
    let origin = request.origin.as_deref().unwrap_or("AWS_KMS");
    let spec = match (&request.key_spec, &request.customer_master_key_spec) {
        (Some(one), Some(other)) if one != other => {
            return Err(limits::invalid(
                "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.",
            ));
        }
        (one, other) => one.as_deref().or(other.as_deref()).unwrap_or("SYMMETRIC_DEFAULT"),
    };
    limits::member_of(usage, "keyUsage", USAGES)?;
    limits::member_of(spec, "keySpec", SPECS)?;
    limits::member_of(origin, "origin", ORIGINS)?;
    if request.custom_key_store_id.is_some() {
        return Err(unsupported("CustomKeyStoreId"));
    }
    if request.xks_key_id.is_some() {
        return Err(unsupported("XksKeyId"));
    }
    if request.multi_region == Some(true) {
        return Err(unsupported("MultiRegion"));
    }
    if origin != "AWS_KMS" {
        return Err(unsupported(&format!("Origin {origin}")));
    }
    if spec != "SYMMETRIC_DEFAULT" {
        return Err(unsupported(&format!("KeySpec {spec}")));
    }
    if usage != "ENCRYPT_DECRYPT" {
        return Err(limits::invalid(format!("KeyUsage {usage} is not compatible with KeySpec {spec}")));
    }
    Ok(())
}

fn checked_id(id: &str) -> Result<String, Error> {
    limits::length(id, "keyId", 1, MAX_KEY_ID)?;
    limits::pattern(id, "keyId", "[a-zA-Z0-9-]+", |c| c.is_ascii_alphanumeric() || c == '-')?;
    Ok(id.to_owned())
}
