//! Block public access of a bucket, and whether its policy is public.

use arqueta_engine::record::BucketDocument;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result};

use super::{Call, Operations, bucket_name, fail};
use crate::checksum::require_digest;
use crate::error;
use crate::public_access::PublicAccess;

/// GetPublicAccessBlock.
pub async fn get_public_access_block(
    ops: &Operations,
    request: S3Request<GetPublicAccessBlockInput>,
) -> S3Result<S3Response<GetPublicAccessBlockOutput>> {
    Call::current()?;
    let name = bucket_name(&request.input.bucket)?;
    let document = ops.engine.bucket_settings().document(&name, BucketDocument::PublicAccessBlock).await;
    let settings = PublicAccess::read(&document.map_err(|e| fail(&e, &request.input.bucket, None))?);
    Ok(S3Response::new(GetPublicAccessBlockOutput {
        public_access_block_configuration: Some(PublicAccessBlockConfiguration {
            block_public_acls: Some(settings.block_acls),
            block_public_policy: Some(settings.block_policy),
            ignore_public_acls: Some(settings.ignore_acls),
            restrict_public_buckets: Some(settings.restrict_buckets),
        }),
    }))
}

/// PutPublicAccessBlock. What is not named is off.
pub async fn put_public_access_block(
    ops: &Operations,
    request: S3Request<PutPublicAccessBlockInput>,
) -> S3Result<S3Response<PutPublicAccessBlockOutput>> {
    let call = Call::current()?;
    require_digest(&request.headers)?;
    let name = bucket_name(&request.input.bucket)?;
    let asked = &request.input.public_access_block_configuration;
    call.tell("PublicAccessBlockConfiguration", asked);
    let settings = PublicAccess::asked(asked);
    ops.engine
        .bucket_settings()
        .put_document(&name, BucketDocument::PublicAccessBlock, Some(settings.document()))
        .await
        .map_err(|e| fail(&e, &request.input.bucket, None))?;
    Ok(S3Response::new(PutPublicAccessBlockOutput::default()))
}

/// DeletePublicAccessBlock.
pub async fn delete_public_access_block(
    ops: &Operations,
    request: S3Request<DeletePublicAccessBlockInput>,
) -> S3Result<S3Response<DeletePublicAccessBlockOutput>> {
    Call::current()?;
    let name = bucket_name(&request.input.bucket)?;
    ops.engine
        .bucket_settings()
        .put_document(&name, BucketDocument::PublicAccessBlock, None)
        .await
        .map_err(|e| fail(&e, &request.input.bucket, None))?;
    Ok(S3Response::new(DeletePublicAccessBlockOutput::default()))
}

/// GetBucketPolicyStatus: whether the bucket is public, which a policy that
/// RestrictPublicBuckets bars everyone else from is not.
pub async fn get_bucket_policy_status(
    ops: &Operations,
    request: S3Request<GetBucketPolicyStatusInput>,
) -> S3Result<S3Response<GetBucketPolicyStatusOutput>> {
    Call::current()?;
    let name = bucket_name(&request.input.bucket)?;
    let record = ops.engine.buckets().get(&name).await.map_err(|e| fail(&e, &request.input.bucket, None))?;
    let missing = || error::of_engine(&arqueta_engine::Error::NoSuchDocument(BucketDocument::Policy));
    let policy = ops.gate.bucket_policy(&record)?.ok_or_else(missing)?;
    let is_public = policy.is_public && !ops.gate.public_access(&record).await?.restrict_buckets;
    Ok(S3Response::new(GetBucketPolicyStatusOutput {
        policy_status: Some(PolicyStatus { is_public: Some(is_public) }),
    }))
}
