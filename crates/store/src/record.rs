//! The checksum around a stored value: `crc32(key ‖ body) as u32 LE ‖ body`.
//!
//! Covers the key too, so that a value found under another key is noticed. Against decay only:
//! a checksum proves nothing about an attacker.

use crc_fast::{CrcAlgorithm, Digest};

use crate::Error;

/// Bytes that a record is longer than its body.
pub const OVERHEAD: usize = 4;

/// Writes the record of `key` and `body` into `record`, which is [`OVERHEAD`] longer than `body`.
///
/// # Panics
/// If `record` has another length.
pub fn encode_into(key: &[u8], body: &[u8], record: &mut [u8]) {
    record[..OVERHEAD].copy_from_slice(&checksum(key, body));
    record[OVERHEAD..].copy_from_slice(body);
}

/// The body of a record.
///
/// # Errors
/// [`Error::Damaged`] for what was not written under this key.
pub fn decode<'a>(key: &[u8], record: &'a [u8]) -> Result<&'a [u8], Error> {
    match record.split_at_checked(OVERHEAD) {
        Some((sum, body)) if sum == checksum(key, body) => Ok(body),
        _ => Err(Error::record(key)),
    }
}

fn checksum(key: &[u8], body: &[u8]) -> [u8; OVERHEAD] {
    let mut digest = Digest::new(CrcAlgorithm::Crc32Iscsi);
    digest.update(key);
    digest.update(body);
    let sum = u32::try_from(digest.finalize()).expect("a CRC-32 has 32 bits");
    sum.to_le_bytes()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn encode(key: &[u8], body: &[u8]) -> Vec<u8> {
        let mut record = vec![0; body.len() + OVERHEAD];
        encode_into(key, body, &mut record);
        record
    }

    #[test]
    fn a_record_round_trips() {
        assert_eq!(decode(b"key", &encode(b"key", b"body")).unwrap(), b"body");
        assert_eq!(decode(b"", &encode(b"", b"")).unwrap(), b"");
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let record = encode(b"key", b"body");
        for bit in 0..record.len() * 8 {
            let mut damaged = record.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(decode(b"key", &damaged), Err(Error::Damaged { .. })), "bit {bit}");
        }
    }

    #[test]
    fn a_short_record_and_another_key_are_noticed() {
        let record = encode(b"key", b"body");
        for end in 0..record.len() {
            assert!(decode(b"key", &record[..end]).is_err(), "cut at {end}");
        }
        assert!(decode(b"kez", &record).is_err());
    }
}
