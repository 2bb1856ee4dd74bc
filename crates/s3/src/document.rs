//! The small documents that s3s reads whole and never checks: their digests, their size, and what
//! of XML is refused before anybody parses it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method};
use s3s::checksum::ChecksumHasher;
use s3s::crypto::Checksum as _;
use s3s::crypto::{Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256, Sha512, XxHash3, XxHash64, XxHash128};

use crate::exchange::Exchange;
use crate::incoming::{self, BodyFault};
use crate::outline::{Known, Outline};
use crate::query;
use crate::subject;

/// Largest document of any request, in bytes. Of DeleteObjects, too: a thousand keys of 1,024 bytes,
/// written as references, and what else may be said of each. Who has not signed gets so far only where
/// a bucket's policy may let him in, and his address has a share ([`arqueta_call::antechamber`]).
pub const LIMIT: usize = 4 * 1024 * 1024;
/// Largest document of those that are read before it is known what the caller may do with them:
/// tags of a bucket, each character written as a reference.
const UNDECIDED: usize = 256 * 1024;
/// As [`UNDECIDED`], of an object's lock: two short values.
const LOCK: usize = 16 * 1024;
/// Largest configuration of a bucket, in bytes: it is read with the bucket, by whoever asks for anything in it.
const CONFIGURATION: usize = 64 * 1024;
/// The configurations that may be larger, or are much smaller: policies have AWS's limit themselves, and white
/// space that does not count; websites have 128 KB (S3 API Reference, PutBucketWebsite), lifecycle a thousand rules,
/// replication 2 MB (S3 User Guide, "Replication configuration file elements").
const CONFIGURATIONS: [(&str, usize); 6] = [
    ("encryption", 16 * 1024),
    ("lifecycle", 512 * 1024),
    ("notification", 256 * 1024),
    ("policy", 256 * 1024),
    ("replication", 2 * 1024 * 1024),
    ("website", 128 * 1024),
];
/// Most tags of a document: ten thousand parts with number, ETag and checksum.
const TAGS: usize = 100_000;
/// Most tags of DeleteObjects: a thousand keys with everything that may be said of each.
const TAGS_OF_DELETE: usize = 16_384;

/// How large a document may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// In bytes.
    pub bytes: usize,
    /// In opening and closing tags, where it is XML: what they cost to read is more than their bytes.
    pub tags: usize,
    /// Whether it may ask for event holds, which are refused: s3s passes over elements that it does not know, and
    /// what is not held must not be taken for held.
    pub holds: bool,
    /// Which elements it may have, where that is known.
    pub known: Option<&'static Known>,
}

impl Limits {
    /// Those of a request's document. `creates` if it would create a bucket.
    #[must_use]
    pub fn of(parts: &Parts, creates: bool) -> Self {
        let asks = |name| query::has(&parts.uri, name);
        let bytes = match parts.method == Method::PUT {
            true if asks("retention") || asks("legal-hold") => LOCK,
            true if creates || asks("tagging") => UNDECIDED,
            true => {
                let own = CONFIGURATIONS.iter().find(|(name, _)| asks(name));
                own.map_or(CONFIGURATION, |(_, bytes)| *bytes)
            }
            false => LIMIT,
        };
        let tags = if parts.method == Method::POST && asks("delete") { TAGS_OF_DELETE } else { TAGS };
        let holds = parts.method == Method::PUT && (asks("retention") || asks("object-lock"));
        let known = Known::of(parts, creates, subject::is_of_account(&parts.headers, &parts.uri));
        Self { bytes, tags, holds, known }
    }
}

/// Extension of a request that has no document where one is due.
#[derive(Debug, Clone, Copy)]
pub struct Missing;

/// What stands in for the document that CompleteMultipartUpload came without: s3s refuses such a
/// request before anybody looks whether there is an upload. Marks it as [`Missing`].
pub fn stand_in(parts: &mut Parts) -> Option<Bytes> {
    let completes = parts.method == Method::POST && query::has(&parts.uri, "uploadId");
    completes.then(|| {
        parts.extensions.insert(Missing);
        Bytes::from_static(b"<CompleteMultipartUpload/>")
    })
}

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
    tags: usize,
}

