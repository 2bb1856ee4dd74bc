//! Bodies in aws-chunked framing, decoded as they come.
//!
//! A chunk is handed on before its signature is known: whoever stores it keeps it out of sight until
//! the body has ended well, so a chunk need not be held in memory. The last piece of all is held
//! back until the final chunk and the trailer were found good, so that nobody who counts bytes
//! takes an unfinished body for whole.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use s3s::StdError;
use s3s::crypto::{Checksum as _, Sha256};

use crate::body::Refused;
use crate::exchange::Exchange;
use crate::incoming::BodyFault;
use crate::payload::{Chain, Chunking};

/// Longest line before a chunk, in bytes.
const LONGEST_LINE: usize = 1024;
/// Longest trailer, in bytes.
const LONGEST_TRAILER: usize = 16 * 1024;

/// A decoded body.
pub struct Chunks<B> {
    inner: B,
    exchange: Arc<Exchange>,
    decoder: Decoder,
    /// What came and was not looked at.
    input: Bytes,
    /// The last piece of content, not handed on yet.
    held: Option<Bytes>,
    over: bool,
}

impl<B> Chunks<B> {
    /// Decodes `inner`. The trailer goes to `exchange`.
    #[must_use]
    pub fn new(inner: B, exchange: Arc<Exchange>, chunking: Chunking) -> Self {
        let Chunking { chain, length } = chunking;
        let decoder =
            Decoder { chain, length, seen: 0, state: State::Line, line: Vec::new(), hash: None, stated: None };
        Self { inner, exchange, decoder, input: Bytes::new(), held: None, over: false }
    }

    fn fail(&mut self, fault: BodyFault) -> StdError {
        (self.over, self.held) = (true, None);
        self.exchange.incoming().blame(fault.clone());
        Box::new(Refused(fault))
    }
}

