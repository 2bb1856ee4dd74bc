//! CreateKey: which keys this service makes.

use arqueta_call::Kms;
use arqueta_kms::{Adopted, Caller, Error, KeyManager, KeySpec, KeyUsage};
use serde_json::json;

use super::describe::metadata;
use super::tags;
use crate::Embedded;
use crate::api::{CreateKeyRequest, CreateKeyResponse, NewOrigin};
use crate::call::{Call, Operation, finish};
use crate::crypt::ciphertext::MAX_KEY_ID;
use crate::decide::access::authorize_account;
use crate::decide::ask::Ask;
use crate::decide::lockout::check_lockout;
use crate::decide::principals::identified;
use crate::decide::resolve::{find_any, find_key, no_such_key};
use crate::held::{adopted_version, discard, new_version};
use crate::key::id::{new_id, new_multi_region_id};
use crate::limits::{self, refused, unsupported};
use crate::own::managed::{default_policy, new_key};
use crate::schema::{Cause, KeyRecord, Lifecycle, MultiRegion, Origin};
use crate::state::change::Change;
use crate::stores::store_for_new_key;

impl Embedded {
    /// As `CreateKey` without parameters, under a key id of the operator's choice: 1 to 128 of `A-Za-z0-9-`.
    /// A key that exists already is answered as it is, so that a start can ask for it every time.
    ///
    /// # Errors
    /// As `CreateKey`.
    pub async fn provision_key(&self, caller: &Caller, key_id: &str) -> Result<CreateKeyResponse, Error> {
        if let Some(key) = find_key(self, &caller.identity.principal.account, key_id) {
            return Ok(CreateKeyResponse { key_metadata: metadata(&key) });
        }
        make(self, caller, key_id, None).await
    }

    /// As [`Self::provision_key`], for a key whose material exists at a holder already. Deleting
    /// the key leaves it there.
    ///
    /// # Errors
    /// As `CreateKey`; `AlreadyExistsException` for a key of that id with other material;
    /// [`Error::InvalidState`] where the holder has no such key.
    pub async fn provision_held_key(
        &self,
        caller: &Caller,
        key_id: &str,
        at: Adopted<'_>,
    ) -> Result<CreateKeyResponse, Error> {
        let Some(key) = find_key(self, &caller.identity.principal.account, key_id) else {
            return make(self, caller, key_id, Some(at)).await;
        };
        let held = key.record.versions.first().and_then(|version| version.held.as_ref());
        if held.is_some_and(|held| held.adopted && held.holder == at.holder && held.name == at.name) {
            return Ok(CreateKeyResponse { key_metadata: metadata(&key) });
        }
        Err(refused("AlreadyExistsException", format!("Key {key_id} already exists, with other material")))
    }
}

/// `CreateKey`. `SM2` is `UnsupportedOperationException`.
impl Operation for CreateKeyRequest {
    type Answer = CreateKeyResponse;
    const OPERATION: Kms = Kms::CreateKey;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        create_in(service, call, None, None, self).await
    }
}

/// A key that no protocol asked for: what the record tells is put into words here.
async fn make(
    service: &Embedded,
    caller: &Caller,
    id: &str,
    at: Option<Adopted<'_>>,
) -> Result<CreateKeyResponse, Error> {
    let request = CreateKeyRequest::default();
    let mut call = Call::new(caller, Kms::CreateKey)
        .with("description", request.description.as_str())
        .with("keyUsage", request.key_usage.name())
        .with("keySpec", request.key_spec.name())
        .with("origin", request.origin.name())
        .with("bypassPolicyLockoutSafetyCheck", request.bypass_policy_lockout_safety_check)
        .with("multiRegion", request.multi_region);
    let outcome = create_in(service, &mut call, Some(id), at, request).await;
    if let Ok(answer) = &outcome {
        let made = &answer.key_metadata;
        call.answers(json!({ "keyMetadata": {
            "AWSAccountId": made.aws_account_id,
            "Arn": made.arn,
            "KeyId": made.key_id,
            "KeySpec": made.key_spec,
            "KeyUsage": made.key_usage,
            "KeyState": made.key_state,
            "Origin": made.origin,
        } }));
    }
    finish(service, call, outcome).await
}

