use arqueta_kms::KeyState;
use arqueta_kms::testing::user;
use arqueta_model::{Clock as _, Timestamp};
use arqueta_store::{MetaStore as _, Scan};

use super::*;
use crate::life::import::wrapping::tests::wrap;
use crate::schema::{USES, WRAPPINGS};

const HOUR: Duration = Duration::from_secs(3600);
const ONE: [u8; 32] = *b"the first of known materials, 32";
const TWO: [u8; 32] = *b"the second of the materials - 32";

/// Token and public key of one GetParametersForImport.
type Parameters = GetParametersForImportResponse;

impl World {
    async fn external(&self) -> KeyArn {
        self.key_with(CreateKeyRequest { origin: NewOrigin::External, ..Default::default() }).await
    }

    async fn parameters(&self, key: &KeyArn, algorithm: &str) -> Result<Parameters, Error> {
        self.parameters_as(&self.root, key, algorithm).await
    }

    async fn parameters_as(&self, caller: &Caller, key: &KeyArn, algorithm: &str) -> Result<Parameters, Error> {
        let request = GetParametersForImportRequest {
            key_id: key.to_string(),
            wrapping_algorithm: WrappingAlgorithm::named(algorithm).unwrap(),
            wrapping_key_spec: arqueta_kms::KeySpec::RSA_2048,
        };
        self.kms.get_parameters_for_import(caller, request).await
    }

    async fn import(&self, key: &KeyArn, material: &[u8]) -> Result<ImportKeyMaterialResponse, Error> {
        self.import_with(key, material, for_ever()).await
    }

    async fn import_with(
        &self,
        key: &KeyArn,
        material: &[u8],
        terms: ImportKeyMaterialRequest,
    ) -> Result<ImportKeyMaterialResponse, Error> {
        let parameters = self.parameters(key, "RSAES_OAEP_SHA_256").await?;
        self.kms.import_key_material(&self.root, filled(key, &parameters, material, terms)).await
    }

    async fn delete_material(&self, key: &KeyArn, id: Option<&str>) -> Result<(), Error> {
        let request =
            DeleteImportedKeyMaterialRequest { key_id: key.to_string(), key_material_id: id.map(str::to_owned) };
        self.kms.delete_imported_key_material(&self.root, request).await.map(|_| ())
    }

    async fn metadata(&self, key: &KeyArn) -> KeyMetadata {
        let request = DescribeKeyRequest { key_id: key.to_string() };
        self.kms.describe_key(&self.root, request).await.unwrap().key_metadata
    }

    async fn seal(&self, key: &KeyArn) -> Result<Vec<u8>, Error> {
        let request =
            EncryptRequest { key_id: key.to_string(), plaintext: Blob::new(b"x".to_vec()), ..Default::default() };
        self.kms.encrypt(&self.root, request).await.map(|sealed| sealed.ciphertext_blob.expose().to_vec())
    }

    async fn materials(&self, key: &KeyArn) -> Vec<RotationsListEntry> {
        let request = ListKeyRotationsRequest { key_id: key.to_string(), all_material: true, ..Default::default() };
        self.kms.list_key_rotations(&self.root, request).await.unwrap().rotations
    }

    async fn rotate(&self, key: &KeyArn) -> Result<(), Error> {
        let request = RotateKeyOnDemandRequest { key_id: key.to_string() };
        self.kms.rotate_key_on_demand(&self.root, request).await.map(|_| ())
    }

    async fn stored(&self, prefix: &str) -> Vec<Vec<u8>> {
        let found = self.meta.scan(Scan::prefix(prefix.as_bytes(), 1000)).await.unwrap();
        found.into_iter().map(|(_, value)| value.to_vec()).collect()
    }

    fn in_(&self, time: Duration) -> Timestamp {
        self.clock.now().plus(time)
    }
}

fn for_ever() -> ImportKeyMaterialRequest {
    ImportKeyMaterialRequest::default()
}

fn new() -> ImportKeyMaterialRequest {
    ImportKeyMaterialRequest { is_new: Some(true), ..for_ever() }
}

fn until(valid_to: Timestamp) -> ImportKeyMaterialRequest {
    ImportKeyMaterialRequest { valid_to: Some(valid_to), ..Default::default() }
}

