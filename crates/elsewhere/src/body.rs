//! Contents as the client of an endpoint sends them.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use arqueta_engine::Error;
use arqueta_engine::api::ObjectStream;
use arqueta_replicate::{Failure, Reason};
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, TryStreamExt as _};
use http_body::{Body, Frame, SizeHint};

/// Largest content that is read before it is sent, so that the signature covers it.
const WHOLE: u64 = 256 * 1024;

/// A content of `size` bytes.
///
/// # Errors
/// Where it cannot be read.
pub async fn content(mut stream: ObjectStream, size: u64) -> Result<ByteStream, Failure> {
    if size > WHOLE {
        let body = Streamed { stream: Mutex::new(stream), left: size };
        return Ok(ByteStream::new(SdkBody::from_body_1_x(body)));
    }
    portion(&mut stream, &mut BytesMut::new(), size).await.map(ByteStream::from)
}

/// The next `size` bytes of a content; what was read beyond them is left in `rest`.
///
/// # Errors
/// Where it cannot be read, or ends before.
pub async fn portion(stream: &mut ObjectStream, rest: &mut BytesMut, size: u64) -> Result<Bytes, Failure> {
    let wanted = usize::try_from(size).map_err(|_| Failure::Unavailable("too large to be held".to_owned()))?;
    while rest.len() < wanted {
        match stream.try_next().await.map_err(|error| unreadable(&error))? {
            Some(chunk) => rest.extend_from_slice(&chunk),
            None => return Err(unreadable(&Error::IncompleteBody)),
        }
    }
    Ok(rest.split_to(wanted).freeze())
}

/// What a source that cannot be read means.
pub fn unreadable(error: &Error) -> Failure {
    match error.is_retryable() {
        true => Failure::Unavailable(format!("the source: {error}")),
        false => Failure::denied(Reason::SrcGetObjectNotPermitted, error.to_string()),
    }
}

/// Streams are handed to one thread after the other and never to two; the client wants to know it.
struct Streamed {
    stream: Mutex<ObjectStream>,
    left: u64,
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        let next = this.stream.get_mut().unwrap_or_else(PoisonError::into_inner).poll_next_unpin(context);
        next.map(|chunk| {
            chunk.map(|chunk| {
                let chunk = chunk?;
                this.left = this.left.saturating_sub(chunk.len() as u64);
                Ok(Frame::data(chunk))
            })
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn stream(chunks: Vec<Result<Bytes, Error>>) -> ObjectStream {
        futures::stream::iter(chunks).boxed()
    }

    #[tokio::test]
    async fn portions_are_whole_or_none() {
        let mut all = stream(vec![Ok("abc".into()), Ok("defg".into())]);
        let mut rest = BytesMut::new();
        assert_eq!(portion(&mut all, &mut rest, 2).await.unwrap(), "ab");
        assert_eq!(portion(&mut all, &mut rest, 4).await.unwrap(), "cdef");
        assert!(matches!(portion(&mut all, &mut rest, 2).await, Err(Failure::Denied { .. })));
        let mut broken = stream(vec![Ok("abc".into()), Err(Error::Integrity)]);
        let denied = portion(&mut broken, &mut BytesMut::new(), 4).await.unwrap_err();
        assert!(matches!(denied, Failure::Denied { reason: Reason::SrcGetObjectNotPermitted, .. }), "{denied}");
    }

    #[tokio::test]
    async fn large_contents_say_how_long_they_are() {
        let body = content(stream(vec![]), WHOLE + 1).await.unwrap();
        assert_eq!(body.size_hint().1, Some(WHOLE + 1));
        let body = content(stream(vec![Ok("abc".into())]), 3).await.unwrap();
        assert_eq!(body.collect().await.unwrap().into_bytes(), "abc");
    }
}
