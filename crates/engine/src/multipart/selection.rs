//! Which parts a CompleteMultipartUpload selects, and whether it may. Pure.

use md5::{Digest as _, Md5};

use crate::Error;
use crate::SseMode;
use crate::api::{Checksum, ChecksumAlgorithm, ChecksumType, CompleteMultipartUpload, CompletedPart};
use crate::checksum::{PartValue, of_parts};
use crate::record::{PartRecord, UploadRecord};

/// The parts of `stored` that the client lists, in order. `stored` is in the order of numbers.
///
/// # Errors
/// [`Error::InvalidRequest`] for an empty list, [`Error::InvalidPartOrder`],
/// [`Error::InvalidPart`] for a part that is not there or is another one than meant,
/// [`Error::EntityTooSmall`] for one under `minimum` bytes that is not the last.
pub(super) fn select<'a>(
    listed: &[CompletedPart],
    upload: &UploadRecord,
    stored: &'a [PartRecord],
    minimum: u64,
) -> Result<Vec<&'a PartRecord>, Error> {
    if listed.is_empty() {
        return Err(Error::request("You must specify at least one part"));
    }
    if !listed.is_sorted_by(|a, b| a.number < b.number) {
        return Err(Error::InvalidPartOrder);
    }
    let mut selected = Vec::with_capacity(listed.len());
    for want in listed {
        let invalid = || Error::InvalidPart { number: want.number, etag: want.etag.clone() };
        let at = stored.binary_search_by_key(&want.number, |part| part.number).map_err(|_| invalid())?;
        let part = &stored[at];
        if part.etag != want.etag || !checksum_fits(want, upload, part)? {
            return Err(invalid());
        }
        selected.push(part);
    }
    let all_but_last = &selected[..selected.len() - 1];
    match all_but_last.iter().find(|part| part.size < minimum) {
        Some(part) => Err(Error::EntityTooSmall { number: part.number, size: part.size, etag: part.etag.clone() }),
        None => Ok(selected),
    }
}

/// Whether the checksum that the client lists with a part is the part's. With a composite checksum
/// it has to list one.
fn checksum_fits(listed: &CompletedPart, upload: &UploadRecord, part: &PartRecord) -> Result<bool, Error> {
    match (&listed.checksum, upload.checksum) {
        (Some((algorithm, text)), _) => {
            let known = part.checksums.iter().find(|checksum| checksum.value.algorithm() == *algorithm);
            Ok(known.is_some_and(|checksum| checksum.is_stated_by(text)))
        }
        (None, Some((algorithm, ChecksumType::Composite))) => Err(Error::request(format!(
            "The upload was created using a {} checksum. The complete request must include the checksum for each part. It was missing for part {} in the request.",
            algorithm.name().to_lowercase(),
            listed.number,
        ))),
        (None, _) => Ok(true),
    }
}

/// The object's checksum, made of its parts'. An upload that was started without one gets a
/// full-object CRC64NVME, and none at all under a customer's key, as in AWS.
///
/// # Errors
/// [`Error::ChecksumMismatch`] if the client declares another value; [`Error::InvalidRequest`] if
/// it declares another type or algorithm.
pub(super) fn object_checksum(
    input: &CompleteMultipartUpload,
    upload: &UploadRecord,
    parts: &[&PartRecord],
) -> Result<Option<Checksum>, Error> {
    let customers = upload.keys.as_ref().is_some_and(|keys| keys.mode() == SseMode::Customer);
    let (algorithm, kind) = match upload.checksum {
        Some(asked) => asked,
        None if customers && input.checksum.is_none() => return Ok(None),
        None => (ChecksumAlgorithm::Crc64Nvme, ChecksumType::FullObject),
    };
    if input.checksum_type.is_some_and(|declared| declared != kind) {
        return Err(Error::request(format!(
            "The upload was created using the {} checksum mode. The complete request must use the same checksum mode.",
            kind.name(),
        )));
    }
    let of_part = |part: &&PartRecord| {
        let checksum = part.checksums.iter().find(|checksum| checksum.value.algorithm() == algorithm)?;
        Some(PartValue { value: checksum.value, size: part.size })
    };
    let values: Option<Vec<_>> = parts.iter().map(of_part).collect();
    let checksum = values.and_then(|values| of_parts(algorithm, kind, &values).ok());
    if let Some((declared, text)) = &input.checksum {
        let Some(checksum) = checksum.filter(|_| *declared == algorithm) else {
            return Err(Error::request(format!(
                "The upload was created using the {} checksum. The complete request must use the same checksum.",
                algorithm.name().to_lowercase(),
            )));
        };
        if !checksum.is_stated_by(text) {
            let (stated, computed) = (text.clone(), checksum.to_string());
            return Err(Error::ChecksumMismatch { algorithm, stated, computed });
        }
    }
    Ok(checksum)
}

/// The entity tag of an object whose parts' entity tags are MD5s: the MD5 of those, and their
/// number. `None` if one is not.
pub(super) fn md5_of_md5s(parts: &[&PartRecord]) -> Option<String> {
    let mut hash = Md5::new();
    for part in parts {
        let mut md5 = [0; 16];
        hex::decode_to_slice(&part.etag, &mut md5).ok()?;
        hash.update(md5);
    }
    Some(format!("{}-{}", hex::encode(hash.finalize()), parts.len()))
}
