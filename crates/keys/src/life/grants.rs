//! Grants: permissions that are given and taken one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arqueta_call::Kms;
use arqueta_kms::{Caller, Error, KeySpec, KeyUsage};
use arqueta_model::{Arn, EncryptionContext, ObjectId};
use serde_json::json;

use crate::Embedded;
use crate::api::{
    CreateGrantRequest, CreateGrantResponse, EpochSeconds, GrantConstraints, GrantListEntry, ListGrantsRequest,
    ListGrantsResponse, ListRetirableGrantsRequest, RetireGrantRequest, RevokeGrantRequest,
};
use crate::call::{Call, finish};
use crate::decide::access::authorize_account;
use crate::decide::admit::{admit, admit_in_turn, admit_target};
use crate::decide::ask::{Ask, PassedOn};
use crate::decide::dry_run::dry_run;
use crate::decide::principals::{grantable, invalid_principal, is_principal, kept_name, shown_name};
use crate::decide::resolve::{Names, Target, resolve_key, turn_for};
use crate::key::Key;
use crate::key::fitness::in_service;
use crate::limits::{self, refused};
use crate::page::{Page, page};
use crate::schema::GrantRecord;
use crate::state::change::Change;
use crate::state::issued::OfKey;

/// KMS Developer Guide, "Resource quotas".
const MAX_PER_KEY: usize = 50_000;
/// Most pairs of one constraint.
const MAX_PAIRS: usize = 8;
/// Operations of grants that every key has.
const ADMINISTRATION: &[&str] = &["CreateGrant", "RetireGrant", "DescribeKey"];

/// The others, by what a key is (KMS Developer Guide, "Grant operations").
fn operations_of(spec: KeySpec, usage: KeyUsage) -> &'static [&'static str] {
    match usage {
        KeyUsage::EncryptDecrypt if spec == KeySpec::SYMMETRIC_DEFAULT => &[
            "Decrypt",
            "Encrypt",
            "GenerateDataKey",
            "GenerateDataKeyWithoutPlaintext",
            "ReEncryptFrom",
            "ReEncryptTo",
            "GenerateDataKeyPair",
            "GenerateDataKeyPairWithoutPlaintext",
        ],
        KeyUsage::EncryptDecrypt => &["Decrypt", "Encrypt", "ReEncryptFrom", "ReEncryptTo", "GetPublicKey"],
        KeyUsage::SignVerify => &["Sign", "Verify", "GetPublicKey"],
        KeyUsage::GenerateVerifyMac => &["GenerateMac", "VerifyMac"],
        KeyUsage::KeyAgreement => &["DeriveSharedSecret", "GetPublicKey"],
    }
}

/// Refuses what can never be used: operations that the key does not have, and constraints on an
/// encryption context that its operations do not have.
fn fits_key(request: &CreateGrantRequest, spec: KeySpec, usage: KeyUsage) -> Result<(), Error> {
    let known = operations_of(spec, usage);
    let wrong = |name: &&String| !known.contains(&name.as_str()) && !ADMINISTRATION.contains(&name.as_str());
    if let Some(wrong) = request.operations.iter().find(wrong) {
        return Err(limits::invalid(format!(
            "Grant operation {wrong} is not valid for a key of spec {} and usage {}",
            spec.name(),
            usage.name()
        )));
    }
    let constrained = request.constraints.as_ref().is_some_and(|constraints| {
        constraints.encryption_context_equals.is_some() || constraints.encryption_context_subset.is_some()
    });
    if constrained && spec != KeySpec::SYMMETRIC_DEFAULT {
        return Err(limits::invalid(format!(
            "Encryption context constraints are not valid for a key of spec {}",
            spec.name()
        )));
    }
    Ok(())
}

/// `CreateGrant`. The grant takes effect at once.
///
/// # Errors
/// As the API names them.
pub async fn create_grant(
    service: &Embedded,
    caller: &Caller,
    request: CreateGrantRequest,
) -> Result<CreateGrantResponse, Error> {
    let mut call = Call::new(caller, Kms::CreateGrant)
        .with("keyId", request.key_id.as_str())
        .with("granteePrincipal", request.grantee_principal.as_str())
        .with("operations", json!(request.operations))
        .maybe("retiringPrincipal", request.retiring_principal.as_deref())
        .maybe("constraints", request.constraints.as_ref().map(|constraints| json!(constraints)))
        .maybe("name", request.name.as_deref());
    let outcome = create_grant_in(service, &mut call, request).await;
    finish(service, call, outcome).await
}

