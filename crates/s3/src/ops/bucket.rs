//! Buckets: made, found, listed, removed; location and versioning.

use arqueta_call::s3_actions;
use arqueta_engine::api::{CreateBucket, ListBuckets, Tags, Versioning};
use arqueta_engine::listing::{continuation_token, continue_after};
use arqueta_model::Region;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::listing::present;
use super::{Call, Operations, acl, bucket_name, fail, fields, namespace, tagging};
use crate::action;
use crate::condition;
use crate::error::{invalid_argument, of_engine};
use crate::refusal::Detail as _;
use crate::terms;
use crate::time_text::to_dto;

/// Most buckets of one page.
const MOST: i32 = 10_000;

/// ListBuckets: those of the caller's account.
pub async fn list_buckets(
    ops: &Operations,
    request: S3Request<ListBucketsInput>,
) -> S3Result<S3Response<ListBucketsOutput>> {
    let call = Call::current()?;
    let input = &request.input;
    let account = &call.caller.identity.principal.account;
    let limit = input.max_buckets.unwrap_or(MOST);
    if !(1..=MOST).contains(&limit) {
        let message = "Argument max-buckets must be an integer between 1 and 10000";
        return Err(invalid_argument(message, "max-buckets", &limit.to_string()));
    }
    check_region(input.bucket_region.as_deref(), &ops.region)?;
    let token = present(input.continuation_token.as_deref());
    let after = token.map(continue_after).transpose().map_err(|e| of_engine(&e))?;
    let page = ops
        .engine
        .buckets()
        .list(ListBuckets {
            owner: account.clone(),
            prefix: input.prefix.clone().unwrap_or_default(),
            after,
            limit: usize::try_from(limit).unwrap_or(0),
        })
        .await
        .map_err(|e| of_engine(&e))?;
    let here = |region: &str| present(input.bucket_region.as_deref()).is_none_or(|wanted| wanted == region);
    let buckets = page.buckets.iter().filter(|bucket| here(bucket.region.as_str())).map(|bucket| Bucket {
        name: Some(bucket.name.to_string()),
        creation_date: Some(to_dto(bucket.created)),
        bucket_region: Some(bucket.region.to_string()),
        bucket_arn: Some(format!("arn:aws:s3:::{}", bucket.name)),
    });
    Ok(S3Response::new(ListBucketsOutput {
        buckets: Some(buckets.collect()),
        continuation_token: page.next.as_deref().map(continuation_token),
        owner: Some(fields::owner(account)),
        prefix: input.prefix.clone(),
    }))
}

/// Regions that AWS has. A bucket of another one can only be in the gateway's own.
const REGIONS: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

/// Refuses to list the buckets of a Region that nobody has.
fn check_region(wanted: Option<&str>, own: &Region) -> S3Result<()> {
    match present(wanted) {
        Some(wanted) if wanted != own.as_str() && !REGIONS.contains(&wanted) => {
            let message = format!("Argument value {wanted} is not a valid AWS Region");
            Err(invalid_argument(&message, "bucket-region", wanted))
        }
        _ => Ok(()),
    }
}