impl Markup {
    fn update(&mut self, piece: &[u8]) {
        for byte in piece {
            self.tags += usize::from(*byte == b'<');
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
    limits: Limits,
    seen: usize,
    /// Of a document of XML.
    markup: Option<Markup>,
    outline: Option<Outline>,
    holds: Option<Holds>,
    hasher: ChecksumHasher,
    stated: Vec<(Digest, Vec<u8>)>,
    /// What the trailer is to state, if one is announced; none if that is no digest that we compute.
    trailer: Option<Option<(HeaderName, Digest)>>,
}

/// Looks for event holds in a document that comes in pieces: `EventHold` of a retention, `DefaultEventHold` of a
/// bucket's rule.
#[derive(Debug, Default)]
struct Holds {
    tail: Vec<u8>,
    found: bool,
}

impl Holds {
    const WORD: &'static [u8] = b"EventHold";

    fn update(&mut self, piece: &[u8]) {
        self.tail.extend_from_slice(piece);
        self.found |= self.tail.windows(Self::WORD.len()).any(|seen| seen == Self::WORD);
        let over = self.tail.len().saturating_sub(Self::WORD.len() - 1);
        self.tail.drain(..over);
    }
}

/// The headers and trailers that state a checksum.
const CHECKSUMS: [(&str, Digest); 10] = [
    ("x-amz-checksum-crc32", Digest::Crc32),
    ("x-amz-checksum-crc32c", Digest::Crc32c),
    ("x-amz-checksum-crc64nvme", Digest::Crc64Nvme),
    ("x-amz-checksum-sha1", Digest::Sha1),
    ("x-amz-checksum-sha256", Digest::Sha256),
    ("x-amz-checksum-sha512", Digest::Sha512),
    ("x-amz-checksum-md5", Digest::ChecksumMd5),
    ("x-amz-checksum-xxhash64", Digest::XxHash64),
    ("x-amz-checksum-xxhash3", Digest::XxHash3),
    ("x-amz-checksum-xxhash128", Digest::XxHash128),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Digest {
    Md5,
    Payload,
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
    Sha512,
    ChecksumMd5,
    XxHash64,
    XxHash3,
    XxHash128,
}

impl Document {
    /// A document within `limits`, of which `headers` state what `digests` says.
    #[must_use]
    pub fn new(headers: &HeaderMap, digests: Digests, limits: Limits) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let mut stated: Vec<(Digest, Vec<u8>)> = std::iter::once(("content-md5", Digest::Md5))
            .chain(CHECKSUMS.into_iter().filter(|_| digests == Digests::All))
            // What is no base64 at all matches nothing.
            .filter_map(|(name, digest)| Some((digest, BASE64_STANDARD.decode(text(name)?).unwrap_or_default())))
            .collect();
        let payload = text("x-amz-content-sha256").filter(|value| value.len() == 64);
        stated.extend(payload.and_then(|value| Some((Digest::Payload, hex::decode(value).ok()?))));
        let trailer = text("x-amz-trailer").map(announced);
        let of_trailer = trailer.iter().flatten().map(|(_, digest)| digest);
        let all: Vec<Digest> = stated.iter().map(|(digest, _)| digest).chain(of_trailer).copied().collect();
        let wants = |wanted: &[Digest]| all.iter().any(|digest| wanted.contains(digest));
        let hasher = ChecksumHasher {
            md5: wants(&[Digest::Md5, Digest::ChecksumMd5]).then(Md5::new),
            crc32: wants(&[Digest::Crc32]).then(Crc32::new),
            crc32c: wants(&[Digest::Crc32c]).then(Crc32c::new),
            crc64nvme: wants(&[Digest::Crc64Nvme]).then(Crc64Nvme::new),
            sha1: wants(&[Digest::Sha1]).then(Sha1::new),
            sha256: wants(&[Digest::Sha256, Digest::Payload]).then(Sha256::new),
            sha512: wants(&[Digest::Sha512]).then(Sha512::new),
            xxhash64: wants(&[Digest::XxHash64]).then(XxHash64::new),
            xxhash3: wants(&[Digest::XxHash3]).then(XxHash3::new),
            xxhash128: wants(&[Digest::XxHash128]).then(XxHash128::new),
        };
        let holds = limits.holds.then(Holds::default);
        Self { limits, seen: 0, markup: None, outline: None, holds, hasher, stated, trailer }
    }

    /// Marks it as XML, see [`is_plain`].
    pub fn is_xml(&mut self) {
        self.markup = Some(Markup::default());
        self.outline = self.limits.known.map(Outline::new);
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// [`BodyFault::TooLong`]; [`BodyFault::Markup`] for more tags than any such document has.
    pub fn update(&mut self, data: &[u8]) -> Result<(), BodyFault> {
        self.seen += data.len();
        if self.seen > self.limits.bytes {
            return Err(BodyFault::TooLong);
        }
        self.hasher.update(data);
        if let Some(holds) = &mut self.holds {
            holds.update(data);
        }
        if let Some(outline) = &mut self.outline {
            outline.update(data);
        }
        if let Some(markup) = &mut self.markup {
            markup.update(data);
            if markup.tags > self.limits.tags {
                return Err(BodyFault::Markup);
            }
        }
        Ok(())
    }

    /// Compares what was stated, once all came; in the trailer of `exchange` as well.
    ///
    /// # Errors
    /// The first that is wrong.
    pub fn finish(mut self, exchange: &Exchange) -> Result<(), BodyFault> {
        if self.markup.is_some_and(|markup| !markup.is_plain()) {
            return Err(BodyFault::Markup);
        }
        if self.holds.is_some_and(|holds| holds.found) {
            return Err(BodyFault::EventHold);
        }
        if self.outline.is_some_and(|outline| outline.has_unknown()) {
            return Err(BodyFault::Markup);
        }
        if let Some(wanted) = self.trailer {
            // Announced and of no use, or not there: nothing would prove the document.
            let (name, digest) = wanted.ok_or(BodyFault::Trailer)?;
            let value =
                exchange.incoming().trailer().and_then(|trailer| trailer.get(name)).ok_or(BodyFault::Trailer)?;
            let value = BASE64_STANDARD.decode(value.as_bytes()).map_err(|_| BodyFault::Trailer)?;
            self.stated.push((digest, value));
        }
        let computed = self.hasher.finalize();
        for (digest, value) in &self.stated {
            let (got, name) = match digest {
                Digest::Md5 | Digest::ChecksumMd5 => (&computed.checksum_md5, "MD5"),
                Digest::Crc32 => (&computed.checksum_crc32, "CRC32"),
                Digest::Crc32c => (&computed.checksum_crc32c, "CRC32C"),
                Digest::Crc64Nvme => (&computed.checksum_crc64nvme, "CRC64NVME"),
                Digest::Sha1 => (&computed.checksum_sha1, "SHA1"),
                Digest::Payload | Digest::Sha256 => (&computed.checksum_sha256, "SHA256"),
                Digest::Sha512 => (&computed.checksum_sha512, "SHA512"),
                Digest::XxHash64 => (&computed.checksum_xxhash64, "XXHASH64"),
                Digest::XxHash3 => (&computed.checksum_xxhash3, "XXHASH3"),
                Digest::XxHash128 => (&computed.checksum_xxhash128, "XXHASH128"),
            };
            let (stated, computed) = (BASE64_STANDARD.encode(value), got.clone().unwrap_or_default());
            if computed == stated {
                continue;
            }
            return Err(match digest {
                Digest::Md5 => BodyFault::Md5(incoming::Digests { stated, computed }),
                Digest::Payload => {
                    let computed = BASE64_STANDARD.decode(&computed).map(hex::encode).unwrap_or_default();
                    BodyFault::Sha256(incoming::Digests { stated: hex::encode(value), computed })
                }
                _ => BodyFault::Checksum(name, incoming::Digests { stated, computed }),
            });
        }
        Ok(())
    }
}

/// The checksum that `x-amz-trailer` announces, if it is one.
fn announced(header: &str) -> Option<(HeaderName, Digest)> {
    let name = header.trim();
    let (name, digest) = CHECKSUMS.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    Some((HeaderName::from_static(name), digest))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
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

    fn limits(method: &str, uri: &str, creates: bool) -> Limits {
        Limits::of(&http::Request::builder().method(method).uri(uri).body(()).unwrap().into_parts().0, creates)
    }

    #[test]
    fn what_is_read_before_a_decision_is_small() {
        for (method, uri, creates, bytes) in [
            ("PUT", "/b/k?tagging", false, UNDECIDED),
            ("PUT", "/b/k?versionId=a&retention", false, LOCK),
            ("PUT", "/b/k?legal-hold", false, LOCK),
            ("PUT", "/b", true, UNDECIDED),
            ("PUT", "/b?policy", false, 256 * 1024),
            ("PUT", "/b?cors", false, CONFIGURATION),
            ("PUT", "/b?website", false, 128 * 1024),
            ("PUT", "/b?encryption", false, 16 * 1024),
            ("POST", "/b?delete", false, LIMIT),
        ] {
            assert_eq!(limits(method, uri, creates).bytes, bytes, "{method} {uri}");
        }
        assert_eq!(limits("POST", "/b?delete", false).tags, TAGS_OF_DELETE);
        assert_eq!(limits("POST", "/b/k?uploadId=u", false).tags, TAGS);
    }

    #[test]
    fn documents_of_nothing_but_tags_are_not_parsed() {
        let tags = |count: usize| {
            let mut document = Document::new(
                &HeaderMap::new(),
                Digests::All,
                Limits { bytes: 1 << 20, tags: 100, holds: false, known: None },
            );
            document.is_xml();
            (0..count).try_for_each(|_| document.update(b"<a>"))
        };
        assert_eq!(tags(100), Ok(()));
        assert_eq!(tags(101), Err(BodyFault::Markup));
    }
}
