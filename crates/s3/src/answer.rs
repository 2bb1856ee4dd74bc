//! Answers on their way out: request ids, complete error documents, characters put back, statuses
//! that s3s gets wrong.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName, SERVER, TRANSFER_ENCODING};
use http::{HeaderValue, Method, Response, StatusCode};
use s3s::Body;

use crate::exchange::Exchange;
use crate::text;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
const HOST_ID: HeaderName = HeaderName::from_static("x-amz-id-2");
const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// Extension of an answer: its status, where s3s has another for the operation.
#[derive(Debug, Clone, Copy)]
pub struct Status(pub StatusCode);

/// What an error document says beside its code.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Method of the request.
    pub method: &'a Method,
    /// Path of the request, as sent.
    pub resource: &'a str,
}

/// An error answer made at the edge itself.
#[must_use]
pub fn error(code: &str, status: StatusCode, message: &str) -> Response<Body> {
    let mut xml = String::from("<Error>");
    text::element(&mut xml, "Code", code);
    text::element(&mut xml, "Message", message);
    xml.push_str("</Error>");
    let mut answer = Response::new(Body::from(xml));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    answer
}

/// Finishes an answer of s3s or of the edge.
#[must_use]
pub fn finish(mut answer: Response<Body>, exchange: &Exchange, subject: Subject<'_>) -> Response<Body> {
    let id = exchange.info().id.to_string();
    let host_id = host_id(&id);
    if answer.status().is_client_error() || answer.status().is_server_error() {
        if let Some(fault) = exchange.fault() {
            let (code, status, message) = fault.answer();
            answer = error(code, status, message);
        }
        complete_error(&mut answer, exchange, subject, &id, &host_id);
    } else if exchange.has_hidden() {
        if let Some(document) = answer.body().bytes().and_then(|bytes| String::from_utf8(bytes.into()).ok()) {
            *answer.body_mut() = Body::from(text::reveal(&document));
        }
    } else if *subject.method == Method::HEAD && answer.headers().contains_key(CONTENT_RANGE) {
        // s3s answers every HEAD with 200.
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    if let Some(Status(status)) = answer.extensions_mut().remove() {
        *answer.status_mut() = status;
    }
    let headers = answer.headers_mut();
    let text = |text: &str| HeaderValue::from_str(text).expect("hexadecimal digits and base64 fit a header");
    headers.insert(REQUEST_ID, text(&id));
    headers.insert(HOST_ID, text(&host_id));
    headers.insert(SERVER, HeaderValue::from_static("Arqueta"));
    answer
}

/// A code with its message out of a document that s3s wrote, still escaped.
fn code_and_message(document: &str) -> Option<(&str, &str)> {
    let inner = |name: &str| {
        let start = document.find(&format!("<{name}>"))? + name.len() + 2;
        let length = document[start..].find(&format!("</{name}>"))?;
        Some(&document[start..start + length])
    };
    document.contains("<Error>").then_some(())?;
    Some((inner("Code")?, inner("Message").unwrap_or_default()))
}

/// Code and message of an error answer. One to HEAD has no document, so its status must do.
#[must_use]
pub fn failure(answer: &Response<Body>, status: StatusCode) -> (String, String) {
    let bytes: Bytes = answer.body().bytes().unwrap_or_default();
    let document = String::from_utf8_lossy(&bytes);
    let plain = |text: &str| quick_xml::escape::unescape(text).map_or_else(|_| text.to_owned(), Into::into);
    match code_and_message(&document) {
        Some((code, message)) => (plain(code), plain(message)),
        None => {
            let code = match status {
                StatusCode::FORBIDDEN => "AccessDenied",
                StatusCode::NOT_FOUND => "NotFound",
                StatusCode::BAD_REQUEST => "BadRequest",
                StatusCode::PRECONDITION_FAILED => "PreconditionFailed",
                StatusCode::RANGE_NOT_SATISFIABLE => "InvalidRange",
                StatusCode::METHOD_NOT_ALLOWED => "MethodNotAllowed",
                _ => "InternalError",
            };
            (code.to_owned(), status.canonical_reason().unwrap_or_default().to_owned())
        }
    }
}

/// Whether s3s found that a form is not what its policy allows. It has one code for that and for a
/// policy that cannot be read; S3 denies access.
fn is_form_against_policy(code: &str, message: &str) -> bool {
    code == "InvalidPolicyDocument"
        && (message.starts_with("Policy condition ")
            || message.starts_with("Bucket in form field ")
            // The fields of the signature itself, which a policy must name like any other.
            || message.ends_with(" does not match policy"))
}

/// Rewrites an error document with everything that AWS's have; empties it where HTTP has no room.
fn complete_error(answer: &mut Response<Body>, exchange: &Exchange, subject: Subject<'_>, id: &str, host_id: &str) {
    let details = exchange.take_details();
    answer.headers_mut().remove(CONTENT_LENGTH);
    answer.headers_mut().remove(TRANSFER_ENCODING);
    if *subject.method == Method::HEAD {
        *answer.body_mut() = Body::empty();
        return;
    }
    let bytes: Bytes = answer.body().bytes().unwrap_or_default();
    let document = String::from_utf8_lossy(&bytes);
    let Some((mut code, mut message)) = code_and_message(&document) else { return };
    if is_form_against_policy(code, message) {
        (code, message) = ("AccessDenied", "Invalid according to Policy: Policy Condition failed");
        *answer.status_mut() = StatusCode::FORBIDDEN;
    }
    let mut xml = String::with_capacity(512);
    xml.push_str(DECLARATION);
    xml.push_str("<Error><Code>");
    xml.push_str(code);
    xml.push_str("</Code><Message>");
    xml.push_str(message);
    xml.push_str("</Message>");
    if code == "MethodNotAllowed" {
        text::element(&mut xml, "Method", subject.method.as_str());
    }
    for (name, value) in &details {
        text::element(&mut xml, name, value);
    }
    text::element(&mut xml, "Resource", subject.resource);
    text::element(&mut xml, "RequestId", id);
    text::element(&mut xml, "HostId", host_id);
    xml.push_str("</Error>");
    *answer.body_mut() = Body::from(xml);
}

/// `x-amz-id-2`: AWS's names a host and is opaque; this one repeats the request id in another
/// form, so that a user may quote either.
pub fn host_id(id: &str) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(format!("arqueta/{id}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_form_against_its_policy_is_told_from_a_policy_that_cannot_be_read() {
        for (code, message, against) in [
            ("InvalidPolicyDocument", "Policy condition 'eq' for field 'acl' failed: expected 'a', got ''", true),
            ("InvalidPolicyDocument", "Bucket in form field 'a' does not match bucket in URL 'b'", true),
            ("InvalidPolicyDocument", "x-amz-date does not match policy", true),
            ("InvalidPolicyDocument", "failed to parse POST policy", false),
            ("InvalidPolicyDocument", "", false),
            ("SignatureDoesNotMatch", "x-amz-date does not match policy", false),
        ] {
            assert_eq!(is_form_against_policy(code, message), against, "{code}: {message}");
        }
    }

    #[test]
    fn codes_and_messages_are_found_and_stay_escaped() {
        let document = "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>a &lt;b&gt;</Message></Error>";
        assert_eq!(code_and_message(document), Some(("NoSuchKey", "a &lt;b&gt;")));
        assert_eq!(code_and_message("<Error><Code>X</Code></Error>"), Some(("X", "")));
        for other in ["", "<Code>X</Code>", "<Error></Error>", "plain"] {
            assert_eq!(code_and_message(other), None, "{other}");
        }
    }
}
