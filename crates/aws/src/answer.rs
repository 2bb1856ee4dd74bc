//! Answers in the two protocols: a status, a body, and a request id on every one.

use arqueta_model::RequestId;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use crate::error::Fault;
use crate::protocol::Protocol;
use crate::query::xml;

const JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.1");
const XML: HeaderValue = HeaderValue::from_static("text/xml");

/// Most bytes of a message: what was signed stands in some, to be compared as a whole, and nobody needs more
/// of what he sent himself.
const SAID: usize = 16 * 1024;

/// A successful answer with a whole document as its body.
pub(crate) fn success(protocol: Protocol, body: Vec<u8>, id: RequestId) -> Response<Full<Bytes>> {
    respond(protocol, StatusCode::OK, body, id)
}

/// An error answer in the protocol's form.
pub(crate) fn failure(protocol: Protocol, fault: &Fault, id: RequestId) -> Response<Full<Bytes>> {
    let message = &fault.message[..fault.message.floor_char_boundary(SAID)];
    match protocol {
        Protocol::Json => {
            let mut body = serde_json::json!({ "__type": fault.code });
            if !message.is_empty() {
                body["message"] = message.into();
            }
            let mut response = respond(protocol, fault.status, body.to_string().into_bytes(), id);
            response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(fault.code));
            response
        }
        Protocol::Query(namespace) => {
            let sender = fault.status.is_client_error();
            let body = xml::error(namespace, sender, fault.code, message, &id.to_string()).unwrap_or_default();
            respond(protocol, fault.status, body, id)
        }
    }
}

fn respond(protocol: Protocol, status: StatusCode, body: Vec<u8>, id: RequestId) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, if protocol == Protocol::Json { JSON } else { XML });
    // Answers carry data keys and secret access keys.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store, must-revalidate, private"));
    let id = HeaderValue::from_str(&id.to_string()).expect("a request id is hex");
    headers.insert("x-amzn-requestid", id);
    response
}
