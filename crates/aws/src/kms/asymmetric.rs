//! Shapes of signatures, message authentication codes, data key pairs and key agreement.

use std::collections::BTreeMap;

use arqueta_keys::api::{
    DeriveSharedSecretRequest, GenerateDataKeyPairRequest, GenerateDataKeyPairWithoutPlaintextRequest,
    GenerateMacRequest, GetPublicKeyRequest, SignRequest, VerifyMacRequest, VerifyRequest,
};
use arqueta_kms::{Error, KeyAgreementAlgorithm, KeySpec, MacAlgorithm, MessageType, SigningAlgorithm};
use serde::Deserialize;
use serde_json::Value;

use super::limits;
use super::parameters::{Base64, MAX_CIPHERTEXT, MAX_PLAINTEXT, no_recipient};
use super::shape::{Shape, Told};
use super::wire::answers;

/// Specs that a data key pair can have (`DataKeyPairSpec`).
const PAIRS: &[&str] = &[
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_SECG_P256K1",
    "SM2",
    "ECC_NIST_EDWARDS25519",
];
/// Longest public key, bytes.
const MAX_PUBLIC_KEY: usize = 8192;

/// The message is none of the record's business.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Sign {
    key_id: String,
    message: Base64,
    message_type: Option<String>,
    grant_tokens: Vec<String>,
    signing_algorithm: String,
    dry_run: bool,
}

impl Shape for Sign {
    type Request = SignRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("keyId", self.key_id.as_str());
        told.with("messageType", self.message_type.as_deref().unwrap_or(MessageType::RAW.name()));
        told.with("signingAlgorithm", self.signing_algorithm.as_str());
        limits::grant_tokens(&self.grant_tokens)?;
        let signing_algorithm = signing_algorithm(&self.signing_algorithm)?;
        let message_type = message_type(self.message_type.as_deref())?;
        let message = self.message.within("message", MAX_PLAINTEXT)?;
        Ok(SignRequest { key_id: self.key_id, message, message_type, signing_algorithm, dry_run: self.dry_run })
    }
}

/// Nor is the signature.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Verify {
    key_id: String,
    message: Base64,
    message_type: Option<String>,
    signature: Base64,
    signing_algorithm: String,
    grant_tokens: Vec<String>,
    dry_run: bool,
}

