use arqueta_kms::testing::{OTHER_ACCOUNT, context, root as root_of, user};
use arqueta_kms::{EncryptionAlgorithm, GenerateDataKey, KeyRef, KeySpec, KeyUsage, Kms, MacAlgorithm};
use aws_lc_rs::agreement;
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};

use super::signing::of;
use super::*;
use crate::asymmetric::check_private_key;

fn encrypt(key: &KeyArn, algorithm: &str, plaintext: &[u8]) -> EncryptRequest {
    EncryptRequest {
        key_id: key.to_string(),
        plaintext: Blob::new(plaintext.to_vec()),
        encryption_algorithm: EncryptionAlgorithm::named(algorithm),
        ..Default::default()
    }
}

fn decrypt(key: Option<&KeyArn>, algorithm: &str, ciphertext: &[u8]) -> DecryptRequest {
    DecryptRequest {
        key_id: key.map(ToString::to_string),
        ciphertext_blob: Blob::new(ciphertext.to_vec()),
        encryption_algorithm: EncryptionAlgorithm::named(algorithm),
        ..Default::default()
    }
}

#[tokio::test]
async fn rsa_keys_encrypt_up_to_their_size_and_decrypt() {
    let world = World::new().await;
    for (spec, algorithm, most) in [
        ("RSA_2048", "RSAES_OAEP_SHA_1", 214),
        ("RSA_2048", "RSAES_OAEP_SHA_256", 190),
        ("RSA_3072", "RSAES_OAEP_SHA_256", 318),
        ("RSA_4096", "RSAES_OAEP_SHA_1", 470),
    ] {
        let key = world.key_with(of(spec, "ENCRYPT_DECRYPT")).await;
        let sealed = world.kms.encrypt(&world.root, encrypt(&key, algorithm, &vec![7; most])).await.unwrap();
        assert_eq!(sealed.encryption_algorithm, algorithm);
        let sealed = sealed.ciphertext_blob.expose().to_vec();
        let opened = world.kms.decrypt(&world.root, decrypt(Some(&key), algorithm, &sealed)).await.unwrap();
        assert_eq!((opened.plaintext.expose(), opened.key_material_id), (&vec![7; most][..], None));
        let refused = world.kms.encrypt(&world.root, encrypt(&key, algorithm, &vec![7; most + 1])).await;
        assert_eq!(
            message(refused),
            format!("Algorithm {algorithm} and key spec {spec} cannot encrypt data larger than {most} bytes.")
        );
        let mut bent = sealed.clone();
        bent[20] ^= 1;
        for bad in [&bent[..], &sealed[1..], b"x"] {
            let outcome = world.kms.decrypt(&world.root, decrypt(Some(&key), algorithm, bad)).await;
            assert_eq!(code(outcome), "InvalidCiphertextException", "one opaque case");
        }
    }
}

#[tokio::test]
async fn what_asymmetric_encryption_does_not_have_is_refused() {
    let world = World::new().await;
    let (rsa, symmetric) = (world.key_with(of("RSA_2048", "ENCRYPT_DECRYPT")).await, world.key().await);
    let signs = world.key_with(of("RSA_2048", "SIGN_VERIFY")).await;
    let oaep = "RSAES_OAEP_SHA_256";
    let sealed = world.kms.encrypt(&world.root, encrypt(&rsa, oaep, b"x")).await.unwrap().ciphertext_blob;
    let bound = context(&[("k", "v")]);
    let request = EncryptRequest { encryption_context: bound.clone(), ..encrypt(&rsa, oaep, b"x") };
    assert_eq!(code(world.kms.encrypt(&world.root, request).await), "ValidationException");
    let request = DecryptRequest { encryption_context: bound, ..decrypt(Some(&rsa), oaep, sealed.expose()) };
    assert_eq!(code(world.kms.decrypt(&world.root, request).await), "ValidationException");
    let nameless = world.kms.decrypt(&world.root, decrypt(None, oaep, sealed.expose())).await;
    assert_eq!(code(nameless), "ValidationException");
    let other = decrypt(Some(&rsa), "RSAES_OAEP_SHA_1", sealed.expose());
    assert_eq!(code(world.kms.decrypt(&world.root, other).await), "InvalidCiphertextException");
    for (key, algorithm) in [
        (&rsa, "SYMMETRIC_DEFAULT"),
        (&symmetric, oaep),
        (&signs, oaep),
        (&signs, "SYMMETRIC_DEFAULT"),
        (&rsa, "SM2PKE"),
    ] {
        let refused = world.kms.encrypt(&world.root, encrypt(key, algorithm, b"x")).await;
        assert_eq!(code(refused), "InvalidKeyUsageException", "{algorithm}");
    }
    assert_eq!(code(world.generate_as(&world.root, rsa.as_str()).await), "InvalidKeyUsageException");
    let dry = EncryptRequest { dry_run: true, ..encrypt(&rsa, oaep, b"x") };
    assert_eq!(code(world.kms.encrypt(&world.root, dry).await), "DryRunOperationException");
    world.disable(&rsa).await;
    assert_eq!(code(world.kms.encrypt(&world.root, encrypt(&rsa, oaep, b"x")).await), "DisabledException");
    let outcome = world.kms.decrypt(&world.root, decrypt(Some(&rsa), oaep, sealed.expose())).await;
    assert_eq!(code(outcome), "DisabledException");
}

