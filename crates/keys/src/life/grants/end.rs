//! RetireGrant and RevokeGrant.

use std::sync::Arc;

use arqueta_call::Kms;
use arqueta_kms::{Caller, Error};

use super::create::TOKEN;
use crate::Embedded;
use crate::api::{RetireGrantRequest, RevokeGrantRequest};
use crate::call::{Call, Operation};
use crate::decide::admit::{admit_in_turn, admit_target};
use crate::decide::ask::Ask;
use crate::decide::dry_run::dry_run;
use crate::decide::principals::is_principal;
use crate::decide::resolve::{Target, resolve_key, turn_for};
use crate::key::Key;
use crate::limits::{self, refused};
use crate::schema::GrantRecord;
use crate::state::change::Change;

/// `RetireGrant`: by the retiring principal, the grantee if the grant says so, the issuing
/// account's root user, or whom the key's policy lets.
impl Operation for RetireGrantRequest {
    type Answer = ();
    const OPERATION: Kms = Kms::RetireGrant;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let (turn, target, id) = match &self {
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
        if self.dry_run {
            return Err(dry_run());
        }
        service.commit(turn, vec![Change::DropGrant(grant)]).await
    }
}

/// `RevokeGrant`. Takes effect with the next call under the key.
impl Operation for RevokeGrantRequest {
    type Answer = ();
    const OPERATION: Kms = Kms::RevokeGrant;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let turn = turn_for(service, call.caller, &self.key_id).await?;
        let key = admit_in_turn(service, call, &self.key_id, Ask::new(call.caller, Kms::RevokeGrant))?;
        let grant = grant_of(service, &key, &self.grant_id).ok_or_else(|| no_such_grant(&self.grant_id))?;
        if self.dry_run {
            return Err(dry_run());
        }
        service.commit(turn, vec![Change::DropGrant(grant)]).await
    }
}

fn by_token(service: &Embedded, token: &str) -> Result<(Arc<Key>, String), Error> {
    let directory = service.state.directory();
    let id = token.strip_prefix(TOKEN).map(|rest| rest.split_once('-').map_or(rest, |(id, _)| id));
    let grant = id.and_then(|id| directory.issued.find(id));
    let found = grant.and_then(|grant| Some((directory.key(&grant.account, &grant.key_id)?, &grant.id)));
    let (key, id) = found.ok_or_else(|| refused("InvalidGrantTokenException", "The grant token is not valid."))?;
    Ok((key.clone(), id.clone()))
}

/// The grant `id` of `key`.
fn grant_of(service: &Embedded, key: &Key, id: &str) -> Option<Arc<GrantRecord>> {
    service.state.directory().issued.of_key(&key.record.account, &key.record.id)?.get(id).cloned()
}

fn may_retire(grant: &GrantRecord, caller: &Caller) -> bool {
    let identity = &caller.identity;
    grant.retiring.as_ref().is_some_and(|retiring| is_principal(retiring, identity))
        || (grant.operations.contains("RetireGrant") && is_principal(&grant.grantee, identity))
        || is_principal(&format!("arn:aws:iam::{}:root", grant.issuer), identity)
}

fn no_such_grant(id: &str) -> Error {
    Error::NotFound { message: format!("Grant ID {id} not found") }
}
