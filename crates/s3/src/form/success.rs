//! The answer to a stored form.

use http::header::{CONTENT_TYPE, ETAG, LOCATION};
use http::{HeaderName, HeaderValue, Response, StatusCode, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::Body;

use arqueta_model::{BucketName, ObjectKey};

use super::reader::Fields;
use crate::text;

/// What stays as it is in a URL.
const URL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// How a form wants to be answered.
#[derive(Debug)]
pub struct Success {
    status: StatusCode,
    redirect: Option<String>,
    /// URL of the object.
    location: String,
    bucket: String,
    key: String,
}

impl Success {
    /// What the fields ask for. A status or redirect that S3 does not know is ignored.
    #[must_use]
    pub fn of(fields: &Fields, base: &str, bucket: &BucketName, key: &ObjectKey) -> Self {
        let status = match fields.value("success_action_status") {
            Some("200") => StatusCode::OK,
            Some("201") => StatusCode::CREATED,
            _ => StatusCode::NO_CONTENT,
        };
        let redirect = fields.value("success_action_redirect").or_else(|| fields.value("redirect"));
        Self {
            status,
            redirect: redirect.filter(|to| is_absolute(to)).map(str::to_owned),
            location: format!("{base}/{}", utf8_percent_encode(key.as_str(), URL)),
            bucket: bucket.to_string(),
            key: key.to_string(),
        }
    }

    /// The answer to the form, made from that to its PUT. A refusal stays what it is.
    #[must_use]
    pub fn answer(self, put: Response<Body>) -> Response<Body> {
        if !put.status().is_success() {
            return put;
        }
        let etag = put.headers().get(ETAG).and_then(|etag| etag.to_str().ok()).unwrap_or_default().to_owned();
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = self.status;
        for (name, value) in put.headers().iter().filter(|(name, _)| tells_of_the_object(name)) {
            answer.headers_mut().append(name.clone(), value.clone());
        }
        *answer.extensions_mut() = put.extensions().clone();
        let redirect = self.redirect.as_deref().and_then(|to| HeaderValue::try_from(self.told_to(to, &etag)).ok());
        if let Some(to) = redirect {
            *answer.status_mut() = StatusCode::SEE_OTHER;
            answer.headers_mut().insert(LOCATION, to);
            return answer;
        }
        if let Ok(location) = HeaderValue::from_str(&self.location) {
            answer.headers_mut().insert(LOCATION, location);
        }
        if self.status == StatusCode::CREATED {
            answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
            *answer.body_mut() = Body::from(self.document(&etag));
        }
        answer
    }

    fn told_to(&self, redirect: &str, etag: &str) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let joint = if redirect.contains('?') { '&' } else { '?' };
        let key = utf8_percent_encode(&self.key, URL);
        format!("{redirect}{joint}bucket={}&key={key}&etag={}", self.bucket, encoded(etag))
    }

    fn document(&self, etag: &str) -> String {
        let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<PostResponse>".to_owned();
        text::element(&mut xml, "Location", &self.location);
        text::element(&mut xml, "Bucket", &self.bucket);
        text::element(&mut xml, "Key", &self.key);
        text::element(&mut xml, "ETag", etag);
        xml.push_str("</PostResponse>");
        xml
    }
}

fn tells_of_the_object(name: &HeaderName) -> bool {
    let name = name.as_str();
    matches!(name, "etag" | "x-amz-version-id")
        || name.starts_with("x-amz-server-side-encryption")
        || name.starts_with("x-amz-checksum-")
}

/// A URL that browsers can be sent to.
fn is_absolute(text: &str) -> bool {
    let uri = text.parse::<Uri>().ok();
    uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|h| !h.is_empty())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    fn success(fields: &Fields) -> Success {
        Success::of(fields, "http://h:9000/bucket", &"bucket".parse().unwrap(), &"a b&<".parse().unwrap())
    }

    fn stored() -> Response<Body> {
        Response::builder()
            .header("etag", "\"e\"")
            .header("x-amz-version-id", "v")
            .header("x-amz-checksum-crc32", "c")
            .body(Body::empty())
            .unwrap()
    }

    #[tokio::test]
    async fn status_and_document_are_what_was_asked_for() {
        for (asked, status) in [("200", 200), ("201", 201), ("204", 204), ("404", 204), ("", 204)] {
            let answer = success(&Fields::from([("success_action_status", asked)])).answer(stored());
            assert_eq!(answer.status(), status, "{asked}");
            assert_eq!(answer.headers()["location"], "http://h:9000/bucket/a%20b%26%3C");
            assert!(answer.headers().contains_key("x-amz-version-id"));
            assert_eq!(answer.headers()["x-amz-checksum-crc32"], "c");
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body.is_empty(), status != 201, "{asked}");
            if status == 201 {
                let text = std::str::from_utf8(&body).unwrap();
                assert!(text.contains("<ETag>&quot;e&quot;</ETag>") && text.contains("<Key>a b&amp;&lt;</Key>"));
                assert!(text.contains("<Location>http://h:9000/bucket/a%20b%26%3C</Location>"));
            }
        }
    }

    #[test]
    fn redirects_are_absolute_or_ignored() {
        for (to, want) in [
            ("http://a.test/x", "http://a.test/x?bucket=bucket&key=a%20b%26%3C&etag=%22e%22"),
            ("https://a.test/?q=1", "https://a.test/?q=1&bucket=bucket&key=a%20b%26%3C&etag=%22e%22"),
        ] {
            let answer = success(&Fields::from([("success_action_redirect", to)])).answer(stored());
            assert_eq!((answer.status().as_u16(), &answer.headers()["location"]), (303, &want.parse().unwrap()));
        }
        for odd in ["/x", "x", "javascript:alert(1)", "http://", "ftp://a/b", "//a/b"] {
            let answer = success(&Fields::from([("success_action_redirect", odd)])).answer(stored());
            assert_eq!(answer.status(), 204, "{odd}");
        }
    }

    #[test]
    fn a_refusal_is_not_redirected() {
        let mut refused = stored();
        *refused.status_mut() = StatusCode::FORBIDDEN;
        let asked = success(&Fields::from([("success_action_redirect", "http://a.test/x")]));
        assert_eq!(asked.answer(refused).status(), 403);
    }
}
