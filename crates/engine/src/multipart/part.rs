//! UploadPart and UploadPartCopy.

use std::ops::Range;
use std::sync::Arc;

use arqueta_envelope::{Caller, ObjectCipher};
use arqueta_store::{Batch, Precondition};
use futures::TryStreamExt;

use super::{PARTS, Upload, Uploads, etag_is_md5};
use crate::api::{
    ByteRange, Checksum, ChecksumAlgorithm, ChecksumRequest, EncryptionInfo, UploadPart, UploadPartCopy, UploadedPart,
};
use crate::ingest::{Intake, Stowed};
use crate::objects::{Objects, Reading};
use crate::record::{PartRecord, Record as _, UploadRecord};
use crate::space::expect_part;
use crate::state::ATTEMPTS;
use crate::versions::release_body;
use crate::{Error, schema};

impl Uploads<'_> {
    /// Stores a part. A part of that number that is there already is replaced. The keys are
    /// opened as the caller, which needs `kms:Decrypt` beside `kms:GenerateDataKey`.
    ///
    /// # Errors
    /// [`Error::NoSuchUpload`], also if the upload ends meanwhile; [`Error::InvalidArgument`] for
    /// a number outside 1 to 10,000; [`Error::InvalidRequest`] for another checksum algorithm than
    /// the upload's; [`Error::CustomerKey`]; [`Error::Encryption`]; those of the body.
    pub async fn put_part(self, caller: &Caller, input: UploadPart) -> Result<UploadedPart, Error> {
        check_number(input.number)?;
        let upload = self.under_way(&input.bucket, &input.key, input.upload).await?;
        let declared = !matches!(input.checksum, ChecksumRequest::Default);
        let checksum = part_checksum(&upload.record, input.checksum)?;
        if let Some(size) = input.size {
            expect_part(self.state, &input.bucket, size).await?;
        }
        let booking = self.state.admit(caller, input.size)?;
        let cipher = self.cipher(caller, &upload.record, input.customer_key.as_deref()).await?;
        let intake = Intake {
            cipher: cipher.clone(),
            size: input.size,
            md5: input.md5,
            md5_wanted: etag_is_md5(upload.record.keys.as_ref()),
            checksum,
            beside: beside(&upload.record),
            booking,
        };
        let stowed = self.state.take_in(input.body.map_err(Error::from), intake).await?;
        let part = self.store_part(&upload, input.number, &stowed, cipher).await?;
        let shown = declared || upload.record.checksum.is_some();
        Ok(UploadedPart { checksum: part.checksum.filter(|_| shown), ..part })
    }

    /// Stores a part that is read from an object, or from a range of it.
    ///
    /// # Errors
    /// As [`Uploads::put_part`]; those of reading the source; [`Error::InvalidArgument`] for a
    /// range that does not lie within the source.
    pub async fn copy_part(self, caller: &Caller, input: UploadPartCopy) -> Result<UploadedPart, Error> {
        check_number(input.number)?;
        let upload = self.under_way(&input.bucket, &input.key, input.upload).await?;
        let cipher = self.cipher(caller, &upload.record, input.customer_key.as_deref()).await?;
        let limit = self.state.config.put_limit;
        let wanted = |source: &Reading| source_bytes(input.range, source.manifest.size(), limit);
        let (source, bytes, body) = Objects::over(self.state).open_source(caller, &input.source, wanted).await?;
        expect_part(self.state, &input.bucket, bytes.end - bytes.start).await?;
        let booking = self.state.admit(caller, Some(bytes.end - bytes.start))?;
        let intake = Intake {
            cipher: cipher.clone(),
            size: Some(bytes.end - bytes.start),
            md5: None,
            md5_wanted: etag_is_md5(upload.record.keys.as_ref()),
            checksum: part_checksum(&upload.record, ChecksumRequest::Default)?,
            beside: beside(&upload.record),
            booking,
        };
        let stowed = self.state.take_in(body, intake).await?;
        let part = self.store_part(&upload, input.number, &stowed, cipher).await?;
        let checksum = part.checksum.filter(|_| upload.record.checksum.is_some());
        Ok(UploadedPart { source_version: Some(source.stored.record.version), checksum, ..part })
    }

    /// Commits the record of a part, in place of an earlier one of its number.
    async fn store_part(
        self,
        upload: &Upload,
        number: u16,
        stowed: &Stowed,
        cipher: Option<Arc<ObjectCipher>>,
    ) -> Result<UploadedPart, Error> {
        let keys = upload.record.keys.as_ref();
        let derived = || cipher.as_ref().map(|cipher| hex::encode(cipher.etag(Some(stowed.part))));
        let etag = match stowed.md5.filter(|_| etag_is_md5(keys)) {
            Some(md5) => hex::encode(md5),
            None => derived().ok_or(Error::Damaged { what: UploadRecord::NAME })?,
        };
        let checksum = Checksum::full_object(stowed.checksum);
        let beside = stowed.beside.filter(|beside| *beside != stowed.checksum).map(Checksum::full_object);
        let part = PartRecord {
            number,
            id: stowed.part,
            size: stowed.size,
            place: stowed.place,
            etag,
            checksums: [Some(checksum), beside].into_iter().flatten().collect(),
            last_modified: self.state.clock.now(),
        };
        if let Err(error) = self.commit_part(upload, &part, stowed).await {
            // After any other failure the commit may have happened after all.
            if matches!(error, Error::NoSuchUpload | Error::Store(arqueta_store::Error::Conflict)) {
                self.state.abandon(stowed).await;
            }
            return Err(error);
        }
        stowed.settle();
        if let Some(keys) = keys {
            self.state.envelope.report_sealed(keys, part.size);
        }
        Ok(UploadedPart {
            etag: part.etag,
            checksum: Some(checksum),
            last_modified: part.last_modified,
            encryption: keys.map(EncryptionInfo::of),
            source_version: None,
        })
    }

    async fn commit_part(self, upload: &Upload, part: &PartRecord, stowed: &Stowed) -> Result<(), Error> {
        let key = schema::part(upload.record.id, part.number);
        for _ in 0..ATTEMPTS {
            let mut batch = Batch::default().require(Precondition::Present(upload.key.clone()));
            batch = match self.state.meta.get(&key).await {
                Err(arqueta_store::Error::Damaged { .. }) => batch.require(Precondition::Damaged(key.clone())),
                before => {
                    let before = before?;
                    let old = before.as_deref().map(PartRecord::decode).transpose()?;
                    batch = batch.unchanged(key.clone(), before);
                    match old {
                        Some(old) => release_body(batch, &old.place, self.state.clock.now()),
                        None => batch,
                    }
                }
            };
            batch = batch.put(key.clone(), part.encode());
            match self.state.commit(stowed.keep(batch)).await {
                Err(arqueta_store::Error::Conflict) if self.state.meta.get(&upload.key).await?.is_none() => {
                    return Err(Error::NoSuchUpload);
                }
                Err(arqueta_store::Error::Conflict) => {}
                result => return Ok(result?),
            }
        }
        Err(arqueta_store::Error::Conflict.into())
    }
}

