//! From a browser's request to the page.

use arqueta_engine::record::BucketDocument;
use arqueta_engine::{Engine, Error};
use bytes::Bytes;
use futures::future::BoxFuture;
use http::header::HOST;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Empty;
use percent_encoding::percent_decode_str;
use s3s::Body;

use super::rules::Site;
use super::serve::{Asked, serve};
use super::{page, path_of};
use crate::subject::LONGEST_KEY;
use crate::{error, subject};

/// Headers of a browser that go on to whatever is read for it.
const PASSED: [&str; 7] = [
    "access-control-request-headers",
    "access-control-request-method",
    "forwarded",
    "origin",
    "referer",
    "user-agent",
    "x-forwarded-for",
];
/// Headers that mean the object of the path, and none that is shown in its place.
const OF_THE_OBJECT: [&str; 6] =
    ["if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "range"];

/// Answers a request of S3's, which is nobody's.
pub type Read<'a> = dyn Fn(Request<Empty<Bytes>>) -> BoxFuture<'a, Response<Body>> + Send + Sync + 'a;

/// Answers a browser that asks for a page of the website that `bucket` is.
pub async fn answer(engine: &Engine, (parts, tls): (&Parts, bool), bucket: &str, read: &Read<'_>) -> Response<Body> {
    let site = match site(engine, bucket).await {
        Ok(site) => site,
        Err(answer) => return *answer,
    };
    let path = parts.uri.path().strip_prefix('/').unwrap_or_default();
    let key = percent_decode_str(path).decode_utf8_lossy().into_owned();
    if key.len() > LONGEST_KEY {
        return page(StatusCode::BAD_REQUEST, "KeyTooLongError", "Your key is too long", &[]);
    }
    let asked = Asked {
        bucket,
        key,
        method: &parts.method,
        headers: &parts.headers,
        origin: (if tls { "https" } else { "http" }, subject::host(parts)),
    };
    serve(&asked, &site, &|method, key, whole| read(request_for(&asked, method, key, whole))).await
}

/// What a bucket shows to browsers. Strangers do not learn here whether there is such a bucket.
async fn site(engine: &Engine, bucket: &str) -> Result<Site, Box<Response<Body>>> {
    let record = match bucket.parse() {
        Ok(name) => engine.buckets().get(&name).await,
        Err(_) => Err(Error::NoSuchBucket),
    };
    let site = match record {
        Ok(record) => record.documents.get(&BucketDocument::Website).and_then(|text| Site::from_document(text)),
        Err(Error::NoSuchBucket) => None,
        Err(failure) => {
            let told = error::answer(&failure);
            return Err(Box::new(page(told.status, told.code, &told.message, &[])));
        }
    };
    let none = "The specified bucket does not have a website configuration";
    let details = [("BucketName", bucket)];
    site.ok_or_else(|| Box::new(page(StatusCode::NOT_FOUND, "NoSuchWebsiteConfiguration", none, &details)))
}

/// The request for an object that one for a page stands for.
fn request_for(asked: &Asked<'_>, method: &Method, key: &str, whole: bool) -> Request<Empty<Bytes>> {
    let (mut parts, body) = Request::new(Empty::new()).into_parts();
    parts.method = method.clone();
    parts.uri = format!("/{}/{}", asked.bucket, path_of(key)).parse().expect("a name of a bucket and an encoded key");
    for name in PASSED.into_iter().chain(OF_THE_OBJECT.into_iter().filter(|_| !whole)) {
        for value in asked.headers.get_all(name) {
            parts.headers.append(name, value.clone());
        }
    }
    // One that names no bucket.
    parts.headers.insert(HOST, HeaderValue::from_static("127.0.0.1"));
    Request::from_parts(parts, body)
}
