//! A form as the PUT that it stands for.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arqueta_model::{BucketName, ObjectKey};
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body::Frame;
use http_body_util::StreamBody;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::{Body, S3Result, StdError, dto, s3_error, xml};

use super::policy::SizeRange;
use super::reader::Fields;
use crate::body::Refused;
use crate::document;
use crate::error::invalid_argument;
use crate::exchange::Exchange;
use crate::incoming::BodyFault;
use crate::ops;
use crate::wide;

/// Characters of a key that stay as they are in a path.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'~');
/// A host that names no bucket.
const ANY_HOST: HeaderValue = HeaderValue::from_static("127.0.0.1");

/// Marks a PUT that a form stands for: its length is not known beforehand.
#[derive(Debug, Clone, Copy)]
pub struct FormFile;

/// What a form asks for.
#[derive(Debug)]
pub struct Put {
    /// The fields, as the headers that they are of a PUT.
    pub headers: HeaderMap,
    path: String,
}

impl Put {
    /// The PUT of `key` into `bucket`.
    ///
    /// # Errors
    /// `MalformedXML` for tags that cannot be read; `InvalidArgument` for a field that cannot be a
    /// header.
    pub fn of(fields: &Fields, bucket: &BucketName, key: &ObjectKey) -> S3Result<Self> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
            let (name, value) = match name {
                "tagging" => (HeaderName::from_static("x-amz-tagging"), tagging(value)?),
                name => match header(name) {
                    Some(header) => (header, value.to_owned()),
                    None => continue,
                },
            };
            let text = HeaderValue::from_bytes(value.as_bytes());
            let text = text.map_err(|_| invalid_argument("Argument format not recognized", name.as_str(), &value))?;
            headers.insert(name, text);
        }
        Ok(Self { headers, path: format!("/{bucket}/{}", utf8_percent_encode(key.as_str(), PATH)) })
    }

    /// The request, with `file` as its body.
    pub fn into_request<S>(self, file: S, range: Option<SizeRange>, exchange: Arc<Exchange>) -> Request<Body>
    where
        S: Stream<Item = Result<Bytes, s3s_multipart::Error>> + Send + Unpin + 'static,
    {
        let measured = Measured { file: Some(file), range, size: 0, exchange };
        let body = Body::http_body_unsync(StreamBody::new(measured.map(|piece| piece.map(Frame::data))));
        let (mut parts, body) = Request::new(body).into_parts();
        parts.method = Method::PUT;
        parts.uri = self.path.parse().expect("a percent-encoded path is a URI");
        parts.headers = self.headers;
        parts.headers.insert(HOST, ANY_HOST);
        parts.extensions.insert(FormFile);
        wide::set_aside(&mut parts.headers, &mut parts.extensions);
        Request::from_parts(parts, body)
    }
}

/// The header of a PUT that a field stands for. What is not listed is no concern of the object:
/// above all the headers by which a PUT becomes another operation.
fn header(field: &str) -> Option<HeaderName> {
    const SAME: [&str; 14] = [
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-md5",
        "content-type",
        "expires",
        "if-match",
        "if-none-match",
        "x-amz-expected-bucket-owner",
        "x-amz-request-payer",
        "x-amz-storage-class",
        "x-amz-website-redirect-location",
        "x-amz-write-offset-bytes",
    ];
    const PREFIXES: [&str; 6] = [
        "x-amz-checksum-",
        "x-amz-grant-",
        "x-amz-meta-",
        "x-amz-object-lock-",
        "x-amz-sdk-checksum-",
        "x-amz-server-side-encryption",
    ];
    let same = SAME.contains(&field) || PREFIXES.iter().any(|prefix| field.starts_with(prefix));
    let name = match field {
        "acl" => "x-amz-acl",
        field if same => field,
        _ => return None,
    };
    HeaderName::from_bytes(name.as_bytes()).ok()
}

/// The tags of a form, a document, as the header of a PUT.
fn tagging(document: &str) -> S3Result<String> {
    let malformed = || {
        s3_error!(
            MalformedXML,
            "The XML you provided was not well-formed or did not validate against our published schema"
        )
    };
    if !document::is_plain(document.as_bytes()) {
        return Err(malformed());
    }
    let mut reader = xml::Deserializer::new(document.as_bytes());
    let tagging = <dto::Tagging as xml::Deserialize>::deserialize(&mut reader).map_err(|_| malformed())?;
    reader.expect_eof().map_err(|_| malformed())?;
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs = ops::tag_pairs(tagging.tag_set)?;
    let pairs: Vec<String> = pairs.iter().map(|(key, value)| format!("{}={}", encoded(key), encoded(value))).collect();
    Ok(pairs.join("&"))
}

/// The file of a form, held against the size that its policy allows: too long a file ends as soon
/// as it is, too short a one at its end, and both as failures, so that nothing is stored.
struct Measured<S> {
    file: Option<S>,
    range: Option<SizeRange>,
    size: u64,
    exchange: Arc<Exchange>,
}

impl<S> Measured<S> {
    fn refuse(&mut self, fault: BodyFault) -> StdError {
        self.file = None;
        self.exchange.incoming().blame(fault.clone());
        Box::new(Refused(fault))
    }
}

