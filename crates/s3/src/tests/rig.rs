//! An edge over an engine in memory, and a client that signs by hand.

use std::net::Ipv4Addr;
use std::sync::Arc;

use arqueta_audit::testing::Faulty;
use arqueta_engine::{BucketKeyTable, Config, Engine, Envelope};
use arqueta_envelope::BucketKeyConfig;
use arqueta_kms::testing::Memory;
use arqueta_model::{AccountId, ManualClock, Region, Timestamp};
use arqueta_store::{Counting, MemoryBlobs, MemoryMeta, MetaStore};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use sha2::Digest as _;

use crate::{Connection, DataSelection, EdgeConfig, Recorder, S3Edge};

use super::identities::{self, Identities};
use super::interposed::Interposed;

pub const ACCOUNT: &str = "111122223333";
pub const HOST: &str = "127.0.0.1:9000";

pub struct Rig {
    pub edge: Arc<S3Edge>,
    pub kms: Arc<Memory>,
    pub clock: Arc<ManualClock>,
    pub identities: Identities,
    pub root: Signer,
    pub audit: Arc<Faulty<arqueta_audit::testing::Memory>>,
    pub selected: Arc<Selected>,
    /// The store, with the events that changes carried.
    pub rows: Arc<MemoryMeta>,
    /// What the store was asked.
    pub asked: Counting<Arc<dyn MetaStore>>,
    /// What else happens between two questions to the store.
    pub between: Arc<Interposed>,
}

