//! A body that keeps something until it is read or given up.

use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};

/// A body, with something to be dropped together with it.
pub(super) struct UntilRead<B, T> {
    body: B,
    _kept: T,
}

impl<B, T> UntilRead<B, T> {
    pub(super) fn new(body: B, kept: T) -> Self {
        Self { body, _kept: kept }
    }
}

impl<B: Body + Unpin, T: Unpin> Body for UntilRead<B, T> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
