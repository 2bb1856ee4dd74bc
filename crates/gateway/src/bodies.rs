//! Bodies on their way through, counted; what there is to tell of a request is told when its answer
//! is out or given up.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use http_body::{Body, Frame, SizeHint};

/// A request's body; what is read of it is counted.
pub(crate) struct Counted<B> {
    body: B,
    read: Arc<AtomicU64>,
}

impl<B> Counted<B> {
    pub(crate) fn new(body: B, read: Arc<AtomicU64>) -> Self {
        Self { body, read }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Counted<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        this.read.fetch_add(length(&polled), Ordering::Relaxed);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Bytes in what was polled.
fn length<E>(polled: &Poll<Option<Result<Frame<Bytes>, E>>>) -> u64 {
    match polled {
        Poll::Ready(Some(Ok(frame))) => frame.data_ref().map_or(0, |data| data.remaining() as u64),
        _ => 0,
    }
}

/// Is told how an answer ended.
pub(crate) trait Ended {
    /// `sent` bytes of its body went out; `whole` if that is all of it.
    fn ended(&mut self, sent: u64, whole: bool);
}

/// An answer's body; tells when it ends.
pub struct Told<B: Body<Data = Bytes> + Unpin> {
    body: B,
    sent: u64,
    over: bool,
    end: Box<dyn Ended + Send>,
}

impl<B: Body<Data = Bytes> + Unpin> Told<B> {
    pub(crate) fn new(body: B, end: Box<dyn Ended + Send>) -> Self {
        Self { body, sent: 0, over: false, end }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Told<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        this.sent += length(&polled);
        this.over |= matches!(polled, Poll::Ready(None));
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B: Body<Data = Bytes> + Unpin> Drop for Told<B> {
    fn drop(&mut self) {
        // hyper does not ask on where a body says that it is at its end.
        let whole = self.over || self.body.is_end_stream();
        self.end.ended(self.sent, whole);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use http_body_util::{BodyExt as _, Full, StreamBody};
    use std::sync::Mutex;

    struct Note(Arc<Mutex<Option<(u64, bool)>>>);

    impl Ended for Note {
        fn ended(&mut self, sent: u64, whole: bool) {
            *self.0.lock().unwrap() = Some((sent, whole));
        }
    }

    fn pieces(of: &[&'static [u8]]) -> impl Body<Data = Bytes, Error = std::io::Error> + Unpin {
        let pieces: Vec<_> = of.iter().map(|piece| Ok(Frame::data(Bytes::from_static(piece)))).collect();
        StreamBody::new(futures::stream::iter(pieces))
    }

    #[tokio::test]
    async fn a_whole_answer_and_a_cut_one_are_told_apart() {
        let told = Arc::default();
        let note = || Box::new(Note(Arc::clone(&told)));
        drop(Told::new(pieces(&[b"abc", b"de"]), note()).collect().await.unwrap());
        assert_eq!(told.lock().unwrap().take(), Some((5, true)));
        let mut body = Told::new(pieces(&[b"abc", b"de"]), note());
        body.frame().await.unwrap().unwrap();
        drop(body);
        assert_eq!(told.lock().unwrap().take(), Some((3, false)));
        let mut body = Told::new(Full::new(Bytes::from_static(b"abcd")), note());
        body.frame().await.unwrap().unwrap();
        drop(body);
        assert_eq!(told.lock().unwrap().take(), Some((4, true)));
    }

    #[tokio::test]
    async fn what_is_read_of_a_request_is_counted() {
        let read = Arc::default();
        let mut body = Counted::new(pieces(&[b"abc", b"de"]), Arc::clone(&read));
        body.frame().await.unwrap().unwrap();
        assert_eq!(read.load(Ordering::Relaxed), 3);
        body.collect().await.unwrap();
        assert_eq!(read.load(Ordering::Relaxed), 5);
    }
}
