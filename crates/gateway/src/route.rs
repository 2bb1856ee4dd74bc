//! One port, two edges: which of them a request is for.

use std::sync::Arc;
use std::time::Instant;

use arqueta_aws::{AwsEdge, Peer as AwsPeer};
use arqueta_s3::{Connection, S3Edge};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;

use crate::listen::Peer;
use crate::metrics::{Api, Metrics};

/// The body of any edge's answer.
pub type AnswerBody = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// The edges behind the S3 port.
#[derive(Clone)]
pub struct Router {
    /// S3.
    pub s3: Arc<S3Edge>,
    /// KMS, IAM, STS, CloudTrail.
    pub aws: Arc<AwsEdge>,
    /// Counts answers.
    pub metrics: Arc<Metrics>,
}

impl Router {
    /// Answers one request.
    pub async fn answer(&self, request: Request<Incoming>, peer: Peer) -> Response<AnswerBody> {
        let start = Instant::now();
        let ip = peer.address.ip();
        let (api, answer) = if AwsEdge::matches(&request) {
            let answer = self.aws.call(request, AwsPeer { ip, secure: peer.tls.is_some() }).await;
            (Api::Aws, answer.map(|body| body.map_err(|never| match never {}).boxed_unsync()))
        } else {
            let answer = self.s3.call(request, &Connection { peer: ip, tls: peer.tls }).await;
            (Api::S3, answer.map(BodyExt::boxed_unsync))
        };
        self.metrics.answered(api, answer.status(), start.elapsed());
        answer
    }
}
