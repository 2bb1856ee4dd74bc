//! Parameters that several operations have.

use arqueta_keys::api::Blob;
use arqueta_kms::{EncryptionAlgorithm, Error};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::limits;

/// Longest plaintext and message, bytes.
pub(super) const MAX_PLAINTEXT: usize = 4096;
/// Longest ciphertext and signature, bytes.
pub(super) const MAX_CIPHERTEXT: usize = 6144;
/// Longest description of a key, characters.
pub(super) const MAX_DESCRIPTION: usize = 8192;
/// Longest policy, characters (KMS API Reference, "PutKeyPolicy").
pub(super) const MAX_POLICY: usize = 131_072;
/// What a request that names no algorithm means.
pub(super) const SYMMETRIC: &str = EncryptionAlgorithm::SYMMETRIC_DEFAULT.name();

/// Bytes as base64 (RFC 4648, section 4, with padding). Wiped on drop.
#[derive(Debug, Default)]
pub(super) struct Base64(Blob);

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let bytes = STANDARD.decode(text.as_bytes()).map_err(|_| serde::de::Error::custom("not base64"))?;
        Ok(Self(Blob::new(bytes)))
    }
}

impl Base64 {
    /// The bytes, at least one and up to `most`.
    pub(super) fn within(self, member: &str, most: usize) -> Result<Blob, Error> {
        let bound = |words: &str, bound: usize| {
            Err(limits::constraint_unseen(member, &format!("Member must have length {words} than or equal to {bound}")))
        };
        match self.0.len() {
            0 => bound("greater", 1),
            length if length > most => bound("less", most),
            _ => Ok(self.0),
        }
    }

    /// The bytes, however many.
    pub(super) fn any(self) -> Blob {
        self.0
    }
}

/// Of Nitro enclaves, which there are none of here.
pub(super) fn no_recipient<T>(recipient: Option<&T>) -> Result<(), Error> {
    if recipient.is_some() { Err(limits::unsupported("Recipient")) } else { Ok(()) }
}

/// `EncryptionAlgorithm` and its like.
pub(super) fn algorithm(name: Option<&str>, member: &str) -> Result<Option<EncryptionAlgorithm>, Error> {
    let named = |name| limits::named(name, member, EncryptionAlgorithm::NAMES, EncryptionAlgorithm::named);
    name.map(named).transpose()
}

/// `Limit` of a listing, up to `most`.
pub(super) fn limit(limit: Option<i64>, most: i64) -> Result<Option<usize>, Error> {
    limit.map(|limit| limits::range(limit, "limit", 1, most)).transpose()
}

/// `Marker` of a listing: what the page before ended with.
pub(super) fn marker(marker: Option<&str>) -> Result<Option<String>, Error> {
    marker.map(limits::marker).transpose()
}

/// A number of days within `min..=max`.
pub(super) fn days(days: Option<i64>, member: &str, min: i64, max: i64) -> Result<Option<u16>, Error> {
    let checked = days.map(|days| limits::range(days, member, min, max)).transpose()?;
    Ok(checked.map(|days| u16::try_from(days).expect("limits of the API are a few years")))
}

/// Requests that name one key and say no more: `EnableKey => EnableKeyRequest, …`.
macro_rules! of_one_key {
    ($($name:ident => $request:ident),+ $(,)?) => {$(
        #[derive(Default, serde::Deserialize)]
        #[serde(rename_all = "PascalCase", default)]
        pub(in crate::kms) struct $name {
            key_id: String,
        }

        impl $crate::kms::shape::Shape for $name {
            type Request = arqueta_keys::api::$request;

            fn decode(self, told: &mut $crate::kms::shape::Told) -> Result<Self::Request, arqueta_kms::Error> {
                told.with("keyId", self.key_id.as_str());
                Ok(Self::Request { key_id: self.key_id })
            }
        }
    )+};
}
pub(super) use of_one_key;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn other_alphabets_and_missing_padding_are_refused() {
        assert_eq!(serde_json::from_str::<Base64>("\"c2VjcmV0\"").unwrap().any().expose(), b"secret");
        for text in ["\"c2VjcmV0_-\"", "\"YQ\"", "\"a\"", "7"] {
            assert!(serde_json::from_str::<Base64>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_are_at_least_one_and_not_too_many() {
        let bytes = |count| Base64(Blob::new(vec![7; count]));
        assert_eq!(bytes(4).within("message", 4).unwrap().len(), 4);
        assert!(bytes(5).within("message", 4).unwrap_err().to_string().contains("'message'"));
        assert!(bytes(0).within("message", 4).is_err());
    }
}
