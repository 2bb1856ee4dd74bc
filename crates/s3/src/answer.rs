//! Answers on their way out: request ids, complete error documents, characters put back, statuses
//! that s3s gets wrong.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName, SERVER, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use s3s::{Body, S3Error};
use serde::Deserialize;

use crate::exchange::Exchange;
use crate::refusal::{self, Refusal};
use crate::subject::Subject;
use crate::text;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
const HOST_ID: HeaderName = HeaderName::from_static("x-amz-id-2");
/// As s3s begins its documents.
const BARE_DECLARATION: &[u8] = b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
/// As S3 begins them.
pub const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// Extension of an answer: its status, where s3s has another for the operation.
#[derive(Debug, Clone, Copy)]
pub struct Status(pub StatusCode);

/// Extension of an answer: its document, where s3s's is another than S3's, or slower to write.
#[derive(Debug, Clone)]
pub struct Ordered(pub Bytes);

/// Extension of an answer that is no error document of S3's, and is sent as it is.
#[derive(Debug, Clone, Copy)]
pub struct Whole;

/// An error answer made at the edge itself.
#[must_use]
pub fn error(code: &str, status: StatusCode, message: &str) -> Response<Body> {
    refused(Refusal::new(code, status, message))
}

/// As [`error`], of an error of s3s's type.
#[must_use]
pub fn of_error(error: &S3Error) -> Response<Body> {
    let mut answer = refused(Refusal::from(error));
    answer.headers_mut().extend(error.headers().cloned().unwrap_or_default());
    answer
}

/// The answer to a refused request; [`finish`] writes its document.
#[must_use]
pub fn refused(refusal: Refusal) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = refusal.status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    answer.extensions_mut().insert(refusal);
    answer
}

/// Finishes an answer of s3s or of the edge.
#[must_use]
pub fn finish(mut answer: Response<Body>, exchange: &Exchange, subject: &Subject) -> Response<Body> {
    let id = exchange.info().id.to_string();
    let host_id = host_id(&id);
    let is_whole = answer.extensions_mut().remove::<Whole>().is_some();
    if !is_whole && (answer.status().is_client_error() || answer.status().is_server_error()) {
        let refusal = refusal(&mut answer, exchange, subject);
        log(&refusal, exchange, subject, &id);
        write_error(&mut answer, &refusal, subject, &id, &host_id);
        answer.extensions_mut().insert(refusal);
    } else if exchange.has_hidden() {
        if let Some(document) = answer.body().bytes().and_then(|bytes| String::from_utf8(bytes.into()).ok()) {
            *answer.body_mut() = Body::from(text::reveal(&document));
        }
    } else if subject.method == Method::HEAD && answer.headers().contains_key(CONTENT_RANGE) {
        // s3s answers every HEAD with 200.
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    if let Some(Status(status)) = answer.extensions_mut().remove() {
        *answer.status_mut() = status;
    }
    if let Some(Ordered(document)) = answer.extensions_mut().remove() {
        answer.headers_mut().remove(CONTENT_LENGTH);
        *answer.body_mut() = Body::from(document);
    }
    break_line(&mut answer);
    let is_charged = exchange.charged.load(Ordering::Acquire) && answer.status().is_success();
    let headers = answer.headers_mut();
    if is_charged {
        headers.insert("x-amz-request-charged", HeaderValue::from_static("requester"));
    }
    identify(headers, id, host_id);
    answer
}

/// Adds the headers by which people speak of a request.
pub fn identify(headers: &mut HeaderMap, id: String, host_id: String) {
    let text = |text: String| HeaderValue::try_from(text).expect("hexadecimal digits and base64 fit a header");
    headers.insert(REQUEST_ID, text(id));
    headers.insert(HOST_ID, text(host_id));
    headers.insert(SERVER, HeaderValue::from_static("Arqueta"));
}

/// Breaks the line after the XML declaration, as S3 does. Objects are streams and stay as they are.
fn break_line(answer: &mut Response<Body>) {
    let Some(document) = answer.body().bytes() else { return };
    let Some(rest) = document.strip_prefix(BARE_DECLARATION).filter(|rest| rest.first() == Some(&b'<')) else { return };
    let broken = [DECLARATION.as_bytes(), rest].concat();
    answer.headers_mut().remove(CONTENT_LENGTH);
    *answer.body_mut() = Body::from(Bytes::from(broken));
}

/// What is refused: as the edge said, as an operation or the access decision said, or what s3s
/// wrote of its own failures, which is all that it lets out of them.
fn refusal(answer: &mut Response<Body>, exchange: &Exchange, subject: &Subject) -> Refusal {
    let status = answer.status();
    if let Some(denied) = exchange.take_doubt() {
        // What is wrong with the body is told to those alone who may send one.
        *answer.status_mut() = denied.status;
        return denied;
    }
    let told = exchange.take_refusal();
    let made = answer.extensions_mut().remove::<Refusal>();
    let fault = || exchange.incoming().fault().map(crate::incoming::BodyFault::refusal);
    let mut refusal = made.or_else(fault).or(told).unwrap_or_else(|| of_document(answer, status));
    let from_request = subject.details(&refusal.code);
    let missing: Vec<_> = from_request.into_iter().filter(|(name, _)| !refusal.tells(name)).collect();
    refusal.details.splice(0..0, missing);
    *answer.status_mut() = refusal.status;
    refusal
}

/// The refusal that s3s wrote. One to HEAD has no document, so its status must do.
fn of_document(answer: &Response<Body>, status: StatusCode) -> Refusal {
    let bytes: Bytes = answer.body().bytes().unwrap_or_default();
    let document = String::from_utf8_lossy(&bytes);
    let Some(Told { code, message }) = told(&document) else {
        let code = match status {
            StatusCode::FORBIDDEN => "AccessDenied",
            StatusCode::NOT_FOUND => "NotFound",
            StatusCode::BAD_REQUEST => "BadRequest",
            StatusCode::PRECONDITION_FAILED => "PreconditionFailed",
            StatusCode::RANGE_NOT_SATISFIABLE => "InvalidRange",
            StatusCode::METHOD_NOT_ALLOWED => "MethodNotAllowed",
            StatusCode::NOT_IMPLEMENTED => "NotImplemented",
            _ => "InternalError",
        };
        return Refusal::new(code, status, status.canonical_reason().unwrap_or_default());
    };
    match message_of(&code) {
        Some(message) => Refusal::new(code, status, message),
        None => Refusal::new(code, status, message),
    }
}

/// AWS's message where it has one for the code, whatever s3s says.
fn message_of(code: &str) -> Option<&'static str> {
    Some(match code {
        "MalformedXML" => "The XML you provided was not well-formed or did not validate against our published schema",
        "MethodNotAllowed" => "The specified method is not allowed against this resource.",
        "InvalidBucketName" => "The specified bucket is not valid.",
        "KeyTooLongError" => "Your key is too long",
        "NotImplemented" => "A header you provided implies functionality that is not implemented",
        "InvalidURI" => "Couldn't parse the specified URI.",
        "MissingContentLength" => "You must provide the Content-Length HTTP header.",
        "InternalError" => "We encountered an internal error. Please try again.",
        _ => return None,
    })
}