fn filled(
    key: &KeyArn,
    parameters: &Parameters,
    material: &[u8],
    terms: ImportKeyMaterialRequest,
) -> ImportKeyMaterialRequest {
    let wrapped = wrap(parameters.public_key.expose(), WrappingAlgorithm::OaepSha256, material);
    ImportKeyMaterialRequest {
        key_id: key.to_string(),
        import_token: Blob::new(parameters.import_token.expose().to_vec()),
        encrypted_key_material: Blob::new(wrapped),
        ..terms
    }
}

#[tokio::test]
async fn a_key_waits_for_its_material_and_gets_only_the_same_again() {
    let world = World::new().await;
    let key = world.external().await;
    let fresh = world.metadata(&key).await;
    assert_eq!((fresh.key_state, fresh.enabled, fresh.origin.as_str()), (KeyState::PendingImport, false, "EXTERNAL"));
    assert_eq!((fresh.expiration_model, fresh.valid_to, fresh.current_key_material_id), (None, None, None));
    assert_eq!(message(world.seal(&key).await), format!("{key} is pending import."));
    let id = world.import(&key, &ONE).await.unwrap().key_material_id;
    let imported = world.metadata(&key).await;
    assert_eq!(
        (imported.key_state, imported.expiration_model),
        (KeyState::Enabled, Some("KEY_MATERIAL_DOES_NOT_EXPIRE"))
    );
    assert_eq!(imported.current_key_material_id, id);
    let sealed = world.seal(&key).await.unwrap();
    world.delete_material(&key, None).await.unwrap();
    world.delete_material(&key, None).await.unwrap();
    assert_eq!(code(world.decrypt_as(&world.root, &sealed).await), "KMSInvalidStateException");
    assert_eq!(code(world.import(&key, &TWO).await), "IncorrectKeyMaterialException");
    assert_eq!(world.metadata(&key).await.key_state, KeyState::PendingImport);
    assert_eq!(world.import(&key, &ONE).await.unwrap().key_material_id, id);
    assert_eq!(world.decrypt_as(&world.root, &sealed).await.unwrap().plaintext.expose(), b"x");
}

#[tokio::test]
async fn a_restart_between_parameters_and_import_changes_nothing() {
    let world = World::new().await;
    let key = world.external().await;
    let parameters = world.parameters(&key, "RSAES_OAEP_SHA_256").await.unwrap();
    let again = world.reopened().await;
    again.import_key_material(&world.root, filled(&key, &parameters, &ONE, for_ever())).await.unwrap();
    let last = world.reopened().await;
    let request = EncryptRequest { key_id: key.to_string(), plaintext: Blob::new(b"x".to_vec()), ..Default::default() };
    assert!(last.encrypt(&world.root, request).await.is_ok());
}

#[tokio::test]
async fn the_same_material_has_another_id_under_another_key() {
    let world = World::new().await;
    let (one, other) = (world.external().await, world.external().await);
    let ids = [world.import(&one, &ONE).await.unwrap(), world.import(&other, &ONE).await.unwrap()];
    assert_ne!(ids[0].key_material_id, ids[1].key_material_id);
}

