//! The contract of object encryption, on the service.

use std::sync::Arc;

use arqueta_call::Kms as Api;
use arqueta_kms::{
    Caller, DataKey, Decrypt, EncryptionAlgorithm, Error, GenerateDataKey, KeyDescription, KeyRef, KeyState, Kms,
    Operation, ReEncrypt, ReEncrypted,
};
use arqueta_model::{AccountId, EncryptionContext, KeyArn, PrincipalKind};
use arqueta_seal::SourceKey;
use async_trait::async_trait;

use crate::Embedded;
use crate::call::{Call, finish};
use crate::crypt::ciphertext;
use crate::crypt::opened::{Opened, is_under};
use crate::crypt::sealing::{key_behind, on_same_key, open_parsed, seal};
use crate::decide::access::{authorize, unknown};
use crate::decide::admit::admit;
use crate::decide::ask::Ask;
use crate::decide::resolve::{Names, Target, find_any, no_such_key, resolve};
use crate::key::Key;
use crate::key::fitness::{fits, in_service, usable};
use crate::own::managed::owned;
use crate::regions::local_member;
use crate::schema::AWS_S3;

#[async_trait]
impl Kms for Embedded {
    async fn generate_data_key(&self, caller: &Caller, request: GenerateDataKey<'_>) -> Result<DataKey, Error> {
        let plaintext = SourceKey::random();
        if *request.key == KeyRef::ServiceOwned {
            let key = owned_for(self, caller)?;
            let sealed = seal(self, caller, key, request.context, plaintext.expose()).await?;
            return Ok(DataKey { plaintext, wrapped: sealed.bytes, key: sealed.key.arn.clone() });
        }
        let mut call = Call::new(caller, Api::GenerateDataKey)
            .with("keyId", request.key.to_string())
            .with("keySpec", "AES_256")
            .context("encryptionContext", request.context);
        let outcome = async {
            let ask = Ask::new(caller, Api::GenerateDataKey).context(request.context);
            let key = admit_ref(self, &mut call, request.key, ask).await?;
            fits(&key, EncryptionAlgorithm::SYMMETRIC_DEFAULT, request.context, Api::GenerateDataKey)?;
            usable(&key)?;
            let sealed = seal(self, caller, key, request.context, plaintext.expose()).await?;
            call.uses_material("keyMaterialId", sealed.material_id.as_deref());
            Ok(DataKey { plaintext, wrapped: sealed.bytes, key: sealed.key.arn.clone() })
        }
        .await;
        finish(self, call, outcome).await
    }

    async fn decrypt(&self, caller: &Caller, request: Decrypt<'_>) -> Result<SourceKey, Error> {
        if let Some(key) = owned_behind(self, caller, &request) {
            return open_under(self, caller, key, &request).await.and_then(source_key);
        }
        let mut call = Call::new(caller, Api::Decrypt)
            .maybe("keyId", request.key.map(KeyArn::as_str))
            .with("encryptionAlgorithm", "SYMMETRIC_DEFAULT")
            .context("encryptionContext", request.context);
        let ask = Ask::new(caller, Api::Decrypt).context(request.context);
        let outcome = open_as(self, &mut call, &request, ask).await;
        if let Ok(opened) = &outcome {
            call.uses_material("keyMaterialId", opened.material_id.as_deref());
        }
        let outcome = outcome.and_then(source_key);
        finish(self, call, outcome).await
    }

