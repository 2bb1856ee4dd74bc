//! Documents of others, kept out of the console's origin.

use http::header::CONTENT_SECURITY_POLICY;
use http::{HeaderMap, HeaderValue};

/// Everything that a page may need but the origin: its scripts run, and none of them is the console's.
const SANDBOX: HeaderValue = HeaderValue::from_static(
    "sandbox allow-scripts allow-forms allow-popups allow-modals allow-downloads allow-presentation",
);

/// Sandboxes an answer of the port that is not the console's own: an object of HTML, once it is opened
/// as a document, would share its origin with the console, and so could act as whoever opens it.
///
/// Whatever was asked: a browser keeps an answer that it fetched as a picture, and opens it from there
/// as a document. What is no document takes no notice of the policy.
pub fn isolate(answer: &mut HeaderMap) {
    answer.append(CONTENT_SECURITY_POLICY, SANDBOX);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_opened_as_a_document_has_an_origin_of_its_own() {
        let mut answer = HeaderMap::new();
        isolate(&mut answer);
        let policy = answer[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.starts_with("sandbox ") && policy.contains("allow-scripts") && !policy.contains("same-origin"));
        // One more policy loosens none: all of them hold.
        isolate(&mut answer);
        assert_eq!(answer.get_all(CONTENT_SECURITY_POLICY).iter().count(), 2);
    }
}
