//! What a signature says of the body, and bodies held against it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arqueta_call::signature::SigningKey;
use bytes::Bytes;
use http::HeaderMap;
use http::request::Parts;
use http_body::{Body, Frame, SizeHint};
use s3s::crypto::{Checksum as _, Sha256};
use s3s::{S3Result, StdError, s3_error};
use s3s_sigv4::AmzDate;

use crate::body::Refused;
use crate::error::invalid_argument;
use crate::exchange::Exchange;
use crate::incoming::{BodyFault, Digests};

const HEADER: &str = "x-amz-content-sha256";

/// `x-amz-content-sha256`, as it is signed.
#[derive(Debug, PartialEq, Eq)]
pub enum Stated {
    /// A digest, in hexadecimal digits.
    Digest(String),
    /// `UNSIGNED-PAYLOAD`.
    Unsigned,
    /// In signed chunks.
    Chunks,
    /// In signed chunks, with a signed trailer.
    ChunksWithTrailer,
    /// In chunks, with a trailer, neither signed.
    UnsignedChunksWithTrailer,
}

impl Stated {
    /// What a signed request states.
    ///
    /// # Errors
    /// `InvalidRequest` without the header, `InvalidArgument` for what it cannot be.
    pub fn of(parts: &Parts) -> S3Result<Self> {
        let missing = || s3_error!(InvalidRequest, "Missing required header for this request: x-amz-content-sha256");
        let text = parts.headers.get(HEADER).ok_or_else(missing)?.to_str().unwrap_or_default();
        match text {
            "UNSIGNED-PAYLOAD" => Ok(Self::Unsigned),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Ok(Self::Chunks),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Ok(Self::ChunksWithTrailer),
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Ok(Self::UnsignedChunksWithTrailer),
            _ if is_digest(text) => Ok(Self::Digest(text.to_owned())),
            _ if text.starts_with("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD") => {
                Err(s3_error!(NotImplemented, "Signature Version 4A is not implemented."))
            }
            _ => Err(invalid_argument(
                "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
                HEADER,
                text,
            )),
        }
    }

    /// As it stands in the canonical request.
    #[must_use]
    pub fn payload(&self) -> s3s_sigv4::Payload<'_> {
        match self {
            Self::Digest(digest) => s3s_sigv4::Payload::SingleChunk(digest),
            Self::Unsigned => s3s_sigv4::Payload::Unsigned,
            Self::Chunks => s3s_sigv4::Payload::MultipleChunks,
            Self::ChunksWithTrailer => s3s_sigv4::Payload::MultipleChunksWithTrailer,
            Self::UnsignedChunksWithTrailer => s3s_sigv4::Payload::UnsignedMultipleChunksWithTrailer,
        }
    }
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What a body is held against.
#[derive(Debug)]
pub enum Payload {
    /// Nothing.
    Unsigned,
    /// A digest, in hexadecimal digits.
    Digest(String),
    /// It comes in chunks.
    Chunks(Chunking),
}

/// How a body comes in chunks.
#[derive(Debug)]
pub struct Chunking {
    /// The signatures of the chunks; none for chunks that are not signed.
    pub chain: Option<Chain>,
    /// Length of the content, in bytes.
    pub length: u64,
}

impl Payload {
    /// That of a request signed in its header. `chain` begins the signatures of its chunks.
    ///
    /// # Errors
    /// `MissingContentLength` for chunks that do not say how long their content is,
    /// `InvalidRequest` for a trailer that is not announced.
    pub fn of_signed(stated: &Stated, parts: &Parts, chain: impl FnOnce() -> Chain) -> S3Result<Self> {
        let (chain, has_trailer) = match stated {
            Stated::Digest(digest) => return Ok(Self::Digest(digest.clone())),
            Stated::Unsigned => return Ok(Self::Unsigned),
            Stated::Chunks => (Some(chain()), false),
            Stated::ChunksWithTrailer => (Some(chain()), true),
            Stated::UnsignedChunksWithTrailer => (None, true),
        };
        Self::in_chunks(&parts.headers, chain, has_trailer)
    }

