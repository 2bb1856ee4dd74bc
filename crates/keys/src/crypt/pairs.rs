//! Data key pairs: drawn here, given out, and kept nowhere.

use arqueta_call::Kms;
use arqueta_kms::{Caller, EncryptionAlgorithm, Error, KeySpec};
use arqueta_model::EncryptionContext;
use zeroize::Zeroizing;

use super::opened::{Sealed, noted, refuse_recipient};
use super::sealing::seal;
use crate::Embedded;
use crate::api::{
    Blob, GenerateDataKeyPairRequest, GenerateDataKeyPairResponse, GenerateDataKeyPairWithoutPlaintextRequest,
    GenerateDataKeyPairWithoutPlaintextResponse,
};
use crate::asymmetric;
use crate::call::{Call, finish};
use crate::decide::admit::admit;
use crate::decide::ask::Ask;
use crate::decide::dry_run::dry_run;
use crate::decide::resolve::Names;
use crate::key::fitness::{fits, usable};
use crate::key::material;
use crate::limits::{self, unsupported};

/// Specs that a data key pair can have (`DataKeyPairSpec`).
const SPECS: &[&str] = &[
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

/// A new pair, its private half wrapped.
struct Pair {
    private: Zeroizing<Vec<u8>>,
    public: Vec<u8>,
    spec: KeySpec,
    sealed: Sealed,
}

/// `GenerateDataKeyPair`.
///
/// # Errors
/// As the API names them.
pub async fn generate_data_key_pair(
    service: &Embedded,
    caller: &Caller,
    request: GenerateDataKeyPairRequest,
) -> Result<GenerateDataKeyPairResponse, Error> {
    let mut call = Call::new(caller, Kms::GenerateDataKeyPair)
        .with("keyId", request.key_id.as_str())
        .with("keyPairSpec", request.key_pair_spec.as_str());
    let outcome = async {
        refuse_recipient(request.recipient.is_some())?;
        limits::grant_tokens(&request.grant_tokens)?;
        let context = noted(&mut call, "encryptionContext", &request.encryption_context)?;
        draw_pair(service, &mut call, &request.key_id, &request.key_pair_spec, &context, request.dry_run).await
    }
    .await;
    let outcome = outcome.map(|pair| GenerateDataKeyPairResponse {
        private_key_ciphertext_blob: Blob::new(pair.sealed.bytes),
        private_key_plaintext: pair.private.into(),
        public_key: Blob::new(pair.public),
        key_id: pair.sealed.key.arn.as_str().to_owned(),
        key_pair_spec: pair.spec,
        key_material_id: pair.sealed.material_id,
    });
    finish(service, call, outcome).await
}

/// `GenerateDataKeyPairWithoutPlaintext`.
///
/// # Errors
/// As the API names them.
pub async fn generate_data_key_pair_without_plaintext(
    service: &Embedded,
    caller: &Caller,
    request: GenerateDataKeyPairWithoutPlaintextRequest,
) -> Result<GenerateDataKeyPairWithoutPlaintextResponse, Error> {
    let mut call = Call::new(caller, Kms::GenerateDataKeyPairWithoutPlaintext)
        .with("keyId", request.key_id.as_str())
        .with("keyPairSpec", request.key_pair_spec.as_str());
    let outcome = async {
        limits::grant_tokens(&request.grant_tokens)?;
        let context = noted(&mut call, "encryptionContext", &request.encryption_context)?;
        draw_pair(service, &mut call, &request.key_id, &request.key_pair_spec, &context, request.dry_run).await
    }
    .await;
    let outcome = outcome.map(|pair| GenerateDataKeyPairWithoutPlaintextResponse {
        private_key_ciphertext_blob: Blob::new(pair.sealed.bytes),
        public_key: Blob::new(pair.public),
        key_id: pair.sealed.key.arn.as_str().to_owned(),
        key_pair_spec: pair.spec,
        key_material_id: pair.sealed.material_id,
    });
    finish(service, call, outcome).await
}

async fn draw_pair(
    service: &Embedded,
    call: &mut Call<'_>,
    name: &str,
    spec: &str,
    context: &EncryptionContext,
    dry: bool,
) -> Result<Pair, Error> {
    limits::member_of(spec, "keyPairSpec", SPECS)?;
    let Some(spec) = KeySpec::named(spec).filter(|spec| *spec != KeySpec::SM2) else {
        return Err(unsupported(&format!("KeyPairSpec {spec}")));
    };
    let wanted = [spec.name().to_owned()];
    let conditions = [("kms:DataKeyPairSpec", &wanted[..])];
    let ask = Ask::new(call.caller, call.operation).context(context).conditions(&conditions);
    let key = admit(service, call, name, Names::Aliases, ask).await?;
    fits(&key, EncryptionAlgorithm::SYMMETRIC_DEFAULT, context, call.operation)?;
    usable(&key)?;
    if dry {
        return Err(dry_run());
    }
    let (private, public) = service
        .off_runtime(move || {
            let private = material::draw(spec)?;
            let public = asymmetric::check_private_key(spec, &private).map_err(|_| asymmetric::broken())?;
            Ok((private, public))
        })
        .await?;
    let sealed = seal(service, call.caller, key, context, &private).await?;
    Ok(Pair { private, public, spec, sealed })
}
