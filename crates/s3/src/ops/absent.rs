//! Configurations that no bucket here has: their Put operations answer NotImplemented, so what
//! reading them tells is the truth. Tools that read a bucket's every setting need these answers.

use arqueta_engine::Error;
use arqueta_engine::record::BucketDocument;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::{Call, Operations, bucket_name, fail};

async fn require(ops: &Operations, bucket: &str) -> S3Result<()> {
    Call::current()?;
    let name = bucket_name(bucket)?;
    ops.engine.bucket(&name).await.map(drop).map_err(|e| fail(&e, bucket, None))
}

/// GetBucketRequestPayment: the owner pays.
pub async fn get_bucket_request_payment(
    ops: &Operations,
    request: S3Request<GetBucketRequestPaymentInput>,
) -> S3Result<S3Response<GetBucketRequestPaymentOutput>> {
    require(ops, &request.input.bucket).await?;
    Ok(S3Response::new(GetBucketRequestPaymentOutput { payer: Some(Payer::from_static(Payer::BUCKET_OWNER)) }))
}

/// GetBucketAccelerateConfiguration: never set.
pub async fn get_bucket_accelerate_configuration(
    ops: &Operations,
    request: S3Request<GetBucketAccelerateConfigurationInput>,
) -> S3Result<S3Response<GetBucketAccelerateConfigurationOutput>> {
    require(ops, &request.input.bucket).await?;
    Ok(S3Response::new(GetBucketAccelerateConfigurationOutput::default()))
}

/// GetBucketLogging: not enabled.
pub async fn get_bucket_logging(
    ops: &Operations,
    request: S3Request<GetBucketLoggingInput>,
) -> S3Result<S3Response<GetBucketLoggingOutput>> {
    require(ops, &request.input.bucket).await?;
    Ok(S3Response::new(GetBucketLoggingOutput::default()))
}

/// GetBucketNotificationConfiguration: nobody is notified.
pub async fn get_bucket_notification_configuration(
    ops: &Operations,
    request: S3Request<GetBucketNotificationConfigurationInput>,
) -> S3Result<S3Response<GetBucketNotificationConfigurationOutput>> {
    require(ops, &request.input.bucket).await?;
    Ok(S3Response::new(GetBucketNotificationConfigurationOutput::default()))
}

/// GetBucketLifecycleConfiguration: none.
pub async fn get_bucket_lifecycle_configuration(
    ops: &Operations,
    request: S3Request<GetBucketLifecycleConfigurationInput>,
) -> S3Result<S3Response<GetBucketLifecycleConfigurationOutput>> {
    require(ops, &request.input.bucket).await?;
    Err(fail(&Error::NoSuchDocument(BucketDocument::Lifecycle), &request.input.bucket, None))
}

/// GetBucketReplication: none.
pub async fn get_bucket_replication(
    ops: &Operations,
    request: S3Request<GetBucketReplicationInput>,
) -> S3Result<S3Response<GetBucketReplicationOutput>> {
    require(ops, &request.input.bucket).await?;
    Err(fail(&Error::NoSuchDocument(BucketDocument::Replication), &request.input.bucket, None))
}

/// GetBucketWebsite: none.
pub async fn get_bucket_website(
    ops: &Operations,
    request: S3Request<GetBucketWebsiteInput>,
) -> S3Result<S3Response<GetBucketWebsiteOutput>> {
    require(ops, &request.input.bucket).await?;
    Err(s3_error!(NoSuchWebsiteConfiguration, "The specified bucket does not have a website configuration"))
}
