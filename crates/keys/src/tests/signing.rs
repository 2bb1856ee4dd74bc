use arqueta_kms::testing::user;
use arqueta_kms::{KeySpec, KeyUsage, MessageType, SigningAlgorithm};

use super::*;

pub(super) fn of(spec: &str, usage: &str) -> CreateKeyRequest {
    let key_spec = KeySpec::named(spec).unwrap();
    let key_usage = *key_spec.usages().iter().find(|known| known.name() == usage).unwrap();
    CreateKeyRequest { key_spec, key_usage, ..Default::default() }
}

fn sign(key: &KeyArn, algorithm: &str, kind: &str, message: &[u8]) -> SignRequest {
    SignRequest {
        key_id: key.to_string(),
        message: Blob::new(message.to_vec()),
        message_type: MessageType::named(kind).unwrap(),
        signing_algorithm: SigningAlgorithm::named(algorithm).unwrap(),
        dry_run: false,
    }
}

fn verify(key: &KeyArn, algorithm: &str, kind: &str, message: &[u8], signature: &[u8]) -> VerifyRequest {
    VerifyRequest {
        key_id: key.to_string(),
        message: Blob::new(message.to_vec()),
        message_type: MessageType::named(kind).unwrap(),
        signature: Blob::new(signature.to_vec()),
        signing_algorithm: SigningAlgorithm::named(algorithm).unwrap(),
        dry_run: false,
    }
}

#[tokio::test]
async fn every_spec_signs_with_every_algorithm_it_lists_and_nothing_else_verifies() {
    let world = World::new().await;
    for spec in KeySpec::ALL.into_iter().filter(|spec| spec.usages().contains(&KeyUsage::SignVerify)) {
        let made = world.kms.create_key(&world.root, of(spec.name(), "SIGN_VERIFY")).await.unwrap().key_metadata;
        let key: KeyArn = made.arn.parse().unwrap();
        assert!(!made.algorithms.signing_algorithms.is_empty() && made.current_key_material_id.is_none());
        for algorithm in made.algorithms.signing_algorithms {
            let (kind, message) = match algorithm {
                "ED25519_PH_SHA_512" => ("DIGEST", vec![7; 64]),
                _ => ("RAW", b"message".to_vec()),
            };
            let request = sign(&key, algorithm, kind, &message);
            let signature = world.kms.sign(&world.root, request).await.unwrap().signature;
            let signature = signature.expose();
            let good = world.kms.verify(&world.root, verify(&key, algorithm, kind, &message, signature)).await;
            assert!(good.unwrap().signature_valid, "{} {algorithm}", spec.name());
            let mut bent = signature.to_vec();
            *bent.last_mut().unwrap() ^= 1;
            let mut other = message.clone();
            other[0] ^= 1;
            for (message, signature) in
                [(&other, signature), (&message, &bent), (&message, &signature[1..]), (&message, b"\0")]
            {
                let bad = world.kms.verify(&world.root, verify(&key, algorithm, kind, message, signature)).await;
                assert_eq!(code(bad), "KMSInvalidSignatureException", "{} {algorithm}", spec.name());
            }
        }
    }
}

#[tokio::test]
async fn a_digest_is_signed_as_it_is_and_must_have_the_length_of_its_algorithm() {
    let world = World::new().await;
    let key = world.key_with(of("RSA_2048", "SIGN_VERIFY")).await;
    let algorithm = "RSASSA_PKCS1_V1_5_SHA_256";
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"message");
    let by_digest = world.kms.sign(&world.root, sign(&key, algorithm, "DIGEST", digest.as_ref())).await.unwrap();
    let raw = world.kms.sign(&world.root, sign(&key, algorithm, "RAW", b"message")).await.unwrap();
    assert_eq!(by_digest.signature, raw.signature, "PKCS #1 v1.5 is deterministic");
    for length in [1, 31, 33, 48, 64] {
        let refused = world.kms.sign(&world.root, sign(&key, algorithm, "DIGEST", &vec![1; length])).await;
        assert_eq!(code(refused), "ValidationException", "{length}");
    }
}

#[tokio::test]
async fn message_types_that_an_algorithm_does_not_have_are_refused() {
    let world = World::new().await;
    let ed = world.key_with(of("ECC_NIST_EDWARDS25519", "SIGN_VERIFY")).await;
    let ml = world.key_with(of("ML_DSA_44", "SIGN_VERIFY")).await;
    for (key, algorithm, kind, expected) in [
        (&ed, "ED25519_SHA_512", "DIGEST", "ValidationException"),
        (&ed, "ED25519_SHA_512", "EXTERNAL_MU", "ValidationException"),
        (&ed, "ED25519_PH_SHA_512", "RAW", "ValidationException"),
        (&ed, "ED25519_PH_SHA_512", "EXTERNAL_MU", "ValidationException"),
        (&ed, "ECDSA_SHA_256", "RAW", "InvalidKeyUsageException"),
        (&ml, "ML_DSA_SHAKE_256", "DIGEST", "ValidationException"),
        (&ml, "ML_DSA_SHAKE_256", "EXTERNAL_MU", "UnsupportedOperationException"),
    ] {
        let refused = world.kms.sign(&world.root, sign(key, algorithm, kind, &[7; 64])).await;
        assert_eq!(code(refused), expected, "{algorithm} {kind}");
    }
}

