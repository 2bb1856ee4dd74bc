//! CopyObject: from any mode to any other, through memory in pieces and never in the clear on disk.

use std::ops::Range;

use super::put::Description;
use super::read::{Purpose, Reading};
use super::{Locks, Objects};
use crate::api::{
    ChecksumRequest, ContentHeaders, CopiedObject, CopyObject, CopySource, MetadataDirective, ObjectStream,
    RequestedMode, TagDirective, UserMetadata,
};
use crate::ingest::Intake;
use crate::notifications::Happening;
use crate::space::expect;
use crate::versions::check_write;
use crate::{Caller, Error, schema};

/// Times a copy starts over because its source was replaced under it.
const RESTARTS: usize = 4;

impl Objects<'_> {
    /// Copies an object. Tags, headers and metadata come along unless replaced; protection, locks
    /// and the website redirect never do.
    ///
    /// # Errors
    /// As [`Objects::get`] for the source and [`Objects::put`] for the destination;
    /// [`Error::InvalidRequest`] for a copy onto itself that changes nothing and for a source
    /// larger than one put may be.
    pub async fn copy(self, caller: &Caller, input: CopyObject) -> Result<CopiedObject, Error> {
        let bucket = self.state.bucket(&input.bucket).await?;
        let retention = Locks::over(self.state).retention_for(&bucket, input.retention, input.legal_hold)?;
        if !input.conditions.is_empty() {
            check_write(&input.conditions, &self.state.slot(schema::current(&input.bucket, &input.key)).await?)?;
        }
        let (source, _, body) = self
            .open_source(caller, &input.source, |source| {
                if source.manifest.size() > self.state.config.put_limit {
                    return Err(Error::request(format!(
                        "The specified copy source is larger than the maximum allowable size for a copy source: {}",
                        self.state.config.put_limit
                    )));
                }
                // Sealed anew it is another object: under the bucket's rule, or under new keys.
                let sealed_anew = bucket.encryption.is_some() || !is_plainly_kept(source);
                match changes_nothing(&input) && !sealed_anew {
                    true => Err(Error::request(ONTO_ITSELF)),
                    false => Ok(0..source.manifest.size()),
                }
            })
            .await?;
        expect(self.state, &bucket, &input.key, source.manifest.size()).await?;
        let booking = self.state.admit(caller, Some(source.manifest.size()))?;
        let protection = self.state.protection(&bucket, &input.encryption)?;
        let mut draft = self.draft(caller, &input.bucket, &input.key, protection.as_ref()).await?;
        draft.tags = match input.tags {
            TagDirective::Copy => source.content().tags.clone(),
            TagDirective::Replace(tags) => tags,
        };
        draft.retention = retention;
        draft.legal_hold = input.legal_hold;
        draft.storage_class = input.storage_class.unwrap_or_default();
        let known_md5 = (draft.etag_is_md5() && has_md5_etag(&source)).then(|| source.manifest.etag.clone());
        let algorithm = input.checksum.or_else(|| Some(source.manifest.checksums.first()?.value.algorithm()));
        let intake = Intake {
            cipher: draft.cipher.clone(),
            size: Some(source.manifest.size()),
            md5: None,
            md5_wanted: draft.etag_is_md5() && known_md5.is_none(),
            checksum: algorithm.map_or(ChecksumRequest::Default, ChecksumRequest::Compute),
            beside: None,
            booking,
        };
        let stowed = self.state.take_in(body, intake).await?;
        let (mut headers, metadata) = described(input.metadata, &source)?;
        headers.website_redirect = input.website_redirect;
        let described = Description { headers, metadata, etag: known_md5, happening: Happening::Copy };
        let object = self.publish(&bucket, &input.key, &input.conditions, draft, described, stowed).await?;
        Ok(CopiedObject { object, source_version: source.stored.record.version })
    }

    /// Opens the source of a copy: as much of it as `wanted` says once it has seen it.
    pub(crate) async fn open_source(
        self,
        caller: &Caller,
        source: &CopySource,
        wanted: impl Fn(&Reading) -> Result<Range<u64>, Error> + Send + Sync,
    ) -> Result<(Reading, Range<u64>, ObjectStream), Error> {
        for _ in 0..RESTARTS {
            let reading = self.find(&source.name, &source.conditions, Purpose::Source).await?;
            let bytes = wanted(&reading)?;
            let cipher = self.unlock(caller, &source.name, &reading, source.customer_key.as_deref()).await?;
            if let Some(body) = self.read(&reading, cipher, bytes.clone()).await? {
                return Ok((reading, bytes, body));
            }
        }
        Err(arqueta_store::Error::Conflict.into())
    }
}

const ONTO_ITSELF: &str = "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.";

fn changes_nothing(input: &CopyObject) -> bool {
    let source = &input.source.name;
    source.bucket == input.bucket
        && source.key == input.key
        && source.version.is_none()
        && matches!(input.metadata, MetadataDirective::Copy)
        && matches!(input.tags, TagDirective::Copy)
        && matches!(input.encryption.mode, RequestedMode::Default)
        && input.encryption.bucket_key.is_none()
        && input.storage_class.is_none()
        && input.website_redirect.is_none()
        && input.checksum.is_none()
}

/// Whether an object has no other protection than the one that every object has.
fn is_plainly_kept(source: &Reading) -> bool {
    source.content().keys.as_ref().is_none_or(|keys| keys.mode() == crate::SseMode::S3)
}

/// Whether a source's entity tag is the MD5 of its content: it is authenticated with the content,
/// so the copy need not compute it again.
fn has_md5_etag(source: &Reading) -> bool {
    is_plainly_kept(source) && !source.manifest.multipart
}

fn described(directive: MetadataDirective, source: &Reading) -> Result<(ContentHeaders, UserMetadata), Error> {
    match directive {
        MetadataDirective::Copy => Ok((source.manifest.headers.clone(), source.manifest.metadata.clone())),
        MetadataDirective::Replace(_, metadata) if metadata.size() > UserMetadata::MAX_BYTES => {
            Err(Error::MetadataTooLarge)
        }
        MetadataDirective::Replace(headers, metadata) => Ok((headers, metadata)),
    }
}
