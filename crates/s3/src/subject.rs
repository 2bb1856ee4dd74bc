//! What a request is about, as far as an error document repeats it.

use std::borrow::Cow;

use http::header::{HOST, IF_MATCH, RANGE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, Uri};
use percent_encoding::percent_decode_str;

use crate::host::Hosts;
use crate::query;

/// The one address of requests about whole accounts (S3 API Reference, "Actions" of S3 Control).
const OF_ACCOUNTS: &str = "/v20180820/configuration/publicAccessBlock";
/// The header that names the account.
pub const ACCOUNT: &str = "x-amz-account-id";

/// Whether a request is about an account, by S3 Control's protocol. Its address could be an object's, too: no client
/// of S3 names an account in a header, and each of S3 Control does.
#[must_use]
pub fn is_of_account(headers: &HeaderMap, uri: &Uri) -> bool {
    uri.path() == OF_ACCOUNTS && headers.contains_key(ACCOUNT)
}

/// Longest key, in bytes.
pub const LONGEST_KEY: usize = 1024;

/// Method, address and the few headers that errors speak of.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Method.
    pub method: Method,
    /// Address, as sent.
    pub uri: Uri,
    /// The bucket of a virtual host.
    host_bucket: Option<String>,
    range: Option<String>,
    if_match: bool,
    /// Whether it is about an account, by S3 Control's protocol.
    pub of_account: bool,
}

impl Subject {
    /// What the request of `parts` is about.
    #[must_use]
    pub fn of(parts: &Parts, hosts: &Hosts) -> Self {
        Self {
            method: parts.method.clone(),
            uri: parts.uri.clone(),
            host_bucket: hosts.bucket(host(parts)).map(str::to_owned),
            range: text(&parts.headers, &RANGE).map(str::to_owned),
            if_match: parts.headers.contains_key(IF_MATCH),
            of_account: is_of_account(&parts.headers, &parts.uri),
        }
    }

    /// The bucket that the request names.
    #[must_use]
    pub fn bucket(&self) -> Option<Cow<'_, str>> {
        if self.of_account {
            return None;
        }
        let named = match &self.host_bucket {
            Some(bucket) => Cow::Borrowed(bucket.as_str()),
            None => decode(self.uri.path().trim_start_matches('/').split('/').next()?),
        };
        (!named.is_empty()).then_some(named)
    }

    /// The key that the request names.
    #[must_use]
    pub fn key(&self) -> Option<Cow<'_, str>> {
        let path = self.uri.path().strip_prefix('/').filter(|_| !self.of_account)?;
        let key = match &self.host_bucket {
            Some(_) => path,
            None => path.split_once('/')?.1,
        };
        (!key.is_empty()).then(|| decode(key))
    }

    /// The elements that S3's error of this code has and that the request itself tells (recorded
    /// from AWS).
    #[must_use]
    pub fn details(&self, code: &str) -> Vec<(&'static str, String)> {
        let bucket = || ("BucketName", self.bucket());
        let key = || ("Key", self.key());
        let parameter = |name: &str| query::value(&self.uri, name).map(Cow::Owned);
        let of_range = || self.range.as_deref().map(Cow::Borrowed);
        let told: Vec<(&'static str, Option<Cow<'_, str>>)> = match code {
            "NoSuchBucket"
            | "BucketAlreadyExists"
            | "BucketAlreadyOwnedByYou"
            | "BucketNotEmpty"
            | "InvalidBucketName"
            | "NoSuchBucketPolicy"
            | "NoSuchCORSConfiguration"
            | "NoSuchLifecycleConfiguration"
            | "NoSuchPublicAccessBlockConfiguration"
            | "NoSuchTagSet"
            | "NoSuchWebsiteConfiguration"
            | "ObjectLockConfigurationNotFoundError"
            | "OwnershipControlsNotFoundError"
            | "ReplicationConfigurationNotFoundError"
            | "ServerSideEncryptionConfigurationNotFoundError" => vec![bucket()],
            "NoSuchKey" => vec![key()],
            "NoSuchVersion" => vec![key(), ("VersionId", parameter("versionId"))],
            "NoSuchUpload" | "InvalidPart" | "InvalidPartOrder" => vec![("UploadId", parameter("uploadId"))],
            "InvalidPartNumber" => vec![("PartNumberRequested", parameter("partNumber"))],
            "InvalidRange" => vec![("RangeRequested", of_range())],
            "ConditionalRequestConflict" => {
                let condition = if self.if_match { "If-Match" } else { "If-None-Match" };
                vec![("Condition", Some(condition.into())), key()]
            }
            "MethodNotAllowed" => vec![
                ("Method", Some(Cow::Borrowed(self.method.as_str()))),
                ("ResourceType", Some(Cow::Borrowed(self.resource_type()))),
            ],
            "KeyTooLongError" => vec![
                ("Size", self.key().map(|key| key.len().to_string().into())),
                ("MaxSizeAllowed", Some(LONGEST_KEY.to_string().into())),
            ],
            _ => Vec::new(),
        };
        told.into_iter().filter_map(|(name, value)| Some((name, value?.into_owned()))).collect()
    }

    fn resource_type(&self) -> &'static str {
        if self.key().is_some() {
            "OBJECT"
        } else if self.bucket().is_some() {
            "BUCKET"
        } else {
            "SERVICE"
        }
    }
}