    fn in_chunks(headers: &HeaderMap, chain: Option<Chain>, has_trailer: bool) -> S3Result<Self> {
        if has_trailer && !headers.contains_key("x-amz-trailer") {
            return Err(s3_error!(InvalidRequest, "Missing required header for this request: x-amz-trailer"));
        }
        let length = headers.get("x-amz-decoded-content-length").and_then(|value| value.to_str().ok());
        let Some(length) = length else {
            return Err(s3_error!(MissingContentLength, "You must provide the Content-Length HTTP header."));
        };
        let number = length.bytes().all(|byte| byte.is_ascii_digit()).then(|| length.parse().ok()).flatten();
        let length = number.ok_or_else(|| {
            invalid_argument("The decoded length must be a number", "x-amz-decoded-content-length", length)
        })?;
        Ok(Self::Chunks(Chunking { chain, length }))
    }

    /// That of a presigned request, whose signature does not cover the body.
    ///
    /// # Errors
    /// `NotImplemented` for chunks that are signed: no signature in a header begins theirs.
    pub fn of_presigned(stated: &Stated, headers: &HeaderMap) -> S3Result<Self> {
        match stated {
            Stated::Digest(digest) => Ok(Self::Digest(digest.clone())),
            Stated::Unsigned => Ok(Self::Unsigned),
            Stated::UnsignedChunksWithTrailer => Self::in_chunks(headers, None, true),
            Stated::Chunks | Stated::ChunksWithTrailer => Err(s3_error!(
                NotImplemented,
                "Signed chunks are implemented for requests signed in the Authorization header."
            )),
        }
    }

    /// That of a request without a signature over its headers.
    ///
    /// # Errors
    /// Those of chunks, see [`Payload::of_signed`].
    pub fn of_unsigned(headers: &HeaderMap) -> S3Result<Self> {
        let stated = headers.get(HEADER).and_then(|value| value.to_str().ok());
        if stated == Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER") {
            return Self::in_chunks(headers, None, true);
        }
        let digest = stated.filter(|text| is_digest(text));
        Ok(digest.map_or(Self::Unsigned, |digest| Self::Digest(digest.to_owned())))
    }
}

/// The signatures of chunks: each covers the one before (S3 API Reference, "Signature calculations
/// for the Authorization header: transferring payload in multiple chunks").
pub struct Chain {
    key: Arc<SigningKey>,
    previous: String,
    date: String,
    scope: String,
}

impl Chain {
    /// Begins with the signature of the request itself.
    #[must_use]
    pub fn new(key: Arc<SigningKey>, seed: &str, date: &AmzDate, stated: &str, region: &str) -> Self {
        Self {
            key,
            previous: seed.to_owned(),
            date: stated.to_owned(),
            scope: format!("{}/{region}/s3/aws4_request", date.fmt_date()),
        }
    }

    /// Whether `stated` is the signature of a chunk of this digest; it is the last one then.
    pub fn accepts_chunk(&mut self, digest: &[u8; 32], stated: &str) -> bool {
        let Self { date, scope, previous, .. } = self;
        let (empty, digest) = (s3s_sigv4::EMPTY_STRING_SHA256_HASH, hex::encode(digest));
        let text = format!("AWS4-HMAC-SHA256-PAYLOAD\n{date}\n{scope}\n{previous}\n{empty}\n{digest}");
        let good = self.key.is_signature(&text, stated);
        stated.clone_into(&mut self.previous);
        good
    }

    /// Whether `stated` is the signature of a trailer of this digest.
    #[must_use]
    pub fn accepts_trailer(&self, digest: &[u8; 32], stated: &str) -> bool {
        let Self { date, scope, previous, .. } = self;
        let digest = hex::encode(digest);
        self.key.is_signature(&format!("AWS4-HMAC-SHA256-TRAILER\n{date}\n{scope}\n{previous}\n{digest}"), stated)
    }
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chain").field("scope", &self.scope).finish_non_exhaustive()
    }
}

