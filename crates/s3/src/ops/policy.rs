//! Bucket policies. [`crate::gate::Gate`] enforces them.

use arqueta_engine::record::BucketDocument;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result};

use super::{Call, Operations, bucket_name, fail};

/// GetBucketPolicy.
pub async fn get_bucket_policy(
    ops: &Operations,
    request: S3Request<GetBucketPolicyInput>,
) -> S3Result<S3Response<GetBucketPolicyOutput>> {
    Call::current()?;
    let name = bucket_name(&request.input.bucket)?;
    let policy = ops
        .engine
        .bucket_settings()
        .document(&name, BucketDocument::Policy)
        .await
        .map_err(|e| fail(&e, &request.input.bucket, None))?;
    let policy = ops.gate.shown_policy(&policy).await?;
    Ok(S3Response::new(GetBucketPolicyOutput { policy: Some(policy) }))
}

/// PutBucketPolicy.
pub async fn put_bucket_policy(
    ops: &Operations,
    mut request: S3Request<PutBucketPolicyInput>,
) -> S3Result<S3Response<PutBucketPolicyOutput>> {
    let call = Call::current()?;
    let name = bucket_name(&request.input.bucket)?;
    let policy = std::mem::take(&mut request.input.policy);
    call.tell_policy(&policy);
    let record = ops.engine.buckets().get(&name).await.map_err(|e| fail(&e, &request.input.bucket, None))?;
    let policy = ops.gate.check_policy(&policy, &record, &call.caller.identity).await?;
    ops.engine
        .bucket_settings()
        .put_document(&name, BucketDocument::Policy, Some(policy))
        .await
        .map_err(|e| fail(&e, &request.input.bucket, None))?;
    Ok(S3Response::new(PutBucketPolicyOutput::default()))
}

/// DeleteBucketPolicy.
pub async fn delete_bucket_policy(
    ops: &Operations,
    request: S3Request<DeleteBucketPolicyInput>,
) -> S3Result<S3Response<DeleteBucketPolicyOutput>> {
    Call::current()?;
    let name = bucket_name(&request.input.bucket)?;
    ops.engine
        .bucket_settings()
        .put_document(&name, BucketDocument::Policy, None)
        .await
        .map_err(|e| fail(&e, &request.input.bucket, None))?;
    Ok(S3Response::new(DeleteBucketPolicyOutput::default()))
}
