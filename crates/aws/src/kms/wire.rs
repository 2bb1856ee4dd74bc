//! Answers as JSON: which member says what, without a second set of types.

use arqueta_keys::api::{Blob, KeyAlgorithms};
use arqueta_kms::{KeyManager, KeySpec, KeyState, KeyUsage};
use arqueta_model::{EncryptionContext, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

/// A value as a member of an answer.
pub(super) trait Wire {
    fn write<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error>;

    /// Whether its member is left out.
    fn is_absent(&self) -> bool {
        false
    }
}

/// A value, to be written.
pub(super) struct Json<'a, T: ?Sized>(pub(super) &'a T);

impl<T: Wire + ?Sized> Serialize for Json<'_, T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.write(to)
    }
}

macro_rules! as_it_is {
    ($($kind:ty),+) => {$(
        impl Wire for $kind {
            fn write<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                self.serialize(to)
            }
        }
    )+};
}
as_it_is!(bool, u16, str, &str, String, KeyManager, KeySpec, KeyState, KeyUsage);

impl<T: Wire> Wire for Option<T> {
    fn write<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.as_ref().map(Json).serialize(to)
    }

    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn write<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter().map(Json))
    }
}

/// Base64.
impl Wire for Blob {
    fn write<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&Zeroizing::new(STANDARD.encode(self.expose())))
    }
}

/// An object of texts.
impl Wire for EncryptionContext {
    fn write<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.pairs())
    }
}

/// A JSON number of seconds since the epoch, with milliseconds as its fraction.
impl Wire for Timestamp {
    fn write<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        // Exact for every instant of the next 200,000 years: milliseconds fit f64's 53 bits.
        to.serialize_f64(self.millis() as f64 / 1000.0)
    }
}

/// `answers! { Type { "Member": field, … } … }`. What several have is added by a function of
/// this module: `+ page(next_marker)`.
macro_rules! answers {
    ($($kind:ident { $($member:literal: $field:ident),+ $(,)? } $(+ $more:ident($of:ident))?)+) => {$(
        impl $crate::kms::wire::Wire for arqueta_keys::api::$kind {
            fn write<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                let mut members = to.serialize_map(None)?;
                $(if !$crate::kms::wire::Wire::is_absent(&self.$field) {
                    members.serialize_entry($member, &$crate::kms::wire::Json(&self.$field))?;
                })+
                $($crate::kms::wire::$more(&mut members, &self.$of)?;)?
                members.end()
            }
        }
    )+};
}
pub(super) use answers;

/// What a key can do, by its spec and usage; empty lists are left out.
pub(super) fn algorithms<M: SerializeMap>(members: &mut M, of: &KeyAlgorithms) -> Result<(), M::Error> {
    let KeyAlgorithms { encryption_algorithms, signing_algorithms, key_agreement_algorithms, mac_algorithms } = of;
    for (name, list) in [
        ("EncryptionAlgorithms", encryption_algorithms),
        ("SigningAlgorithms", signing_algorithms),
        ("KeyAgreementAlgorithms", key_agreement_algorithms),
        ("MacAlgorithms", mac_algorithms),
    ] {
        if !list.is_empty() {
            members.serialize_entry(name, list)?;
        }
    }
    Ok(())
}

/// Where a listing goes on, if it does.
pub(super) fn page<M: SerializeMap>(members: &mut M, next: &Option<String>) -> Result<(), M::Error> {
    if let Some(name) = next {
        members.serialize_entry("NextMarker", &super::limits::marker_behind(name))?;
    }
    members.serialize_entry("Truncated", &next.is_some())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_seconds_with_a_fraction() {
        let at = Timestamp::from_millis(1_767_225_600_250);
        assert_eq!(serde_json::to_string(&Json(&at)).unwrap(), "1767225600.25");
    }
}
