//! Documents of others, kept out of the console's origin.

use http::header::{ACCEPT, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue};

/// The dests of Fetch Metadata whose answers a browser runs as documents.
const DOCUMENTS: [&str; 6] = ["document", "iframe", "frame", "object", "embed", "fencedframe"];

/// Everything that a page may need but the origin: its scripts run, and none of them is the console's.
const SANDBOX: HeaderValue = HeaderValue::from_static(
    "sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads allow-presentation",
);

/// Whether a request, of these headers, is a browser's that opens what it gets as a document. Programs
/// that read objects ask for none.
#[must_use]
pub fn opens_document(asked: &HeaderMap) -> bool {
    let says = |name: &str| asked.get(name).and_then(|value| value.to_str().ok());
    match says("sec-fetch-dest") {
        Some(dest) => DOCUMENTS.contains(&dest),
        // Without TLS and off this machine browsers do not tell; who opens a page asks for HTML.
        None => says(ACCEPT.as_str()).is_some_and(|accept| accept.contains("text/html")),
    }
}

/// Sandboxes an answer of the S3 port that a browser will open as a document: an object of HTML would
/// share its origin with the console, and so could act as whoever opens it.
pub fn isolate(answer: &mut HeaderMap) {
    answer.append(CONTENT_SECURITY_POLICY, SANDBOX);
    answer.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn isolated(headers: &[(&'static str, &'static str)]) -> bool {
        let pairs = headers.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
        opens_document(&pairs.collect())
    }

    #[test]
    fn what_is_opened_as_a_document_has_an_origin_of_its_own() {
        for dest in DOCUMENTS {
            assert!(isolated(&[("sec-fetch-dest", dest)]), "{dest}");
        }
        assert!(isolated(&[("accept", "text/html,*/*")]));
        for headers in [&[][..], &[("accept", "*/*")], &[("sec-fetch-dest", "image")], &[("sec-fetch-dest", "empty")]] {
            assert!(!isolated(headers), "{headers:?}");
        }
    }

    #[test]
    fn what_is_isolated_keeps_its_scripts_and_loses_its_origin() {
        let mut answer = HeaderMap::new();
        isolate(&mut answer);
        let policy = answer[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("sandbox ") && policy.contains("allow-scripts") && !policy.contains("same-origin"));
        assert_eq!(answer[X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
}
