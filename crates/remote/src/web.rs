//! HTTP to servers that the operator named: connections that are kept, and trust in one authority or
//! the system's. Redirections are not followed.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use crate::error::{SetupError, read};

/// Largest answer that is read, in bytes.
const MAX_REPLY: usize = 64 * 1024;

/// Connections of one client.
pub(crate) type Connections = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A client that trusts the authority of the PEM file `ca` alone, or the system's.
///
/// # Errors
/// [`SetupError`] for a file that cannot be read or has no certificates.
pub(crate) fn connections(ca: Option<&Path>, connect: Duration) -> Result<Connections, SetupError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(connect));
    tcp.set_nodelay(true);
    let https = HttpsConnectorBuilder::new().with_tls_config(client_config(ca)?).https_or_http().enable_http1();
    Ok(Client::builder(TokioExecutor::new()).build(https.wrap_connector(tcp)))
}

/// TLS of a client that trusts the authority of the PEM file `ca` alone, or the system's.
///
/// # Errors
/// [`SetupError`] for a file that cannot be read or has no certificates.
pub fn client_config(ca: Option<&Path>) -> Result<ClientConfig, SetupError> {
    use hyper_rustls::ConfigBuilderExt as _;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| SetupError::Trust(error.into()))?;
    let Some(ca) = ca else {
        let config = config.with_native_roots().map_err(|error| SetupError::Trust(error.into()))?;
        return Ok(config.with_no_client_auth());
    };
    let pem = read(ca)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| SetupError::Trust(error.to_string().into()))?;
        roots.add(certificate).map_err(|error| SetupError::Trust(error.into()))?;
    }
    if roots.is_empty() {
        return Err(SetupError::Trust(format!("{} holds no certificate", ca.display()).into()));
    }
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Asks servers that the operator named.
#[derive(Clone)]
pub struct Http(Connections);

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Http")
    }
}

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// Its body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// Nobody answered.
    #[error("no answer")]
    Unanswered(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The request cannot be sent at all.
    #[error("the request cannot be made")]
    Request(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Http {
    /// A client that trusts the authority of the PEM file `ca` alone, or the system's. Nothing is
    /// connected yet; connecting may take as long as `connect`.
    ///
    /// # Errors
    /// [`SetupError`] for a file that cannot be read or has no certificates.
    pub fn new(ca: Option<&Path>, connect: Duration) -> Result<Self, SetupError> {
        connections(ca, connect).map(Self)
    }

    /// Posts `body`. How long the answer may take is the caller's to bound.
    ///
    /// # Errors
    /// [`HttpError`]. An answer of any status is one.
    pub async fn post(&self, to: &Uri, headers: HeaderMap, body: Bytes) -> Result<Reply, HttpError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = to.clone();
        *request.headers_mut() = headers;
        self.send(request).await
    }

    /// Gets a document. How long the answer may take is the caller's to bound.
    ///
    /// # Errors
    /// [`HttpError`]. An answer of any status is one.
    pub async fn get(&self, from: &Uri, headers: HeaderMap) -> Result<Reply, HttpError> {
        let mut request = Request::new(Full::default());
        *request.uri_mut() = from.clone();
        *request.headers_mut() = headers;
        self.send(request).await
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Reply, HttpError> {
        let answer = self.0.request(request).await.map_err(|error| HttpError::Unanswered(error.into()))?;
        let status = answer.status();
        // What is longer than that is no answer to a notification; its status tells enough.
        let body = Limited::new(answer.into_body(), MAX_REPLY).collect().await.map(|body| body.to_bytes());
        Ok(Reply { status, body: body.unwrap_or_default() })
    }
}
