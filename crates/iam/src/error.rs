/// What the identity service answers instead of a result. Variants follow the error codes of IAM
/// and STS; messages are AWS's. Exhaustive on purpose: the edge's error map matches without a `_` arm.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `NoSuchEntity`: the named user, group, role, policy or key does not exist.
    #[error("{message}")]
    NoSuchEntity {
        /// Which.
        message: String,
    },
    /// `EntityAlreadyExists`.
    #[error("{message}")]
    EntityAlreadyExists {
        /// Which.
        message: String,
    },
    /// `DeleteConflict`: something still hangs on the entity.
    #[error("{message}")]
    DeleteConflict {
        /// What to remove first.
        message: String,
    },
    /// `LimitExceeded`.
    #[error("{message}")]
    LimitExceeded {
        /// Which quota.
        message: String,
    },
    /// `MalformedPolicyDocument`.
    #[error("{message}")]
    MalformedPolicyDocument {
        /// What is wrong with it.
        message: String,
    },
    /// `PackedPolicyTooLarge`: session policies and tags together.
    #[error("The total packed size of the session policies and session tags combined is too large")]
    PackedPolicyTooLarge,
    /// `InvalidInput`: a value of the right shape that cannot be meant.
    #[error("{message}")]
    InvalidInput {
        /// Which and why.
        message: String,
    },
    /// `InvalidParameterValue`: session tags that cannot be meant.
    #[error("{message}")]
    InvalidParameterValue {
        /// Which and why.
        message: String,
    },
    /// `ValidationError`: a value outside its shape.
    #[error("{message}")]
    Validation {
        /// Which and why.
        message: String,
    },
    /// `UnmodifiableEntity`: policies that AWS manages.
    #[error("{message}")]
    Unmodifiable {
        /// Which.
        message: String,
    },
    /// `AccessDenied`.
    #[error("{message}")]
    Denied {
        /// `User: … is not authorized to perform: …`
        message: String,
    },
    /// `InvalidClientTokenId`; S3: `InvalidAccessKeyId`. Unknown and inactive access keys, and
    /// those of deleted identities, are one case.
    #[error("The security token included in the request is invalid.")]
    UnknownAccessKey,
    /// `InvalidClientTokenId`; S3: `InvalidToken`. The session token is missing, was not made
    /// for this access key, or was not made here: one opaque case.
    #[error("The security token included in the request is invalid")]
    InvalidToken,
    /// `ExpiredToken`.
    #[error("The security token included in the request is expired")]
    ExpiredToken,
    /// `InvalidIdentityToken`: an identity provider's token that proves nothing here.
    #[error("{message}")]
    InvalidIdentityToken {
        /// Why.
        message: String,
    },
    /// `ExpiredTokenException`: an identity provider's token of the past.
    #[error("{message}")]
    ExpiredIdentityToken {
        /// Since when.
        message: String,
    },
    /// `IDPCommunicationError`: the identity provider cannot be asked for its keys.
    #[error("The identity provider could not be reached to verify the incoming identity token. Retry the request.")]
    IdpCommunication,
    /// `ReportNotPresent`: no credential report was made.
    #[error("There is no credential report. Generate one.")]
    ReportNotPresent,
    /// `ReportExpired`: the credential report is older than four hours.
    #[error("The credential report has expired. Generate a new one.")]
    ReportExpired,
    /// `ConcurrentModification`: another gateway changed identities at the same moment.
    #[error(
        "The request was rejected because multiple requests to change this object were submitted simultaneously. Wait a few minutes and submit your request again."
    )]
    ConcurrentModification,
    /// A stored record cannot be read. Nobody gets in by it.
    #[error("a stored identity record is damaged: {what}")]
    Damaged {
        /// Which record, without its content.
        what: String,
    },
    /// It cannot be told whether whom a policy names exists.
    #[error("the principals of a policy cannot be looked up")]
    Lookup(#[source] arqueta_policy::LookupError),
    /// The store failed.
    #[error("the identity store failed")]
    Store(#[source] arqueta_store::Error),
}

impl Error {
    /// The error code of the IAM and STS APIs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSuchEntity { .. } => "NoSuchEntity",
            Self::EntityAlreadyExists { .. } => "EntityAlreadyExists",
            Self::DeleteConflict { .. } => "DeleteConflict",
            Self::LimitExceeded { .. } => "LimitExceeded",
            Self::MalformedPolicyDocument { .. } => "MalformedPolicyDocument",
            Self::PackedPolicyTooLarge => "PackedPolicyTooLarge",
            Self::InvalidInput { .. } => "InvalidInput",
            Self::InvalidParameterValue { .. } => "InvalidParameterValue",
            Self::Validation { .. } => "ValidationError",
            Self::Unmodifiable { .. } => "UnmodifiableEntity",
            Self::Denied { .. } => "AccessDenied",
            Self::UnknownAccessKey | Self::InvalidToken => "InvalidClientTokenId",
            Self::ExpiredToken => "ExpiredToken",
            Self::InvalidIdentityToken { .. } => "InvalidIdentityToken",
            Self::ExpiredIdentityToken { .. } => "ExpiredTokenException",
            Self::IdpCommunication => "IDPCommunicationError",
            Self::ReportNotPresent => "ReportNotPresent",
            Self::ReportExpired => "ReportExpired",
            Self::ConcurrentModification => "ConcurrentModification",
            Self::Damaged { .. } | Self::Lookup(_) | Self::Store(_) => "ServiceFailure",
        }
    }

    /// Whether the same call may succeed later without anyone's help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::ConcurrentModification | Self::IdpCommunication => true,
            Self::Store(error) => error.is_retryable(),
            _ => false,
        }
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::Validation { message: message.into() }
    }

    pub(crate) fn no_such(message: impl Into<String>) -> Self {
        Self::NoSuchEntity { message: message.into() }
    }

    pub(crate) fn limit(message: impl Into<String>) -> Self {
        Self::LimitExceeded { message: message.into() }
    }
}

impl From<arqueta_store::Error> for Error {
    fn from(error: arqueta_store::Error) -> Self {
        match error {
            arqueta_store::Error::Conflict => Self::ConcurrentModification,
            other => Self::Store(other),
        }
    }
}

impl From<arqueta_policy::ParseError> for Error {
    fn from(error: arqueta_policy::ParseError) -> Self {
        match error {
            arqueta_policy::ParseError::TooLarge { .. } => Self::LimitExceeded { message: error.to_string() },
            _ => Self::MalformedPolicyDocument { message: error.to_string() },
        }
    }
}

impl From<arqueta_policy::Unidentified> for Error {
    fn from(error: arqueta_policy::Unidentified) -> Self {
        match error {
            arqueta_policy::Unidentified::Lookup(source) => Self::Lookup(source),
            nobody => Self::MalformedPolicyDocument { message: nobody.to_string() },
        }
    }
}
