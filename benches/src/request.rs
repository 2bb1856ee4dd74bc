//! Signed requests over one kept-alive connection.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use s3s_sigv4::{
    AmzDate, Payload, calculate_signature_with_key, create_canonical_request, create_string_to_sign, derive_signing_key,
};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use tokio::net::TcpStream;

use crate::options::{Mode, Options, PayloadMode};

/// What can go wrong with a request.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The endpoint is not `http://host:port`.
    #[error("the endpoint {0:?} is not http://host:port")]
    Endpoint(String),
    /// The network failed.
    #[error("network: {0}")]
    Network(#[from] std::io::Error),
    /// HTTP failed.
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// A request cannot be built.
    #[error("request: {0}")]
    Request(#[from] http::Error),
    /// The server refused.
    #[error("{status}: {body}")]
    Refused {
        /// HTTP status.
        status: StatusCode,
        /// Start of the answer.
        body: String,
    },
}

/// Signs for one set of credentials.
#[derive(Debug)]
pub struct Signer {
    host: String,
    access_key: String,
    secret_key: String,
    region: String,
    payload: PayloadMode,
}

impl Signer {
    /// From the options.
    pub fn new(options: &Options) -> Result<Self, Error> {
        let host = options.endpoint.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
        Ok(Self {
            host: host.ok_or_else(|| Error::Endpoint(options.endpoint.clone()))?.to_owned(),
            access_key: options.access_key.clone(),
            secret_key: options.secret_key.clone(),
            region: options.region.clone(),
            payload: options.payload,
        })
    }

    /// A signed request. `path` and the values of its query need no escaping.
    #[allow(clippy::disallowed_methods)] // a load tool signs with the real time
    pub fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, Error> {
        let now = OffsetDateTime::now_utc();
        let stamp = format!(
            "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
            now.year(),
            u8::from(now.month()),
            now.day(),
            now.hour(),
            now.minute(),
            now.second()
        );
        let date = AmzDate::parse(&stamp).expect("the stamp is written in the format");
        let hash = match self.payload {
            PayloadMode::Signed => hex::encode(Sha256::digest(&body)),
            PayloadMode::Unsigned => "UNSIGNED-PAYLOAD".to_owned(),
        };
        let payload = match self.payload {
            PayloadMode::Signed => Payload::SingleChunk(&hash),
            PayloadMode::Unsigned => Payload::Unsigned,
        };
        let mut signed = vec![("host", self.host.as_str()), ("x-amz-content-sha256", &hash), ("x-amz-date", &stamp)];
        signed.extend_from_slice(headers);
        signed.sort_unstable();
        let (bare, query) = path.split_once('?').unwrap_or((path, ""));
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let query: Vec<(&str, &str)> = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
        let canonical = create_canonical_request(method, bare, &query, &signed, payload);
        let to_sign = create_string_to_sign(&canonical, &date, &self.region, "s3");
        let key = derive_signing_key(&self.secret_key, &date, &self.region, "s3");
        let signature = hex::encode(calculate_signature_with_key(&to_sign, &key));
        let names: Vec<_> = signed.iter().map(|(name, _)| *name).collect();
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{}/{}/s3/aws4_request, SignedHeaders={}, Signature={signature}",
            self.access_key,
            &stamp[..8],
            self.region,
            names.join(";")
        );
        let mut request = Request::builder().method(method).uri(path).header("authorization", authorization);
        for (name, value) in &signed {
            request = request.header(*name, *value);
        }
        Ok(request.body(Full::new(body))?)
    }

    /// A fresh connection.
    pub async fn connect(&self) -> Result<Connection, Error> {
        let stream = TcpStream::connect(&self.host).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Connection { sender })
    }
}

/// One kept-alive connection.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
}

impl Connection {
    /// Sends, reads the whole answer and returns its length.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<usize, Error> {
        self.sender.ready().await?;
        let mut answer: Response<Incoming> = self.sender.send_request(request).await?;
        let status = answer.status();
        if !status.is_success() {
            let body = answer.into_body().collect().await?.to_bytes();
            return Err(Error::Refused { status, body: String::from_utf8_lossy(&body).chars().take(300).collect() });
        }
        let mut length = 0;
        while let Some(frame) = answer.body_mut().frame().await {
            length += frame?.data_ref().map_or(0, Bytes::len);
        }
        Ok(length)
    }
}

/// Headers of a PUT that asks for `mode`.
pub fn protection(mode: Mode, kms_key: Option<&str>) -> Vec<(&'static str, &str)> {
    const SSE: &str = "x-amz-server-side-encryption";
    let mut headers = match mode {
        Mode::Default => return Vec::new(),
        Mode::S3 => return vec![(SSE, "AES256")],
        Mode::Kms => vec![(SSE, "aws:kms")],
        Mode::KmsBucketKey => vec![(SSE, "aws:kms"), ("x-amz-server-side-encryption-bucket-key-enabled", "true")],
        Mode::Dsse => vec![(SSE, "aws:kms:dsse")],
    };
    if let Some(key) = kms_key {
        headers.push(("x-amz-server-side-encryption-aws-kms-key-id", key));
    }
    headers
}
