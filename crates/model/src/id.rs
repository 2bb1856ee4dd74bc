//! Random identifiers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::random;

/// A text that is not the lower-case hex of an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier of this kind")]
pub struct ParseIdError;

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    random::fill(&mut bytes);
    bytes
}

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name([u8; $len]);

        impl $name {
            /// A fresh one.
            #[must_use]
            pub fn random() -> Self {
                Self(random())
            }
            /// From its bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }
            /// Its bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = [0u8; $len * 2];
                hex::encode_to_slice(self.0, &mut text).map_err(|_| fmt::Error)?;
                f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let mut bytes = [0; $len];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| ParseIdError)?;
                // One spelling only, so that an id compares equal exactly when its text does.
                if text.bytes().any(|b| b.is_ascii_uppercase()) {
                    return Err(ParseIdError);
                }
                Ok(Self(bytes))
            }
        }
    };
}

random_id!(
    /// 128 random bits that name an object's content for ever: chosen when its upload starts,
    /// bound into every sealed byte, never reused.
    ObjectId,
    16
);
random_id!(
    /// Names one part's stream within an object (bound into its AAD). Random, so that a part
    /// uploaded again under the same number is another stream.
    PartId,
    16
);
random_id!(
    /// Names one blob of the blob store.
    BlobId,
    16
);
random_id!(
    /// Names a wrapped bucket key in its bucket's metadata.
    BucketKeyId,
    16
);
random_id!(
    /// Names a multipart upload.
    UploadId,
    16
);
random_id!(
    /// Names one request in answers, logs and the record.
    RequestId,
    8
);

/// An object version: the literal `null`, or 128 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum VersionId {
    /// The version of objects written while versioning is off or suspended.
    Null,
    /// A version of a versioned bucket.
    Id([u8; 16]),
}

impl VersionId {
    /// A fresh version id.
    #[must_use]
    pub fn random() -> Self {
        Self::Id(random())
    }

    /// Whether this is the `null` version.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Id(bytes) => write!(f, "{}", ObjectId(*bytes)),
        }
    }
}

impl fmt::Debug for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VersionId({self})")
    }
}

impl FromStr for VersionId {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "null" { Ok(Self::Null) } else { Ok(Self::Id(*text.parse::<ObjectId>()?.as_bytes())) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::random::repeatable;

    #[test]
    fn ids_round_trip_through_text() {
        let id = UploadId::random();
        assert_eq!(id.to_string().parse::<UploadId>().unwrap(), id);
        for version in [VersionId::Null, VersionId::random()] {
            assert_eq!(version.to_string().parse::<VersionId>().unwrap(), version);
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in ["", "NULL", "zz", &"AB".repeat(16), &"ab".repeat(15)] {
            assert!(text.parse::<VersionId>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn identifiers_repeat_where_that_was_asked_for() {
        let draw = || (BlobId::random(), RequestId::random());
        repeatable::seed(Some(7));
        let (first, second) = (draw(), draw());
        repeatable::seed(Some(7));
        assert_eq!((draw(), draw()), (first, second));
        assert_ne!(first, second);
        repeatable::seed(None);
        assert_ne!(draw(), first);
    }
}