#[tokio::test]
async fn tokens_are_for_one_key_one_wrapping_key_and_one_day() {
    let world = World::new().await;
    let (key, other) = (world.external().await, world.external().await);
    let parameters = world.parameters(&key, "RSAES_OAEP_SHA_256").await.unwrap();
    assert_eq!(parameters.parameters_valid_to, world.in_(24 * HOUR));
    let theirs = world.parameters(&other, "RSAES_OAEP_SHA_256").await.unwrap();
    let import = async |request| code(world.kms.import_key_material(&world.root, request).await);
    let with_token = |token: Vec<u8>| {
        let import_token = Blob::new(token);
        ImportKeyMaterialRequest { import_token, ..filled(&key, &parameters, &ONE, for_ever()) }
    };
    let token = parameters.import_token.expose();
    let mut flipped = token.to_vec();
    flipped[token.len() / 2] ^= 1;
    for wrong in [theirs.import_token.expose().to_vec(), flipped, token[1..].to_vec(), b"token".to_vec()] {
        assert_eq!(import(with_token(wrong)).await, "InvalidImportTokenException");
    }
    assert_eq!(import(filled(&key, &theirs, &ONE, for_ever())).await, "InvalidImportTokenException");
    let crossed = wrap(theirs.public_key.expose(), WrappingAlgorithm::OaepSha256, &ONE);
    let request = with_token(token.to_vec());
    let crossed = ImportKeyMaterialRequest { encrypted_key_material: Blob::new(crossed), ..request };
    assert_eq!(import(crossed).await, "InvalidCiphertextException");
    world.clock.advance(24 * HOUR - Duration::from_millis(1));
    world.kms.run_due().await.unwrap();
    assert_eq!(world.stored(WRAPPINGS).await.len(), 2);
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(import(with_token(token.to_vec())).await, "ExpiredImportTokenException");
    world.kms.run_due().await.unwrap();
    assert!(world.stored(WRAPPINGS).await.is_empty(), "the private keys are destroyed");
    assert_eq!(import(with_token(token.to_vec())).await, "ExpiredImportTokenException");
    assert_eq!(world.metadata(&key).await.key_state, KeyState::PendingImport);
}

#[tokio::test]
async fn a_token_serves_until_it_expires() {
    let world = World::new().await;
    let key = world.external().await;
    let parameters = world.parameters(&key, "RSAES_OAEP_SHA_256").await.unwrap();
    for _ in 0..2 {
        let request = filled(&key, &parameters, &ONE, for_ever());
        world.kms.import_key_material(&world.root, request).await.unwrap();
        world.delete_material(&key, None).await.unwrap();
    }
}

#[tokio::test]
async fn material_of_another_length_is_refused() {
    let world = World::new().await;
    let key = world.external().await;
    for length in [1, 16, 31, 33, 64] {
        assert_eq!(code(world.import(&key, &vec![7; length]).await), "IncorrectKeyMaterialException", "{length}");
    }
    assert!(world.materials(&key).await.is_empty());
}

#[tokio::test]
async fn material_ends_at_its_time_whoever_looks_first() {
    let world = World::new().await;
    let (key, quiet) = (world.external().await, world.external().await);
    for key in [&key, &quiet] {
        world.import_with(key, &ONE, until(world.in_(HOUR))).await.unwrap();
    }
    let described = world.metadata(&key).await;
    assert_eq!((described.expiration_model, described.valid_to), (Some("KEY_MATERIAL_EXPIRES"), Some(world.in_(HOUR))));
    let sealed = world.seal(&key).await.unwrap();
    world.clock.advance(HOUR - Duration::from_millis(1));
    assert!(world.decrypt_as(&world.root, &sealed).await.is_ok());
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(code(world.decrypt_as(&world.root, &sealed).await), "KMSInvalidStateException");
    assert_eq!(code(world.seal(&key).await), "KMSInvalidStateException");
    assert_eq!(world.metadata(&key).await.key_state, KeyState::PendingImport);
    assert_eq!(world.materials(&key).await[0].import_state, Some("PENDING_IMPORT"));
    world.audit.inner().take();
    // A change before the scheduled work takes the expired material along, with its event.
    let request = UpdateKeyDescriptionRequest { key_id: key.to_string(), description: "d".into() };
    world.kms.update_key_description(&world.root, request).await.unwrap();
    world.kms.run_due().await.unwrap();
    world.kms.run_due().await.unwrap();
    let events = world.audit.inner().take();
    let names: Vec<_> = events.iter().map(|event| event.event_name.as_str()).collect();
    assert_eq!(names, ["DeleteExpiredKeyMaterial", "UpdateKeyDescription", "DeleteExpiredKeyMaterial"]);
    assert_eq!(events[2].event_type, "AwsServiceEvent");
    assert_eq!(events[2].service_event_details, Some(serde_json::json!({ "keyId": quiet.key_id() })));
    let kms = world.reopened().await;
    for key in [&key, &quiet] {
        let request = DescribeKeyRequest { key_id: key.to_string() };
        assert_eq!(
            kms.describe_key(&world.root, request).await.unwrap().key_metadata.key_state,
            KeyState::PendingImport
        );
    }
    world.import_with(&key, &ONE, until(world.in_(2 * HOUR))).await.unwrap();
    assert!(world.decrypt_as(&world.root, &sealed).await.is_ok(), "a new time");
    world.import(&key, &ONE).await.unwrap();
    world.clock.advance(3 * HOUR);
    assert!(world.decrypt_as(&world.root, &sealed).await.is_ok(), "no time any more");
}

