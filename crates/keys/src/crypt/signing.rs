//! Signatures: Sign, Verify and GetPublicKey.

use std::sync::Arc;

use arqueta_call::Kms;
use arqueta_kms::{Algorithms, Caller, Error, KeyUsage, MessageType, SigningAlgorithm};

use super::ciphertext;
use super::opened::{MAX_PLAINTEXT, blob};
use super::private::with_private;
use crate::Embedded;
use crate::api::{
    Blob, GetPublicKeyRequest, GetPublicKeyResponse, SignRequest, SignResponse, VerifyRequest, VerifyResponse,
};
use crate::asymmetric::{self, Message};
use crate::call::{Call, finish};
use crate::decide::admit::admit;
use crate::decide::ask::Ask;
use crate::decide::dry_run::dry_run;
use crate::decide::resolve::Names;
use crate::key::Key;
use crate::key::fitness::{incompatible, usable, used_for};
use crate::limits::{self, refused};

/// What Sign and Verify have in common.
struct Wanted<'a> {
    key_id: &'a str,
    message: &'a Blob,
    message_type: Option<&'a str>,
    algorithm: &'a str,
    grant_tokens: &'a [String],
}

/// The same, allowed and ready.
struct Ready {
    key: Arc<Key>,
    message: Message,
    algorithm: SigningAlgorithm,
}

/// `Sign`.
///
/// # Errors
/// As the API names them.
pub async fn sign(service: &Embedded, caller: &Caller, request: SignRequest) -> Result<SignResponse, Error> {
    let wanted = Wanted {
        key_id: &request.key_id,
        message: &request.message,
        message_type: request.message_type.as_deref(),
        algorithm: &request.signing_algorithm,
        grant_tokens: &request.grant_tokens,
    };
    let mut call = wanted.call(caller, Kms::Sign);
    let outcome = async {
        let Ready { key, message, algorithm } = made_ready(service, &mut call, &wanted).await?;
        if request.dry_run {
            return Err(dry_run());
        }
        let signature = with_private(service, &key, move |private| private.sign(algorithm, &message)).await?;
        Ok(SignResponse {
            key_id: key.arn.as_str().to_owned(),
            signature: Blob::new(signature),
            signing_algorithm: algorithm.name(),
        })
    }
    .await;
    finish(service, call, outcome).await
}

/// `Verify`. Answers only for valid signatures.
///
/// # Errors
/// `KMSInvalidSignatureException` for all others, and as the API names them.
pub async fn verify(service: &Embedded, caller: &Caller, request: VerifyRequest) -> Result<VerifyResponse, Error> {
    let wanted = Wanted {
        key_id: &request.key_id,
        message: &request.message,
        message_type: request.message_type.as_deref(),
        algorithm: &request.signing_algorithm,
        grant_tokens: &request.grant_tokens,
    };
    let mut call = wanted.call(caller, Kms::Verify);
    let outcome = async {
        blob(&request.signature, "signature", ciphertext::MAX)?;
        let Ready { key, message, algorithm } = made_ready(service, &mut call, &wanted).await?;
        if request.dry_run {
            return Err(dry_run());
        }
        let (spec, signature) = (key.record.spec, request.signature);
        let valid = with_private(service, &key, move |private| {
            Ok(asymmetric::verify(spec, algorithm, private.public(), &message, signature.expose()))
        });
        if !valid.await? {
            return Err(refused("KMSInvalidSignatureException", ""));
        }
        Ok(VerifyResponse {
            key_id: key.arn.as_str().to_owned(),
            signature_valid: true,
            signing_algorithm: algorithm.name(),
        })
    }
    .await;
    finish(service, call, outcome).await
}

async fn made_ready(service: &Embedded, call: &mut Call<'_>, wanted: &Wanted<'_>) -> Result<Ready, Error> {
    limits::grant_tokens(wanted.grant_tokens)?;
    let names = SigningAlgorithm::NAMES;
    let algorithm = limits::named(wanted.algorithm, "signingAlgorithm", names, SigningAlgorithm::named)?;
    let kind = wanted.message_type.unwrap_or(MessageType::RAW.name());
    let kind = limits::named(kind, "messageType", MessageType::NAMES, MessageType::named)?;
    blob(wanted.message, "message", MAX_PLAINTEXT)?;
    let conditions = [[algorithm.name().to_owned()], [kind.name().to_owned()]];
    let conditions = [("kms:SigningAlgorithm", &conditions[0][..]), ("kms:MessageType", &conditions[1][..])];
    let ask = Ask::new(call.caller, call.operation).conditions(&conditions);
    let key = admit(service, call, wanted.key_id, Names::Aliases, ask).await?;
    used_for(&key, KeyUsage::SignVerify, call.operation)?;
    if !Algorithms::of(key.record.spec, key.record.usage).signing.contains(&algorithm) {
        return Err(incompatible(algorithm.name(), &key));
    }
    usable(&key)?;
    Ok(Ready { message: Message::new(algorithm, kind, wanted.message.expose())?, key, algorithm })
}

/// `GetPublicKey`.
///
/// # Errors
/// As the API names them.
pub async fn get_public_key(
    service: &Embedded,
    caller: &Caller,
    request: GetPublicKeyRequest,
) -> Result<GetPublicKeyResponse, Error> {
    let mut call = Call::new(caller, Kms::GetPublicKey).with("keyId", request.key_id.as_str());
    let outcome = async {
        limits::grant_tokens(&request.grant_tokens)?;
        let ask = Ask::new(caller, Kms::GetPublicKey);
        let key = admit(service, &mut call, &request.key_id, Names::Aliases, ask).await?;
        let spec = key.record.spec;
        if spec.secret_len().is_some() {
            let message = format!("{} key spec is {} which is not valid for GetPublicKey.", key.arn, spec.name());
            return Err(refused("UnsupportedOperationException", message));
        }
        usable(&key)?;
        let public = with_private(service, &key, |private| Ok(private.public().to_vec())).await?;
        Ok(GetPublicKeyResponse {
            key_id: key.arn.as_str().to_owned(),
            public_key: Blob::new(public),
            customer_master_key_spec: spec,
            key_spec: spec,
            key_usage: key.record.usage,
            algorithms: Algorithms::of(spec, key.record.usage).into(),
        })
    }
    .await;
    finish(service, call, outcome).await
}

impl Wanted<'_> {
    /// The message and the signature are none of the record's business.
    fn call<'a>(&self, caller: &'a Caller, operation: Kms) -> Call<'a> {
        Call::new(caller, operation)
            .with("keyId", self.key_id)
            .with("messageType", self.message_type.unwrap_or("RAW"))
            .with("signingAlgorithm", self.algorithm)
    }
}
