//! Configurations that no bucket here has. Setting one answers NotImplemented, so what reading them
//! tells is the truth; deleting one, or setting what every bucket has, changes nothing and succeeds.
//! Tools that read and write a bucket's every setting need these answers.

use arqueta_engine::Error;
use arqueta_engine::record::BucketDocument;
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::{Call, Operations, bucket_name, fail};

async fn require(ops: &Operations, bucket: &str) -> S3Result<()> {
    Call::current()?;
    let name = bucket_name(bucket)?;
    ops.engine.buckets().get(&name).await.map(drop).map_err(|e| fail(&e, bucket, None))
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

/// Deletes of configurations that no bucket has.
macro_rules! deletes {
    ($($name:ident($input:ident) -> $output:ident;)*) => {
        $(
            /// There is none to delete.
            pub async fn $name(ops: &Operations, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                require(ops, &request.input.bucket).await?;
                Ok(S3Response::new($output::default()))
            }
        )*
    };
}

deletes! {
    delete_bucket_replication(DeleteBucketReplicationInput) -> DeleteBucketReplicationOutput;
    delete_bucket_website(DeleteBucketWebsiteInput) -> DeleteBucketWebsiteOutput;
    delete_bucket_analytics_configuration(DeleteBucketAnalyticsConfigurationInput) -> DeleteBucketAnalyticsConfigurationOutput;
    delete_bucket_intelligent_tiering_configuration(DeleteBucketIntelligentTieringConfigurationInput) -> DeleteBucketIntelligentTieringConfigurationOutput;
    delete_bucket_inventory_configuration(DeleteBucketInventoryConfigurationInput) -> DeleteBucketInventoryConfigurationOutput;
    delete_bucket_metrics_configuration(DeleteBucketMetricsConfigurationInput) -> DeleteBucketMetricsConfigurationOutput;
}

fn not_implemented(what: &str) -> S3Error {
    s3_error!(NotImplemented, "{what}")
}

/// PutBucketRequestPayment: the owner pays, here and always.
pub async fn put_bucket_request_payment(
    ops: &Operations,
    request: S3Request<PutBucketRequestPaymentInput>,
) -> S3Result<S3Response<PutBucketRequestPaymentOutput>> {
    Call::current()?.tell("RequestPaymentConfiguration", &request.input.request_payment_configuration);
    require(ops, &request.input.bucket).await?;
    match request.input.request_payment_configuration.payer.as_str() {
        Payer::BUCKET_OWNER => Ok(S3Response::new(PutBucketRequestPaymentOutput::default())),
        Payer::REQUESTER => Err(not_implemented("Buckets whose requester pays are not implemented.")),
        _ => Err(s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema"
        )),
    }
}

/// PutBucketAccelerateConfiguration: nothing is accelerated.
pub async fn put_bucket_accelerate_configuration(
    ops: &Operations,
    request: S3Request<PutBucketAccelerateConfigurationInput>,
) -> S3Result<S3Response<PutBucketAccelerateConfigurationOutput>> {
    Call::current()?.tell("AccelerateConfiguration", &request.input.accelerate_configuration);
    require(ops, &request.input.bucket).await?;
    match request.input.accelerate_configuration.status.as_ref().map(BucketAccelerateStatus::as_str) {
        Some(BucketAccelerateStatus::SUSPENDED) => {
            Ok(S3Response::new(PutBucketAccelerateConfigurationOutput::default()))
        }
        Some(BucketAccelerateStatus::ENABLED) => Err(not_implemented("Transfer acceleration is not implemented.")),
        _ => Err(s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema"
        )),
    }
}
