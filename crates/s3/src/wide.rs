//! Headers of an object's content that are not ASCII: a file's name in `Content-Disposition`, most
//! of all. s3s reads no such header; S3 keeps it and gives it back as it came.

use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, EXPIRES, HeaderName,
};
use http::{Extensions, HeaderMap};

/// The headers of content.
const CONTENT: [HeaderName; 6] =
    [CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, EXPIRES];

/// Extension of a request: headers of content that s3s must not see.
#[derive(Debug, Clone, Default)]
pub struct Wide(Vec<(HeaderName, String)>);

impl Wide {
    /// The value of a header that was set aside.
    #[must_use]
    pub fn text(extensions: &Extensions, name: &HeaderName) -> Option<String> {
        let Self(found) = extensions.get()?;
        found.iter().find(|(header, _)| header == name).map(|(_, text)| text.clone())
    }
}

/// Sets aside the headers of content that are UTF-8 and not ASCII. What is neither stays, and s3s
/// refuses it.
pub fn set_aside(headers: &mut HeaderMap, extensions: &mut Extensions) {
    let mut found = Vec::new();
    for name in CONTENT {
        let mut values = headers.get_all(&name).iter();
        let (Some(value), None) = (values.next(), values.next()) else { continue };
        if value.to_str().is_ok() {
            continue;
        }
        if let Ok(text) = std::str::from_utf8(value.as_bytes()) {
            found.push((name, text.to_owned()));
        }
    }
    for (name, _) in &found {
        headers.remove(name);
    }
    if !found.is_empty() {
        extensions.insert(Wide(found));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn what_is_not_ascii_is_set_aside() {
        let value = |bytes: &[u8]| HeaderValue::from_bytes(bytes).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_DISPOSITION, value("inline; filename=\"größe\"".as_bytes()));
        headers.insert(CACHE_CONTROL, value(b"no-cache"));
        headers.insert(CONTENT_LANGUAGE, value(b"gr\xf6\xdfe"));
        headers.append(EXPIRES, value("é".as_bytes()));
        headers.append(EXPIRES, value("é".as_bytes()));
        let mut extensions = Extensions::new();
        set_aside(&mut headers, &mut extensions);
        assert_eq!(Wide::text(&extensions, &CONTENT_DISPOSITION).as_deref(), Some("inline; filename=\"größe\""));
        assert!(!headers.contains_key(CONTENT_DISPOSITION), "s3s would refuse it");
        for stays in [CACHE_CONTROL, CONTENT_LANGUAGE, EXPIRES] {
            assert!(headers.contains_key(&stays) && Wide::text(&extensions, &stays).is_none(), "{stays}");
        }
    }

    #[test]
    fn ordinary_requests_carry_nothing() {
        let mut extensions = Extensions::new();
        set_aside(&mut HeaderMap::new(), &mut extensions);
        assert!(extensions.is_empty());
    }
}
