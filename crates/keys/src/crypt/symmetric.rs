//! Cryptographic operations.

use std::sync::Arc;

use arqueta_kms::{Caller, EncryptionAlgorithm, Error, KeySpec};
use arqueta_model::EncryptionContext;
use zeroize::Zeroizing;

use super::ciphers::Source;
use super::ciphertext::{self, Parsed};
use super::opened::{MAX_PLAINTEXT, Opened, Sealed, blob, is_under, no_material, not_for_you, noted, refuse_recipient};
use crate::api::{
    Blob, DecryptRequest, DecryptResponse, EncryptRequest, EncryptResponse, GenerateDataKeyRequest,
    GenerateDataKeyResponse, GenerateDataKeyWithoutPlaintextRequest, GenerateDataKeyWithoutPlaintextResponse,
    GenerateRandomRequest, GenerateRandomResponse, ReEncryptRequest, ReEncryptResponse,
};
use crate::call::Call;
use crate::decide::ask::Ask;
use crate::decide::dry_run::{dry_run, ignores_ciphertext};
use crate::decide::resolve::{Names, Target};
use crate::key::Key;
use crate::key::fitness::{algorithm, fits, incompatible, usable};
use crate::key::material::{self, Material, random};
use crate::schema::KeyRecord;
use crate::{Embedded, limits};

const ALGORITHM: &str = "SYMMETRIC_DEFAULT";

/// Size of a data key, as asked for.
#[derive(Clone, Copy)]
struct Size<'a> {
    bytes: Option<i64>,
    spec: Option<&'a str>,
}

impl Embedded {
    /// `GenerateDataKey`.
    ///
    /// # Errors
    /// As the API names them.
    pub async fn generate_data_key(
        &self,
        caller: &Caller,
        request: GenerateDataKeyRequest,
    ) -> Result<GenerateDataKeyResponse, Error> {
        let mut call = Call::reads(caller, "GenerateDataKey")
            .with("keyId", request.key_id.as_str())
            .maybe("keySpec", request.key_spec.as_deref())
            .maybe("numberOfBytes", request.number_of_bytes);
        let outcome = async {
            refuse_recipient(request.recipient.is_some())?;
            limits::grant_tokens(&request.grant_tokens)?;
            let size = Size { bytes: request.number_of_bytes, spec: request.key_spec.as_deref() };
            let context = noted(&mut call, "encryptionContext", &request.encryption_context)?;
            self.data_key(&mut call, &request.key_id, size, &context, request.dry_run).await
        }
        .await;
        let outcome = outcome.map(|(plaintext, sealed)| GenerateDataKeyResponse {
            ciphertext_blob: Blob::new(sealed.bytes),
            plaintext: plaintext.into(),
            key_id: sealed.key.arn.as_str().to_owned(),
            key_material_id: sealed.material_id,
        });
        self.finish(call, outcome).await
    }

    /// `GenerateDataKeyWithoutPlaintext`.
    ///
    /// # Errors
    /// As the API names them.
    pub async fn generate_data_key_without_plaintext(
        &self,
        caller: &Caller,
        request: GenerateDataKeyWithoutPlaintextRequest,
    ) -> Result<GenerateDataKeyWithoutPlaintextResponse, Error> {
        let mut call = Call::reads(caller, "GenerateDataKeyWithoutPlaintext")
            .with("keyId", request.key_id.as_str())
            .maybe("keySpec", request.key_spec.as_deref())
            .maybe("numberOfBytes", request.number_of_bytes);
        let outcome = async {
            limits::grant_tokens(&request.grant_tokens)?;
            let size = Size { bytes: request.number_of_bytes, spec: request.key_spec.as_deref() };
            let context = noted(&mut call, "encryptionContext", &request.encryption_context)?;
            self.data_key(&mut call, &request.key_id, size, &context, request.dry_run).await
        }
        .await;
        let outcome = outcome.map(|(_, sealed)| GenerateDataKeyWithoutPlaintextResponse {
            ciphertext_blob: Blob::new(sealed.bytes),
            key_id: sealed.key.arn.as_str().to_owned(),
            key_material_id: sealed.material_id,
        });
        self.finish(call, outcome).await
    }

    async fn data_key(
        &self,
        call: &mut Call<'_>,
        name: &str,
        size: Size<'_>,
        context: &EncryptionContext,
        dry: bool,
    ) -> Result<(Zeroizing<Vec<u8>>, Sealed), Error> {
        let size = checked_size(size)?;
        let ask = Ask::new(call.caller, call.name()).context(context);
        let key = self.admit(call, name, Names::Aliases, ask).await?;
        fits(&key, EncryptionAlgorithm::SYMMETRIC_DEFAULT, context, call.name())?;
        usable(&key)?;
        if dry {
            return Err(dry_run());
        }
        let plaintext = random(size);
        let sealed = self.seal(call.caller, key, context, &plaintext).await?;
        call.uses_material("keyMaterialId", sealed.material_id.as_deref());
        Ok((plaintext, sealed))
    }

