//! A page of a website.

use futures::future::BoxFuture;
use http::header::{CONTENT_LENGTH, LOCATION};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use s3s::Body;

use super::rules::Site;
use super::{page, path_of};
use crate::refusal::Refusal;

/// Where an object says that it stands for another address.
const REDIRECT: &str = "x-amz-website-redirect-location";

/// A browser's request.
pub struct Asked<'a> {
    /// The bucket that the host names.
    pub bucket: &'a str,
    /// The path, decoded, without its first slash.
    pub key: String,
    /// How the object is to be read.
    pub method: &'a Method,
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Protocol and host.
    pub origin: (&'static str, &'a str),
}

/// Reads an object of the bucket by its key, and whether all of it is meant, whatever range was asked for.
pub type Read<'a> = dyn Fn(&Method, &str, bool) -> BoxFuture<'a, Response<Body>> + Send + Sync + 'a;

/// Answers it.
pub async fn serve(asked: &Asked<'_>, site: &Site, read: &Read<'_>) -> Response<Body> {
    if !matches!(*asked.method, Method::GET | Method::HEAD | Method::OPTIONS) {
        let message = "The specified method is not allowed against this resource.";
        return page(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message, &[("Method", asked.method.as_str())]);
    }
    if let Some((host, protocol)) = &site.elsewhere {
        let protocol = protocol.as_deref().unwrap_or(asked.origin.0);
        return sent(301, &format!("{protocol}://{host}/{}", path_of(&asked.key)));
    }
    if let Some(rule) = site.rule(&asked.key, None) {
        let (code, location) = rule.location(&asked.key, asked.origin);
        return sent(code, &location);
    }
    let answer = read(asked.method, &site.target(&asked.key), false).await;
    if *asked.method == Method::OPTIONS {
        // What a page may ask of another site is no page.
        return answer;
    }
    if !answer.status().is_client_error() && !answer.status().is_server_error() {
        return match answer.headers().get(REDIRECT).and_then(|value| value.to_str().ok()).map(str::to_owned) {
            Some(location) => sent(301, &location),
            None => answer,
        };
    }
    wrong(asked, site, answer, read).await
}

/// Something is wrong: a rule, the folder of that name, the error document, or a page that says so.
async fn wrong(asked: &Asked<'_>, site: &Site, answer: Response<Body>, read: &Read<'_>) -> Response<Body> {
    let status = answer.status();
    if let Some(rule) = site.rule(&asked.key, Some(status.as_u16())) {
        let (code, location) = rule.location(&asked.key, asked.origin);
        return sent(code, &location);
    }
    let is_missing = status == StatusCode::NOT_FOUND || status == StatusCode::FORBIDDEN;
    // A path that begins with a slash of its own would be an address of another host.
    let is_folder = !asked.key.is_empty() && !asked.key.starts_with('/') && !asked.key.ends_with('/');
    if let Some(index) = site.index.as_ref().filter(|_| is_missing && is_folder)
        && read(&Method::HEAD, &format!("{}/{index}", asked.key), true).await.status().is_success()
    {
        return sent(302, &format!("/{}/", path_of(&asked.key)));
    }
    if let Some(error) = site.error.as_ref().filter(|_| status.is_client_error()) {
        let mut shown = read(asked.method, error, true).await;
        if shown.status().is_success() {
            *shown.status_mut() = status;
            return shown;
        }
    }
    said(asked, site, answer)
}

/// The page that says what is wrong, in place of the document that says it to programs.
fn said(asked: &Asked<'_>, site: &Site, answer: Response<Body>) -> Response<Body> {
    let status = answer.status();
    let (code, message) = match answer.extensions().get::<Refusal>() {
        Some(refusal) => (refusal.code.clone(), refusal.message.clone()),
        None => ("InternalError".to_owned(), status.canonical_reason().unwrap_or_default().to_owned()),
    };
    let text = |name: &str| answer.headers().get(name).and_then(|id| id.to_str().ok()).unwrap_or_default();
    let key = site.target(&asked.key);
    let named = [("Key", key.as_str()), ("RequestId", text("x-amz-request-id")), ("HostId", text("x-amz-id-2"))];
    let details = if code == "NoSuchKey" { &named[..] } else { &named[1..] };
    let mut told = page(status, &code, &message, details);
    for name in ["x-amz-request-id", "x-amz-id-2", "server"] {
        if let Some(value) = answer.headers().get(name) {
            told.headers_mut().insert(name, value.clone());
        }
    }
    // What is told of the request elsewhere goes with it.
    *told.extensions_mut() = answer.into_parts().0.extensions;
    if *asked.method == Method::HEAD {
        *told.body_mut() = Body::empty();
    }
    told
}

fn sent(code: u16, location: &str) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::MOVED_PERMANENTLY);
    answer.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    // What cannot be a header was never taken for one.
    if let Ok(location) = HeaderValue::from_str(location) {
        answer.headers_mut().insert(LOCATION, location);
    }
    answer
}