#[tokio::test]
async fn times_that_cannot_be_are_refused() {
    let world = World::new().await;
    let key = world.external().await;
    let bad = [
        until(world.in_(Duration::ZERO)),
        until(Timestamp::from_millis(0)),
        until(world.in_(365 * DAY + Duration::from_millis(1))),
    ];
    for terms in bad {
        let words = format!("{terms:?}");
        assert_eq!(code(world.import_with(&key, &ONE, terms).await), "ValidationException", "{words}");
    }
    world.import_with(&key, &ONE, until(world.in_(365 * DAY))).await.unwrap();
}

#[tokio::test]
async fn new_material_waits_for_its_rotation_and_old_ciphertext_opens_for_ever() {
    let world = World::new().await;
    let key = world.external().await;
    assert_eq!(code(world.rotate(&key).await), "KMSInvalidStateException");
    world.import(&key, &ONE).await.unwrap();
    assert_eq!(code(world.rotate(&key).await), "KMSInvalidStateException", "nothing to move to");
    let old = world.seal(&key).await.unwrap();
    assert_eq!(code(world.import_with(&key, &ONE, new()).await), "IncorrectKeyMaterialException", "not new");
    let described = ImportKeyMaterialRequest { key_material_description: Some("two: a/b".into()), ..new() };
    let two = world.import_with(&key, &TWO, described).await.unwrap().key_material_id.unwrap();
    assert_ne!(world.metadata(&key).await.current_key_material_id.as_deref(), Some(two.as_str()));
    let listed = world.materials(&key).await;
    let states: Vec<_> = listed.iter().map(|entry| entry.key_material_state).collect();
    assert_eq!(states, ["PENDING_ROTATION", "CURRENT"]);
    assert_eq!(listed[0].key_material_description.as_deref(), Some("two: a/b"));
    assert_eq!((listed[0].rotation_date, &listed[0].rotation_type), (None, &None));
    assert_eq!(code(world.import_with(&key, &[9; 32], new()).await), "KMSInvalidStateException", "one at a time");
    world.clock.advance(HOUR);
    world.rotate(&key).await.unwrap();
    assert_eq!(code(world.rotate(&key).await), "KMSInvalidStateException");
    assert_eq!(world.metadata(&key).await.current_key_material_id.as_deref(), Some(two.as_str()));
    let listed = world.materials(&key).await;
    assert_eq!((listed[0].key_material_state, listed[1].key_material_state), ("CURRENT", "NON_CURRENT"));
    assert_eq!(
        (listed[0].rotation_date, listed[0].rotation_type),
        (Some(world.in_(Duration::ZERO)), Some("ON_DEMAND"))
    );
    let young = world.seal(&key).await.unwrap();
    for kms in [world.kms.clone(), world.reopened().await] {
        for sealed in [&old, &young] {
            let request = DecryptRequest { ciphertext_blob: Blob::new(sealed.clone()), ..Default::default() };
            assert!(kms.decrypt(&world.root, request).await.is_ok());
        }
    }
    // Any missing material stops the whole key, as in AWS.
    let one = listed[1].key_material_id.clone();
    world.delete_material(&key, Some(&one)).await.unwrap();
    assert_eq!(code(world.seal(&key).await), "KMSInvalidStateException");
    let named = |id: &str| ImportKeyMaterialRequest { key_material_id: Some(id.to_owned()), ..for_ever() };
    assert_eq!(
        code(world.import_with(&key, &ONE, named(&two)).await),
        "IncorrectKeyMaterialException",
        "not the one named"
    );
    world.import_with(&key, &ONE, named(&one)).await.unwrap();
    assert!(world.decrypt_as(&world.root, &old).await.is_ok());
}

