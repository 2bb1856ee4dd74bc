//! Algorithms of the KMS API and which key specs have them (KMS Developer Guide, "Key spec reference").

use crate::{KeySpec, KeyUsage};

macro_rules! algorithms {
    ($(#[$doc:meta])* $name:ident { $($(#[$one:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(non_camel_case_types, reason = "the names are AWS's own")]
        pub enum $name { $($(#[$one])* $variant),+ }

        impl $name {
            /// AWS's names, in AWS's order.
            pub const NAMES: &[&str] = &[$(stringify!($variant)),+];

            /// The AWS name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant)),+ }
            }

            /// The algorithm of an AWS name.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                match name { $(stringify!($variant) => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

algorithms!(
    /// Of Sign and Verify (`SigningAlgorithmSpec`).
    SigningAlgorithm {
        /// RSASSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes (RFC 8017).
        RSASSA_PSS_SHA_256,
        /// RSASSA-PSS with SHA-384.
        RSASSA_PSS_SHA_384,
        /// RSASSA-PSS with SHA-512.
        RSASSA_PSS_SHA_512,
        /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017).
        RSASSA_PKCS1_V1_5_SHA_256,
        /// RSASSA-PKCS1-v1_5 with SHA-384.
        RSASSA_PKCS1_V1_5_SHA_384,
        /// RSASSA-PKCS1-v1_5 with SHA-512.
        RSASSA_PKCS1_V1_5_SHA_512,
        /// ECDSA with SHA-256; signatures in DER (ANSI X9.62).
        ECDSA_SHA_256,
        /// ECDSA with SHA-384.
        ECDSA_SHA_384,
        /// ECDSA with SHA-512.
        ECDSA_SHA_512,
        /// Of the China Regions: no key here has it.
        SM2DSA,
        /// Pure ML-DSA (FIPS 204).
        ML_DSA_SHAKE_256,
        /// Pure Ed25519 (RFC 8032).
        ED25519_SHA_512,
        /// Ed25519ph (RFC 8032): of a SHA-512 digest, which is all that can be given.
        ED25519_PH_SHA_512,
    }
);

algorithms!(
    /// Of Encrypt, Decrypt and ReEncrypt (`EncryptionAlgorithmSpec`).
    EncryptionAlgorithm {
        /// AES-256-GCM under a derived key.
        SYMMETRIC_DEFAULT,
        /// RSAES-OAEP with SHA-1 and MGF1 with SHA-1 (RFC 8017).
        RSAES_OAEP_SHA_1,
        /// RSAES-OAEP with SHA-256 and MGF1 with SHA-256.
        RSAES_OAEP_SHA_256,
        /// Of the China Regions: no key here has it.
        SM2PKE,
    }
);

algorithms!(
    /// Of GenerateMac and VerifyMac (`MacAlgorithmSpec`).
    MacAlgorithm {
        /// HMAC with SHA-224 (RFC 2104).
        HMAC_SHA_224,
        /// HMAC with SHA-256.
        HMAC_SHA_256,
        /// HMAC with SHA-384.
        HMAC_SHA_384,
        /// HMAC with SHA-512.
        HMAC_SHA_512,
    }
);

algorithms!(
    /// Of DeriveSharedSecret (`KeyAgreementAlgorithmSpec`).
    KeyAgreementAlgorithm {
        /// Elliptic curve cofactor Diffie-Hellman (NIST SP 800-56A).
        ECDH,
    }
);

algorithms!(
    /// What the message of Sign and Verify is (`MessageType`).
    MessageType {
        /// The message, which the service hashes.
        RAW,
        /// The message's hash.
        DIGEST,
        /// An ML-DSA message representative: known by name; the library does not take one.
        EXTERNAL_MU,
    }
);

/// What a key of `spec`, made for `usage`, can do. At most one list has members.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Algorithms {
    /// Of usage `ENCRYPT_DECRYPT`.
    pub encryption: &'static [EncryptionAlgorithm],
    /// Of usage `SIGN_VERIFY`.
    pub signing: &'static [SigningAlgorithm],
    /// Of usage `GENERATE_VERIFY_MAC`.
    pub mac: &'static [MacAlgorithm],
    /// Of usage `KEY_AGREEMENT`.
    pub agreement: &'static [KeyAgreementAlgorithm],
}

impl Algorithms {
    /// Nothing, where the spec does not have the usage.
    #[must_use]
    pub fn of(spec: KeySpec, usage: KeyUsage) -> Self {
        if !spec.usages().contains(&usage) {
            return Self::default();
        }
        match usage {
            KeyUsage::EncryptDecrypt => Self { encryption: encryption(spec), ..Self::default() },
            KeyUsage::SignVerify => Self { signing: signing(spec), ..Self::default() },
            KeyUsage::GenerateVerifyMac => Self { mac: mac(spec), ..Self::default() },
            KeyUsage::KeyAgreement => Self { agreement: &[KeyAgreementAlgorithm::ECDH], ..Self::default() },
        }
    }
}

const fn encryption(spec: KeySpec) -> &'static [EncryptionAlgorithm] {
    match spec {
        KeySpec::SYMMETRIC_DEFAULT => &[EncryptionAlgorithm::SYMMETRIC_DEFAULT],
        _ => &[EncryptionAlgorithm::RSAES_OAEP_SHA_1, EncryptionAlgorithm::RSAES_OAEP_SHA_256],
    }
}

const fn signing(spec: KeySpec) -> &'static [SigningAlgorithm] {
    use SigningAlgorithm as S;
    match spec {
        KeySpec::RSA_2048 | KeySpec::RSA_3072 | KeySpec::RSA_4096 => &[
            S::RSASSA_PKCS1_V1_5_SHA_256,
            S::RSASSA_PKCS1_V1_5_SHA_384,
            S::RSASSA_PKCS1_V1_5_SHA_512,
            S::RSASSA_PSS_SHA_256,
            S::RSASSA_PSS_SHA_384,
            S::RSASSA_PSS_SHA_512,
        ],
        KeySpec::ECC_NIST_P256 | KeySpec::ECC_SECG_P256K1 => &[S::ECDSA_SHA_256],
        KeySpec::ECC_NIST_P384 => &[S::ECDSA_SHA_384],
        KeySpec::ECC_NIST_P521 => &[S::ECDSA_SHA_512],
        KeySpec::ECC_NIST_EDWARDS25519 => &[S::ED25519_SHA_512, S::ED25519_PH_SHA_512],
        KeySpec::ML_DSA_44 | KeySpec::ML_DSA_65 | KeySpec::ML_DSA_87 => &[S::ML_DSA_SHAKE_256],
        _ => &[],
    }
}

const fn mac(spec: KeySpec) -> &'static [MacAlgorithm] {
    match spec {
        KeySpec::HMAC_224 => &[MacAlgorithm::HMAC_SHA_224],
        KeySpec::HMAC_256 => &[MacAlgorithm::HMAC_SHA_256],
        KeySpec::HMAC_384 => &[MacAlgorithm::HMAC_SHA_384],
        KeySpec::HMAC_512 => &[MacAlgorithm::HMAC_SHA_512],
        _ => &[],
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_algorithm_and_others_nowhere() {
        for name in SigningAlgorithm::NAMES {
            assert_eq!(SigningAlgorithm::named(name).unwrap().name(), *name);
        }
        for name in ["", "ECDSA", "ecdsa_sha_256", "ECDSA_SHA_256 "] {
            assert_eq!(SigningAlgorithm::named(name), None, "{name:?}");
        }
    }

    #[test]
    fn every_key_that_can_be_made_has_algorithms_of_its_usage_only() {
        let usages =
            [KeyUsage::EncryptDecrypt, KeyUsage::SignVerify, KeyUsage::GenerateVerifyMac, KeyUsage::KeyAgreement];
        for spec in KeySpec::ALL {
            for usage in usages {
                let all = Algorithms::of(spec, usage);
                let kinds = [
                    !all.encryption.is_empty(),
                    !all.signing.is_empty(),
                    !all.mac.is_empty(),
                    !all.agreement.is_empty(),
                ];
                let expected = usize::from(spec.usages().contains(&usage));
                assert_eq!(kinds.iter().filter(|kind| **kind).count(), expected, "{} {usage:?}", spec.name());
            }
        }
    }
}
