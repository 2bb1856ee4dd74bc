//! Object lock: the bucket's configuration, retention and legal holds of versions.

use arqueta_call::s3_actions;
use arqueta_engine::api::{self, ObjectName, Retention, RetentionPeriod};
use http::HeaderMap;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::{Call, Operations, bucket_name, fail, fields, object_key};
use crate::action::bypasses_governance;
use crate::checksum::require_digest;
use crate::condition;
use crate::refusal::Detail as _;
use crate::time_text::{exact, from_dto};

fn malformed() -> s3s::S3Error {
    s3_error!(MalformedXML, "The XML you provided was not well-formed or did not validate against our published schema")
}

/// GetObjectLockConfiguration.
pub async fn get_object_lock_configuration(
    ops: &Operations,
    request: S3Request<GetObjectLockConfigurationInput>,
) -> S3Result<S3Response<GetObjectLockConfigurationOutput>> {
    Call::current()?;
    let name = bucket_name(&request.input.bucket)?;
    let lock =
        ops.engine.bucket_settings().object_lock(&name).await.map_err(|e| fail(&e, &request.input.bucket, None))?;
    let rule = lock.default.map(|default| {
        let (days, years) = match default.period {
            RetentionPeriod::Days(days) => (i32::try_from(days).ok(), None),
            RetentionPeriod::Years(years) => (None, i32::try_from(years).ok()),
        };
        let mode = Some(ObjectLockRetentionMode::from_static(fields::mode_name(default.mode)));
        ObjectLockRule { default_retention: Some(DefaultRetention { days, mode, years }) }
    });
    Ok(S3Response::new(GetObjectLockConfigurationOutput {
        object_lock_configuration: Some(ObjectLockConfiguration {
            object_lock_enabled: Some(ObjectLockEnabled::from_static(ObjectLockEnabled::ENABLED)),
            rule,
        }),
    }))
}

/// PutObjectLockConfiguration.
pub async fn put_object_lock_configuration(
    ops: &Operations,
    request: S3Request<PutObjectLockConfigurationInput>,
) -> S3Result<S3Response<PutObjectLockConfigurationOutput>> {
    let call = Call::current()?;
    require_digest(&request.headers)?;
    let input = &request.input;
    let name = bucket_name(&input.bucket)?;
    let configuration = input.object_lock_configuration.as_ref();
    let configuration = configuration.ok_or_else(|| s3_error!(MissingRequestBodyError, "Request Body is empty"))?;
    call.tell("ObjectLockConfiguration", configuration);
    let lock = decode(configuration)?;
    ops.engine.bucket_settings().put_object_lock(&name, lock).await.map_err(|e| fail(&e, &input.bucket, None))?;
    Ok(S3Response::new(PutObjectLockConfigurationOutput::default()))
}

fn decode(configuration: &ObjectLockConfiguration) -> S3Result<api::ObjectLockConfiguration> {
    if configuration.object_lock_enabled.as_ref().map(ObjectLockEnabled::as_str) != Some(ObjectLockEnabled::ENABLED) {
        return Err(malformed());
    }
    let Some(rule) = &configuration.rule else { return Ok(api::ObjectLockConfiguration::default()) };
    let default = rule.default_retention.as_ref().ok_or_else(malformed)?;
    let mode = default.mode.as_ref().ok_or_else(malformed)?;
    let period = match (default.days, default.years) {
        (Some(days), None) => RetentionPeriod::Days(positive(days)?),
        (None, Some(years)) => RetentionPeriod::Years(positive(years)?),
        _ => return Err(malformed()),
    };
    let mode = fields::retention_mode(mode.as_str()).map_err(|_| malformed())?;
    Ok(api::ObjectLockConfiguration { default: Some(api::DefaultRetention { mode, period }) })
}

fn positive(period: i32) -> S3Result<u32> {
    let refuse = || s3_error!(InvalidArgument, "Default retention period must be a positive integer value.");
    u32::try_from(period).ok().filter(|period| *period > 0).ok_or_else(refuse)
}

/// Refuses event holds, which S3 has since 2026 (S3 API Reference, PutObject): what is not held must not be taken for
/// held. Those in documents are found as these are read ([`crate::document`]).
///
/// # Errors
/// `NotImplemented`, which names the header.
pub fn refuse_event_hold(headers: &HeaderMap) -> S3Result<()> {
    match headers.keys().find(|name| name.as_str().starts_with("x-amz-object-lock-event-hold")) {
        Some(name) => Err(s3_error!(NotImplemented, "Event holds of object lock are not implemented.")
            .detail("Header", name.as_str())),
        None => Ok(()),
    }
}

fn object(bucket: &str, key: &str, version: Option<&str>) -> S3Result<ObjectName> {
    Ok(ObjectName { bucket: bucket_name(bucket)?, key: object_key(key)?, version: fields::version(version)? })
}

/// GetObjectRetention.
pub async fn get_object_retention(
    ops: &Operations,
    request: S3Request<GetObjectRetentionInput>,
) -> S3Result<S3Response<GetObjectRetentionOutput>> {
    Call::current()?;
    let input = &request.input;
    let name = object(&input.bucket, &input.key, input.version_id.as_deref())?;
    match ops.engine.locks().retention(&name).await {
        Ok(found) => Ok(S3Response::new(GetObjectRetentionOutput {
            retention: Some(ObjectLockRetention {
                mode: Some(ObjectLockRetentionMode::from_static(fields::mode_name(found.mode))),
                retain_until_date: Some(exact(found.until)),
            }),
        })),
        Err(failure) => Err(ops.fail_object(&failure, &name.bucket, &name.key, &request.headers, &request.uri).await),
    }
}

