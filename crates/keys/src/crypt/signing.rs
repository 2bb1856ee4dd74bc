//! Signatures: Sign, Verify and GetPublicKey.

use std::sync::Arc;

use arqueta_call::Kms;
use arqueta_kms::{Algorithms, Error, KeyUsage, MessageType, SigningAlgorithm};

use super::private::with_private;
use crate::Embedded;
use crate::api::{
    Blob, GetPublicKeyRequest, GetPublicKeyResponse, SignRequest, SignResponse, VerifyRequest, VerifyResponse,
};
use crate::asymmetric::{self, Message};
use crate::call::{Call, Operation};
use crate::decide::admit::admit;
use crate::decide::ask::Ask;
use crate::decide::dry_run::dry_run;
use crate::decide::resolve::Names;
use crate::key::Key;
use crate::key::fitness::{incompatible, usable, used_for};
use crate::limits::refused;

/// What is signed or verified, and how.
struct Wanted<'a> {
    key_id: &'a str,
    message: &'a Blob,
    message_type: MessageType,
    algorithm: SigningAlgorithm,
    /// Whether only to find out if it could be done.
    dry_run: bool,
}

/// The same, allowed and ready.
struct Ready {
    key: Arc<Key>,
    message: Message,
}

/// `Sign`.
impl Operation for SignRequest {
    type Answer = SignResponse;
    const OPERATION: Kms = Kms::Sign;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let wanted = Wanted {
            key_id: &self.key_id,
            message: &self.message,
            message_type: self.message_type,
            algorithm: self.signing_algorithm,
            dry_run: self.dry_run,
        };
        let Ready { key, message } = made_ready(service, call, &wanted).await?;
        let algorithm = self.signing_algorithm;
        let signature = with_private(service, &key, move |private| private.sign(algorithm, &message)).await?;
        Ok(SignResponse {
            key_id: key.arn.as_str().to_owned(),
            signature: Blob::new(signature),
            signing_algorithm: algorithm.name(),
        })
    }
}

/// `Verify`. Answers only for valid signatures.
/// All others are `KMSInvalidSignatureException`.
impl Operation for VerifyRequest {
    type Answer = VerifyResponse;
    const OPERATION: Kms = Kms::Verify;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let wanted = Wanted {
            key_id: &self.key_id,
            message: &self.message,
            message_type: self.message_type,
            algorithm: self.signing_algorithm,
            dry_run: self.dry_run,
        };
        let Ready { key, message } = made_ready(service, call, &wanted).await?;
        let algorithm = self.signing_algorithm;
        let (spec, signature) = (key.record.spec, self.signature);
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
}

async fn made_ready(service: &Embedded, call: &mut Call<'_>, wanted: &Wanted<'_>) -> Result<Ready, Error> {
    let Wanted { key_id, message, message_type: kind, algorithm, dry_run: dry } = *wanted;
    let conditions = [[algorithm.name().to_owned()], [kind.name().to_owned()]];
    let conditions = [("kms:SigningAlgorithm", &conditions[0][..]), ("kms:MessageType", &conditions[1][..])];
    let ask = Ask::new(call.caller, call.operation).conditions(&conditions);
    let key = admit(service, call, key_id, Names::Aliases, ask).await?;
    used_for(&key, KeyUsage::SignVerify, call.operation)?;
    if !Algorithms::of(key.record.spec, key.record.usage).signing.contains(&algorithm) {
        return Err(incompatible(algorithm.name(), &key));
    }
    usable(&key)?;
    let message = Message::new(algorithm, kind, message.expose())?;
    if dry {
        return Err(dry_run());
    }
    Ok(Ready { key, message })
}

/// `GetPublicKey`.
impl Operation for GetPublicKeyRequest {
    type Answer = GetPublicKeyResponse;
    const OPERATION: Kms = Kms::GetPublicKey;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let ask = Ask::new(call.caller, Kms::GetPublicKey);
        let key = admit(service, call, &self.key_id, Names::Aliases, ask).await?;
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
}
