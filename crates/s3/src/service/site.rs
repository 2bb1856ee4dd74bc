//! A browser's request for a page of a website on its way to [`crate::website`].

use std::sync::Arc;

use arqueta_call::{Connection, Visitor};
use arqueta_model::{RequestId, Served};
use bytes::Bytes;
use futures::future::BoxFuture;
use http::header::{CONNECTION, HeaderName};
use http::{HeaderValue, Request, Response};
use percent_encoding::percent_decode_str;
use s3s::{Body, StdError};

use super::S3Edge;
use super::closing::Closing;
use crate::{answer, leftover, website};

impl S3Edge {
    /// Answers a browser that asks for a page of the website that `bucket` is.
    pub(super) async fn site<B>(&self, request: Request<B>, bucket: &str, connection: &Connection) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<StdError>,
    {
        let (parts, body) = request.into_parts();
        let closing = Closing::of(&parts);
        let (unread, leftover) = leftover::lend(body);
        let visitor = parts.extensions.get::<Arc<Visitor>>();
        let read = |mut request: Request<_>| -> BoxFuture<'_, _> {
            if let Some(visitor) = visitor {
                request.extensions_mut().insert(Arc::clone(visitor));
            }
            Box::pin(arqueta_audit::call(self.answer(request, connection)))
        };
        let mut answer = website::answer(&self.engine, (&parts, connection.tls.is_some()), bucket, &read).await;
        // No page is about what a browser sends along.
        drop(unread);
        if !closing.can_go_on(leftover, &self.clock).await {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if answer.extensions().get::<Served>().is_none() {
            // Nothing was read for it.
            let id = RequestId::random().to_string();
            let host_id = answer::host_id(&id);
            answer::identify(answer.headers_mut(), id, host_id);
            let code = answer.headers().get(CODE).and_then(|code| code.to_str().ok()).map(str::to_owned);
            let key = percent_decode_str(parts.uri.path().strip_prefix('/').unwrap_or_default());
            let key = key.decode_utf8().ok().filter(|key| !key.is_empty()).map(Into::into);
            let (who, bucket) = (Some("anonymous".to_owned()), Some(bucket.to_owned()));
            answer.extensions_mut().insert(Served { operation: None, who, bucket, key, code });
        }
        answer
    }
}

/// The code of the error that a page tells.
const CODE: HeaderName = HeaderName::from_static("x-amz-error-code");
