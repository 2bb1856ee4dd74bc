//! Configuration of lifecycle, and what is told of it with objects and uploads. The engine acts on it.
//!
//! Rules are held to what S3 holds them to (API Reference, PutBucketLifecycleConfiguration; User Guide,
//! "Lifecycle configuration elements"). Transitions are refused by name: there is one storage class.

use arqueta_engine::api::Tags;
use arqueta_engine::lifecycle::{Expiration, Expiry, Filter, FilterForm, Noncurrent, Rule, Rules};
use arqueta_engine::record::{BucketDocument, BucketRecord};
use arqueta_engine::upload_started;
use arqueta_model::{ObjectKey, UploadId};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Response, S3Result, s3_error};

use super::{Call, Operations, bucket_name, fail, tagging};
use crate::error::of_engine;
use crate::time_text::{exact, from_dto, http_date};

/// Most rules of a bucket.
const MOST: usize = 1000;
/// Longest name of a rule, in characters.
const LONGEST_NAME: usize = 255;
/// Most noncurrent versions that a rule can keep.
const MOST_KEPT: i32 = 100;
/// Milliseconds of a day: dates are midnights.
const DAY: i64 = 24 * 60 * 60 * 1000;
/// Which objects transitions leave alone by default. There are none, and clients ask.
const SMALLEST: &str = "all_storage_classes_128K";

/// GetBucketLifecycleConfiguration.
pub async fn get_bucket_lifecycle_configuration(
    ops: &Operations,
    request: S3Request<GetBucketLifecycleConfigurationInput>,
) -> S3Result<S3Response<GetBucketLifecycleConfigurationOutput>> {
    Call::current()?;
    let name = bucket_name(&request.input.bucket)?;
    let document = ops.engine.bucket_settings().document(&name, BucketDocument::Lifecycle).await;
    let document = document.map_err(|e| fail(&e, &request.input.bucket, None))?;
    let rules = Rules::from_document(&document).map_err(|e| of_engine(&e))?;
    Ok(S3Response::new(GetBucketLifecycleConfigurationOutput {
        rules: Some(rules.rules.into_iter().map(told).collect()),
        transition_default_minimum_object_size: Some(TransitionDefaultMinimumObjectSize::from_static(SMALLEST)),
    }))
}

/// PutBucketLifecycleConfiguration.
pub async fn put_bucket_lifecycle_configuration(
    ops: &Operations,
    request: S3Request<PutBucketLifecycleConfigurationInput>,
) -> S3Result<S3Response<PutBucketLifecycleConfigurationOutput>> {
    let call = Call::current()?;
    let input = &request.input;
    let configuration = input.lifecycle_configuration.as_ref().ok_or_else(malformed)?;
    call.tell("LifecycleConfiguration", configuration);
    let smallest = input.transition_default_minimum_object_size.as_ref();
    if smallest.is_some_and(|smallest| smallest.as_str() != SMALLEST) {
        return Err(no_transitions());
    }
    let rules = decode(&configuration.rules)?;
    let name = bucket_name(&input.bucket)?;
    ops.engine
        .bucket_settings()
        .put_document(&name, BucketDocument::Lifecycle, Some(rules.to_document()))
        .await
        .map_err(|e| fail(&e, &input.bucket, None))?;
    Ok(S3Response::new(PutBucketLifecycleConfigurationOutput {
        transition_default_minimum_object_size: Some(TransitionDefaultMinimumObjectSize::from_static(SMALLEST)),
    }))
}

/// DeleteBucketLifecycle.
pub async fn delete_bucket_lifecycle(
    ops: &Operations,
    request: S3Request<DeleteBucketLifecycleInput>,
) -> S3Result<S3Response<DeleteBucketLifecycleOutput>> {
    Call::current()?;
    let name = bucket_name(&request.input.bucket)?;
    ops.engine
        .bucket_settings()
        .put_document(&name, BucketDocument::Lifecycle, None)
        .await
        .map_err(|e| fail(&e, &request.input.bucket, None))?;
    Ok(S3Response::new(DeleteBucketLifecycleOutput::default()))
}

