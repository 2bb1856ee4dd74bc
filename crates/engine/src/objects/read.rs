//! Reading: find the version, hold the conditions against it, open the keys, verify the manifest,
//! then let bytes out.

use std::ops::Range;
use std::sync::Arc;

use arqueta_envelope::{CustomerKey, ObjectCipher, SseMode};

use super::{Objects, range};
use crate::api::{
    ByteRange, Conditions, EncryptionInfo, GetObject, GotObject, ObjectInfo, ObjectName, ObjectStream, Sighting, Tags,
};
use crate::checksum::Checksum;
use crate::content::Unreadable;
use crate::record::{Content, Manifest};
use crate::slots::Stored;
use crate::versions::{Versions, subject};
use crate::{Caller, Error, conditions};

/// Times a read starts over because the version it found was replaced under it.
const RESTARTS: usize = 4;

/// What a read is for: it decides how failures are told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// An answer to a reader.
    Answer,
    /// The source of a copy.
    Source,
    /// A change, or the tags, of the version itself: what a delete marker has none of, whether the name
    /// says its version or means it (S3 API Reference, PutObjectTagging).
    Itself,
}

/// A version that was found and may be read under the request's conditions. Nothing of its content
/// is authenticated yet.
pub(crate) struct Reading {
    pub stored: Stored,
    pub manifest: Manifest,
}

impl Reading {
    pub fn content(&self) -> &Content {
        self.stored.record.content.as_ref().expect("`find` gives out no delete marker")
    }
}

impl Objects<'_> {
    /// Reads an object, or a range of it.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`], [`Error::NoSuchVersion`], [`Error::MethodNotAllowed`] for a delete
    /// marker named by its version, [`Error::NotModified`], [`Error::PreconditionFailed`],
    /// [`Error::Changed`], [`Error::InvalidRange`], [`Error::CustomerKey`], [`Error::Encryption`],
    /// [`Error::Integrity`] when already the manifest or the first body is not authentic.
    pub async fn get(self, caller: &Caller, input: GetObject) -> Result<GotObject, Error> {
        for _ in 0..RESTARTS {
            let reading = self.find(&input.name, &input.conditions, Purpose::Answer).await?;
            let asked = asked(&input, &reading);
            let bytes = range::resolve(asked, &reading.manifest)?;
            let cipher = self.unlock(caller, &input.name, &reading, input.customer_key.as_deref()).await?;
            if let Some(body) = self.read(&reading, cipher, bytes.clone()).await? {
                let info = info(reading, asked, bytes);
                return Ok(GotObject { info, body });
            }
        }
        Err(arqueta_store::Error::Conflict.into())
    }

    /// What is known of an object, without its content. Only SSE-C needs a key for that.
    ///
    /// # Errors
    /// As [`Objects::get`], less what only content can do wrong.
    pub async fn head(self, caller: &Caller, input: GetObject) -> Result<ObjectInfo, Error> {
        let reading = self.find(&input.name, &input.conditions, Purpose::Answer).await?;
        let asked = asked(&input, &reading);
        let bytes = range::resolve(asked, &reading.manifest)?;
        self.unlock_customer(caller, &input.name, &reading, input.customer_key.as_deref()).await?;
        Ok(info(reading, asked, bytes))
    }

    /// The tags of what a name means, and what it is that has them; none of a delete marker and of nothing.
    ///
    /// # Errors
    /// Failures of the store, and records that cannot be read.
    pub async fn sight(self, name: &ObjectName) -> Result<(Tags, Sighting), Error> {
        let Some(Stored { bytes, record, .. }) = self.named(name).await? else {
            return Ok((Tags::default(), Sighting::of(None)));
        };
        Ok((record.content.map(|content| content.tags).unwrap_or_default(), Sighting::of(Some(bytes))))
    }

    /// The version that a name means, or the delete marker.
    async fn named(self, name: &ObjectName) -> Result<Option<Stored>, Error> {
        match name.version {
            None => Versions::over(self.state).current(&name.bucket, &name.key).await,
            Some(version) => Versions::over(self.state).version(&name.bucket, &name.key, version).await,
        }
    }

    /// Finds the version that a name means.
    pub(crate) async fn find(self, name: &ObjectName, held: &Conditions, purpose: Purpose) -> Result<Reading, Error> {
        let found = self.named(name).await?;
        if held.seen.as_ref().is_some_and(|seen| !seen.is(found.as_ref().map(|found| &found.bytes))) {
            return Err(Error::Changed);
        }
        let Some(stored) = found else {
            self.state.require_bucket(&name.bucket).await?;
            return Err(match name.version {
                None => Error::NoSuchKey { delete_marker: None },
                Some(_) => Error::NoSuchVersion,
            });
        };
        let Some(content) = &stored.record.content else {
            let marker = stored.record.version;
            return Err(match (name.version, purpose) {
                (None, Purpose::Answer | Purpose::Source) => Error::NoSuchKey { delete_marker: Some(marker) },
                (Some(_), Purpose::Answer) | (_, Purpose::Itself) => {
                    Error::MethodNotAllowed { delete_marker: marker, last_modified: stored.record.last_modified }
                }
                (Some(_), Purpose::Source) => Error::request(
                    "The source of a copy request may not specifically refer to a delete marker by version id.",
                ),
            });
        };
        let manifest = content.manifest()?;
        let subject = subject(&stored.record, &manifest);
        match purpose {
            Purpose::Answer | Purpose::Itself => conditions::of_read(held, subject, self.state.clock.now())?,
            Purpose::Source => conditions::of_source(held, subject, self.state.clock.now())?,
        }
        Ok(Reading { stored, manifest })
    }

    /// Opens the keys of an object and verifies its manifest; `None` for an unencrypted one.
    pub(crate) async fn unlock(
        self,
        caller: &Caller,
        name: &ObjectName,
        reading: &Reading,
        customer: Option<&CustomerKey>,
    ) -> Result<Option<Arc<ObjectCipher>>, Error> {
        let content = reading.content();
        let Some(keys) = &content.keys else {
            return if customer.is_some() { Err(NOT_APPLICABLE) } else { Ok(None) };
        };
        match (keys.mode(), customer) {
            (SseMode::Customer, None) => return Err(CUSTOMER_KEY_MISSING),
            (SseMode::Customer, Some(_)) | (_, None) => {}
            (_, Some(_)) => return Err(NOT_APPLICABLE),
        }
        let cipher = self.state.envelope.open(caller, &name.bucket, &name.key, content.id, keys, customer).await?;
        let tag = content.tag.as_ref().and_then(|tag| tag.as_slice().try_into().ok()).ok_or(Error::Integrity)?;
        cipher.verify_manifest(&content.manifest, tag).map_err(|_| Error::Integrity)?;
        Ok(Some(cipher))
    }

    /// Like [`Objects::unlock`] where only a customer's key must be checked.
    pub(crate) async fn unlock_customer(
        self,
        caller: &Caller,
        name: &ObjectName,
        reading: &Reading,
        customer: Option<&CustomerKey>,
    ) -> Result<(), Error> {
        let is_customers = reading.content().keys.as_ref().is_some_and(|keys| keys.mode() == SseMode::Customer);
        if is_customers || customer.is_some() {
            self.unlock(caller, name, reading, customer).await?;
        }
        Ok(())
    }

    /// The bytes of a verified version; `None` if it was replaced and its bodies are gone.
    pub(crate) async fn read(
        self,
        reading: &Reading,
        cipher: Option<Arc<ObjectCipher>>,
        bytes: Range<u64>,
    ) -> Result<Option<ObjectStream>, Error> {
        match self.state.content(&reading.stored.key, reading.content(), &reading.manifest, cipher, bytes).await {
            // Of several bodies the later ones may have gone before they were held.
            Ok(body) if reading.content().places.len() == 1 => Ok(Some(body)),
            Ok(body) => {
                let now = self.state.meta.get(&reading.stored.key).await?;
                Ok((now.as_ref() == Some(&reading.stored.bytes)).then_some(body))
            }
            Err(Unreadable::Failed(error)) => Err(error),
            Err(Unreadable::Gone) => {
                let now = self.state.meta.get(&reading.stored.key).await?;
                if now.as_ref() == Some(&reading.stored.bytes) {
                    Err(Error::Damaged { what: "body" })
                } else {
                    Ok(None)
                }
            }
        }
    }
}

