//! The adapter of remote buckets against an endpoint that answers as S3 documents.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arqueta_model::ManualClock;
use arqueta_remote::{BucketSettings, RemoteBuckets, Secret};
use arqueta_trail::testing::{Gate, Site, delivery_contract};
use arqueta_trail::{Deliver, DeliveryError, Destination, Object};
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/k";

type Objects = Arc<Mutex<BTreeMap<String, (Bytes, HeaderMap)>>>;

/// Takes puts below `/open/`.
async fn answer(objects: Objects, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let refusal = |status: StatusCode, code: &str| {
        let text = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
        Ok(Response::builder().status(status).body(Full::from(text)).unwrap())
    };
    let (bucket, key) = head.uri.path()[1..].split_once('/').unwrap();
    match bucket {
        "open" => {}
        "closed" => return refusal(StatusCode::FORBIDDEN, "AccessDenied"),
        "down" => return refusal(StatusCode::SERVICE_UNAVAILABLE, "SlowDown"),
        _ => return refusal(StatusCode::NOT_FOUND, "NoSuchBucket"),
    }
    let mut done = Response::builder().status(StatusCode::OK);
    if let Some(id) = head.headers.get("x-amz-server-side-encryption-aws-kms-key-id") {
        match id.to_str().unwrap() {
            "ignored" => {}
            "none" => return refusal(StatusCode::BAD_REQUEST, "KMS.NotFoundException"),
            _ => done = done.header("x-amz-server-side-encryption-aws-kms-key-id", KEY),
        }
    }
    objects.lock().unwrap().insert(key.to_owned(), (body, head.headers));
    Ok(done.body(Full::default()).unwrap())
}

struct Endpoint {
    objects: Objects,
    adapter: RemoteBuckets,
    folder: tempfile::TempDir,
}

impl Endpoint {
    async fn started() -> Self {
        let objects = Objects::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let taken = objects.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let taken = taken.clone();
                let service = service_fn(move |request| answer(taken.clone(), request));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "the-secret\n").unwrap();
        let adapter = RemoteBuckets::new(&settings(&address, Secret::File(secret)), clock()).unwrap();
        Self { objects, adapter, folder }
    }

    fn header(&self, key: &str, name: &str) -> String {
        self.objects.lock().unwrap()[key].1[name].to_str().unwrap().to_owned()
    }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::default())
}

fn settings(address: &str, secret: Secret) -> BucketSettings {
    BucketSettings {
        endpoint: Some(address.to_owned()),
        region: "eu-west-1".to_owned(),
        access_key_id: "AKIATEST".to_owned(),
        secret,
        session_token_file: None,
        ca: None,
        path_style: true,
        connect: Duration::from_secs(2),
    }
}

fn to(bucket: &str) -> Destination {
    Destination {
        account: "111122223333".parse().unwrap(),
        trail: "arn:aws:cloudtrail:eu-west-1:111122223333:trail/t".to_owned(),
        bucket: bucket.parse().unwrap(),
    }
}

fn object(kms_key: Option<&str>) -> Object {
    let kms_key = kms_key.map(str::to_owned);
    Object { key: "k".to_owned(), body: Bytes::from_static(b"x"), metadata: Vec::new(), kms_key }
}

#[async_trait]
impl Site for Endpoint {
    fn adapter(&self) -> &dyn Deliver {
        &self.adapter
    }

    async fn destination(&self, gate: Gate) -> Destination {
        to(match gate {
            Gate::Open => "open",
            Gate::Closed => "closed",
            Gate::Missing => "missing",
        })
    }

    async fn read(&self, key: &str) -> Option<(Bytes, Vec<(String, String)>)> {
        let (body, headers) = self.objects.lock().unwrap().get(key)?.clone();
        let named = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            let name = name.as_str().strip_prefix("x-amz-meta-")?;
            Some((name.to_owned(), value.to_str().unwrap().to_owned()))
        };
        let mut metadata: Vec<_> = headers.iter().filter_map(named).collect();
        metadata.sort();
        Some((body, metadata))
    }
}

#[tokio::test]
async fn a_remote_bucket_keeps_the_contract() {
    delivery_contract(&Endpoint::started().await).await;
}

#[tokio::test]
async fn puts_look_like_cloudtrails() {
    let endpoint = Endpoint::started().await;
    endpoint.adapter.put(&to("open"), object(Some("alias/k"))).await.unwrap();
    assert_eq!(endpoint.header("k", "x-amz-acl"), "bucket-owner-full-control");
    assert_eq!(endpoint.header("k", "content-encoding"), "gzip");
    assert_eq!(endpoint.header("k", "x-amz-server-side-encryption"), "aws:kms");
    assert!(!endpoint.header("k", "authorization").contains("the-secret"));
}

#[tokio::test]
async fn the_key_is_the_one_that_the_remote_side_names() {
    let endpoint = Endpoint::started().await;
    let check = async |key| endpoint.adapter.check(&to("open"), "f/", Some(key)).await;
    assert_eq!(check("alias/k").await.unwrap().unwrap(), KEY);
    assert!(matches!(check("none").await, Err(DeliveryError::KeyNotFound)));
    assert!(matches!(check("ignored").await, Err(DeliveryError::KeyUnsuitable)), "not encrypted as told");
    let put = endpoint.adapter.put(&to("open"), object(Some("ignored"))).await;
    assert!(matches!(put, Err(DeliveryError::KeyUnsuitable)));
}

#[tokio::test]
async fn outages_may_pass_and_tell_no_secret() {
    let endpoint = Endpoint::started().await;
    let slow = endpoint.adapter.put(&to("down"), object(None)).await.unwrap_err();
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let secret = endpoint.folder.path().join("secret");
    let nobody = RemoteBuckets::new(&settings(&address, Secret::File(secret)), clock()).unwrap();
    let gone = nobody.put(&to("open"), object(None)).await.unwrap_err();
    for error in [slow, gone] {
        assert!(error.is_retryable(), "{error:?}");
        assert!(!format!("{error:?}").contains("the-secret"));
    }
}

#[test]
fn what_cannot_be_set_up_is_named() {
    let line = |settings| RemoteBuckets::new(&settings, clock()).unwrap_err().to_string();
    assert!(line(settings("http://x", Secret::File("/none/such".into()))).contains("/none/such"));
    assert!(line(settings("http://x", Secret::Variable("ARQUETA_NONE_SUCH".to_owned()))).contains("ARQUETA_NONE_SUCH"));
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "s").unwrap();
    assert!(line(settings("http://x/path", Secret::File(secret))).contains("http://x/path"));
}
