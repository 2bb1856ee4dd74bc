//! Key pairs: drawn, parsed, and their public halves.

use std::fmt;

use arqueta_kms::{Error, KeySpec, KeyUsage};
use aws_lc_rs::agreement;
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::error::{KeyRejected, Unspecified};
use aws_lc_rs::rsa::{KeySize, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256K1_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING,
    ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _,
    ML_DSA_44_SIGNING, ML_DSA_65_SIGNING, ML_DSA_87_SIGNING, PqdsaKeyPair, PqdsaSigningAlgorithm, RsaKeyPair,
};
use zeroize::Zeroizing;

use super::{broken, ed25519ph};

/// What kind of key pair a spec is.
enum Kind {
    Rsa(KeySize),
    Ec { signing: &'static EcdsaSigningAlgorithm, agreement: Option<&'static agreement::Algorithm> },
    Ed25519,
    MlDsa(&'static PqdsaSigningAlgorithm),
}

fn kind(spec: KeySpec) -> Option<Kind> {
    Some(match spec {
        KeySpec::RSA_2048 => Kind::Rsa(KeySize::Rsa2048),
        KeySpec::RSA_3072 => Kind::Rsa(KeySize::Rsa3072),
        KeySpec::RSA_4096 => Kind::Rsa(KeySize::Rsa4096),
        KeySpec::ECC_NIST_P256 => {
            Kind::Ec { signing: &ECDSA_P256_SHA256_ASN1_SIGNING, agreement: Some(&agreement::ECDH_P256) }
        }
        KeySpec::ECC_NIST_P384 => {
            Kind::Ec { signing: &ECDSA_P384_SHA384_ASN1_SIGNING, agreement: Some(&agreement::ECDH_P384) }
        }
        KeySpec::ECC_NIST_P521 => {
            Kind::Ec { signing: &ECDSA_P521_SHA512_ASN1_SIGNING, agreement: Some(&agreement::ECDH_P521) }
        }
        KeySpec::ECC_SECG_P256K1 => Kind::Ec { signing: &ECDSA_P256K1_SHA256_ASN1_SIGNING, agreement: None },
        KeySpec::ECC_NIST_EDWARDS25519 => Kind::Ed25519,
        KeySpec::ML_DSA_44 => Kind::MlDsa(&ML_DSA_44_SIGNING),
        KeySpec::ML_DSA_65 => Kind::MlDsa(&ML_DSA_65_SIGNING),
        KeySpec::ML_DSA_87 => Kind::MlDsa(&ML_DSA_87_SIGNING),
        KeySpec::SYMMETRIC_DEFAULT
        | KeySpec::HMAC_224
        | KeySpec::HMAC_256
        | KeySpec::HMAC_384
        | KeySpec::HMAC_512
        | KeySpec::SM2 => return None,
    })
}

/// A new private key in PKCS #8 (RFC 5208, so that every tool reads it).
///
/// # Errors
/// `KMSInternalException` for a spec that has no private key, or if the library fails.
pub(crate) fn generate(spec: KeySpec) -> Result<Zeroizing<Vec<u8>>, Error> {
    let drawn = || -> Result<Zeroizing<Vec<u8>>, Unspecified> {
        Ok(Zeroizing::new(match kind(spec).ok_or(Unspecified)? {
            Kind::Rsa(size) => RsaKeyPair::generate(size)?.as_der()?.as_ref().to_vec(),
            Kind::Ec { signing, .. } => EcdsaKeyPair::generate(signing)?.to_pkcs8v1()?.as_ref().to_vec(),
            Kind::Ed25519 => Ed25519KeyPair::generate()?.to_pkcs8v1()?.as_ref().to_vec(),
            Kind::MlDsa(algorithm) => PqdsaKeyPair::generate(algorithm)?.to_pkcs8v1()?.as_ref().to_vec(),
        }))
    };
    drawn().map_err(|Unspecified| broken())
}

/// A private key, ready for the one usage that its KMS key has.
pub(crate) struct PrivateKey {
    pub(super) inner: Inner,
    pub(super) public: Vec<u8>,
}

pub(super) enum Inner {
    RsaSigning(Box<RsaKeyPair>),
    RsaDecrypting(Box<OaepPrivateDecryptingKey>),
    Ecdsa(EcdsaKeyPair),
    Ecdh(agreement::PrivateKey),
    Ed25519 { pure: Ed25519KeyPair, prehashed: Box<ed25519ph::SigningKey> },
    MlDsa(PqdsaKeyPair),
}

impl PrivateKey {
    /// Reads a private key in PKCS #8 that must be of `spec`.
    ///
    /// # Errors
    /// [`KeyRejected`] for other bytes, other specs, and a usage that the spec does not have.
    pub(crate) fn parse(spec: KeySpec, usage: KeyUsage, pkcs8: &[u8]) -> Result<Self, KeyRejected> {
        let rejected = |Unspecified| KeyRejected::from(Unspecified);
        if !is_one_der_value(pkcs8) {
            return Err(rejected(Unspecified));
        }
        let (inner, public) = match (kind(spec).ok_or(Unspecified).map_err(rejected)?, usage) {
            (Kind::Rsa(size), KeyUsage::SignVerify) => {
                let pair = RsaKeyPair::from_pkcs8(pkcs8)?;
                sized(pair.public_modulus_len(), size)?;
                let public = der(pair.public_key())?;
                (Inner::RsaSigning(Box::new(pair)), public)
            }
            (Kind::Rsa(size), KeyUsage::EncryptDecrypt) => {
                let key = PrivateDecryptingKey::from_pkcs8(pkcs8)?;
                sized(key.key_size_bytes(), size)?;
                let public = der(&key.public_key())?;
                (Inner::RsaDecrypting(Box::new(OaepPrivateDecryptingKey::new(key).map_err(rejected)?)), public)
            }
            (Kind::Ec { signing, .. }, KeyUsage::SignVerify) => {
                let pair = EcdsaKeyPair::from_pkcs8(signing, pkcs8)?;
                let public = der(pair.public_key())?;
                (Inner::Ecdsa(pair), public)
            }
            (Kind::Ec { agreement: Some(algorithm), .. }, KeyUsage::KeyAgreement) => {
                let key = agreement::PrivateKey::from_private_key_der(algorithm, pkcs8)?;
                let public = der(&key.compute_public_key().map_err(rejected)?)?;
                (Inner::Ecdh(key), public)
            }
            (Kind::Ed25519, KeyUsage::SignVerify) => {
                let pair = Ed25519KeyPair::from_pkcs8(pkcs8)?;
                let public = der(pair.public_key())?;
                let prehashed = ed25519ph::signing_key(&pair).map_err(rejected)?;
                (Inner::Ed25519 { pure: pair, prehashed: Box::new(prehashed) }, public)
            }
            (Kind::MlDsa(algorithm), KeyUsage::SignVerify) => {
                let pair = PqdsaKeyPair::from_pkcs8(algorithm, pkcs8)?;
                let public = der(pair.public_key())?;
                (Inner::MlDsa(pair), public)
            }
            _ => return Err(rejected(Unspecified)),
        };
        Ok(Self { inner, public })
    }