#[tokio::test]
async fn re_encrypt_moves_between_symmetric_and_rsa_keys() {
    let world = World::new().await;
    let (rsa, symmetric) = (world.key_with(of("RSA_2048", "ENCRYPT_DECRYPT")).await, world.key().await);
    let to_rsa = ReEncryptRequest {
        ciphertext_blob: Blob::new(world.encrypt(&symmetric, b"secret").await),
        destination_key_id: rsa.to_string(),
        destination_encryption_algorithm: Some(EncryptionAlgorithm::RSAES_OAEP_SHA_256),
        ..Default::default()
    };
    let moved = world.kms.re_encrypt(&world.root, to_rsa).await.unwrap();
    assert!(moved.source_key_material_id.is_some() && moved.destination_key_material_id.is_none());
    let back = |source: Option<&KeyArn>| ReEncryptRequest {
        ciphertext_blob: Blob::new(moved.ciphertext_blob.expose().to_vec()),
        source_key_id: source.map(ToString::to_string),
        source_encryption_algorithm: Some(EncryptionAlgorithm::RSAES_OAEP_SHA_256),
        destination_key_id: symmetric.to_string(),
        ..Default::default()
    };
    assert_eq!(code(world.kms.re_encrypt(&world.root, back(None)).await), "ValidationException");
    let again = world.kms.re_encrypt(&world.root, back(Some(&rsa))).await.unwrap().ciphertext_blob;
    assert_eq!(world.decrypt_as(&world.root, again.expose()).await.unwrap().plaintext.expose(), b"secret");
}

#[tokio::test]
async fn a_symmetric_ciphertext_cannot_be_made_under_another_kind_of_key() {
    let world = World::new().await;
    // Its material has 32 bytes, like an AES key's.
    let mac = world.key_with(of("HMAC_256", "GENERATE_VERIFY_MAC")).await;
    let context = context(&[]);
    for key in [&mac, &world.key_with(of("RSA_2048", "ENCRYPT_DECRYPT")).await] {
        let reference = KeyRef::Named(key.to_string());
        let request = GenerateDataKey { key: &reference, context: &context };
        assert_eq!(code(Kms::generate_data_key(&world.kms, &world.root, request).await), "InvalidKeyUsageException");
    }
    let account = ACCOUNT.parse().unwrap();
    let forged = crate::crypt::ciphertext::seal(&[1; 32], &account, mac.key_id(), 0, &context, b"x");
    assert_eq!(code(world.decrypt_as(&world.root, &forged).await), "InvalidKeyUsageException");
}

#[tokio::test]
async fn data_key_pairs_are_pkcs8_wrapped_with_their_context() {
    let world = World::new().await;
    let key = world.key().await;
    for spec in
        ["RSA_2048", "ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521", "ECC_SECG_P256K1", "ECC_NIST_EDWARDS25519"]
    {
        let request = GenerateDataKeyPairRequest {
            key_id: key.to_string(),
            key_pair_spec: KeySpec::named(spec).unwrap(),
            encryption_context: context(&[("k", "v")]),
            dry_run: false,
        };
        let made = world.kms.generate_data_key_pair(&world.root, request).await.unwrap();
        assert_eq!(made.key_pair_spec.name(), spec);
        let public = check_private_key(made.key_pair_spec, made.private_key_plaintext.expose()).unwrap();
        assert_eq!(public, made.public_key.expose());
        let wrapped = made.private_key_ciphertext_blob.expose();
        assert_eq!(code(world.decrypt_as(&world.root, wrapped).await), "InvalidCiphertextException");
        let open = DecryptRequest {
            ciphertext_blob: Blob::new(wrapped.to_vec()),
            encryption_context: context(&[("k", "v")]),
            ..Default::default()
        };
        let opened = world.kms.decrypt(&world.root, open).await.unwrap();
        assert_eq!(opened.plaintext, made.private_key_plaintext);
    }
}

