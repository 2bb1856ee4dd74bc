//! A body on its way in: under watch, decoded, and held against what is stated of it.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Version};
use s3s::crypto::{Checksum as _, Sha256};
use s3s::{Body, StdError};

use super::S3Edge;
use crate::body::Watched;
use crate::chunks::Chunks;
use crate::document::{self, Digests, Limits};
use crate::exchange::Exchange;
use crate::incoming::BodyFault;
use crate::payload::{self, Hashed, Payload};
use crate::query;
use crate::resources::{self, On};
use crate::subject;

impl S3Edge {
    /// The request with its body under watch, decoded, and held against what is stated of it.
    pub(super) fn prepared<B>(
        &self,
        mut parts: Parts,
        body: B,
        payload: Payload,
        exchange: &Arc<Exchange>,
    ) -> Result<Request<Body>, BodyFault>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<StdError>,
    {
        if body.is_end_stream() {
            match payload {
                Payload::Unsigned => {}
                Payload::Digest(stated) => payload::compare(&stated, &Sha256::new().finalize())?,
                Payload::Chunks(_) => return Err(BodyFault::Incomplete),
            }
            if parts.version > Version::HTTP_11 {
                // Its framing says so. In HTTP/1 a body without a length is one that was forgotten.
                parts.headers.entry(CONTENT_LENGTH).or_insert(HeaderValue::from_static("0"));
            }
            let body = document::stand_in(&mut parts).map_or_else(Body::empty, Body::from);
            return Ok(Request::from_parts(parts, body));
        }
        let creates = parts.method == Method::PUT && self.target(&parts) == On::Bucket;
        let document = document(&parts).or(creates.then_some(Digests::All));
        let watched = self.watch(body, exchange);
        let body = match (payload, document) {
            (Payload::Chunks(chunking), document) => {
                parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(chunking.length));
                exchange.incoming().expect_trailer();
                let chunks = Chunks::new(watched, Arc::clone(exchange), chunking);
                match document {
                    Some(digests) => self.document(&parts, self.watch(chunks, exchange), digests),
                    None => Body::http_body_unsync(chunks),
                }
            }
            (_, Some(digests)) => self.document(&parts, watched, digests),
            (Payload::Digest(stated), None) => {
                Body::http_body_unsync(Hashed::new(watched, Arc::clone(exchange), stated))
            }
            (Payload::Unsigned, None) => Body::http_body_unsync(watched),
        };
        Ok(Request::from_parts(parts, body))
    }

    fn document<B>(&self, parts: &Parts, watched: Watched<B>, digests: Digests) -> Body
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<StdError>,
    {
        let creates = document(parts).is_none();
        let watched = watched.with_digests(&parts.headers, digests, Limits::of(parts, creates));
        // A bucket policy is JSON.
        Body::http_body_unsync(if is_json(parts) { watched } else { watched.of_xml() })
    }
}

/// What the headers state of the body, if it is a document that s3s reads whole.
fn document(parts: &Parts) -> Option<Digests> {
    // Only `PUT` carries an object, and only without a sub-resource. S3 ignores parameters that it does not
    // know: people put into them what they look for in logs.
    let is_document = parts.method != Method::PUT
        || subject::is_of_account(&parts.headers, &parts.uri)
        || query::pairs(&parts.uri).any(|(name, _)| is_of_document(&name));
    let completes = parts.method == Method::POST && query::has(&parts.uri, "uploadId");
    is_document.then_some(if completes { Digests::WithoutChecksums } else { Digests::All })
}

/// Whether the document is a bucket policy, the one kind that is no XML.
fn is_json(parts: &Parts) -> bool {
    parts.method == Method::PUT && query::has(&parts.uri, "policy")
}

/// Whether a parameter makes an operation of a `PUT` whose body is a document.
fn is_of_document(name: &str) -> bool {
    resources::is_known(name) && !matches!(name, "partNumber" | "uploadId")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parts(method: Method, uri: &'static str) -> Parts {
        let mut request = Request::new(());
        (*request.method_mut(), *request.uri_mut()) = (method, http::Uri::from_static(uri));
        request.into_parts().0
    }

    #[test]
    fn documents_are_told_from_objects() {
        for uri in ["/b?versioning", "/b?delete", "/b/k?tagging", "/b/k?encryption", "/b?encryption"] {
            assert_eq!(document(&parts(Method::PUT, uri)), Some(Digests::All), "PUT {uri}");
        }
        for uri in ["/b?delete", "/b/k?uploads"] {
            assert_eq!(document(&parts(Method::POST, uri)), Some(Digests::All), "POST {uri}");
        }
        assert_eq!(document(&parts(Method::POST, "/b/k?uploadId=1")), Some(Digests::WithoutChecksums));
        for uri in [
            "/b/k",
            "/b/k?partNumber=1&uploadId=u",
            "/k?partNumber=1&uploadId=u",
            "/b/k?X-Amz-Signature=a",
            "/k?x-id=PutObject",
        ] {
            assert_eq!(document(&parts(Method::PUT, uri)), None, "PUT {uri}");
        }
    }
}
