//! DeriveSharedSecret.

use arqueta_call::Kms;
use arqueta_kms::{Caller, Error, KeyAgreementAlgorithm, KeyUsage};

use super::opened::{blob, refuse_recipient};
use super::private::with_private;
use crate::api::{DeriveSharedSecretRequest, DeriveSharedSecretResponse};
use crate::call::{Call, finish};
use crate::decide::admit::admit;
use crate::decide::ask::Ask;
use crate::decide::dry_run::dry_run;
use crate::decide::resolve::Names;
use crate::key::fitness::{usable, used_for};
use crate::{Embedded, limits};

/// Longest public key that the API takes.
const MAX_PUBLIC_KEY: usize = 8192;

/// `DeriveSharedSecret`.
///
/// # Errors
/// As the API names them.
pub async fn derive_shared_secret(
    service: &Embedded,
    caller: &Caller,
    request: DeriveSharedSecretRequest,
) -> Result<DeriveSharedSecretResponse, Error> {
    let mut call = Call::new(caller, Kms::DeriveSharedSecret)
        .with("keyId", request.key_id.as_str())
        .with("keyAgreementAlgorithm", request.key_agreement_algorithm.as_str());
    let outcome = derive_in(service, &mut call, request).await;
    finish(service, call, outcome).await
}

async fn derive_in(
    service: &Embedded,
    call: &mut Call<'_>,
    request: DeriveSharedSecretRequest,
) -> Result<DeriveSharedSecretResponse, Error> {
    refuse_recipient(request.recipient.is_some())?;
    limits::grant_tokens(&request.grant_tokens)?;
    let names = KeyAgreementAlgorithm::NAMES;
    limits::member_of(&request.key_agreement_algorithm, "keyAgreementAlgorithm", names)?;
    blob(&request.public_key, "publicKey", MAX_PUBLIC_KEY)?;
    let wanted = [request.key_agreement_algorithm.clone()];
    let conditions = [("kms:KeyAgreementAlgorithm", &wanted[..])];
    let ask = Ask::new(call.caller, call.operation).conditions(&conditions);
    let key = admit(service, call, &request.key_id, Names::Aliases, ask).await?;
    used_for(&key, KeyUsage::KeyAgreement, call.operation)?;
    usable(&key)?;
    let (peer, dry) = (request.public_key, request.dry_run);
    let secret = with_private(service, &key, move |private| {
        let secret = private.agree(peer.expose())?;
        // Late, because only this tells whether the peer's key is one.
        if dry { Err(dry_run()) } else { Ok(secret) }
    });
    Ok(DeriveSharedSecretResponse {
        shared_secret: secret.await?.into(),
        key_id: key.arn.as_str().to_owned(),
        key_agreement_algorithm: KeyAgreementAlgorithm::ECDH.name(),
        key_origin: key.record.origin.name(),
    })
}