#[tokio::test]
async fn data_key_pairs_that_cannot_be_are_refused() {
    let world = World::new().await;
    let (key, rsa) = (world.key().await, world.key_with(of("RSA_2048", "ENCRYPT_DECRYPT")).await);
    let request = |key: &KeyArn, spec: &str| GenerateDataKeyPairWithoutPlaintextRequest {
        key_id: key.to_string(),
        encryption_context: context(&[]),
        key_pair_spec: KeySpec::named(spec).unwrap(),
        dry_run: false,
    };
    let ask = |request| world.kms.generate_data_key_pair_without_plaintext(&world.root, request);
    assert!(ask(request(&key, "ECC_NIST_P256")).await.is_ok());
    assert_eq!(code(ask(request(&rsa, "ECC_NIST_P256")).await), "InvalidKeyUsageException");
    let dry = GenerateDataKeyPairWithoutPlaintextRequest { dry_run: true, ..request(&key, "RSA_4096") };
    assert_eq!(code(ask(dry).await), "DryRunOperationException");
    let only_p256 = user(
        ACCOUNT,
        "p256",
        &[
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:GenerateDataKeyPair*","Resource":"*",
            "Condition":{"StringEquals":{"kms:DataKeyPairSpec":"ECC_NIST_P256"}}}]}"#,
        ],
    );
    let ask = |spec| world.kms.generate_data_key_pair_without_plaintext(&only_p256, request(&key, spec));
    assert!(ask("ECC_NIST_P256").await.is_ok());
    assert_eq!(code(ask("ECC_NIST_P384").await), "AccessDeniedException");
}

#[tokio::test]
async fn both_sides_derive_the_same_secret() {
    let world = World::new().await;
    for (spec, algorithm) in [
        ("ECC_NIST_P256", &agreement::ECDH_P256),
        ("ECC_NIST_P384", &agreement::ECDH_P384),
        ("ECC_NIST_P521", &agreement::ECDH_P521),
    ] {
        let key = world.key_with(of(spec, "KEY_AGREEMENT")).await;
        let peer = agreement::PrivateKey::generate(algorithm).unwrap();
        let spki: PublicKeyX509Der<'_> = peer.compute_public_key().unwrap().as_der().unwrap();
        let derived = world.kms.derive_shared_secret(&world.root, derive(&key, spki.as_ref())).await.unwrap();
        assert_eq!((derived.key_agreement_algorithm, derived.key_origin), ("ECDH", "AWS_KMS"));
        let public = GetPublicKeyRequest { key_id: key.to_string() };
        let public = world.kms.get_public_key(&world.root, public).await.unwrap().public_key;
        let ours = agreement::UnparsedPublicKey::new(algorithm, public.expose());
        let theirs = agreement::agree(&peer, ours, (), |secret| Ok(secret.to_vec())).unwrap();
        assert_eq!(derived.shared_secret.expose(), theirs, "{spec}");
    }
}

fn derive(key: &KeyArn, peer: &[u8]) -> DeriveSharedSecretRequest {
    DeriveSharedSecretRequest { key_id: key.to_string(), public_key: Blob::new(peer.to_vec()), ..Default::default() }
}

#[tokio::test]
async fn public_keys_that_are_not_on_the_curve_derive_nothing() {
    let world = World::new().await;
    let key = world.key_with(of("ECC_NIST_P256", "KEY_AGREEMENT")).await;
    let spki = |algorithm| -> Vec<u8> {
        let peer = agreement::PrivateKey::generate(algorithm).unwrap();
        let der: PublicKeyX509Der<'_> = peer.compute_public_key().unwrap().as_der().unwrap();
        der.as_ref().to_vec()
    };
    let good = spki(&agreement::ECDH_P256);
    let mut off_curve = good.clone();
    *off_curve.last_mut().unwrap() ^= 1;
    let point = &good[good.len() - 65..];
    for bad in [&off_curve[..], point, &good[1..], &spki(&agreement::ECDH_P384), b"x"] {
        assert_eq!(code(world.kms.derive_shared_secret(&world.root, derive(&key, bad)).await), "ValidationException");
    }
    let dry = DeriveSharedSecretRequest { dry_run: true, ..derive(&key, &good) };
    assert_eq!(code(world.kms.derive_shared_secret(&world.root, dry).await), "DryRunOperationException");
    let signs = world.key_with(of("ECC_NIST_P256", "SIGN_VERIFY")).await;
    let refused = world.kms.derive_shared_secret(&world.root, derive(&signs, &good)).await;
    assert_eq!(code(refused), "InvalidKeyUsageException");
    let outsider = world.kms.derive_shared_secret(&root_of(OTHER_ACCOUNT), derive(&key, &good)).await;
    assert_eq!(code(outsider), "AccessDeniedException");
}

