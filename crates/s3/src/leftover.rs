//! What is left of a request's body when it is answered early.
//!
//! A server that answers and closes while the client still sends resets the connection, and the
//! answer is lost with it (RFC 9112, 9.6). So a small rest is read and thrown away and the connection
//! goes on; with a larger one it is said to end, and is read on for a while so that the answer arrives.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use arqueta_model::Clock;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;

/// Most that is read before the answer, in bytes.
const SMALL: u64 = 1024 * 1024;
/// How long that may take.
const SHORT: Duration = Duration::from_millis(500);
/// Most that is read behind an answer that ends the connection, in bytes.
const LINGERING: u64 = 16 * 1024 * 1024;
/// How long that may take.
const LINGER: Duration = Duration::from_secs(5);

/// A body that comes back when whoever reads it lets go of it.
pub struct Lent<B> {
    body: Option<B>,
    back: Arc<Slot<B>>,
}

struct Slot<B> {
    begun: AtomicBool,
    body: Mutex<Option<B>>,
}

/// Where a lent body comes back to.
pub struct Leftover<B>(Arc<Slot<B>>);

/// Lends `body`.
pub fn lend<B>(body: B) -> (Lent<B>, Leftover<B>) {
    let back = Arc::new(Slot { begun: AtomicBool::new(false), body: Mutex::new(None) });
    (Lent { body: Some(body), back: Arc::clone(&back) }, Leftover(back))
}

impl<B: Body + Unpin> Body for Lent<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.back.begun.store(true, Ordering::Release);
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            // There is nothing left of a body that is over or broken.
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl<B> Drop for Lent<B> {
    fn drop(&mut self) {
        *self.back.body.lock().unwrap_or_else(PoisonError::into_inner) = self.body.take();
    }
}

impl<B> Leftover<B>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
{
    /// Whether anybody asked for the body.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.0.begun.load(Ordering::Acquire)
    }

    /// Reads what is left. Whether the connection can go on; if not, a task reads on for a while.
    pub async fn drain(self, clock: &Arc<dyn Clock>) -> bool {
        let body = self.0.body.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut body) = body.filter(|body| !body.is_end_stream()) else { return true };
        if body.size_hint().lower() <= SMALL && read(&mut body, SMALL, SHORT, &**clock).await {
            return true;
        }
        let clock = Arc::clone(clock);
        tokio::spawn(async move { read(&mut body, LINGERING, LINGER, &*clock).await });
        false
    }
}

/// Reads `body` to its end; whether it came within `limit` and `time`.
async fn read<B>(body: &mut B, limit: u64, time: Duration, clock: &dyn Clock) -> bool
where
    B: Body<Data = Bytes> + Unpin,
{
    let all = async {
        let mut seen = 0;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            seen += frame.data_ref().map_or(0, |data| data.len() as u64);
            if seen > limit {
                return false;
            }
        }
        true
    };
    tokio::select! {
        over = all => over,
        () = clock.sleep(time) => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use arqueta_model::ManualClock;
    use futures::StreamExt as _;
    use http_body_util::{Full, StreamBody};

    fn clock() -> Arc<dyn Clock> {
        Arc::new(ManualClock::default())
    }

    #[tokio::test]
    async fn a_small_rest_is_read_and_the_connection_goes_on() {
        let (mut lent, left) = lend(Full::new(Bytes::from(vec![0; 1024 * 1024])));
        let _ = lent.frame().await;
        drop(lent);
        assert!(left.drain(&clock()).await);
        let (lent, left) = lend(Full::new(Bytes::from(vec![0; 1024])));
        drop(lent);
        assert!(left.drain(&clock()).await, "not begun");
    }

    #[tokio::test]
    async fn a_large_rest_ends_the_connection() {
        let (lent, left) = lend(Full::new(Bytes::from(vec![0; 1024 * 1024 + 1])));
        drop(lent);
        assert!(!left.drain(&clock()).await, "declared");
        let endless = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(Frame::data(Bytes::from(vec![0; 4096]))));
        let (lent, left) = lend(StreamBody::new(endless));
        drop(lent);
        assert!(!left.drain(&clock()).await, "not declared");
    }

    #[tokio::test]
    async fn a_client_that_falls_silent_is_not_waited_for() {
        let manual = Arc::new(ManualClock::default());
        let silent = futures::stream::pending::<Result<Frame<Bytes>, std::io::Error>>().boxed();
        let (lent, left) = lend(StreamBody::new(silent));
        drop(lent);
        let clock: Arc<dyn Clock> = Arc::clone(&manual) as Arc<_>;
        let drained = tokio::spawn(async move { left.drain(&clock).await });
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert!(!drained.is_finished());
        manual.advance(SHORT);
        assert!(!drained.await.unwrap());
    }
}