/// The range that counts: none if the object is no longer the one that a part is wanted of, so that
/// who resumes a download never joins two objects.
fn asked(input: &GetObject, reading: &Reading) -> Option<ByteRange> {
    let subject = subject(&reading.stored.record, &reading.manifest);
    match input.range {
        Some(range @ ByteRange::Part(_)) => Some(range),
        range => range.filter(|_| conditions::permits_part(input.if_range.as_ref(), subject)),
    }
}

const CUSTOMER_KEY_MISSING: Error = Error::CustomerKey {
    message: "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.",
};

const NOT_APPLICABLE: Error =
    Error::CustomerKey { message: "The encryption parameters are not applicable to this object." };

/// What is told of a version.
pub(crate) fn info(reading: Reading, asked: Option<ByteRange>, bytes: Range<u64>) -> ObjectInfo {
    let content = reading.content();
    let tags = content.tags.len();
    let (retention, legal_hold, storage_class) = (content.retention, content.legal_hold, content.storage_class);
    let encryption = content.keys.as_ref().map(EncryptionInfo::of);
    let Reading { stored: Stored { record, .. }, manifest } = reading;
    let size = manifest.size();
    let parts = manifest.multipart.then(|| u16::try_from(manifest.parts.len()).unwrap_or(u16::MAX));
    let checksum = match asked {
        Some(ByteRange::Part(number)) if manifest.multipart => {
            let part = manifest.parts.iter().find(|part| part.number == number);
            // A part's own value, under the type of its object's checksum: so AWS tells a client
            // that the value is one that the object's was made from.
            part.and_then(|part| part.checksums.first()).map(|own| {
                let kind = manifest.checksums.first().map_or(own.kind, |whole| whole.kind);
                Checksum { kind, parts: 0, ..*own }
            })
        }
        _ => manifest.checksums.first().copied(),
    };
    ObjectInfo {
        version: record.version,
        size,
        range: asked.map(|_| bytes),
        last_modified: record.last_modified,
        owner: record.owner,
        checksum,
        encryption,
        parts,
        tags,
        retention,
        legal_hold,
        storage_class,
        replication: record.replication,
        etag: manifest.etag,
        headers: manifest.headers,
        metadata: manifest.metadata,
    }
}