impl Operations {
    /// `x-amz-expiration` of the current version of a key, where a rule says when it goes. Nothing is
    /// read where the bucket has no rules.
    pub(super) async fn expiration(&self, bucket: Option<&BucketRecord>, key: &ObjectKey) -> Option<String> {
        let bucket = bucket.filter(|bucket| bucket.documents.contains_key(&BucketDocument::Lifecycle))?;
        match self.engine.lifecycle().expiry(bucket, key, self.calendar).await {
            Ok(expiry) => expiry.map(|expiry| header(&expiry)),
            Err(error) => {
                tracing::debug!(%error, bucket = %bucket.name, "when an object goes cannot be told");
                None
            }
        }
    }

    /// When an upload is given up, and by which rule.
    pub(super) fn abort_date(
        &self,
        bucket: Option<&BucketRecord>,
        key: &ObjectKey,
        upload: UploadId,
    ) -> (Option<Timestamp>, Option<String>) {
        let rules = bucket.and_then(|bucket| self.engine.lifecycle().rules(bucket).ok().flatten());
        let expiry = rules.and_then(|rules| rules.abort_expiry(key.as_str(), upload_started(upload), self.calendar));
        expiry.map(|expiry| (exact(expiry.at), expiry.rule)).unzip()
    }
}

fn header(expiry: &Expiry) -> String {
    let rule = utf8_percent_encode(&expiry.rule, NON_ALPHANUMERIC_BUT);
    format!("expiry-date=\"{}\", rule-id=\"{rule}\"", http_date(expiry.at))
}

/// Names are URL-encoded in the header; what is unreserved there stays as it is (RFC 3986, 2.3).
const NON_ALPHANUMERIC_BUT: &percent_encoding::AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

fn malformed() -> S3Error {
    s3_error!(MalformedXML, "The XML you provided was not well-formed or did not validate against our published schema")
}

fn no_transitions() -> S3Error {
    s3_error!(NotImplemented, "Transitions are not implemented: every object is in the storage class STANDARD.")
}

fn invalid(message: &str) -> S3Error {
    s3_error!(InvalidArgument, "{}", message)
}

fn decode(rules: &[LifecycleRule]) -> S3Result<Rules> {
    if rules.is_empty() || rules.len() > MOST {
        return Err(malformed());
    }
    let mut decoded: Vec<Rule> = Vec::with_capacity(rules.len());
    let mut names = std::collections::BTreeSet::new();
    for rule in rules {
        let rule = decode_rule(rule)?;
        if !names.insert(rule.id.clone()) {
            return Err(invalid("Rule ID must be unique. Found same ID for more than one rule"));
        }
        decoded.push(rule);
    }
    Ok(Rules { rules: decoded })
}

fn decode_rule(rule: &LifecycleRule) -> S3Result<Rule> {
    let some = |list: Option<usize>| list.is_some_and(|entries| entries > 0);
    if some(rule.transitions.as_ref().map(Vec::len)) || some(rule.noncurrent_version_transitions.as_ref().map(Vec::len))
    {
        return Err(no_transitions());
    }
    let enabled = match rule.status.as_str() {
        ExpirationStatus::ENABLED => true,
        ExpirationStatus::DISABLED => false,
        _ => return Err(malformed()),
    };
    let id = match rule.id.as_deref() {
        Some(id) if id.chars().count() > LONGEST_NAME => {
            return Err(invalid("ID length should not exceed allowed limit of 255"));
        }
        Some(id) if !id.is_empty() => id.to_owned(),
        _ => arqueta_model::RequestId::random().to_string(),
    };
    let decoded = Rule {
        id,
        enabled,
        filter: decode_filter(rule)?,
        expiration: rule.expiration.as_ref().map(decode_expiration).transpose()?,
        noncurrent: rule.noncurrent_version_expiration.as_ref().map(decode_noncurrent).transpose()?,
        abort: rule.abort_incomplete_multipart_upload.as_ref().map(decode_abort).transpose()?,
    };
    check(&decoded)?;
    Ok(decoded)
}

