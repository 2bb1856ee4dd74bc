//! A request about a whole account on its way to [`crate::account`].

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use http_body_util::BodyExt as _;
use s3s::{Body, S3Error, StdError};

use super::S3Edge;
use crate::auth::refuse_doubled;
use crate::exchange::Exchange;
use crate::incoming::BodyFault;
use crate::{account, answer};

impl S3Edge {
    /// Answers a request about an account.
    pub(super) async fn account<B>(&self, parts: Parts, body: B, exchange: &Arc<Exchange>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<StdError>,
    {
        let admitted = async {
            refuse_doubled(&parts.headers)?;
            let verified = self.verified(&parts, exchange).await?;
            exchange.sign(verified.signing);
            let operation = account::operation(&parts.method)?;
            let deciding = (&*self.forms.gate, &self.recorder);
            Ok::<_, S3Error>((verified, operation, account::admit(deciding, exchange, operation, &parts).await?))
        };
        let (verified, operation, of) = match admitted.await {
            Ok(admitted) => admitted,
            Err(refused) => return answer::of_error(&refused),
        };
        let request = match self.prepared(parts, body, verified.payload, exchange) {
            Ok(request) => request,
            Err(fault) => return answer::refused(fault.refusal()),
        };
        let Ok(body) = request.into_body().collect().await else {
            // As the body's watch says.
            return answer::refused(exchange.incoming().fault().unwrap_or(&BodyFault::Incomplete).refusal());
        };
        match account::perform(&self.engine, exchange, (operation, &of), &body.to_bytes()).await {
            Ok(answer) => answer,
            Err(refused) => answer::of_error(&refused),
        }
    }
}
