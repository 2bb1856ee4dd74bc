//! Cryptographic operations.

use arqueta_call::Kms;
use arqueta_kms::{EncryptionAlgorithm, Error};
use arqueta_model::EncryptionContext;
use zeroize::Zeroizing;

use super::ciphers::{Source, encrypt_under, open_source, opener};
use super::ciphertext;
use super::opened::Sealed;
use super::sealing::{on_same_key, seal};
use crate::Embedded;
use crate::api::{
    Blob, DecryptRequest, DecryptResponse, EncryptRequest, EncryptResponse, GenerateDataKeyRequest,
    GenerateDataKeyResponse, GenerateDataKeyWithoutPlaintextRequest, GenerateDataKeyWithoutPlaintextResponse,
    GenerateRandomRequest, GenerateRandomResponse, ReEncryptRequest, ReEncryptResponse,
};
use crate::call::{Call, Operation};
use crate::decide::access::authorize_account;
use crate::decide::admit::admit;
use crate::decide::ask::Ask;
use crate::decide::dry_run::dry_run;
use crate::decide::resolve::Names;
use crate::key::fitness::{fits, usable};
use crate::key::material::random;
use crate::stores::store_random;

/// `GenerateDataKey`.
impl Operation for GenerateDataKeyRequest {
    type Answer = GenerateDataKeyResponse;
    const OPERATION: Kms = Kms::GenerateDataKey;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let Self { key_id, encryption_context, size, dry_run } = self;
        let (plaintext, sealed) = data_key(service, call, &key_id, size, &encryption_context, dry_run).await?;
        Ok(GenerateDataKeyResponse {
            ciphertext_blob: Blob::new(sealed.bytes),
            plaintext: plaintext.into(),
            key_id: sealed.key.arn.as_str().to_owned(),
            key_material_id: sealed.material_id,
        })
    }
}

/// `GenerateDataKeyWithoutPlaintext`.
impl Operation for GenerateDataKeyWithoutPlaintextRequest {
    type Answer = GenerateDataKeyWithoutPlaintextResponse;
    const OPERATION: Kms = Kms::GenerateDataKeyWithoutPlaintext;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let Self { key_id, encryption_context, size, dry_run } = self;
        let (_, sealed) = data_key(service, call, &key_id, size, &encryption_context, dry_run).await?;
        Ok(GenerateDataKeyWithoutPlaintextResponse {
            ciphertext_blob: Blob::new(sealed.bytes),
            key_id: sealed.key.arn.as_str().to_owned(),
            key_material_id: sealed.material_id,
        })
    }
}

async fn data_key(
    service: &Embedded,
    call: &mut Call<'_>,
    name: &str,
    size: usize,
    context: &EncryptionContext,
    dry: bool,
) -> Result<(Zeroizing<Vec<u8>>, Sealed), Error> {
    let ask = Ask::new(call.caller, call.operation).context(context);
    let key = admit(service, call, name, Names::Aliases, ask).await?;
    fits(&key, EncryptionAlgorithm::SYMMETRIC_DEFAULT, context, call.operation)?;
    usable(&key)?;
    if dry {
        return Err(dry_run());
    }
    let plaintext = random(size);
    let sealed = seal(service, call.caller, key, context, &plaintext).await?;
    call.uses_material("keyMaterialId", sealed.material_id.as_deref());
    Ok((plaintext, sealed))
}

/// `Encrypt`.
impl Operation for EncryptRequest {
    type Answer = EncryptResponse;
    const OPERATION: Kms = Kms::Encrypt;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let algorithm = self.encryption_algorithm.unwrap_or(EncryptionAlgorithm::SYMMETRIC_DEFAULT);
        let ask = Ask::new(call.caller, Kms::Encrypt).context(&self.encryption_context).algorithm(algorithm);
        let key = admit(service, call, &self.key_id, Names::Aliases, ask).await?;
        fits(&key, algorithm, &self.encryption_context, Kms::Encrypt)?;
        usable(&key)?;
        let (under, context, plaintext) = ((key, algorithm), &self.encryption_context, self.plaintext.expose());
        let sealed = encrypt_under(service, call.caller, under, context, plaintext, self.dry_run).await?;
        call.uses_material("keyMaterialId", sealed.material_id.as_deref());
        Ok(EncryptResponse {
            ciphertext_blob: Blob::new(sealed.bytes),
            key_id: sealed.key.arn.as_str().to_owned(),
            encryption_algorithm: algorithm.name(),
        })
    }
}

