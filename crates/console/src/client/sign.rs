//! Signing as the person: headers, addresses for a while, and browser forms (IAM User Guide, "AWS
//! Signature Version 4 for API requests"; S3 API Reference, "Authenticating requests: browser-based uploads using POST").

use std::time::Duration;

use arqueta_call::signature::{ALGORITHM, SigningKey};
use arqueta_model::{Region, Timestamp};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s_sigv4::{AmzDate, Payload as Signed};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::ask::{Ask, Payload};
use crate::service::CallBody;
use crate::session::Credentials;

/// What is encoded in a parameter.
const PARAMETER: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What is encoded in a path.
const PATH: &AsciiSet = &PARAMETER.remove(b'/');

/// Who signs, for where, and when.
pub(crate) struct Scope<'a> {
    pub credentials: &'a Credentials,
    pub region: &'a Region,
    /// As the browser wrote it.
    pub host: &'a str,
    pub now: Timestamp,
}

/// A form that a browser may send to S3 by itself.
pub(crate) struct Form {
    /// Hidden fields, in order.
    pub fields: Vec<(&'static str, String)>,
}

impl Scope<'_> {
    /// The request, signed over everything that it says; as it is where the credentials are nobody's.
    pub fn sign(&self, ask: Ask, agent: &str) -> Request<CallBody> {
        if self.credentials.is_none() {
            return self.plain(ask, agent);
        }
        let date = self.date();
        let hash = match &ask.body {
            Payload::Whole(bytes) => hex::encode(Sha256::digest(bytes)),
            Payload::Stream(..) => "UNSIGNED-PAYLOAD".to_owned(),
        };
        let length = match &ask.body {
            Payload::Whole(bytes) => bytes.len() as u64,
            Payload::Stream(_, length) => *length,
        };
        let iso = date.fmt_iso8601();
        let mut headers: Vec<(&str, &str)> = vec![("host", self.host), ("x-amz-date", &iso)];
        if ask.service == "s3" {
            headers.push(("x-amz-content-sha256", &hash));
        }
        headers.extend(self.credentials.token.as_deref().map(|token| ("x-amz-security-token", token.as_str())));
        headers.extend(ask.headers.iter().map(|(name, value)| (&**name, value.as_str())));
        headers.sort_unstable();
        let payload =
            if matches!(ask.body, Payload::Stream(..)) { Signed::Unsigned } else { Signed::SingleChunk(&hash) };
        let canonical =
            s3s_sigv4::create_canonical_request(ask.method.as_str(), &ask.path, &ask.query, &headers, payload);
        let signature = self.signature(&canonical, &date, ask.service);
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let authorization = format!(
            "{ALGORITHM} Credential={}, SignedHeaders={}, Signature={signature}",
            self.credential(&date, ask.service),
            names.join(";")
        );
        let uri = Uri::try_from(target(&ask.path, &ask.query)).unwrap_or_default();
        let mut request = Request::new(());
        (*request.method_mut(), *request.uri_mut()) = (ask.method.clone(), uri);
        for (name, value) in
            headers.iter().copied().chain([(USER_AGENT.as_str(), agent), (AUTHORIZATION.as_str(), &authorization)])
        {
            // What cannot stand in a header is left out, and so the signature is refused.
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value.as_bytes())) {
                request.headers_mut().append(name, value);
            }
        }
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        debug_assert!(request.headers().contains_key(HOST), "calls are signed for a host");
        request.map(|()| ask.body.into_body())
    }

    /// For the one operation that takes no signature.
    fn plain(&self, ask: Ask, agent: &str) -> Request<CallBody> {
        let mut request = Request::new(());
        *request.method_mut() = ask.method.clone();
        *request.uri_mut() = Uri::try_from(target(&ask.path, &ask.query)).unwrap_or_default();
        let own = ask.headers.iter().map(|(name, value)| (&**name, value.as_str()));
        for (name, value) in own.chain([(HOST.as_str(), self.host), (USER_AGENT.as_str(), agent)]) {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value.as_bytes())) {
                request.headers_mut().append(name, value);
            }
        }
        if let Payload::Whole(bytes) = &ask.body {
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        }
        request.map(|()| ask.body.into_body())
    }

    /// Path and parameters of an address that is good for `life` without further credentials.
    pub fn presign(&self, path: &str, query: &[(String, String)], life: Duration) -> String {
        let date = self.date();
        let mut pairs = query.to_vec();
        let own = [
            ("X-Amz-Algorithm", ALGORITHM.to_owned()),
            ("X-Amz-Credential", self.credential(&date, "s3")),
            ("X-Amz-Date", date.fmt_iso8601().to_string()),
            ("X-Amz-Expires", life.as_secs().to_string()),
            ("X-Amz-SignedHeaders", "host".to_owned()),
        ];
        pairs.extend(own.map(|(name, value)| (name.to_owned(), value)));
        pairs.extend(self.credentials.token.as_deref().map(|token| ("X-Amz-Security-Token".to_owned(), token.clone())));
        let headers = [("host", self.host)];
        let canonical =
            s3s_sigv4::create_presigned_canonical_request(Method::GET.as_str(), path, &pairs, headers.as_slice());
        let signature = self.signature(&canonical, &date, "s3");
        pairs.push(("X-Amz-Signature".to_owned(), signature));
        target(path, &pairs)
    }

    /// A form that uploads one file below `prefix` of `bucket` and then leads to `back`.
    pub fn form(&self, bucket: &str, prefix: &str, back: &str, life: Duration) -> Form {
        let date = self.date();
        let mut fields = vec![("key", format!("{prefix}${{filename}}"))];
        fields.push(("success_action_redirect", back.to_owned()));
        fields.push(("x-amz-algorithm", ALGORITHM.to_owned()));
        fields.push(("x-amz-credential", self.credential(&date, "s3")));
        fields.push(("x-amz-date", date.fmt_iso8601().to_string()));
        fields.extend(self.credentials.token.as_deref().map(|token| ("x-amz-security-token", token.clone())));
        let mut conditions = vec![json!({ "bucket": bucket }), json!(["starts-with", "$key", prefix])];
        conditions.extend(fields[1..].iter().map(|(name, value)| json!({ *name: value })));
        let policy = json!({ "expiration": self.now.plus(life).rfc3339(), "conditions": conditions });
        let policy = BASE64_STANDARD.encode(policy.to_string());
        let signature = self.key(&date, "s3").sign(&policy);
        fields.push(("policy", policy));
        fields.push(("x-amz-signature", signature));
        Form { fields }
    }

    fn date(&self) -> AmzDate {
        let text: String = self.now.rfc3339().chars().filter(|c| !"-:".contains(*c)).collect();
        AmzDate::parse(&text).expect("a time to the second is a date of Signature Version 4")
    }

    fn credential(&self, date: &AmzDate, service: &str) -> String {
        format!("{}/{}/{}/{service}/aws4_request", self.credentials.access_key_id, date.fmt_date(), self.region)
    }

    fn key(&self, date: &AmzDate, service: &str) -> SigningKey {
        SigningKey::derive(self.credentials.secret.as_bytes(), date, self.region.as_str(), service)
    }

    fn signature(&self, canonical: &str, date: &AmzDate, service: &str) -> String {
        let text = s3s_sigv4::create_string_to_sign(canonical, date, self.region.as_str(), service);
        self.key(date, service).sign(&text)
    }
}

