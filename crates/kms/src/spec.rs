//! Cryptographic configurations of keys (AWS KMS API Reference, "KeySpec" of CreateKey).

use serde::{Deserialize, Serialize};

use crate::KeyUsage;

/// What kind of key a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(non_camel_case_types, reason = "the names are AWS's own, also on disk")]
pub enum KeySpec {
    /// AES-256-GCM under a derived key for each message.
    SYMMETRIC_DEFAULT,
    /// HMAC-SHA-224.
    HMAC_224,
    /// HMAC-SHA-256.
    HMAC_256,
    /// HMAC-SHA-384.
    HMAC_384,
    /// HMAC-SHA-512.
    HMAC_512,
    /// RSA with a modulus of 2,048 bits.
    RSA_2048,
    /// RSA with a modulus of 3,072 bits.
    RSA_3072,
    /// RSA with a modulus of 4,096 bits.
    RSA_4096,
    /// secp256r1.
    ECC_NIST_P256,
    /// secp384r1.
    ECC_NIST_P384,
    /// secp521r1.
    ECC_NIST_P521,
    /// secp256k1.
    ECC_SECG_P256K1,
    /// Ed25519.
    ECC_NIST_EDWARDS25519,
    /// ML-DSA-44 (FIPS 204).
    ML_DSA_44,
    /// ML-DSA-65 (FIPS 204).
    ML_DSA_65,
    /// ML-DSA-87 (FIPS 204).
    ML_DSA_87,
    /// SM2, of the China Regions: known by name, never made.
    SM2,
}

impl KeySpec {
    /// Every spec, in the order of AWS's own list.
    pub const ALL: [Self; 17] = [
        Self::RSA_2048,
        Self::RSA_3072,
        Self::RSA_4096,
        Self::ECC_NIST_P256,
        Self::ECC_NIST_P384,
        Self::ECC_NIST_P521,
        Self::ECC_SECG_P256K1,
        Self::SYMMETRIC_DEFAULT,
        Self::HMAC_224,
        Self::HMAC_256,
        Self::HMAC_384,
        Self::HMAC_512,
        Self::SM2,
        Self::ML_DSA_44,
        Self::ML_DSA_65,
        Self::ML_DSA_87,
        Self::ECC_NIST_EDWARDS25519,
    ];

    /// The AWS name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SYMMETRIC_DEFAULT => "SYMMETRIC_DEFAULT",
            Self::HMAC_224 => "HMAC_224",
            Self::HMAC_256 => "HMAC_256",
            Self::HMAC_384 => "HMAC_384",
            Self::HMAC_512 => "HMAC_512",
            Self::RSA_2048 => "RSA_2048",
            Self::RSA_3072 => "RSA_3072",
            Self::RSA_4096 => "RSA_4096",
            Self::ECC_NIST_P256 => "ECC_NIST_P256",
            Self::ECC_NIST_P384 => "ECC_NIST_P384",
            Self::ECC_NIST_P521 => "ECC_NIST_P521",
            Self::ECC_SECG_P256K1 => "ECC_SECG_P256K1",
            Self::ECC_NIST_EDWARDS25519 => "ECC_NIST_EDWARDS25519",
            Self::ML_DSA_44 => "ML_DSA_44",
            Self::ML_DSA_65 => "ML_DSA_65",
            Self::ML_DSA_87 => "ML_DSA_87",
            Self::SM2 => "SM2",
        }
    }

    /// The spec of an AWS name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|spec| spec.name() == name)
    }

    /// Bytes of its material where that is a plain secret; `None` for key pairs.
    #[must_use]
    pub const fn secret_len(self) -> Option<usize> {
        match self {
            Self::SYMMETRIC_DEFAULT | Self::HMAC_256 => Some(32),
            Self::HMAC_224 => Some(28),
            Self::HMAC_384 => Some(48),
            Self::HMAC_512 => Some(64),
            _ => None,
        }
    }

    /// What a key of this spec can be made for (KMS Developer Guide, "Key spec reference").
    #[must_use]
    pub const fn usages(self) -> &'static [KeyUsage] {
        match self {
            Self::SYMMETRIC_DEFAULT => &[KeyUsage::EncryptDecrypt],
            Self::HMAC_224 | Self::HMAC_256 | Self::HMAC_384 | Self::HMAC_512 => &[KeyUsage::GenerateVerifyMac],
            Self::RSA_2048 | Self::RSA_3072 | Self::RSA_4096 => &[KeyUsage::EncryptDecrypt, KeyUsage::SignVerify],
            Self::ECC_NIST_P256 | Self::ECC_NIST_P384 | Self::ECC_NIST_P521 => {
                &[KeyUsage::SignVerify, KeyUsage::KeyAgreement]
            }
            Self::ECC_SECG_P256K1
            | Self::ECC_NIST_EDWARDS25519
            | Self::ML_DSA_44
            | Self::ML_DSA_65
            | Self::ML_DSA_87 => &[KeyUsage::SignVerify],
            Self::SM2 => &[],
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_is_stored_under_the_name_that_users_know() {
        for spec in KeySpec::ALL {
            assert_eq!(KeySpec::named(spec.name()), Some(spec));
            assert_eq!(serde_json::to_value(spec).unwrap(), spec.name());
        }
    }

    #[test]
    fn a_name_that_is_almost_one_is_none() {
        for name in ["", "RSA_1024", "rsa_2048", "SYMMETRIC_DEFAULT "] {
            assert_eq!(KeySpec::named(name), None, "{name:?}");
        }
    }
}
