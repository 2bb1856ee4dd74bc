//! The table, pinned: what every failure is called, its status, and words that its message has.

use std::io;
use std::sync::Arc;

use arqueta_audit::Error as AuditError;
use arqueta_engine::api::ChecksumAlgorithm;
use arqueta_engine::{Condition, KeyState};
use arqueta_envelope::BucketKeyStoreError;
use arqueta_model::{BucketKeyId, ContextError, KeyArn, Timestamp, VersionId};

use super::*;

fn arn() -> KeyArn {
    "arn:aws:kms:eu-west-1:111122223333:key/k".parse().expect("a key ARN")
}

fn kms(error: KeyServiceError) -> Error {
    Error::Encryption(EncryptionError::Kms(Arc::new(error)))
}

/// Error, code, status, words of the message.
#[expect(clippy::too_many_lines, reason = "a row an error")]
fn table() -> Vec<(Error, &'static str, u16, &'static str)> {
    let message = || "it says".to_owned();
    vec![
        (Error::NoSuchBucket, "NoSuchBucket", 404, "bucket does not exist"),
        (Error::NoSuchKey { delete_marker: None }, "NoSuchKey", 404, "key does not exist"),
        (Error::NoSuchVersion, "NoSuchVersion", 404, "version does not exist"),
        (
            Error::MethodNotAllowed { delete_marker: VersionId::Null, last_modified: Timestamp::from_millis(0) },
            "MethodNotAllowed",
            405,
            "not allowed against this resource",
        ),
        (Error::BucketAlreadyOwnedByYou, "BucketAlreadyOwnedByYou", 409, "you already own it"),
        (Error::BucketAlreadyExists, "BucketAlreadyExists", 409, "select a different name"),
        (Error::BucketNotEmpty, "BucketNotEmpty", 409, "not empty"),
        (Error::InvalidBucketState { message: "it says" }, "InvalidBucketState", 409, "it says"),
        (Error::NoSuchTagSet, "NoSuchTagSet", 404, "TagSet"),
        (Error::NoSuchDocument(BucketDocument::Policy), "NoSuchBucketPolicy", 404, "bucket policy does not exist"),
        (Error::NoSuchDocument(BucketDocument::Cors), "NoSuchCORSConfiguration", 404, "CORS configuration"),
        (
            Error::NoSuchDocument(BucketDocument::PublicAccessBlock),
            "NoSuchPublicAccessBlockConfiguration",
            404,
            "public access block",
        ),
        (Error::NoSuchDocument(BucketDocument::OwnershipControls), "OwnershipControlsNotFoundError", 404, "ownership"),
        (Error::NoSuchDocument(BucketDocument::Website), "NoSuchWebsiteConfiguration", 404, "website configuration"),
        (Error::NoSuchDocument(BucketDocument::Lifecycle), "NoSuchLifecycleConfiguration", 404, "lifecycle"),
        (
            Error::NoSuchDocument(BucketDocument::Replication),
            "ReplicationConfigurationNotFoundError",
            404,
            "replication",
        ),
        (Error::NoObjectLockConfiguration, "ObjectLockConfigurationNotFoundError", 404, "does not exist"),
        (Error::NoObjectLock, "NoSuchObjectLockConfiguration", 404, "ObjectLock"),
        (Error::Changed, "SlowDown", 503, "reduce your request rate"),
        (Error::QuotaExceeded, "QuotaExceeded", 403, "quota of the bucket"),
        (Error::PreconditionFailed { condition: Condition::IfMatch }, "PreconditionFailed", 412, "pre-conditions"),
        (
            Error::ConditionalConflict { condition: Condition::IfMatch },
            "ConditionalRequestConflict",
            409,
            "conflicting operation",
        ),
        (
            Error::NotModified { etag: "e".into(), last_modified: Timestamp::from_millis(0) },
            "NotModified",
            304,
            "Not Modified",
        ),
        (Error::InvalidRange { size: 7 }, "InvalidRange", 416, "range is not satisfiable"),
        (Error::InvalidPartNumber { parts: 1 }, "InvalidPartNumber", 416, "partnumber"),
        (Error::InvalidPart { number: 2, etag: message() }, "InvalidPart", 400, "parts could not be found"),
        (Error::InvalidPartOrder, "InvalidPartOrder", 400, "ascending order"),
        (
            Error::EntityTooSmall { number: 1, size: 2, etag: message() },
            "EntityTooSmall",
            400,
            "smaller than the minimum",
        ),
        (Error::EntityTooLarge { limit: 2 }, "EntityTooLarge", 400, "exceeds the maximum"),
        (Error::NoSuchUpload, "NoSuchUpload", 404, "upload does not exist"),
        (
            Error::BadDigest { stated: message(), computed: message() },
            "BadDigest",
            400,
            "did not match what we received",
        ),
        (Error::InvalidDigest, "InvalidDigest", 400, "was invalid"),
        (BodyError::Incomplete.into(), "IncompleteBody", 400, "number of bytes"),
        (BodyError::TooLarge.into(), "EntityTooLarge", 400, "exceeds the maximum"),
        (BodyError::Signature.into(), "SignatureDoesNotMatch", 403, "does not match the signature you provided"),
        (BodyError::Digest.into(), "XAmzContentSHA256Mismatch", 400, "x-amz-content-sha256"),
        (BodyError::Idle.into(), "RequestTimeout", 400, "timeout period"),
        (BodyError::Other("secret".into()).into(), "IncompleteBody", 400, "could not be read"),
        (Error::IncompleteBody, "IncompleteBody", 400, "number of bytes"),
        (
            Error::ChecksumMismatch { algorithm: ChecksumAlgorithm::Crc32, stated: message(), computed: message() },
            "BadDigest",
            400,
            "did not match",
        ),
        (Error::InvalidArgument { message: message() }, "InvalidArgument", 400, "it says"),
        (Error::InvalidRequest { message: message() }, "InvalidRequest", 400, "it says"),
        (Error::InvalidTag { message: "it says", key: None, value: None }, "InvalidTag", 400, "it says"),
        (Error::TooManyTags { message: "it says" }, "BadRequest", 400, "it says"),
        (Error::MetadataTooLarge, "MetadataTooLarge", 400, "metadata headers exceed"),
        (Error::AccessDenied { message: "it says" }, "AccessDenied", 403, "it says"),
        (Error::ObjectLocked, "AccessDenied", 403, "object lock"),
        (Error::ReplicaRemoved, "DstObjectHardDeleted", 409, "permanently deleted"),
        (Error::CustomerKey { message: "it says" }, "InvalidRequest", 400, "it says"),
        (Error::Store(StoreError::Full(io::Error::other("x"))), "InsufficientStorage", 507, "full"),
        (Error::Store(StoreError::Conflict), "OperationAborted", 409, "conflicting"),
        (Error::Store(StoreError::Closed), "ServiceUnavailable", 503, "unable to handle request"),
        (Error::Store(StoreError::Io(io::Error::other("x"))), "ServiceUnavailable", 503, "unable to handle request"),
        (Error::Store(StoreError::NoSuchBlob), "InternalError", 500, "internal error"),
        (Error::Integrity, "InternalError", 500, "internal error"),
        (Error::Damaged { what: "object" }, "InternalError", 500, "internal error"),
        (Error::DamagedRecord { record: "k".into() }, "InternalError", 500, "internal error"),
        (Error::UnknownFormat { version: 9 }, "InternalError", 500, "internal error"),
    ]
}

