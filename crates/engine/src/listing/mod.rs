//! Listings: pages of objects, versions and multipart uploads.
//!
//! A page is read in chunks and jumps over what a common prefix stands for. Order is that of the
//! keys' UTF-8 bytes. Damaged records are left out: a client that compares listings writes them again.

mod brief;
mod cursor;
mod group;
mod objects;
mod place;
mod token;
mod uploads;
mod versions;
mod walk;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod model_tests;

use arqueta_model::ObjectKey;
use bytes::Bytes;

pub(crate) use brief::Brief;
pub use token::{continuation_token, continue_after};

use crate::api::{ListMultipartUploads, ListObjectVersions, ListObjects, ListedObjects, ListedUploads, ListedVersions};
use crate::record::{ObjectRecord, Record as _};
use crate::state::State;
use crate::{Error, name_of};

/// Most entries of a page, whatever the request says.
const MOST: usize = 1000;

/// Pages of what a bucket holds.
#[derive(Debug, Clone, Copy)]
pub struct Listing<'a> {
    state: &'a State,
}

impl<'a> Listing<'a> {
    pub(crate) fn over(state: &'a State) -> Self {
        Self { state }
    }
}

impl Listing<'_> {
    /// ListObjects and ListObjectsV2.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`].
    pub async fn objects(self, mut input: ListObjects) -> Result<ListedObjects, Error> {
        self.state.bucket(&input.bucket).await?;
        input.limit = input.limit.min(MOST);
        objects::page(&*self.state.meta, &input, objects::BUDGET).await
    }

    /// ListObjectVersions.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`]; [`Error::InvalidArgument`] for a version marker without a key marker.
    pub async fn versions(self, mut input: ListObjectVersions) -> Result<ListedVersions, Error> {
        self.state.bucket(&input.bucket).await?;
        if input.version_marker.is_some() && input.key_marker.is_none() {
            return Err(Error::argument("A version-id marker cannot be specified without a key marker."));
        }
        input.limit = input.limit.min(MOST);
        versions::page(&*self.state.meta, &input).await
    }

    /// ListMultipartUploads. An upload marker without a key marker is ignored, as in S3.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`].
    pub async fn uploads(self, mut input: ListMultipartUploads) -> Result<ListedUploads, Error> {
        self.state.bucket(&input.bucket).await?;
        input.limit = input.limit.min(MOST);
        uploads::page(&*self.state.meta, &input).await
    }
}

/// The record of an entry, decoded; `None` for a damaged one, which every listing leaves out: the
/// store has told of what it could not read. A record of a later format is no damage.
fn whole<T>(
    key: &[u8],
    record: Option<&Bytes>,
    decode: impl FnOnce(&[u8]) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    match record.map(|record| decode(record)).transpose() {
        Err(error @ Error::Damaged { .. }) => {
            tracing::error!(record = %name_of(key), %error, "a record is left out of a listing");
            Ok(None)
        }
        decoded => decoded,
    }
}

fn text(stored: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(stored).map_err(|_| Error::Damaged { what: ObjectRecord::NAME })
}

fn object_key(text: &str) -> Result<ObjectKey, Error> {
    text.parse().map_err(|_| Error::Damaged { what: ObjectRecord::NAME })
}
