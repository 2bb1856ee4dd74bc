//! The small documents that s3s reads whole and never checks: their digests, their size, and what
//! of XML is refused before anybody parses it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderMap;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::Checksum as _;
use s3s::crypto::{Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};

use crate::exchange::{self, BodyFault};

/// Which headers state something of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digests {
    /// `Content-MD5`, `x-amz-content-sha256` and `x-amz-checksum-*`.
    All,
    /// As [`Digests::All`] without `x-amz-checksum-*`: those of CompleteMultipartUpload are the
    /// finished object's.
    WithoutChecksums,
}

/// Whether a document of XML has neither CDATA nor declarations of a document type. s3s reads an
/// element with CDATA as if only the text beside it were there, and other readers do not: the key
/// that is deleted would not be the one that was written.
#[must_use]
pub fn is_plain(document: &[u8]) -> bool {
    let mut markup = Markup::default();
    markup.update(document);
    markup.is_plain()
}

/// Looks for `<!` that begins no comment, in a document that comes in pieces.
#[derive(Debug, Default)]
struct Markup {
    /// How much of `<!--` the last bytes were.
    matched: usize,
    found: bool,
}

impl Markup {
    fn update(&mut self, piece: &[u8]) {
        for byte in piece {
            self.matched = match (self.matched, byte) {
                (0 | 1, b'<') => 1,
                (1, b'!') => 2,
                (2, b'-') => 3,
                (2, _) => {
                    self.found = true;
                    0
                }
                (3, b'-') => 0,
                (3, _) => {
                    self.found = true;
                    0
                }
                _ => 0,
            };
        }
    }

    const fn is_plain(&self) -> bool {
        !self.found && self.matched < 2
    }
}

/// Digests of a document, as stated and as computed.
pub struct Document {
    limit: usize,
    seen: usize,
    /// Of a document of XML.
    markup: Option<Markup>,
    hasher: ChecksumHasher,
    stated: Vec<(Digest, Vec<u8>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Digest {
    Md5,
    Payload,
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Document {
    /// A document of at most `limit` bytes, of which `headers` state what `digests` says.
    #[must_use]
    pub fn new(headers: &HeaderMap, digests: Digests, limit: usize) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let mut stated: Vec<(Digest, Vec<u8>)> = [
            ("content-md5", Digest::Md5),
            ("x-amz-checksum-crc32", Digest::Crc32),
            ("x-amz-checksum-crc32c", Digest::Crc32c),
            ("x-amz-checksum-crc64nvme", Digest::Crc64Nvme),
            ("x-amz-checksum-sha1", Digest::Sha1),
            ("x-amz-checksum-sha256", Digest::Sha256),
        ]
        .into_iter()
        .filter(|(_, digest)| digests == Digests::All || *digest == Digest::Md5)
        // What is no base64 at all matches nothing.
        .filter_map(|(name, digest)| Some((digest, BASE64_STANDARD.decode(text(name)?).unwrap_or_default())))
        .collect();
        let payload = text("x-amz-content-sha256").filter(|value| value.len() == 64);
        stated.extend(payload.and_then(|value| Some((Digest::Payload, hex::decode(value).ok()?))));
        let wants = |wanted: &[Digest]| stated.iter().any(|(digest, _)| wanted.contains(digest));
        let hasher = ChecksumHasher {
            md5: wants(&[Digest::Md5]).then(Md5::new),
            crc32: wants(&[Digest::Crc32]).then(Crc32::new),
            crc32c: wants(&[Digest::Crc32c]).then(Crc32c::new),
            crc64nvme: wants(&[Digest::Crc64Nvme]).then(Crc64Nvme::new),
            sha1: wants(&[Digest::Sha1]).then(Sha1::new),
            sha256: wants(&[Digest::Sha256, Digest::Payload]).then(Sha256::new),
            ..ChecksumHasher::default()
        };
        Self { limit, seen: 0, markup: None, hasher, stated }
    }

    /// Marks it as XML, see [`is_plain`].
    pub fn is_xml(&mut self) {
        self.markup = Some(Markup::default());
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// [`BodyFault::TooLong`].
    pub fn update(&mut self, data: &[u8]) -> Result<(), BodyFault> {
        self.seen += data.len();
        if self.seen > self.limit {
            return Err(BodyFault::TooLong);
        }
        self.hasher.update(data);
        if let Some(markup) = &mut self.markup {
            markup.update(data);
        }
        Ok(())
    }

    /// Compares what was stated, once all came.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn finish(self) -> Result<(), BodyFault> {
        if self.markup.is_some_and(|markup| !markup.is_plain()) {
            return Err(BodyFault::Markup);
        }
        let computed = self.hasher.finalize();
        for (digest, value) in &self.stated {
            let (got, name) = match digest {
                Digest::Md5 => (&computed.checksum_md5, "MD5"),
                Digest::Crc32 => (&computed.checksum_crc32, "CRC32"),
                Digest::Crc32c => (&computed.checksum_crc32c, "CRC32C"),
                Digest::Crc64Nvme => (&computed.checksum_crc64nvme, "CRC64NVME"),
                Digest::Sha1 => (&computed.checksum_sha1, "SHA1"),
                Digest::Payload | Digest::Sha256 => (&computed.checksum_sha256, "SHA256"),
            };
            let (stated, computed) = (BASE64_STANDARD.encode(value), got.clone().unwrap_or_default());
            if computed == stated {
                continue;
            }
            return Err(match digest {
                Digest::Md5 => BodyFault::Md5(exchange::Digests { stated, computed }),
                Digest::Payload => {
                    let computed = BASE64_STANDARD.decode(&computed).map(hex::encode).unwrap_or_default();
                    BodyFault::Sha256(exchange::Digests { stated: hex::encode(value), computed })
                }
                _ => BodyFault::Checksum(name, exchange::Digests { stated, computed }),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_without_declarations_and_cdata_are_plain() {
        for (document, plain) in [
            ("<?xml version=\"1.0\"?><!-- a --><Delete a=\"b\"><Key>a&lt;!b</Key></Delete>", true),
            ("<!---->", true),
            ("<!DOCTYPE Delete><Delete/>", false),
            ("<Key>a<![CDATA[b]]></Key>", false),
            ("<Key><<![CDATA[b]]></Key>", false),
            ("<!-x", false),
            ("<!", false),
            ("<!-", false),
            ("<", true),
            ("! <a!>", true),
        ] {
            assert_eq!(is_plain(document.as_bytes()), plain, "{document}");
            let mut markup = Markup::default();
            document.as_bytes().iter().for_each(|byte| markup.update(&[*byte]));
            assert_eq!(markup.is_plain(), plain, "{document} in pieces");
        }
    }
}
