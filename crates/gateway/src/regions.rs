//! Other Regions over HTTP: the way to them, and what comes from them.
//!
//! A request is `POST /-/regions/<sender's region>` on the same port as everything else, its body
//! and the answer's are sealed by the key service, which this file hands them to unread. No bucket
//! is called `-`, and no S3 client sends this content type, so that no object is in the way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arqueta_call::Visitor;
use arqueta_keys::{Embedded, Peer, PeerError, PeerKey, PeerRegion};
use arqueta_model::Region;
use async_trait::async_trait;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;

use crate::config::{Config, Endpoint, OtherRegion};
use crate::{Error, tls};

const PATH: &str = "/-/regions/";
const SEALED: HeaderValue = HeaderValue::from_static("application/vnd.arqueta.region");
/// A key of the largest kind with a version for every month of a century is a tenth of this.
const LARGEST: usize = 4 << 20;
/// Requests read at once. Whoever sends them is known only when they are read, so this bounds the
/// memory that strangers can take; the other Regions are few and try again.
const PLACES: usize = 16;
/// One exchange, from the first packet to the last.
const PATIENCE: Duration = Duration::from_secs(5);

/// The Regions of the configuration, with their keys.
///
/// # Errors
/// [`Error::Config`], [`Error::Open`], [`Error::Tls`].
pub fn open(config: &Config) -> Result<BTreeMap<Region, PeerRegion>, Error> {
    let open = |(name, region): (&Region, &OtherRegion)| {
        let key = PeerKey::read(&region.key_file).map_err(Error::open("other regions"))?;
        let peer: Arc<dyn Peer> = Arc::new(HttpPeer::new(&config.region, name, region)?);
        Ok((name.clone(), PeerRegion { key, peer }))
    };
    config.regions.iter().map(open).collect()
}

/// The way to another Region: a connection for each exchange, of which there are few.
struct HttpPeer {
    endpoint: Endpoint,
    path: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl HttpPeer {
    fn new(own: &Region, name: &Region, region: &OtherRegion) -> Result<Self, Error> {
        let refuse = |what: &str| Error::Config(format!("regions.{name}.endpoint {:?} {what}", region.endpoint));
        let endpoint = Endpoint::parse(&region.endpoint).ok_or_else(|| refuse("is not http(s)://host:port"))?;
        let tls = match &region.ca_file {
            Some(ca) if endpoint.secure => {
                let server = ServerName::try_from(endpoint.host.clone()).map_err(|_| refuse("has no host name"))?;
                Some((tls::connector(ca)?, server))
            }
            None if endpoint.secure => return Err(refuse("needs a ca_file")),
            _ => None,
        };
        Ok(Self { endpoint, path: format!("{PATH}{own}"), tls })
    }

    async fn connect_and_post(&self, sealed: Vec<u8>) -> Result<Vec<u8>, PeerError> {
        let stream = TcpStream::connect((self.endpoint.host.as_str(), self.endpoint.port)).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            Some((connector, server)) => self.post(connector.connect(server.clone(), stream).await?, sealed).await,
            None => self.post(stream, sealed).await,
        }
    }

    async fn post<S>(&self, stream: S, sealed: Vec<u8>) -> Result<Vec<u8>, PeerError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::post(&self.path)
            .header(HOST, format!("{}:{}", self.endpoint.host, self.endpoint.port))
            .header(CONTENT_TYPE, SEALED)
            .body(Full::new(Bytes::from(sealed)))?;
        let exchange = async {
            let answer = sender.send_request(request).await?;
            let status = answer.status();
            if status != StatusCode::OK {
                return Err(PeerError::from(refusal(status)));
            }
            Ok(Limited::new(answer.into_body(), LARGEST).collect().await?.to_bytes().to_vec())
        };
        // The connection moves only while it is polled, and ends with the exchange.
        tokio::pin!(exchange);
        tokio::select! {
            answer = &mut exchange => answer,
            ended = connection => {
                ended?;
                exchange.await
            }
        }
    }
}

fn refusal(status: StatusCode) -> String {
    match status {
        StatusCode::FORBIDDEN => "it does not know this region, or has another peer key for it (403)".to_owned(),
        other => format!("it answered {other}"),
    }
}

#[async_trait]
impl Peer for HttpPeer {
    async fn exchange(&self, sealed: Vec<u8>) -> Result<Vec<u8>, PeerError> {
        tokio::time::timeout(PATIENCE, self.connect_and_post(sealed)).await?
    }
}

/// What comes from other Regions. Answers 403 for all that the key service does not recognise.
#[derive(Clone)]
pub struct RegionEdge {
    kms: Embedded,
    places: Arc<Semaphore>,
}

impl RegionEdge {
    /// An edge over `kms`, which knows the Regions.
    #[must_use]
    pub fn new(kms: Embedded) -> Self {
        Self { kms, places: Arc::new(Semaphore::new(PLACES)) }
    }

    /// Whether a request is for this edge.
    #[must_use]
    pub fn matches<B>(request: &Request<B>) -> bool {
        request.method() == Method::POST
            && request.uri().path().starts_with(PATH)
            && request.uri().query().is_none()
            && request.headers().get(CONTENT_TYPE) == Some(&SEALED)
    }

    /// Answers one request.
    pub async fn call<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Into<PeerError>,
    {
        let from = request.uri().path().strip_prefix(PATH).unwrap_or_default().to_owned();
        let visitor = request.extensions().get::<Arc<Visitor>>().cloned();
        let Ok(_place) = self.places.try_acquire() else { return status(StatusCode::SERVICE_UNAVAILABLE) };
        let body = tokio::time::timeout(PATIENCE, Limited::new(request.into_body(), LARGEST).collect()).await;
        let Ok(Ok(body)) = body else { return status(StatusCode::BAD_REQUEST) };
        match self.kms.answer_region(&from, &body.to_bytes()).await {
            Ok(sealed) => {
                // Only who has the key of the two could seal what was opened.
                visitor.inspect(|visitor| visitor.admit());
                let mut answer = Response::new(Full::new(Bytes::from(sealed)));
                answer.headers_mut().insert(CONTENT_TYPE, SEALED);
                answer
            }
            Err(_) => status(StatusCode::FORBIDDEN),
        }
    }
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = status;
    answer
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_sealed_posts_below_the_path_are_for_this_edge() {
        let request = |method: Method, uri: &str, content: &'static str| {
            Request::builder().method(method).uri(uri).header(CONTENT_TYPE, content).body(()).unwrap()
        };
        let sealed = "application/vnd.arqueta.region";
        assert!(RegionEdge::matches(&request(Method::POST, "/-/regions/us-east-1", sealed)));
        for other in [
            request(Method::PUT, "/-/regions/us-east-1", sealed),
            request(Method::POST, "/-/regions/us-east-1", "application/octet-stream"),
            request(Method::POST, "/-/regions/us-east-1?uploads", sealed),
            request(Method::POST, "/bucket/-/regions/us-east-1", sealed),
        ] {
            assert!(!RegionEdge::matches(&other), "{other:?}");
        }
    }
}