async fn create_grant_in(
    service: &Embedded,
    call: &mut Call<'_>,
    request: CreateGrantRequest,
) -> Result<CreateGrantResponse, Error> {
    let (equals, subset) = checked(&request)?;
    let turn = turn_for(service, call.caller, &request.key_id).await?;
    let conditions = grant_conditions(&request);
    let conditions: Vec<_> = conditions.iter().map(|(name, values)| (*name, values.as_slice())).collect();
    let passed_on = PassedOn { operations: &request.operations, equals: equals.as_ref(), subset: subset.as_ref() };
    let ask = Ask::new(call.caller, Kms::CreateGrant).conditions(&conditions).passing_on(passed_on);
    let key = admit_in_turn(service, call, &request.key_id, ask)?;
    in_service(&key)?;
    fits_key(&request, key.record.spec, key.record.usage)?;
    let grantee = grantable(service, &request.grantee_principal).await?;
    let retiring = match &request.retiring_principal {
        Some(arn) => Some(grantable(service, arn).await?),
        None => None,
    };
    let grant = GrantRecord {
        account: key.record.account.clone(),
        key_id: key.record.id.clone(),
        id: format!("{}{}", ObjectId::random(), ObjectId::random()),
        name: request.name.unwrap_or_default(),
        created: service.state.clock.now(),
        grantee,
        retiring,
        issuer: call.caller.identity.principal.account.clone(),
        operations: request.operations.into_iter().collect(),
        equals,
        subset,
    };
    if request.dry_run {
        return Err(dry_run());
    }
    if let Some(same) = room_for(service, &key, &grant)? {
        return Ok(answer(call, &same));
    }
    let answer = answer(call, &grant);
    service.commit(turn, vec![Change::Grant(grant)]).await?;
    Ok(answer)
}

/// The same grant, if it was made before under its name; an error if there is no room for it.
fn room_for(service: &Embedded, key: &Key, grant: &GrantRecord) -> Result<Option<Arc<GrantRecord>>, Error> {
    let directory = service.state.directory();
    let Some(grants) = directory.issued.of_key(&grant.account, &grant.key_id) else { return Ok(None) };
    if let Some(same) = grants.named(&grant.name).find(|existing| is_repeated(existing, grant)) {
        return Ok(Some(same.clone()));
    }
    if grants.len() >= MAX_PER_KEY {
        return Err(refused("LimitExceededException", format!("{} already has {MAX_PER_KEY} grants.", key.arn)));
    }
    Ok(None)
}

/// The grant `id` of `key`.
fn grant_of(service: &Embedded, key: &Key, id: &str) -> Option<Arc<GrantRecord>> {
    service.state.directory().issued.of_key(&key.record.account, &key.record.id)?.get(id).cloned()
}

/// `ListGrants`.
///
/// # Errors
/// As the API names them.
pub async fn list_grants(
    service: &Embedded,
    caller: &Caller,
    request: ListGrantsRequest,
) -> Result<ListGrantsResponse, Error> {
    let mut call = Call::new(caller, Kms::ListGrants)
        .with("keyId", request.key_id.as_str())
        .maybe("grantId", request.grant_id.as_deref())
        .maybe("granteePrincipal", request.grantee_principal.as_deref());
    let outcome = admit(service, &mut call, &request.key_id, Names::Keys, Ask::new(caller, Kms::ListGrants)).await;
    let outcome = match outcome {
        Ok(key) => list_grants_of(service, &key, &request).await,
        Err(error) => Err(error),
    };
    finish(service, call, outcome).await
}

async fn list_grants_of(
    service: &Embedded,
    key: &Key,
    request: &ListGrantsRequest,
) -> Result<ListGrantsResponse, Error> {
    refuse_services([("GranteeServicePrincipal", &request.grantee_service_principal)])?;
    let grantee = match &request.grantee_principal {
        // Who is gone may be named by its id, which is how it is shown.
        Some(name) => Some(kept_name(service, name).await?.unwrap_or_else(|| name.clone())),
        None => None,
    };
    let wanted = |grant: &&Arc<GrantRecord>| {
        request.grant_id.as_ref().is_none_or(|id| grant.id == *id)
            && grantee.as_ref().is_none_or(|grantee| grant.grantee == *grantee)
    };
    let found = {
        let directory = service.state.directory();
        let grants = directory.issued.of_key(&key.record.account, &key.record.id);
        let grants = grants.into_iter().flat_map(OfKey::all).filter(wanted);
        let listed = grants.map(|grant| (grant.id.as_str(), entry(key, grant)));
        page(listed, request.limit, (50, 100), request.marker.as_deref())?
    };
    listed(service, found).await
}

