//! Rotation: new material for new ciphertext; the old one opens old ciphertext for ever.

use arqueta_call::Kms;
use arqueta_kms::{Error, KeySpec, KeyState};

use super::change::{change_key, change_key_in};
use super::import::expiration_model;
use crate::Embedded;
use crate::api::{
    DisableKeyRotationRequest, EnableKeyRotationRequest, GetKeyRotationStatusRequest, GetKeyRotationStatusResponse,
    ListKeyRotationsRequest, ListKeyRotationsResponse, RotateKeyOnDemandRequest, RotateKeyOnDemandResponse,
    RotationsListEntry,
};
use crate::call::{Call, Operation};
use crate::decide::admit::{admit, admit_in_turn};
use crate::decide::ask::Ask;
use crate::decide::primary::primary_only;
use crate::decide::resolve::{Names, turn_for};
use crate::held::add_version;
use crate::key::Key;
use crate::key::fitness::{unfit_origin, usable};
use crate::limits::refused;
use crate::page::page;
use crate::schema::{Cause, KeyRecord, Origin, days};
use crate::state::change::Change;

/// Rotations on demand in a key's life (KMS Developer Guide, "Resource quotas").
const MAX_ON_DEMAND: usize = 25;

/// `RotateKeyOnDemand`. New ciphertext is under new material as soon as this returns.
impl Operation for RotateKeyOnDemandRequest {
    type Answer = RotateKeyOnDemandResponse;
    const OPERATION: Kms = Kms::RotateKeyOnDemand;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let turn = turn_for(service, call.caller, &self.key_id).await?;
        let key = admit_in_turn(service, call, &self.key_id, Ask::new(call.caller, call.operation))?;
        // The state comes before the kind of key, for this operation alone.
        if key.record.origin != Origin::CloudHsm {
            usable(&key)?;
        }
        rotatable(&key)?;
        primary_only(service, &key)?;
        let mut record = key.record.clone();
        if record.everywhere().len() < record.versions.len() {
            return Err(refused("ConflictException", format!("A rotation of {} is in progress.", key.arn)));
        }
        if record.versions.iter().filter(|version| version.cause == Cause::OnDemand).count() >= MAX_ON_DEMAND {
            let message = format!(
                "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be performed for this key: {}",
                key.arn
            );
            return Err(refused("LimitExceededException", message));
        }
        match record.origin {
            Origin::AwsKms => add_version(service, &mut record, Cause::OnDemand).await?,
            Origin::External => move_to_pending(service, &key, &mut record)?,
            Origin::CloudHsm | Origin::ExternalKeyStore => return Err(unfit_origin(&key)),
        }
        service.commit(turn, vec![Change::Key(record)]).await?;
        Ok(RotateKeyOnDemandResponse { key_id: key.arn.as_str().to_owned() })
    }
}

/// `EnableKeyRotation`. Rotations are made by [`Embedded::run_due`].
impl Operation for EnableKeyRotationRequest {
    type Answer = ();
    const OPERATION: Kms = Kms::EnableKeyRotation;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let now = service.state.clock.now();
        let days_asked: Vec<String> = self.rotation_period_in_days.iter().map(ToString::to_string).collect();
        let conditions = [("kms:RotationPeriodInDays", &days_asked[..])];
        let ask = Ask::new(call.caller, Kms::EnableKeyRotation).conditions(&conditions);
        change_key_in(service, call, &self.key_id, ask, |key, record| {
            automatic(key)?;
            rotatable(key)?;
            primary_only(service, key)?;
            usable(key)?;
            record.rotation.period_days = self.rotation_period_in_days.unwrap_or(record.rotation.period_days);
            record.rotation.next = Some(now.plus(days(record.rotation.period_days)));
            Ok(())
        })
        .await
    }
}

/// `DisableKeyRotation`.
impl Operation for DisableKeyRotationRequest {
    type Answer = ();
    const OPERATION: Kms = Kms::DisableKeyRotation;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        change_key(service, call, &self.key_id, |key, record| {
            rotatable(key)?;
            automatic(key)?;
            primary_only(service, key)?;
            usable(key)?;
            record.rotation.next = None;
            Ok(())
        })
        .await
    }
}

/// `GetKeyRotationStatus`.
impl Operation for GetKeyRotationStatusRequest {
    type Answer = GetKeyRotationStatusResponse;
    const OPERATION: Kms = Kms::GetKeyRotationStatus;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let ask = Ask::new(call.caller, Kms::GetKeyRotationStatus);
        let key = admit(service, call, &self.key_id, Names::Keys, ask).await?;
        // A key that waits for its deletion does not rotate, and remembers that it did.
        let pending = matches!(key.state(), KeyState::PendingDeletion | KeyState::PendingReplicaDeletion);
        let next = key.record.rotation.next.filter(|_| !pending);
        Ok(GetKeyRotationStatusResponse {
            key_rotation_enabled: next.is_some(),
            key_id: key.arn.as_str().to_owned(),
            rotation_period_in_days: next.map(|_| key.record.rotation.period_days),
            next_rotation_date: next,
        })
    }
}

