//! Answers as JSON: which member says what, without a second set of types.

use arqueta_kms::KeyState;
use arqueta_model::Timestamp;
use serde::{Serialize, Serializer};

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
as_it_is!(bool, u16, str, &str, String, KeyState);

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

/// A JSON number of seconds since the epoch, with milliseconds as its fraction.
impl Wire for Timestamp {
    fn write<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        // Exact for every instant of the next 200,000 years: milliseconds fit f64's 53 bits.
        to.serialize_f64(self.millis() as f64 / 1000.0)
    }
}

/// `answers! { Type { "Member": field, … } … }`. Of listings, `+ page` adds `NextMarker` and `Truncated`.
macro_rules! answers {
    ($($kind:ident { $($member:literal: $field:ident),+ $(,)? } $(+ $page:ident)?)+) => {$(
        impl $crate::kms::wire::Wire for arqueta_keys::api::$kind {
            fn write<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap as _;
                let mut members = to.serialize_map(None)?;
                $(if !$crate::kms::wire::Wire::is_absent(&self.$field) {
                    members.serialize_entry($member, &$crate::kms::wire::Json(&self.$field))?;
                })+
                $($crate::kms::wire::$page(&mut members, self.next_marker.as_deref())?;)?
                members.end()
            }
        }
    )+};
}
pub(super) use answers;

/// Where a listing goes on, if it does.
pub(super) fn page<M: serde::ser::SerializeMap>(members: &mut M, next: Option<&str>) -> Result<(), M::Error> {
    if let Some(name) = next {
        members.serialize_entry("NextMarker", &arqueta_keys::limits::marker_behind(name))?;
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
