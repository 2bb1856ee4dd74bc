//! Aliases: friendly names that can be moved from key to key.

use std::sync::Arc;

use arqueta_call::Kms;
use arqueta_kms::{Error, KeyUsage};
use arqueta_model::{AccountId, Arn};

use crate::Embedded;
use crate::api::{
    AliasListEntry, CreateAliasRequest, DeleteAliasRequest, ListAliasesRequest, ListAliasesResponse, UpdateAliasRequest,
};
use crate::call::{Call, Operation};
use crate::decide::access::{authorize, authorize_account};
use crate::decide::admit::admit_target;
use crate::decide::ask::Ask;
use crate::decide::resolve::{Names, find_key, resolve};
use crate::key::Key;
use crate::key::fitness::not_pending_deletion;
use crate::limits::{self, refused};
use crate::page::page;
use crate::schema::AliasRecord;
use crate::state::change::Change;

/// KMS Developer Guide, "Resource quotas".
const MAX_PER_KEY: usize = 50;

/// `CreateAlias`. Needs the permission on the alias and on the key.
impl Operation for CreateAliasRequest {
    type Answer = ();
    const OPERATION: Kms = Kms::CreateAlias;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let name = self.alias_name;
        not_reserved(&name)?;
        let account = &call.caller.identity.principal.account;
        let arn = alias_arn(service, account, &name);
        let turn = service.turn().await?;
        authorize_account(service, Ask::new(call.caller, Kms::CreateAlias), &arn)?;
        let key = alias_target(service, call, &self.target_key_id, Kms::CreateAlias).await?;
        if service.state.directory().alias(account, &name).is_some() {
            return Err(refused("AlreadyExistsException", format!("An alias with the name {arn} already exists")));
        }
        room_for_alias(&key)?;
        let now = service.state.clock.now();
        let alias =
            AliasRecord { account: account.clone(), name, target: key.record.id.clone(), created: now, updated: now };
        service.commit(turn, vec![Change::Alias(alias)]).await
    }
}

/// `UpdateAlias`. Needs the permission on the alias and on both keys.
impl Operation for UpdateAliasRequest {
    type Answer = ();
    const OPERATION: Kms = Kms::UpdateAlias;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let name = self.alias_name;
        not_reserved(&name)?;
        let turn = service.turn().await?;
        let (alias, old) = existing_alias(service, call, &name, Kms::UpdateAlias)?;
        let key = alias_target(service, call, &self.target_key_id, Kms::UpdateAlias).await?;
        if let Some(old) = old.filter(|old| kind(old) != kind(&key)) {
            return Err(limits::invalid(format!(
                "Alias {name} cannot move from {} to {}: their kinds differ",
                old.arn, key.arn
            )));
        }
        if alias.target != key.record.id {
            room_for_alias(&key)?;
        }
        let updated = service.state.clock.now();
        let alias = AliasRecord { target: key.record.id.clone(), updated, ..(*alias).clone() };
        service.commit(turn, vec![Change::Alias(alias)]).await
    }
}

/// `DeleteAlias`. Needs the permission on the alias and on the key.
impl Operation for DeleteAliasRequest {
    type Answer = ();
    const OPERATION: Kms = Kms::DeleteAlias;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let name = self.alias_name;
        not_reserved(&name)?;
        let turn = service.turn().await?;
        let (alias, _) = existing_alias(service, call, &name, Kms::DeleteAlias)?;
        service.commit(turn, vec![Change::DropAlias(alias)]).await
    }
}

