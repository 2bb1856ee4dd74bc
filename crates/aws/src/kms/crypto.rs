//! Shapes of encryption, data keys and random bytes.

use std::collections::BTreeMap;

use arqueta_keys::api::{
    DecryptRequest, EncryptRequest, GenerateDataKeyRequest, GenerateDataKeyWithoutPlaintextRequest,
    GenerateRandomRequest, ReEncryptRequest,
};
use arqueta_kms::Error;
use serde::Deserialize;
use serde_json::Value;

use super::limits;
use super::parameters::{Base64, MAX_CIPHERTEXT, MAX_PLAINTEXT, SYMMETRIC, algorithm, no_recipient};
use super::shape::{Shape, Told};
use super::wire::answers;

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct GenerateDataKey {
    key_id: String,
    encryption_context: BTreeMap<String, String>,
    number_of_bytes: Option<i64>,
    key_spec: Option<String>,
    grant_tokens: Vec<String>,
    recipient: Option<Value>,
    dry_run: bool,
}

impl Shape for GenerateDataKey {
    type Request = GenerateDataKeyRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("keyId", self.key_id.as_str());
        told.maybe("keySpec", self.key_spec.as_deref()).maybe("numberOfBytes", self.number_of_bytes);
        no_recipient(self.recipient.as_ref())?;
        limits::grant_tokens(&self.grant_tokens)?;
        let encryption_context = told.context("encryptionContext", self.encryption_context)?;
        let size = size(self.number_of_bytes, self.key_spec.as_deref())?;
        Ok(GenerateDataKeyRequest { key_id: self.key_id, encryption_context, size, dry_run: self.dry_run })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct GenerateDataKeyWithoutPlaintext {
    key_id: String,
    encryption_context: BTreeMap<String, String>,
    number_of_bytes: Option<i64>,
    key_spec: Option<String>,
    grant_tokens: Vec<String>,
    dry_run: bool,
}

impl Shape for GenerateDataKeyWithoutPlaintext {
    type Request = GenerateDataKeyWithoutPlaintextRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("keyId", self.key_id.as_str());
        told.maybe("keySpec", self.key_spec.as_deref()).maybe("numberOfBytes", self.number_of_bytes);
        limits::grant_tokens(&self.grant_tokens)?;
        let encryption_context = told.context("encryptionContext", self.encryption_context)?;
        let size = size(self.number_of_bytes, self.key_spec.as_deref())?;
        let (key_id, dry_run) = (self.key_id, self.dry_run);
        Ok(GenerateDataKeyWithoutPlaintextRequest { key_id, encryption_context, size, dry_run })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Encrypt {
    key_id: String,
    plaintext: Base64,
    encryption_context: BTreeMap<String, String>,
    grant_tokens: Vec<String>,
    encryption_algorithm: Option<String>,
    dry_run: bool,
}

impl Shape for Encrypt {
    type Request = EncryptRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("keyId", self.key_id.as_str());
        told.with("encryptionAlgorithm", self.encryption_algorithm.as_deref().unwrap_or(SYMMETRIC));
        limits::grant_tokens(&self.grant_tokens)?;
        let encryption_context = told.context("encryptionContext", self.encryption_context)?;
        let plaintext = self.plaintext.within("plaintext", MAX_PLAINTEXT)?;
        let encryption_algorithm = algorithm(self.encryption_algorithm.as_deref(), "encryptionAlgorithm")?;
        let (key_id, dry_run) = (self.key_id, self.dry_run);
        Ok(EncryptRequest { key_id, plaintext, encryption_context, encryption_algorithm, dry_run })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Decrypt {
    ciphertext_blob: Base64,
    encryption_context: BTreeMap<String, String>,
    grant_tokens: Vec<String>,
    key_id: Option<String>,
    encryption_algorithm: Option<String>,
    recipient: Option<Value>,
    dry_run: bool,
    dry_run_modifiers: Vec<String>,
}

impl Shape for Decrypt {
    type Request = DecryptRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.maybe("keyId", self.key_id.as_deref());
        told.with("encryptionAlgorithm", self.encryption_algorithm.as_deref().unwrap_or(SYMMETRIC));
        no_recipient(self.recipient.as_ref())?;
        let ignore_ciphertext = ignores_ciphertext(&self.dry_run_modifiers, self.dry_run)?;
        limits::grant_tokens(&self.grant_tokens)?;
        let encryption_context = told.context("encryptionContext", self.encryption_context)?;
        let encryption_algorithm = algorithm(self.encryption_algorithm.as_deref(), "encryptionAlgorithm")?;
        Ok(DecryptRequest {
            ciphertext_blob: ciphertext(self.ciphertext_blob, ignore_ciphertext)?,
            encryption_context,
            key_id: self.key_id,
            encryption_algorithm,
            dry_run: self.dry_run,
            ignore_ciphertext,
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ReEncrypt {
    ciphertext_blob: Base64,
    source_encryption_context: BTreeMap<String, String>,
    source_key_id: Option<String>,
    destination_key_id: String,
    destination_encryption_context: BTreeMap<String, String>,
    source_encryption_algorithm: Option<String>,
    destination_encryption_algorithm: Option<String>,
    grant_tokens: Vec<String>,
    dry_run: bool,
    dry_run_modifiers: Vec<String>,
}

impl Shape for ReEncrypt {
    type Request = ReEncryptRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        let (from, to) =
            (self.source_encryption_algorithm.as_deref(), self.destination_encryption_algorithm.as_deref());
        told.maybe("sourceKeyId", self.source_key_id.as_deref());
        told.with("destinationKeyId", self.destination_key_id.as_str());
        told.with("sourceEncryptionAlgorithm", from.unwrap_or(SYMMETRIC));
        told.with("destinationEncryptionAlgorithm", to.unwrap_or(SYMMETRIC));
        let ignore_ciphertext = ignores_ciphertext(&self.dry_run_modifiers, self.dry_run)?;
        limits::grant_tokens(&self.grant_tokens)?;
        let source_encryption_context = told.context("sourceEncryptionContext", self.source_encryption_context)?;
        let destination_encryption_context =
            told.context("destinationEncryptionContext", self.destination_encryption_context)?;
        let source_encryption_algorithm = algorithm(from, "sourceEncryptionAlgorithm")?;
        let destination_encryption_algorithm = algorithm(to, "destinationEncryptionAlgorithm")?;
        Ok(ReEncryptRequest {
            ciphertext_blob: ciphertext(self.ciphertext_blob, ignore_ciphertext)?,
            source_encryption_context,
            source_key_id: self.source_key_id,
            destination_key_id: self.destination_key_id,
            destination_encryption_context,
            source_encryption_algorithm,
            destination_encryption_algorithm,
            dry_run: self.dry_run,
            ignore_ciphertext,
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct GenerateRandom {
    number_of_bytes: Option<i64>,
    custom_key_store_id: Option<String>,
    recipient: Option<Value>,
}

impl Shape for GenerateRandom {
    type Request = GenerateRandomRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.maybe("numberOfBytes", self.number_of_bytes);
        told.maybe("customKeyStoreId", self.custom_key_store_id.as_deref());
        no_recipient(self.recipient.as_ref())?;
        let Some(size) = self.number_of_bytes else { return Err(limits::invalid("NumberOfBytes is required.")) };
        let number_of_bytes = limits::range(size, "numberOfBytes", 1, 1024)?;
        Ok(GenerateRandomRequest { number_of_bytes, custom_key_store_id: self.custom_key_store_id })
    }
}

answers! {
    GenerateDataKeyResponse {
        "CiphertextBlob": ciphertext_blob,
        "Plaintext": plaintext,
        "KeyId": key_id,
        "KeyMaterialId": key_material_id,
    }
    GenerateDataKeyWithoutPlaintextResponse {
        "CiphertextBlob": ciphertext_blob,
        "KeyId": key_id,
        "KeyMaterialId": key_material_id,
    }
    EncryptResponse {
        "CiphertextBlob": ciphertext_blob,
        "KeyId": key_id,
        "EncryptionAlgorithm": encryption_algorithm,
    }
    DecryptResponse {
        "KeyId": key_id,
        "Plaintext": plaintext,
        "EncryptionAlgorithm": encryption_algorithm,
        "KeyMaterialId": key_material_id,
    }
    ReEncryptResponse {
        "CiphertextBlob": ciphertext_blob,
        "SourceKeyId": source_key_id,
        "KeyId": key_id,
        "SourceEncryptionAlgorithm": source_encryption_algorithm,
        "DestinationEncryptionAlgorithm": destination_encryption_algorithm,
        "SourceKeyMaterialId": source_key_material_id,
        "DestinationKeyMaterialId": destination_key_material_id,
    }
    GenerateRandomResponse { "Plaintext": plaintext }
}

/// Bytes of the data key that is asked for.
fn size(bytes: Option<i64>, spec: Option<&str>) -> Result<usize, Error> {
    match (bytes, spec) {
        (Some(bytes), None) => limits::range(bytes, "numberOfBytes", 1, 1024),
        (None, Some(spec)) => {
            limits::member_of(spec, "keySpec", &["AES_256", "AES_128"])?;
            Ok(if spec == "AES_128" { 16 } else { 32 })
        }
        _ => Err(limits::invalid("Please specify either number of bytes or key spec.")),
    }
}

/// `CiphertextBlob`, where it is looked at.
fn ciphertext(bytes: Base64, ignored: bool) -> Result<arqueta_keys::api::Blob, Error> {
    if ignored { Ok(bytes.any()) } else { bytes.within("ciphertextBlob", MAX_CIPHERTEXT) }
}

/// Whether a dry run asks for the permission only, with no ciphertext to judge.
fn ignores_ciphertext(modifiers: &[String], dry: bool) -> Result<bool, Error> {
    for modifier in modifiers {
        limits::member_of(modifier, "dryRunModifiers", &["IGNORE_CIPHERTEXT"])?;
    }
    if !modifiers.is_empty() && !dry {
        return Err(limits::invalid("DryRunModifiers can only be specified when DryRun is true."));
    }
    Ok(!modifiers.is_empty())
}