    /// `Encrypt`.
    ///
    /// # Errors
    /// As the API names them.
    pub async fn encrypt(&self, caller: &Caller, request: EncryptRequest) -> Result<EncryptResponse, Error> {
        let mut call = Call::reads(caller, "Encrypt")
            .with("keyId", request.key_id.as_str())
            .with("encryptionAlgorithm", request.encryption_algorithm.as_deref().unwrap_or(ALGORITHM));
        let outcome = self.encrypt_in(&mut call, &request).await;
        let outcome = outcome.map(|(sealed, algorithm)| EncryptResponse {
            ciphertext_blob: Blob::new(sealed.bytes),
            key_id: sealed.key.arn.as_str().to_owned(),
            encryption_algorithm: algorithm.name(),
        });
        self.finish(call, outcome).await
    }

    async fn encrypt_in(
        &self,
        call: &mut Call<'_>,
        request: &EncryptRequest,
    ) -> Result<(Sealed, EncryptionAlgorithm), Error> {
        limits::grant_tokens(&request.grant_tokens)?;
        let context = noted(call, "encryptionContext", &request.encryption_context)?;
        blob(&request.plaintext, "plaintext", MAX_PLAINTEXT)?;
        let algorithm = algorithm(request.encryption_algorithm.as_deref(), "encryptionAlgorithm")?;
        let ask = Ask::new(call.caller, "Encrypt").context(&context).algorithm(algorithm);
        let key = self.admit(call, &request.key_id, Names::Aliases, ask).await?;
        fits(&key, algorithm, &context, "Encrypt")?;
        usable(&key)?;
        let sealed = self
            .encrypt_under(call.caller, (key, algorithm), &context, request.plaintext.expose(), request.dry_run)
            .await?;
        call.uses_material("keyMaterialId", sealed.material_id.as_deref());
        Ok((sealed, algorithm))
    }

    /// `Decrypt`.
    ///
    /// # Errors
    /// As the API names them.
    pub async fn decrypt(&self, caller: &Caller, request: DecryptRequest) -> Result<DecryptResponse, Error> {
        let mut call = Call::reads(caller, "Decrypt")
            .maybe("keyId", request.key_id.as_deref())
            .with("encryptionAlgorithm", request.encryption_algorithm.as_deref().unwrap_or(ALGORITHM));
        let outcome = self.decrypt_in(&mut call, &request).await;
        let outcome = outcome.map(|(opened, algorithm)| DecryptResponse {
            key_id: opened.key.arn.as_str().to_owned(),
            plaintext: opened.plaintext.into(),
            encryption_algorithm: algorithm.name(),
            key_material_id: opened.material_id,
        });
        self.finish(call, outcome).await
    }

    async fn decrypt_in(
        &self,
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
        let key = self.opener(call, &source, "Decrypt").await?;
        let opened = self.open_source(call.caller, key, &source).await?;
        call.uses_material("keyMaterialId", opened.material_id.as_deref());
        if request.dry_run { Err(dry_run()) } else { Ok((opened, algorithm)) }
    }

    /// `ReEncrypt`. The plaintext stays inside the service.
    ///
    /// # Errors
    /// As the API names them.
    pub async fn re_encrypt(&self, caller: &Caller, request: ReEncryptRequest) -> Result<ReEncryptResponse, Error> {
        let mut call = Call::reads(caller, "ReEncrypt")
            .maybe("sourceKeyId", request.source_key_id.as_deref())
            .with("destinationKeyId", request.destination_key_id.as_str())
            .with("sourceEncryptionAlgorithm", request.source_encryption_algorithm.as_deref().unwrap_or(ALGORITHM))
            .with(
                "destinationEncryptionAlgorithm",
                request.destination_encryption_algorithm.as_deref().unwrap_or(ALGORITHM),
            );
        let outcome = self.re_encrypt_in(&mut call, &request).await;
        let outcome = outcome.map(|(from, to, algorithms)| ReEncryptResponse {
            ciphertext_blob: Blob::new(to.bytes),
            source_key_id: from.key.arn.as_str().to_owned(),
            key_id: to.key.arn.as_str().to_owned(),
            source_encryption_algorithm: algorithms.0.name(),
            destination_encryption_algorithm: algorithms.1.name(),
            source_key_material_id: from.material_id,
            destination_key_material_id: to.material_id,
        });
        self.finish(call, outcome).await
    }

