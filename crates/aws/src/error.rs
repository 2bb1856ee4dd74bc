//! Everything that a call can end in, and the only map from it to AWS's codes.

use std::borrow::Cow;

use http::StatusCode;

use crate::answer::Protocol;
use crate::signature;

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The request does not prove who sent it.
    #[error(transparent)]
    Signature(#[from] signature::Error),
    /// Policy forbids an IAM or STS operation.
    #[error("{0}")]
    Denied(String),
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
        operation: String,
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
            Self::Audit(error) => error.is_retryable(),
            Self::Body => true,
            _ => false,
        }
    }

    /// The status, code and message that the caller is answered.
    pub(crate) fn fault(&self, protocol: Protocol) -> Fault {
        let json = protocol == Protocol::Json;
        // KMS answers every refusal with 400, IAM and STS tell 403 from 400.
        let forbidden = if json { StatusCode::BAD_REQUEST } else { StatusCode::FORBIDDEN };
        let (status, code): (StatusCode, Cow<'static, str>) = match self {
            Self::Signature(error) => (if matches!(error, signature::Error::Incomplete(_)) { StatusCode::BAD_REQUEST } else { forbidden }, signature_code(error, json).into()),
            Self::Denied(_) => (forbidden, if json { "AccessDeniedException" } else { "AccessDenied" }.into()),
            Self::Kms(error) => (kms_status(error), error.code().into()),
            Self::UnknownOperation => (StatusCode::BAD_REQUEST, "UnknownOperationException".into()),
            Self::InvalidAction { .. } => (StatusCode::BAD_REQUEST, "InvalidAction".into()),
            Self::Unsupported { .. } | Self::UnsupportedParameter { .. } if json => {
                (StatusCode::BAD_REQUEST, "UnsupportedOperationException".into())
            }
            Self::Unsupported { .. } | Self::UnsupportedParameter { .. } => {
                (StatusCode::NOT_IMPLEMENTED, "NotImplemented".into())
            }
            Self::Serialization(_) => (StatusCode::BAD_REQUEST, "SerializationException".into()),
            Self::MalformedInput(_) => (StatusCode::BAD_REQUEST, "MalformedInput".into()),
            Self::Validation(_) => {
                (StatusCode::BAD_REQUEST, if json { "ValidationException" } else { "ValidationError" }.into())
            }
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge".into()),
            Self::Body => (StatusCode::REQUEST_TIMEOUT, "RequestTimeout".into()),
            Self::Audit(_) | Self::Encoding(_) | Self::Xml(_) => (StatusCode::INTERNAL_SERVER_ERROR, internal(json).into()),
        };
        Fault { status, code, message: self.to_string() }
    }
}

/// What the caller is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// HTTP status.
    pub status: StatusCode,
    /// AWS error code.
    pub code: Cow<'static, str>,
    /// Message.
    pub message: String,
}

fn internal(json: bool) -> &'static str {
    if json { "InternalFailure" } else { "ServiceFailure" }
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
    match error.code() {
        "KMSInternalException" | "KeyUnavailableException" => StatusCode::INTERNAL_SERVER_ERROR,
        "DependencyTimeoutException" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::BAD_REQUEST,
    }
}
