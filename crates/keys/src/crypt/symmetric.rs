//! Cryptographic operations.

use arqueta_call::Kms;
use arqueta_kms::{Caller, EncryptionAlgorithm, Error};
use arqueta_model::EncryptionContext;
use zeroize::Zeroizing;

use super::ciphers::{Source, encrypt_under, open_source, opener};
use super::ciphertext;
use super::opened::{ALGORITHM, MAX_PLAINTEXT, Opened, Sealed, blob, noted, refuse_recipient};
use super::sealing::{on_same_key, seal};
use crate::api::{
    Blob, DecryptRequest, DecryptResponse, EncryptRequest, EncryptResponse, GenerateDataKeyRequest,
    GenerateDataKeyResponse, GenerateDataKeyWithoutPlaintextRequest, GenerateDataKeyWithoutPlaintextResponse,
    GenerateRandomRequest, GenerateRandomResponse, ReEncryptRequest, ReEncryptResponse,
};
use crate::call::{Call, finish};
use crate::decide::access::authorize_account;
use crate::decide::admit::admit;
use crate::decide::ask::Ask;
use crate::decide::dry_run::{dry_run, ignores_ciphertext};
use crate::decide::resolve::Names;
use crate::key::fitness::{algorithm, fits, usable};
use crate::key::material::random;
use crate::stores::store_random;
use crate::{Embedded, limits};

/// Size of a data key, as asked for.
#[derive(Clone, Copy)]
struct Size<'a> {
    bytes: Option<i64>,
    spec: Option<&'a str>,
}

/// `GenerateDataKey`.
///
/// # Errors
/// As the API names them.
pub async fn generate_data_key(
    service: &Embedded,
    caller: &Caller,
    request: GenerateDataKeyRequest,
) -> Result<GenerateDataKeyResponse, Error> {
    let mut call = Call::new(caller, Kms::GenerateDataKey)
        .with("keyId", request.key_id.as_str())
        .maybe("keySpec", request.key_spec.as_deref())
        .maybe("numberOfBytes", request.number_of_bytes);
    let outcome = async {
        refuse_recipient(request.recipient.is_some())?;
        limits::grant_tokens(&request.grant_tokens)?;
        let size = Size { bytes: request.number_of_bytes, spec: request.key_spec.as_deref() };
        let context = noted(&mut call, "encryptionContext", &request.encryption_context)?;
        data_key(service, &mut call, &request.key_id, size, &context, request.dry_run).await
    }
    .await;
    let outcome = outcome.map(|(plaintext, sealed)| GenerateDataKeyResponse {
        ciphertext_blob: Blob::new(sealed.bytes),
        plaintext: plaintext.into(),
        key_id: sealed.key.arn.as_str().to_owned(),
        key_material_id: sealed.material_id,
    });
    finish(service, call, outcome).await
}

/// `GenerateDataKeyWithoutPlaintext`.
///
/// # Errors
/// As the API names them.
pub async fn generate_data_key_without_plaintext(
    service: &Embedded,
    caller: &Caller,
    request: GenerateDataKeyWithoutPlaintextRequest,
) -> Result<GenerateDataKeyWithoutPlaintextResponse, Error> {
    let mut call = Call::new(caller, Kms::GenerateDataKeyWithoutPlaintext)
        .with("keyId", request.key_id.as_str())
        .maybe("keySpec", request.key_spec.as_deref())
        .maybe("numberOfBytes", request.number_of_bytes);
    let outcome = async {
        limits::grant_tokens(&request.grant_tokens)?;
        let size = Size { bytes: request.number_of_bytes, spec: request.key_spec.as_deref() };
        let context = noted(&mut call, "encryptionContext", &request.encryption_context)?;
        data_key(service, &mut call, &request.key_id, size, &context, request.dry_run).await
    }
    .await;
    let outcome = outcome.map(|(_, sealed)| GenerateDataKeyWithoutPlaintextResponse {
        ciphertext_blob: Blob::new(sealed.bytes),
        key_id: sealed.key.arn.as_str().to_owned(),
        key_material_id: sealed.material_id,
    });
    finish(service, call, outcome).await
}