    /// The public half as SubjectPublicKeyInfo in DER (RFC 5280).
    pub(crate) fn public(&self) -> &[u8] {
        &self.public
    }

    /// The public half as `RSAPublicKey` in DER (PKCS #1, RFC 8017); `None` for other kinds.
    pub(crate) fn public_pkcs1(&self) -> Option<&[u8]> {
        match &self.inner {
            Inner::RsaSigning(pair) => Some(pair.public_key().as_ref()),
            _ => None,
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").finish_non_exhaustive()
    }
}

/// Checks that `pkcs8` is a private key of `spec`, and tells its public half in DER
/// (SubjectPublicKeyInfo).
///
/// # Errors
/// [`KeyRejected`] for other bytes, other sizes and curves, inconsistent components, anything
/// behind the key, and specs without a private key.
pub(crate) fn check_private_key(spec: KeySpec, pkcs8: &[u8]) -> Result<Vec<u8>, KeyRejected> {
    PrivateKey::parse(spec, KeyUsage::SignVerify, pkcs8).map(|key| key.public)
}

fn sized(bytes: usize, size: KeySize) -> Result<(), KeyRejected> {
    if bytes == size.len() { Ok(()) } else { Err(Unspecified.into()) }
}

fn der<K: AsDer<PublicKeyX509Der<'static>>>(key: &K) -> Result<Vec<u8>, KeyRejected> {
    Ok(key.as_der()?.as_ref().to_vec())
}

/// Whether the bytes are one DER sequence with nothing behind it: the library stops reading there.
fn is_one_der_value(bytes: &[u8]) -> bool {
    let Some((&[0x30, first], rest)) = bytes.split_first_chunk() else { return false };
    if first < 0x80 {
        return rest.len() == usize::from(first);
    }
    let Some((length, body)) = rest.split_at_checked(usize::from(first & 0x7f)) else { return false };
    length.len() <= 4 && length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)) == body.len()
}
