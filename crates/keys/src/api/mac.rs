//! Operations of HMAC keys.

use arqueta_kms::MacAlgorithm;

use super::Blob;

/// `GenerateMac`.
#[derive(Debug)]
pub struct GenerateMacRequest {
    /// 1 to 4,096 bytes.
    pub message: Blob,
    /// Key id, key ARN, alias name or alias ARN.
    pub key_id: String,
    /// The key's.
    pub mac_algorithm: MacAlgorithm,
    /// Answers `DryRunOperationException` where the call would have succeeded.
    pub dry_run: bool,
}

/// Answer to [`GenerateMacRequest`].
#[derive(Debug)]
pub struct GenerateMacResponse {
    /// As long as the hash.
    pub mac: Blob,
    /// As in the request.
    pub mac_algorithm: &'static str,
    /// ARN of the key.
    pub key_id: String,
}

/// `VerifyMac`.
#[derive(Debug)]
pub struct VerifyMacRequest {
    /// 1 to 4,096 bytes.
    pub message: Blob,
    /// Key id, key ARN, alias name or alias ARN.
    pub key_id: String,
    /// The key's.
    pub mac_algorithm: MacAlgorithm,
    /// 1 to 6,144 bytes.
    pub mac: Blob,
    /// Answers `DryRunOperationException` where the call would have been tried.
    pub dry_run: bool,
}

/// Answer to [`VerifyMacRequest`], for the right code only.
#[derive(Debug)]
pub struct VerifyMacResponse {
    /// ARN of the key.
    pub key_id: String,
    /// `true`.
    pub mac_valid: bool,
    /// As in the request.
    pub mac_algorithm: &'static str,
}