async fn create_in(
    service: &Embedded,
    call: &mut Call<'_>,
    id: Option<&str>,
    at: Option<Adopted<'_>>,
    request: CreateKeyRequest,
) -> Result<CreateKeyResponse, Error> {
    possible(&request)?;
    let (spec, usage) = (request.key_spec, request.key_usage);
    tags::room(request.tags.len())?;
    let wanted = request.tags;
    let account = &call.caller.identity.principal.account;
    let multi_region = request.multi_region;
    let ask_tags = tags::conditions(&wanted);
    let mut ask_kind = ask_tags.clone();
    ask_kind.extend(kind_conditions(spec, usage, request.origin.name()));
    ask_kind.push(("kms:MultiRegion".to_owned(), vec![multi_region.to_string()]));
    if multi_region {
        ask_kind.push(("kms:MultiRegionKeyType".to_owned(), vec!["PRIMARY".to_owned()]));
    }
    let bypass = request.bypass_policy_lockout_safety_check.to_string();
    ask_kind.push(("kms:BypassPolicyLockoutSafetyCheck".to_owned(), vec![bypass]));
    authorize_account(service, Ask::new(call.caller, Kms::CreateKey).conditions(&tags::borrowed(&ask_kind)), "*")?;
    if !wanted.is_empty() {
        authorize_account(
            service,
            Ask::new(call.caller, Kms::TagResource).conditions(&tags::borrowed(&ask_tags)),
            "*",
        )?;
    }
    // The default policy leaves the account in control, whoever of it makes the key.
    let may_lock_out = request.policy.is_some() && !request.bypass_policy_lockout_safety_check;
    let policy = request.policy.unwrap_or_else(|| default_policy(account));
    let policy = identified(service, &policy).await?;
    let drawn = if multi_region { new_multi_region_id } else { new_id };
    let id = id.map_or_else(|| Ok(drawn()), checked_id)?;
    let mut record = new_key(service, account, &id, KeyManager::Customer, policy);
    (record.spec, record.usage) = (spec, usage);
    record.description = request.description;
    record.multi_region = multi_region.then(|| MultiRegion::new(&service.state.region));
    record.tags = wanted;
    if at.is_none() && request.origin == NewOrigin::External {
        record.origin = Origin::External;
        record.lifecycle = Lifecycle::PendingImport;
    }
    if may_lock_out {
        check_lockout(service, call.caller, &record)?;
    }
    let store = match &request.origin {
        NewOrigin::CustomKeyStore(id) => Some(store_for_new_key(service, account, id)?.record.id.clone()),
        NewOrigin::AwsKms | NewOrigin::External => None,
    };
    if store.is_some() {
        record.origin = Origin::CloudHsm;
        record.custom_key_store.clone_from(&store);
    }
    let home = store.as_deref().or(service.state.home.as_deref());
    let version = match at {
        Some(Adopted { holder, name }) => {
            record.origin = Origin::ExternalKeyStore;
            Some(adopted_version(service, &record, holder, name).await?)
        }
        None if record.origin == Origin::External => None,
        None => {
            // What leaves for other Regions is made where it can leave.
            Some(new_version(service, &record, home.filter(|_| !multi_region), Cause::Creation).await?)
        }
    };
    record.versions.extend(version);
    call.touches(&record.arn(&service.state.region));
    enter_new(service, record).await?;
    let key = find_key(service, account, &id).ok_or_else(|| no_such_key(&id))?;
    let key_metadata = metadata(&key);
    Ok(CreateKeyResponse { key_metadata })
}

async fn enter_new(service: &Embedded, record: KeyRecord) -> Result<(), Error> {
    let turn = service.turn_of(&record.account, &record.id).await?;
    if find_any(service, &record.account, &record.id).is_some() {
        discard(service, &record).await;
        return Err(refused("AlreadyExistsException", format!("Key {} already exists", record.id)));
    }
    // A failed commit may have happened: the material stays then.
    service.commit(turn, vec![Change::Key(record)]).await
}

/// Refuses what this service does not make, by name.
fn possible(request: &CreateKeyRequest) -> Result<(), Error> {
    let (spec, usage) = (request.key_spec, request.key_usage);
    match &request.origin {
        NewOrigin::CustomKeyStore(_) if request.multi_region => {
            return Err(unsupported("MultiRegion in a custom key store"));
        }
        NewOrigin::CustomKeyStore(_) if spec != KeySpec::SYMMETRIC_DEFAULT => {
            return Err(unsupported(&format!("KeySpec {} in a custom key store", spec.name())));
        }
        NewOrigin::External if matches!(spec, KeySpec::ML_DSA_44 | KeySpec::ML_DSA_65 | KeySpec::ML_DSA_87) => {
            return Err(unsupported(&format!("Origin EXTERNAL of KeySpec {}", spec.name())));
        }
        _ if spec == KeySpec::SM2 => return Err(unsupported("KeySpec SM2")),
        _ => {}
    }
    if spec.usages().contains(&usage) {
        return Ok(());
    }
    Err(limits::invalid(format!("KeyUsage {} is not compatible with KeySpec {}", usage.name(), spec.name())))
}

/// What policies can say of keys that do not exist yet.
fn kind_conditions(spec: KeySpec, usage: KeyUsage, origin: &str) -> [(String, Vec<String>); 5] {
    [
        ("kms:KeySpec", spec.name()),
        ("kms:CustomerMasterKeySpec", spec.name()),
        ("kms:KeyUsage", usage.name()),
        ("kms:CustomerMasterKeyUsage", usage.name()),
        ("kms:KeyOrigin", origin),
    ]
    .map(|(name, value)| (name.to_owned(), vec![value.to_owned()]))
}

fn checked_id(id: &str) -> Result<String, Error> {
    limits::length(id, "keyId", 1, MAX_KEY_ID)?;
    limits::pattern(id, "keyId", "[a-zA-Z0-9-]+", |c| c.is_ascii_alphanumeric() || c == '-')?;
    Ok(id.to_owned())
}
