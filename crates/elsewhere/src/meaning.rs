//! What an endpoint's answers mean: a denial, by AWS's failure reasons, or an outage.

use arqueta_replicate::{Failure, Reason};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

/// What was being done, which names a denial of access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// A version was put.
    Put,
    /// An upload was begun.
    Begin,
    /// A part was uploaded.
    Part,
    /// An upload was completed.
    Complete,
    /// A delete marker was written.
    Mark,
    /// Something of a version was changed.
    Amend,
}

impl Act {
    const fn denied(self) -> Reason {
        match self {
            Self::Put => Reason::DstPutObjectNotPermitted,
            Self::Begin => Reason::DstMultipartInitNotPermitted,
            Self::Part => Reason::DstMultipartUploadNotPermitted,
            Self::Complete => Reason::DstMultipartCompleteNotPermitted,
            Self::Mark => Reason::DstDelObjNotPermitted,
            Self::Amend => Reason::DstPutTaggingNotPermitted,
        }
    }
}

/// What a failed call means.
pub fn failure<E: ProvideErrorMetadata>(act: Act, error: &SdkError<E, HttpResponse>) -> Failure {
    match error {
        SdkError::ServiceError(answer) => {
            let told = answer.err();
            let status = answer.raw().status().as_u16();
            of(act, status, told.code().unwrap_or_default(), told.message().unwrap_or_default())
        }
        // It could not be written down as a request, and never will be.
        SdkError::ConstructionFailure(_) => {
            Failure::denied(Reason::SrcObjectNotEligible, "the object cannot be told in a request of S3")
        }
        SdkError::TimeoutError(_) => Failure::Unavailable("no answer in time".to_owned()),
        SdkError::DispatchFailure(why) if why.is_timeout() => Failure::Unavailable("no connection in time".to_owned()),
        SdkError::DispatchFailure(why) => {
            let cause = why.as_connector_error().map(|error| arqueta_model::with_causes(error));
            Failure::Unavailable(cause.unwrap_or_else(|| "nobody answered".to_owned()))
        }
        _ => Failure::Unavailable("the answer cannot be read".to_owned()),
    }
}

/// What an answer of this status and code means.
pub fn of(act: Act, status: u16, code: &str, message: &str) -> Failure {
    let detail = format!("{status} {code}: {message}");
    match reason(act, status, code, message) {
        Some(reason) => Failure::denied(reason, detail),
        None => Failure::Unavailable(detail),
    }
}

/// `None` for what may pass without anybody changing something at the destination bucket: outages, throttling,
/// credentials that the operator has to renew, a full disk or quota.
fn reason(act: Act, status: u16, code: &str, message: &str) -> Option<Reason> {
    match code {
        "NoSuchBucket" => Some(Reason::DstBucketNotFound),
        // Only an Arqueta knows these two of replicas.
        "InvalidBucketState" => Some(Reason::DstBucketUnversioned),
        "DstObjectHardDeleted" => Some(Reason::DstObjectHardDeleted),
        "NoSuchVersion" | "NoSuchKey" => Some(Reason::DstVersionNotFound),
        "ObjectLockConfigurationNotFoundError" => Some(Reason::DstBucketObjectLockConfigMissing),
        "InvalidRequest" if message.contains("Object Lock Configuration") => {
            Some(Reason::DstBucketObjectLockConfigMissing)
        }
        "KMS.NotFoundException" => Some(Reason::DstKmsKeyNotFound),
        "KMS.DisabledException"
        | "KMS.InvalidStateException"
        | "KMS.KMSInvalidStateException"
        | "KMS.InvalidKeyUsageException" => Some(Reason::DstKmsKeyInvalidState),
        "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "InvalidToken"
        | "RequestTimeTooSkewed"
        | "RequestTimeout"
        | "OperationAborted"
        | "ConditionalRequestConflict"
        | "QuotaExceeded"
        | "SlowDown"
        | "IncompleteBody"
        | "BadDigest" => None,
        _ if status == 403 || status == 401 => Some(act.denied()),
        _ if status == 404 => Some(Reason::DstBucketNotFound),
        _ if status == 429 || status >= 500 || (300..400).contains(&status) => None,
        _ => Some(act.denied()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denials_have_aws_reasons() {
        use Reason as R;
        for (act, status, code, message, wanted) in [
            (Act::Put, 404, "NoSuchBucket", "", R::DstBucketNotFound),
            (Act::Put, 409, "InvalidBucketState", "", R::DstBucketUnversioned),
            (Act::Put, 409, "DstObjectHardDeleted", "", R::DstObjectHardDeleted),
            (Act::Put, 403, "AccessDenied", "", R::DstPutObjectNotPermitted),
            (Act::Mark, 403, "AccessDenied", "", R::DstDelObjNotPermitted),
            (Act::Amend, 403, "AccessDenied", "", R::DstPutTaggingNotPermitted),
            (Act::Begin, 403, "AccessDenied", "", R::DstMultipartInitNotPermitted),
            (Act::Part, 403, "AccessDenied", "", R::DstMultipartUploadNotPermitted),
            (Act::Complete, 403, "AccessDenied", "", R::DstMultipartCompleteNotPermitted),
            (Act::Amend, 404, "NoSuchVersion", "", R::DstVersionNotFound),
            (Act::Put, 404, "ObjectLockConfigurationNotFoundError", "", R::DstBucketObjectLockConfigMissing),
            (
                Act::Put,
                400,
                "InvalidRequest",
                "Bucket is missing Object Lock Configuration",
                R::DstBucketObjectLockConfigMissing,
            ),
            (Act::Put, 400, "KMS.NotFoundException", "", R::DstKmsKeyNotFound),
            (Act::Put, 400, "KMS.DisabledException", "", R::DstKmsKeyInvalidState),
            (Act::Put, 400, "KMS.KMSInvalidStateException", "", R::DstKmsKeyInvalidState),
            (Act::Put, 400, "InvalidStorageClass", "", R::DstPutObjectNotPermitted),
        ] {
            assert_eq!(reason(act, status, code, message), Some(wanted), "{act:?} {code}");
        }
    }

    #[test]
    fn what_may_pass_is_tried_again() {
        for (status, code) in [
            (500, "InternalError"),
            (503, "SlowDown"),
            (503, ""),
            (429, ""),
            (301, "PermanentRedirect"),
            (403, "InvalidAccessKeyId"),
            (400, "ExpiredToken"),
            (403, "RequestTimeTooSkewed"),
            (403, "QuotaExceeded"),
            (507, "InsufficientStorage"),
            (409, "OperationAborted"),
        ] {
            assert_eq!(reason(Act::Put, status, code, ""), None, "{code}");
        }
    }
}