/// The host that a request is for, with its port.
#[must_use]
pub fn host(parts: &Parts) -> &str {
    let host = text(&parts.headers, &HOST);
    host.or_else(|| parts.uri.authority().map(http::uri::Authority::as_str)).unwrap_or_default()
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn decode(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn subject(method: &str, uri: &str, host: &str) -> Subject {
        let request = http::Request::builder().method(method).uri(uri).header("host", host).header("range", "bytes=9-");
        let parts = request.body(()).unwrap().into_parts().0;
        Subject::of(&parts, &Hosts::new(&[], &"us-east-1".parse().unwrap()))
    }

    #[test]
    fn bucket_and_key_of_both_styles() {
        for (uri, host, bucket, key) in [
            ("/b/a%20b/c", "127.0.0.1", Some("b"), Some("a b/c")),
            ("/b", "127.0.0.1", Some("b"), None),
            ("/b/", "127.0.0.1", Some("b"), None),
            ("/", "127.0.0.1", None, None),
            ("/b/k", "vhost.localhost:9000", Some("vhost"), Some("b/k")),
            ("//k", "vhost.localhost", Some("vhost"), Some("/k")),
            ("/", "vhost.localhost", Some("vhost"), None),
        ] {
            let subject = subject("GET", uri, host);
            assert_eq!((subject.bucket().as_deref(), subject.key().as_deref()), (bucket, key), "{host}{uri}");
        }
    }

    #[test]
    fn what_a_request_tells_of_its_error() {
        for (code, method, uri, want) in [
            ("NoSuchKey", "GET", "/b/k", vec![("Key", "k")]),
            ("NoSuchVersion", "GET", "/b/k?versionId=v", vec![("Key", "k"), ("VersionId", "v")]),
            ("NoSuchBucket", "GET", "/b/k", vec![("BucketName", "b")]),
            ("NoSuchUpload", "PUT", "/b/k?uploadId=u&partNumber=1", vec![("UploadId", "u")]),
            ("InvalidRange", "GET", "/b/k", vec![("RangeRequested", "bytes=9-")]),
            ("InvalidPartNumber", "GET", "/b/k?partNumber=7", vec![("PartNumberRequested", "7")]),
            ("MethodNotAllowed", "POST", "/b/k", vec![("Method", "POST"), ("ResourceType", "OBJECT")]),
            ("MethodNotAllowed", "DELETE", "/", vec![("Method", "DELETE"), ("ResourceType", "SERVICE")]),
            ("AccessDenied", "GET", "/b/k", vec![]),
        ] {
            let found = subject(method, uri, "127.0.0.1").details(code);
            let found: Vec<(&str, &str)> = found.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(found, want, "{code} {uri}");
        }
    }
}