fn check_number(number: u16) -> Result<(), Error> {
    if (1..=PARTS).contains(&number) {
        Ok(())
    } else {
        Err(Error::argument("Part number must be an integer between 1 and 10000, inclusive"))
    }
}

/// The bytes of a source of `size` bytes. Unlike a reader's range, one that reaches beyond the end
/// is refused.
fn source_bytes(range: Option<ByteRange>, size: u64, limit: u64) -> Result<Range<u64>, Error> {
    let bytes = match range {
        None => 0..size,
        Some(ByteRange::FromTo(first, last)) if first <= last && last < size => first..last + 1,
        Some(ByteRange::FromTo(first, last)) if first <= last && first >= size => {
            return Err(Error::request("The specified copy range is invalid for the source object size"));
        }
        Some(ByteRange::FromTo(..)) => {
            return Err(Error::argument(format!("Range specified is not valid for source object of size: {size}")));
        }
        Some(_) => {
            return Err(Error::argument(
                "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
            ));
        }
    };
    if bytes.end - bytes.start > limit {
        return Err(Error::request(format!(
            "The specified copy source is larger than the maximum allowable size for a copy source: {limit}"
        )));
    }
    Ok(bytes)
}

/// Parts of an upload that was started without a checksum are summed for the one that its object
/// gets, whatever the client declares of each.
fn beside(upload: &UploadRecord) -> Option<ChecksumAlgorithm> {
    upload.checksum.is_none().then_some(ChecksumAlgorithm::Crc64Nvme)
}

/// A part has the upload's checksum, computed if the client does not declare it. Where the upload
/// has none, the client may declare any.
fn part_checksum(upload: &UploadRecord, request: ChecksumRequest) -> Result<ChecksumRequest, Error> {
    match (upload.checksum, &request) {
        (Some((wanted, _)), ChecksumRequest::Default) => Ok(ChecksumRequest::Compute(wanted)),
        (Some((wanted, _)), _) if wanted != request.algorithm() => Err(Error::request(format!(
            "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
            wanted.name().to_lowercase(),
            request.algorithm().name().to_lowercase(),
        ))),
        _ => Ok(request),
    }
}