#[tokio::test]
async fn material_that_waits_can_be_deleted_and_expires_without_stopping_the_key() {
    let world = World::new().await;
    let key = world.external().await;
    world.import(&key, &ONE).await.unwrap();
    let two = world.import_with(&key, &TWO, new()).await.unwrap().key_material_id.unwrap();
    world.delete_material(&key, Some(&two)).await.unwrap();
    assert_eq!(world.materials(&key).await.len(), 1, "it was never the key's");
    assert_eq!(code(world.rotate(&key).await), "KMSInvalidStateException");
    let soon = ImportKeyMaterialRequest { is_new: Some(true), ..until(world.in_(HOUR)) };
    world.import_with(&key, &TWO, soon).await.unwrap();
    world.clock.advance(HOUR);
    assert!(world.seal(&key).await.is_ok());
    assert_eq!(code(world.rotate(&key).await), "KMSInvalidStateException");
    world.kms.run_due().await.unwrap();
    assert_eq!(world.materials(&key).await.len(), 1);
    assert_eq!(code(world.delete_material(&key, Some(&two)).await), "NotFoundException");
}

#[tokio::test]
async fn keys_of_this_service_take_no_material_and_imported_ones_do_not_rotate_by_themselves() {
    let world = World::new().await;
    let (own, key) = (world.key().await, world.external().await);
    assert_eq!(
        message(world.parameters(&own, "RSAES_OAEP_SHA_256").await),
        format!("{own} origin is AWS_KMS which is not valid for this operation.")
    );
    assert_eq!(code(world.delete_material(&own, None).await), "UnsupportedOperationException");
    let parameters = world.parameters(&key, "RSAES_OAEP_SHA_256").await.unwrap();
    let request = filled(&own, &parameters, &ONE, for_ever());
    assert_eq!(code(world.kms.import_key_material(&world.root, request).await), "UnsupportedOperationException");
    for _ in 0..2 {
        let request = EnableKeyRotationRequest { key_id: key.to_string(), ..Default::default() };
        assert_eq!(
            message(world.kms.enable_key_rotation(&world.root, request).await),
            format!("{key} origin is EXTERNAL which is not valid for this operation.")
        );
        world.import(&key, &ONE).await.unwrap();
    }
    let status = GetKeyRotationStatusRequest { key_id: key.to_string() };
    assert!(!world.kms.get_key_rotation_status(&world.root, status).await.unwrap().key_rotation_enabled);
}

#[tokio::test]
async fn policies_bind_how_material_is_imported() {
    let world = World::new().await;
    let key = world.external().await;
    let before = world.in_(2 * HOUR).seconds();
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":[
          {{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{ACCOUNT}:root"}},"Action":"kms:*","Resource":"*"}},
          {{"Effect":"Deny","Principal":"*","Action":"kms:GetParametersForImport","Resource":"*",
            "Condition":{{"StringNotEquals":{{"kms:WrappingAlgorithm":"RSAES_OAEP_SHA_256"}}}}}},
          {{"Effect":"Deny","Principal":"*","Action":"kms:GetParametersForImport","Resource":"*",
            "Condition":{{"StringNotEquals":{{"kms:WrappingKeySpec":"RSA_2048"}}}}}},
          {{"Effect":"Deny","Principal":"*","Action":"kms:ImportKeyMaterial","Resource":"*",
            "Condition":{{"StringNotEquals":{{"kms:ExpirationModel":"KEY_MATERIAL_EXPIRES"}}}}}},
          {{"Effect":"Deny","Principal":"*","Action":"kms:ImportKeyMaterial","Resource":"*",
            "Condition":{{"NumericGreaterThan":{{"kms:ValidTo":"{before}.0"}}}}}}]}}"#
    );
    world.put_policy(&key, &policy).await.unwrap();
    assert_eq!(code(world.parameters(&key, "RSAES_OAEP_SHA_1").await), "AccessDeniedException");
    assert_eq!(code(world.import(&key, &ONE).await), "AccessDeniedException");
    assert_eq!(code(world.import_with(&key, &ONE, until(world.in_(3 * HOUR))).await), "AccessDeniedException");
    world.import_with(&key, &ONE, until(world.in_(2 * HOUR))).await.unwrap();
    let stranger = user(ACCOUNT, "bob", &[]);
    assert_eq!(code(world.parameters_as(&stranger, &key, "RSAES_OAEP_SHA_256").await), "AccessDeniedException");
    let request = DeleteImportedKeyMaterialRequest { key_id: key.to_string(), ..Default::default() };
    assert_eq!(code(world.kms.delete_imported_key_material(&stranger, request).await), "AccessDeniedException");
}