fn key_table() -> Vec<(Error, &'static str, u16, &'static str)> {
    let encryption = |error: EncryptionError| Error::Encryption(error);
    let message = || "Key 'x' does not exist".to_owned();
    vec![
        (kms(KeyServiceError::NotFound { message: message() }), "KMS.NotFoundException", 400, "Key 'x' does not exist"),
        (kms(KeyServiceError::Disabled { key: arn() }), "KMS.DisabledException", 400, "key/k is disabled."),
        (
            kms(KeyServiceError::InvalidState { key: arn(), state: KeyState::PendingDeletion }),
            "KMS.KMSInvalidStateException",
            400,
            "key/k is pending deletion.",
        ),
        (
            kms(KeyServiceError::Denied { message: "User: u is not authorized to perform: kms:Decrypt".into() }),
            "AccessDenied",
            403,
            "kms:Decrypt",
        ),
        (kms(KeyServiceError::InvalidKeyUsage { message: message() }), "KMS.InvalidKeyUsageException", 400, "Key 'x'"),
        (kms(KeyServiceError::InvalidCiphertext), "KMS.InvalidCiphertextException", 400, "not valid"),
        (kms(KeyServiceError::IncorrectKey), "KMS.IncorrectKeyException", 400, "key ID"),
        (
            kms(KeyServiceError::Refused { code: "ValidationException", message: message() }),
            "InvalidArgument",
            400,
            "Key 'x'",
        ),
        (
            kms(KeyServiceError::Throttled),
            "SlowDown",
            503,
            "Please reduce your request rate for operations involving AWS KMS.",
        ),
        (kms(KeyServiceError::Unavailable("away".into())), "ServiceUnavailable", 503, "key service is unavailable"),
        (kms(KeyServiceError::Store(StoreError::Closed)), "ServiceUnavailable", 503, "unable to handle request"),
        (kms(KeyServiceError::Store(StoreError::Full(no_space()))), "InsufficientStorage", 507, "storage is full"),
        (kms(KeyServiceError::Audit(no_space().into())), "InsufficientStorage", 507, "cannot be recorded"),
        (kms(KeyServiceError::Audit(AuditError::Closed)), "ServiceUnavailable", 503, "cannot be recorded"),
        (encryption(EncryptionError::BucketKeyStore(bucket_key(true).into())), "InsufficientStorage", 507, "full"),
        (encryption(EncryptionError::BucketKeyStore(bucket_key(false).into())), "ServiceUnavailable", 503, "unable"),
        (kms(KeyServiceError::Store(StoreError::NoSuchBlob)), "InternalError", 500, "internal error"),
        (encryption(EncryptionError::Context(ContextError::TooLarge)), "InvalidArgument", 400, "context"),
        (encryption(EncryptionError::CustomerKeyRequired), "InvalidRequest", 400, "correct parameters"),
        (encryption(EncryptionError::CustomerKeyWrong), "AccessDenied", 403, "Access Denied"),
        (encryption(EncryptionError::CustomerKeyNotApplicable), "InvalidRequest", 400, "not applicable"),
        (encryption(EncryptionError::BucketKeyMissing(BucketKeyId::random())), "InternalError", 500, "internal error"),
    ]
}

