//! Where an endpoint is and who asks it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Region, RequestChecksumCalculation, SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_smithy_http_client::tls;
use url::Url;

use crate::Error;
use crate::profile::Profile;

/// How often a request is sent before its failure is one: what passes within half a minute is none.
const ATTEMPTS: u32 = 6;
const CONNECT: Duration = Duration::from_secs(5);
/// How long an endpoint may say nothing.
const SILENCE: Duration = Duration::from_secs(60);

/// What was said of one side on the command line or in the configuration.
#[derive(Debug, Clone, Default)]
pub struct Chosen {
    /// Address; that of the profile if absent, then AWS's own.
    pub url: Option<String>,
    /// Region to sign for; that of the profile if absent, then `us-east-1`.
    pub region: Option<String>,
    /// Profile of AWS's files.
    pub profile: Option<String>,
    /// PEM file of the certificate authority; the system's if absent.
    pub ca: Option<PathBuf>,
    /// Bucket in the host name instead of the path. Always so for AWS's own addresses.
    pub virtual_hosts: bool,
}

/// An S3 endpoint and who asks it.
#[derive(Clone)]
pub struct Endpoint {
    url: Option<Url>,
    region: String,
    credentials: Credentials,
    ca: Option<PathBuf>,
    path_style: bool,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.url.as_ref().map_or("aws", Url::as_str))
    }
}

impl Endpoint {
    /// Finds out about one side, which is `side` in words. Its credentials are, in this order, those of
    /// the profile that was named; those of `ARQUETA_<SIDE>_ACCESS_KEY_ID`, `_SECRET_ACCESS_KEY` and
    /// `_SESSION_TOKEN`; those of `AWS_ACCESS_KEY_ID` and its sisters; those of the default profile.
    ///
    /// # Errors
    /// [`Error`] for addresses that are none, profiles that are not there, and where nothing says who asks.
    pub async fn find(side: &'static str, chosen: &Chosen) -> Result<Self, Error> {
        let profile = Profile::load(chosen.profile.as_deref()).await?;
        let own = format!("ARQUETA_{}", side.to_ascii_uppercase());
        let credentials = match (&chosen.profile, profile.credentials) {
            (Some(_), Some(found)) => Some(found),
            (_, found) => of_environment(&own).or_else(|| of_environment("AWS")).or(found),
        };
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        // A profile that was named is an endpoint of its own, whatever the environment says of another.
        let named = chosen.profile.is_some();
        let general = || variable("AWS_ENDPOINT_URL_S3").or_else(|| variable("AWS_ENDPOINT_URL"));
        let url = chosen.url.clone().or(profile.url.clone().filter(|_| named));
        let url = if named { url } else { url.or_else(general).or(profile.url) };
        let general = || variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
        let region = chosen.region.clone().or(profile.region.clone().filter(|_| named));
        let region = if named { region } else { region.or_else(general).or(profile.region) };
        Ok(Self {
            path_style: url.is_some() && !chosen.virtual_hosts,
            url: url.map(|url| address(&url)).transpose()?,
            region: region.unwrap_or_else(|| "us-east-1".to_owned()),
            credentials: credentials.ok_or_else(|| Error::Credentials(side, own))?,
            ca: chosen.ca.clone(),
        })
    }

    /// Where it is, for people.
    #[must_use]
    pub fn address(&self) -> String {
        self.url.as_ref().map_or_else(|| format!("AWS {}", self.region), |url| url.as_str().to_owned())
    }

    /// The Region that is signed for.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// A client of it. Nothing is connected yet.
    ///
    /// # Errors
    /// [`Error::File`] for certificates that cannot be read.
    pub fn client(&self) -> Result<Client, Error> {
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(SILENCE).build();
        let mut config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .credentials_provider(self.credentials.clone())
            .force_path_style(self.path_style)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(timeouts)
            // Not every endpoint takes trailers; who wants a checksum says which.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            // Who reads two bodies side by side reads each as slowly as the other.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(url) = &self.url {
            config = config.endpoint_url(url.as_str());
        }
        if let Some(ca) = &self.ca {
            config = config.http_client(trusting(ca)?);
        }
        Ok(Client::from_conf(config.build()))
    }
}

fn of_environment(prefix: &str) -> Option<Credentials> {
    let word = |name: &str| std::env::var(format!("{prefix}_{name}")).ok().filter(|value| !value.is_empty());
    let (id, secret) = (word("ACCESS_KEY_ID")?, word("SECRET_ACCESS_KEY")?);
    Some(Credentials::new(id, secret, word("SESSION_TOKEN"), None, "the environment"))
}

fn address(text: &str) -> Result<Url, Error> {
    let wrong = || Error::Address(text.to_owned());
    let url = Url::parse(text).map_err(|_| wrong())?;
    let is_bare = ["", "/"].contains(&url.path()) && url.query().is_none() && url.username().is_empty();
    if ["http", "https"].contains(&url.scheme()) && url.has_host() && is_bare { Ok(url) } else { Err(wrong()) }
}

/// A client that trusts the authority of this PEM file alone.
fn trusting(ca: &Path) -> Result<SharedHttpClient, Error> {
    let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| Error::File { path: ca.to_owned(), source };
    let pem = std::fs::read(ca).map_err(|error| unreadable(error.into()))?;
    let trusted = tls::TrustStore::empty().with_pem_certificate(pem);
    let context = tls::TlsContext::builder().with_trust_store(trusted).build();
    Ok(aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .tls_context(context.map_err(|error| unreadable(error.into()))?)
        .build_https())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_no_path_and_no_secret() {
        for good in ["http://127.0.0.1:9000", "https://s3.example.com/"] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in ["127.0.0.1:9000", "ftp://x", "http://x/bucket", "http://key@x", "http://x/?q", "s3://x"] {
            assert!(address(bad).is_err(), "{bad}");
        }
    }
}