/// The answer of a listing: principals by the ARNs they have now.
async fn listed(service: &Embedded, page: Page<GrantListEntry>) -> Result<ListGrantsResponse, Error> {
    let mut grants = page.items;
    for entry in &mut grants {
        entry.grantee_principal = shown_name(service, &entry.grantee_principal).await?;
        if let Some(retiring) = &mut entry.retiring_principal {
            *retiring = shown_name(service, retiring).await?;
        }
    }
    Ok(ListGrantsResponse { truncated: page.next.is_some(), grants, next_marker: page.next })
}

/// `ListRetirableGrants` for a principal of the caller's account, over keys of all accounts.
///
/// # Errors
/// As the API names them.
pub async fn list_retirable_grants(
    service: &Embedded,
    caller: &Caller,
    request: ListRetirableGrantsRequest,
) -> Result<ListGrantsResponse, Error> {
    let call =
        Call::new(caller, Kms::ListRetirableGrants).with("retiringPrincipal", request.retiring_principal.as_str());
    let outcome = list_retirable_grants_in(service, caller, &request).await;
    finish(service, call, outcome).await
}

async fn list_retirable_grants_in(
    service: &Embedded,
    caller: &Caller,
    request: &ListRetirableGrantsRequest,
) -> Result<ListGrantsResponse, Error> {
    service.up_to_date().await?;
    refuse_services([("RetiringServicePrincipal", &request.retiring_service_principal)])?;
    principal(&request.retiring_principal, "retiringPrincipal")?;
    authorize_account(service, Ask::new(caller, Kms::ListRetirableGrants), "*")?;
    let account = request.retiring_principal.parse::<Arn>().map(|arn| arn.account().to_owned());
    if account.as_deref() != Ok(caller.identity.principal.account.as_str()) {
        return Err(limits::invalid("The retiring principal must belong to the caller's account."));
    }
    let retiring = kept_name(service, &request.retiring_principal).await?;
    let retiring = retiring.unwrap_or_else(|| request.retiring_principal.clone());
    listed(service, retirable_page(service, request, &retiring)?).await
}

fn retirable_page(
    service: &Embedded,
    request: &ListRetirableGrantsRequest,
    retiring: &str,
) -> Result<Page<GrantListEntry>, Error> {
    let now = service.state.clock.now();
    let directory = service.state.directory();
    let key = |grant: &GrantRecord| directory.key(&grant.account, &grant.key_id).filter(|key| !key.is_gone(now));
    let found = directory.issued.retirable(retiring);
    let found = found.filter_map(|grant| Some((grant.id.as_str(), entry(key(grant)?, grant))));
    page(found, request.limit, (50, 100), request.marker.as_deref())
}

/// `RetireGrant`: by the retiring principal, the grantee if the grant says so, the issuing
/// account's root user, or whom the key's policy lets.
///
/// # Errors
/// As the API names them.
pub async fn retire_grant(service: &Embedded, caller: &Caller, request: RetireGrantRequest) -> Result<(), Error> {
    let mut call = Call::new(caller, Kms::RetireGrant)
        .maybe("keyId", request.key_id.as_deref())
        .maybe("grantId", request.grant_id.as_deref());
    let outcome = retire_grant_in(service, &mut call, &request).await;
    finish(service, call, outcome).await
}

async fn retire_grant_in(service: &Embedded, call: &mut Call<'_>, request: &RetireGrantRequest) -> Result<(), Error> {
    let (turn, target, id) = match request {
        RetireGrantRequest { grant_token: Some(token), key_id: None, grant_id: None, .. } => {
            service.up_to_date().await?;
            let (key, _) = by_token(service, token)?;
            let turn = service.turn_of(&key.record.account, &key.record.id).await?;
            // Another look, now that nobody else can change it.
            let (key, id) = by_token(service, token)?;
            (turn, Target::of(key), id)
        }
        RetireGrantRequest { grant_token: None, key_id: Some(key), grant_id: Some(id), .. } => {
            let turn = turn_for(service, call.caller, key).await?;
            (turn, resolve_key(service, call.caller, key, "keyId")?, id.clone())
        }
        _ => return Err(limits::invalid("Specify either a grant token, or both a key ARN and a grant ID.")),
    };
    let grant = target.key.as_ref().and_then(|key| grant_of(service, key, &id));
    if !grant.as_ref().is_some_and(|grant| may_retire(grant, call.caller)) {
        admit_target(service, call, &target, Ask::new(call.caller, Kms::RetireGrant))?;
    }
    let grant = grant.ok_or_else(|| no_such_grant(&id))?;
    if let Some(key) = &target.key {
        call.touches(&key.arn);
    }
    if request.dry_run {
        return Err(dry_run());
    }
    service.commit(turn, vec![Change::DropGrant(grant)]).await
}

