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
    pub const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// What S3 computes when a client names no algorithm.
    pub const DEFAULT: Self = Self::Crc64Nvme;

    /// The name in the S3 API: `CRC32`, `CRC32C`, `CRC64NVME`, `SHA1`, `SHA256`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
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
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// Whether multipart objects may carry this algorithm in this type: SHA is composite only,
    /// CRC-64/NVME full-object only, the 32-bit CRCs either.
    #[must_use]
    pub const fn permits(self, kind: ChecksumType) -> bool {
        match self {
            Self::Crc32 | Self::Crc32c => true,
            Self::Crc64Nvme => matches!(kind, ChecksumType::FullObject),
            Self::Sha1 | Self::Sha256 => matches!(kind, ChecksumType::Composite),
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
        assert!(Algorithm::from_name("MD5").is_none());
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