    async fn re_encrypt_in(
        &self,
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
        let same = self.on_same_key(call.caller, under.as_ref(), source.key_id, &request.destination_key_id).await;
        let source = Source { same_key: Some(same), ..source };
        let from = self.opener(call, &source, "ReEncryptFrom").await?;
        let ask = Ask::new(call.caller, "ReEncryptTo").context(&to_context).algorithm(to_algorithm).same_key(same);
        let to = self.admit(call, &request.destination_key_id, Names::Aliases, ask).await?;
        fits(&to, to_algorithm, &to_context, "ReEncrypt")?;
        usable(&to)?;
        let opened = self.open_source(call.caller, from, &source).await?;
        let sealed = self
            .encrypt_under(call.caller, (to, to_algorithm), &to_context, &opened.plaintext, request.dry_run)
            .await?;
        call.uses_material("sourceKeyMaterialId", opened.material_id.as_deref());
        call.uses_material("destinationKeyMaterialId", sealed.material_id.as_deref());
        Ok((opened, sealed, (from_algorithm, to_algorithm)))
    }

    /// Whether a ciphertext is, or is said to be, under the key of this name. Names that lead to
    /// no key are refused where they are used.
    pub(crate) async fn on_same_key(
        &self,
        caller: &Caller,
        under: Option<&Parsed<'_>>,
        said: Option<&str>,
        to: &str,
    ) -> bool {
        let Ok(Target { key: Some(to), .. }) = self.resolve(caller, to, Names::Aliases, "keyId").await else {
            return false;
        };
        match (under, said) {
            (Some(under), _) => is_under(&to, under),
            (None, Some(said)) => {
                let from = self.resolve(caller, said, Names::Aliases, "keyId").await;
                from.is_ok_and(|from| from.key.is_some_and(|from| from.arn == to.arn))
            }
            (None, None) => false,
        }
    }

    /// `GenerateRandom`.
    ///
    /// # Errors
    /// As the API names them.
    pub async fn generate_random(
        &self,
        caller: &Caller,
        request: GenerateRandomRequest,
    ) -> Result<GenerateRandomResponse, Error> {
        let call = Call::reads(caller, "GenerateRandom")
            .maybe("numberOfBytes", request.number_of_bytes)
            .maybe("customKeyStoreId", request.custom_key_store_id.as_deref());
        let outcome = async {
            refuse_recipient(request.recipient.is_some())?;
            let Some(size) = request.number_of_bytes else {
                return Err(limits::invalid("NumberOfBytes is required."));
            };
            let size = limits::range(size, "numberOfBytes", 1, 1024)?;
            self.authorize_account(Ask::new(caller, "GenerateRandom"), "*")?;
            let plaintext = match &request.custom_key_store_id {
                Some(id) => self.store_random(&caller.identity.principal.account, id, size).await?,
                None => random(size),
            };
            Ok(GenerateRandomResponse { plaintext: plaintext.into() })
        };
        let outcome = outcome.await;
        self.finish(call, outcome).await
    }

    /// The key of a ciphertext, open to the caller: the one that the caller names, which must be
    /// the ciphertext's, or the one that the ciphertext names.
    pub(crate) async fn source(
        &self,
        call: &mut Call<'_>,
        named: Option<&str>,
        parsed: &Parsed<'_>,
        ask: Ask<'_>,
    ) -> Result<Arc<Key>, Error> {
        if let Some(name) = named {
            let key = self.admit(call, name, Names::Aliases, ask).await?;
            return if is_under(&key, parsed) { Ok(key) } else { Err(Error::IncorrectKey) };
        }
        self.up_to_date().await?;
        let own = parsed.account == call.caller.identity.principal.account;
        let Some(key) = self.find(&parsed.account, parsed.key_id) else { return Err(not_for_you()) };
        let outcome = self.admit_target(call, &Target::of(key), ask);
        match outcome {
            Err(Error::Denied { .. }) if !own => Err(not_for_you()),
            other => other,
        }
    }

    pub(crate) async fn seal(
        &self,
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
            None => ciphertext::seal(self.symmetric(&key, number)?, account, id, number, context, plaintext),
        };
        Ok(Sealed { bytes, material_id: Some(key.record.versions[number].id.clone()), key })
    }

    pub(crate) async fn open_parsed(
        &self,
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
            None => parsed.open(self.symmetric(&key, number)?, context)?,
        };
        Ok(Opened { plaintext, material_id: Some(version.id.clone()), key })
    }

    /// The AES key of a version. Never the bytes of another kind of key, which may be as long.
    fn symmetric<'a>(&self, key: &'a Key, number: usize) -> Result<&'a [u8; 32], Error> {
        match key.record.spec {
            KeySpec::SYMMETRIC_DEFAULT => self.material(key, number)?.symmetric(),
            _ => Err(incompatible(ALGORITHM, key)),
        }
    }

    /// The material of a version of `key`, which has one of this number.
    ///
    /// # Errors
    /// `KMSInvalidStateException` where it is not here: never imported, expired or deleted.
    pub(crate) fn material<'a>(&self, key: &'a Key, number: usize) -> Result<&'a Material, Error> {
        let version = &key.record.versions[number];
        if !version.is_here() {
            return Err(no_material(key));
        }
        material::open(&key.slots[number], &self.state.root, &key.arn, number, version)
    }
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
