//! Signatures.

use arqueta_kms::{Error, KeySpec, MessageType, SigningAlgorithm};
use aws_lc_rs::digest::{self, Digest, SHA256, SHA384, SHA512};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256K1_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, ED25519,
    ML_DSA_44, ML_DSA_65, ML_DSA_87, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
    UnparsedPublicKey, VerificationAlgorithm,
};

use super::keys::{Inner, PrivateKey};
use super::{broken, ed25519ph};
use crate::limits::{invalid, unsupported};

/// What is signed, ready for one algorithm.
#[derive(Debug, Clone)]
pub(crate) enum Message {
    /// Of algorithms that hash first.
    Hashed(Digest),
    /// Of algorithms that need the whole message.
    Whole(Vec<u8>),
}

impl Message {
    /// Prepares what a request carries.
    ///
    /// # Errors
    /// `ValidationException` for a digest of another length than the algorithm's, and a message
    /// type that the algorithm does not have; `UnsupportedOperationException` for `EXTERNAL_MU`.
    pub(crate) fn new(algorithm: SigningAlgorithm, kind: MessageType, bytes: &[u8]) -> Result<Self, Error> {
        let name = algorithm.name();
        match (hash(algorithm), kind) {
            // RFC 8032's prehash has no form that takes the message itself in the API.
            (Some(hash), MessageType::RAW) if algorithm != SigningAlgorithm::ED25519_PH_SHA_512 => {
                Ok(Self::Hashed(digest::digest(hash, bytes)))
            }
            (Some(hash), MessageType::DIGEST) => Digest::import_less_safe(bytes, hash)
                .map(Self::Hashed)
                .map_err(|_| invalid(format!("Digest is invalid length for algorithm {name}."))),
            (None, MessageType::RAW) => Ok(Self::Whole(bytes.to_vec())),
            (None, MessageType::EXTERNAL_MU) if algorithm == SigningAlgorithm::ML_DSA_SHAKE_256 => {
                Err(unsupported("MessageType EXTERNAL_MU"))
            }
            _ => Err(invalid(format!("MessageType {} is not valid for algorithm {name}.", kind.name()))),
        }
    }
}

/// The hash that comes before the signature itself.
fn hash(algorithm: SigningAlgorithm) -> Option<&'static digest::Algorithm> {
    use SigningAlgorithm as S;
    match algorithm {
        S::RSASSA_PSS_SHA_256 | S::RSASSA_PKCS1_V1_5_SHA_256 | S::ECDSA_SHA_256 => Some(&SHA256),
        S::RSASSA_PSS_SHA_384 | S::RSASSA_PKCS1_V1_5_SHA_384 | S::ECDSA_SHA_384 => Some(&SHA384),
        S::RSASSA_PSS_SHA_512 | S::RSASSA_PKCS1_V1_5_SHA_512 | S::ECDSA_SHA_512 | S::ED25519_PH_SHA_512 => {
            Some(&SHA512)
        }
        S::SM2DSA | S::ML_DSA_SHAKE_256 | S::ED25519_SHA_512 => None,
    }
}

impl PrivateKey {
    /// Signs; the caller has checked that the algorithm is one of the key's.
    ///
    /// # Errors
    /// `KMSInternalException`.
    pub(crate) fn sign(&self, algorithm: SigningAlgorithm, message: &Message) -> Result<Vec<u8>, Error> {
        match (&self.inner, message) {
            (Inner::RsaSigning(pair), Message::Hashed(digest)) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let encoding = rsa_encoding(algorithm).ok_or_else(broken)?;
                pair.sign_digest(encoding, digest, &mut signature).map_err(|_| broken())?;
                Ok(signature)
            }
            (Inner::Ecdsa(pair), Message::Hashed(digest)) => {
                pair.sign_digest(digest).map(|signature| signature.as_ref().to_vec()).map_err(|_| broken())
            }
            (Inner::Ed25519 { pure, .. }, Message::Whole(bytes)) => {
                pure.try_sign(bytes).map(|signature| signature.as_ref().to_vec()).map_err(|_| broken())
            }
            (Inner::Ed25519 { prehashed, .. }, Message::Hashed(digest)) => ed25519ph::sign(prehashed, digest),
            (Inner::MlDsa(pair), Message::Whole(bytes)) => {
                let mut signature = vec![0; pair.algorithm().signature_len()];
                let length = pair.sign(bytes, &mut signature).map_err(|_| broken())?;
                signature.truncate(length);
                Ok(signature)
            }
            _ => Err(broken()),
        }
    }
}

