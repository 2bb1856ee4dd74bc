//! What the service keeps in the metadata store, under the prefix `kms/`.
//!
//! | key | value |
//! | --- | --- |
//! | `kms/restored` | nothing: the key service came from an exported file, and no gateway has started over it yet |
//! | `kms/root` | an empty message sealed under the root key: tells whether it is the right one |
//! | `kms/k/<account>/<key id>` | [`KeyRecord`], with its sealed material |
//! | `kms/a/<account>/<alias name>` | [`AliasRecord`] |
//! | `kms/g/<account>/<key id>/<grant id>` | [`GrantRecord`] |
//! | `kms/i/<account>/<key id>/<id>` | [`WrappingRecord`], until it expires |
//! | `kms/u/<account>/<key id>` | [`LastUse`] of a key, at most a minute old |
//! | `kms/s/<account>/<store id>` | [`StoreRecord`], with its sealed password |
//! | `kms/o/<region>/<account>/<key id>` | [`ErrandRecord`]: what another Region has yet to hear |
//! | `kms/t/<account>/<key id>` | [`Edition`] at which a multi-Region key was destroyed here |
//!
//! Values are a format version byte, then MessagePack with named members.

mod alias;
mod codec;
mod grant;
mod key;
mod names;
mod regions;
mod store;
mod wrapping;

pub(crate) use alias::{AliasRecord, LastUse};
pub(crate) use codec::{decode, encode};
pub(crate) use grant::GrantRecord;
pub(crate) use key::{Cause, Held, Imported, KeyRecord, Lifecycle, Origin, Rotation, VersionRecord, days, differ};
pub(crate) use names::{
    ALIASES, AWS_S3, ERRANDS, GRANTS, KEYS, RESTORED, ROOT, STORES, TOMBS, USES, WRAPPINGS, use_key, wrapping_key,
};
pub(crate) use regions::{Creation, Edition, Errand, ErrandRecord, MultiRegion, TombRecord};
pub(crate) use store::{Connection, ConnectionError, StoreRecord};
pub use wrapping::WrappingAlgorithm;
pub(crate) use wrapping::WrappingRecord;
