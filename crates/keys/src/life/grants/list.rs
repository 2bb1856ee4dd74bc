//! ListGrants and ListRetirableGrants.

use std::sync::Arc;

use arqueta_call::Kms;
use arqueta_kms::Error;
use arqueta_model::Arn;

use crate::api::{GrantConstraints, GrantListEntry, ListGrantsRequest, ListGrantsResponse, ListRetirableGrantsRequest};
use crate::call::{Call, Operation};
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
impl Operation for ListGrantsRequest {
    type Answer = ListGrantsResponse;
    const OPERATION: Kms = Kms::ListGrants;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let ask = Ask::new(call.caller, Kms::ListGrants);
        let key = admit(service, call, &self.key_id, Names::Keys, ask).await?;
        list_grants_of(service, &key, &self).await
    }
}

async fn list_grants_of(
    service: &Embedded,
    key: &Key,
    request: &ListGrantsRequest,
) -> Result<ListGrantsResponse, Error> {
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
        page(listed, request.limit.unwrap_or(50), request.marker.as_deref())
    };
    listed(service, found).await
}

/// `ListRetirableGrants` for a principal of the caller's account, over keys of all accounts.
impl Operation for ListRetirableGrantsRequest {
    type Answer = ListGrantsResponse;
    const OPERATION: Kms = Kms::ListRetirableGrants;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        service.up_to_date().await?;
        authorize_account(service, Ask::new(call.caller, Kms::ListRetirableGrants), "*")?;
        let account = self.retiring_principal.parse::<Arn>().map(|arn| arn.account().to_owned());
        if account.as_deref() != Ok(call.caller.identity.principal.account.as_str()) {
            return Err(limits::invalid("The retiring principal must belong to the caller's account."));
        }
        let retiring = kept_name(service, &self.retiring_principal).await?;
        let retiring = retiring.unwrap_or_else(|| self.retiring_principal.clone());
        listed(service, retirable_page(service, &self, &retiring)).await
    }
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
    Ok(ListGrantsResponse { grants, next_marker: page.next })
}

fn retirable_page(service: &Embedded, request: &ListRetirableGrantsRequest, retiring: &str) -> Page<GrantListEntry> {
    let now = service.state.clock.now();
    let directory = service.state.directory();
    let key = |grant: &GrantRecord| directory.key(&grant.account, &grant.key_id).filter(|key| !key.is_gone(now));
    let found = directory.issued.retirable(retiring);
    let found = found.filter_map(|grant| Some((grant.id.as_str(), entry(key(grant)?, grant))));
    page(found, request.limit.unwrap_or(50), request.marker.as_deref())
}

fn entry(key: &Key, grant: &GrantRecord) -> GrantListEntry {
    let constraints = GrantConstraints {
        encryption_context_subset: grant.subset.clone(),
        encryption_context_equals: grant.equals.clone(),
    };
    GrantListEntry {
        key_id: key.arn.as_str().to_owned(),
        grant_id: grant.id.clone(),
        name: grant.name.clone(),
        creation_date: grant.created,
        grantee_principal: grant.grantee.clone(),
        retiring_principal: grant.retiring.clone(),
        issuing_account: format!("arn:aws:iam::{}:root", grant.issuer),
        operations: grant.operations.iter().cloned().collect(),
        constraints: (constraints != GrantConstraints::default()).then_some(constraints),
    }
}