/// A body held against its digest: it fails with its last piece if that is another.
pub struct Hashed<B> {
    inner: B,
    exchange: Arc<Exchange>,
    stated: String,
    hash: Option<Sha256>,
}

impl<B> Hashed<B> {
    /// Holds `inner` against `stated`.
    #[must_use]
    pub fn new(inner: B, exchange: Arc<Exchange>, stated: String) -> Self {
        Self { inner, exchange, stated, hash: Some(Sha256::new()) }
    }
}

/// Holds a whole body against the digest that is stated of it.
///
/// # Errors
/// `XAmzContentSHA256Mismatch`.
pub fn compare(stated: &str, computed: &[u8; 32]) -> Result<(), BodyFault> {
    let computed = hex::encode(computed);
    match computed.eq_ignore_ascii_case(stated) {
        true => Ok(()),
        false => Err(BodyFault::Sha256(Digests { stated: stated.to_owned(), computed })),
    }
}

impl<B> Body for Hashed<B>
where
    B: Body<Data = Bytes, Error = StdError> + Unpin,
{
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        let this = &mut *self;
        let frame = ready!(Pin::new(&mut this.inner).poll_frame(cx));
        if let (Some(Ok(frame)), Some(hash)) = (&frame, &mut this.hash)
            && let Some(data) = frame.data_ref()
        {
            hash.update(data);
        }
        let is_over = frame.is_none() || this.inner.is_end_stream();
        if let Some(hash) = this.hash.take_if(|_| is_over && !matches!(frame, Some(Err(_))))
            && let Err(fault) = compare(&this.stated, &hash.finalize())
        {
            this.exchange.incoming().blame(fault.clone());
            return Poll::Ready(Some(Err(Box::new(Refused(fault)))));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.hash.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parts(pairs: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder();
        for (name, value) in pairs {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn what_a_request_states_of_its_body() {
        let of = |value: &str| Stated::of(&parts(&[(HEADER, value)]));
        assert_eq!(of("UNSIGNED-PAYLOAD").unwrap(), Stated::Unsigned);
        assert_eq!(of("STREAMING-UNSIGNED-PAYLOAD-TRAILER").unwrap(), Stated::UnsignedChunksWithTrailer);
        assert!(matches!(of(&"aB".repeat(32)).unwrap(), Stated::Digest(_)));
        for (value, code) in [
            ("", "InvalidArgument"),
            ("unsigned-payload", "InvalidArgument"),
            ("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", "NotImplemented"),
        ] {
            assert_eq!(of(value).unwrap_err().code().as_str(), code, "{value}");
        }
        assert_eq!(Stated::of(&parts(&[])).unwrap_err().code().as_str(), "InvalidRequest");
    }

    #[test]
    fn chunks_say_how_long_their_content_is() {
        let none = || -> Chain { unreachable!("not signed") };
        let of = |pairs: &[(&str, &str)]| Payload::of_signed(&Stated::UnsignedChunksWithTrailer, &parts(pairs), none);
        let trailer = ("x-amz-trailer", "x-amz-checksum-crc32");
        assert!(matches!(of(&[trailer, ("x-amz-decoded-content-length", "3")]).unwrap(), Payload::Chunks(_)));
        for (pairs, code) in [
            (vec![trailer], "MissingContentLength"),
            (vec![("x-amz-decoded-content-length", "3")], "InvalidRequest"),
            (vec![trailer, ("x-amz-decoded-content-length", "+3")], "InvalidArgument"),
            (vec![trailer, ("x-amz-decoded-content-length", "99999999999999999999")], "InvalidArgument"),
        ] {
            assert_eq!(of(&pairs).unwrap_err().code().as_str(), code, "{pairs:?}");
        }
    }
}
