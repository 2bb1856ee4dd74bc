//! CreateGrant.

use std::sync::Arc;

use arqueta_call::Kms;
use arqueta_kms::Error;
use arqueta_model::ObjectId;

use super::request::{fits_key, grant_conditions};
use crate::Embedded;
use crate::api::{CreateGrantRequest, CreateGrantResponse};
use crate::call::{Call, Operation};
use crate::decide::admit::admit_in_turn;
use crate::decide::ask::{Ask, PassedOn};
use crate::decide::dry_run::dry_run;
use crate::decide::principals::grantable;
use crate::decide::resolve::turn_for;
use crate::key::Key;
use crate::key::fitness::in_service;
use crate::limits::refused;
use crate::schema::GrantRecord;
use crate::state::change::Change;

/// KMS Developer Guide, "Resource quotas".
const MAX_PER_KEY: usize = 50_000;
/// `CreateGrant`. The grant takes effect at once.
impl Operation for CreateGrantRequest {
    type Answer = CreateGrantResponse;
    const OPERATION: Kms = Kms::CreateGrant;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let constraints = self.constraints.clone().unwrap_or_default();
        let (equals, subset) = (constraints.encryption_context_equals, constraints.encryption_context_subset);
        let turn = turn_for(service, call.caller, &self.key_id).await?;
        let conditions = grant_conditions(&self);
        let conditions: Vec<_> = conditions.iter().map(|(name, values)| (*name, values.as_slice())).collect();
        let passed_on = PassedOn { operations: &self.operations, equals: equals.as_ref(), subset: subset.as_ref() };
        let ask = Ask::new(call.caller, Kms::CreateGrant).conditions(&conditions).passing_on(passed_on);
        let key = admit_in_turn(service, call, &self.key_id, ask)?;
        in_service(&key)?;
        fits_key(&self, key.record.spec, key.record.usage)?;
        let grantee = grantable(service, &self.grantee_principal).await?;
        let retiring = match &self.retiring_principal {
            Some(arn) => Some(grantable(service, arn).await?),
            None => None,
        };
        let grant = GrantRecord {
            account: key.record.account.clone(),
            key_id: key.record.id.clone(),
            id: format!("{}{}", ObjectId::random(), ObjectId::random()),
            name: self.name,
            created: service.state.clock.now(),
            grantee,
            retiring,
            issuer: call.caller.identity.principal.account.clone(),
            operations: self.operations.into_iter().collect(),
            equals,
            subset,
        };
        if self.dry_run {
            return Err(dry_run());
        }
        if let Some(same) = room_for(service, &key, &grant)? {
            return Ok(answer(&same));
        }
        let answer = answer(&grant);
        service.commit(turn, vec![Change::Grant(grant)]).await?;
        Ok(answer)
    }
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

/// Grants take effect at once, so a token has nothing to carry but the grant's id. Each answer has
/// one of its own all the same, also where a grant is asked for again (KMS API Reference,
/// "CreateGrant", `Name`).
pub(super) const TOKEN: &str = "arqueta-grant-";

fn answer(grant: &GrantRecord) -> CreateGrantResponse {
    let grant_token = format!("{TOKEN}{}-{}", grant.id, ObjectId::random());
    CreateGrantResponse { grant_token, grant_id: grant.id.clone() }
}

/// A named grant that is asked for twice is one grant.
fn is_repeated(existing: &GrantRecord, new: &GrantRecord) -> bool {
    !new.name.is_empty()
        && *existing == GrantRecord { id: existing.id.clone(), created: existing.created, ..new.clone() }
}
