//! Bucket names and object keys.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::arn::text_newtype;

/// Why a name is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Outside the rules for general purpose buckets.
    #[error("The specified bucket is not valid.")]
    Bucket,
    /// Empty.
    #[error("an object key has at least one byte")]
    EmptyKey,
    /// Longer than 1,024 bytes of UTF-8.
    #[error("Your key is too long")]
    LongKey,
}

text_newtype!(
    /// A bucket name by S3's rules for general purpose buckets (S3 User Guide, "Bucket naming
    /// rules"): 3 to 63 of `a-z0-9.-`, beginning and ending with a letter or digit, no two
    /// adjacent dots, not an IPv4 address, none of the reserved prefixes and suffixes.
    BucketName
);

impl FromStr for BucketName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let alnum = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let bytes = text.as_bytes();
        let shape = (3..=63).contains(&bytes.len())
            && bytes.iter().all(|&b| alnum(b) || b == b'.' || b == b'-')
            && alnum(bytes[0])
            && alnum(bytes[bytes.len() - 1])
            && !text.contains("..");
        let reserved = ["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|p| text.starts_with(p))
            || ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"].iter().any(|s| text.ends_with(s));
        if shape && !reserved && text.parse::<std::net::Ipv4Addr>().is_err() {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Bucket)
        }
    }
}

text_newtype!(
    /// An object key: 1 to 1,024 bytes of UTF-8 (S3 User Guide, "Naming Amazon S3 objects").
    ObjectKey
);

impl FromStr for ObjectKey {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.len() {
            0 => Err(NameError::EmptyKey),
            1..=1024 => Ok(Self(text.into())),
            _ => Err(NameError::LongKey),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_names_by_the_rules() {
        for good in ["abc", "my-bucket.v2", "0ab", &"a".repeat(63)] {
            assert!(good.parse::<BucketName>().is_ok(), "{good:?}");
        }
        for bad in
            ["ab", "Abc", "a_b", "-ab", "ab-", "a..b", "192.168.0.1", "xn--abc", "b-s3alias", "a b", &"a".repeat(64)]
        {
            assert!(bad.parse::<BucketName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn object_keys_are_bounded_in_bytes() {
        assert_eq!("".parse::<ObjectKey>(), Err(NameError::EmptyKey));
        assert!("é".repeat(512).parse::<ObjectKey>().is_ok());
        assert_eq!("é".repeat(513).parse::<ObjectKey>(), Err(NameError::LongKey));
    }
}