impl<S> Stream for Measured<S>
where
    S: Stream<Item = Result<Bytes, s3s_multipart::Error>> + Unpin,
{
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(file) = &mut this.file else { return Poll::Ready(None) };
        match ready!(file.poll_next_unpin(cx)) {
            Some(Ok(piece)) => {
                this.size = this.size.saturating_add(piece.len() as u64);
                match this.range {
                    Some(range) if this.size > range.most => {
                        Poll::Ready(Some(Err(this.refuse(BodyFault::FileTooLarge(this.size, range.most)))))
                    }
                    _ => Poll::Ready(Some(Ok(piece))),
                }
            }
            Some(Err(error)) => {
                this.file = None;
                Poll::Ready(Some(Err(Box::new(error))))
            }
            None => {
                this.file = None;
                match this.range {
                    Some(range) if this.size < range.least => {
                        Poll::Ready(Some(Err(this.refuse(BodyFault::FileTooSmall(this.size, range.least)))))
                    }
                    _ => Poll::Ready(None),
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn put(fields: &Fields) -> S3Result<Put> {
        Put::of(fields, &"bucket".parse().unwrap(), &"k".parse().unwrap())
    }

    #[test]
    fn fields_are_the_headers_of_a_put() {
        let fields = Fields::from([
            ("acl", "private"),
            ("content-type", "text/plain"),
            ("x-amz-object-lock-retain-until-date", "2030-01-01T00:00:00Z"),
            ("if-none-match", "*"),
            ("x-amz-meta-a", "ü"),
            ("x-amz-storage-class", ""),
            ("tagging", "<Tagging><TagSet><Tag><Key>a b</Key><Value>&amp;</Value></Tag></TagSet></Tagging>"),
        ]);
        let headers = put(&fields).unwrap().headers;
        let text = |name: &str| headers.get(name).map(|value| std::str::from_utf8(value.as_bytes()).unwrap());
        assert_eq!(text("x-amz-acl"), Some("private"));
        assert_eq!(text("content-type"), Some("text/plain"));
        assert_eq!(text("x-amz-object-lock-retain-until-date"), Some("2030-01-01T00:00:00Z"));
        assert_eq!(text("if-none-match"), Some("*"));
        assert_eq!(text("x-amz-meta-a"), Some("ü"));
        assert_eq!(text("x-amz-tagging"), Some("a%20b=%26"));
        assert_eq!(text("x-amz-storage-class"), None);
    }

    #[test]
    fn no_field_makes_a_put_another_operation() {
        for name in ["x-amz-copy-source", "x-amz-content-sha256", "x-amz-trailer", "x-amz-tagging", "host", "range"] {
            assert!(put(&Fields::from([(name, "bucket/k")])).unwrap().headers.is_empty(), "{name}");
        }
        let odd = Put::of(&Fields::default(), &"bucket".parse().unwrap(), &"/../?uploads#%2F é".parse().unwrap());
        assert_eq!(odd.unwrap().path, "/bucket//%2E%2E/%3Fuploads%23%252F%20%C3%A9");
    }

    #[test]
    fn tags_and_headers_that_cannot_be_read_are_refused() {
        let code =
            |name: &str, value: &str| put(&Fields::from([(name, value)])).unwrap_err().code().as_str().to_owned();
        for bad in [
            "x",
            "<Tagging>",
            "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>",
            "<!DOCTYPE Tagging><Tagging><TagSet></TagSet></Tagging>",
            "<Tagging><TagSet><Tag><Key><![CDATA[a]]>b</Key><Value>c</Value></Tag></TagSet></Tagging>",
        ] {
            assert_eq!(code("tagging", bad), "MalformedXML", "{bad}");
        }
        assert_eq!(code("x-amz-meta-a", "a\r\nx-amz-acl: public-read"), "InvalidArgument");
    }

    #[tokio::test]
    async fn a_file_of_another_size_ends_as_a_failure() {
        let sent = |pieces: &'static [&'static str], range: Option<SizeRange>| async move {
            let exchange = crate::tests::exchange();
            let file = futures::stream::iter(pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))));
            let measured = Measured { file: Some(file), range, size: 0, exchange: Arc::clone(&exchange) };
            let ended: Vec<_> = measured.collect().await;
            (ended.last().is_none_or(Result::is_ok), exchange.incoming().fault().cloned())
        };
        let range = |least, most| Some(SizeRange { least, most });
        assert_eq!(sent(&["ab", "c"], None).await, (true, None));
        assert_eq!(sent(&["ab", "c"], range(3, 3)).await, (true, None));
        assert_eq!(sent(&[], range(0, 0)).await, (true, None));
        assert_eq!(sent(&["ab", "c"], range(0, 2)).await, (false, Some(BodyFault::FileTooLarge(3, 2))));
        assert_eq!(sent(&["ab", "c"], range(4, 9)).await, (false, Some(BodyFault::FileTooSmall(3, 4))));
        assert_eq!(sent(&[], range(1, 9)).await, (false, Some(BodyFault::FileTooSmall(0, 1))));
    }
}
