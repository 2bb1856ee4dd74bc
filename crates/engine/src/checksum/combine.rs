//! The checksum of a multipart object from those of its parts.

use crc_fast::checksum_combine;

use super::hasher::polynomial;
use super::{Algorithm, Checksum, ChecksumType, Hasher, InvalidValue, Value, Wanted};

/// What is known of one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartValue {
    /// Its checksum.
    pub value: Value,
    /// Its size in bytes.
    pub size: u64,
}

/// The checksum of an object whose parts, in order, are `parts`.
///
/// # Errors
/// [`InvalidValue`] if a part's value is of another algorithm, if the algorithm does not permit
/// the type, or if there are no parts or more than 65,535.
pub fn of_parts(algorithm: Algorithm, kind: ChecksumType, parts: &[PartValue]) -> Result<Checksum, InvalidValue> {
    let count = u16::try_from(parts.len()).map_err(|_| InvalidValue)?;
    let alike = parts.iter().all(|part| part.value.algorithm() == algorithm);
    if count == 0 || !alike || !algorithm.permits(kind) {
        return Err(InvalidValue);
    }
    match kind {
        ChecksumType::Composite => {
            let mut hasher = Hasher::new(Wanted::only(algorithm));
            for part in parts {
                hasher.update(part.value.as_bytes());
            }
            let value = hasher.finish().value(algorithm).ok_or(InvalidValue)?;
            Ok(Checksum { value, kind, parts: count })
        }
        ChecksumType::FullObject => {
            let crc = polynomial(algorithm).ok_or(InvalidValue)?;
            let whole = parts[1..].iter().fold(parts[0].value.register(), |so_far, part| {
                checksum_combine(crc, so_far, part.value.register(), part.size)
            });
            Ok(Checksum::full_object(Value::of_register(algorithm, whole)))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(algorithm: Algorithm, data: &[u8]) -> Value {
        let mut hasher = Hasher::new(Wanted::only(algorithm));
        hasher.update(data);
        hasher.finish().value(algorithm).unwrap()
    }

    fn part(algorithm: Algorithm, data: &[u8]) -> PartValue {
        PartValue { value: value(algorithm, data), size: data.len() as u64 }
    }

    proptest! {
        #[test]
        fn combined_crcs_equal_the_crc_of_all_content(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 1..8),
        ) {
            let whole = parts.concat();
            for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
                let known: Vec<_> = parts.iter().map(|data| part(algorithm, data)).collect();
                let combined = of_parts(algorithm, ChecksumType::FullObject, &known).unwrap();
                prop_assert_eq!(combined.value, value(algorithm, &whole));
            }
        }
    }

    #[test]
    fn sizes_beyond_32_bits_count() {
        // The CRC of zeros after data depends on how many: combining must use all 64 bits of a size.
        let a = part(Algorithm::Crc32, b"a");
        let zeros = |size| PartValue { value: value(Algorithm::Crc32, b""), size };
        let one = of_parts(Algorithm::Crc32, ChecksumType::FullObject, &[a, zeros(1)]).unwrap();
        let more = of_parts(Algorithm::Crc32, ChecksumType::FullObject, &[a, zeros((1 << 33) + 1)]).unwrap();
        assert_ne!(one, more);
    }

    #[test]
    fn a_composite_hashes_the_raw_values() {
        let parts = [part(Algorithm::Sha256, b"one"), part(Algorithm::Sha256, b"two")];
        let composite = of_parts(Algorithm::Sha256, ChecksumType::Composite, &parts).unwrap();
        let raw = [parts[0].value.as_bytes(), parts[1].value.as_bytes()].concat();
        assert_eq!(composite.value, value(Algorithm::Sha256, &raw));
        assert!(composite.to_string().ends_with("=-2"));
    }

    #[test]
    fn what_cannot_be_combined_is_refused() {
        use ChecksumType::{Composite, FullObject};
        let sha = part(Algorithm::Sha256, b"x");
        let crc = part(Algorithm::Crc32, b"x");
        let nvme = part(Algorithm::Crc64Nvme, b"x");
        assert!(of_parts(Algorithm::Sha256, FullObject, &[sha]).is_err(), "SHA is composite only");
        assert!(of_parts(Algorithm::Crc64Nvme, Composite, &[nvme]).is_err(), "CRC64NVME is full-object only");
        assert!(of_parts(Algorithm::Crc32, Composite, &[crc, nvme]).is_err(), "mixed algorithms");
        assert!(of_parts(Algorithm::Crc32, Composite, &[]).is_err(), "no parts");
    }
}