/// Objects whose data events are wanted: those under this prefix of `bucket/key`, by any account.
#[derive(Default)]
pub struct Selected(pub std::sync::Mutex<Option<&'static str>>);

impl DataSelection for Selected {
    fn wants(&self, _: &AccountId, bucket: &str, key: &str, _: bool) -> bool {
        self.0.lock().unwrap().is_some_and(|prefix| format!("{bucket}/{key}").starts_with(prefix))
    }
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The content of the first element of this name.
    pub fn element(&self, name: &str) -> Option<&str> {
        let text = self.text();
        let start = text.find(&format!("<{name}>"))? + name.len() + 2;
        Some(&text[start..start + text[start..].find("</")?])
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Status and error code.
    pub fn error(&self) -> (u16, &str) {
        (self.status.as_u16(), self.element("Code").unwrap_or_default())
    }
}

/// The moment of the tests.
pub fn now() -> Timestamp {
    arqueta_model::Clock::now(&arqueta_model::SystemClock)
}

pub fn connection() -> Connection {
    Connection { peer: Ipv4Addr::LOCALHOST.into(), tls: None, cipher_suite: "" }
}

impl Rig {
    pub async fn new() -> Self {
        Self::configured(|_| ()).await
    }

    /// A rig whose edge is configured otherwise.
    pub async fn configured(change: impl FnOnce(&mut EdgeConfig)) -> Self {
        let (meta, blobs): (Arc<MemoryMeta>, MemoryBlobs) = Default::default();
        let rows = Arc::clone(&meta);
        let told: Arc<dyn MetaStore> = Arc::new(arqueta_audit::Told::new(meta, Arc::default()));
        let between = Arc::new(Interposed::new(told));
        let asked = Counting::new(Arc::clone(&between) as Arc<dyn MetaStore>);
        let meta: Arc<dyn MetaStore> = Arc::new(asked.clone());
        let clock = Arc::new(ManualClock::new(now()));
        let kms = Arc::new(Memory::new());
        let region: Region = "us-east-1".parse().unwrap();
        let table = Arc::new(BucketKeyTable::new(Arc::clone(&meta)));
        let envelope = Envelope::new(
            Arc::clone(&kms) as Arc<_>,
            table,
            Arc::clone(&clock) as Arc<_>,
            region.clone(),
            BucketKeyConfig::default(),
        );
        let engine = Engine::open(
            Arc::clone(&meta),
            Arc::new(blobs),
            Arc::new(envelope),
            Arc::clone(&clock) as Arc<_>,
            Config::new(region.clone()),
        );
        let account: AccountId = ACCOUNT.parse().unwrap();
        let identities = identities::open(meta, Arc::clone(&clock), &account).await;
        let mut config = EdgeConfig { block_public_access: false, ..EdgeConfig::new(region) };
        change(&mut config);
        let audit = Arc::new(Faulty::new(arqueta_audit::testing::Memory::default()));
        let selected = Arc::new(Selected::default());
        let recorder =
            Recorder::new(Arc::clone(&audit) as Arc<_>, Arc::clone(&selected) as Arc<_>, "us-east-1".parse().unwrap());
        let edge = S3Edge::new(
            Arc::new(engine.unwrap()),
            Arc::clone(&identities.iam),
            Arc::clone(&clock) as Arc<_>,
            recorder,
            &config,
        );
        let root = identities.root.clone();
        Self { edge: Arc::new(edge), kms, clock, identities, root, audit, selected, rows, asked, between }
    }

    /// A rig with the bucket `bucket`.
    pub async fn with_bucket() -> Self {
        let rig = Self::new().await;
        assert_eq!(rig.root.put("/bucket").send(&rig).await.status, 200);
        rig
    }

    pub async fn send<B>(&self, request: Request<B>) -> Answer
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<s3s::StdError>,
    {
        let (parts, body) = self.edge.call(request, &connection()).await.into_parts();
        Answer { status: parts.status, headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
    }
}

/// Credentials.
#[derive(Clone)]
pub struct Signer {
    pub id: String,
    pub secret: String,
    pub token: Option<String>,
}

/// A request in the making.
pub struct Draft {
    signer: Option<Signer>,
    method: &'static str,
    uri: String,
    headers: Vec<(String, String)>,
    body: Bytes,
    payload: Option<String>,
    unsigned: Vec<String>,
    region: &'static str,
    at: Timestamp,
}

impl Signer {
    pub fn get(&self, uri: &str) -> Draft {
        self.draft("GET", uri)
    }
    pub fn head(&self, uri: &str) -> Draft {
        self.draft("HEAD", uri)
    }
    pub fn put(&self, uri: &str) -> Draft {
        self.draft("PUT", uri)
    }
    pub fn delete(&self, uri: &str) -> Draft {
        self.draft("DELETE", uri)
    }
    pub fn post(&self, uri: &str) -> Draft {
        self.draft("POST", uri)
    }
    fn draft(&self, method: &'static str, uri: &str) -> Draft {
        Draft { signer: Some(self.clone()), ..anonymous(method, uri) }
    }
}

/// A request without a signature.
pub fn anonymous(method: &'static str, uri: &str) -> Draft {
    Draft {
        signer: None,
        method,
        uri: uri.to_owned(),
        headers: vec![("host".to_owned(), HOST.to_owned())],
        body: Bytes::new(),
        payload: None,
        unsigned: Vec::new(),
        region: "us-east-1",
        at: now(),
    }
}

/// The date of a signature, in seconds.
fn amz_date(at: Timestamp) -> s3s_sigv4::AmzDate {
    let format = time::macros::format_description!("[year][month][day]T[hour][minute][second]Z");
    s3s_sigv4::AmzDate::parse(&at.date_time().format(&format).unwrap()).unwrap()
}

impl Draft {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
    /// To another host than the usual one.
    pub fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.headers[0].1);
        self
    }
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
    /// Another `x-amz-content-sha256` than the body's.
    pub fn payload(mut self, payload: &str) -> Self {
        self.payload = Some(payload.to_owned());
        self
    }
    /// Leaves a header out of the signature.
    pub fn unsigned(mut self, name: &str) -> Self {
        self.unsigned.push(name.to_owned());
        self
    }
    pub fn region(mut self, region: &'static str) -> Self {
        self.region = region;
        self
    }

    /// Signs at another time than now.
    pub fn at(mut self, at: Timestamp) -> Self {
        self.at = at;
        self
    }

    pub async fn send(self, rig: &Rig) -> Answer {
        rig.send(self.build()).await
    }

    /// The finished request.
    pub fn build(mut self) -> Request<Full<Bytes>> {
        if matches!(self.method, "PUT" | "POST") {
            self.headers.push(("content-length".to_owned(), self.body.len().to_string()));
        }
        if let Some(signer) = self.signer.clone() {
            self.sign(&signer);
        } else if let Some(payload) = self.payload.take() {
            self.headers.push(("x-amz-content-sha256".to_owned(), payload));
        }
        let mut request = Request::builder().method(self.method).uri(&self.uri);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(Full::new(self.body)).unwrap()
    }

    fn sign(&mut self, signer: &Signer) {
        use s3s_sigv4::Payload;
        let date = amz_date(self.at);
        let hash = hex::encode(sha2::Sha256::digest(&self.body));
        let stated = self.payload.clone().unwrap_or_else(|| hash.clone());
        self.headers.push(("x-amz-date".to_owned(), date.fmt_iso8601().to_string()));
        self.headers.push(("x-amz-content-sha256".to_owned(), stated.clone()));
        if let Some(token) = &signer.token {
            self.headers.push(("x-amz-security-token".to_owned(), token.clone()));
        }
        let payload = match stated.as_str() {
            "UNSIGNED-PAYLOAD" => Payload::Unsigned,
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Payload::UnsignedMultipleChunksWithTrailer,
            other => Payload::SingleChunk(other),
        };
        let mut signed: Vec<(&str, &str)> = self
            .headers
            .iter()
            .filter(|(name, _)| !self.unsigned.contains(name) && name != "content-length")
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        signed.sort_unstable();
        let uri: Uri = self.uri.parse().unwrap();
        let query: Vec<_> = crate::query::pairs(&uri).map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
        let path = percent_encoding::percent_decode_str(uri.path()).decode_utf8().unwrap();
        let canonical = s3s_sigv4::create_canonical_request(self.method, &path, &query, &signed, payload);
        let text = s3s_sigv4::create_string_to_sign(&canonical, &date, self.region, "s3");
        let signature = s3s_sigv4::calculate_signature(&text, &signer.secret, &date, self.region, "s3");
        let mut names: Vec<&str> = signed.iter().map(|(name, _)| *name).collect();
        names.dedup();
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{}/{}/s3/aws4_request, SignedHeaders={}, Signature={signature}",
            signer.id,
            date.fmt_date(),
            self.region,
            names.join(";"),
        );
        self.headers.push(("authorization".to_owned(), authorization));
    }
}

