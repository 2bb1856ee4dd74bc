//! ListGrants and ListRetirableGrants.

use std::collections::BTreeMap;
use std::sync::Arc;

use arqueta_call::Kms;
use arqueta_kms::{Caller, Error};
use arqueta_model::{Arn, EncryptionContext};

use super::request::{principal, refuse_services};
use crate::api::{
    EpochSeconds, GrantConstraints, GrantListEntry, ListGrantsRequest, ListGrantsResponse, ListRetirableGrantsRequest,
};
use crate::call::{Call, finish};
use crate::decide::access::authorize_account;
use crate::decide::admit::admit;
use crate::decide::ask::Ask;
use crate::decide::principals::{kept_name, shown_name};
use crate::decide::resolve::Names;
use crate::key::Key;
use crate::page::{Page, page};
use crate::schema::GrantRecord;
use crate::state::issued::OfKey;
use crate::{Embedded, limits};

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
