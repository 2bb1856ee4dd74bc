//! Configurations that no bucket here has. Setting one answers NotImplemented, so what reading them
//! tells is the truth; deleting one, or setting what every bucket has, changes nothing and succeeds.
//! Tools that read and write a bucket's every setting need these answers.

use arqueta_engine::api::ObjectName;
use http::StatusCode;
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::{Call, Operations, bucket_name, fail, fields, object_key};
use crate::error::Answer;
use crate::refusal::Detail as _;

async fn require(ops: &Operations, bucket: &str) -> S3Result<()> {
    Call::current()?;
    let name = bucket_name(bucket)?;
    ops.engine.buckets().get(&name).await.map(drop).map_err(|e| fail(&e, bucket, None))
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

/// GetBucketAbac: tags of the bucket decide nothing.
pub async fn get_bucket_abac(
    ops: &Operations,
    request: S3Request<GetBucketAbacInput>,
) -> S3Result<S3Response<GetBucketAbacOutput>> {
    require(ops, &request.input.bucket).await?;
    let status = AbacStatus { status: Some(BucketAbacStatus::from_static(BucketAbacStatus::DISABLED)) };
    Ok(S3Response::new(GetBucketAbacOutput { abac_status: Some(status) }))
}

/// RestoreObject: only what is archived can be restored, and nothing is.
pub async fn restore_object(
    ops: &Operations,
    request: S3Request<RestoreObjectInput>,
) -> S3Result<S3Response<RestoreObjectOutput>> {
    Call::current()?;
    let input = &request.input;
    let name = ObjectName {
        bucket: bucket_name(&input.bucket)?,
        key: object_key(&input.key)?,
        version: fields::version(input.version_id.as_deref())?,
    };
    match ops.engine.objects().tags(&name).await {
        Ok(_) => Err(s3_error!(InvalidObjectState, "Restore is not allowed for the object's current storage class")),
        Err(failure) => Err(ops.fail_object(&failure, &name.bucket, &name.key, &request.headers, &request.uri).await),
    }
}

/// Reads of one configuration, by an id that no configuration has, or of one that no bucket has.
macro_rules! missing {
    ($($code:literal, $message:literal: $name:ident($input:ident) -> $output:ident;)*) => {
        $(
            /// There is none.
            pub async fn $name(ops: &Operations, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                require(ops, &request.input.bucket).await?;
                Err(Answer::new($code, StatusCode::NOT_FOUND, $message)
                    .into_error()
                    .detail("BucketName", &request.input.bucket))
            }
        )*
    };
}

missing! {
    "NoSuchConfiguration", "The specified configuration does not exist.":
        get_bucket_analytics_configuration(GetBucketAnalyticsConfigurationInput) -> GetBucketAnalyticsConfigurationOutput;
    "NoSuchConfiguration", "The specified configuration does not exist.":
        get_bucket_intelligent_tiering_configuration(GetBucketIntelligentTieringConfigurationInput) -> GetBucketIntelligentTieringConfigurationOutput;
    "NoSuchConfiguration", "The specified configuration does not exist.":
        get_bucket_inventory_configuration(GetBucketInventoryConfigurationInput) -> GetBucketInventoryConfigurationOutput;
    "NoSuchConfiguration", "The specified configuration does not exist.":
        get_bucket_metrics_configuration(GetBucketMetricsConfigurationInput) -> GetBucketMetricsConfigurationOutput;
    "MetadataConfigurationNotFound", "The metadata configuration was not found":
        get_bucket_metadata_configuration(GetBucketMetadataConfigurationInput) -> GetBucketMetadataConfigurationOutput;
    "MetadataConfigurationNotFound", "The metadata configuration was not found":
        get_bucket_metadata_table_configuration(GetBucketMetadataTableConfigurationInput) -> GetBucketMetadataTableConfigurationOutput;
    "MetadataConfigurationNotFound", "The metadata configuration was not found":
        delete_bucket_metadata_configuration(DeleteBucketMetadataConfigurationInput) -> DeleteBucketMetadataConfigurationOutput;
    "MetadataConfigurationNotFound", "The metadata configuration was not found":
        delete_bucket_metadata_table_configuration(DeleteBucketMetadataTableConfigurationInput) -> DeleteBucketMetadataTableConfigurationOutput;
}

/// Lists of configurations that no bucket has.
macro_rules! lists {
    ($($name:ident($input:ident) -> $output:ident;)*) => {
        $(
            /// There are none.
            pub async fn $name(ops: &Operations, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                require(ops, &request.input.bucket).await?;
                Ok(S3Response::new($output { is_truncated: Some(false), ..Default::default() }))
            }
        )*
    };
}

lists! {
    list_bucket_analytics_configurations(ListBucketAnalyticsConfigurationsInput) -> ListBucketAnalyticsConfigurationsOutput;
    list_bucket_intelligent_tiering_configurations(ListBucketIntelligentTieringConfigurationsInput) -> ListBucketIntelligentTieringConfigurationsOutput;
    list_bucket_inventory_configurations(ListBucketInventoryConfigurationsInput) -> ListBucketInventoryConfigurationsOutput;
    list_bucket_metrics_configurations(ListBucketMetricsConfigurationsInput) -> ListBucketMetricsConfigurationsOutput;
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
    delete_bucket_analytics_configuration(DeleteBucketAnalyticsConfigurationInput) -> DeleteBucketAnalyticsConfigurationOutput;
    delete_bucket_intelligent_tiering_configuration(DeleteBucketIntelligentTieringConfigurationInput) -> DeleteBucketIntelligentTieringConfigurationOutput;
    delete_bucket_inventory_configuration(DeleteBucketInventoryConfigurationInput) -> DeleteBucketInventoryConfigurationOutput;
    delete_bucket_metrics_configuration(DeleteBucketMetricsConfigurationInput) -> DeleteBucketMetricsConfigurationOutput;
}

fn not_implemented(what: &str) -> S3Error {
    s3_error!(NotImplemented, "{what}")
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