/// CreateBucket.
pub async fn create_bucket(
    ops: &Operations,
    request: S3Request<CreateBucketInput>,
) -> S3Result<S3Response<CreateBucketOutput>> {
    let call = Call::current()?;
    let input = &request.input;
    if let Some(configuration) = &input.create_bucket_configuration {
        call.tell("CreateBucketConfiguration", configuration);
    }
    authorize(ops, &request)?;
    acl::refuse_on_bucket(
        input.acl.as_ref().map(BucketCannedACL::as_str),
        [
            &input.grant_full_control,
            &input.grant_read,
            &input.grant_read_acp,
            &input.grant_write,
            &input.grant_write_acp,
        ],
    )?;
    let configuration = input.create_bucket_configuration.as_ref();
    if configuration.is_some_and(|c| c.location.is_some() || c.bucket.is_some()) {
        return Err(s3_error!(NotImplemented, "Directory buckets are not implemented."));
    }
    let owner = &call.caller.identity.principal.account;
    namespace::require(&input.bucket, input.bucket_namespace.as_ref(), owner, &ops.region)?;
    if let Some(wanted) = configuration.and_then(|c| c.location_constraint.as_ref()) {
        check_location(wanted.as_str(), ops.region.as_str())?;
    }
    let tags = configuration
        .and_then(|c| c.tags.clone())
        .filter(|set| !set.is_empty())
        .map(|set| Tags::of_bucket(tagging::pairs(set)?).map_err(|e| of_engine(&e)));
    let create = CreateBucket {
        bucket: bucket_name(&input.bucket)?,
        owner: call.caller.identity.principal.account.clone(),
        object_lock: input.object_lock_enabled_for_bucket.unwrap_or(false),
        tags: tags.transpose()?,
        documents: ops.new_buckets.clone(),
    };
    let settings = create.tags.is_some() || create.object_lock || input.object_ownership.is_some();
    if settings && call.exchange.bucket().is_some_and(|bucket| bucket.owner == create.owner) {
        // A bucket made again as it is may pass in the first region; one made otherwise does not.
        return Err(fail(&arqueta_engine::Error::BucketAlreadyOwnedByYou, &input.bucket, None));
    }
    acl::require_enforced(input.object_ownership.as_ref())?;
    ops.engine.buckets().create(create).await.map_err(|e| fail(&e, &input.bucket, None))?;
    Ok(S3Response::new(CreateBucketOutput {
        location: Some(format!("/{}", input.bucket)),
        bucket_arn: Some(format!("arn:aws:s3:::{}", input.bucket)),
    }))
}

/// Decides what the body says: the Region and the tags are condition keys, and tags take a
/// permission of their own (S3 API Reference, CreateBucket). Without a body it was decided before.
fn authorize(ops: &Operations, request: &S3Request<CreateBucketInput>) -> S3Result<()> {
    let configuration = request.input.create_bucket_configuration.as_ref();
    if configuration.is_none() && !action::has_body(&request.headers) {
        return Ok(());
    }
    let location = configuration.and_then(|c| c.location_constraint.as_ref());
    let location = location.map(|location| ("s3:LocationConstraint".to_owned(), location.as_str().to_owned()));
    let tags = configuration.and_then(|c| c.tags.as_deref()).unwrap_or_default();
    condition::few_bucket_tags(tags.len())?;
    let tags: Vec<_> = tags.iter().filter_map(|tag| Some((tag.key.clone()?, tag.value.clone()?))).collect();
    let mut told: Vec<(String, String)> = location.into_iter().collect();
    told.extend(tags.iter().map(|(key, value)| (format!("aws:RequestTag/{key}"), value.clone())));
    told.extend(tags.iter().map(|(key, _)| ("aws:TagKeys".to_owned(), key.clone())));
    let tagging = (!tags.is_empty()).then_some(s3_actions::TAG_RESOURCE);
    for action in std::iter::once(s3_actions::CREATE_BUCKET).chain(tagging) {
        ops.permits_creation(action, &request.input.bucket, &told, &request.headers, &request.uri)?;
    }
    terms::require(&Call::current()?.exchange, &request.headers, &request.uri)
}

/// Whether a bucket may be made `wanted` in a gateway of `region`. The first region of S3 has no
/// constraint: there it must not be named.
fn check_location(wanted: &str, region: &str) -> S3Result<()> {
    const UNNAMED: &str = "us-east-1";
    if wanted != region {
        return Err(s3_error!(
            IllegalLocationConstraintException,
            "The {wanted} location constraint is incompatible for the region specific endpoint this request was sent to."
        ));
    }
    match wanted {
        UNNAMED => Err(s3_error!(InvalidLocationConstraint, "The specified location-constraint is not valid")),
        _ => Ok(()),
    }
}

