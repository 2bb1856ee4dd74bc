use std::ops::Range;

use crate::Error;
use crate::api::ByteRange;
use crate::record::Manifest;

/// The bytes that a request means.
///
/// # Errors
/// [`Error::InvalidRange`] where nothing of the range lies within the object;
/// [`Error::InvalidPartNumber`].
pub(crate) fn resolve(range: Option<ByteRange>, manifest: &Manifest) -> Result<Range<u64>, Error> {
    let size = manifest.size();
    let unsatisfiable = Err(Error::InvalidRange { size });
    match range {
        None => Ok(0..size),
        Some(ByteRange::FromTo(first, last)) if first <= last && first < size => {
            Ok(first..size.min(last.saturating_add(1)))
        }
        Some(ByteRange::From(first)) if first < size => Ok(first..size),
        // The last bytes of an empty object are none, and that is no failure (readers of footers ask).
        Some(ByteRange::Suffix(count)) if count > 0 => Ok(size.saturating_sub(count)..size),
        Some(ByteRange::FromTo(..) | ByteRange::From(_) | ByteRange::Suffix(_)) => unsatisfiable,
        Some(ByteRange::Part(number)) => part(number, manifest),
    }
}

fn part(number: u16, manifest: &Manifest) -> Result<Range<u64>, Error> {
    let mut start = 0;
    for part in &manifest.parts {
        if part.number == number {
            return Ok(start..start + part.size);
        }
        start += part.size;
    }
    Err(Error::InvalidPartNumber { parts: manifest.parts.len() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use arqueta_model::PartId;
    use proptest::prelude::*;

    use super::*;
    use crate::api::{ContentHeaders, UserMetadata};
    use crate::record::ManifestPart;

    fn manifest(sizes: &[u64]) -> Manifest {
        let part = |(at, size): (usize, &u64)| ManifestPart {
            number: u16::try_from(at).unwrap() * 2 + 1,
            id: PartId::random(),
            size: *size,
            checksums: vec![],
        };
        Manifest {
            parts: sizes.iter().enumerate().map(part).collect(),
            multipart: sizes.len() > 1,
            etag: String::new(),
            checksums: vec![],
            headers: ContentHeaders::default(),
            metadata: UserMetadata::default(),
        }
    }

    #[test]
    fn of_ten_bytes() {
        let ten = manifest(&[10]);
        let bytes = |range| resolve(Some(range), &ten).ok();
        assert_eq!(resolve(None, &ten).unwrap(), 0..10);
        assert_eq!(bytes(ByteRange::FromTo(2, 4)), Some(2..5));
        assert_eq!(bytes(ByteRange::FromTo(2, u64::MAX)), Some(2..10));
        assert_eq!(bytes(ByteRange::From(9)), Some(9..10));
        assert_eq!(bytes(ByteRange::Suffix(3)), Some(7..10));
        assert_eq!(bytes(ByteRange::Suffix(30)), Some(0..10));
        for outside in [ByteRange::FromTo(10, 12), ByteRange::From(10), ByteRange::Suffix(0), ByteRange::FromTo(4, 2)] {
            assert_eq!(bytes(outside), None, "{outside:?}");
        }
    }

    #[test]
    fn of_an_empty_object_only_the_end_is_satisfiable() {
        let empty = manifest(&[0]);
        assert_eq!(resolve(None, &empty).unwrap(), 0..0);
        assert_eq!(resolve(Some(ByteRange::Suffix(13)), &empty).unwrap(), 0..0);
        for range in [ByteRange::FromTo(0, 0), ByteRange::From(0), ByteRange::Suffix(0)] {
            assert!(matches!(resolve(Some(range), &empty), Err(Error::InvalidRange { size: 0 })), "{range:?}");
        }
    }

    #[test]
    fn parts_by_their_number() {
        let parts = manifest(&[5, 7, 1]);
        assert_eq!(resolve(Some(ByteRange::Part(1)), &parts).unwrap(), 0..5);
        assert_eq!(resolve(Some(ByteRange::Part(3)), &parts).unwrap(), 5..12);
        assert!(matches!(resolve(Some(ByteRange::Part(2)), &parts), Err(Error::InvalidPartNumber { .. })));
    }

    proptest! {
        #[test]
        fn every_answer_lies_within_the_object(sizes in prop::collection::vec(0u64..9, 1..5), a in 0u64..40, b in 0u64..40) {
            let manifest = manifest(&sizes);
            for range in [ByteRange::FromTo(a, b), ByteRange::From(a), ByteRange::Suffix(a)] {
                if let Ok(bytes) = resolve(Some(range), &manifest) {
                    prop_assert!(bytes.end <= manifest.size());
                    prop_assert!(bytes.start < bytes.end || manifest.size() == 0);
                }
            }
        }
    }
}
