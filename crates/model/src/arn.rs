//! Amazon Resource Names (IAM User Guide, "Amazon Resource Names"): `arn:partition:service:region:account:resource`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Why a text is not an ARN, an account id or a region.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseArnError {
    /// Not six colon-separated fields starting with `arn`.
    #[error("an ARN has the form arn:partition:service:region:account:resource")]
    Shape,
    /// An account id is exactly twelve decimal digits.
    #[error("an account id is twelve decimal digits")]
    Account,
    /// A region is 1 to 32 of `a-z`, `0-9`, `-`.
    #[error("a region is 1 to 32 characters of a-z, 0-9 and -")]
    Region,
    /// The ARN is well-formed but does not name a KMS key.
    #[error("the ARN does not name a KMS key (arn:aws:kms:region:account:key/id)")]
    NotAKey,
}

/// The AWS partition. Arqueta serves one: `aws`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Partition;

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("aws")
    }
}

macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0.as_ref().to_owned()
            }
        }
        impl TryFrom<String> for $name {
            type Error = <$name as FromStr>::Err;
            fn try_from(value: String) -> Result<Self, Self::Error> {
                value.parse()
            }
        }
    };
}
pub(crate) use text_newtype;

text_newtype!(
    /// A twelve-digit AWS account id.
    AccountId
);

impl FromStr for AccountId {
    type Err = ParseArnError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.into()))
        } else {
            Err(ParseArnError::Account)
        }
    }
}

impl AccountId {
    /// The account's other name in S3, 64 hexadecimal digits: owner ids, ACL grantees and
    /// `CanonicalUser` principals. A digest of the account id, so that it needs no record.
    #[must_use]
    pub fn canonical_user_id(&self) -> String {
        use sha2::Digest as _;
        hex::encode(sha2::Sha256::digest(format!("arqueta/canonical-user/{self}")))
    }
}

text_newtype!(
    /// A region name such as `us-east-1`.
    Region
);

impl FromStr for Region {
    type Err = ParseArnError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=32).contains(&text.len()) && text.bytes().all(fits) {
            Ok(Self(text.into()))
        } else {
            Err(ParseArnError::Region)
        }
    }
}

/// A parsed ARN. Region and account may be empty, as in `arn:aws:s3:::bucket`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Arn {
    text: Arc<str>,
    /// Byte offsets of the five colons that end the first five fields.
    colons: [u16; 5],
}

impl Arn {
    /// An ARN from its fields; `region` and `account` may be empty.
    #[must_use]
    pub fn new(service: &str, region: &str, account: &str, resource: &str) -> Self {
        format!("arn:aws:{service}:{region}:{account}:{resource}")
            .parse()
            .expect("five colons are written by the format string")
    }

    /// `arn:aws:s3:::bucket`, the encryption context of a bucket key.
    #[must_use]
    pub fn bucket(bucket: &crate::BucketName) -> Self {
        Self::new("s3", "", "", bucket.as_str())
    }

    /// `arn:aws:s3:::bucket/key`, the encryption context of an object's own data key.
    #[must_use]
    pub fn object(bucket: &crate::BucketName, key: &crate::ObjectKey) -> Self {
        Self::new("s3", "", "", &format!("{bucket}/{key}"))
    }

    /// The whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Third field: `s3`, `kms`, `iam`, `sts`.
    #[must_use]
    pub fn service(&self) -> &str {
        self.field(1, 2)
    }

    /// Fourth field, possibly empty.
    #[must_use]
    pub fn region(&self) -> &str {
        self.field(2, 3)
    }

    /// Fifth field, possibly empty.
    #[must_use]
    pub fn account(&self) -> &str {
        self.field(3, 4)
    }

    /// Everything after the fifth colon.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.text[usize::from(self.colons[4]) + 1..]
    }

    fn field(&self, from: usize, to: usize) -> &str {
        &self.text[usize::from(self.colons[from]) + 1..usize::from(self.colons[to])]
    }
}

