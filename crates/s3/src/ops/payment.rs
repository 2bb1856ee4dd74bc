//! Who pays for requests (S3 User Guide, "Using Requester Pays general purpose buckets").

use arqueta_engine::record::BucketDocument;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::{Call, Operations, bucket_name, fail};
use crate::requester_pays;

/// GetBucketRequestPayment.
pub async fn get_bucket_request_payment(
    ops: &Operations,
    request: S3Request<GetBucketRequestPaymentInput>,
) -> S3Result<S3Response<GetBucketRequestPaymentOutput>> {
    Call::current()?;
    let name = bucket_name(&request.input.bucket)?;
    let bucket = ops.engine.buckets().get(&name).await.map_err(|e| fail(&e, &request.input.bucket, None))?;
    let payer = if requester_pays::asks(&bucket) { Payer::REQUESTER } else { Payer::BUCKET_OWNER };
    Ok(S3Response::new(GetBucketRequestPaymentOutput { payer: Some(Payer::from_static(payer)) }))
}

/// PutBucketRequestPayment.
pub async fn put_bucket_request_payment(
    ops: &Operations,
    request: S3Request<PutBucketRequestPaymentInput>,
) -> S3Result<S3Response<PutBucketRequestPaymentOutput>> {
    let input = &request.input;
    Call::current()?.tell("RequestPaymentConfiguration", &input.request_payment_configuration);
    let name = bucket_name(&input.bucket)?;
    let kept = match input.request_payment_configuration.payer.as_str() {
        Payer::BUCKET_OWNER => None,
        Payer::REQUESTER => Some(Payer::REQUESTER.to_owned()),
        _ => {
            return Err(s3_error!(
                MalformedXML,
                "The XML you provided was not well-formed or did not validate against our published schema"
            ));
        }
    };
    let done = ops.engine.bucket_settings().put_document(&name, BucketDocument::RequestPayment, kept).await;
    done.map_err(|e| fail(&e, &input.bucket, None))?;
    Ok(S3Response::new(PutBucketRequestPaymentOutput::default()))
}
