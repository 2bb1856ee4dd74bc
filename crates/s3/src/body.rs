//! Request bodies on their way to s3s: idle time, and documents held against what is stated of
//! them. Answer bodies on their way to hyper.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use arqueta_model::Clock;
use bytes::Bytes;
use futures::Stream;
use futures::stream::BoxStream;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use s3s::StdError;
use s3s::stream::{ByteStream, RemainingLength};

use crate::document::{Digests, Document, Limits};
use crate::exchange::Exchange;
use crate::incoming::BodyFault;

/// The failure that ends a refused body; what happened stands in the [`Exchange`].
#[derive(Debug, thiserror::Error)]
#[error("the request body was refused: {0:?}")]
pub struct Refused(pub BodyFault);

/// Time for the whole body of a request of whom nobody knows who sent it.
const UNDECIDED: Duration = Duration::from_secs(5);

/// A request body under watch.
pub struct Watched<B> {
    inner: B,
    exchange: Arc<Exchange>,
    clock: Arc<dyn Clock>,
    idle: Duration,
    timer: Option<Timer>,
    /// Whether anything came since the timer was set.
    moved: bool,
    document: Option<Document>,
}

struct Timer {
    rings: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// It was set for a stranger.
    short: bool,
}

impl<B> Watched<B> {
    /// Watches `inner`: it fails once nothing came for between one and two times `idle`, so that
    /// a busy body costs one timer a period and not one a frame. Before its request is admitted, and
    /// where it is a document, all of it has no longer than that; while nobody knows who sends it, no
    /// longer than five seconds.
    pub fn new(inner: B, exchange: Arc<Exchange>, clock: Arc<dyn Clock>, idle: Duration) -> Self {
        Self { inner, exchange, clock, idle, timer: None, moved: false, document: None }
    }

    /// Also holds the body against what its headers state of it, as a document within `limits`.
    #[must_use]
    pub fn with_digests(mut self, headers: &HeaderMap, digests: Digests, limits: Limits) -> Self {
        self.document = Some(Document::new(headers, digests, limits));
        self
    }

    /// Also refuses what s3s reads otherwise than other readers do, see [`crate::document::is_plain`].
    #[must_use]
    pub fn of_xml(mut self) -> Self {
        if let Some(document) = &mut self.document {
            document.is_xml();
        }
        self
    }

    /// Holds a document against its digests: each piece as it comes, and all of it with the last
    /// one, before whoever reads the body takes it for whole.
    fn judge(&mut self, frame: Option<&Frame<Bytes>>) -> Result<(), BodyFault>
    where
        B: Body,
    {
        let data = frame.and_then(Frame::data_ref);
        // Of what may take its time nothing is kept.
        if data.is_some_and(|data| !self.exchange.admission().holds(data.len())) {
            return Err(BodyFault::Crowded);
        }
        let Some(document) = &mut self.document else { return Ok(()) };
        if let Some(data) = data {
            document.update(data)?;
        }
        if frame.is_some() && !self.inner.is_end_stream() {
            return Ok(());
        }
        self.document.take().map_or(Ok(()), |document| document.finish(&self.exchange))
    }

    fn refuse(&self, fault: BodyFault) -> StdError {
        self.exchange.incoming().blame(fault.clone());
        Box::new(Refused(fault))
    }

    /// An object may be as long as it likes in coming, as long as it comes, once its upload was
    /// admitted. A document is small, and a stranger owes an answer to who he is: byte by byte
    /// either would hold a connection for ever.
    fn may_take_its_time(&self) -> bool {
        self.document.is_none() && self.exchange.admission().is_admitted()
    }

