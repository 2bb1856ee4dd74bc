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
use crate::refusal::Refusal;
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
    let Ok(key) = percent_decode_str(path).decode_utf8() else {
        // The object of another name must not be taken for it.
        return page(StatusCode::BAD_REQUEST, "InvalidURI", "Couldn't parse the specified URI.", &[]);
    };
    let key = key.into_owned();
    if key.len() > LONGEST_KEY {
        return too_long();
    }
    let asked = Asked {
        bucket,
        key,
        method: &parts.method,
        headers: &parts.headers,
        origin: (if tls { "https" } else { "http" }, subject::host(parts)),
    };
    let read = |method: &Method, key: &str, whole: bool| -> BoxFuture<'_, Response<Body>> {
        match request_for(&asked, method, key, whole) {
            Some(request) => read(request),
            None => Box::pin(std::future::ready(too_long())),
        }
    };
    serve(&asked, &site, &read).await
}

fn too_long() -> Response<Body> {
    let (status, code, message) = (StatusCode::BAD_REQUEST, "KeyTooLongError", "Your key is too long");
    let mut answer = page(status, code, message, &[]);
    answer.extensions_mut().insert(Refusal::new(code, status, message));
    answer
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

/// The request for an object that one for a page stands for; `None` if no object has such a key. What a path
/// shows is longer than the path, and configurations of long ago may say anything.
fn request_for(asked: &Asked<'_>, method: &Method, key: &str, whole: bool) -> Option<Request<Empty<Bytes>>> {
    if key.len() > LONGEST_KEY {
        return None;
    }
    let (mut parts, body) = Request::new(Empty::new()).into_parts();
    parts.method = method.clone();
    parts.uri = format!("/{}/{}", asked.bucket, path_of(key)).parse().ok()?;
    for name in PASSED.into_iter().chain(OF_THE_OBJECT.into_iter().filter(|_| !whole)) {
        for value in asked.headers.get_all(name) {
            parts.headers.append(name, value.clone());
        }
    }
    // One that names no bucket.
    parts.headers.insert(HOST, HeaderValue::from_static("127.0.0.1"));
    Some(Request::from_parts(parts, body))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_longer_than_one_of_an_object() {
        let headers = http::HeaderMap::new();
        let asked = Asked {
            bucket: "bucket",
            key: String::new(),
            method: &Method::GET,
            headers: &headers,
            origin: ("http", "site.example"),
        };
        assert!(request_for(&asked, &Method::GET, &"\u{e4}".repeat(LONGEST_KEY / 2), true).is_some());
        for long in [LONGEST_KEY + 1, 70_000] {
            assert!(request_for(&asked, &Method::GET, &"s".repeat(long), true).is_none(), "{long}");
        }
    }
}