impl FromStr for Arn {
    type Err = ParseArnError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut colons = [0u16; 5];
        let mut found = text.match_indices(':').map(|(at, _)| at);
        for colon in &mut colons {
            let at = found.next().ok_or(ParseArnError::Shape)?;
            *colon = u16::try_from(at).map_err(|_| ParseArnError::Shape)?;
        }
        if &text[..usize::from(colons[0])] != "arn" || text.len() == usize::from(colons[4]) + 1 {
            return Err(ParseArnError::Shape);
        }
        Ok(Self { text: text.into(), colons })
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.text)
    }
}

impl From<Arn> for String {
    fn from(arn: Arn) -> Self {
        arn.text.as_ref().to_owned()
    }
}

impl TryFrom<String> for Arn {
    type Error = ParseArnError;
    fn try_from(value: String) -> Result<Self, Self::Error> {
        value.parse()
    }
}

/// The ARN of a KMS key: `arn:aws:kms:region:account:key/key-id`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Arn", into = "Arn")]
pub struct KeyArn(Arn);

impl KeyArn {
    /// The ARN of key `id` of `account` in `region`. Key ids are 1 to 256 of `A-Za-z0-9-`
    /// (KMS API Reference, DescribeKey), which the key service checks.
    #[must_use]
    pub fn new(region: &Region, account: &AccountId, id: &str) -> Self {
        Self(Arn::new("kms", region.as_str(), account.as_str(), &format!("key/{id}")))
    }

    /// The part after `key/`.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.0.resource()["key/".len()..]
    }

    /// The account that owns the key.
    #[must_use]
    pub fn account(&self) -> &str {
        self.0.account()
    }

    /// The region the key lives in.
    #[must_use]
    pub fn region(&self) -> &str {
        self.0.region()
    }

    /// As a general ARN.
    #[must_use]
    pub fn as_arn(&self) -> &Arn {
        &self.0
    }

    /// The whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl TryFrom<Arn> for KeyArn {
    type Error = ParseArnError;
    fn try_from(arn: Arn) -> Result<Self, Self::Error> {
        let id = arn.resource().strip_prefix("key/");
        if arn.service() == "kms" && id.is_some_and(|id| !id.is_empty() && !id.contains('/')) {
            Ok(Self(arn))
        } else {
            Err(ParseArnError::NotAKey)
        }
    }
}

impl FromStr for KeyArn {
    type Err = ParseArnError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<Arn>()?.try_into()
    }
}

impl From<KeyArn> for Arn {
    fn from(arn: KeyArn) -> Self {
        arn.0
    }
}

impl fmt::Display for KeyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for KeyArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_key_arn() {
        let arn: KeyArn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd".parse().unwrap();
        assert_eq!((arn.region(), arn.account(), arn.key_id()), ("eu-west-1", "111122223333", "1234abcd"));
    }

    #[test]
    fn a_resource_may_contain_colons() {
        let arn: Arn = "arn:aws:s3:::bucket/a:b:c".parse().unwrap();
        assert_eq!((arn.service(), arn.region(), arn.account(), arn.resource()), ("s3", "", "", "bucket/a:b:c"));
    }

    #[test]
    fn malformed_texts_are_refused() {
        for text in ["", "arn", "arn:aws:s3::", "urn:aws:s3:::b", "arn:aws:s3:::"] {
            assert_eq!(text.parse::<Arn>(), Err(ParseArnError::Shape), "{text:?}");
        }
        for text in ["arn:aws:kms:r:1:alias/x", "arn:aws:s3:::key/x", "arn:aws:kms:r:1:key/", "arn:aws:kms:r:1:key/a/b"]
        {
            assert_eq!(text.parse::<KeyArn>(), Err(ParseArnError::NotAKey), "{text:?}");
        }
        for text in ["12345678901", "1234567890123", "12345678901a"] {
            assert!(text.parse::<AccountId>().is_err(), "{text:?}");
        }
    }
}