    async fn re_encrypt(&self, caller: &Caller, request: ReEncrypt<'_>) -> Result<ReEncrypted, Error> {
        let from = owned_behind(self, caller, &request.from);
        if let (Some(from), KeyRef::ServiceOwned) = (&from, request.to) {
            let opened = open_under(self, caller, from.clone(), &request.from).await?;
            let to = owned_for(self, caller)?;
            let sealed = seal(self, caller, to, request.context, &opened.plaintext).await?;
            return Ok(ReEncrypted { wrapped: sealed.bytes, key: sealed.key.arn.clone() });
        }
        let mut call = Call::new(caller, Api::ReEncrypt)
            .maybe("sourceKeyId", request.from.key.filter(|_| from.is_none()).map(KeyArn::as_str))
            .maybe("destinationKeyId", (*request.to != KeyRef::ServiceOwned).then(|| request.to.to_string()))
            .context("sourceEncryptionContext", request.from.context)
            .context("destinationEncryptionContext", request.context);
        let outcome = async {
            let under = ciphertext::parse(request.from.wrapped).ok();
            let same = match request.to {
                KeyRef::ServiceOwned => false,
                to => on_same_key(self, caller, under.as_ref(), None, name_of(to)).await,
            };
            let opened = match from {
                Some(from) => open_under(self, caller, from, &request.from).await?,
                None => {
                    let ask = Ask::to_re_encrypt_from(caller).context(request.from.context).same_key(same);
                    open_as(self, &mut call, &request.from, ask).await?
                }
            };
            let ask = Ask::to_re_encrypt_to(caller).context(request.context).same_key(same);
            let to = match request.to {
                KeyRef::ServiceOwned => owned_for(self, caller)?,
                to => admit_ref(self, &mut call, to, ask).await?,
            };
            fits(&to, EncryptionAlgorithm::SYMMETRIC_DEFAULT, request.context, Api::ReEncrypt)?;
            usable(&to)?;
            let sealed = seal(self, caller, to, request.context, &opened.plaintext).await?;
            call.uses_material("sourceKeyMaterialId", opened.material_id.as_deref());
            call.uses_material("destinationKeyMaterialId", sealed.material_id.as_deref());
            Ok(ReEncrypted { wrapped: sealed.bytes, key: sealed.key.arn.clone() })
        }
        .await;
        finish(self, call, outcome).await
    }

    async fn describe(&self, caller: &Caller, key: &KeyRef) -> Result<KeyDescription, Error> {
        let key = match key {
            KeyRef::ServiceOwned => owned_for(self, caller)?,
            other => {
                let target = resolve(self, caller, name_of(other), Names::Aliases, "keyId").await?;
                match target.key.clone().filter(|key| may_be_told(self, caller, key, &target)) {
                    Some(key) => key,
                    None => {
                        return Err(unknown(
                            self,
                            Ask::new(caller, Api::GenerateDataKey),
                            &target.named,
                            &target.account(),
                        ));
                    }
                }
            }
        };
        // The state of another account's key is only for those who may use it; the call itself
        // asks for permission first and then refuses by state.
        let foreign = !key.is_owned() && key.record.account != caller.identity.principal.account;
        // Nor does a holder's outage end what was opened before it: the next call says so.
        let state = key.record.lifecycle.state();
        Ok(KeyDescription {
            key: key.arn.clone(),
            state: if foreign || in_service(&key).is_ok() { KeyState::Enabled } else { state },
            usage: key.record.usage,
            spec: key.record.spec,
            manager: key.record.manager,
        })
    }

    async fn recheck(
        &self,
        caller: &Caller,
        operation: Operation,
        key: &KeyArn,
        context: &EncryptionContext,
    ) -> Result<(), Error> {
        self.up_to_date().await?;
        let target = target_of_arn(self, caller, key);
        if target.as_ref().is_ok_and(|target| target.key.as_ref().is_some_and(|key| key.is_owned())) {
            return Ok(());
        }
        let outcome = target.and_then(|target| {
            for ask in Ask::all(caller, api(operation)) {
                let ask = ask.context(context);
                // What was opened before its holder went away stays usable for its window.
                in_service(&*authorize(self, ask, &target)?)?;
            }
            Ok(())
        });
        if outcome.is_ok() {
            return outcome;
        }
        // A denied hit is the operation that did not happen.
        let mut call =
            Call::new(caller, api(operation)).with("keyId", key.as_str()).context("encryptionContext", context);
        call.touches(key);
        finish(self, call, outcome).await
    }
}

/// The operation of the API behind one of the contract.
fn api(operation: Operation) -> Api {
    match operation {
        Operation::GenerateDataKey => Api::GenerateDataKey,
        Operation::Decrypt => Api::Decrypt,
        Operation::ReEncrypt => Api::ReEncrypt,
        Operation::DescribeKey => Api::DescribeKey,
    }
}