/// `ListAliases` of the caller's account.
impl Operation for ListAliasesRequest {
    type Answer = ListAliasesResponse;
    const OPERATION: Kms = Kms::ListAliases;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        service.up_to_date().await?;
        authorize_account(service, Ask::new(call.caller, Kms::ListAliases), "*")?;
        let only = match &self.key_id {
            Some(name) => {
                let target = resolve(service, call.caller, name, Names::Keys, "keyId").await?;
                Some(own_target(service, call, target.key, &target.named, Kms::ListAliases)?)
            }
            None => None,
        };
        let account = &call.caller.identity.principal.account;
        let directory = service.state.directory();
        let aliases = directory.aliases.get(account).into_iter().flat_map(|aliases| aliases.values());
        let aliases = aliases.filter(|alias| only.as_ref().is_none_or(|key| key.record.id == alias.target));
        let entry = |alias: &AliasRecord| AliasListEntry {
            alias_name: alias.name.clone(),
            alias_arn: alias_arn(service, account, &alias.name),
            target_key_id: Some(alias.target.clone()),
            creation_date: alias.created,
            last_updated_date: alias.updated,
        };
        let listed = aliases.map(|alias| (alias.name.as_str(), entry(alias)));
        let page = page(listed, self.limit.unwrap_or(50), self.marker.as_deref());
        Ok(ListAliasesResponse { aliases: page.items, next_marker: page.next })
    }
}

/// A key of the caller's own account; those of others are not there for it.
fn own_target(
    service: &Embedded,
    call: &Call<'_>,
    key: Option<Arc<Key>>,
    named: &str,
    operation: Kms,
) -> Result<Arc<Key>, Error> {
    let own = &call.caller.identity.principal.account;
    match key.filter(|key| key.record.account == *own) {
        Some(key) => Ok(key),
        None => {
            let target = crate::decide::resolve::Target { key: None, named: named.to_owned(), alias: None };
            authorize(service, Ask::new(call.caller, operation), &target)
        }
    }
}

/// The key that an alias shall stand for.
async fn alias_target(service: &Embedded, call: &mut Call<'_>, name: &str, operation: Kms) -> Result<Arc<Key>, Error> {
    if name.starts_with("alias/") || name.contains(":alias/") {
        return Err(limits::invalid("Aliases must refer to keys. Not aliases"));
    }
    let target = resolve(service, call.caller, name, Names::Keys, "targetKeyId").await?;
    let key = admit_target(service, call, &target, Ask::new(call.caller, operation))?;
    not_pending_deletion(&key)?;
    Ok(key)
}

/// An alias of the caller's account and its key, both open to the caller for `operation`.
fn existing_alias(
    service: &Embedded,
    call: &mut Call<'_>,
    name: &str,
    operation: Kms,
) -> Result<(Arc<AliasRecord>, Option<Arc<Key>>), Error> {
    let account = &call.caller.identity.principal.account;
    let arn = alias_arn(service, account, name);
    let ask = Ask::new(call.caller, operation);
    authorize_account(service, ask, &arn)?;
    let alias = service.state.directory().alias(account, name).cloned();
    let alias = alias.ok_or_else(|| Error::NotFound { message: format!("Alias {arn} is not found.") })?;
    let key = find_key(service, account, &alias.target);
    if let Some(key) = &key {
        admit_target(service, call, &crate::decide::resolve::Target::of(key.clone()), ask)?;
    }
    Ok((alias, key))
}

fn alias_arn(service: &Embedded, account: &AccountId, name: &str) -> String {
    Arn::new("kms", service.state.region.as_str(), account.as_str(), name).into()
}

/// AWS's own aliases are made and moved by the service.
fn not_reserved(name: &str) -> Result<(), Error> {
    if name.starts_with("alias/aws/") { Err(refused("NotAuthorizedException", "")) } else { Ok(()) }
}

/// What an alias may not change: the usage of its key, and whether that is symmetric, asymmetric or
/// an HMAC key (KMS API Reference, "UpdateAlias").
fn kind(key: &Key) -> (KeyUsage, bool) {
    (key.record.usage, key.record.spec.secret_len().is_some())
}

fn room_for_alias(key: &Key) -> Result<(), Error> {
    if key.aliases.len() < MAX_PER_KEY {
        return Ok(());
    }
    Err(refused("LimitExceededException", format!("{} already has {MAX_PER_KEY} aliases.", key.arn)))
}
