//! DeleteObject and DeleteObjects.

use std::borrow::Cow;

use arqueta_call::s3_actions;
use arqueta_engine::api::{DeleteConditions, DeleteObject, DeletedObject as Gone, ObjectName};
use arqueta_engine::record::BucketRecord;
use arqueta_model::BucketName;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::{Call, Operations, bucket_name, fail, fields, object_key};
use crate::action::bypasses_governance;
use crate::checksum;
use crate::error::{invalid_argument, of_engine};
use crate::gate::{About, Question};
use crate::record::draft::Draft;
use crate::terms;
use crate::text;
use crate::time_text::from_dto;

/// Most keys of one DeleteObjects.
const MOST: usize = 1000;

/// DeleteObject.
pub async fn delete_object(
    ops: &Operations,
    request: S3Request<DeleteObjectInput>,
) -> S3Result<S3Response<DeleteObjectOutput>> {
    let call = Call::current()?;
    refuse_bypass(bypasses_governance(&request.headers), call.exchange.bucket().map(|bucket| &**bucket))?;
    let input = &request.input;
    let delete = DeleteObject {
        name: ObjectName {
            bucket: bucket_name(&input.bucket)?,
            key: object_key(&input.key)?,
            version: fields::version(input.version_id.as_deref())?,
        },
        conditions: DeleteConditions {
            if_match: input.if_match.as_ref().map(fields::etags),
            size: input.if_match_size.and_then(|size| u64::try_from(size).ok()),
            last_modified: input.if_match_last_modified_time.as_ref().map(from_dto),
            seen: None,
        },
        bypass_governance: bypasses_governance(&request.headers),
    };
    let work = |seen| {
        let mut delete = delete.clone();
        delete.conditions.seen = seen;
        async move { ops.engine.objects().delete(&delete).await }
    };
    let gone = ops.as_decided(&call, &delete.name, (&request.headers, &request.uri), work).await?;
    Ok(S3Response::new(DeleteObjectOutput {
        delete_marker: gone.delete_marker.then_some(true),
        version_id: gone.version.map(|version| version.to_string()),
        ..DeleteObjectOutput::default()
    }))
}

/// DeleteObjects: each key is decided and answered for itself.
pub async fn delete_objects(
    ops: &Operations,
    request: S3Request<DeleteObjectsInput>,
) -> S3Result<S3Response<DeleteObjectsOutput>> {
    let call = Call::current()?;
    let input = &request.input;
    checksum::require_digest(&request.headers)?;
    if input.delete.objects.is_empty() || input.delete.objects.len() > MOST {
        return Err(s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema"
        ));
    }
    call.name_keys(input.delete.objects.iter().map(|object| (&*object.key, false)));
    let bucket = bucket_name(&input.bucket)?;
    let record = ops.gate.bucket(&input.bucket).await?;
    let bypass = bypasses_governance(&request.headers);
    let keys = ops.gate.keys(&call.exchange, &request.headers, &request.uri, call.exchange.signing());

    let question = Question { exchange: &call.exchange, keys: &keys };

    // Decided first, in order; what may be deleted then goes to the engine in one go.
    let mut verdicts = Vec::with_capacity(input.delete.objects.len());
    let mut deletes = Vec::new();
    for object in &input.delete.objects {
        let decided = match decode(&bucket, object, bypass) {
            // What can be no object is told so by who may delete it.
            Err(refused) => {
                decide(ops, question, (&bucket, object, None), bypass, record.as_deref()).await.and(Err(refused))
            }
            Ok(mut delete) => {
                let about = (&bucket, object, Some(&delete.name));
                decide(ops, question, about, bypass, record.as_deref()).await.map(|()| {
                    delete.conditions.seen = call.seen(&delete.name).filter(|_| is_conditional(object));
                    delete
                })
            }
        };
        verdicts.push(decided.map(|delete| deletes.push(delete)));
    }
    let objects = input.delete.objects.iter().zip(&verdicts);
    call.name_keys(objects.map(|(object, verdict)| (&*object.key, verdict.is_ok())));
    if record.is_none() && !deletes.is_empty() {
        return Err(fail(&arqueta_engine::Error::NoSuchBucket, &input.bucket, None));
    }
    if deletes.is_empty() {
        call.exchange.with_draft(Draft::touch_nothing);
    } else {
        // Whom nothing is allowed here is told nothing of the bucket.
        refuse_bypass(bypass, record.as_deref())?;
        terms::require(&call.exchange, &request.headers, &request.uri)?;
        ops.recorder.begin(&call.exchange).await?;
    }
    let mut results = ops.engine.objects().delete_all(&deletes).await.into_iter();
    let quiet = input.delete.quiet.unwrap_or(false);
    let (mut deleted, mut errors) = (Vec::new(), Vec::new());
    for (object, verdict) in input.delete.objects.iter().zip(verdicts) {
        match verdict.map(|()| results.next()) {
            Ok(Some(Ok(gone))) => {
                if !quiet {
                    deleted.push(told(&call, object, &gone));
                }
            }
            Ok(Some(Err(failure))) => {
                let told = ops.fail_listed(&failure, &bucket, &request.headers, &request.uri).await;
                errors.push(refusal(&call, object, told.code().as_str(), told.message().unwrap_or_default()));
            }
            Ok(None) => errors.push(refusal(
                &call,
                object,
                "InternalError",
                "We encountered an internal error. Please try again.",
            )),
            Err(denied) => {
                errors.push(refusal(&call, object, denied.code().as_str(), denied.message().unwrap_or_default()));
            }
        }
    }
    Ok(S3Response::new(DeleteObjectsOutput {
        deleted: Some(deleted),
        errors: Some(errors),
        ..DeleteObjectsOutput::default()
    }))
}