/// What goes together.
fn check(rule: &Rule) -> S3Result<()> {
    let refused = |message: &str| Err(s3_error!(InvalidRequest, "{}", message));
    if rule.expiration.is_none() && rule.noncurrent.is_none() && rule.abort.is_none() {
        return refused("At least one action needs to be specified in a rule");
    }
    let by_size = rule.filter.larger.is_some() || rule.filter.smaller.is_some();
    let by_tag = !rule.filter.tags.is_empty();
    if rule.abort.is_some() && by_tag {
        return refused("AbortIncompleteMultipartUpload cannot be specified with Tags");
    }
    if rule.abort.is_some() && by_size {
        return refused("AbortIncompleteMultipartUpload cannot be specified with Object Size");
    }
    if matches!(rule.expiration, Some(Expiration::DeleteMarker(_))) && by_tag {
        return refused("ExpiredObjectDeleteMarker cannot be specified with Tags");
    }
    if rule.noncurrent.is_some_and(|noncurrent| noncurrent.keep.is_some()) && rule.filter.form == FilterForm::Prefix {
        return refused("NewerNoncurrentVersions can only be specified in a rule with a Filter");
    }
    Ok(())
}

fn decode_filter(rule: &LifecycleRule) -> S3Result<Filter> {
    let prefixed = |prefix: Option<&String>| match prefix {
        Some(prefix) if prefix.len() > 1024 => Err(invalid("The maximum size of a prefix is 1024")),
        prefix => Ok(prefix.cloned()),
    };
    let filter = match (&rule.prefix, &rule.filter) {
        (Some(_), Some(_)) | (None, None) => return Err(malformed()),
        (prefix @ Some(_), None) => {
            return Ok(Filter { form: FilterForm::Prefix, prefix: prefixed(prefix.as_ref())?, ..Filter::default() });
        }
        (None, Some(filter)) => filter,
    };
    let given = [
        filter.and.is_some(),
        filter.prefix.is_some(),
        filter.tag.is_some(),
        filter.object_size_greater_than.is_some(),
        filter.object_size_less_than.is_some(),
    ];
    if given.iter().filter(|given| **given).count() > 1 {
        return Err(malformed());
    }
    let decoded = match &filter.and {
        None => Filter {
            form: FilterForm::Single,
            prefix: prefixed(filter.prefix.as_ref())?,
            tags: tags(filter.tag.iter().cloned().collect())?,
            larger: filter.object_size_greater_than.map(size).transpose()?,
            smaller: filter.object_size_less_than.map(size).transpose()?,
        },
        Some(and) => {
            let decoded = Filter {
                form: FilterForm::And,
                prefix: prefixed(and.prefix.as_ref())?,
                tags: tags(and.tags.clone().unwrap_or_default())?,
                larger: and.object_size_greater_than.map(size).transpose()?,
                smaller: and.object_size_less_than.map(size).transpose()?,
            };
            let conditions = usize::from(decoded.prefix.is_some())
                + decoded.tags.len()
                + usize::from(decoded.larger.is_some())
                + usize::from(decoded.smaller.is_some());
            if conditions < 2 {
                return Err(malformed());
            }
            decoded
        }
    };
    match (decoded.larger, decoded.smaller) {
        (Some(larger), Some(smaller)) if larger >= smaller => Err(s3_error!(
            InvalidRequest,
            "'ObjectSizeGreaterThan' has to be a value smaller than 'ObjectSizeLessThan'"
        )),
        _ => Ok(decoded),
    }
}

fn tags(set: Vec<Tag>) -> S3Result<Vec<(String, String)>> {
    let tags = Tags::of_object(tagging::pairs(set)?).map_err(|e| of_engine(&e))?;
    Ok(tags.pairs().to_vec())
}

fn size(bytes: i64) -> S3Result<u64> {
    u64::try_from(bytes).map_err(|_| invalid("Object size in a filter must not be negative"))
}

fn positive(days: i32, message: &str) -> S3Result<u32> {
    u32::try_from(days).ok().filter(|days| *days > 0).ok_or_else(|| invalid(message))
}

