//! Parameters that several operations have.

use arqueta_keys::limits;
use arqueta_kms::Error;

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
