use crate::{DeliveryError, SignError};

/// Why an administration call has no result, or work is not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No such trail in the account.
    #[error("Unknown trail: {named}")]
    TrailNotFound {
        /// As the caller named it.
        named: String,
    },
    /// The name is taken.
    #[error("Trail {name} already exists for customer: {account}")]
    TrailAlreadyExists {
        /// The name.
        name: String,
        /// The account.
        account: String,
    },
    /// An account has only so many trails.
    #[error("User: {account} already has {most} trails.")]
    TooManyTrails {
        /// The account.
        account: String,
        /// How many.
        most: usize,
    },
    /// A name that no trail can have.
    #[error("{message}")]
    InvalidName {
        /// AWS's message.
        message: String,
    },
    /// Begins like an ARN and is none of a trail.
    #[error("Trail ARN is invalid: {named}")]
    InvalidArn {
        /// As given.
        named: String,
    },
    /// A name that no bucket can have.
    #[error("Bucket name is invalid: {name}")]
    InvalidBucketName {
        /// As given.
        name: String,
    },
    /// A prefix that would make other keys.
    #[error("S3 prefix is longer than 200 characters, begins or ends with /, or contains characters that it must not.")]
    InvalidPrefix,
    /// Event selectors that select nothing known.
    #[error(transparent)]
    InvalidSelectors(#[from] crate::InvalidSelector),
    /// Parameters that exclude each other.
    #[error("{0}")]
    ParameterCombination(&'static str),
    /// Tags that cannot be.
    #[error("{0}")]
    InvalidTag(&'static str),
    /// Too many tags.
    #[error("A trail has at most 50 tags.")]
    TooManyTags,
    /// An end before its start.
    #[error("The start time is after the end time.")]
    InvalidTimeRange,
    /// A page token that was not given out.
    #[error("The token is not valid.")]
    InvalidToken,
    /// The destination does not take files.
    #[error("{}", destination(bucket, source))]
    Destination {
        /// Name of the bucket.
        bucket: String,
        /// Why.
        source: DeliveryError,
    },
    /// Others changed the trail at the same time.
    #[error("The trail is being changed by another request. Try again.")]
    Conflict,
    /// A stored record cannot be read.
    #[error("the stored trail {what} cannot be read")]
    Damaged {
        /// Which.
        what: String,
    },
    /// The store failed.
    #[error("trails cannot be read or written")]
    Store(#[from] arqueta_store::Error),
    /// The record cannot be read.
    #[error("the record cannot be read")]
    Record(#[from] arqueta_audit::Error),
    /// No signature.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl Error {
    /// The error code of CloudTrail's API.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TrailNotFound { .. } => "TrailNotFoundException",
            Self::TrailAlreadyExists { .. } => "TrailAlreadyExistsException",
            Self::TooManyTrails { .. } => "MaximumNumberOfTrailsExceededException",
            Self::InvalidName { .. } => "InvalidTrailNameException",
            Self::InvalidArn { .. } => "CloudTrailARNInvalidException",
            Self::InvalidBucketName { .. } => "InvalidS3BucketNameException",
            Self::InvalidPrefix => "InvalidS3PrefixException",
            Self::InvalidSelectors(_) => "InvalidEventSelectorsException",
            Self::ParameterCombination(_) => "InvalidParameterCombinationException",
            Self::InvalidTag(_) => "InvalidTagParameterException",
            Self::TooManyTags => "TagsLimitExceededException",
            Self::InvalidTimeRange => "InvalidTimeRangeException",
            Self::InvalidToken => "InvalidTokenException",
            Self::Conflict => "ConflictException",
            Self::Destination { source: DeliveryError::NoSuchBucket, .. } => "S3BucketDoesNotExistException",
            Self::Destination { source: DeliveryError::AccessDenied, .. } => "InsufficientS3BucketPolicyException",
            Self::Destination { source: DeliveryError::KeyNotFound, .. } => "KmsKeyNotFoundException",
            Self::Destination { source: DeliveryError::KeyUnsuitable, .. } => "InvalidKmsKeyIdException",
            Self::Destination { source: DeliveryError::KeyDisabled, .. } => "KmsKeyDisabledException",
            Self::Destination { source: DeliveryError::KeyDenied, .. } => "InsufficientEncryptionPolicyException",
            Self::Destination { source: DeliveryError::Unavailable(_), .. }
            | Self::Damaged { .. }
            | Self::Store(_)
            | Self::Record(_)
            | Self::Sign(_) => "InternalFailure",
        }
    }

    /// Whether the failure is the service's and not the caller's.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        self.code() == "InternalFailure"
    }

    /// Whether the same call may succeed later without anyone's help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Destination { source, .. } => source.is_retryable(),
            Self::Store(error) => error.is_retryable(),
            Self::Record(error) => error.is_retryable(),
            Self::Conflict | Self::Sign(_) => true,
            _ => false,
        }
    }
}

fn destination(bucket: &str, error: &DeliveryError) -> String {
    match error {
        DeliveryError::NoSuchBucket => format!("S3 bucket {bucket} does not exist!"),
        DeliveryError::AccessDenied => format!("Incorrect S3 bucket policy is detected for bucket: {bucket}"),
        other => other.to_string(),
    }
}