impl<B> Body for Chunks<B>
where
    B: Body<Data = Bytes, Error = StdError> + Unpin,
{
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        let this = &mut *self;
        loop {
            if this.over {
                return Poll::Ready(this.held.take().map(|last| Ok(Frame::data(last))));
            }
            match this.decoder.step(&mut this.input) {
                Ok(Some(content)) => {
                    if let Some(before) = this.held.replace(content) {
                        return Poll::Ready(Some(Ok(Frame::data(before))));
                    }
                    continue;
                }
                Ok(None) => {}
                Err(fault) => return Poll::Ready(Some(Err(this.fail(fault)))),
            }
            match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                Some(Ok(frame)) => this.input = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => {
                    (this.over, this.held) = (true, None);
                    return Poll::Ready(Some(Err(error)));
                }
                None => match this.decoder.finish() {
                    Ok(trailer) => {
                        this.exchange.incoming().keep_trailer(trailer);
                        this.over = true;
                    }
                    Err(fault) => return Poll::Ready(Some(Err(this.fail(fault)))),
                },
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.over && self.held.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.held.as_ref().map_or(0, |held| held.len() as u64);
        SizeHint::with_exact(self.decoder.length.saturating_sub(self.decoder.seen).saturating_add(held))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the line before a chunk.
    Line,
    /// In a chunk of which so many bytes are left.
    Data(u64),
    /// In the line break after a chunk, of which so many bytes are left.
    Break(usize),
    /// Behind the final chunk.
    Trailer,
}

struct Decoder {
    chain: Option<Chain>,
    /// Length of the content, as stated.
    length: u64,
    /// How much of it came.
    seen: u64,
    state: State,
    /// The line or the trailer so far.
    line: Vec<u8>,
    /// Of the chunk, if it is signed.
    hash: Option<Sha256>,
    stated: Option<String>,
}

impl Decoder {
    /// The next piece of content in `input`; none where more input is needed.
    fn step(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, BodyFault> {
        while !input.is_empty() {
            match self.state {
                State::Line => self.read_line(input)?,
                State::Data(left) => {
                    let most = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                    let content = input.split_to(most);
                    self.seen += most as u64;
                    if let Some(hash) = &mut self.hash {
                        hash.update(&content);
                    }
                    self.state = State::Data(left - most as u64);
                    if self.state == State::Data(0) {
                        self.end_chunk()?;
                        self.state = State::Break(2);
                    }
                    return Ok(Some(content));
                }
                State::Break(left) => {
                    if input.get_u8() != b"\r\n"[2 - left] {
                        return Err(BodyFault::Incomplete);
                    }
                    self.state = if left == 1 { State::Line } else { State::Break(left - 1) };
                }
                State::Trailer => {
                    if self.line.len() + input.len() > LONGEST_TRAILER {
                        return Err(BodyFault::Trailer);
                    }
                    self.line.extend_from_slice(input);
                    input.clear();
                }
            }
        }
        Ok(None)
    }

    fn read_line(&mut self, input: &mut Bytes) -> Result<(), BodyFault> {
        let end = input.iter().position(|byte| *byte == b'\n');
        let piece = input.split_to(end.map_or(input.len(), |end| end + 1));
        if self.line.len() + piece.len() > LONGEST_LINE {
            return Err(BodyFault::Incomplete);
        }
        self.line.extend_from_slice(&piece);
        if end.is_none() {
            return Ok(());
        }
        let line = std::mem::take(&mut self.line);
        let (size, stated) = parse_line(&line).ok_or(BodyFault::Incomplete)?;
        if size > self.length.saturating_sub(self.seen) || stated.is_some() != self.chain.is_some() {
            return Err(BodyFault::Incomplete);
        }
        self.hash = self.chain.is_some().then(Sha256::new);
        self.stated = stated;
        self.state = State::Data(size);
        if size == 0 {
            self.end_chunk()?;
            self.state = State::Trailer;
        }
        Ok(())
    }

    fn end_chunk(&mut self) -> Result<(), BodyFault> {
        let (Some(chain), Some(hash), Some(stated)) = (&mut self.chain, self.hash.take(), self.stated.take()) else {
            return Ok(());
        };
        if chain.accepts_chunk(&hash.finalize(), &stated) { Ok(()) } else { Err(BodyFault::Signature) }
    }

    /// The trailer of a body that has ended.
    fn finish(&mut self) -> Result<HeaderMap, BodyFault> {
        if self.state != State::Trailer || self.seen != self.length {
            return Err(BodyFault::Incomplete);
        }
        let (mut trailer, mut stated, mut pairs) = (HeaderMap::new(), None, Vec::new());
        for line in self.line.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)) {
            if line.is_empty() {
                continue;
            }
            let (name, value) = parse_field(line).ok_or(BodyFault::Trailer)?;
            match name == "x-amz-trailer-signature" {
                true => stated = Some(value.to_str().map_err(|_| BodyFault::Trailer)?.to_owned()),
                false => pairs.push((name, value)),
            }
        }
        pairs.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
        if let (Some(chain), false) = (&self.chain, pairs.is_empty() && stated.is_none()) {
            let mut hash = Sha256::new();
            for (name, value) in &pairs {
                hash.update(name.as_str().as_bytes());
                hash.update(b":");
                hash.update(value.as_bytes());
                hash.update(b"\n");
            }
            let stated = stated.ok_or(BodyFault::Trailer)?;
            if !chain.accepts_trailer(&hash.finalize(), &stated) {
                return Err(BodyFault::Signature);
            }
        }
        for (name, value) in pairs {
            trailer.append(name, value);
        }
        Ok(trailer)
    }
}

/// Size and signature of `size[;chunk-signature=signature]`.
fn parse_line(line: &[u8]) -> Option<(u64, Option<String>)> {
    let line = std::str::from_utf8(line.strip_suffix(b"\r\n")?).ok()?;
    let (size, stated) = match line.split_once(';') {
        None => (line, None),
        Some((size, rest)) => (size, Some(rest.strip_prefix("chunk-signature=")?.to_owned())),
    };
    let digits = (1..=15).contains(&size.len()) && size.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.then(|| u64::from_str_radix(size, 16).ok()).flatten().map(|size| (size, stated))
}

