//! ImportKeyMaterial and DeleteImportedKeyMaterial.

use std::time::Duration;

use arqueta_call::Kms;
use arqueta_kms::{Error, KeySpec, KeyState, KeyUsage};
use arqueta_model::Timestamp;
use aws_lc_rs::hkdf;
use zeroize::Zeroizing;

use super::parameters::redeem;
use super::{expiration_model, importable, wrapping};
use crate::Embedded;
use crate::api::{
    DeleteImportedKeyMaterialRequest, DeleteImportedKeyMaterialResponse, ImportKeyMaterialRequest,
    ImportKeyMaterialResponse,
};
use crate::asymmetric::PrivateKey;
use crate::call::{Call, Operation};
use crate::decide::admit::admit;
use crate::decide::ask::Ask;
use crate::decide::resolve::Names;
use crate::key::fitness::unfit_origin;
use crate::key::{Key, material};
use crate::life::change::change_key_in;
use crate::limits::{invalid, refused};
use crate::schema::{Cause, Imported, KeyRecord, Lifecycle, Origin, VersionRecord};

/// How far ahead material may expire.
const MAX_VALID: Duration = Duration::from_secs(365 * 86_400);

/// What a request says of the material.
struct Terms {
    expires: Option<Timestamp>,
    /// Whether it must be new to the key, or must not be.
    new: Option<bool>,
    description: Option<String>,
    id: Option<String>,
}

/// `ImportKeyMaterial`. The key is usable as soon as this returns, unless it is disabled or
/// other material of its is still missing.
impl Operation for ImportKeyMaterialRequest {
    type Answer = ImportKeyMaterialResponse;
    const OPERATION: Kms = Kms::ImportKeyMaterial;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let terms = terms(&self, service.state.clock.now())?;
        let conditions = conditions(&terms);
        let conditions: Vec<_> = conditions.iter().map(|(name, value)| (*name, std::slice::from_ref(value))).collect();
        let ask = Ask::new(call.caller, Kms::ImportKeyMaterial).conditions(&conditions);
        let key = admit(service, call, &self.key_id, Names::Keys, ask).await?;
        importable(&key)?;
        terms.suit(&key)?;
        let material = unwrapped(service, &key, &self).await?;
        let id = material_id(&key.record.id, &material);
        change_key_in(service, call, &self.key_id, ask, |key, record| {
            importable(key)?;
            let replica = record.multi_region.as_ref().is_some_and(|regions| regions.primary != service.state.region);
            let number = position(key, &terms, &id, replica)?;
            let sealed = material::seal(&service.state.root, &key.arn, number, &material);
            place(record, number, terms, &id, sealed, service.state.clock.now());
            let symmetric = record.spec == KeySpec::SYMMETRIC_DEFAULT;
            Ok(ImportKeyMaterialResponse {
                key_id: key.arn.as_str().to_owned(),
                key_material_id: symmetric.then_some(id),
            })
        })
        .await
    }
}

/// The material in the clear, and of a kind that `key` can use.
async fn unwrapped(
    service: &Embedded,
    key: &Key,
    request: &ImportKeyMaterialRequest,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (private, algorithm) = redeem(service, key, request.import_token.expose()).await?;
    let (spec, usage) = (key.record.spec, key.record.usage);
    let wrapped = request.encrypted_key_material.expose().to_vec();
    service
        .off_runtime(move || {
            let material = wrapping::open(&private, algorithm, &wrapped).ok_or(Error::InvalidCiphertext)?;
            if fits(spec, usage, &material) { Ok(material) } else { Err(incorrect(WRONG_KIND)) }
        })
        .await
}

/// `DeleteImportedKeyMaterial`. Takes effect with the next call under the key.
impl Operation for DeleteImportedKeyMaterialRequest {
    type Answer = DeleteImportedKeyMaterialResponse;
    const OPERATION: Kms = Kms::DeleteImportedKeyMaterial;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let ask = Ask::new(call.caller, Kms::DeleteImportedKeyMaterial);
        let id = self.key_material_id.as_deref();
        change_key_in(service, call, &self.key_id, ask, |key, record| delete(key, record, id)).await
    }
}

/// Checks everything that needs no key.
fn terms(request: &ImportKeyMaterialRequest, now: Timestamp) -> Result<Terms, Error> {
    if request.valid_to.is_some_and(|at| at <= now || at > now.plus(MAX_VALID)) {
        return Err(invalid("The validTo date must be in the future, and at most 365 days from now"));
    }
    Ok(Terms {
        expires: request.valid_to,
        new: request.is_new,
        description: request.key_material_description.clone(),
        id: request.key_material_id.clone(),
    })
}

impl Terms {
    /// Refuses what only keys with several materials have.
    fn suit(&self, key: &Key) -> Result<(), Error> {
        let several = self.new.is_some() || self.description.is_some() || self.id.is_some();
        if several && key.record.spec != KeySpec::SYMMETRIC_DEFAULT {
            return Err(invalid(
                "ImportType, KeyMaterialDescription and KeyMaterialId are valid for symmetric encryption keys only",
            ));
        }
        Ok(())
    }
}

