//! What an object says of itself when it is asked for its head.

use std::collections::BTreeMap;
use std::fmt;

/// S3's checksum algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Md5,
    Sha1,
    Sha256,
    Sha512,
    Xxhash64,
    Xxhash3,
    Xxhash128,
}

impl Algorithm {
    /// As S3 writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
            Self::Xxhash64 => "XXHASH64",
            Self::Xxhash3 => "XXHASH3",
            Self::Xxhash128 => "XXHASH128",
        }
    }
}

/// Whether a checksum is that of the whole object or one of the checksums of its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whole {
    /// `FULL_OBJECT`
    Object,
    /// `COMPOSITE`
    Parts,
}

/// Kinds of encryption.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Sse {
    /// The answer has no header of encryption.
    #[default]
    None,
    /// `AES256`
    S3,
    /// `aws:kms`
    Kms,
    /// `aws:kms:dsse`
    Dsse,
    /// A key of the client.
    Customer,
    /// Another word.
    Other(String),
}

impl fmt::Display for Sse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "not encrypted",
            Self::S3 => "SSE-S3",
            Self::Kms => "SSE-KMS",
            Self::Dsse => "DSSE-KMS",
            Self::Customer => "SSE-C",
            Self::Other(word) => word,
        })
    }
}

/// What the headers say of an object's encryption.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Encryption {
    /// Its kind.
    pub sse: Sse,
    /// The key's ARN or id.
    pub key: Option<String>,
    /// Whether a bucket key was used.
    pub bucket_key: bool,
}

impl Encryption {
    /// Whether ETags of objects so kept are MD5s ("Common Response Headers", `ETag`).
    #[must_use]
    pub fn keeps_md5(&self) -> bool {
        matches!(self.sse, Sse::None | Sse::S3)
    }
}

impl fmt::Display for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.sse)?;
        if let Some(key) = &self.key {
            write!(f, " under {key}")?;
        }
        if self.bucket_key { f.write_str(" with a bucket key") } else { Ok(()) }
    }
}

/// Retention and legal hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lock {
    /// `GOVERNANCE` or `COMPLIANCE`.
    pub mode: Option<String>,
    /// Seconds since 1970.
    pub until: Option<i64>,
    /// Whether a legal hold is on.
    pub hold: bool,
}

/// The head of an object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Bytes.
    pub size: u64,
    /// Without its quotes.
    pub etag: String,
    /// Seconds since 1970.
    pub modified: i64,
    /// In base64; those of parts end with `-` and how many there are.
    pub checksums: BTreeMap<Algorithm, String>,
    /// What the checksums are of, where the endpoint says it.
    pub whole: Option<Whole>,
    /// How it is encrypted.
    pub encryption: Encryption,
    /// `x-amz-meta-`, without that.
    pub metadata: BTreeMap<String, String>,
    /// `Content-Type` and the other headers that are kept with an object, by their names in small letters.
    pub headers: BTreeMap<&'static str, String>,
    /// `STANDARD` where the endpoint says nothing.
    pub storage_class: String,
    /// Retention and legal hold, as far as the asker may see them.
    pub lock: Lock,
    /// `x-amz-replication-status`
    pub replication: Option<String>,
    /// Why replication failed, where the endpoint says it.
    pub replication_failure: Option<String>,
}

impl Facts {
    /// How many parts the ETag says there are; absent for one that was put at once.
    #[must_use]
    pub fn parts(&self) -> Option<u32> {
        self.etag.split_once('-')?.1.parse().ok()
    }

    /// Whether the ETag is the MD5 of the bytes, or of the MD5s of the parts.
    #[must_use]
    pub fn has_md5(&self) -> bool {
        let digest = self.etag.split('-').next().unwrap_or_default();
        self.encryption.keeps_md5() && digest.len() == 32 && digest.bytes().all(|b| b.is_ascii_hexdigit())
    }

    /// The checksums of the whole object.
    pub fn of_all(&self) -> impl Iterator<Item = (Algorithm, &str)> {
        let said = self.whole != Some(Whole::Parts);
        self.checksums.iter().filter(move |(_, value)| said && !value.contains('-')).map(|(a, v)| (*a, v.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_of_parts_are_none_of_the_object() {
        let mut facts = Facts { checksums: [(Algorithm::Crc32, "AAAAAA==".to_owned())].into(), ..Facts::default() };
        assert_eq!(facts.of_all().count(), 1);
        facts.whole = Some(Whole::Parts);
        assert_eq!(facts.of_all().count(), 0);
        facts.whole = None;
        facts.checksums.insert(Algorithm::Crc32, "AAAAAA==-3".to_owned());
        assert_eq!(facts.of_all().count(), 0);
    }

    #[test]
    fn an_etag_is_an_md5_only_where_s3_says_so() {
        let of = |etag: &str, sse| Facts {
            etag: etag.to_owned(),
            encryption: Encryption { sse, ..Encryption::default() },
            ..Facts::default()
        };
        let plain = "d41d8cd98f00b204e9800998ecf8427e";
        assert!(of(plain, Sse::None).has_md5() && of(plain, Sse::S3).has_md5());
        assert!(of(&format!("{plain}-7"), Sse::S3).has_md5());
        assert_eq!(of(&format!("{plain}-7"), Sse::S3).parts(), Some(7));
        for sse in [Sse::Kms, Sse::Dsse, Sse::Customer, Sse::Other("x".into())] {
            assert!(!of(plain, sse).has_md5());
        }
        assert!(!of("0x8D4BCC2E4835CD0", Sse::None).has_md5());
    }
}
