use arqueta_model::KeyArn;

use crate::KeyState;

/// What a key service answers instead of a result. Variants follow the KMS API's error codes.
/// Exhaustive on purpose: S3's error map matches without a `_` arm.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `NotFoundException`: no such key, alias or account. The message is AWS's own:
    /// `Key 'arn…' does not exist`, `Alias arn… is not found.`, `Invalid keyId 'x'`, `Invalid arn <region>`.
    #[error("{message}")]
    NotFound {
        /// AWS's message.
        message: String,
    },
    /// `DisabledException`.
    #[error("{key} is disabled.")]
    Disabled {
        /// The key.
        key: KeyArn,
    },
    /// `KMSInvalidStateException`.
    #[error("{key} is {}.", state_words(*state))]
    InvalidState {
        /// The key.
        key: KeyArn,
        /// The state that forbids the call.
        state: KeyState,
    },
    /// `AccessDeniedException`: policy, grant or account forbids the call.
    #[error("{message}")]
    Denied {
        /// `User: <arn> is not authorized to perform: kms:X on resource: <arn> because …`
        message: String,
    },
    /// `InvalidKeyUsageException`: the key's usage or spec does not fit the operation.
    #[error("{message}")]
    InvalidKeyUsage {
        /// AWS's message.
        message: String,
    },
    /// `InvalidCiphertextException`: does not authenticate, for whatever reason. Opaque on purpose.
    #[error("the ciphertext is not valid")]
    InvalidCiphertext,
    /// `IncorrectKeyException`: wrapped under another key than the one named.
    #[error("The key ID in the request does not identify a CMK that can perform this operation.")]
    IncorrectKey,
    /// Another refusal that the KMS API names and S3 never provokes by itself
    /// (`ValidationException`, `AlreadyExistsException`, `LimitExceededException`, …).
    #[error("{message}")]
    Refused {
        /// The KMS error code, such as `ValidationException`.
        code: &'static str,
        /// AWS's message.
        message: String,
    },
    /// `ThrottlingException`: a quota of the key service.
    #[error("You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.")]
    Throttled,
    /// The key service cannot be reached or failed; the call may be repeated.
    #[error("the key service is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The call could not be recorded, so it did not happen.
    #[error("the call cannot be recorded")]
    Audit(#[from] arqueta_audit::Error),
    /// The root key cannot be had, or is not the one that sealed the stored material.
    #[error("the root key of the key service cannot be used")]
    RootKey(#[from] crate::RootKeyError),
    /// The service's own store failed.
    #[error("the key store failed")]
    Store(#[from] arqueta_store::Error),
}

impl Error {
    /// The error code of the KMS API that this error is answered with.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "NotFoundException",
            Self::Disabled { .. } => "DisabledException",
            Self::InvalidState { .. } => "KMSInvalidStateException",
            Self::Denied { .. } => "AccessDeniedException",
            Self::InvalidKeyUsage { .. } => "InvalidKeyUsageException",
            Self::InvalidCiphertext => "InvalidCiphertextException",
            Self::IncorrectKey => "IncorrectKeyException",
            Self::Refused { code, .. } => code,
            Self::Throttled => "ThrottlingException",
            Self::Unavailable(_) => "DependencyTimeoutException",
            Self::Audit(_) | Self::Store(_) | Self::RootKey(_) => "KMSInternalException",
        }
    }

    /// Whether the same call may succeed later without anyone's help. Denials never do.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Throttled | Self::Unavailable(_) => true,
            Self::Audit(error) => error.is_retryable(),
            Self::Store(error) => error.is_retryable(),
            _ => false,
        }
    }
}

fn state_words(state: KeyState) -> &'static str {
    match state {
        KeyState::Enabled => "enabled",
        KeyState::Disabled => "disabled",
        KeyState::PendingDeletion => "pending deletion",
        KeyState::PendingReplicaDeletion => "pending replica deletion",
        KeyState::PendingImport => "pending import",
        KeyState::Creating => "creating",
        KeyState::Updating => "updating",
        KeyState::Unavailable => "unavailable",
    }
}