fn parse_field(line: &[u8]) -> Option<(HeaderName, HeaderValue)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = HeaderName::from_bytes(&line[..colon]).ok()?;
    let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
    Some((name, value))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use arqueta_call::signature::SigningKey;
    use http_body_util::{BodyExt as _, StreamBody};
    use proptest::prelude::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    const DATE: &str = "20130524T000000Z";
    const SEED: &str = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";

    fn chain() -> Chain {
        let date = s3s_sigv4::AmzDate::parse(DATE).unwrap();
        let key = SigningKey::derive(SECRET.as_bytes(), &date, "us-east-1", "s3");
        Chain::new(Arc::new(key), SEED, &date, DATE, "us-east-1")
    }

    async fn decode(framed: &[u8], piece: usize, chain: Option<Chain>, length: u64) -> Result<Vec<u8>, BodyFault> {
        let pieces: Vec<Result<Frame<Bytes>, StdError>> =
            framed.chunks(piece.max(1)).map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece)))).collect();
        let inner = StreamBody::new(futures::stream::iter(pieces));
        let exchange = crate::tests::exchange();
        let chunks = Chunks::new(inner, Arc::clone(&exchange), Chunking { chain, length });
        match chunks.collect().await {
            Ok(whole) => Ok(whole.to_bytes().to_vec()),
            Err(_) => Err(exchange.incoming().fault().unwrap().clone()),
        }
    }

    /// The example of the S3 API Reference: 66,560 bytes of `a` in chunks of 64 KiB.
    fn published() -> Vec<u8> {
        let chunk = |size: usize, signature: &str| {
            let mut chunk = format!("{size:x};chunk-signature={signature}\r\n").into_bytes();
            chunk.extend(vec![b'a'; size]);
            chunk.extend(b"\r\n");
            chunk
        };
        [
            chunk(65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
            chunk(1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
            chunk(0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
        ]
        .concat()
    }

    #[tokio::test]
    async fn the_published_example_verifies_in_pieces_of_any_size() {
        for piece in [1, 7, 1000, 65536, 1 << 20] {
            let whole = decode(&published(), piece, Some(chain()), 66560).await.unwrap();
            assert!(whole.len() == 66560 && whole.iter().all(|byte| *byte == b'a'), "{piece}");
        }
    }

    #[tokio::test]
    async fn what_is_cut_changed_or_added_is_found() {
        let framed = published();
        let last = framed.len() - 5;
        let final_chunk = framed.windows(17).rposition(|w| w == b"0;chunk-signature").unwrap();
        let mut changed = framed.clone();
        changed[200] = b'b';
        let mut resigned = framed.clone();
        resigned[last] ^= 1;
        for (what, framed, length, want) in [
            ("no final chunk", framed[..final_chunk].to_vec(), 66560, BodyFault::Incomplete),
            ("cut in a chunk", framed[..1000].to_vec(), 66560, BodyFault::Incomplete),
            ("nothing", Vec::new(), 66560, BodyFault::Incomplete),
            ("shorter than stated", framed.clone(), 66561, BodyFault::Incomplete),
            ("longer than stated", framed.clone(), 66559, BodyFault::Incomplete),
            ("changed content", changed, 66560, BodyFault::Signature),
            ("changed final signature", resigned, 66560, BodyFault::Signature),
            ("chunks that are not signed", b"1\r\na\r\n0\r\n\r\n".to_vec(), 1, BodyFault::Incomplete),
            (
                "an unsigned trailer",
                [&framed[..], b"x-amz-checksum-crc32:AAAAAA==\r\n"].concat(),
                66560,
                BodyFault::Trailer,
            ),
        ] {
            assert_eq!(decode(&framed, 999, Some(chain()), length).await, Err(want), "{what}");
        }
    }

    #[tokio::test]
    async fn chunks_without_signatures_and_their_trailer() {
        let framed = b"3\r\nabc\r\n2\r\nde\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\n";
        assert_eq!(decode(framed, 4, None, 5).await.unwrap(), b"abcde");
        assert_eq!(decode(b"0\r\n\r\n", 4, None, 0).await.unwrap(), b"");
        for framed in [
            &b"3\r\nabc\r\n"[..],
            b"3\r\nabc0\r\n\r\n",
            b"+3\r\nabc\r\n0\r\n\r\n",
            b"3\nabc\r\n0\r\n\r\n",
            b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
            b"3;chunk-signature=00\r\nabc\r\n0\r\n\r\n",
        ] {
            assert_eq!(decode(framed, 3, None, 3).await, Err(BodyFault::Incomplete), "{framed:?}");
        }
        assert_eq!(decode(b"0\r\nno field\r\n\r\n", 9, None, 0).await, Err(BodyFault::Trailer));
    }

    proptest! {
        #[test]
        fn any_content_in_any_pieces_comes_out_as_it_went_in(
            content in proptest::collection::vec(any::<u8>(), 0..200), size in 1usize..50, piece in 1usize..60,
        ) {
            let mut framed = Vec::new();
            for chunk in content.chunks(size) {
                framed.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                framed.extend(chunk);
                framed.extend(b"\r\n");
            }
            framed.extend(b"0\r\n\r\n");
            let decoded = futures::executor::block_on(decode(&framed, piece, None, content.len() as u64));
            prop_assert_eq!(decoded.unwrap(), content);
        }
    }
}
