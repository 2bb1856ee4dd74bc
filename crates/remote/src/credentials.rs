//! Who asks, at endpoints of AWS protocols, and whom they trust.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arqueta_model::Clock;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use zeroize::Zeroizing;

use crate::error::{SetupError, read};

/// How long credentials are used before their files are read again.
const FRESH: Duration = Duration::from_secs(300);

/// Where a secret access key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// In a file, which is read again every few minutes.
    File(PathBuf),
    /// In an environment variable.
    Variable(String),
}

impl Secret {
    /// The secret as it is now, without white space around it.
    ///
    /// # Errors
    /// [`SetupError`] for a file that cannot be read, or a variable that is not set.
    pub fn read(&self) -> Result<Zeroizing<String>, SetupError> {
        let secret = match self {
            Self::File(path) => text(path)?,
            Self::Variable(name) => std::env::var(name).map_err(|_| SetupError::Variable(name.clone()))?,
        };
        Ok(Zeroizing::new(secret))
    }
}

/// Credentials from files, so that whoever renews them needs no restart.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) access_key_id: String,
    pub(crate) secret: Secret,
    pub(crate) session_token_file: Option<PathBuf>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Kept {
    /// # Errors
    /// [`SetupError`] for a file that cannot be read, or a variable that is not set.
    pub(crate) fn load(&self) -> Result<Credentials, SetupError> {
        let secret = self.secret.read()?;
        let token = self.session_token_file.as_deref().map(text).transpose()?;
        let until = self.clock.now().plus(FRESH).millis();
        let until = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(until).unwrap_or(0));
        Ok(Credentials::new(self.access_key_id.clone(), secret.as_str(), token, Some(until), "files"))
    }
}

fn text(path: &Path) -> Result<String, SetupError> {
    let bytes = Zeroizing::new(read(path)?);
    let text = std::str::from_utf8(&bytes).map_err(|_| SetupError::Value("credentials"))?;
    Ok(text.trim().to_owned())
}

impl ProvideCredentials for Kept {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let loaded: provider::Result = self.load().map_err(CredentialsError::provider_error);
        future::ProvideCredentials::ready(loaded)
    }
}

/// A client that trusts the authority of this PEM file alone.
///
/// # Errors
/// [`SetupError`] for a file that cannot be read or has no certificates.
pub(crate) fn trusting(ca: &Path) -> Result<SharedHttpClient, SetupError> {
    let trusted = tls::TrustStore::empty().with_pem_certificate(read(ca)?);
    let context = tls::TlsContext::builder().with_trust_store(trusted).build();
    let context = context.map_err(|error| SetupError::Trust(error.into()))?;
    Ok(aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .tls_context(context)
        .build_https())
}
