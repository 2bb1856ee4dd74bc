//! The documents of identity providers, over HTTPS: `hyper-util`'s client on `hyper-rustls`.
//!
//! No redirection is followed, an answer has a bounded size and a bounded time, and nothing of it
//! reaches whoever presented the token. Certificates are judged by the machine's roots, and by the
//! provider's thumbprints where those do not know the issuer, as AWS does (IAM User Guide, "Obtain
//! the thumbprint for an OpenID Connect identity provider").

use std::sync::Arc;
use std::time::Duration;

use arqueta_iam::{FetchError, IssuerDocuments};
use arqueta_model::Clock;
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use sha1::{Digest as _, Sha1};
use url::Url;

use crate::Error;

/// Largest document, bytes.
const DOCUMENT: usize = 256 * 1024;
/// How long fetching one document may take.
const TIME: Duration = Duration::from_secs(5);

/// Fetches over HTTPS, and over HTTP where the identity service allows it: on this very machine.
pub struct HttpsIssuers {
    clock: Arc<dyn Clock>,
    provider: Arc<CryptoProvider>,
    /// Judges by the machine's roots; `None` on a machine without any.
    usual: Option<Arc<WebPkiServerVerifier>>,
}

impl HttpsIssuers {
    /// A client that trusts the machine's certification authorities.
    ///
    /// # Errors
    /// [`Error::Config`] if the roots cannot be used.
    pub fn new(clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let usual = match roots.is_empty() {
            true => None,
            false => Some(
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                    .build()
                    .map_err(|error| Error::Config(format!("the machine's root certificates: {error}")))?,
            ),
        };
        Ok(Self { clock, provider, usual })
    }

    async fn get(&self, url: &Url, thumbprints: &[String]) -> Result<Vec<u8>, FetchError> {
        let trust = Trust {
            usual: self.usual.clone(),
            thumbprints: thumbprints.to_vec(),
            provider: Arc::clone(&self.provider),
        };
        let tls = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(|_| FetchError::Refused)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(trust))
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        // Documents are asked for once an hour: a connection is not worth keeping.
        let client: Client<_, Empty<Bytes>> =
            Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
        let request = Request::get(url.as_str())
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("arqueta/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
            .map_err(|_| FetchError::Refused)?;
        let answer = client.request(request).await.map_err(|error| {
            tracing::warn!(
                issuer = url.host_str(),
                error = &error as &dyn std::error::Error,
                "an identity provider cannot be reached"
            );
            FetchError::Unreachable
        })?;
        match answer.status() {
            StatusCode::OK => {}
            status if status.is_server_error() => return Err(FetchError::Unreachable),
            _ => return Err(FetchError::Refused),
        }
        let body = Limited::new(answer.into_body(), DOCUMENT).collect().await.map_err(|_| FetchError::Refused)?;
        Ok(body.to_bytes().to_vec())
    }
}

#[async_trait]
impl IssuerDocuments for HttpsIssuers {
    async fn fetch(&self, url: &Url, thumbprints: &[String]) -> Result<Vec<u8>, FetchError> {
        tokio::select! {
            document = self.get(url, thumbprints) => document,
            () = self.clock.sleep(TIME) => Err(FetchError::Unreachable),
        }
    }
}

/// The machine's roots, then the provider's thumbprints.
#[derive(Debug)]
struct Trust {
    usual: Option<Arc<WebPkiServerVerifier>>,
    thumbprints: Vec<String>,
    provider: Arc<CryptoProvider>,
}

impl Trust {
    /// Judges by the last certificate that the server sent, if its digest is a thumbprint.
    fn by_thumbprint(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let top = intermediates.last().unwrap_or(end_entity);
        let digest = hex::encode(Sha1::digest(top));
        if !self.thumbprints.contains(&digest) {
            return Err(CertificateError::UnknownIssuer.into());
        }
        let mut roots = RootCertStore::empty();
        roots.add(top.clone().into_owned())?;
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider)).build();
        let verifier = verifier.map_err(|_| rustls::Error::from(CertificateError::UnknownIssuer))?;
        verifier.verify_server_cert(end_entity, intermediates, name, &[], now)
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let unknown = rustls::Error::from(CertificateError::UnknownIssuer);
        let usual = self
            .usual
            .as_ref()
            .map_or(Err(unknown.clone()), |usual| usual.verify_server_cert(end_entity, intermediates, name, ocsp, now));
        match usual {
            Err(error) if error == unknown => self.by_thumbprint(end_entity, intermediates, name, now),
            judged => judged,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
