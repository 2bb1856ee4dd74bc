//! Scrub: everything stored is read and held against what it must be, a page at a time, while requests
//! are served.
//!
//! What is verified without a key: that each record is what was written (its tag), that what it names is
//! there, as long as it should be, and referred to. What takes the object's key, which is asked for in
//! the owner's name: manifest, and every segment of every body. Where the key service does not open it,
//! or the key is the customer's, the bodies are only read to their ends; no digest of a sealed body is
//! kept that could be verified without. Content that is not encrypted is held against its checksum.
//!
//! **Promises.** Nothing is changed. What was replaced or removed while it was read is no finding. At
//! most one object is read at a time.

use std::sync::Arc;
use std::time::Duration;

use arqueta_envelope::{Error as EnvelopeError, ObjectCipher};
use arqueta_model::{AccountId, BlobId};
use arqueta_store::{Entry, Scan};
use bytes::Bytes;
use futures::TryStreamExt as _;

use crate::api::ObjectName;
use crate::check::{Fault, Finding, current_of, object_of};
use crate::checksum::{ChecksumType, Hasher, Wanted};
use crate::content::Unreadable;
use crate::naming::name_of;
use crate::objects::{Objects, Reading};
use crate::record::{Blob, BucketRecord, ObjectRecord, PartRecord, Place, Record, UploadRecord};
use crate::slots::Stored;
use crate::state::State;
use crate::{Caller, Error, schema};

/// Records read at a time.
const PAGE: usize = 64;
/// Milliseconds that are worth a pause.
const PACE: u64 = 10;

/// One thing that is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// Key of the record in the store.
    pub record: Bytes,
    /// What that record is, in words.
    pub name: String,
    /// The object that it concerns, if it is one's.
    pub object: Option<ObjectName>,
    /// What is wrong.
    pub fault: Fault,
}

impl From<&Finding> for Flaw {
    fn from(Finding { key, record, fault, .. }: &Finding) -> Self {
        Self { record: key.clone(), name: record.clone(), object: object_in(key, None), fault: *fault }
    }
}

/// What became of a step.
#[derive(Debug, Default)]
pub struct Scrubbed {
    /// Records read.
    pub records: u64,
    /// Bodies read to their ends.
    pub bodies: u64,
    /// Bytes of bodies read.
    pub bytes: u64,
    /// Versions whose key did not open: of these only the outside was looked at.
    pub unopened: u64,
    /// What is damaged.
    pub flaws: Vec<Flaw>,
    /// Where the next step begins; `None` at the end.
    pub next: Option<Bytes>,
    rate: Option<u64>,
    /// Bytes that were not waited for yet.
    owed: u64,
}

/// Reads everything.
#[derive(Clone, Copy)]
pub struct Scrubber<'a> {
    state: &'a State,
}

impl<'a> Scrubber<'a> {
    pub(crate) fn over(state: &'a State) -> Self {
        Self { state }
    }

    /// Reads from `from` on until `most` bytes of bodies were read, or a page of records, and no more than `rate`
    /// bytes a second. Keys are asked for by whom `owner` makes of the account that owns the object.
    ///
    /// # Errors
    /// Failures of the stores; damage is found, not failed at.
    pub async fn step(
        self,
        from: Option<Bytes>,
        (most, rate): (u64, Option<u64>),
        owner: &(dyn Fn(&AccountId) -> Caller + Send + Sync),
    ) -> Result<Scrubbed, Error> {
        let mut done = Scrubbed { rate, ..Scrubbed::default() };
        let scan = Scan { start: from.unwrap_or_default(), ..Scan::prefix(b"", PAGE) };
        for Entry { key, value } in self.state.meta.page(scan).await? {
            done.records += 1;
            let found = self.look(&key, value.as_ref(), owner, &mut done).await?;
            if !found.is_empty() && self.is_still(&key, value.as_ref()).await? {
                let (name, object) = (name_of(&key), object_in(&key, value.as_deref()));
                let flaw = |fault| Flaw { record: key.clone(), name: name.clone(), object: object.clone(), fault };
                done.flaws.extend(found.into_iter().map(flaw));
            }
            done.next = Some([&key[..], &[0]].concat().into());
            if done.bytes >= most {
                break;
            }
        }
        Ok(done)
    }

