//! Answers of the console itself.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};

use crate::service::CallBody;

/// A whole body.
pub(crate) fn full(bytes: impl Into<Bytes>) -> CallBody {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Leads elsewhere by GET.
pub(crate) fn redirect(to: &str) -> Response<CallBody> {
    let mut answer = Response::new(full(Bytes::new()));
    *answer.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(to) = HeaderValue::from_str(to) {
        answer.headers_mut().insert(LOCATION, to);
    }
    answer
}

/// A page as an answer.
pub(crate) fn html(status: StatusCode, document: String) -> Response<CallBody> {
    let mut answer = Response::new(full(document));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    answer
}

/// An answer to a script.
pub(crate) fn json(status: StatusCode, value: &serde_json::Value) -> Response<CallBody> {
    let mut answer = Response::new(full(value.to_string()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}
