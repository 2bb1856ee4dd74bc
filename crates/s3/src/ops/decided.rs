//! What is done is done to what was decided on.

use std::sync::Arc;

use arqueta_call::{Action, s3_actions};
use arqueta_engine::Error;
use arqueta_engine::api::{ObjectName, Sighting};
use arqueta_model::BucketName;
use http::{HeaderMap, Uri};
use s3s::{S3Error, S3Result, s3_error};

use super::{Call, Operations};
use crate::error;
use crate::exchange::Exchange;
use crate::gate::Question;

/// Times a request is decided because what it was decided on is replaced meanwhile.
const DECISIONS: usize = 4;

impl Operations {
    /// As [`Operations::fail_object`], of one key of many.
    pub(super) async fn fail_listed(
        &self,
        failure: &Error,
        bucket: &BucketName,
        headers: &HeaderMap,
        uri: &Uri,
    ) -> S3Error {
        let told = error::of_engine(failure);
        if !matches!(failure, Error::NoSuchKey { .. } | Error::NoSuchVersion) {
            return told;
        }
        let resource = format!("arn:aws:s3:::{bucket}");
        self.permits(s3_actions::LIST_BUCKET, &resource, bucket, headers, uri).await.err().unwrap_or(told)
    }

    /// Does what a request asks of `name`, on what it was decided on; what was replaced meanwhile is decided
    /// anew, a few times. Who is answered has leave for what the answer is about, and for no other version.
    pub(super) async fn as_decided<T, F: Future<Output = Result<T, Error>> + Send>(
        &self,
        call: &Call,
        name: &ObjectName,
        (headers, uri): (&HeaderMap, &Uri),
        work: impl Fn(Option<Sighting>) -> F + Send + Sync,
    ) -> S3Result<T> {
        for _ in 0..DECISIONS {
            match work(call.seen(name)).await {
                Ok(done) => return Ok(done),
                Err(Error::Changed) => self.gate.decide_anew(&call.exchange, headers, uri).await?,
                Err(failure) => return Err(self.fail_object(&failure, &name.bucket, &name.key, headers, uri).await),
            }
        }
        Err(error::of_engine(&Error::Changed))
    }

    /// Decides one more action on an object, as it was when the request was decided.
    pub(super) async fn permits_on(
        &self,
        action: Action,
        name: &ObjectName,
        headers: &HeaderMap,
        uri: &Uri,
    ) -> S3Result<()> {
        let exchange = Exchange::current().ok_or_else(|| s3_error!(InternalError))?;
        let record = match exchange.bucket() {
            Some(record) if record.name == name.bucket => Some(Arc::clone(record)),
            _ => self.gate.bucket(name.bucket.as_str()).await?,
        };
        let keys = self.gate.keys(&exchange, headers, uri, exchange.signing());
        let question = Question { exchange: &exchange, keys: &keys };
        let resource = format!("arn:aws:s3:::{}/{}", name.bucket, name.key);
        self.gate.weigh_object(question, action, &resource, record.as_deref(), Some(name)).await
    }
}
