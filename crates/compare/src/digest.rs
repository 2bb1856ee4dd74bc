//! Digests of bytes that come in pieces, whole or by parts.

use arqueta_client::Algorithm;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use md5::Digest as _;

/// One digest in the making.
enum State {
    Crc(crc_fast::Digest, usize),
    Md5(md5::Md5),
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
}

impl State {
    fn new(algorithm: Algorithm) -> Option<Self> {
        let crc = |polynomial, length| Some(Self::Crc(crc_fast::Digest::new(polynomial), length));
        match algorithm {
            Algorithm::Crc32 => crc(CrcAlgorithm::Crc32IsoHdlc, 4),
            Algorithm::Crc32c => crc(CrcAlgorithm::Crc32Iscsi, 4),
            Algorithm::Crc64Nvme => crc(CrcAlgorithm::Crc64Nvme, 8),
            Algorithm::Md5 => Some(Self::Md5(md5::Md5::new())),
            Algorithm::Sha1 => Some(Self::Sha1(sha1::Sha1::new())),
            Algorithm::Sha256 => Some(Self::Sha256(sha2::Sha256::new())),
            Algorithm::Sha512 => Some(Self::Sha512(sha2::Sha512::new())),
            Algorithm::Xxhash64 | Algorithm::Xxhash3 | Algorithm::Xxhash128 => None,
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc(crc, _) => crc.update(bytes),
            Self::Md5(hash) => hash.update(bytes),
            Self::Sha1(hash) => hash.update(bytes),
            Self::Sha256(hash) => hash.update(bytes),
            Self::Sha512(hash) => hash.update(bytes),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Crc(crc, length) => crc.finalize().to_be_bytes()[8 - length..].to_vec(),
            Self::Md5(hash) => hash.finalize().to_vec(),
            Self::Sha1(hash) => hash.finalize().to_vec(),
            Self::Sha256(hash) => hash.finalize().to_vec(),
            Self::Sha512(hash) => hash.finalize().to_vec(),
        }
    }
}

/// Something that one side has written down, and that can be computed of the other side's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) algorithm: Algorithm,
    /// Sizes of the parts whose digests are digested; empty where it is of the whole object.
    pub(crate) parts: Vec<u64>,
    pub(crate) value: String,
    /// Whether it is an ETag: hexadecimal digits.
    pub(crate) is_etag: bool,
}

/// Computes an [`Expected`].
pub(crate) struct Recomputing {
    of: Expected,
    now: State,
    /// Digests of parts that are done.
    done: Vec<u8>,
    part: usize,
    left: u64,
}

impl Recomputing {
    /// Absent for algorithms that are not computed here.
    pub(crate) fn new(of: Expected) -> Option<Self> {
        let (now, left) = (State::new(of.algorithm)?, of.parts.first().copied().unwrap_or(u64::MAX));
        Some(Self { of, now, done: Vec::new(), part: 0, left })
    }

    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left == 0 {
                self.next();
            }
            let size = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
            self.now.update(&bytes[..size]);
            self.left -= size as u64;
            bytes = &bytes[size..];
        }
    }

    fn next(&mut self) {
        if let Some(fresh) = State::new(self.of.algorithm) {
            self.done.extend(std::mem::replace(&mut self.now, fresh).finish());
        }
        self.part += 1;
        // More bytes than parts: what comes out fits nothing.
        self.left = self.of.parts.get(self.part).copied().unwrap_or(u64::MAX);
    }

    /// Whether the bytes are those of which the other side has it written down.
    pub(crate) fn fits(mut self) -> bool {
        let count = self.of.parts.len();
        let raw = if count == 0 {
            self.now.finish()
        } else {
            self.next();
            let Some(mut all) = State::new(self.of.algorithm) else { return false };
            all.update(&self.done);
            all.finish()
        };
        let text = if self.of.is_etag { hex::encode(raw) } else { STANDARD.encode(raw) };
        let text = if count == 0 { text } else { format!("{text}-{count}") };
        (count == 0 || self.part == count) && text == self.of.value
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn fits(algorithm: Algorithm, parts: &[u64], value: &str, is_etag: bool, bytes: &[u8]) -> bool {
        let expected = Expected { algorithm, parts: parts.to_vec(), value: value.to_owned(), is_etag };
        let mut recomputing = Recomputing::new(expected).unwrap();
        bytes.chunks(3).for_each(|piece| recomputing.update(piece));
        recomputing.fits()
    }

    /// The check values of the catalogue of CRCs, and FIPS 180's and RFC 1321's of `123456789`.
    #[test]
    fn digests_are_those_of_the_catalogues() {
        for (algorithm, value) in [
            (Algorithm::Crc32, "y/Q5Jg=="),
            (Algorithm::Crc32c, "4waSgw=="),
            (Algorithm::Crc64Nvme, "rosUhgp5mIg="),
            (Algorithm::Sha1, "98O8HYCOBHMq32eZZczDTKeuNEE="),
            (Algorithm::Sha256, "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU="),
        ] {
            assert!(fits(algorithm, &[], value, false, b"123456789"), "{algorithm:?}");
            assert!(!fits(algorithm, &[], value, false, b"123456780"), "{algorithm:?}");
            // Base64 knows capital letters from small ones.
            assert!(!fits(algorithm, &[], &value.to_lowercase(), false, b"123456789"), "{algorithm:?}");
        }
        assert!(fits(Algorithm::Md5, &[], "25f9e794323b453885f5181f1b624d0b", true, b"123456789"));
        assert!(!fits(Algorithm::Md5, &[], "25f9e794323b453885f5181f1b624d0c", true, b"123456789"));
    }

    #[test]
    fn a_multipart_etag_is_of_its_parts() {
        // Of md5("12345") and md5("6789"), by Python's hashlib.
        let etag = "324730582f20c3f18cbb66d63a6137d2-2";
        assert!(fits(Algorithm::Md5, &[5, 4], etag, true, b"123456789"));
        for (parts, bytes) in
            [(&[4, 5][..], &b"123456789"[..]), (&[5, 4], b"12345678"), (&[5, 4], b"1234567890"), (&[9], b"123456789")]
        {
            assert!(!fits(Algorithm::Md5, parts, etag, true, bytes), "{parts:?}");
        }
    }
}