/// `RevokeGrant`. Takes effect with the next call under the key.
///
/// # Errors
/// As the API names them.
pub async fn revoke_grant(service: &Embedded, caller: &Caller, request: RevokeGrantRequest) -> Result<(), Error> {
    let mut call = Call::new(caller, Kms::RevokeGrant)
        .with("keyId", request.key_id.as_str())
        .with("grantId", request.grant_id.as_str());
    let outcome = revoke_grant_in(service, &mut call, &request).await;
    finish(service, call, outcome).await
}

async fn revoke_grant_in(service: &Embedded, call: &mut Call<'_>, request: &RevokeGrantRequest) -> Result<(), Error> {
    limits::length(&request.grant_id, "grantId", 1, 128)?;
    let turn = turn_for(service, call.caller, &request.key_id).await?;
    let key = admit_in_turn(service, call, &request.key_id, Ask::new(call.caller, Kms::RevokeGrant))?;
    let grant = grant_of(service, &key, &request.grant_id).ok_or_else(|| no_such_grant(&request.grant_id))?;
    if request.dry_run {
        return Err(dry_run());
    }
    service.commit(turn, vec![Change::DropGrant(grant)]).await
}

fn by_token(service: &Embedded, token: &str) -> Result<(Arc<Key>, String), Error> {
    let directory = service.state.directory();
    let id = token.strip_prefix(TOKEN).map(|rest| rest.split_once('-').map_or(rest, |(id, _)| id));
    let grant = id.and_then(|id| directory.issued.find(id));
    let found = grant.and_then(|grant| Some((directory.key(&grant.account, &grant.key_id)?, &grant.id)));
    let (key, id) = found.ok_or_else(|| refused("InvalidGrantTokenException", "The grant token is not valid."))?;
    Ok((key.clone(), id.clone()))
}

/// Grants take effect at once, so a token has nothing to carry but the grant's id. Each answer has
/// one of its own all the same, also where a grant is asked for again (KMS API Reference,
/// "CreateGrant", `Name`).
const TOKEN: &str = "arqueta-grant-";

fn answer(call: &mut Call<'_>, grant: &GrantRecord) -> CreateGrantResponse {
    call.answers(json!({ "grantId": grant.id }));
    let grant_token = format!("{TOKEN}{}-{}", grant.id, ObjectId::random());
    CreateGrantResponse { grant_token, grant_id: grant.id.clone() }
}

/// A named grant that is asked for twice is one grant.
fn is_repeated(existing: &GrantRecord, new: &GrantRecord) -> bool {
    !new.name.is_empty()
        && *existing == GrantRecord { id: existing.id.clone(), created: existing.created, ..new.clone() }
}

fn may_retire(grant: &GrantRecord, caller: &Caller) -> bool {
    let identity = &caller.identity;
    grant.retiring.as_ref().is_some_and(|retiring| is_principal(retiring, identity))
        || (grant.operations.contains("RetireGrant") && is_principal(&grant.grantee, identity))
        || is_principal(&format!("arn:aws:iam::{}:root", grant.issuer), identity)
}