    /// Ready once the body idled too long, or took too long where that is not its right.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let timer = self.timer.get_or_insert_with(|| {
                let short = self.idle > UNDECIDED && self.exchange.admission().is_strangers();
                let (clock, time) = (Arc::clone(&self.clock), if short { UNDECIDED } else { self.idle });
                Timer { rings: Box::pin(async move { clock.sleep(time).await }), short }
            });
            ready!(timer.rings.as_mut().poll(cx));
            let was_short = timer.short;
            self.timer = None;
            if was_short && !self.exchange.admission().is_strangers() {
                // Who sends it has been found out since.
                continue;
            }
            if !std::mem::take(&mut self.moved) || !self.may_take_its_time() {
                return Poll::Ready(());
            }
        }
    }
}

impl<B> Body for Watched<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<StdError>,
{
    type Data = Bytes;
    type Error = StdError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, StdError>>> {
        let this = &mut *self;
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(frame) => {
                this.moved = true;
                match this.judge(frame.as_ref().and_then(|frame| frame.as_ref().ok())) {
                    Ok(()) => Poll::Ready(frame.map(|frame| frame.map_err(Into::into))),
                    Err(fault) => Poll::Ready(Some(Err(this.refuse(fault)))),
                }
            }
            Poll::Pending => {
                ready!(this.poll_idle(cx));
                Poll::Ready(Some(Err(this.refuse(BodyFault::Idle))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        // A document has its digests compared at the very end, so that end must be polled.
        self.document.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A body for hyper out of a stream of known length. An error of the stream breaks the
/// connection, and so does an end before that length: hyper has promised it in Content-Length.
pub struct Sized<E> {
    /// Only for `Sync`, which s3s asks for: `&mut self` never locks it.
    stream: Mutex<BoxStream<'static, Result<Bytes, E>>>,
    left: u64,
}

impl<E> Sized<E> {
    /// `length` bytes of `stream`.
    pub fn new(stream: BoxStream<'static, Result<Bytes, E>>, length: u64) -> Self {
        Self { stream: Mutex::new(stream), left: length }
    }

    /// The failure, told once: whoever goes on polling comes to an end.
    fn wrong_length(&mut self) -> StdError {
        self.left = 0;
        Box::new(WrongLength)
    }
}

/// A body of another length than was promised.
#[derive(Debug, thiserror::Error)]
#[error("the body has not the length that was promised")]
struct WrongLength;

impl<E: std::error::Error + Send + Sync + 'static> Stream for Sized<E> {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let stream = self.stream.get_mut().unwrap_or_else(PoisonError::into_inner);
        let chunk = match ready!(stream.as_mut().poll_next(cx)) {
            Some(Ok(chunk)) => chunk,
            Some(Err(error)) => return Poll::Ready(Some(Err(Box::new(error)))),
            None if self.left == 0 => return Poll::Ready(None),
            None => return Poll::Ready(Some(Err(self.wrong_length()))),
        };
        match self.left.checked_sub(chunk.len() as u64) {
            Some(left) => {
                self.left = left;
                Poll::Ready(Some(Ok(chunk)))
            }
            None => Poll::Ready(Some(Err(self.wrong_length()))),
        }
    }
}

impl<E: std::error::Error + Send + Sync + 'static> ByteStream for Sized<E> {
    fn remaining_length(&self) -> RemainingLength {
        RemainingLength::new_exact(usize::try_from(self.left).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use futures::StreamExt as _;

    #[derive(Debug, thiserror::Error)]
    #[error("not authentic")]
    struct NotAuthentic;

    async fn sent(pieces: Vec<Result<&'static [u8], NotAuthentic>>, promised: u64) -> Vec<Result<Bytes, StdError>> {
        let pieces = pieces.into_iter().map(|piece| piece.map(Bytes::from_static));
        Sized::new(futures::stream::iter(pieces).boxed(), promised).collect().await
    }

    /// What becomes of a body of which a byte comes, again and again, before the idle time is over.
    async fn dripped(admitted: bool, is_document: bool) -> Option<BodyFault> {
        const IDLE: Duration = Duration::from_secs(60);
        let clock = Arc::new(arqueta_model::ManualClock::default());
        let connection = arqueta_call::Connection { peer: [192, 0, 2, 1].into(), tls: None, cipher_suite: "" };
        let exchange = Exchange::begin((&HeaderMap::new(), &http::Uri::from_static("/")), &connection, &*clock, None);
        if admitted {
            exchange.admission().admit();
        }
        let (send, pieces) = futures::channel::mpsc::unbounded::<Result<Frame<Bytes>, std::io::Error>>();
        let pieces = http_body_util::StreamBody::new(pieces);
        let mut body = Watched::new(pieces, exchange.clone(), clock.clone(), IDLE);
        if is_document {
            body = body.with_digests(
                &HeaderMap::new(),
                Digests::All,
                Limits { bytes: 1 << 20, tags: 100, holds: false, known: None },
            );
        }
        for _ in 0..9 {
            let polled = futures::poll!(http_body_util::BodyExt::frame(&mut body));
            if let Poll::Ready(Some(Err(_))) = polled {
                return exchange.incoming().fault().cloned();
            }
            send.unbounded_send(Ok(Frame::data(Bytes::from_static(b"x")))).unwrap();
            http_body_util::BodyExt::frame(&mut body).await.unwrap().unwrap();
            clock.advance(IDLE * 2 / 3);
        }
        None
    }

    #[tokio::test]
    async fn only_an_object_whose_upload_was_admitted_may_come_byte_by_byte() {
        assert_eq!(dripped(true, false).await, None);
        assert_eq!(dripped(false, false).await, Some(BodyFault::Idle));
        assert_eq!(dripped(true, true).await, Some(BodyFault::Idle));
        assert_eq!(dripped(false, true).await, Some(BodyFault::Idle));
    }

    #[tokio::test]
    async fn nobody_has_longer_than_a_few_seconds_and_who_is_admitted_meanwhile_has() {
        const IDLE: Duration = Duration::from_secs(60);
        for (admitted, survives) in [(false, false), (true, true)] {
            let clock = Arc::new(arqueta_model::ManualClock::default());
            let connection = arqueta_call::Connection { peer: [192, 0, 2, 1].into(), tls: None, cipher_suite: "" };
            let exchange =
                Exchange::begin((&HeaderMap::new(), &http::Uri::from_static("/")), &connection, &*clock, None);
            let never = futures::stream::pending::<Result<Frame<Bytes>, std::io::Error>>();
            let mut body = Watched::new(http_body_util::StreamBody::new(never), exchange.clone(), clock.clone(), IDLE);
            assert!(futures::poll!(http_body_util::BodyExt::frame(&mut body)).is_pending());
            if admitted {
                exchange.admission().admit();
            }
            clock.advance(UNDECIDED);
            let polled = futures::poll!(http_body_util::BodyExt::frame(&mut body));
            assert_eq!(polled.is_pending(), survives, "admitted: {admitted}");
            if survives {
                clock.advance(IDLE);
                assert!(futures::poll!(http_body_util::BodyExt::frame(&mut body)).is_ready(), "as long as everyone");
            }
        }
    }

    #[tokio::test]
    async fn an_answer_ends_well_only_with_every_byte_that_was_promised() {
        let whole = sent(vec![Ok(b"ab"), Ok(b"c")], 3).await;
        assert!(whole.len() == 2 && whole.iter().all(Result::is_ok));
        assert!(sent(vec![], 0).await.is_empty());
        for (what, pieces) in [
            ("ends early", vec![Ok(&b"ab"[..])]),
            ("nothing at all", vec![]),
            ("too long", vec![Ok(b"ab"), Ok(b"cd")]),
            ("fails in the middle", vec![Ok(b"ab"), Err(NotAuthentic)]),
            ("fails at the end", vec![Ok(b"abc"), Err(NotAuthentic)]),
        ] {
            assert!(sent(pieces, 3).await.pop().unwrap().is_err(), "{what}");
        }
    }
}