/// Path and parameters as a request line has them.
pub(crate) fn target(path: &str, query: &[(String, String)]) -> String {
    let mut text = utf8_percent_encode(path, PATH).to_string();
    for (at, (name, value)) in query.iter().enumerate() {
        text.push(if at == 0 { '?' } else { '&' });
        text.extend(utf8_percent_encode(name, PARAMETER));
        text.push('=');
        text.extend(utf8_percent_encode(value, PARAMETER));
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        // AWS's own example (S3 API Reference, "Signature calculations: transferring payload in a single chunk").
        Credentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned().into(),
            token: None,
        }
    }

    fn scope<'a>(credentials: &'a Credentials, region: &'a Region) -> Scope<'a> {
        // 20130524T000000Z
        let now = Timestamp::from_millis(1_369_353_600_000);
        Scope { credentials, region, host: "examplebucket.s3.amazonaws.com", now }
    }

    #[test]
    fn the_published_example_of_a_signed_list() {
        let (credentials, region) = (credentials(), "us-east-1".parse().unwrap());
        let ask = Ask::account(Method::GET).query("max-keys", "2").query("prefix", "J");
        let request = scope(&credentials, &region).sign(ask, "agent");
        let authorization = request.headers()[AUTHORIZATION].to_str().unwrap();
        let signature = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7";
        assert!(authorization.ends_with(signature), "{authorization}");
        assert_eq!(request.uri(), "/?max-keys=2&prefix=J");
    }

    #[test]
    fn the_published_example_of_a_presigned_address() {
        let (credentials, region) = (credentials(), "us-east-1".parse().unwrap());
        let address = scope(&credentials, &region).presign("/test.txt", &[], Duration::from_secs(86_400));
        let signature = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
        assert!(address.ends_with(signature), "{address}");
    }

    #[test]
    fn names_are_encoded_as_they_are_signed() {
        let query = [("a b".to_owned(), "é&=+/".to_owned())];
        assert_eq!(target("/b/x y/ü+.txt", &query), "/b/x%20y/%C3%BC%2B.txt?a%20b=%C3%A9%26%3D%2B%2F");
    }
}
