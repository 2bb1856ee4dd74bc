//! Wire forms of bytes and time in the AWS JSON 1.1 protocol.

use std::fmt;

use arqueta_kms::Algorithms;
use arqueta_model::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// Bytes that travel as base64: a plaintext or a ciphertext. Wiped on drop, `Debug` prints the
/// length only.
#[derive(Default, PartialEq, Eq)]
pub struct Blob(Zeroizing<Vec<u8>>);

impl Blob {
    /// Takes bytes over.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Zeroizing<Vec<u8>>> for Blob {
    fn from(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.0.len())
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(STANDARD.encode(&*self.0)))
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        STANDARD.decode(text.as_bytes()).map(Self::new).map_err(|_| serde::de::Error::custom("not base64"))
    }
}

/// An instant as a JSON number of seconds since the epoch, with milliseconds as its fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EpochSeconds(pub Timestamp);

impl Serialize for EpochSeconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Exact for every instant of the next 200,000 years: milliseconds fit f64's 53 bits.
        serializer.serialize_f64(self.0.millis() as f64 / 1000.0)
    }
}

impl<'de> Deserialize<'de> for EpochSeconds {
    /// From a number of seconds within the years 0 to 9999, to the millisecond.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const YEARS_0_TO_9999: std::ops::RangeInclusive<f64> = -62_167_219_200.0..=253_402_300_799.0;
        let seconds = f64::deserialize(deserializer)?;
        if !YEARS_0_TO_9999.contains(&seconds) {
            return Err(serde::de::Error::custom("not a time"));
        }
        // Far within i64 by the check above.
        let millis = (seconds * 1000.0).round() as i64;
        Ok(Self(Timestamp::from_millis(millis)))
    }
}

/// What a key can do, by its spec and usage; empty lists are left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyAlgorithms {
    /// Of keys for `ENCRYPT_DECRYPT`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub encryption_algorithms: Vec<&'static str>,
    /// Of keys for `SIGN_VERIFY`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub signing_algorithms: Vec<&'static str>,
    /// Of keys for `KEY_AGREEMENT`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub key_agreement_algorithms: Vec<&'static str>,
    /// Of keys for `GENERATE_VERIFY_MAC`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mac_algorithms: Vec<&'static str>,
}

impl From<Algorithms> for KeyAlgorithms {
    fn from(algorithms: Algorithms) -> Self {
        Self {
            encryption_algorithms: algorithms.encryption.iter().map(|algorithm| algorithm.name()).collect(),
            signing_algorithms: algorithms.signing.iter().map(|algorithm| algorithm.name()).collect(),
            key_agreement_algorithms: algorithms.agreement.iter().map(|algorithm| algorithm.name()).collect(),
            mac_algorithms: algorithms.mac.iter().map(|algorithm| algorithm.name()).collect(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_base64_and_its_debug_form_shows_no_byte() {
        let blob = Blob::new(b"secret".to_vec());
        assert_eq!(serde_json::to_string(&blob).unwrap(), "\"c2VjcmV0\"");
        assert_eq!(serde_json::from_str::<Blob>("\"c2VjcmV0\"").unwrap(), blob);
        assert_eq!(format!("{blob:?}"), "Blob(6 bytes)");
    }

    #[test]
    fn other_alphabets_and_missing_padding_are_refused() {
        for text in ["\"c2VjcmV0_-\"", "\"YQ\"", "\"a\"", "7"] {
            assert!(serde_json::from_str::<Blob>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_instant_is_seconds_with_a_fraction() {
        let at = EpochSeconds(Timestamp::from_millis(1_767_225_600_250));
        assert_eq!(serde_json::to_string(&at).unwrap(), "1767225600.25");
        assert_eq!(serde_json::from_str::<EpochSeconds>("1767225600.25").unwrap(), at);
        assert_eq!(serde_json::from_str::<EpochSeconds>("0").unwrap(), EpochSeconds(Timestamp::from_millis(0)));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["1e300", "-1e12", "253402300800", "\"2026-01-01T00:00:00Z\"", "null", "true"] {
            assert!(serde_json::from_str::<EpochSeconds>(text).is_err(), "{text}");
        }
    }
}
