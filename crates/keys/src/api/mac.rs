//! Operations of HMAC keys.

use serde::{Deserialize, Serialize};

use super::Blob;

/// `GenerateMac`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct GenerateMacRequest {
    /// 1 to 4,096 bytes.
    pub message: Blob,
    /// Key id, key ARN, alias name or alias ARN.
    pub key_id: String,
    /// The key's.
    pub mac_algorithm: String,
    /// Up to 10.
    pub grant_tokens: Vec<String>,
    /// Answers `DryRunOperationException` where the call would have succeeded.
    pub dry_run: bool,
}

/// Answer to [`GenerateMacRequest`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GenerateMacResponse {
    /// As long as the hash.
    pub mac: Blob,
    /// As in the request.
    pub mac_algorithm: &'static str,
    /// ARN of the key.
    pub key_id: String,
}

/// `VerifyMac`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VerifyMacRequest {
    /// 1 to 4,096 bytes.
    pub message: Blob,
    /// Key id, key ARN, alias name or alias ARN.
    pub key_id: String,
    /// The key's.
    pub mac_algorithm: String,
    /// 1 to 6,144 bytes.
    pub mac: Blob,
    /// Up to 10.
    pub grant_tokens: Vec<String>,
    /// Answers `DryRunOperationException` where the call would have been tried.
    pub dry_run: bool,
}

/// Answer to [`VerifyMacRequest`], for the right code only.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct VerifyMacResponse {
    /// ARN of the key.
    pub key_id: String,
    /// `true`.
    pub mac_valid: bool,
    /// As in the request.
    pub mac_algorithm: &'static str,
}