/// `Decrypt`.
impl Operation for DecryptRequest {
    type Answer = DecryptResponse;
    const OPERATION: Kms = Kms::Decrypt;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let algorithm = self.encryption_algorithm.unwrap_or(EncryptionAlgorithm::SYMMETRIC_DEFAULT);
        let source = Source {
            key_id: self.key_id.as_deref(),
            member: "KeyId",
            ciphertext: (!self.ignore_ciphertext).then_some(&self.ciphertext_blob),
            context: &self.encryption_context,
            algorithm,
            same_key: None,
        };
        let key = opener(service, call, &source, Ask::new(call.caller, Kms::Decrypt)).await?;
        let opened = open_source(service, call.caller, key, &source).await?;
        call.uses_material("keyMaterialId", opened.material_id.as_deref());
        if self.dry_run {
            return Err(dry_run());
        }
        Ok(DecryptResponse {
            key_id: opened.key.arn.as_str().to_owned(),
            plaintext: opened.plaintext.into(),
            encryption_algorithm: algorithm.name(),
            key_material_id: opened.material_id,
        })
    }
}

/// `ReEncrypt`. The plaintext stays inside the service.
impl Operation for ReEncryptRequest {
    type Answer = ReEncryptResponse;
    const OPERATION: Kms = Kms::ReEncrypt;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let from_algorithm = self.source_encryption_algorithm.unwrap_or(EncryptionAlgorithm::SYMMETRIC_DEFAULT);
        let to_algorithm = self.destination_encryption_algorithm.unwrap_or(EncryptionAlgorithm::SYMMETRIC_DEFAULT);
        let to_context = &self.destination_encryption_context;
        let source = Source {
            key_id: self.source_key_id.as_deref(),
            member: "SourceKeyId",
            ciphertext: (!self.ignore_ciphertext).then_some(&self.ciphertext_blob),
            context: &self.source_encryption_context,
            algorithm: from_algorithm,
            same_key: None,
        };
        let under = source.ciphertext.and_then(|bytes| ciphertext::parse(bytes.expose()).ok());
        let same = on_same_key(service, call.caller, under.as_ref(), source.key_id, &self.destination_key_id).await;
        let source = Source { same_key: Some(same), ..source };
        let from = opener(service, call, &source, Ask::to_re_encrypt_from(call.caller)).await?;
        let ask = Ask::to_re_encrypt_to(call.caller).context(to_context).algorithm(to_algorithm).same_key(same);
        let to = admit(service, call, &self.destination_key_id, Names::Aliases, ask).await?;
        fits(&to, to_algorithm, to_context, Kms::ReEncrypt)?;
        usable(&to)?;
        let from = open_source(service, call.caller, from, &source).await?;
        let under = (to, to_algorithm);
        let to = encrypt_under(service, call.caller, under, to_context, &from.plaintext, self.dry_run).await?;
        call.uses_material("sourceKeyMaterialId", from.material_id.as_deref());
        call.uses_material("destinationKeyMaterialId", to.material_id.as_deref());
        Ok(ReEncryptResponse {
            ciphertext_blob: Blob::new(to.bytes),
            source_key_id: from.key.arn.as_str().to_owned(),
            key_id: to.key.arn.as_str().to_owned(),
            source_encryption_algorithm: from_algorithm.name(),
            destination_encryption_algorithm: to_algorithm.name(),
            source_key_material_id: from.material_id,
            destination_key_material_id: to.material_id,
        })
    }
}

/// `GenerateRandom`.
impl Operation for GenerateRandomRequest {
    type Answer = GenerateRandomResponse;
    const OPERATION: Kms = Kms::GenerateRandom;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let caller = call.caller;
        authorize_account(service, Ask::new(caller, Kms::GenerateRandom), "*")?;
        let plaintext = match &self.custom_key_store_id {
            Some(id) => store_random(service, &caller.identity.principal.account, id, self.number_of_bytes).await?,
            None => random(self.number_of_bytes),
        };
        Ok(GenerateRandomResponse { plaintext: plaintext.into() })
    }
}
