//! Tags of buckets and objects.

use arqueta_call::s3_actions;
use arqueta_engine::api::{Conditions, ObjectName, Tags};
use arqueta_model::VersionId;
use http::{HeaderMap, StatusCode, Uri};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::{Call, Operations, bucket_name, fail, fields, object_key};
use crate::answer::Status;
use crate::condition;
use crate::error::of_engine;

/// The pairs of a tag set; each tag has a key and a value.
pub fn pairs(set: Vec<Tag>) -> S3Result<Vec<(String, String)>> {
    let malformed = || {
        s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema"
        )
    };
    set.into_iter().map(|tag| Ok((tag.key.ok_or_else(malformed)?, tag.value.ok_or_else(malformed)?))).collect()
}

fn told(tags: &Tags) -> Vec<Tag> {
    tags.pairs().iter().map(|(key, value)| Tag { key: Some(key.clone()), value: Some(value.clone()) }).collect()
}

/// GetBucketTagging.
pub async fn get_bucket_tagging(
    ops: &Operations,
    request: S3Request<GetBucketTaggingInput>,
) -> S3Result<S3Response<GetBucketTaggingOutput>> {
    Call::current()?;
    let name = bucket_name(&request.input.bucket)?;
    let tags = ops.engine.bucket_settings().tags(&name).await.map_err(|e| fail(&e, &request.input.bucket, None))?;
    Ok(S3Response::new(GetBucketTaggingOutput { tag_set: told(&tags) }))
}

/// PutBucketTagging.
pub async fn put_bucket_tagging(
    ops: &Operations,
    mut request: S3Request<PutBucketTaggingInput>,
) -> S3Result<S3Response<PutBucketTaggingOutput>> {
    Call::current()?.tell("Tagging", &request.input.tagging);
    let name = bucket_name(&request.input.bucket)?;
    let set = std::mem::take(&mut request.input.tagging.tag_set);
    let tags = Tags::of_bucket(pairs(set)?).map_err(|e| of_engine(&e))?;
    // An empty set is none.
    let tags = Some(tags).filter(|tags| !tags.is_empty());
    ops.engine.bucket_settings().put_tags(&name, tags).await.map_err(|e| fail(&e, &request.input.bucket, None))?;
    // The API Reference shows 200; the service answers 204.
    let mut answer = S3Response::new(PutBucketTaggingOutput::default());
    answer.extensions.insert(Status(StatusCode::NO_CONTENT));
    Ok(answer)
}

/// DeleteBucketTagging.
pub async fn delete_bucket_tagging(
    ops: &Operations,
    request: S3Request<DeleteBucketTaggingInput>,
) -> S3Result<S3Response<DeleteBucketTaggingOutput>> {
    Call::current()?;
    let name = bucket_name(&request.input.bucket)?;
    ops.engine.bucket_settings().put_tags(&name, None).await.map_err(|e| fail(&e, &request.input.bucket, None))?;
    Ok(S3Response::new(DeleteBucketTaggingOutput::default()))
}

fn object(bucket: &str, key: &str, version: Option<&str>) -> S3Result<ObjectName> {
    Ok(ObjectName { bucket: bucket_name(bucket)?, key: object_key(key)?, version: fields::version(version)? })
}

/// GetObjectTagging.
pub async fn get_object_tagging(
    ops: &Operations,
    request: S3Request<GetObjectTaggingInput>,
) -> S3Result<S3Response<GetObjectTaggingOutput>> {
    let call = Call::current()?;
    let input = &request.input;
    let name = object(&input.bucket, &input.key, input.version_id.as_deref())?;
    let read = |seen| ops.engine.objects().tags_if(&name, Conditions { seen, ..Conditions::default() });
    let (tags, version) = ops.as_decided(&call, &name, (&request.headers, &request.uri), read).await?;
    Ok(S3Response::new(GetObjectTaggingOutput {
        tag_set: told(&tags),
        version_id: call.names_versions().then(|| version.to_string()),
    }))
}

/// PutObjectTagging.
pub async fn put_object_tagging(
    ops: &Operations,
    mut request: S3Request<PutObjectTaggingInput>,
) -> S3Result<S3Response<PutObjectTaggingOutput>> {
    let call = Call::current()?;
    let set = std::mem::take(&mut request.input.tagging.tag_set);
    let input = &request.input;
    let name = object(&input.bucket, &input.key, input.version_id.as_deref())?;
    let set = pairs(set)?;
    // Policies see no more tags than an object can have.
    condition::few_tags(set.len())?;
    let action = match name.version.is_some() {
        true => s3_actions::PUT_OBJECT_VERSION_TAGGING,
        false => s3_actions::PUT_OBJECT_TAGGING,
    };
    ops.permits_with(action, &name, condition::request_tags(&set), &request.headers, &request.uri).await?;
    let tags = Tags::of_object(set).map_err(|e| of_engine(&e))?;
    let version = put_tags(ops, &call, (&name, Some(tags)), (&request.headers, &request.uri)).await?;
    let version_id = call.names_versions().then(|| version.to_string());
    Ok(S3Response::new(PutObjectTaggingOutput { version_id }))
}

/// Sets the tags of the version that the caller's leave was decided on, or removes them.
async fn put_tags(
    ops: &Operations,
    call: &Call,
    (name, tags): (&ObjectName, Option<Tags>),
    request: (&HeaderMap, &Uri),
) -> S3Result<VersionId> {
    let put = |seen| ops.engine.objects().put_tags_if(name, tags.clone(), Conditions { seen, ..Conditions::default() });
    ops.as_decided(call, name, request, put).await
}

/// DeleteObjectTagging.
pub async fn delete_object_tagging(
    ops: &Operations,
    request: S3Request<DeleteObjectTaggingInput>,
) -> S3Result<S3Response<DeleteObjectTaggingOutput>> {
    let call = Call::current()?;
    let input = &request.input;
    let name = object(&input.bucket, &input.key, input.version_id.as_deref())?;
    let version = put_tags(ops, &call, (&name, None), (&request.headers, &request.uri)).await?;
    let version_id = call.names_versions().then(|| version.to_string());
    Ok(S3Response::new(DeleteObjectTaggingOutput { version_id }))
}