fn decode_expiration(expiration: &LifecycleExpiration) -> S3Result<Expiration> {
    match (expiration.days, &expiration.date, expiration.expired_object_delete_marker) {
        (Some(days), None, None) => {
            Ok(Expiration::Days(positive(days, "'Days' for Expiration action must be a positive integer")?))
        }
        (None, Some(date), None) => {
            let date = from_dto(date);
            if date.millis().rem_euclid(DAY) != 0 {
                return Err(invalid("'Date' must be at midnight GMT"));
            }
            Ok(Expiration::Date(date))
        }
        (None, None, Some(removed)) => Ok(Expiration::DeleteMarker(removed)),
        _ => Err(malformed()),
    }
}

fn decode_noncurrent(expiration: &NoncurrentVersionExpiration) -> S3Result<Noncurrent> {
    let keep = match expiration.newer_noncurrent_versions {
        Some(keep) if !(1..=MOST_KEPT).contains(&keep) => {
            return Err(invalid("'NewerNoncurrentVersions' must be between 1 and 100"));
        }
        keep => keep.and_then(|keep| u32::try_from(keep).ok()),
    };
    let days = expiration.noncurrent_days.ok_or_else(malformed)?;
    let message = "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer";
    Ok(Noncurrent { days: positive(days, message)?, keep })
}

fn decode_abort(abort: &AbortIncompleteMultipartUpload) -> S3Result<u32> {
    let days = abort.days_after_initiation.ok_or_else(malformed)?;
    positive(days, "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer")
}

/// A rule as it was set.
fn told(rule: Rule) -> LifecycleRule {
    let (prefix, filter) = told_filter(rule.filter);
    let days = |days: u32| i32::try_from(days).ok();
    LifecycleRule {
        id: Some(rule.id),
        status: ExpirationStatus::from_static(if rule.enabled {
            ExpirationStatus::ENABLED
        } else {
            ExpirationStatus::DISABLED
        }),
        prefix,
        filter,
        expiration: rule.expiration.map(|expiration| match expiration {
            Expiration::Days(old) => LifecycleExpiration { days: days(old), ..LifecycleExpiration::default() },
            Expiration::Date(at) => LifecycleExpiration { date: Some(exact(at)), ..LifecycleExpiration::default() },
            Expiration::DeleteMarker(removed) => {
                LifecycleExpiration { expired_object_delete_marker: Some(removed), ..LifecycleExpiration::default() }
            }
        }),
        noncurrent_version_expiration: rule.noncurrent.map(|noncurrent| NoncurrentVersionExpiration {
            noncurrent_days: days(noncurrent.days),
            newer_noncurrent_versions: noncurrent.keep.and_then(days),
        }),
        abort_incomplete_multipart_upload: rule
            .abort
            .map(|old| AbortIncompleteMultipartUpload { days_after_initiation: days(old) }),
        noncurrent_version_transitions: None,
        transitions: None,
    }
}

fn told_filter(filter: Filter) -> (Option<String>, Option<LifecycleRuleFilter>) {
    let bytes = |size: Option<u64>| size.and_then(|size| i64::try_from(size).ok());
    let tags = filter.tags.into_iter().map(|(key, value)| Tag { key: Some(key), value: Some(value) });
    let (larger, smaller) = (bytes(filter.larger), bytes(filter.smaller));
    match filter.form {
        FilterForm::Prefix => (filter.prefix, None),
        FilterForm::Single => {
            let single = LifecycleRuleFilter {
                prefix: filter.prefix,
                tag: tags.into_iter().next(),
                object_size_greater_than: larger,
                object_size_less_than: smaller,
                ..LifecycleRuleFilter::default()
            };
            (None, Some(single))
        }
        FilterForm::And => {
            let tags: Vec<_> = tags.collect();
            let and = LifecycleRuleAndOperator {
                prefix: filter.prefix,
                tags: (!tags.is_empty()).then_some(tags),
                object_size_greater_than: larger,
                object_size_less_than: smaller,
            };
            (None, Some(LifecycleRuleFilter { and: Some(and), ..LifecycleRuleFilter::default() }))
        }
    }
}
