//! Work that goes on when whoever waits for it goes away.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::FutureExt as _;
use tokio::runtime::Handle;

/// Work whose rest runs by itself once it is dropped: a commit under way happens or not whoever waits for it,
/// and what depends on its outcome has to be done in either case.
pub(crate) struct Carried<T: Send + 'static>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

/// Work to be carried through.
pub(crate) fn carried<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Carried<T> {
    Carried(Some(Box::pin(work)))
}

impl<T: Send + 'static> Future for Carried<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let work = self.0.as_mut().expect("a future is not polled after its end");
        let outcome = ready!(work.as_mut().poll(context));
        self.0 = None;
        Poll::Ready(outcome)
    }
}

impl<T: Send + 'static> Drop for Carried<T> {
    fn drop(&mut self) {
        // What panicked is not polled again.
        if std::thread::panicking() {
            return;
        }
        // Without a runtime the process ends, and the next one reads what is stored.
        if let (Some(work), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(work.map(drop));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_rest_is_done_when_nobody_waits_for_it() {
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let (done, is_done) = tokio::sync::oneshot::channel();
        let mut work = carried(async move {
            gone.await.unwrap();
            done.send(7).unwrap();
        });
        assert!(futures::poll!(&mut work).is_pending());
        drop(work);
        go.send(()).unwrap();
        assert_eq!(is_done.await.unwrap(), 7);
        assert_eq!(carried(async { 8 }).await, 8);
    }
}