/// HeadBucket.
pub async fn head_bucket(
    ops: &Operations,
    request: S3Request<HeadBucketInput>,
) -> S3Result<S3Response<HeadBucketOutput>> {
    Call::current()?;
    let name = bucket_name(&request.input.bucket)?;
    let bucket = ops.engine.buckets().get(&name).await.map_err(|e| fail(&e, &request.input.bucket, None))?;
    let mut answer = S3Response::new(HeadBucketOutput {
        bucket_region: Some(bucket.region.to_string()),
        bucket_arn: Some(format!("arn:aws:s3:::{name}")),
        ..HeadBucketOutput::default()
    });
    answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    Ok(answer)
}

/// DeleteBucket.
pub async fn delete_bucket(
    ops: &Operations,
    request: S3Request<DeleteBucketInput>,
) -> S3Result<S3Response<DeleteBucketOutput>> {
    let call = Call::current()?;
    let name = bucket_name(&request.input.bucket)?;
    ops.engine.buckets().delete(&name).await.map_err(|failure| match failure {
        arqueta_engine::Error::BucketNotEmpty if call.names_versions() => s3_error!(
            BucketNotEmpty,
            "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
        )
        .detail("BucketName", &request.input.bucket),
        other => fail(&other, &request.input.bucket, None),
    })?;
    Ok(S3Response::new(DeleteBucketOutput::default()))
}

/// GetBucketLocation. The location of `us-east-1` is written as nothing.
pub async fn get_bucket_location(
    ops: &Operations,
    request: S3Request<GetBucketLocationInput>,
) -> S3Result<S3Response<GetBucketLocationOutput>> {
    Call::current()?;
    let name = bucket_name(&request.input.bucket)?;
    let bucket = ops.engine.buckets().get(&name).await.map_err(|e| fail(&e, &request.input.bucket, None))?;
    let region = bucket.region.as_str();
    let location = (region != "us-east-1").then(|| BucketLocationConstraint::from(region.to_owned()));
    Ok(S3Response::new(GetBucketLocationOutput { location_constraint: location }))
}

/// GetBucketVersioning.
pub async fn get_bucket_versioning(
    ops: &Operations,
    request: S3Request<GetBucketVersioningInput>,
) -> S3Result<S3Response<GetBucketVersioningOutput>> {
    Call::current()?;
    let name = bucket_name(&request.input.bucket)?;
    let bucket = ops.engine.buckets().get(&name).await.map_err(|e| fail(&e, &request.input.bucket, None))?;
    let status = match bucket.versioning {
        Versioning::Off => None,
        Versioning::Enabled => Some(BucketVersioningStatus::from_static(BucketVersioningStatus::ENABLED)),
        Versioning::Suspended => Some(BucketVersioningStatus::from_static(BucketVersioningStatus::SUSPENDED)),
    };
    Ok(S3Response::new(GetBucketVersioningOutput { status, ..GetBucketVersioningOutput::default() }))
}

/// PutBucketVersioning.
pub async fn put_bucket_versioning(
    ops: &Operations,
    request: S3Request<PutBucketVersioningInput>,
) -> S3Result<S3Response<PutBucketVersioningOutput>> {
    let call = Call::current()?;
    let input = &request.input;
    let wanted = &input.versioning_configuration;
    call.tell("VersioningConfiguration", wanted);
    if wanted.mfa_delete.as_ref().is_some_and(|mfa| mfa.as_str() == MFADelete::ENABLED) {
        return Err(s3_error!(NotImplemented, "MFA delete is not implemented."));
    }
    let versioning = match wanted.status.as_ref().map(BucketVersioningStatus::as_str) {
        Some(BucketVersioningStatus::ENABLED) => Versioning::Enabled,
        Some(BucketVersioningStatus::SUSPENDED) => Versioning::Suspended,
        Some(_) => {
            return Err(s3_error!(
                MalformedXML,
                "The XML you provided was not well-formed or did not validate against our published schema"
            ));
        }
        None => {
            return Err(s3_error!(IllegalVersioningConfigurationException, "The Versioning element must be specified"));
        }
    };
    let name = bucket_name(&input.bucket)?;
    ops.engine.bucket_settings().put_versioning(&name, versioning).await.map_err(|e| fail(&e, &input.bucket, None))?;
    Ok(S3Response::new(PutBucketVersioningOutput::default()))
}
