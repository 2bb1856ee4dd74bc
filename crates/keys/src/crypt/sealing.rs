//! The service's own ciphertext: sealed and opened under symmetric keys.

use std::sync::Arc;

use arqueta_kms::{Caller, Error, KeySpec};
use arqueta_model::EncryptionContext;

use super::ciphertext::{self, Parsed};
use super::opened::{Opened, Sealed, is_under, no_material, not_for_you};
use crate::Embedded;
use crate::call::Call;
use crate::decide::admit::{admit, admit_target};
use crate::decide::ask::Ask;
use crate::decide::resolve::{Names, Target, find_key, resolve};
use crate::key::Key;
use crate::key::fitness::{incompatible, usable};
use crate::key::material::{self, Material};
use crate::schema::KeyRecord;

/// The key of a ciphertext, open to the caller: the one that the caller names, which must be
/// the ciphertext's, or the one that the ciphertext names.
pub(crate) async fn key_behind(
    service: &Embedded,
    call: &mut Call<'_>,
    named: Option<&str>,
    parsed: &Parsed<'_>,
    ask: Ask<'_>,
) -> Result<Arc<Key>, Error> {
    if let Some(name) = named {
        let key = admit(service, call, name, Names::Aliases, ask).await?;
        return if is_under(&key, parsed) { Ok(key) } else { Err(Error::IncorrectKey) };
    }
    service.up_to_date().await?;
    let own = parsed.account == call.caller.identity.principal.account;
    let Some(key) = find_key(service, &parsed.account, parsed.key_id) else { return Err(not_for_you()) };
    let outcome = admit_target(service, call, &Target::of(key), ask);
    match outcome {
        Err(Error::Denied { .. }) if !own => Err(not_for_you()),
        other => other,
    }
}

pub(crate) async fn seal(
    service: &Embedded,
    caller: &Caller,
    key: Arc<Key>,
    context: &EncryptionContext,
    plaintext: &[u8],
) -> Result<Sealed, Error> {
    let number = key.record.current().ok_or_else(|| no_material(&key))?;
    let KeyRecord { account, id, .. } = &key.record;
    let header = ciphertext::header(account, id, number);
    let aad = ciphertext::aad(&header, context);
    let bytes = match key.seal_held((&caller.request.id, context), number, &aad, plaintext).await {
        Some(message) => [header, message?].concat(),
        None => ciphertext::seal(aes_key(service, &key, number)?, account, id, number, context, plaintext),
    };
    Ok(Sealed { bytes, material_id: Some(key.record.versions[number].id.clone()), key })
}

pub(crate) async fn open_parsed(
    service: &Embedded,
    caller: &Caller,
    key: Arc<Key>,
    parsed: &Parsed<'_>,
    context: &EncryptionContext,
) -> Result<Opened, Error> {
    usable(&key)?;
    let number = parsed.version;
    let version = key.record.versions.get(number).ok_or(Error::InvalidCiphertext)?;
    let held = key.open_held((&caller.request.id, context), number, &parsed.aad(context), parsed.message).await;
    let plaintext = match held {
        Some(opened) => opened?,
        None => parsed.open(aes_key(service, &key, number)?, context)?,
    };
    Ok(Opened { plaintext, material_id: Some(version.id.clone()), key })
}

/// The AES key of a version. Never the bytes of another kind of key, which may be as long.
pub(crate) fn aes_key<'a>(service: &Embedded, key: &'a Key, number: usize) -> Result<&'a [u8; 32], Error> {
    match key.record.spec {
        KeySpec::SYMMETRIC_DEFAULT => material_of(service, key, number)?.symmetric(),
        _ => Err(incompatible(KeySpec::SYMMETRIC_DEFAULT.name(), key)),
    }
}

/// The material of a version of `key`, which has one of this number.
///
/// # Errors
/// `KMSInvalidStateException` where it is not here: never imported, expired or deleted.
pub(crate) fn material_of<'a>(service: &Embedded, key: &'a Key, number: usize) -> Result<&'a Material, Error> {
    let version = &key.record.versions[number];
    if !version.is_here() {
        return Err(no_material(key));
    }
    material::open(&key.slots[number], &service.state.root, &key.arn, number, version)
}

/// Whether a ciphertext is, or is said to be, under the key of this name. Names that lead to
/// no key are refused where they are used.
pub(crate) async fn on_same_key(
    service: &Embedded,
    caller: &Caller,
    under: Option<&Parsed<'_>>,
    said: Option<&str>,
    to: &str,
) -> bool {
    let Ok(Target { key: Some(to), .. }) = resolve(service, caller, to, Names::Aliases, "keyId").await else {
        return false;
    };
    match (under, said) {
        (Some(under), _) => is_under(&to, under),
        (None, Some(said)) => {
            let from = resolve(service, caller, said, Names::Aliases, "keyId").await;
            from.is_ok_and(|from| from.key.is_some_and(|from| from.arn == to.arn))
        }
        (None, None) => false,
    }
}
