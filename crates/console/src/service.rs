//! The public operations, in process.

use std::error::Error;
use std::pin::Pin;

use arqueta_call::Connection;
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;

/// What goes wrong in the middle of a body.
pub type BoxError = Box<dyn Error + Send + Sync>;
/// The body of a call, and of its answer.
pub type CallBody = UnsyncBoxBody<Bytes, BoxError>;

/// The public operations, in process: what the listener of the S3 port would be given.
#[async_trait]
pub trait Service: Send + Sync {
    /// Answers one request that came over `connection`.
    async fn call(&self, request: Request<CallBody>, connection: &Connection) -> Response<CallBody>;
}

/// A body, read whole; `None` where it breaks or is larger than `most` bytes.
pub(crate) fn whole(mut body: CallBody, most: usize) -> Pin<Box<dyn Future<Output = Option<Bytes>> + Send>> {
    Box::pin(async move {
        if body.size_hint().lower() > most as u64 {
            return None;
        }
        let mut read = BytesMut::new();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.ok()?.into_data() {
                if read.len() + data.len() > most {
                    return None;
                }
                read.extend_from_slice(&data);
            }
        }
        Some(read.freeze())
    })
}