impl Shape for Verify {
    type Request = VerifyRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("keyId", self.key_id.as_str());
        told.with("messageType", self.message_type.as_deref().unwrap_or(MessageType::RAW.name()));
        told.with("signingAlgorithm", self.signing_algorithm.as_str());
        let signature = self.signature.within("signature", MAX_CIPHERTEXT)?;
        limits::grant_tokens(&self.grant_tokens)?;
        let signing_algorithm = signing_algorithm(&self.signing_algorithm)?;
        let message_type = message_type(self.message_type.as_deref())?;
        let message = self.message.within("message", MAX_PLAINTEXT)?;
        let (key_id, dry_run) = (self.key_id, self.dry_run);
        Ok(VerifyRequest { key_id, message, message_type, signature, signing_algorithm, dry_run })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct GetPublicKey {
    key_id: String,
    grant_tokens: Vec<String>,
}

impl Shape for GetPublicKey {
    type Request = GetPublicKeyRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("keyId", self.key_id.as_str());
        limits::grant_tokens(&self.grant_tokens)?;
        Ok(GetPublicKeyRequest { key_id: self.key_id })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct GenerateMac {
    message: Base64,
    key_id: String,
    mac_algorithm: String,
    grant_tokens: Vec<String>,
    dry_run: bool,
}

impl Shape for GenerateMac {
    type Request = GenerateMacRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("keyId", self.key_id.as_str()).with("macAlgorithm", self.mac_algorithm.as_str());
        limits::grant_tokens(&self.grant_tokens)?;
        let mac_algorithm = mac_algorithm(&self.mac_algorithm)?;
        let message = self.message.within("message", MAX_PLAINTEXT)?;
        Ok(GenerateMacRequest { message, key_id: self.key_id, mac_algorithm, dry_run: self.dry_run })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct VerifyMac {
    message: Base64,
    key_id: String,
    mac_algorithm: String,
    mac: Base64,
    grant_tokens: Vec<String>,
    dry_run: bool,
}

impl Shape for VerifyMac {
    type Request = VerifyMacRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("keyId", self.key_id.as_str()).with("macAlgorithm", self.mac_algorithm.as_str());
        limits::grant_tokens(&self.grant_tokens)?;
        let mac = self.mac.within("mac", MAX_CIPHERTEXT)?;
        let mac_algorithm = mac_algorithm(&self.mac_algorithm)?;
        let message = self.message.within("message", MAX_PLAINTEXT)?;
        Ok(VerifyMacRequest { message, key_id: self.key_id, mac_algorithm, mac, dry_run: self.dry_run })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct GenerateDataKeyPair {
    key_id: String,
    encryption_context: BTreeMap<String, String>,
    key_pair_spec: String,
    grant_tokens: Vec<String>,
    recipient: Option<Value>,
    dry_run: bool,
}

impl Shape for GenerateDataKeyPair {
    type Request = GenerateDataKeyPairRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("keyId", self.key_id.as_str()).with("keyPairSpec", self.key_pair_spec.as_str());
        no_recipient(self.recipient.as_ref())?;
        limits::grant_tokens(&self.grant_tokens)?;
        let encryption_context = told.context("encryptionContext", self.encryption_context)?;
        let key_pair_spec = pair_spec(&self.key_pair_spec)?;
        let (key_id, dry_run) = (self.key_id, self.dry_run);
        Ok(GenerateDataKeyPairRequest { key_id, encryption_context, key_pair_spec, dry_run })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct GenerateDataKeyPairWithoutPlaintext {
    key_id: String,
    encryption_context: BTreeMap<String, String>,
    key_pair_spec: String,
    grant_tokens: Vec<String>,
    dry_run: bool,
}

impl Shape for GenerateDataKeyPairWithoutPlaintext {
    type Request = GenerateDataKeyPairWithoutPlaintextRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("keyId", self.key_id.as_str()).with("keyPairSpec", self.key_pair_spec.as_str());
        limits::grant_tokens(&self.grant_tokens)?;
        let encryption_context = told.context("encryptionContext", self.encryption_context)?;
        let key_pair_spec = pair_spec(&self.key_pair_spec)?;
        let (key_id, dry_run) = (self.key_id, self.dry_run);
        Ok(GenerateDataKeyPairWithoutPlaintextRequest { key_id, encryption_context, key_pair_spec, dry_run })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct DeriveSharedSecret {
    key_id: String,
    key_agreement_algorithm: String,
    public_key: Base64,
    grant_tokens: Vec<String>,
    recipient: Option<Value>,
    dry_run: bool,
}

impl Shape for DeriveSharedSecret {
    type Request = DeriveSharedSecretRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("keyId", self.key_id.as_str());
        told.with("keyAgreementAlgorithm", self.key_agreement_algorithm.as_str());
        no_recipient(self.recipient.as_ref())?;
        limits::grant_tokens(&self.grant_tokens)?;
        let names = KeyAgreementAlgorithm::NAMES;
        limits::member_of(&self.key_agreement_algorithm, "keyAgreementAlgorithm", names)?;
        let public_key = self.public_key.within("publicKey", MAX_PUBLIC_KEY)?;
        Ok(DeriveSharedSecretRequest { key_id: self.key_id, public_key, dry_run: self.dry_run })
    }
}

answers! {
    SignResponse { "KeyId": key_id, "Signature": signature, "SigningAlgorithm": signing_algorithm }
    VerifyResponse { "KeyId": key_id, "SignatureValid": signature_valid, "SigningAlgorithm": signing_algorithm }
    GetPublicKeyResponse {
        "KeyId": key_id,
        "PublicKey": public_key,
        "CustomerMasterKeySpec": customer_master_key_spec,
        "KeySpec": key_spec,
        "KeyUsage": key_usage,
    } + algorithms(algorithms)
    GenerateMacResponse { "Mac": mac, "MacAlgorithm": mac_algorithm, "KeyId": key_id }
    VerifyMacResponse { "KeyId": key_id, "MacValid": mac_valid, "MacAlgorithm": mac_algorithm }
    GenerateDataKeyPairResponse {
        "PrivateKeyCiphertextBlob": private_key_ciphertext_blob,
        "PrivateKeyPlaintext": private_key_plaintext,
        "PublicKey": public_key,
        "KeyId": key_id,
        "KeyPairSpec": key_pair_spec,
        "KeyMaterialId": key_material_id,
    }
    GenerateDataKeyPairWithoutPlaintextResponse {
        "PrivateKeyCiphertextBlob": private_key_ciphertext_blob,
        "PublicKey": public_key,
        "KeyId": key_id,
        "KeyPairSpec": key_pair_spec,
        "KeyMaterialId": key_material_id,
    }
    DeriveSharedSecretResponse {
        "KeyId": key_id,
        "SharedSecret": shared_secret,
        "KeyAgreementAlgorithm": key_agreement_algorithm,
        "KeyOrigin": key_origin,
    }
}

fn signing_algorithm(name: &str) -> Result<SigningAlgorithm, Error> {
    limits::named(name, "signingAlgorithm", SigningAlgorithm::NAMES, SigningAlgorithm::named)
}

fn message_type(name: Option<&str>) -> Result<MessageType, Error> {
    let named = |name| limits::named(name, "messageType", MessageType::NAMES, MessageType::named);
    name.map_or(Ok(MessageType::RAW), named)
}

fn mac_algorithm(name: &str) -> Result<MacAlgorithm, Error> {
    limits::named(name, "macAlgorithm", MacAlgorithm::NAMES, MacAlgorithm::named)
}

/// What pairs are made of; what this service does not make is refused by name.
fn pair_spec(name: &str) -> Result<KeySpec, Error> {
    limits::member_of(name, "keyPairSpec", PAIRS)?;
    let made = KeySpec::named(name).filter(|spec| *spec != KeySpec::SM2);
    made.ok_or_else(|| limits::unsupported(&format!("KeyPairSpec {name}")))
}