fn mac(key: &KeyArn, algorithm: &str, message: &[u8]) -> GenerateMacRequest {
    GenerateMacRequest {
        key_id: key.to_string(),
        mac_algorithm: MacAlgorithm::named(algorithm).unwrap(),
        message: Blob::new(message.to_vec()),
        dry_run: false,
    }
}

fn verify_mac(key: &KeyArn, algorithm: &str, message: &[u8], mac: &[u8]) -> VerifyMacRequest {
    VerifyMacRequest {
        key_id: key.to_string(),
        mac_algorithm: MacAlgorithm::named(algorithm).unwrap(),
        message: Blob::new(message.to_vec()),
        mac: Blob::new(mac.to_vec()),
        dry_run: false,
    }
}

#[tokio::test]
async fn macs_verify_and_nothing_else_does() {
    let world = World::new().await;
    for (spec, algorithm, length) in [
        ("HMAC_224", "HMAC_SHA_224", 28),
        ("HMAC_256", "HMAC_SHA_256", 32),
        ("HMAC_384", "HMAC_SHA_384", 48),
        ("HMAC_512", "HMAC_SHA_512", 64),
    ] {
        let made = world.kms.create_key(&world.root, of(spec, "GENERATE_VERIFY_MAC")).await.unwrap().key_metadata;
        assert_eq!(made.algorithms.mac_algorithms, [algorithm]);
        let key: KeyArn = made.arn.parse().unwrap();
        let code_of = world.kms.generate_mac(&world.root, mac(&key, algorithm, b"m")).await.unwrap().mac;
        let tag = code_of.expose();
        assert_eq!(tag.len(), length);
        assert!(world.kms.verify_mac(&world.root, verify_mac(&key, algorithm, b"m", tag)).await.unwrap().mac_valid);
        let mut bent = tag.to_vec();
        bent[0] ^= 1;
        for (message, tag) in [(&b"n"[..], tag), (b"m", &bent), (b"m", &tag[1..]), (b"m", &[tag, b"\0"].concat())] {
            let bad = world.kms.verify_mac(&world.root, verify_mac(&key, algorithm, message, tag)).await;
            assert_eq!(code(bad), "KMSInvalidMacException", "{spec}");
        }
        let other = if spec == "HMAC_256" { "HMAC_SHA_512" } else { "HMAC_SHA_256" };
        let refused = world.kms.generate_mac(&world.root, mac(&key, other, b"m")).await;
        assert_eq!(message(refused), format!("Algorithm {other} is incompatible with key spec {spec}."));
    }
}

#[tokio::test]
async fn macs_need_an_hmac_key_in_service_and_permission() {
    let world = World::new().await;
    let key = world.key_with(of("HMAC_256", "GENERATE_VERIFY_MAC")).await;
    let request = || mac(&key, "HMAC_SHA_256", b"m");
    let symmetric = world.kms.generate_mac(&world.root, mac(&world.key().await, "HMAC_SHA_256", b"m")).await;
    assert_eq!(code(symmetric), "InvalidKeyUsageException");
    let dry = GenerateMacRequest { dry_run: true, ..request() };
    assert_eq!(code(world.kms.generate_mac(&world.root, dry).await), "DryRunOperationException");
    let pinned = user(
        ACCOUNT,
        "pinned",
        &[r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:GenerateMac","Resource":"*",
            "Condition":{"StringEquals":{"kms:MacAlgorithm":"HMAC_SHA_512"}}}]}"#],
    );
    assert_eq!(code(world.kms.generate_mac(&pinned, request()).await), "AccessDeniedException");
    world.disable(&key).await;
    assert_eq!(code(world.kms.generate_mac(&world.root, request()).await), "DisabledException");
}

#[tokio::test]
async fn only_symmetric_keys_rotate() {
    let world = World::new().await;
    for (spec, usage) in [("HMAC_256", "GENERATE_VERIFY_MAC"), ("ECC_NIST_P256", "SIGN_VERIFY")] {
        let key_id = world.key_with(of(spec, usage)).await.to_string();
        let enable = EnableKeyRotationRequest { key_id: key_id.clone(), ..Default::default() };
        assert_eq!(code(world.kms.enable_key_rotation(&world.root, enable).await), "UnsupportedOperationException");
        let now = RotateKeyOnDemandRequest { key_id: key_id.clone() };
        assert_eq!(code(world.kms.rotate_key_on_demand(&world.root, now).await), "UnsupportedOperationException");
        let status = GetKeyRotationStatusRequest { key_id };
        assert!(!world.kms.get_key_rotation_status(&world.root, status).await.unwrap().key_rotation_enabled);
    }
}