    /// Counts bytes, and waits for as long as they may take.
    async fn spend(self, bytes: u64, done: &mut Scrubbed) {
        done.bytes += bytes;
        let Some(rate) = done.rate else { return };
        done.owed += bytes;
        let millis = done.owed.saturating_mul(1000) / rate.max(1);
        if millis >= PACE {
            done.owed = 0;
            self.state.clock.sleep(Duration::from_millis(millis)).await;
        }
    }

    /// Whether the record is what it was when it was read.
    async fn is_still(self, key: &[u8], value: Option<&Bytes>) -> Result<bool, Error> {
        match (self.state.meta.get(key).await, value) {
            (Err(arqueta_store::Error::Damaged { .. }), value) => Ok(value.is_none()),
            (now, value) => Ok(now?.as_ref() == value && value.is_some()),
        }
    }

    async fn look(
        self,
        key: &Bytes,
        value: Option<&Bytes>,
        owner: &(dyn Fn(&AccountId) -> Caller + Send + Sync),
        done: &mut Scrubbed,
    ) -> Result<Vec<Fault>, Error> {
        let Some(value) = value else { return Ok(vec![Fault::Damaged]) };
        let decoded = match key.get(..2).unwrap_or_default() {
            schema::CURRENTS | schema::NONCURRENTS => match ObjectRecord::decode(value) {
                Ok(record) => return self.version(key, value, record, owner, done).await,
                Err(error) => Err(error),
            },
            schema::PARTS => match PartRecord::decode(value) {
                Ok(part) => return self.outside(&[part.place], done).await,
                Err(error) => Err(error),
            },
            schema::UPLOADS => UploadRecord::decode(value).map(drop),
            schema::BUCKETS => BucketRecord::decode(value).map(drop),
            _ => Ok(()),
        };
        match decoded {
            // A later format is no damage, and not for this version to judge.
            Err(error @ Error::UnknownFormat { .. }) => Err(error),
            Err(_) => Ok(vec![Fault::Damaged]),
            Ok(()) => Ok(Vec::new()),
        }
    }

    async fn version(
        self,
        key: &Bytes,
        value: &Bytes,
        record: ObjectRecord,
        owner: &(dyn Fn(&AccountId) -> Caller + Send + Sync),
        done: &mut Scrubbed,
    ) -> Result<Vec<Fault>, Error> {
        let Some(content) = &record.content else { return Ok(Vec::new()) };
        let Some(name) = object_in(key, Some(value)) else { return Ok(vec![Fault::Damaged]) };
        let mut faults = self.references(&content.places).await?;
        let Ok(manifest) = content.manifest() else { return Ok(vec![Fault::Manifest]) };
        let caller = owner(&record.owner);
        let reading =
            Reading { stored: Stored { key: key.clone(), bytes: value.clone(), record: record.clone() }, manifest };
        match Objects::over(self.state).unlock(&caller, &name, &reading, None).await {
            Ok(cipher) => faults.extend(self.content(key, &reading, cipher, done).await?),
            // The key does not open, or is not here: which says nothing of the object.
            Err(
                Error::CustomerKey { .. } | Error::Encryption(EnvelopeError::Kms(_) | EnvelopeError::BucketKeyStore(_)),
            ) => {
                done.unopened += 1;
                faults.extend(self.outside(&content.places, done).await?);
            }
            Err(Error::Integrity | Error::Encryption(_) | Error::Damaged { .. }) => {
                faults.push(Fault::Manifest);
                faults.extend(self.outside(&content.places, done).await?);
            }
            Err(error) => return Err(error),
        }
        Ok(faults)
    }