/// `ListKeyRotations`.
impl Operation for ListKeyRotationsRequest {
    type Answer = ListKeyRotationsResponse;
    const OPERATION: Kms = Kms::ListKeyRotations;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let ask = Ask::new(call.caller, Kms::ListKeyRotations);
        let key = admit(service, call, &self.key_id, Names::Keys, ask).await?;
        rotatable(&key)?;
        Ok(rotations(&key, &self))
    }
}

/// Makes material that was imported for a rotation the current one.
fn move_to_pending(service: &Embedded, key: &Key, record: &mut KeyRecord) -> Result<(), Error> {
    // What the other Regions have, only they know: until they say so, nothing moves.
    let elsewhere = record.multi_region.as_ref().is_some_and(|regions| !regions.replicas.is_empty());
    let pending = record.versions.last_mut().filter(|version| version.is_pending() && version.is_here());
    let Some(version) = pending.filter(|_| !elsewhere) else {
        let message = format!("No available key material pending rotation for the key: {}.", key.arn);
        return Err(refused("KMSInvalidStateException", message));
    };
    version.made = service.state.clock.now();
    version.cause = Cause::OnDemand;
    if let Some(imported) = &mut version.imported {
        imported.pending_rotation = false;
    }
    Ok(())
}

/// Refuses keys whose material this service does not make.
fn automatic(key: &Key) -> Result<(), Error> {
    match key.record.origin {
        Origin::AwsKms => Ok(()),
        Origin::External | Origin::CloudHsm | Origin::ExternalKeyStore => Err(unfit_origin(key)),
    }
}

/// Only symmetric encryption keys have more than one version, and in a custom key store not even
/// they (KMS Developer Guide, "Rotating AWS KMS keys").
fn rotatable(key: &Key) -> Result<(), Error> {
    if key.record.origin == Origin::CloudHsm {
        let message = format!("{} origin is AWS_CLOUDHSM which is not valid for this operation.", key.arn);
        return Err(refused("UnsupportedOperationException", message));
    }
    match key.record.spec {
        KeySpec::SYMMETRIC_DEFAULT => Ok(()),
        // AWS says no more.
        _ => Err(refused("UnsupportedOperationException", "")),
    }
}

fn rotations(key: &Key, request: &ListKeyRotationsRequest) -> ListKeyRotationsResponse {
    // A rotation counts once every Region has the new material.
    let versions = key.record.everywhere();
    // Newest first; markers need names that ascend in that order.
    let numbered = versions.iter().enumerate().rev().map(|(number, version)| {
        let rotated = matches!(version.cause, Cause::Automatic | Cause::OnDemand);
        let imported = version.imported.as_ref().filter(|_| key.record.origin == Origin::External);
        let here = imported.filter(|_| version.is_here());
        let entry = RotationsListEntry {
            key_id: key.arn.as_str().to_owned(),
            key_material_id: version.id.clone(),
            key_material_state: material_state(key, number),
            key_material_description: imported.map(|imported| imported.description.clone()).filter(|d| !d.is_empty()),
            import_state: imported.map(|_| if version.is_here() { "IMPORTED" } else { "PENDING_IMPORT" }),
            expiration_model: here.map(|imported| expiration_model(imported.expires)),
            valid_to: version.expires(),
            rotation_date: rotated.then_some(version.made),
            rotation_type: match version.cause {
                Cause::Creation | Cause::Import => None,
                Cause::Automatic => Some("AUTOMATIC"),
                Cause::OnDemand => Some("ON_DEMAND"),
            },
        };
        (format!("{:010}", u32::MAX as usize - number), rotated, entry)
    });
    let listed: Vec<_> = numbered.filter(|(_, rotated, _)| *rotated || request.all_material).collect();
    let listed = listed.iter().map(|(name, _, entry)| (name.as_str(), entry.clone()));
    let page = page(listed, request.limit.unwrap_or(100), request.marker.as_deref());
    ListKeyRotationsResponse { rotations: page.items, next_marker: page.next }
}

fn material_state(key: &Key, number: usize) -> &'static str {
    let several = key.record.multi_region.as_ref().is_some_and(|regions| !regions.replicas.is_empty());
    match key.record.versions[number].is_pending() {
        true if several => "PENDING_MULTI_REGION_IMPORT_AND_ROTATION",
        true => "PENDING_ROTATION",
        false if key.record.current() == Some(number) => "CURRENT",
        false => "NON_CURRENT",
    }
}
