//! Checksums of bodies, parts and objects, and the rules of which may be combined how
//! (S3 User Guide, "Checking object integrity for data uploads").
//!
//! A [`Hasher`] computes any number of them in one pass. [`of_parts`] makes the checksum of a
//! multipart object out of those of its parts, without reading a byte of them again.

mod combine;
mod hasher;
mod md5;
mod value;

pub use combine::{PartValue, of_parts};
pub use hasher::{Digests, Hasher, Wanted};
pub use md5::{Md5, Md5Lane};
pub use value::{Checksum, InvalidValue, Value, parse_md5};

use serde::{Deserialize, Serialize};

/// A checksum algorithm of S3 (`x-amz-checksum-algorithm`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Algorithm {
    /// CRC-32 of ISO 3309 (zip, Ethernet).
    Crc32,
    /// CRC-32C (Castagnoli; iSCSI).
    Crc32c,
    /// CRC-64/NVME: what S3 computes by itself when a client asks for nothing.
    Crc64Nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
    /// MD5, as a checksum beside the entity tag.
    Md5,
    /// XXH64.
    XxHash64,
    /// XXH3 of 64 bits.
    XxHash3,
    /// XXH3 of 128 bits.
    XxHash128,
}

/// What a multipart object's checksum covers (`x-amz-checksum-type`). That of an object put in
/// one piece is always a full-object one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ChecksumType {
    /// The hash of the parts' checksums, one after the other; its text ends with `-<parts>`.
    Composite,
    /// The checksum of all content, as if it had come in one piece.
    FullObject,
}

impl Algorithm {
    /// Every algorithm, in the order of preference of the answers.
    pub const ALL: [Self; 10] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
        Self::Sha512,
        Self::Md5,
        Self::XxHash64,
        Self::XxHash3,
        Self::XxHash128,
    ];

    /// What S3 computes when a client names no algorithm.
    pub const DEFAULT: Self = Self::Crc64Nvme;

    /// The name in the S3 API, such as `CRC64NVME`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
            Self::Md5 => "MD5",
            Self::XxHash64 => "XXHASH64",
            Self::XxHash3 => "XXHASH3",
            Self::XxHash128 => "XXHASH128",
        }
    }

    /// The algorithm of an API name. Case matters, as in S3.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// Length of a value in bytes.
    #[must_use]
    pub const fn value_len(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme | Self::XxHash64 | Self::XxHash3 => 8,
            Self::Md5 | Self::XxHash128 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// Whether multipart objects may carry this algorithm in this type: CRC-64/NVME is full-object only, the
    /// 32-bit CRCs either. All others are composite only: their values of parts do not add up.
    #[must_use]
    pub const fn permits(self, kind: ChecksumType) -> bool {
        match self {
            Self::Crc32 | Self::Crc32c => true,
            Self::Crc64Nvme => matches!(kind, ChecksumType::FullObject),
            _ => matches!(kind, ChecksumType::Composite),
        }
    }

    /// The type of a multipart upload that names none.
    #[must_use]
    pub const fn default_type(self) -> ChecksumType {
        match self {
            Self::Crc64Nvme => ChecksumType::FullObject,
            _ => ChecksumType::Composite,
        }
    }
}

impl ChecksumType {
    /// The name in the S3 API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Composite => "COMPOSITE",
            Self::FullObject => "FULL_OBJECT",
        }
    }

    /// The type of an API name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Composite, Self::FullObject].into_iter().find(|kind| kind.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
            assert!(Algorithm::from_name(&algorithm.name().to_lowercase()).is_none());
        }
        assert!(Algorithm::from_name("XXHASH32").is_none());
        assert_eq!(ChecksumType::from_name("FULL_OBJECT"), Some(ChecksumType::FullObject));
        assert!(ChecksumType::from_name("FULLOBJECT").is_none());
    }

    #[test]
    fn types_by_the_table_of_the_user_guide() {
        use ChecksumType::{Composite, FullObject};
        for (algorithm, composite, full) in [
            (Algorithm::Crc32, true, true),
            (Algorithm::Crc32c, true, true),
            (Algorithm::Crc64Nvme, false, true),
            (Algorithm::Sha1, true, false),
            (Algorithm::Sha256, true, false),
        ] {
            assert_eq!((algorithm.permits(Composite), algorithm.permits(FullObject)), (composite, full));
            assert!(algorithm.permits(algorithm.default_type()));
        }
    }
}