/// The service-owned key, for the gateway's own calls. The protocol edge cannot name it.
fn owned_for(service: &Embedded, caller: &Caller) -> Result<Arc<Key>, Error> {
    owned(service).filter(|_| is_own_call(caller)).ok_or_else(|| no_such_key("(service-owned key)"))
}

/// The service-owned key, if it is what a ciphertext of the gateway's own is under.
fn owned_behind(service: &Embedded, caller: &Caller, request: &Decrypt<'_>) -> Option<Arc<Key>> {
    let key = owned(service).filter(|_| is_own_call(caller))?;
    let named = request.key.is_none_or(|named| key.is(named));
    (named && ciphertext::parse(request.wrapped).is_ok_and(|parsed| is_under(&key, &parsed))).then_some(key)
}

async fn open_under(
    service: &Embedded,
    caller: &Caller,
    key: Arc<Key>,
    request: &Decrypt<'_>,
) -> Result<Opened, Error> {
    let parsed = ciphertext::parse(request.wrapped)?;
    open_parsed(service, caller, key, &parsed, request.context).await
}

async fn open_as(
    service: &Embedded,
    call: &mut Call<'_>,
    request: &Decrypt<'_>,
    ask: Ask<'_>,
) -> Result<Opened, Error> {
    let parsed = ciphertext::parse(request.wrapped)?;
    let named = request.key.map(|named| known_here(service, named));
    let key = key_behind(service, call, named.as_ref().map(KeyArn::as_str), &parsed, ask).await?;
    open_parsed(service, call.caller, key, &parsed, request.context).await
}

/// The key by which this Region knows what `arn` names: objects that came from another Region
/// name its member of a multi-Region key, and the local one opens them.
fn known_here(service: &Embedded, arn: &KeyArn) -> KeyArn {
    let elsewhere = arn.region() != service.state.region.as_str();
    elsewhere.then(|| local_member(service, arn)).flatten().unwrap_or_else(|| arn.clone())
}

async fn admit_ref(service: &Embedded, call: &mut Call<'_>, key: &KeyRef, ask: Ask<'_>) -> Result<Arc<Key>, Error> {
    admit(service, call, name_of(key), Names::Aliases, ask).await
}

/// Whether `describe` may lead from this name to this key. An alias of another account leads
/// only those there who may describe the key: its ARN is not in what they gave.
fn may_be_told(service: &Embedded, caller: &Caller, key: &Key, target: &Target) -> bool {
    let own = key.record.account == caller.identity.principal.account;
    own || target.alias.is_none() || authorize(service, Ask::new(caller, Api::DescribeKey), target).is_ok()
}

/// What an ARN names, without waiting for anything.
fn target_of_arn(service: &Embedded, caller: &Caller, arn: &KeyArn) -> Result<Target, Error> {
    let arn = &known_here(service, arn);
    let account: AccountId = arn.account().parse().map_err(|_| no_such_key(arn.as_str()))?;
    let key = find_any(service, &account, arn.key_id()).filter(|key| key.is(arn));
    let key = key.filter(|key| !key.is_owned() || is_own_call(caller));
    if key.is_none() && account == caller.identity.principal.account {
        return Err(no_such_key(arn.as_str()));
    }
    Ok(Target { key, named: arn.as_str().to_owned(), alias: None })
}

/// Whether the gateway calls for itself. On a user's behalf it has the user's rights and no more,
/// so `via_service` is not enough.
fn is_own_call(caller: &Caller) -> bool {
    caller.identity.principal.kind == PrincipalKind::Service
}

fn name_of(key: &KeyRef) -> &str {
    match key {
        KeyRef::Named(name) => name,
        KeyRef::AwsManagedS3 => AWS_S3,
        KeyRef::ServiceOwned => "",
    }
}

/// Source keys are 32 bytes; anything else was not made by `generate_data_key`.
fn source_key(opened: Opened) -> Result<SourceKey, Error> {
    let bytes: &[u8; 32] = opened.plaintext.as_slice().try_into().map_err(|_| Error::InvalidCiphertext)?;
    Ok(SourceKey::from_bytes(bytes))
}
