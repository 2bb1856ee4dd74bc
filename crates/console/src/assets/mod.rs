//! The style sheet and the modules of script, part of the binary.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use sha2::{Digest as _, Sha256};

use crate::answer::full;
use crate::service::CallBody;

const STYLE: &str = include_str!("console.css");
const SCRIPT: &str = include_str!("console.js");
const TAIL: &str = include_str!("tail.js");
const UPLOAD: &str = include_str!("upload.js");
const ICON: &str = include_str!("icon.svg");

/// A file by its name, with its type.
fn file(name: &str) -> Option<(&'static str, &'static str)> {
    Some(match name {
        "console.css" => (STYLE, "text/css; charset=utf-8"),
        "console.js" => (SCRIPT, "text/javascript; charset=utf-8"),
        "tail.js" => (TAIL, "text/javascript; charset=utf-8"),
        "upload.js" => (UPLOAD, "text/javascript; charset=utf-8"),
        "icon.svg" => (ICON, "image/svg+xml"),
        _ => return None,
    })
}

/// Answers for a file.
pub(crate) fn answer(name: &str, asked: &HeaderMap) -> Response<CallBody> {
    let Some((text, kind)) = file(name) else {
        let mut answer = Response::new(full(Bytes::new()));
        *answer.status_mut() = StatusCode::NOT_FOUND;
        return answer;
    };
    let tag = format!("\"{}\"", hex::encode(&Sha256::digest(text)[..8]));
    let fresh = asked.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut answer = Response::new(full(if fresh { Bytes::new() } else { Bytes::from_static(text.as_bytes()) }));
    if fresh {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    // The same for everyone; another version of the gateway has another tag.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, no-cache"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    answer
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn files_are_small_and_asked_for_once() {
        let names = ["console.css", "console.js", "tail.js", "upload.js", "icon.svg"];
        let sizes: usize = names.iter().map(|name| file(name).unwrap().0.len()).sum();
        assert!(sizes < 64 << 10, "{sizes} bytes");
        let first = answer("console.css", &HeaderMap::new());
        let again = HeaderMap::from_iter([(IF_NONE_MATCH, first.headers()[ETAG].clone())]);
        assert_eq!(answer("console.css", &again).status(), StatusCode::NOT_MODIFIED);
        assert_eq!(answer("../console.rs", &HeaderMap::new()).status(), StatusCode::NOT_FOUND);
    }
}