/// Limits of the request; the constraints as contexts.
fn checked(request: &CreateGrantRequest) -> Result<(Option<EncryptionContext>, Option<EncryptionContext>), Error> {
    let source_arn = request.constraints.as_ref().and_then(|constraints| constraints.source_arn.as_ref());
    refuse_services([
        ("GranteeServicePrincipal", &request.grantee_service_principal),
        ("RetiringServicePrincipal", &request.retiring_service_principal),
        ("SourceArn", &source_arn.cloned()),
    ])?;
    principal(&request.grantee_principal, "granteePrincipal")?;
    request.retiring_principal.as_deref().map_or(Ok(()), |text| principal(text, "retiringPrincipal"))?;
    limits::grant_tokens(&request.grant_tokens)?;
    if request.operations.is_empty() {
        return Err(limits::constraint("[]", "operations", "Member must have length greater than or equal to 1"));
    }
    let grantable = grantable_operations();
    for operation in &request.operations {
        limits::member_of(operation, "operations", &grantable)?;
    }
    if let Some(name) = &request.name {
        limits::length(name, "name", 1, 256)?;
        limits::pattern(name, "name", "^[a-zA-Z0-9:/_-]+$", limits::is_name_char)?;
    }
    let Some(constraints) = &request.constraints else { return Ok((None, None)) };
    if constraints.encryption_context_equals.is_some() && constraints.encryption_context_subset.is_some() {
        return Err(limits::invalid(
            "A grant has either an EncryptionContextEquals or an EncryptionContextSubset constraint.",
        ));
    }
    let context = |pairs: &Option<BTreeMap<String, String>>| -> Result<_, Error> {
        let Some(pairs) = pairs.as_ref() else { return Ok(None) };
        if pairs.len() > MAX_PAIRS {
            return Err(limits::invalid(format!(
                "A grant constraint has at most {MAX_PAIRS} encryption context pairs."
            )));
        }
        EncryptionContext::new(pairs.clone()).map(Some).map_err(|error| limits::invalid(error.to_string()))
    };
    Ok((context(&constraints.encryption_context_equals)?, context(&constraints.encryption_context_subset)?))
}

/// Operations that a grant can allow, by the names of their permissions.
fn grantable_operations() -> Vec<&'static str> {
    let rows = Kms::rows().iter().filter(|row| row.grantable);
    rows.flat_map(|row| row.permissions).map(|permission| permission.action.name.trim_start_matches("kms:")).collect()
}

/// Grants are for users and roles here, not for other services of AWS. What would narrow a grant
/// must not be left out of it.
fn refuse_services<const N: usize>(parameters: [(&str, &Option<String>); N]) -> Result<(), Error> {
    match parameters.iter().find(|(_, value)| value.is_some()) {
        Some((name, _)) => Err(limits::unsupported(name)),
        None => Ok(()),
    }
}

/// An ARN of a principal or an account's root.
fn principal(text: &str, member: &str) -> Result<(), Error> {
    limits::length(text, member, 1, 256)?;
    let named =
        text.parse::<Arn>().is_ok_and(|arn| matches!(arn.service(), "iam" | "sts") && arn.account().len() == 12);
    if named { Ok(()) } else { Err(invalid_principal(text)) }
}

fn grant_conditions(request: &CreateGrantRequest) -> Vec<(&'static str, Vec<String>)> {
    let account = |arn: &str| arn.parse::<Arn>().map(|arn| arn.account().to_owned()).unwrap_or_default();
    let kind = request.constraints.as_ref().and_then(|constraints| {
        if constraints.encryption_context_equals.is_some() {
            Some("EncryptionContextEquals")
        } else {
            constraints.encryption_context_subset.as_ref().map(|_| "EncryptionContextSubset")
        }
    });
    vec![
        ("kms:GrantOperations", request.operations.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect()),
        ("kms:GranteePrincipal", vec![request.grantee_principal.clone()]),
        ("kms:GranteeAccount", vec![account(&request.grantee_principal)]),
        ("kms:RetiringPrincipal", request.retiring_principal.clone().into_iter().collect()),
        ("kms:GrantConstraintType", kind.map(str::to_owned).into_iter().collect()),
        ("kms:GrantIsForAWSResource", vec!["false".to_owned()]),
    ]
}

fn entry(key: &Key, grant: &GrantRecord) -> GrantListEntry {
    let pairs = |context: &Option<EncryptionContext>| {
        context.as_ref().map(|c| c.pairs().map(|(k, v)| (k.to_owned(), v.to_owned())).collect::<BTreeMap<_, _>>())
    };
    let constraints = GrantConstraints {
        encryption_context_subset: pairs(&grant.subset),
        encryption_context_equals: pairs(&grant.equals),
        source_arn: None,
    };
    GrantListEntry {
        key_id: key.arn.as_str().to_owned(),
        grant_id: grant.id.clone(),
        name: grant.name.clone(),
        creation_date: EpochSeconds(grant.created),
        grantee_principal: grant.grantee.clone(),
        retiring_principal: grant.retiring.clone(),
        issuing_account: format!("arn:aws:iam::{}:root", grant.issuer),
        operations: grant.operations.iter().cloned().collect(),
        constraints: (constraints != GrantConstraints::default()).then_some(constraints),
    }
}

fn no_such_grant(id: &str) -> Error {
    Error::NotFound { message: format!("Grant ID {id} not found") }
}
