//! Rotation: new material for new ciphertext; the old one opens old ciphertext for ever.

use std::time::Duration;

use arqueta_model::Region;

use super::Embedded;
use super::access::Ask;
use super::call::Call;
use super::directory::Key;
use super::keys::usable;
use super::limits::{self, refused, unsupported};
use super::page::page;
use super::record::{Cause, KeyRecord, Origin};
use super::resolve::Names;
use super::state::Change;
use crate::api::{
    DisableKeyRotationRequest, EnableKeyRotationRequest, EpochSeconds, GetKeyRotationStatusRequest,
    GetKeyRotationStatusResponse, ListKeyRotationsRequest, ListKeyRotationsResponse, RotateKeyOnDemandRequest,
    RotateKeyOnDemandResponse, RotationsListEntry,
};
use crate::{Caller, Error, KeySpec};

/// Rotations on demand in a key's life (KMS Developer Guide, "Resource quotas").
const MAX_ON_DEMAND: usize = 25;

impl Embedded {
    /// `RotateKeyOnDemand`. New ciphertext is under new material as soon as this returns.
    ///
    /// # Errors
    /// As the API names them.
    pub async fn rotate_key_on_demand(
        &self,
        caller: &Caller,
        request: RotateKeyOnDemandRequest,
    ) -> Result<RotateKeyOnDemandResponse, Error> {
        let mut call = Call::writes(caller, "RotateKeyOnDemand").with("keyId", request.key_id.as_str());
        let outcome = self.rotate_on_demand_in(&mut call, &request.key_id).await;
        self.finish(call, outcome).await
    }

    async fn rotate_on_demand_in(&self, call: &mut Call<'_>, name: &str) -> Result<RotateKeyOnDemandResponse, Error> {
        let turn = self.turn().await?;
        let key = self.admit(call, name, Names::Keys, Ask::new(call.caller, call.name())).await?;
        rotatable(&key)?;
        usable(&key)?;
        let mut record = key.record.clone();
        if record.versions.iter().filter(|version| version.cause == Cause::OnDemand).count() >= MAX_ON_DEMAND {
            let message = format!("{} has reached the limit of {MAX_ON_DEMAND} on-demand rotations.", key.arn);
            return Err(refused("LimitExceededException", message));
        }
        self.add_version(&mut record, Cause::OnDemand).await?;
        self.commit(turn, vec![Change::Key(record)]).await?;
        Ok(RotateKeyOnDemandResponse { key_id: key.arn.as_str().to_owned() })
    }

    /// `EnableKeyRotation`. Rotations are made by [`Embedded::run_due`].
    ///
    /// # Errors
    /// As the API names them.
    pub async fn enable_key_rotation(&self, caller: &Caller, request: EnableKeyRotationRequest) -> Result<(), Error> {
        let now = self.state.clock.now();
        let call =
            Call::writes(caller, "EnableKeyRotation").maybe("rotationPeriodInDays", request.rotation_period_in_days);
        self.change_key(call, &request.key_id, |key, record| {
            let period = match request.rotation_period_in_days {
                Some(period) => limits::range(period, "rotationPeriodInDays", 90, 2560)?,
                None => record.rotation.period_days.into(),
            };
            rotatable(key)?;
            usable(key)?;
            if record.origin == Origin::ExternalKeyStore {
                return Err(not_rotated_here(record, &self.state.region));
            }
            record.rotation.period_days = u16::try_from(period).expect("at most 2,560");
            record.rotation.next = Some(now.plus(days(record.rotation.period_days)));
            Ok(())
        })
        .await
    }

    /// `DisableKeyRotation`.
    ///
    /// # Errors
    /// As the API names them.
    pub async fn disable_key_rotation(&self, caller: &Caller, request: DisableKeyRotationRequest) -> Result<(), Error> {
        self.change_key(Call::writes(caller, "DisableKeyRotation"), &request.key_id, |key, record| {
            rotatable(key)?;
            usable(key)?;
            record.rotation.next = None;
            Ok(())
        })
        .await
    }