/// Our failures stand in the log with the request they belong to; what a client did wrong, and what
/// this gateway does not serve, only where somebody looks for it.
fn log(refusal: &Refusal, exchange: &Exchange, subject: &Subject, id: &str) {
    let (operation, bucket) = (exchange.operation().map_or("-", |row| row.name), subject.bucket());
    let bucket = bucket.as_deref().unwrap_or("-");
    let (code, status, cause) = (&*refusal.code, refusal.status.as_u16(), refusal.cause.as_deref().unwrap_or("-"));
    let path = subject.uri.path();
    // A full disk is told when it becomes full and when there is room again, not by everyone who finds it so.
    if !refusal.status.is_server_error() || ["NotImplemented", "InsufficientStorage"].contains(&code) {
        tracing::debug!(request = id, operation, bucket, path, code, status, message = refusal.message, "refused");
    } else if refusal.status == StatusCode::SERVICE_UNAVAILABLE {
        tracing::warn!(request = id, operation, bucket, path, code, status, cause, "a request could not be served");
    } else {
        tracing::error!(request = id, operation, bucket, path, code, status, cause, "a request failed");
    }
}

/// A document that s3s wrote, by its outermost element.
#[derive(Deserialize)]
enum Document {
    Error(Told),
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    code: String,
    #[serde(default)]
    message: String,
}

/// What a document says, if it is one of an error.
fn told(document: &str) -> Option<Told> {
    quick_xml::de::from_str(document).ok().map(|Document::Error(told)| told)
}

/// Code and message of a finished error answer.
#[must_use]
pub fn failure(answer: &Response<Body>, status: StatusCode) -> (String, String) {
    let refusal = answer.extensions().get::<Refusal>().cloned().unwrap_or_else(|| of_document(answer, status));
    (refusal.code, refusal.message)
}

/// Writes the error document with everything that AWS's have; none where HTTP has no room.
fn write_error(answer: &mut Response<Body>, refusal: &Refusal, subject: &Subject, id: &str, host_id: &str) {
    answer.headers_mut().remove(CONTENT_LENGTH);
    answer.headers_mut().remove(TRANSFER_ENCODING);
    if subject.method == Method::HEAD {
        *answer.body_mut() = Body::empty();
        return;
    }
    let mut xml = String::with_capacity(512);
    xml.push_str(DECLARATION);
    // S3 Control's documents are those of AWS's other services.
    xml.push_str(if subject.of_account { "<ErrorResponse><Error>" } else { "<Error>" });
    text::element(&mut xml, "Code", &refusal.code);
    text::said(&mut xml, "Message", refusal::message(&refusal.message));
    for (name, value) in &refusal.details {
        text::said(&mut xml, name, refusal::element(name, value));
    }
    if subject.of_account {
        xml.push_str("</Error>");
    }
    text::element(&mut xml, "RequestId", id);
    text::element(&mut xml, "HostId", host_id);
    xml.push_str(if subject.of_account { "</ErrorResponse>" } else { "</Error>" });
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
    fn codes_and_messages_are_those_of_the_outermost_error() {
        let said = |code: &str, message: &str| Some(Told { code: code.to_owned(), message: message.to_owned() });
        let document = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>NoSuchKey</Code><Message>a &lt;b&gt; &amp; c</Message>\
                        <Resource>x</Resource></Error>";
        assert_eq!(told(document), said("NoSuchKey", "a <b> & c"));
        assert_eq!(told("<Error><Code>X</Code></Error>"), said("X", ""));
        assert_eq!(told("<Error><Code>X</Code><Message></Message></Error>"), said("X", ""));
        let inner = "<Result><Error><Code>X</Code></Error></Result>";
        for other in ["", "<Code>X</Code>", "<Error></Error>", "plain", inner, "<Error><Code>X</Code>"] {
            assert_eq!(told(other), None, "{other}");
        }
    }
}
