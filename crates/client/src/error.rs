use std::path::PathBuf;

/// Why an endpoint cannot be asked, or did not answer what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text names no bucket.
    #[error("`{0}` is no bucket: s3://bucket/prefix, or endpoint:bucket/prefix")]
    Place(String),
    /// The text is no address.
    #[error("`{0}` is no address of an endpoint: http:// or https://, without a path")]
    Address(String),
    /// AWS's files have no such profile.
    #[error("there is no profile or endpoint `{0}`")]
    Profile(String),
    /// Neither variables nor AWS's files say who asks.
    #[error("no credentials for {0}: set {1}_ACCESS_KEY_ID and {1}_SECRET_ACCESS_KEY, or name a profile")]
    Credentials(&'static str, String),
    /// The profile gets its credentials by ways that are not gone here.
    #[error(
        "profile `{0}` has no access key of its own; `aws configure export-credentials --profile {0} --format env` gives what the environment needs"
    )]
    Elsewhere(String),
    /// AWS's files, or the file with the certificate authority, cannot be read.
    #[error("cannot read {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is no such bucket, object or version.
    #[error("{call}: there is none ({code})")]
    Absent {
        /// The operation.
        call: &'static str,
        /// What the endpoint calls it.
        code: String,
    },
    /// The endpoint refused.
    #[error("{call}: {status} {code}{}{message}", if message.is_empty() { "" } else { ": " })]
    Refused {
        /// The operation.
        call: &'static str,
        /// HTTP's status.
        status: u16,
        /// S3's code; empty where an answer has no body.
        code: String,
        /// What the endpoint said.
        message: String,
    },
    /// The endpoint gave no answer that S3 has.
    #[error("{call}: no answer")]
    Unanswered {
        /// The operation.
        call: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A listing is not in the order of keys, so that two of them cannot be compared as they come.
    #[error("the listing is not in the order of keys: {1:?} came after {0:?}")]
    Order(String, String),
}

impl Error {
    /// Whether the object, version or bucket is simply not there.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent { .. })
    }

    /// S3's code, where the endpoint gave one.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Absent { code, .. } | Self::Refused { code, .. } => code,
            _ => "",
        }
    }

    /// Whether the endpoint says that it has no such operation, or has it not set.
    #[must_use]
    pub fn is_unserved(&self) -> bool {
        matches!(self, Self::Refused { status: 501 | 405, .. }) || self.code() == "NotImplemented"
    }
}