    /// All bytes of a version, opened.
    async fn content(
        self,
        key: &Bytes,
        reading: &Reading,
        cipher: Option<Arc<ObjectCipher>>,
        done: &mut Scrubbed,
    ) -> Result<Vec<Fault>, Error> {
        let (content, manifest) = (reading.content(), &reading.manifest);
        let plain = manifest.checksums.first().filter(|sum| cipher.is_none() && sum.kind == ChecksumType::FullObject);
        let mut hasher = plain.map(|sum| Hasher::new(Wanted::only(sum.value.algorithm())));
        let body = self.state.content(key, content, manifest, cipher, 0..manifest.size()).await;
        let read = match body {
            Ok(mut body) => loop {
                match body.try_next().await {
                    Ok(Some(bytes)) => {
                        self.spend(bytes.len() as u64, done).await;
                        if let Some(hasher) = &mut hasher {
                            hasher.update(&bytes);
                        }
                    }
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            },
            Err(Unreadable::Failed(error)) => Err(error),
            Err(Unreadable::Gone) => Err(Error::Integrity),
        };
        let outside = self.measured(&content.places).await?;
        match read {
            Ok(()) => done.bodies += content.places.len() as u64,
            // Which of several bodies it is shows by its size, if by that.
            Err(Error::Integrity | Error::Damaged { .. } | Error::Store(_)) if !outside.is_empty() => {
                return Ok(outside);
            }
            Err(Error::Integrity | Error::Damaged { .. } | Error::Store(arqueta_store::Error::NoSuchBlob)) => {
                return Ok(vec![Fault::Content]);
            }
            Err(error) => return Err(error),
        }
        let confirmed = match (hasher, plain) {
            (Some(hasher), Some(sum)) => hasher.finish().confirms(&sum.value),
            _ => true,
        };
        Ok(if confirmed { outside } else { vec![Fault::Content] })
    }

    /// What shows of bodies that cannot be opened: sizes, and that every byte can be read.
    async fn outside(self, places: &[Place], done: &mut Scrubbed) -> Result<Vec<Fault>, Error> {
        let mut faults = self.measured(places).await?;
        if faults.is_empty() {
            for place in places {
                let Blob::File(id) = place.blob else { continue };
                let read = match self.state.blobs.read(id, place.sealed_size, 0..place.sealed_size).await {
                    Ok(mut body) => loop {
                        match body.try_next().await {
                            Ok(Some(bytes)) => self.spend(bytes.len() as u64, done).await,
                            Ok(None) => break Ok(()),
                            Err(error) => break Err(error),
                        }
                    },
                    Err(error) => Err(error),
                };
                match read {
                    Ok(()) => done.bodies += 1,
                    Err(arqueta_store::Error::NoSuchBlob) => faults.push(Fault::BodyMissing(id)),
                    Err(_) => faults.push(Fault::BodySize(id)),
                }
            }
        }
        Ok(faults)
    }

    /// Whether bodies are there, and as long as they should be.
    async fn measured(self, places: &[Place]) -> Result<Vec<Fault>, Error> {
        let mut faults = Vec::new();
        for place in places {
            let size = match place.blob {
                Blob::Inline(id) => match self.state.meta.get(&schema::inline(id)).await {
                    Err(arqueta_store::Error::Damaged { .. }) => Some(0),
                    body => body?.map(|body| body.len() as u64),
                },
                Blob::File(id) => self.size_of(id, place.sealed_size).await?,
            };
            let (Blob::Inline(id) | Blob::File(id)) = place.blob;
            match size {
                None => faults.push(Fault::BodyMissing(id)),
                Some(size) if size != place.sealed_size => faults.push(Fault::BodySize(id)),
                Some(_) => {}
            }
        }
        Ok(faults)
    }

    /// The size of a body, as far as it is the one that it should have.
    async fn size_of(self, id: BlobId, size: u64) -> Result<Option<u64>, Error> {
        match self.state.blobs.read(id, size, 0..0).await {
            Ok(_) => Ok(Some(size)),
            Err(arqueta_store::Error::NoSuchBlob) => Ok(None),
            Err(arqueta_store::Error::OutOfRange | arqueta_store::Error::Damaged { .. }) => Ok(Some(u64::MAX)),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether each body file is referred to and not about to be removed.
    async fn references(self, places: &[Place]) -> Result<Vec<Fault>, Error> {
        let mut faults = Vec::new();
        for place in places {
            let Blob::File(id) = place.blob else { continue };
            if !matches!(self.state.meta.get(&schema::referenced(id)).await, Ok(Some(_))) {
                faults.push(Fault::Unreferenced(id));
            }
            if !matches!(self.state.meta.get(&schema::garbage(id)).await, Ok(None)) {
                faults.push(Fault::MarkedAsGarbage(id));
            }
        }
        Ok(faults)
    }
}

/// The object whose version lies under a store key; with its version id where the record can be read.
fn object_in(key: &[u8], value: Option<&[u8]>) -> Option<ObjectName> {
    let (bucket, object) = match key.get(..2)? {
        schema::CURRENTS => current_of(key)?,
        schema::NONCURRENTS => {
            let (bucket, object) = object_of(key)?;
            (bucket.parse().ok()?, object)
        }
        _ => return None,
    };
    let record = value.and_then(|value| ObjectRecord::decode(value).ok());
    Some(ObjectName { bucket, key: object, version: record.map(|record| record.version) })
}