fn rsa_encoding(algorithm: SigningAlgorithm) -> Option<&'static dyn RsaEncoding> {
    Some(match algorithm {
        SigningAlgorithm::RSASSA_PSS_SHA_256 => &RSA_PSS_SHA256,
        SigningAlgorithm::RSASSA_PSS_SHA_384 => &RSA_PSS_SHA384,
        SigningAlgorithm::RSASSA_PSS_SHA_512 => &RSA_PSS_SHA512,
        SigningAlgorithm::RSASSA_PKCS1_V1_5_SHA_256 => &RSA_PKCS1_SHA256,
        SigningAlgorithm::RSASSA_PKCS1_V1_5_SHA_384 => &RSA_PKCS1_SHA384,
        SigningAlgorithm::RSASSA_PKCS1_V1_5_SHA_512 => &RSA_PKCS1_SHA512,
        _ => return None,
    })
}

/// Whether `signature` is one of `message` under the public key `spki` of `spec`. Anything that
/// is not is `false`: a malformed signature says no more than a wrong one.
pub(crate) fn verify(
    spec: KeySpec,
    algorithm: SigningAlgorithm,
    spki: &[u8],
    message: &Message,
    signature: &[u8],
) -> bool {
    if let (SigningAlgorithm::ED25519_PH_SHA_512, KeySpec::ECC_NIST_EDWARDS25519, Message::Hashed(digest)) =
        (algorithm, spec, message)
    {
        return ed25519ph::verify(spki, digest, signature);
    }
    let Some(algorithm) = verification(spec, algorithm) else { return false };
    let key = UnparsedPublicKey::new(algorithm, spki);
    match message {
        Message::Hashed(digest) => key.verify_digest(digest, signature).is_ok(),
        Message::Whole(bytes) => key.verify(bytes, signature).is_ok(),
    }
}

fn verification(spec: KeySpec, algorithm: SigningAlgorithm) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match (algorithm, spec) {
        (SigningAlgorithm::RSASSA_PSS_SHA_256, _) => &RSA_PSS_2048_8192_SHA256,
        (SigningAlgorithm::RSASSA_PSS_SHA_384, _) => &RSA_PSS_2048_8192_SHA384,
        (SigningAlgorithm::RSASSA_PSS_SHA_512, _) => &RSA_PSS_2048_8192_SHA512,
        (SigningAlgorithm::RSASSA_PKCS1_V1_5_SHA_256, _) => &RSA_PKCS1_2048_8192_SHA256,
        (SigningAlgorithm::RSASSA_PKCS1_V1_5_SHA_384, _) => &RSA_PKCS1_2048_8192_SHA384,
        (SigningAlgorithm::RSASSA_PKCS1_V1_5_SHA_512, _) => &RSA_PKCS1_2048_8192_SHA512,
        (SigningAlgorithm::ECDSA_SHA_256, KeySpec::ECC_NIST_P256) => &ECDSA_P256_SHA256_ASN1,
        (SigningAlgorithm::ECDSA_SHA_256, KeySpec::ECC_SECG_P256K1) => &ECDSA_P256K1_SHA256_ASN1,
        (SigningAlgorithm::ECDSA_SHA_384, KeySpec::ECC_NIST_P384) => &ECDSA_P384_SHA384_ASN1,
        (SigningAlgorithm::ECDSA_SHA_512, KeySpec::ECC_NIST_P521) => &ECDSA_P521_SHA512_ASN1,
        (SigningAlgorithm::ED25519_SHA_512, KeySpec::ECC_NIST_EDWARDS25519) => &ED25519,
        (SigningAlgorithm::ML_DSA_SHAKE_256, KeySpec::ML_DSA_44) => &ML_DSA_44,
        (SigningAlgorithm::ML_DSA_SHAKE_256, KeySpec::ML_DSA_65) => &ML_DSA_65,
        (SigningAlgorithm::ML_DSA_SHAKE_256, KeySpec::ML_DSA_87) => &ML_DSA_87,
        _ => return None,
    })
}