fn no_space() -> io::Error {
    io::ErrorKind::StorageFull.into()
}

fn bucket_key(full: bool) -> BucketKeyStoreError {
    BucketKeyStoreError::new("the store's own words", true).when_full(full)
}

#[test]
fn what_cannot_be_recorded_says_why() {
    let answer = |error| unrecorded(&error, "an internal error");
    assert_eq!(
        (answer(no_space().into()).code, answer(AuditError::Closed).code),
        ("InsufficientStorage", "InternalError")
    );
}

#[test]
fn every_failure_has_its_code_status_and_words() {
    for (error, code, status, words) in table().into_iter().chain(key_table()) {
        let found = answer(&error);
        assert_eq!((found.code, found.status.as_u16()), (code, status), "{error:?}");
        assert!(found.message.contains(words), "{error:?}: {}", found.message);
    }
}

#[test]
fn what_broke_inside_is_not_told() {
    for error in [BodyError::Other("/var/lib/secret".into()).into(), Error::Damaged { what: "object" }] {
        let told = answer(&error);
        assert!(!told.message.contains("secret") && !told.message.contains("object"), "{}", told.message);
    }
}

#[test]
fn answers_carry_what_clients_need_to_go_on() {
    let header = |error: &Error, name: &str| {
        let found = answer(error).headers.into_iter().find(|(header, _)| header.as_str() == name);
        found.map(|(_, value)| value)
    };
    assert_eq!(header(&kms(KeyServiceError::Unavailable("x".into())), "retry-after").as_deref(), Some("5"));
    assert_eq!(header(&kms(KeyServiceError::Throttled), "retry-after"), None);
    assert_eq!(header(&Error::InvalidRange { size: 7 }, "content-range").as_deref(), Some("bytes */7"));
    let gone = Error::NoSuchKey { delete_marker: Some(VersionId::Null) };
    assert_eq!(header(&gone, "x-amz-delete-marker").as_deref(), Some("true"));
    assert_eq!(header(&gone, "x-amz-version-id").as_deref(), Some("null"));
    assert!(answer(&Error::InvalidRange { size: 7 }).details.contains(&("ActualObjectSize", "7".to_owned())));
}

#[test]
fn authentication_failures_in_s3s_words() {
    for (error, code, status) in [
        (IamError::UnknownAccessKey, "InvalidAccessKeyId", 403),
        (IamError::InvalidToken, "InvalidToken", 400),
        (IamError::ExpiredToken, "ExpiredToken", 400),
        (IamError::Denied { message: "no".into() }, "AccessDenied", 403),
        (IamError::Store(StoreError::Closed), "ServiceUnavailable", 503),
        (IamError::Damaged { what: "user".into() }, "InternalError", 500),
    ] {
        let found = of_iam(&error);
        assert_eq!((found.code().as_str(), found.status_code().map(|s| s.as_u16())), (code, Some(status)), "{error:?}");
    }
}