/// PutObjectRetention. An empty retention lifts it, as far as it may be lifted.
pub async fn put_object_retention(
    ops: &Operations,
    request: S3Request<PutObjectRetentionInput>,
) -> S3Result<S3Response<PutObjectRetentionOutput>> {
    let call = Call::current()?;
    require_digest(&request.headers)?;
    let input = &request.input;
    let name = object(&input.bucket, &input.key, input.version_id.as_deref())?;
    let asked = input.retention.as_ref().ok_or_else(malformed)?;
    let retention = match (&asked.mode, &asked.retain_until_date) {
        (None, None) => None,
        (Some(mode), Some(until)) => {
            let mode = fields::retention_mode(mode.as_str()).map_err(|_| malformed())?;
            Some(Retention { mode, until: from_dto(until) })
        }
        _ => return Err(malformed()),
    };
    let now = call.exchange.info().received;
    let told = retention.as_ref().map(|it| condition::retention(Some(fields::mode_name(it.mode)), Some(it.until), now));
    let bypass = bypasses_governance(&request.headers);
    let further = bypass.then_some(s3_actions::BYPASS_GOVERNANCE_RETENTION);
    for action in std::iter::once(s3_actions::PUT_OBJECT_RETENTION).chain(further) {
        let told = told.clone().into_iter().flatten();
        ops.permits_with(action, &name, told, &request.headers, &request.uri).await?;
    }
    match ops.engine.locks().put_retention(&name, retention, bypass).await {
        Ok(()) => Ok(S3Response::new(PutObjectRetentionOutput::default())),
        Err(failure) => Err(ops.fail_object(&failure, &name.bucket, &name.key, &request.headers, &request.uri).await),
    }
}

/// GetObjectLegalHold.
pub async fn get_object_legal_hold(
    ops: &Operations,
    request: S3Request<GetObjectLegalHoldInput>,
) -> S3Result<S3Response<GetObjectLegalHoldOutput>> {
    Call::current()?;
    let input = &request.input;
    let name = object(&input.bucket, &input.key, input.version_id.as_deref())?;
    match ops.engine.locks().legal_hold(&name).await {
        Ok(hold) => Ok(S3Response::new(GetObjectLegalHoldOutput {
            legal_hold: Some(ObjectLockLegalHold {
                status: Some(ObjectLockLegalHoldStatus::from_static(fields::hold_name(hold))),
            }),
        })),
        Err(failure) => Err(ops.fail_object(&failure, &name.bucket, &name.key, &request.headers, &request.uri).await),
    }
}

/// PutObjectLegalHold.
pub async fn put_object_legal_hold(
    ops: &Operations,
    request: S3Request<PutObjectLegalHoldInput>,
) -> S3Result<S3Response<PutObjectLegalHoldOutput>> {
    Call::current()?;
    require_digest(&request.headers)?;
    let input = &request.input;
    let name = object(&input.bucket, &input.key, input.version_id.as_deref())?;
    let status = input.legal_hold.as_ref().and_then(|hold| hold.status.as_ref()).ok_or_else(malformed)?;
    let hold = fields::legal_hold(Some(status.as_str())).map_err(|_| malformed())?.ok_or_else(malformed)?;
    let told = ("s3:object-lock-legal-hold".to_owned(), fields::hold_name(hold).to_owned());
    ops.permits_with(s3_actions::PUT_OBJECT_LEGAL_HOLD, &name, [told], &request.headers, &request.uri).await?;
    match ops.engine.locks().put_legal_hold(&name, hold).await {
        Ok(()) => Ok(S3Response::new(PutObjectLegalHoldOutput::default())),
        Err(failure) => Err(ops.fail_object(&failure, &name.bucket, &name.key, &request.headers, &request.uri).await),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn configuration(days: Option<i32>, years: Option<i32>, mode: &'static str) -> ObjectLockConfiguration {
        ObjectLockConfiguration {
            object_lock_enabled: Some(ObjectLockEnabled::from_static("Enabled")),
            rule: Some(ObjectLockRule {
                default_retention: Some(DefaultRetention {
                    days,
                    years,
                    mode: Some(ObjectLockRetentionMode::from_static(mode)),
                }),
            }),
        }
    }

    #[test]
    fn default_retention_is_in_days_or_years() {
        let lock = decode(&configuration(Some(30), None, "GOVERNANCE")).unwrap();
        assert_eq!(lock.default.unwrap().period, RetentionPeriod::Days(30));
        for bad in [
            configuration(Some(1), Some(1), "GOVERNANCE"),
            configuration(None, None, "GOVERNANCE"),
            configuration(Some(-1), None, "GOVERNANCE"),
            configuration(Some(1), None, "governance"),
            ObjectLockConfiguration { object_lock_enabled: None, ..configuration(Some(1), None, "GOVERNANCE") },
        ] {
            assert!(decode(&bad).is_err(), "{bad:?}");
        }
    }
}