#[tokio::test]
async fn a_key_made_for_something_else_neither_signs_nor_verifies() {
    let world = World::new().await;
    let symmetric = world.key().await;
    let decrypts = world.key_with(of("RSA_2048", "ENCRYPT_DECRYPT")).await;
    let agrees = world.key_with(of("ECC_NIST_P256", "KEY_AGREEMENT")).await;
    for key in [&symmetric, &decrypts, &agrees] {
        for algorithm in ["RSASSA_PSS_SHA_256", "ECDSA_SHA_256"] {
            let refused = world.kms.sign(&world.root, sign(key, algorithm, "RAW", b"x")).await;
            assert_eq!(code(refused), "InvalidKeyUsageException");
            let refused = world.kms.verify(&world.root, verify(key, algorithm, "RAW", b"x", b"y")).await;
            assert_eq!(code(refused), "InvalidKeyUsageException");
        }
    }
    let public = |key: &KeyArn| GetPublicKeyRequest { key_id: key.to_string() };
    assert!(world.kms.get_public_key(&world.root, public(&agrees)).await.is_ok());
    assert!(world.kms.get_public_key(&world.root, public(&decrypts)).await.is_ok());
    let none = world.kms.get_public_key(&world.root, public(&symmetric)).await;
    assert_eq!(code(none), "UnsupportedOperationException");
}

#[tokio::test]
async fn states_dry_runs_and_denials_come_before_any_signature() {
    let world = World::new().await;
    let key = world.key_with(of("ECC_NIST_P256", "SIGN_VERIFY")).await;
    let request = || sign(&key, "ECDSA_SHA_256", "RAW", b"x");
    let dry = SignRequest { dry_run: true, ..request() };
    assert_eq!(code(world.kms.sign(&world.root, dry).await), "DryRunOperationException");
    let dry = VerifyRequest { dry_run: true, ..verify(&key, "ECDSA_SHA_256", "RAW", b"x", b"y") };
    assert_eq!(code(world.kms.verify(&world.root, dry).await), "DryRunOperationException");
    let stranger = user(ACCOUNT, "bob", &[]);
    assert!(message(world.kms.sign(&stranger, request()).await).contains("kms:Sign"));
    let public = || GetPublicKeyRequest { key_id: key.to_string() };
    assert!(message(world.kms.get_public_key(&stranger, public()).await).contains("kms:GetPublicKey"));
    world.disable(&key).await;
    assert_eq!(code(world.kms.sign(&world.root, request()).await), "DisabledException");
    assert_eq!(code(world.kms.get_public_key(&world.root, public()).await), "DisabledException");
    world.schedule_deletion(&key).await;
    assert_eq!(code(world.kms.sign(&world.root, request()).await), "KMSInvalidStateException");
}

#[tokio::test]
async fn policies_can_pin_algorithm_and_message_type() {
    let world = World::new().await;
    let key = world.key_with(of("RSA_2048", "SIGN_VERIFY")).await;
    let signer = user(
        ACCOUNT,
        "signer",
        &[r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:Sign","Resource":"*","Condition":
            {"StringEquals":{"kms:SigningAlgorithm":"RSASSA_PSS_SHA_256","kms:MessageType":"RAW"}}}]}"#],
    );
    let ask = |algorithm, kind| world.kms.sign(&signer, sign(&key, algorithm, kind, &[1; 32]));
    assert!(ask("RSASSA_PSS_SHA_256", "RAW").await.is_ok());
    assert_eq!(code(ask("RSASSA_PSS_SHA_256", "DIGEST").await), "AccessDeniedException");
    assert_eq!(code(ask("RSASSA_PSS_SHA_512", "RAW").await), "AccessDeniedException");
}

#[tokio::test]
async fn the_services_own_signing_key_lasts_and_is_out_of_reach_for_users() {
    let world = World::new().await;
    let made = world.kms.service_signing_key("digests").await.unwrap();
    let signature = world.kms.sign_for_service("digests", b"a digest file").await.unwrap();
    let key = aws_lc_rs::signature::UnparsedPublicKey::new(
        &aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256,
        made.pkcs1.as_slice(),
    );
    key.verify(b"a digest file", &signature).unwrap();
    assert!(key.verify(b"another file", &signature).is_err());
    let again = world.reopened().await;
    assert_eq!(again.service_signing_key("digests").await.unwrap(), made, "the same after a restart");
    assert_ne!(world.kms.service_signing_key("other").await.unwrap().spki, made.spki);
    assert!(world.audit.inner().take().is_empty(), "it is not in the users' record");

    let account = "000000000000".parse().unwrap();
    let ids: Vec<_> = world.kms.state.directory().keys[&account].values().map(|key| key.arn.clone()).collect();
    assert_eq!(ids.len(), 3);
    for caller in [world.root.clone(), root("000000000000")] {
        assert!(world.kms.list_keys(&caller, ListKeysRequest::default()).await.unwrap().keys.is_empty());
        for id in &ids {
            let describe = DescribeKeyRequest { key_id: id.to_string() };
            assert!(world.kms.describe_key(&caller, describe).await.is_err());
            let public = GetPublicKeyRequest { key_id: id.to_string() };
            assert!(world.kms.get_public_key(&caller, public).await.is_err());
            let request = sign(id, "RSASSA_PKCS1_V1_5_SHA_256", "RAW", b"x");
            assert!(world.kms.sign(&caller, request).await.is_err());
            let delete = ScheduleKeyDeletionRequest { key_id: id.to_string(), pending_window_in_days: Some(7) };
            assert!(world.kms.schedule_key_deletion(&caller, delete).await.is_err());
        }
    }
}
