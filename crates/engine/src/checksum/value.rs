//! Values of checksums and their texts.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Algorithm, ChecksumType};

/// A text that is not the Base64 form of a value of its algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a checksum value of its algorithm")]
pub struct InvalidValue;

/// One value of one algorithm. Not a secret: compared in the ordinary way.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Value {
    algorithm: Algorithm,
    /// The first `algorithm.value_len()` are the value, the rest zero.
    bytes: [u8; 64],
}

impl Value {
    /// A value from its bytes, most significant first.
    ///
    /// # Errors
    /// [`InvalidValue`] unless there are exactly [`Algorithm::value_len`] of them.
    pub fn new(algorithm: Algorithm, value: &[u8]) -> Result<Self, InvalidValue> {
        if value.len() != algorithm.value_len() {
            return Err(InvalidValue);
        }
        let mut bytes = [0; 64];
        bytes[..value.len()].copy_from_slice(value);
        Ok(Self { algorithm, bytes })
    }

    /// From the Base64 text of a header or trailer.
    ///
    /// # Errors
    /// [`InvalidValue`]: not padded standard Base64, or of another length.
    pub fn parse(algorithm: Algorithm, text: &str) -> Result<Self, InvalidValue> {
        Self::new(algorithm, &STANDARD.decode(text).map_err(|_| InvalidValue)?)
    }

    /// Its algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its bytes, most significant first.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.algorithm.value_len()]
    }

    /// The register of a CRC; zero-extended. Meaningless for hashes.
    pub(super) fn register(&self) -> u64 {
        self.as_bytes().iter().take(8).fold(0, |register, &byte| register << 8 | u64::from(byte))
    }

    pub(super) fn of_register(algorithm: Algorithm, register: u64) -> Self {
        let mut bytes = [0; 64];
        let len = algorithm.value_len().min(8);
        bytes[..len].copy_from_slice(&register.to_be_bytes()[8 - len..]);
        Self { algorithm, bytes }
    }
}

impl fmt::Display for Value {
    /// Padded standard Base64.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.as_bytes()))
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{self}", self.algorithm.name())
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.algorithm, serde_bytes::Bytes::new(self.as_bytes())).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (algorithm, bytes) = <(Algorithm, serde_bytes::ByteBuf)>::deserialize(deserializer)?;
        Self::new(algorithm, &bytes).map_err(D::Error::custom)
    }
}

/// The checksum that an object carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Checksum {
    /// Its value.
    pub value: Value,
    /// What it covers.
    pub kind: ChecksumType,
    /// Number of parts behind a composite one; zero for a full-object one, and for one part's own
    /// value in an object whose checksum is composite.
    pub parts: u16,
}

impl Checksum {
    /// The checksum of content that came in one piece.
    #[must_use]
    pub const fn full_object(value: Value) -> Self {
        Self { value, kind: ChecksumType::FullObject, parts: 0 }
    }

    /// Its algorithm, type and value, with colons between: `CRC32:COMPOSITE:y/Q5Jg==`.
    #[must_use]
    pub fn named(&self) -> String {
        format!("{}:{}:{}", self.value.algorithm().name(), self.kind.name(), self.value)
    }

    /// From [`Checksum::named`], of an object with so many parts.
    ///
    /// # Errors
    /// [`InvalidValue`].
    pub fn from_named(text: &str, parts: u16) -> Result<Self, InvalidValue> {
        let mut words = text.splitn(3, ':');
        let mut word = || words.next().ok_or(InvalidValue);
        let algorithm = Algorithm::from_name(word()?).ok_or(InvalidValue)?;
        let kind = ChecksumType::from_name(word()?).ok_or(InvalidValue)?;
        let parts = if kind == ChecksumType::Composite { parts } else { 0 };
        Ok(Self { value: Value::parse(algorithm, word()?)?, kind, parts })
    }

    /// Whether `text` states this checksum. A composite one may be stated with its `-<parts>` or,
    /// as some clients do, without.
    #[must_use]
    pub fn is_stated_by(&self, text: &str) -> bool {
        text == self.to_string() || (self.kind == ChecksumType::Composite && text == self.value.to_string())
    }
}

impl fmt::Display for Checksum {
    /// As S3 writes it: Base64, and `-<parts>` for a composite one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.kind, self.parts) {
            (ChecksumType::FullObject, _) | (ChecksumType::Composite, 0) => write!(f, "{}", self.value),
            (ChecksumType::Composite, parts) => write!(f, "{}-{parts}", self.value),
        }
    }
}

/// The 16 bytes of a `Content-MD5` header (RFC 1864).
///
/// # Errors
/// [`InvalidValue`]: not padded standard Base64 of 16 bytes.
pub fn parse_md5(text: &str) -> Result<[u8; 16], InvalidValue> {
    STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(InvalidValue)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn algorithm() -> impl Strategy<Value = Algorithm> {
        prop::sample::select(Algorithm::ALL.to_vec())
    }

    proptest! {
        #[test]
        fn named_checksums_round_trip(algorithm in algorithm(), bytes in prop::collection::vec(any::<u8>(), 64), parts in 0u16..9) {
            let value = Value::new(algorithm, &bytes[..algorithm.value_len()]).unwrap();
            for checksum in [Checksum::full_object(value), Checksum { value, kind: ChecksumType::Composite, parts }] {
                prop_assert_eq!(Checksum::from_named(&checksum.named(), parts), Ok(checksum));
            }
        }

        #[test]
        fn values_round_trip(algorithm in algorithm(), bytes in prop::collection::vec(any::<u8>(), 64)) {
            let value = Value::new(algorithm, &bytes[..algorithm.value_len()]).unwrap();
            prop_assert_eq!(Value::parse(algorithm, &value.to_string()), Ok(value));
            let stored = rmp_serde::to_vec_named(&value).unwrap();
            prop_assert_eq!(rmp_serde::from_slice::<Value>(&stored).unwrap(), value);
        }

        #[test]
        fn another_length_is_refused(algorithm in algorithm(), bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            prop_assume!(bytes.len() != algorithm.value_len());
            prop_assert_eq!(Value::parse(algorithm, &STANDARD.encode(&bytes)), Err(InvalidValue));
        }
    }

    #[test]
    fn texts_that_are_not_values() {
        for text in ["", "AAAA", "AAAAAA", "AAAAAA=", "AAAA AA==", "AAAAAA==-2", "____AA==", "AAAAAB=="] {
            assert_eq!(Value::parse(Algorithm::Crc32, text), Err(InvalidValue), "{text:?}");
        }
        assert!(Value::parse(Algorithm::Crc32, "AAAAAA==").is_ok());
        assert!(parse_md5("1B2M2Y8AsgTpgAmY7PhCfg==").is_ok());
        for text in ["", "1B2M2Y8AsgTpgAmY7PhCfg", "1B2M2Y8AsgTpgAmY7PhC", "d41d8cd98f00b204e9800998ecf8427e"] {
            assert_eq!(parse_md5(text), Err(InvalidValue), "{text:?}");
        }
    }

    #[test]
    fn a_composite_may_be_stated_without_its_suffix_but_not_with_another() {
        let value = Value::new(Algorithm::Sha1, &[7; 20]).unwrap();
        let composite = Checksum { value, kind: ChecksumType::Composite, parts: 3 };
        assert!(composite.is_stated_by(&format!("{value}-3")) && composite.is_stated_by(&value.to_string()));
        assert!(!composite.is_stated_by(&format!("{value}-2")));
        assert!(!Checksum::full_object(value).is_stated_by(&format!("{value}-1")));
    }
}