/// Whether something is asked of what is there.
const fn is_conditional(object: &ObjectIdentifier) -> bool {
    object.e_tag.is_some() || object.size.is_some() || object.last_modified_time.is_some()
}

/// Decides about one key.
async fn decide(
    ops: &Operations,
    question: Question<'_>,
    (bucket, object, name): (&BucketName, &ObjectIdentifier, Option<&ObjectName>),
    bypass: bool,
    record: Option<&BucketRecord>,
) -> S3Result<()> {
    let resource = format!("arn:aws:s3:::{bucket}/{}", object.key);
    let action = match object.version_id.is_some() {
        true => s3_actions::DELETE_OBJECT_VERSION,
        false => s3_actions::DELETE_OBJECT,
    };
    let mut keys = Cow::Borrowed(question.keys);
    // The request's header is about no key of the list, and nothing here obeys it.
    keys.to_mut().remove("s3:if-match");
    if let Some(etag) = &object.e_tag {
        keys.to_mut().insert("s3:if-match", format!("\"{}\"", etag.value()));
    }
    if let Some(version) = &object.version_id {
        keys.to_mut().insert("s3:VersionId", version.as_str());
    }
    let question = Question { keys: &keys, ..question };
    ops.gate.decide(question, action, &resource, record)?;
    if is_conditional(object) {
        // What is told of a condition is told of what is there.
        let read = match object.version_id.is_some() {
            true => s3_actions::GET_OBJECT_VERSION,
            false => s3_actions::GET_OBJECT,
        };
        ops.gate.decide_object(question, read, &resource, record, About::target(name)).await?;
    }
    if bypass {
        ops.gate.decide(question, s3_actions::BYPASS_GOVERNANCE_RETENTION, &resource, record)?;
    }
    Ok(())
}

/// Bypassing governance means something only where objects can be locked.
fn refuse_bypass(bypass: bool, bucket: Option<&BucketRecord>) -> S3Result<()> {
    if !bypass || bucket.is_none_or(|bucket| bucket.object_lock.is_some()) {
        return Ok(());
    }
    let message = "x-amz-bypass-governance-retention is only applicable to Object Lock enabled buckets.";
    Err(invalid_argument(message, "x-amz-bypass-governance-retention", "true"))
}

/// What is to be deleted. Here, other than in DeleteObject, an id that is none names no version.
fn decode(bucket: &BucketName, object: &ObjectIdentifier, bypass: bool) -> S3Result<DeleteObject> {
    let any = |etag: &ETag| fields::etags(&ETagCondition::ETag(etag.clone()));
    Ok(DeleteObject {
        name: ObjectName {
            bucket: bucket.clone(),
            key: object_key(&object.key)?,
            version: fields::version(object.version_id.as_deref())
                .map_err(|_| of_engine(&arqueta_engine::Error::NoSuchVersion))?,
        },
        conditions: DeleteConditions {
            if_match: object.e_tag.as_ref().map(any),
            size: object.size.and_then(|size| u64::try_from(size).ok()),
            last_modified: object.last_modified_time.as_ref().map(from_dto),
            seen: None,
        },
        bypass_governance: bypass,
    })
}

fn told(call: &Call, object: &ObjectIdentifier, gone: &Gone) -> DeletedObject {
    let version = gone.version.map(|version| version.to_string());
    DeletedObject {
        key: Some(hidden(call, &object.key)),
        version_id: object.version_id.clone(),
        delete_marker: gone.delete_marker.then_some(true),
        delete_marker_version_id: version.filter(|_| gone.delete_marker),
    }
}

fn refusal(call: &Call, object: &ObjectIdentifier, code: &str, message: &str) -> Error {
    Error {
        key: Some(hidden(call, &object.key)),
        version_id: object.version_id.clone(),
        code: Some(code.to_owned()),
        message: Some(message.to_owned()),
    }
}

fn hidden(call: &Call, key: &str) -> String {
    let text = text::hide(key);
    if matches!(text, Cow::Owned(_)) {
        call.exchange.mark_hidden();
    }
    text.into_owned()
}