/// A presigned URL.
pub fn presign(signer: &Signer, method: &str, path: &str, signed_host: bool) -> String {
    let date = amz_date(now());
    let names = if signed_host { "host" } else { "x-amz-none" };
    let credential = format!("{}/{}/us-east-1/s3/aws4_request", signer.id, date.fmt_date());
    let mut query = vec![
        ("X-Amz-Algorithm".to_owned(), "AWS4-HMAC-SHA256".to_owned()),
        ("X-Amz-Credential".to_owned(), credential),
        ("X-Amz-Date".to_owned(), date.fmt_iso8601().to_string()),
        ("X-Amz-Expires".to_owned(), "600".to_owned()),
        ("X-Amz-SignedHeaders".to_owned(), names.to_owned()),
    ];
    if let Some(token) = &signer.token {
        query.push(("X-Amz-Security-Token".to_owned(), token.clone()));
    }
    let headers: &[(&str, &str)] = if signed_host { &[("host", HOST)] } else { &[("x-amz-none", "1")] };
    let (bare, extra) = path.split_once('?').unwrap_or((path, ""));
    let extra: Vec<(String, String)> =
        extra.split('&').filter_map(|pair| pair.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    query.splice(0..0, extra);
    let canonical = s3s_sigv4::create_presigned_canonical_request(method, bare, &query, headers);
    let text = s3s_sigv4::create_string_to_sign(&canonical, &date, "us-east-1", "s3");
    let signature = s3s_sigv4::calculate_signature(&text, &signer.secret, &date, "us-east-1", "s3");
    let encode =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> = query.iter().map(|(k, v)| format!("{}={}", encode(k), encode(v))).collect();
    format!("{bare}?{}&X-Amz-Signature={signature}", pairs.join("&"))
}

/// A URL presigned by Version 2, good until `expires`.
pub fn presign_v2(signer: &Signer, method: &str, path: &str, expires: i64) -> String {
    let (bare, extra) = path.split_once('?').unwrap_or((path, ""));
    let uri: Uri = format!("/?{extra}").parse().unwrap();
    let mut query: Vec<_> = crate::query::pairs(&uri).map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
    query.push(("Expires".to_owned(), expires.to_string()));
    query.sort();
    let headers: Vec<(&str, &str)> =
        query.iter().filter(|(name, _)| name.starts_with("x-amz-")).map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let mode = s3s_sigv2::Mode::PresignedUrl;
    let text = s3s_sigv2::create_string_to_sign(mode, method, bare, Some(&query), &headers, None);
    let signature = s3s_sigv2::calculate_signature(&signer.secret, &text);
    let encode =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> = query.iter().map(|(k, v)| format!("{}={}", encode(k), encode(v))).collect();
    format!("{bare}?AWSAccessKeyId={}&{}&Signature={}", signer.id, pairs.join("&"), encode(&signature))
}
