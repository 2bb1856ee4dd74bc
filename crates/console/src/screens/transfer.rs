//! Downloads: an object's bytes as they come, which no browser opens in the console's name.

use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    LAST_MODIFIED, RANGE,
};
use http::{HeaderValue, Method, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::client::{Ask, Fault};
use crate::visit::{Outcome, Visit};

/// Nothing of it runs, wherever it is opened.
const LOCKED: HeaderValue = HeaderValue::from_static("sandbox; default-src 'none'; frame-ancestors 'none'");

/// Whether a browser shows this type as a picture, and runs nothing of it.
pub(crate) fn is_image(kind: &str) -> bool {
    matches!(kind, "image/png" | "image/jpeg" | "image/gif" | "image/webp" | "image/avif" | "image/bmp")
}

/// The object's bytes, as a file; as a picture where that was asked for and it is one.
pub(crate) async fn download(visit: &Visit<'_>, bucket: &str) -> Result<Outcome, Fault> {
    let key = visit.query.get("key");
    let mut ask = Ask::object(Method::GET, bucket, key).query_some("versionId", Some(visit.query.get("version")));
    let range = visit.parts.headers.get(RANGE).and_then(|range| range.to_str().ok());
    if let Some(range) = range {
        ask = ask.header("range", range);
    }
    let (parts, body) = visit.client().open(ask).await?.into_parts();
    let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let shows = visit.query.is_on("show") && is_image(&kind.to_ascii_lowercase());
    let mut answer = Response::new(body);
    *answer.status_mut() = parts.status;
    for name in [CONTENT_LENGTH, CONTENT_TYPE, CONTENT_RANGE, ACCEPT_RANGES, ETAG, LAST_MODIFIED] {
        if let Some(value) = parts.headers.get(&name) {
            answer.headers_mut().insert(name, value.clone());
        }
    }
    let disposition = if shows { "inline".to_owned() } else { attachment(key) };
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        answer.headers_mut().insert(CONTENT_DISPOSITION, disposition);
    }
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, LOCKED);
    Ok(Outcome::Raw(Box::new(answer)))
}

/// RFC 6266: the name in any script, and one in ASCII for those who read no other.
fn attachment(key: &str) -> String {
    let name = key.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_. ".contains(c) { c } else { '_' }).collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(name, NON_ALPHANUMERIC))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_any_script_is_one_header() {
        assert_eq!(
            attachment("a/b/ñ\"\r\n.txt"),
            "attachment; filename=\"____.txt\"; filename*=UTF-8''%C3%B1%22%0D%0A%2Etxt"
        );
        assert!(is_image("image/png") && !is_image("image/svg+xml") && !is_image("text/html"));
    }
}
