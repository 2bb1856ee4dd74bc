//! Whose keys signatures are made with, and which of them are good.

use std::sync::Arc;

use arqueta_call::signature::{SigningKey, SigningKeys};
use arqueta_iam::{Credential, Iam};
use arqueta_model::{Clock, Region};
use http::request::Parts;
use percent_encoding::percent_decode_str;
use s3s::{S3Result, s3_error};
use s3s_sigv4::{AmzDate, CredentialV4};

use crate::error;
use crate::exchange::Exchange;
use crate::payload::Payload;
use crate::refusal::Detail as _;
use crate::signing::Signing;

/// Which signatures are good, beside being right.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The Region that requests are signed for.
    pub region: Region,
    /// Whether any other will do.
    pub any_region: bool,
    /// Whether presigned requests may be signed by Version 2.
    pub version_2: bool,
}

/// Verifies signatures.
pub struct Verifier {
    iam: Arc<Iam>,
    /// The time that signatures are compared with.
    pub clock: Arc<dyn Clock>,
    /// Which are good.
    pub rules: Rules,
    keys: SigningKeys,
}

/// A request whose sender is known, or who sends without a name.
#[derive(Debug)]
pub struct Verified {
    /// How it is signed.
    pub signing: Signing,
    /// What the signature says of the body.
    pub payload: Payload,
}

impl Verifier {
    /// A verifier of signatures by the keys of `iam`.
    #[must_use]
    pub fn new(iam: Arc<Iam>, clock: Arc<dyn Clock>, rules: Rules, keys: SigningKeys) -> Self {
        Self { iam, clock, rules, keys }
    }

    /// The key of a credential's scope.
    #[must_use]
    pub fn key(&self, scope: &CredentialV4<'_>, date: &AmzDate, known: &Credential) -> Arc<SigningKey> {
        let secret = known.secret.expose().as_bytes();
        self.keys.key(scope.access_key_id, secret, date, scope.aws_region, scope.aws_service)
    }

    /// The credential of an access key.
    ///
    /// # Errors
    /// `InvalidAccessKeyId` and what else [`error::of_iam`] has.
    pub async fn credential(&self, access_key: &str, exchange: &Exchange) -> S3Result<Credential> {
        let found = self.iam.authentication().credential(access_key, exchange.token()).await;
        found.map_err(|failure| match failure {
            arqueta_iam::Error::UnknownAccessKey => error::of_iam(&failure).detail("AWSAccessKeyId", access_key),
            _ => error::of_iam(&failure),
        })
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("rules", &self.rules).finish_non_exhaustive()
    }
}

/// The path as it is signed.
///
/// # Errors
/// `InvalidURI` for a path that is no text.
pub fn decoded_path(parts: &Parts) -> S3Result<String> {
    let decoded = percent_decode_str(parts.uri.path()).decode_utf8();
    decoded.map(Into::into).map_err(|_| s3_error!(InvalidURI, "Couldn't parse the specified URI."))
}