/// The condition keys of the request. `kms:ValidTo` is a number of seconds, rounded up.
fn conditions(terms: &Terms) -> Vec<(&'static str, String)> {
    let mut found = vec![("kms:ExpirationModel", expiration_model(terms.expires).to_owned())];
    if let Some(at) = terms.expires {
        let seconds = at.seconds() + i64::from(at.millis() % 1000 != 0);
        found.push(("kms:ValidTo", seconds.to_string()));
    }
    found
}

/// Whether bytes are material of a key of this spec (KMS Developer Guide, "Requirements for
/// imported key material"): 256 bits; for an HMAC key from the length of the digest to that of
/// the hash's block; a private key in PKCS #8.
fn fits(spec: KeySpec, usage: KeyUsage, material: &[u8]) -> bool {
    let bytes = match spec {
        KeySpec::SYMMETRIC_DEFAULT => 32..=32,
        KeySpec::HMAC_224 => 28..=64,
        KeySpec::HMAC_256 => 32..=64,
        KeySpec::HMAC_384 => 48..=128,
        KeySpec::HMAC_512 => 64..=128,
        _ => return PrivateKey::parse(spec, usage, material).is_ok(),
    };
    bytes.contains(&material.len())
}

/// The id of imported material: a one-way function of the material and the key's id, as in AWS, so
/// that the same material is known again when it is gone, in every Region of the key.
fn material_id(key_id: &str, material: &[u8]) -> String {
    const DOMAIN: &[u8] = b"arqueta/1/material-id";
    let mut id = [0; 32];
    hkdf::Salt::new(hkdf::HKDF_SHA256, DOMAIN)
        .extract(material)
        .expand(&[key_id.as_bytes()], hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut id))
        .expect("32 bytes are the length of one block");
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

const WRONG_KIND: &str = "The key material does not fit the key spec of the KMS key.";

fn incorrect(message: &str) -> Error {
    refused("IncorrectKeyMaterialException", message)
}

/// Number of the version that the material named `id` becomes, or is.
fn position(key: &Key, terms: &Terms, id: &str, replica: bool) -> Result<usize, Error> {
    let versions = &key.record.versions;
    let known = versions.iter().position(|version| version.id == id);
    let new = terms.new.unwrap_or(versions.is_empty());
    match known {
        Some(_) if new => Err(incorrect("The key material is already associated with the KMS key.")),
        Some(number) if terms.id.as_ref().is_none_or(|wanted| wanted == id) => Ok(number),
        None if !new || (!versions.is_empty() && key.record.spec != KeySpec::SYMMETRIC_DEFAULT) => {
            Err(incorrect("The key material is not the material that was imported before."))
        }
        None if versions.last().is_some_and(VersionRecord::is_pending) => {
            let message = format!("{} already has key material that is pending rotation.", key.arn);
            Err(refused("KMSInvalidStateException", message))
        }
        None if replica => {
            Err(refused("UnsupportedOperationException", "New key material is imported into the primary key first."))
        }
        None => Ok(versions.len()),
        Some(_) => Err(incorrect("The key material is not the material that was named.")),
    }
}

/// Puts sealed material in its place; the key is enabled once nothing is missing.
fn place(record: &mut KeyRecord, number: usize, terms: Terms, id: &str, sealed: Vec<u8>, now: Timestamp) {
    let known = record.versions.get_mut(number);
    match known {
        Some(version) => {
            version.sealed = sealed;
            if let Some(imported) = &mut version.imported {
                imported.expires = terms.expires;
                if let Some(description) = terms.description {
                    imported.description = description;
                }
            }
        }
        None => record.versions.push(VersionRecord {
            id: id.to_owned(),
            made: now,
            cause: Cause::Import,
            sealed,
            held: None,
            imported: Some(Imported {
                expires: terms.expires,
                description: terms.description.unwrap_or_default(),
                pending_rotation: number > 0,
            }),
        }),
    }
    if record.lifecycle == Lifecycle::PendingImport && record.is_complete() {
        record.lifecycle = Lifecycle::Enabled;
    }
}

fn delete(key: &Key, record: &mut KeyRecord, id: Option<&str>) -> Result<DeleteImportedKeyMaterialResponse, Error> {
    if record.origin != Origin::External {
        return Err(unfit_origin(key));
    }
    if !matches!(
        key.state(),
        KeyState::Enabled | KeyState::Disabled | KeyState::PendingImport | KeyState::PendingDeletion
    ) {
        return Err(Error::InvalidState { key: key.arn.clone(), state: key.state() });
    }
    let number = match id {
        None => record.current(),
        Some(id) => match record.versions.iter().position(|version| version.id == id) {
            None => return Err(Error::NotFound { message: format!("Key material '{id}' does not exist") }),
            number => number,
        },
    };
    let symmetric = record.spec == KeySpec::SYMMETRIC_DEFAULT;
    let key_material_id = number.filter(|_| symmetric).map(|number| record.versions[number].id.clone());
    if let Some(number) = number {
        record.forget(number);
    }
    Ok(DeleteImportedKeyMaterialResponse { key_id: key.arn.as_str().to_owned(), key_material_id })
}
