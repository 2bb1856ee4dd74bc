//! Websites: buckets as browsers see them, under a domain of their own (S3 User Guide, "Hosting a static website
//! using Amazon S3").
//!
//! Whoever asks is nobody: what a page may show is what a bucket policy lets everyone read. Each page is read
//! by an ordinary GetObject, which is decided, opened and recorded as one.

mod edge;
mod rules;
mod serve;

pub use edge::answer;
pub use rules::{Redirect, Rule, Site};

use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::Body;

use crate::refusal;

/// Characters of a key that stay as they are in a path.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'~').remove(b'.');

/// A key as it stands in a path.
pub fn path_of(key: &str) -> String {
    utf8_percent_encode(key, PATH).to_string()
}

/// A page that says what is wrong, as S3's do.
pub fn page(status: StatusCode, code: &str, message: &str, details: &[(&str, &str)]) -> Response<Body> {
    let title = format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default());
    let line = |(name, value): (&str, &str)| {
        format!("<li>{name}: {}</li>\n", quick_xml::escape::escape(refusal::element(name, value)))
    };
    let told: String =
        [("Code", code), ("Message", message)].into_iter().chain(details.iter().copied()).map(line).collect();
    let text = format!(
        "<html>\n<head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n<ul>\n{told}</ul>\n<hr/>\n</body>\n</html>\n"
    );
    let mut answer = Response::new(Body::from(text));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    for (name, text) in [("x-amz-error-code", code), ("x-amz-error-message", message)] {
        headers.extend(HeaderValue::from_str(text).ok().map(|value| (HeaderName::from_static(name), value)));
    }
    answer
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn what_a_page_repeats_is_text() {
        let shown = page(StatusCode::NOT_FOUND, "NoSuchKey", "none", &[("Key", "<b>&\"")]);
        let body = shown.into_body().collect().await.unwrap().to_bytes();
        let text = std::str::from_utf8(&body).unwrap();
        assert!(text.contains("<li>Key: &lt;b&gt;&amp;&quot;</li>"), "{text}");
    }
}
