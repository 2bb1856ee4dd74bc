//! Everything that a call can end in, and the only map from it to AWS's codes.

use arqueta_call::signature;
use http::StatusCode;

use crate::protocol::Protocol;

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request does not prove who sent it.
    #[error(transparent)]
    Signature(#[from] signature::Error),
    /// The identity store refused: its credentials, its rules or its store.
    #[error(transparent)]
    Iam(#[from] arqueta_iam::Error),
    /// A message to decode that was encoded nowhere here.
    #[error("Message is not valid.")]
    AuthorizationMessage,
    /// Policy forbids an IAM, STS or CloudTrail operation.
    #[error("{0}")]
    Denied(String),
    /// A refusal that only CloudTrail's API names.
    #[error("{message}")]
    CloudTrail {
        /// Its code, such as `InvalidTimeRangeException`.
        code: &'static str,
        /// AWS's message.
        message: String,
    },
    /// Trails refused.
    #[error(transparent)]
    Trail(#[from] arqueta_trail::Error),
    /// The key service refused.
    #[error(transparent)]
    Kms(#[from] arqueta_kms::Error),
    /// The call could not be recorded, so it has no answer.
    #[error("the call cannot be recorded")]
    Audit(#[from] arqueta_audit::Error),
    /// No operation of that name.
    #[error("")]
    UnknownOperation,
    /// The Query form of [`Error::UnknownOperation`].
    #[error("Could not find operation {action} for version {version}")]
    InvalidAction {
        /// `Action`, as sent.
        action: String,
        /// `Version`, as sent.
        version: String,
    },
    /// An operation of the service that is not served here.
    #[error("The operation {operation} is not supported.")]
    Unsupported {
        /// Its name.
        operation: &'static str,
    },
    /// A parameter of the operation that is not acted on here.
    #[error("The parameter {parameter} is not supported.")]
    UnsupportedParameter {
        /// Its name.
        parameter: &'static str,
    },
    /// A JSON body that is not of the operation's shape.
    #[error("{0}")]
    Serialization(String),
    /// A form that cannot be read.
    #[error("{0}")]
    MalformedInput(&'static str),
    /// A parameter is missing or out of bounds.
    #[error("{0}")]
    Validation(String),
    /// The body is larger than any operation needs.
    #[error("The request is too large.")]
    TooLarge,
    /// Others whose senders are not known hold all the room that there is for bodies.
    #[error("Rate exceeded")]
    Crowded,
    /// The body broke off or took too long.
    #[error("The request body did not arrive.")]
    Body,
    /// An answer cannot be written as JSON.
    #[error("the answer cannot be encoded")]
    Encoding(#[source] serde_json::Error),
    /// An answer cannot be written as XML.
    #[error("the answer cannot be encoded")]
    Xml(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    pub(crate) fn xml(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Xml(error.into())
    }

    /// Whether the same call may succeed later without anyone's help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Kms(error) => error.is_retryable(),
            Self::Iam(error) => error.is_retryable(),
            Self::Trail(error) => error.is_retryable(),
            Self::Audit(error) => error.is_retryable(),
            Self::Body | Self::Crowded => true,
            _ => false,
        }
    }

    /// The message; empty where AWS sends none.
    fn said(&self) -> String {
        match self {
            Self::Kms(arqueta_kms::Error::InvalidCiphertext) => String::new(),
            other => other.to_string(),
        }
    }

    /// The status, code and message that the caller is answered.
    pub(crate) fn fault(&self, protocol: Protocol) -> Fault {
        let json = protocol == Protocol::Json;
        // KMS answers every refusal with 400; IAM and STS tell 403 from 400.
        let forbidden = if json { StatusCode::BAD_REQUEST } else { StatusCode::FORBIDDEN };
        let either = |in_json: &'static str, in_query: &'static str| if json { in_json } else { in_query };
        let (status, code) = match self {
            Self::Signature(error) => (signature_status(error, forbidden), signature_code(error, json)),
            Self::Iam(error) => iam_answer(error, json),
            Self::Denied(_) => (forbidden, either("AccessDeniedException", "AccessDenied")),
            Self::AuthorizationMessage => (StatusCode::BAD_REQUEST, "InvalidAuthorizationMessageException"),
            Self::CloudTrail { code, .. } => (StatusCode::BAD_REQUEST, *code),
            Self::Trail(error) if error.is_internal() => (StatusCode::INTERNAL_SERVER_ERROR, error.code()),
            Self::Trail(error) => (StatusCode::BAD_REQUEST, error.code()),
            Self::Kms(error) => (kms_status(error), error.code()),
            Self::UnknownOperation => (StatusCode::BAD_REQUEST, "UnknownOperationException"),
            Self::InvalidAction { .. } => (StatusCode::BAD_REQUEST, "InvalidAction"),
            Self::Unsupported { .. } | Self::UnsupportedParameter { .. } if json => {
                (StatusCode::BAD_REQUEST, "UnsupportedOperationException")
            }
            Self::Unsupported { .. } | Self::UnsupportedParameter { .. } => {
                (StatusCode::NOT_IMPLEMENTED, "NotImplemented")
            }
            Self::Serialization(_) => (StatusCode::BAD_REQUEST, "SerializationException"),
            Self::MalformedInput(_) => (StatusCode::BAD_REQUEST, "MalformedInput"),
            Self::Validation(_) => (StatusCode::BAD_REQUEST, either("ValidationException", "ValidationError")),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge"),
            Self::Crowded => (StatusCode::BAD_REQUEST, either("ThrottlingException", "Throttling")),
            Self::Body => (StatusCode::REQUEST_TIMEOUT, "RequestTimeout"),
            Self::Audit(_) | Self::Encoding(_) | Self::Xml(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, either("InternalFailure", "ServiceFailure"))
            }
        };
        Fault { status, code, message: self.said() }
    }
}

/// What the caller is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// HTTP status.
    pub status: StatusCode,
    /// AWS error code.
    pub code: &'static str,
    /// Message; left out if empty.
    pub message: String,
}

fn signature_status(error: &signature::Error, forbidden: StatusCode) -> StatusCode {
    match error {
        signature::Error::Incomplete(_) => StatusCode::BAD_REQUEST,
        signature::Error::Missing | signature::Error::Unacceptable(_) | signature::Error::Mismatch => forbidden,
    }
}

fn signature_code(error: &signature::Error, json: bool) -> &'static str {
    match (error, json) {
        (signature::Error::Missing, true) => "MissingAuthenticationTokenException",
        (signature::Error::Missing, false) => "MissingAuthenticationToken",
        (signature::Error::Incomplete(_), true) => "IncompleteSignatureException",
        (signature::Error::Incomplete(_), false) => "IncompleteSignature",
        (signature::Error::Unacceptable(_) | signature::Error::Mismatch, true) => "InvalidSignatureException",
        (signature::Error::Unacceptable(_) | signature::Error::Mismatch, false) => "SignatureDoesNotMatch",
    }
}

fn kms_status(error: &arqueta_kms::Error) -> StatusCode {
    use arqueta_kms::Error as Kms;
    match error {
        Kms::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        Kms::Audit(_)
        | Kms::Store(_)
        | Kms::RootKey(_)
        | Kms::Refused { code: "KMSInternalException" | "KeyUnavailableException", .. } => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        Kms::NotFound { .. }
        | Kms::Disabled { .. }
        | Kms::InvalidState { .. }
        | Kms::Denied { .. }
        | Kms::InvalidKeyUsage { .. }
        | Kms::InvalidCiphertext
        | Kms::IncorrectKey
        | Kms::Refused { .. }
        | Kms::Throttled => StatusCode::BAD_REQUEST,
    }
}

/// In the Query protocol IAM's own codes; in JSON those of its credentials' errors that clients of
/// the JSON protocols know.
fn iam_answer(error: &arqueta_iam::Error, json: bool) -> (StatusCode, &'static str) {
    use arqueta_iam::Error as Iam;
    let (status, in_json) = match error {
        Iam::UnknownAccessKey | Iam::InvalidToken => (StatusCode::FORBIDDEN, Some("UnrecognizedClientException")),
        Iam::ExpiredToken => (StatusCode::FORBIDDEN, Some("ExpiredTokenException")),
        Iam::Denied { .. } => (StatusCode::FORBIDDEN, Some("AccessDeniedException")),
        Iam::Validation { .. } => (StatusCode::BAD_REQUEST, Some("ValidationException")),
        Iam::NoSuchEntity { .. } => (StatusCode::NOT_FOUND, None),
        Iam::EntityAlreadyExists { .. }
        | Iam::DeleteConflict { .. }
        | Iam::LimitExceeded { .. }
        | Iam::ConcurrentModification => (StatusCode::CONFLICT, None),
        Iam::ReportNotPresent | Iam::ReportExpired => (StatusCode::GONE, None),
        Iam::MalformedPolicyDocument { .. }
        | Iam::PackedPolicyTooLarge
        | Iam::InvalidInput { .. }
        | Iam::InvalidParameterValue { .. }
        | Iam::Unmodifiable { .. }
        | Iam::InvalidIdentityToken { .. }
        | Iam::ExpiredIdentityToken { .. }
        | Iam::IdpCommunication => (StatusCode::BAD_REQUEST, None),
        Iam::Damaged { .. } | Iam::Lookup(_) | Iam::Store(_) => (StatusCode::INTERNAL_SERVER_ERROR, None),
    };
    match (json, in_json) {
        (false, _) => (status, error.code()),
        (true, Some(code)) => (StatusCode::BAD_REQUEST, code),
        (true, None) => (StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: Protocol = Protocol::Query("n");

    fn answers(error: impl Into<Error>, json: (u16, &str), query: (u16, &str)) {
        let error = error.into();
        let shown = |protocol| {
            let fault = error.fault(protocol);
            (fault.status.as_u16(), fault.code)
        };
        assert_eq!((shown(Protocol::Json), shown(QUERY)), (json, query), "{error:?}");
    }

    #[test]
    fn signatures_and_credentials() {
        answers(
            signature::Error::Missing,
            (400, "MissingAuthenticationTokenException"),
            (403, "MissingAuthenticationToken"),
        );
        answers(
            signature::Error::Incomplete(String::new()),
            (400, "IncompleteSignatureException"),
            (400, "IncompleteSignature"),
        );
        answers(
            signature::Error::Unacceptable(String::new()),
            (400, "InvalidSignatureException"),
            (403, "SignatureDoesNotMatch"),
        );
        answers(signature::Error::Mismatch, (400, "InvalidSignatureException"), (403, "SignatureDoesNotMatch"));
        answers(
            arqueta_iam::Error::UnknownAccessKey,
            (400, "UnrecognizedClientException"),
            (403, "InvalidClientTokenId"),
        );
        answers(arqueta_iam::Error::InvalidToken, (400, "UnrecognizedClientException"), (403, "InvalidClientTokenId"));
        answers(arqueta_iam::Error::ExpiredToken, (400, "ExpiredTokenException"), (403, "ExpiredToken"));
        answers(Error::Denied(String::new()), (400, "AccessDeniedException"), (403, "AccessDenied"));
    }

    #[test]
    fn requests() {
        answers(Error::UnknownOperation, (400, "UnknownOperationException"), (400, "UnknownOperationException"));
        let unsupported = Error::Unsupported { operation: "x" };
        answers(unsupported, (400, "UnsupportedOperationException"), (501, "NotImplemented"));
        answers(Error::Validation(String::new()), (400, "ValidationException"), (400, "ValidationError"));
        answers(Error::Crowded, (400, "ThrottlingException"), (400, "Throttling"));
        answers(Error::TooLarge, (413, "RequestEntityTooLarge"), (413, "RequestEntityTooLarge"));
        answers(Error::Audit(arqueta_audit::Error::Closed), (500, "InternalFailure"), (500, "ServiceFailure"));
    }

    #[test]
    fn identities() {
        let message = String::new;
        let table = [
            (arqueta_iam::Error::NoSuchEntity { message: message() }, 404, "NoSuchEntity"),
            (arqueta_iam::Error::EntityAlreadyExists { message: message() }, 409, "EntityAlreadyExists"),
            (arqueta_iam::Error::DeleteConflict { message: message() }, 409, "DeleteConflict"),
            (arqueta_iam::Error::LimitExceeded { message: message() }, 409, "LimitExceeded"),
            (arqueta_iam::Error::MalformedPolicyDocument { message: message() }, 400, "MalformedPolicyDocument"),
            (arqueta_iam::Error::InvalidInput { message: message() }, 400, "InvalidInput"),
            (arqueta_iam::Error::Unmodifiable { message: message() }, 400, "UnmodifiableEntity"),
            (arqueta_iam::Error::ConcurrentModification, 409, "ConcurrentModification"),
            (arqueta_iam::Error::ReportNotPresent, 410, "ReportNotPresent"),
            (arqueta_iam::Error::ReportExpired, 410, "ReportExpired"),
            (arqueta_iam::Error::PackedPolicyTooLarge, 400, "PackedPolicyTooLarge"),
            (arqueta_iam::Error::IdpCommunication, 400, "IDPCommunicationError"),
            (arqueta_iam::Error::Damaged { what: message() }, 500, "ServiceFailure"),
        ];
        for (error, status, code) in table {
            answers(error, (500, "InternalFailure"), (status, code));
        }
    }

    #[test]
    fn keys() {
        let refused = |code| arqueta_kms::Error::Refused { code, message: String::new() };
        let table = [
            (arqueta_kms::Error::InvalidCiphertext, 400, "InvalidCiphertextException"),
            (arqueta_kms::Error::Throttled, 400, "ThrottlingException"),
            (arqueta_kms::Error::Unavailable("gone".into()), 503, "DependencyTimeoutException"),
            (arqueta_kms::Error::Store(arqueta_store::Error::Closed), 500, "KMSInternalException"),
            (refused("KMSInternalException"), 500, "KMSInternalException"),
            (refused("KeyUnavailableException"), 500, "KeyUnavailableException"),
            (refused("LimitExceededException"), 400, "LimitExceededException"),
        ];
        for (error, status, code) in table {
            answers(error, (status, code), (status, code));
        }
    }

    #[test]
    fn a_failure_inside_is_told_without_its_cause() {
        let cause = std::io::Error::other("/secret/path");
        let fault = Error::Audit(arqueta_audit::Error::Io(cause)).fault(QUERY);
        assert!(!fault.message.contains("secret"), "{fault:?}");
    }
}