async fn data_key(
    service: &Embedded,
    call: &mut Call<'_>,
    name: &str,
    size: Size<'_>,
    context: &EncryptionContext,
    dry: bool,
) -> Result<(Zeroizing<Vec<u8>>, Sealed), Error> {
    let size = checked_size(size)?;
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
///
/// # Errors
/// As the API names them.
pub async fn encrypt(service: &Embedded, caller: &Caller, request: EncryptRequest) -> Result<EncryptResponse, Error> {
    let mut call = Call::new(caller, Kms::Encrypt)
        .with("keyId", request.key_id.as_str())
        .with("encryptionAlgorithm", request.encryption_algorithm.as_deref().unwrap_or(ALGORITHM));
    let outcome = encrypt_in(service, &mut call, &request).await;
    let outcome = outcome.map(|(sealed, algorithm)| EncryptResponse {
        ciphertext_blob: Blob::new(sealed.bytes),
        key_id: sealed.key.arn.as_str().to_owned(),
        encryption_algorithm: algorithm.name(),
    });
    finish(service, call, outcome).await
}

async fn encrypt_in(
    service: &Embedded,
    call: &mut Call<'_>,
    request: &EncryptRequest,
) -> Result<(Sealed, EncryptionAlgorithm), Error> {
    limits::grant_tokens(&request.grant_tokens)?;
    let context = noted(call, "encryptionContext", &request.encryption_context)?;
    blob(&request.plaintext, "plaintext", MAX_PLAINTEXT)?;
    let algorithm = algorithm(request.encryption_algorithm.as_deref(), "encryptionAlgorithm")?;
    let ask = Ask::new(call.caller, Kms::Encrypt).context(&context).algorithm(algorithm);
    let key = admit(service, call, &request.key_id, Names::Aliases, ask).await?;
    fits(&key, algorithm, &context, Kms::Encrypt)?;
    usable(&key)?;
    let sealed =
        encrypt_under(service, call.caller, (key, algorithm), &context, request.plaintext.expose(), request.dry_run)
            .await?;
    call.uses_material("keyMaterialId", sealed.material_id.as_deref());
    Ok((sealed, algorithm))
}

/// `Decrypt`.
///
/// # Errors
/// As the API names them.
pub async fn decrypt(service: &Embedded, caller: &Caller, request: DecryptRequest) -> Result<DecryptResponse, Error> {
    let mut call = Call::new(caller, Kms::Decrypt)
        .maybe("keyId", request.key_id.as_deref())
        .with("encryptionAlgorithm", request.encryption_algorithm.as_deref().unwrap_or(ALGORITHM));
    let outcome = decrypt_in(service, &mut call, &request).await;
    let outcome = outcome.map(|(opened, algorithm)| DecryptResponse {
        key_id: opened.key.arn.as_str().to_owned(),
        plaintext: opened.plaintext.into(),
        encryption_algorithm: algorithm.name(),
        key_material_id: opened.material_id,
    });
    finish(service, call, outcome).await
}

async fn decrypt_in(
    service: &Embedded,
    call: &mut Call<'_>,
    request: &DecryptRequest,
) -> Result<(Opened, EncryptionAlgorithm), Error> {
    refuse_recipient(request.recipient.is_some())?;
    let permission_only = ignores_ciphertext(&request.dry_run_modifiers, request.dry_run)?;
    limits::grant_tokens(&request.grant_tokens)?;
    let context = noted(call, "encryptionContext", &request.encryption_context)?;
    let algorithm = algorithm(request.encryption_algorithm.as_deref(), "encryptionAlgorithm")?;
    let source = Source {
        key_id: request.key_id.as_deref(),
        member: "KeyId",
        ciphertext: (!permission_only).then_some(&request.ciphertext_blob),
        context: &context,
        algorithm,
        same_key: None,
    };
    let key = opener(service, call, &source, Ask::new(call.caller, Kms::Decrypt)).await?;
    let opened = open_source(service, call.caller, key, &source).await?;
    call.uses_material("keyMaterialId", opened.material_id.as_deref());
    if request.dry_run { Err(dry_run()) } else { Ok((opened, algorithm)) }
}

/// `ReEncrypt`. The plaintext stays inside the service.
///
/// # Errors
/// As the API names them.
pub async fn re_encrypt(
    service: &Embedded,
    caller: &Caller,
    request: ReEncryptRequest,
) -> Result<ReEncryptResponse, Error> {
    let mut call = Call::new(caller, Kms::ReEncrypt)
        .maybe("sourceKeyId", request.source_key_id.as_deref())
        .with("destinationKeyId", request.destination_key_id.as_str())
        .with("sourceEncryptionAlgorithm", request.source_encryption_algorithm.as_deref().unwrap_or(ALGORITHM))
        .with(
            "destinationEncryptionAlgorithm",
            request.destination_encryption_algorithm.as_deref().unwrap_or(ALGORITHM),
        );
    let outcome = re_encrypt_in(service, &mut call, &request).await;
    let outcome = outcome.map(|(from, to, algorithms)| ReEncryptResponse {
        ciphertext_blob: Blob::new(to.bytes),
        source_key_id: from.key.arn.as_str().to_owned(),
        key_id: to.key.arn.as_str().to_owned(),
        source_encryption_algorithm: algorithms.0.name(),
        destination_encryption_algorithm: algorithms.1.name(),
        source_key_material_id: from.material_id,
        destination_key_material_id: to.material_id,
    });
    finish(service, call, outcome).await
}

async fn re_encrypt_in(
    service: &Embedded,
    call: &mut Call<'_>,
    request: &ReEncryptRequest,
) -> Result<(Opened, Sealed, (EncryptionAlgorithm, EncryptionAlgorithm)), Error> {
    let permission_only = ignores_ciphertext(&request.dry_run_modifiers, request.dry_run)?;
    limits::grant_tokens(&request.grant_tokens)?;
    let from_context = noted(call, "sourceEncryptionContext", &request.source_encryption_context)?;
    let to_context = noted(call, "destinationEncryptionContext", &request.destination_encryption_context)?;
    let from_algorithm = algorithm(request.source_encryption_algorithm.as_deref(), "sourceEncryptionAlgorithm")?;
    let to_algorithm =
        algorithm(request.destination_encryption_algorithm.as_deref(), "destinationEncryptionAlgorithm")?;
    let source = Source {
        key_id: request.source_key_id.as_deref(),
        member: "SourceKeyId",
        ciphertext: (!permission_only).then_some(&request.ciphertext_blob),
        context: &from_context,
        algorithm: from_algorithm,
        same_key: None,
    };
    let under = source.ciphertext.and_then(|bytes| ciphertext::parse(bytes.expose()).ok());
    let same = on_same_key(service, call.caller, under.as_ref(), source.key_id, &request.destination_key_id).await;
    let source = Source { same_key: Some(same), ..source };
    let from = opener(service, call, &source, Ask::to_re_encrypt_from(call.caller)).await?;
    let ask = Ask::to_re_encrypt_to(call.caller).context(&to_context).algorithm(to_algorithm).same_key(same);
    let to = admit(service, call, &request.destination_key_id, Names::Aliases, ask).await?;
    fits(&to, to_algorithm, &to_context, Kms::ReEncrypt)?;
    usable(&to)?;
    let opened = open_source(service, call.caller, from, &source).await?;
    let sealed =
        encrypt_under(service, call.caller, (to, to_algorithm), &to_context, &opened.plaintext, request.dry_run)
            .await?;
    call.uses_material("sourceKeyMaterialId", opened.material_id.as_deref());
    call.uses_material("destinationKeyMaterialId", sealed.material_id.as_deref());
    Ok((opened, sealed, (from_algorithm, to_algorithm)))
}

/// `GenerateRandom`.
///
/// # Errors
/// As the API names them.
pub async fn generate_random(
    service: &Embedded,
    caller: &Caller,
    request: GenerateRandomRequest,
) -> Result<GenerateRandomResponse, Error> {
    let call = Call::new(caller, Kms::GenerateRandom)
        .maybe("numberOfBytes", request.number_of_bytes)
        .maybe("customKeyStoreId", request.custom_key_store_id.as_deref());
    let outcome = async {
        refuse_recipient(request.recipient.is_some())?;
        let Some(size) = request.number_of_bytes else {
            return Err(limits::invalid("NumberOfBytes is required."));
        };
        let size = limits::range(size, "numberOfBytes", 1, 1024)?;
        authorize_account(service, Ask::new(caller, Kms::GenerateRandom), "*")?;
        let plaintext = match &request.custom_key_store_id {
            Some(id) => store_random(service, &caller.identity.principal.account, id, size).await?,
            None => random(size),
        };
        Ok(GenerateRandomResponse { plaintext: plaintext.into() })
    };
    let outcome = outcome.await;
    finish(service, call, outcome).await
}

fn checked_size(size: Size<'_>) -> Result<usize, Error> {
    match (size.bytes, size.spec) {
        (Some(bytes), None) => limits::range(bytes, "numberOfBytes", 1, 1024),
        (None, Some(spec)) => {
            limits::member_of(spec, "keySpec", &["AES_256", "AES_128"])?;
            Ok(if spec == "AES_128" { 16 } else { 32 })
        }
        _ => Err(limits::invalid("Please specify either number of bytes or key spec.")),
    }
}