    /// `GetKeyRotationStatus`.
    ///
    /// # Errors
    /// As the API names them.
    pub async fn get_key_rotation_status(
        &self,
        caller: &Caller,
        request: GetKeyRotationStatusRequest,
    ) -> Result<GetKeyRotationStatusResponse, Error> {
        let mut call = Call::reads(caller, "GetKeyRotationStatus").with("keyId", request.key_id.as_str());
        let ask = Ask::new(caller, "GetKeyRotationStatus");
        let outcome = self.admit(&mut call, &request.key_id, Names::Keys, ask).await;
        let outcome = outcome.map(|key| GetKeyRotationStatusResponse {
            key_rotation_enabled: key.record.rotation.next.is_some(),
            key_id: key.arn.as_str().to_owned(),
            rotation_period_in_days: key.record.rotation.next.map(|_| key.record.rotation.period_days.into()),
            next_rotation_date: key.record.rotation.next.map(EpochSeconds),
        });
        self.finish(call, outcome).await
    }

    /// `ListKeyRotations`.
    ///
    /// # Errors
    /// As the API names them.
    pub async fn list_key_rotations(
        &self,
        caller: &Caller,
        request: ListKeyRotationsRequest,
    ) -> Result<ListKeyRotationsResponse, Error> {
        let mut call = Call::reads(caller, "ListKeyRotations")
            .with("keyId", request.key_id.as_str())
            .maybe("includeKeyMaterial", request.include_key_material.as_deref());
        let outcome = self.admit(&mut call, &request.key_id, Names::Keys, Ask::new(caller, "ListKeyRotations")).await;
        let outcome = outcome.and_then(|key| {
            rotatable(&key)?;
            rotations(&key, &request)
        });
        self.finish(call, outcome).await
    }

    /// New material where the current one is; it encrypts from the next call on.
    pub(super) async fn add_version(&self, record: &mut KeyRecord, cause: Cause) -> Result<(), Error> {
        let held = record.current().and_then(|number| record.versions[number].held.as_ref());
        if held.is_some_and(|held| held.adopted) {
            return Err(not_rotated_here(record, &self.state.region));
        }
        let holder = held.map(|held| held.holder.clone());
        record.versions.push(self.new_version(record, holder.as_deref(), cause).await?);
        Ok(())
    }
}

/// AWS's refusal for keys whose material lives in an external key store.
fn not_rotated_here(record: &KeyRecord, region: &Region) -> Error {
    let (arn, origin) = (record.arn(region), record.origin.name());
    refused("UnsupportedOperationException", format!("{arn} origin is {origin} which is not valid for this operation."))
}

/// Only symmetric encryption keys have more than one version (KMS Developer Guide, "Rotating AWS
/// KMS keys").
fn rotatable(key: &Key) -> Result<(), Error> {
    match key.record.spec {
        KeySpec::SYMMETRIC_DEFAULT => Ok(()),
        spec => Err(unsupported(&format!("Rotation of keys of spec {}", spec.name()))),
    }
}

fn rotations(key: &Key, request: &ListKeyRotationsRequest) -> Result<ListKeyRotationsResponse, Error> {
    let include = request.include_key_material.as_deref().unwrap_or("ROTATIONS_ONLY");
    limits::member_of(include, "includeKeyMaterial", &["ALL_KEY_MATERIAL", "ROTATIONS_ONLY"])?;
    let versions = &key.record.versions;
    // Newest first; markers need names that ascend in that order.
    let numbered = versions.iter().enumerate().rev().map(|(number, version)| {
        let rotated = matches!(version.cause, Cause::Automatic | Cause::OnDemand);
        let entry = RotationsListEntry {
            key_id: key.arn.as_str().to_owned(),
            key_material_id: version.id.clone(),
            key_material_state: if Some(number) == key.record.current() { "CURRENT" } else { "NON_CURRENT" }.to_owned(),
            rotation_date: rotated.then_some(EpochSeconds(version.made)),
            rotation_type: match version.cause {
                Cause::Creation | Cause::Import => None,
                Cause::Automatic => Some("AUTOMATIC".to_owned()),
                Cause::OnDemand => Some("ON_DEMAND".to_owned()),
            },
        };
        (format!("{:010}", u32::MAX as usize - number), rotated, entry)
    });
    let listed: Vec<_> = numbered.filter(|(_, rotated, _)| *rotated || include == "ALL_KEY_MATERIAL").collect();
    let listed = listed.iter().map(|(name, _, entry)| (name.as_str(), entry.clone()));
    let page = page(listed, request.limit, (100, 1000), request.marker.as_deref())?;
    Ok(ListKeyRotationsResponse { truncated: page.next.is_some(), rotations: page.items, next_marker: page.next })
}

pub(super) fn days(days: u16) -> Duration {
    Duration::from_secs(u64::from(days) * 86_400)
}