#[tokio::test]
async fn a_grant_allows_only_operations_that_its_key_has() {
    let world = World::new().await;
    let grantee = user(ACCOUNT, "bob", &[]);
    let grant = |key: &KeyArn, operation: &str| CreateGrantRequest {
        key_id: key.to_string(),
        grantee_principal: format!("arn:aws:iam::{ACCOUNT}:user/bob"),
        operations: vec![operation.to_owned()],
        ..Default::default()
    };
    for (spec, usage, good, bad) in [
        ("ECC_NIST_P256", "SIGN_VERIFY", "Sign", "Decrypt"),
        ("RSA_2048", "ENCRYPT_DECRYPT", "Decrypt", "GenerateDataKey"),
        ("ECC_NIST_P256", "KEY_AGREEMENT", "DeriveSharedSecret", "Sign"),
        ("HMAC_256", "GENERATE_VERIFY_MAC", "GenerateMac", "GetPublicKey"),
        ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "GenerateDataKeyPair", "GetPublicKey"),
    ] {
        let key = world.key_with(of(spec, usage)).await;
        assert!(world.kms.create_grant(&world.root, grant(&key, good)).await.is_ok(), "{spec} {usage}");
        let refused = world.kms.create_grant(&world.root, grant(&key, bad)).await;
        assert_eq!(code(refused), "ValidationException", "{spec} {usage}");
    }
    let key = world.key_with(of("HMAC_256", "GENERATE_VERIFY_MAC")).await;
    assert_eq!(code(world.kms.generate_mac(&grantee, mac(&key, "HMAC_SHA_256", b"m")).await), "AccessDeniedException");
    world.kms.create_grant(&world.root, grant(&key, "GenerateMac")).await.unwrap();
    assert!(world.kms.generate_mac(&grantee, mac(&key, "HMAC_SHA_256", b"m")).await.is_ok());
    let constrained = CreateGrantRequest {
        constraints: Some(GrantConstraints {
            encryption_context_equals: Some(context(&[("k", "v")])),
            ..Default::default()
        }),
        ..grant(&key, "GenerateMac")
    };
    assert_eq!(code(world.kms.create_grant(&world.root, constrained).await), "ValidationException");
}

#[test]
fn private_keys_of_another_spec_or_with_anything_behind_are_refused() {
    let pairs: Vec<_> = KeySpec::ALL
        .into_iter()
        .filter(|spec| spec.usages().contains(&KeyUsage::SignVerify))
        .map(|spec| (spec, crate::asymmetric::generate(spec).unwrap()))
        .collect();
    for (spec, key) in &pairs {
        assert!(check_private_key(*spec, key).is_ok(), "{}", spec.name());
        assert!(check_private_key(*spec, &[key, &b"\0"[..]].concat()).is_err(), "{}", spec.name());
        assert!(check_private_key(*spec, &key[..key.len() - 1]).is_err(), "{}", spec.name());
        for other in KeySpec::ALL.into_iter().filter(|other| other != spec) {
            assert!(check_private_key(other, key).is_err(), "{} as {}", spec.name(), other.name());
        }
    }
}

#[tokio::test]
async fn policies_can_pin_what_kind_of_key_is_made() {
    let world = World::new().await;
    let maker = user(
        ACCOUNT,
        "maker",
        &[
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:CreateKey","Resource":"*","Condition":
            {"StringEquals":{"kms:KeySpec":"ECC_NIST_P256","kms:KeyUsage":"SIGN_VERIFY","kms:KeyOrigin":"AWS_KMS"}}}]}"#,
        ],
    );
    let ask = |spec, usage| {
        let request = CreateKeyRequest { bypass_policy_lockout_safety_check: true, ..of(spec, usage) };
        world.kms.create_key(&maker, request)
    };
    assert!(ask("ECC_NIST_P256", "SIGN_VERIFY").await.is_ok());
    assert_eq!(code(ask("ECC_NIST_P256", "KEY_AGREEMENT").await), "AccessDeniedException");
    assert_eq!(code(ask("ECC_NIST_P384", "SIGN_VERIFY").await), "AccessDeniedException");
    assert_eq!(code(world.kms.create_key(&maker, CreateKeyRequest::default()).await), "AccessDeniedException");
}