#[tokio::test]
async fn neither_material_nor_tokens_are_in_the_record_or_the_store() {
    use base64::Engine as _;
    let world = World::new().await;
    let key = world.external().await;
    world.audit.inner().take();
    let parameters = world.parameters(&key, "RSAES_OAEP_SHA_256").await.unwrap();
    let request = filled(&key, &parameters, &ONE, for_ever());
    let wrapped = Blob::new(request.encrypted_key_material.expose().to_vec());
    world.kms.import_key_material(&world.root, request).await.unwrap();
    world.seal(&key).await.unwrap();
    world.delete_material(&key, None).await.unwrap();
    let events = serde_json::to_string(&world.audit.inner().take()).unwrap();
    for secret in [&parameters.import_token, &parameters.public_key, &wrapped, &Blob::new(ONE.to_vec())] {
        assert!(!events.contains(&base64::engine::general_purpose::STANDARD.encode(secret.expose())));
    }
    assert!(events.contains("GetParametersForImport"));
    world.import(&key, &ONE).await.unwrap();
    let everything = world.stored("").await.concat();
    assert!(everything.len() > 1000 && !everything.windows(16).any(|part| part == &ONE[..16]));
}

#[tokio::test]
async fn a_key_pending_deletion_takes_no_material_and_leaves_nothing_behind() {
    let world = World::new().await;
    let key = world.external().await;
    let parameters = world.parameters(&key, "RSAES_OAEP_SHA_256").await.unwrap();
    world.import(&key, &ONE).await.unwrap();
    world.seal(&key).await.unwrap();
    world.kms.flush().await.unwrap();
    assert_eq!(world.stored(USES).await.len(), 1);
    world.schedule_deletion(&key).await;
    assert_eq!(code(world.parameters(&key, "RSAES_OAEP_SHA_256").await), "KMSInvalidStateException");
    let request = filled(&key, &parameters, &ONE, for_ever());
    assert_eq!(code(world.kms.import_key_material(&world.root, request).await), "KMSInvalidStateException");
    world.delete_material(&key, None).await.unwrap();
    assert_eq!(world.metadata(&key).await.key_state, KeyState::PendingDeletion);
    world.kms.cancel_key_deletion(&world.root, CancelKeyDeletionRequest { key_id: key.to_string() }).await.unwrap();
    assert_eq!(world.metadata(&key).await.key_state, KeyState::PendingImport);
    let enable = EnableKeyRequest { key_id: key.to_string() };
    assert_eq!(code(world.kms.enable_key(&world.root, enable).await), "KMSInvalidStateException");
    let disable = DisableKeyRequest { key_id: key.to_string() };
    assert_eq!(code(world.kms.disable_key(&world.root, disable).await), "KMSInvalidStateException");
    let other = world.external().await;
    world.parameters(&other, "RSAES_OAEP_SHA_256").await.unwrap();
    world.schedule_deletion(&other).await;
    world.clock.advance(7 * DAY);
    world.schedule_deletion(&key).await;
    world.parameters(&world.external().await, "RSAES_OAEP_SHA_256").await.unwrap();
    world.clock.advance(7 * DAY);
    world.kms.run_due().await.unwrap();
    assert!(world.stored(USES).await.is_empty() && world.stored(WRAPPINGS).await.is_empty());
}

#[tokio::test]
async fn a_disabled_key_stays_disabled_when_its_material_comes_again() {
    let world = World::new().await;
    let key = world.external().await;
    world.import(&key, &ONE).await.unwrap();
    world.disable(&key).await;
    world.import_with(&key, &ONE, until(world.in_(HOUR))).await.unwrap();
    assert_eq!(world.metadata(&key).await.key_state, KeyState::Disabled);
}
