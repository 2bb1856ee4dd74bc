//! Calls of AWS services of which only one operation is needed: signed by Signature Version 4, shaped
//! by who calls.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arqueta_model::Clock;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::Full;

use crate::aws::address;
use crate::credentials::{Kept, Secret};
use crate::error::SetupError;
use crate::web::{Http, HttpError, Reply};

/// Where a service is, and who calls it.
#[derive(Debug, Clone)]
pub struct ServiceSettings {
    /// `https://sqs.example.com`; AWS's own endpoint of the region if absent.
    pub endpoint: Option<String>,
    /// Its name in credential scopes.
    pub service: &'static str,
    /// The region to sign for.
    pub region: String,
    /// Access key id.
    pub access_key_id: String,
    /// Secret access key.
    pub secret: Secret,
    /// File with a session token, for temporary credentials. Files are read again for each call.
    pub session_token_file: Option<PathBuf>,
    /// PEM file of the certificate authority; the system's if absent.
    pub ca: Option<PathBuf>,
    /// How long connecting may take.
    pub connect: Duration,
}

/// A service at one endpoint, as one identity may call it.
pub struct SignedService {
    http: Http,
    endpoint: Uri,
    service: &'static str,
    region: String,
    kept: Kept,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for SignedService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedService").field("service", &self.service).finish_non_exhaustive()
    }
}

impl SignedService {
    /// Nothing is connected yet.
    ///
    /// # Errors
    /// [`SetupError`] for secrets and files that cannot be read and addresses that are none.
    pub fn new(settings: ServiceSettings, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        let ServiceSettings { endpoint, service, region, access_key_id, secret, session_token_file, ca, connect } =
            settings;
        let kept = Kept { access_key_id, secret, session_token_file, clock: clock.clone() };
        kept.load()?;
        let endpoint = endpoint.unwrap_or_else(|| format!("https://{service}.{region}.amazonaws.com"));
        let endpoint: Uri = format!("{}/", address(&endpoint)?).parse().map_err(|_| SetupError::Address(endpoint))?;
        Ok(Self { http: Http::new(ca.as_deref(), connect)?, endpoint, service, region, kept, clock })
    }

    /// Posts `body` with `headers`, signed now.
    ///
    /// # Errors
    /// [`HttpError`]. An answer of any status is one.
    pub async fn call(&self, headers: HeaderMap, body: Bytes) -> Result<Reply, HttpError> {
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.endpoint.clone();
        *request.headers_mut() = headers;
        self.sign(&mut request, &body)?;
        self.http.send(request).await
    }

    fn sign(&self, request: &mut Request<Full<Bytes>>, body: &[u8]) -> Result<(), HttpError> {
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| HttpError::Request(error);
        let identity = self.kept.load().map_err(|error| failed(error.into()))?.into();
        let millis = u64::try_from(self.clock.now().millis()).unwrap_or(0);
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(self.service)
            .time(SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| failed(error.into()))?
            .into();
        let headers: Result<Vec<_>, _> =
            request.headers().iter().map(|(name, value)| value.to_str().map(|value| (name.as_str(), value))).collect();
        let headers = headers.map_err(|error| failed(error.into()))?;
        let uri = request.uri().to_string();
        let signable = SignableRequest::new("POST", uri, headers.into_iter(), SignableBody::Bytes(body));
        let signable = signable.map_err(|error| failed(error.into()))?;
        let (instructions, _) = sign(signable, &params).map_err(|error| failed(error.into()))?.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }
}
