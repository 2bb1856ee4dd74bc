//! What becomes of a connection whose request was answered before its body was read.

use std::sync::Arc;

use arqueta_model::Clock;
use bytes::Bytes;
use http::Version;
use http::header::EXPECT;
use http::request::Parts;

use crate::leftover::Leftover;

/// What becomes of a connection whose request was answered before its body was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Closing {
    /// A version of HTTP that gives up a body without giving up the connection.
    is_multiplexed: bool,
    /// The client waits to be asked for the body.
    waits: bool,
}

impl Closing {
    pub(super) fn of(parts: &Parts) -> Self {
        let waits =
            parts.headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        Self { is_multiplexed: parts.version > Version::HTTP_11, waits }
    }

    pub(super) async fn can_go_on<B>(self, leftover: Leftover<B>, clock: &Arc<dyn Clock>) -> bool
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    {
        // Who waits was not asked, or the body would have been begun: it is not coming.
        self.is_multiplexed || (self.waits && !leftover.is_begun()) || leftover.drain(clock).await
    }
}
