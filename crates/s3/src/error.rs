//! The S3 error map: every failure of the engine and of identities in AWS's code, status and
//! words (S3 API Reference, "Error responses"). A total match: a new variant does not compile
//! until someone decides what users see.

use std::borrow::Cow;

use arqueta_engine::record::BucketDocument;
use arqueta_engine::{BodyError, EnvelopeError as EncryptionError, Error, KeyServiceError, StoreError};
use arqueta_iam::Error as IamError;
use http::header::{ETAG, LAST_MODIFIED, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use s3s::{S3Error, S3ErrorCode};

use crate::refusal::Detail;
use crate::time_text;

/// Seconds after which a client may try again when the key service is away.
const RETRY_SECONDS: &str = "5";
/// Smallest part but the last, in bytes.
const SMALLEST_PART: u64 = 5 * 1024 * 1024;

/// What a client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// AWS's error code.
    pub code: &'static str,
    /// HTTP status.
    pub status: StatusCode,
    /// Message.
    pub message: Cow<'static, str>,
    /// Further elements of the error document.
    pub details: Vec<(&'static str, String)>,
    /// Headers of the answer.
    pub headers: Vec<(HeaderName, String)>,
}

impl Answer {
    /// An answer without details and headers.
    pub fn new(code: &'static str, status: StatusCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, status, message: message.into(), details: Vec::new(), headers: Vec::new() }
    }

    /// With a further element.
    #[must_use]
    pub fn detail(mut self, name: &'static str, value: impl ToString) -> Self {
        self.details.push((name, value.to_string()));
        self
    }

    fn header(mut self, name: impl Into<HeaderName>, value: impl ToString) -> Self {
        self.headers.push((name.into(), value.to_string()));
        self
    }

    /// As s3s carries it.
    #[must_use]
    pub fn into_error(self) -> S3Error {
        let code = S3ErrorCode::from_bytes(self.code.as_bytes()).unwrap_or(S3ErrorCode::InternalError);
        let mut error = S3Error::with_message(code, self.message);
        error.set_status_code(self.status);
        if !self.headers.is_empty() {
            let headers: HeaderMap = self
                .headers
                .into_iter()
                .filter_map(|(name, value)| Some((name, HeaderValue::try_from(value).ok()?)))
                .collect();
            error.set_headers(headers);
        }
        self.details.into_iter().fold(error, |error, (name, value)| error.detail(name, value))
    }
}

/// `InvalidArgument` with the argument's name and value.
#[must_use]
pub fn invalid_argument(message: &str, name: &str, value: &str) -> S3Error {
    Answer::new("InvalidArgument", StatusCode::BAD_REQUEST, message.to_owned())
        .detail("ArgumentName", name)
        .detail("ArgumentValue", value)
        .into_error()
}

/// Headers longer than the `most` bytes that they may have.
#[must_use]
pub fn too_large_headers(most: usize) -> S3Error {
    Answer::new(
        "RequestHeaderSectionTooLarge",
        StatusCode::BAD_REQUEST,
        "Your request header section exceeds the maximum allowed size.".to_owned(),
    )
    .detail("MaxSizeAllowed", most.to_string())
    .into_error()
}

/// A failure of the engine as s3s carries it. Causes that users must not see go to the log.
#[must_use]
pub fn of_engine(error: &Error) -> S3Error {
    let answer = answer(error);
    let is_ours = answer.status.is_server_error();
    let told = answer.into_error();
    if is_ours { told.because(error) } else { told }
}

/// The table.
#[must_use]
pub fn answer(error: &Error) -> Answer {
    use StatusCode as S;
    let words = || error.to_string();
    match error {
        Error::NoSuchBucket => Answer::new("NoSuchBucket", S::NOT_FOUND, words()),
        Error::NoSuchKey { delete_marker } => {
            delete_marker.iter().fold(Answer::new("NoSuchKey", S::NOT_FOUND, words()), with_marker)
        }
        Error::NoSuchVersion => Answer::new("NoSuchVersion", S::NOT_FOUND, words()),
        Error::MethodNotAllowed { delete_marker, last_modified } => {
            with_marker(Answer::new("MethodNotAllowed", S::METHOD_NOT_ALLOWED, words()), delete_marker)
                .detail("ResourceType", "DeleteMarker")
                .header(LAST_MODIFIED, time_text::http_date(*last_modified))
                .header(http::header::ALLOW, "DELETE")
        }
        Error::BucketAlreadyOwnedByYou => Answer::new("BucketAlreadyOwnedByYou", S::CONFLICT, words()),
        Error::BucketAlreadyExists => Answer::new("BucketAlreadyExists", S::CONFLICT, words()),
        Error::BucketNotEmpty => Answer::new("BucketNotEmpty", S::CONFLICT, words()),
        Error::InvalidBucketState { message } => Answer::new("InvalidBucketState", S::CONFLICT, *message),
        Error::NoSuchTagSet => Answer::new("NoSuchTagSet", S::NOT_FOUND, words()),
        Error::NoSuchDocument(kind) => no_document(*kind),
        Error::NoObjectLockConfiguration => Answer::new("ObjectLockConfigurationNotFoundError", S::NOT_FOUND, words()),
        Error::NoObjectLock => Answer::new("NoSuchObjectLockConfiguration", S::NOT_FOUND, words()),
        Error::QuotaExceeded => Answer::new("QuotaExceeded", S::FORBIDDEN, words()),
        Error::TooManyWaiting => Answer::new("SlowDown", S::SERVICE_UNAVAILABLE, words()),
        Error::PreconditionFailed { condition } => {
            Answer::new("PreconditionFailed", S::PRECONDITION_FAILED, words()).detail("Condition", condition)
        }
        Error::ConditionalConflict { condition } => {
            Answer::new("ConditionalRequestConflict", S::CONFLICT, words()).detail("Condition", condition)
        }
        // As a conflict, and one that clients try again by themselves.
        Error::Changed => Answer::new("SlowDown", S::SERVICE_UNAVAILABLE, "Please reduce your request rate."),
        Error::NotModified { etag, last_modified } => Answer::new("NotModified", S::NOT_MODIFIED, words())
            .header(ETAG, format!("\"{etag}\""))
            .header(LAST_MODIFIED, time_text::http_date(*last_modified)),
        Error::InvalidRange { size } => Answer::new("InvalidRange", S::RANGE_NOT_SATISFIABLE, words())
            .detail("ActualObjectSize", size)
            .header(http::header::CONTENT_RANGE, format!("bytes */{size}")),
        Error::InvalidPartNumber { parts } => {
            Answer::new("InvalidPartNumber", S::RANGE_NOT_SATISFIABLE, words()).detail("ActualPartCount", parts)
        }
        Error::InvalidPart { number, etag } => {
            Answer::new("InvalidPart", S::BAD_REQUEST, words()).detail("PartNumber", number).detail("ETag", etag)
        }
        Error::InvalidPartOrder => Answer::new("InvalidPartOrder", S::BAD_REQUEST, words()),
        Error::EntityTooSmall { number, size, etag } => Answer::new("EntityTooSmall", S::BAD_REQUEST, words())
            .detail("ProposedSize", size)
            .detail("MinSizeAllowed", SMALLEST_PART)
            .detail("PartNumber", number)
            .detail("ETag", etag),
        Error::EntityTooLarge { limit } => {
            Answer::new("EntityTooLarge", S::BAD_REQUEST, words()).detail("MaxSizeAllowed", limit)
        }
        Error::NoSuchUpload => Answer::new("NoSuchUpload", S::NOT_FOUND, words()),
        Error::BadDigest { stated, computed } | Error::ChecksumMismatch { stated, computed, .. } => {
            Answer::new("BadDigest", S::BAD_REQUEST, words())
                .detail("ExpectedDigest", stated)
                .detail("CalculatedDigest", computed)
        }
        Error::InvalidDigest => Answer::new("InvalidDigest", S::BAD_REQUEST, words()),
        Error::Body(body) => of_body(body),
        Error::IncompleteBody => Answer::new("IncompleteBody", S::BAD_REQUEST, words()),
        Error::InvalidArgument { message } => Answer::new("InvalidArgument", S::BAD_REQUEST, message.clone()),
        Error::InvalidRequest { message } => Answer::new("InvalidRequest", S::BAD_REQUEST, message.clone()),
        Error::InvalidTag { message, key, value } => invalid_tag(message, key.as_deref(), value.as_deref()),
        Error::TooManyTags { message } => Answer::new("BadRequest", S::BAD_REQUEST, *message),
        Error::MetadataTooLarge => Answer::new("MetadataTooLarge", S::BAD_REQUEST, words()),
        Error::AccessDenied { message } => Answer::new("AccessDenied", S::FORBIDDEN, *message),
        Error::ObjectLocked => Answer::new("AccessDenied", S::FORBIDDEN, words()),
        Error::ReplicaRemoved => Answer::new("DstObjectHardDeleted", S::CONFLICT, words()),
        Error::CustomerKey { message } => Answer::new("InvalidRequest", S::BAD_REQUEST, *message),
        Error::Encryption(encryption) => of_encryption(encryption),
        Error::Store(store) => of_store(store),
        Error::Integrity | Error::Damaged { .. } | Error::DamagedRecord { .. } | Error::UnknownFormat { .. } => {
            internal()
        }
    }
}

fn invalid_tag(message: &'static str, key: Option<&str>, value: Option<&str>) -> Answer {
    let told = [("TagKey", key), ("TagValue", value)].into_iter().filter_map(|(name, text)| Some((name, text?)));
    told.fold(Answer::new("InvalidTag", StatusCode::BAD_REQUEST, message), |answer, (name, text)| {
        answer.detail(name, text)
    })
}

fn internal() -> Answer {
    Answer::new(
        "InternalError",
        StatusCode::INTERNAL_SERVER_ERROR,
        "We encountered an internal error. Please try again.",
    )
}

fn with_marker(answer: Answer, version: &arqueta_model::VersionId) -> Answer {
    answer
        .header(HeaderName::from_static("x-amz-delete-marker"), "true")
        .header(HeaderName::from_static("x-amz-version-id"), version)
}

fn no_document(kind: BucketDocument) -> Answer {
    let (code, message) = match kind {
        BucketDocument::Policy => ("NoSuchBucketPolicy", "The bucket policy does not exist"),
        BucketDocument::Cors => ("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
        BucketDocument::PublicAccessBlock => {
            ("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found")
        }
        BucketDocument::OwnershipControls => {
            ("OwnershipControlsNotFoundError", "The bucket ownership controls were not found")
        }
        BucketDocument::Lifecycle => ("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
        // Reading it answers with an empty one.
        BucketDocument::Notification => ("NoSuchConfiguration", "The specified configuration does not exist."),
        BucketDocument::Replication => {
            ("ReplicationConfigurationNotFoundError", "The replication configuration was not found")
        }
        BucketDocument::Website => {
            ("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration")
        }
        // Every bucket has one; nothing asks for one that is missing.
        BucketDocument::RequestPayment | BucketDocument::Quota => return internal(),
    };
    Answer::new(code, StatusCode::NOT_FOUND, message)
}

fn of_body(error: &BodyError) -> Answer {
    use StatusCode as S;
    match error {
        BodyError::Incomplete => Answer::new(
            "IncompleteBody",
            S::BAD_REQUEST,
            "You did not provide the number of bytes specified by the Content-Length HTTP header",
        ),
        BodyError::TooLarge => {
            Answer::new("EntityTooLarge", S::BAD_REQUEST, "Your proposed upload exceeds the maximum allowed size")
        }
        BodyError::Signature => Answer::new(
            "SignatureDoesNotMatch",
            S::FORBIDDEN,
            "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
        ),
        BodyError::Digest => Answer::new(
            "XAmzContentSHA256Mismatch",
            S::BAD_REQUEST,
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        ),
        BodyError::Idle => {
            let told = crate::incoming::BodyFault::Idle.refusal();
            Answer::new("RequestTimeout", told.status, told.message)
        }
        // The transport failed; whoever sent the body will hardly read this.
        BodyError::Other(_) => Answer::new("IncompleteBody", S::BAD_REQUEST, "The request body could not be read."),
    }
}

fn of_store(error: &StoreError) -> Answer {
    match error {
        StoreError::Full(_) => full("The storage is full; nothing was changed."),
        StoreError::Conflict => Answer::new(
            "OperationAborted",
            StatusCode::CONFLICT,
            "A conflicting conditional operation is currently in progress against this resource. Try again.",
        ),
        _ if error.is_retryable() => unavailable(STORAGE_UNAVAILABLE),
        _ => internal(),
    }
}

/// The storage cannot be used now, which is not for clients to mend by asking less ("Please reduce your
/// request rate" is for what is throttled).
const STORAGE_UNAVAILABLE: &str = "Service is unable to handle request.";

fn full(message: &'static str) -> Answer {
    Answer::new("InsufficientStorage", StatusCode::INSUFFICIENT_STORAGE, message)
}

/// A call that could not be recorded, so that it did not happen or its answer is withheld.
#[must_use]
pub fn unrecorded(error: &arqueta_audit::Error, message: &'static str) -> Answer {
    if error.is_full() {
        full("The storage is full, so the call cannot be recorded.")
    } else {
        Answer::new("InternalError", StatusCode::INTERNAL_SERVER_ERROR, message)
    }
}

fn unavailable(message: &'static str) -> Answer {
    Answer::new("ServiceUnavailable", StatusCode::SERVICE_UNAVAILABLE, message).header(RETRY_AFTER, RETRY_SECONDS)
}

/// Failures of object encryption in S3's words (S3 API Reference, "Error responses"; KMS answers
/// come through with their own codes).
fn of_encryption(error: &EncryptionError) -> Answer {
    use StatusCode as S;
    match error {
        EncryptionError::Kms(kms) => of_key_service(kms),
        EncryptionError::BucketKeyStore(store) if store.is_full() => full("The storage is full; nothing was changed."),
        EncryptionError::BucketKeyStore(store) if store.is_retryable() => unavailable(STORAGE_UNAVAILABLE),
        EncryptionError::Context(_) => Answer::new("InvalidArgument", S::BAD_REQUEST, error.to_string()),
        EncryptionError::CustomerKeyRequired => Answer::new(
            "InvalidRequest",
            S::BAD_REQUEST,
            "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.",
        ),
        EncryptionError::CustomerKeyWrong => Answer::new("AccessDenied", S::FORBIDDEN, "Access Denied"),
        EncryptionError::CustomerKeyNotApplicable => Answer::new(
            "InvalidRequest",
            S::BAD_REQUEST,
            "The encryption parameters are not applicable to this object.",
        ),
        EncryptionError::NotRewrappable { .. } => Answer::new("InvalidRequest", S::BAD_REQUEST, error.to_string()),
        EncryptionError::BucketKeyStore(_) | EncryptionError::BucketKeyMissing(_) | EncryptionError::Seal(_) => {
            internal()
        }
    }
}

fn of_key_service(error: &KeyServiceError) -> Answer {
    use StatusCode as S;
    let words = || error.to_string();
    match error {
        KeyServiceError::NotFound { .. } => Answer::new("KMS.NotFoundException", S::BAD_REQUEST, words()),
        KeyServiceError::Disabled { .. } => Answer::new("KMS.DisabledException", S::BAD_REQUEST, words()),
        KeyServiceError::InvalidState { .. } => Answer::new("KMS.KMSInvalidStateException", S::BAD_REQUEST, words()),
        KeyServiceError::Denied { message } => Answer::new("AccessDenied", S::FORBIDDEN, message.clone()),
        KeyServiceError::InvalidKeyUsage { .. } => Answer::new("KMS.InvalidKeyUsageException", S::BAD_REQUEST, words()),
        KeyServiceError::InvalidCiphertext => Answer::new(
            "KMS.InvalidCiphertextException",
            S::BAD_REQUEST,
            "The ciphertext of the object's key is not valid.",
        ),
        KeyServiceError::IncorrectKey => Answer::new("KMS.IncorrectKeyException", S::BAD_REQUEST, words()),
        KeyServiceError::Refused { .. } => Answer::new("InvalidArgument", S::BAD_REQUEST, words()),
        KeyServiceError::Throttled => Answer::new(
            "SlowDown",
            S::SERVICE_UNAVAILABLE,
            "Please reduce your request rate for operations involving AWS KMS.",
        ),
        KeyServiceError::Unavailable(_) => unavailable("The key service is unavailable. Please try again."),
        KeyServiceError::Audit(record) if record.is_full() => {
            full("The storage is full, so the use of the key cannot be recorded.")
        }
        KeyServiceError::Audit(_) => unavailable("The use of the key cannot be recorded. Please try again."),
        KeyServiceError::Store(store) if store.is_full() || store.is_retryable() => of_store(store),
        KeyServiceError::Store(_) | KeyServiceError::RootKey(_) => internal(),
    }
}

/// What authentication answers. Unknown and inactive keys are one case.
#[must_use]
pub fn of_iam(error: &IamError) -> S3Error {
    use StatusCode as S;
    let answer = match error {
        IamError::UnknownAccessKey => Answer::new(
            "InvalidAccessKeyId",
            S::FORBIDDEN,
            "The AWS Access Key Id you provided does not exist in our records.",
        ),
        IamError::InvalidToken => {
            Answer::new("InvalidToken", S::BAD_REQUEST, "The provided token is malformed or otherwise invalid.")
        }
        IamError::ExpiredToken => Answer::new("ExpiredToken", S::BAD_REQUEST, "The provided token has expired."),
        IamError::Denied { message } => Answer::new("AccessDenied", S::FORBIDDEN, message.clone()),
        retryable if retryable.is_retryable() => unavailable("Identities cannot be read. Please try again."),
        _ => internal(),
    };
    let is_ours = answer.status.is_server_error();
    let told = answer.into_error();
    if is_ours { told.because(error) } else { told }
}

#[cfg(test)]
mod tests;
