//! What is asked of a service, before it is signed.

use std::borrow::Cow;

use bytes::Bytes;
use http::{Method, StatusCode};
use http_body_util::{BodyExt as _, Full};

use super::fault::Fault;
use crate::service::CallBody;

/// A request on its way to be signed.
pub(crate) struct Ask {
    pub method: Method,
    /// Signing name of the service.
    pub service: &'static str,
    /// Decoded path.
    pub path: String,
    /// Decoded parameters.
    pub query: Vec<(String, String)>,
    /// Lower-case names; all of them are signed.
    pub headers: Vec<(Cow<'static, str>, String)>,
    pub body: Payload,
    flaw: Option<Flaw>,
}

/// Why a request would be another than it says: a bucket with a slash in its name is an object, an
/// object without a key is its bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    Bucket,
    Key,
}

/// The body of a request.
pub(crate) enum Payload {
    /// Signed.
    Whole(Bytes),
    /// As it comes, so many bytes; not signed.
    Stream(CallBody, u64),
}

impl Payload {
    pub fn into_body(self) -> CallBody {
        match self {
            Self::Whole(bytes) => Full::new(bytes).map_err(|never| match never {}).boxed_unsync(),
            Self::Stream(body, _) => body,
        }
    }
}

impl Ask {
    fn new(method: Method, service: &'static str, path: String) -> Self {
        let body = Payload::Whole(Bytes::new());
        Self { method, service, path, query: Vec::new(), headers: Vec::new(), body, flaw: None }
    }

    /// A POST to a service.
    pub fn post(service: &'static str, path: &str) -> Self {
        Self::new(Method::POST, service, path.to_owned())
    }

    /// A request to S3 for the account, which has no bucket.
    pub fn account(method: Method) -> Self {
        Self::new(method, "s3", "/".to_owned())
    }

    /// A request to S3 for a bucket.
    pub fn bucket(method: Method, bucket: &str) -> Self {
        let flaw = (bucket.is_empty() || bucket.contains('/')).then_some(Flaw::Bucket);
        Self { flaw, ..Self::new(method, "s3", format!("/{bucket}")) }
    }

    /// A request to S3 for an object.
    pub fn object(method: Method, bucket: &str, key: &str) -> Self {
        let of_bucket = Self::bucket(method, bucket);
        let flaw = of_bucket.flaw.or_else(|| key.is_empty().then_some(Flaw::Key));
        Self { path: format!("/{bucket}/{key}"), flaw, ..of_bucket }
    }

    /// As it is, if it means what it says. Asked of every request before it is signed.
    ///
    /// # Errors
    /// [`Fault`], in the words of S3.
    pub fn sound(self) -> Result<Self, Fault> {
        let (code, message) = match self.flaw {
            None => return Ok(self),
            Some(Flaw::Bucket) => ("InvalidBucketName", "The specified bucket is not valid."),
            Some(Flaw::Key) => ("InvalidArgument", "An object key must have at least one byte."),
        };
        Err(Fault::own(StatusCode::BAD_REQUEST, code, message))
    }

    /// With a parameter.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a parameter, where there is a value.
    pub fn query_some(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) if !value.is_empty() => self.query(name, value),
            _ => self,
        }
    }

    /// With a header.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((Cow::Borrowed(name), value.to_owned()));
        self
    }

    /// With a header whose name, in lower case, is known only now.
    pub fn header_named(mut self, name: String, value: &str) -> Self {
        self.headers.push((Cow::Owned(name), value.to_owned()));
        self
    }

    /// With a body that is signed.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Payload::Whole(body.into());
        self
    }

    /// With `length` bytes that come as they come.
    pub fn stream(mut self, body: CallBody, length: u64) -> Self {
        self.body = Payload::Stream(body, length);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_another_request_is_none() {
        let refused = |ask: Ask| ask.sound().err().map(|fault| fault.code);
        for bucket in ["a/b", "", "/"] {
            assert_eq!(refused(Ask::bucket(Method::DELETE, bucket)).as_deref(), Some("InvalidBucketName"), "{bucket}");
            assert_eq!(
                refused(Ask::object(Method::GET, bucket, "k")).as_deref(),
                Some("InvalidBucketName"),
                "{bucket}"
            );
        }
        assert_eq!(refused(Ask::object(Method::DELETE, "bucket", "")).as_deref(), Some("InvalidArgument"));
        for sound in [Ask::account(Method::GET), Ask::bucket(Method::GET, "b"), Ask::object(Method::GET, "b", "a/b")] {
            assert_eq!(refused(sound), None);
        }
    }
}
