//! Headers of an object that s3s reads otherwise than S3: those of content that are not ASCII, a file's
//! name in `Content-Disposition` most of all, which s3s refuses; and user metadata that is not, or looks
//! encoded by RFC 2047, which s3s decodes. S3 keeps them as they came, and gives back encoded what a
//! header cannot hold.

use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, EXPIRES, HeaderName,
};
use http::{Extensions, HeaderMap};

/// The headers of content.
const CONTENT: [HeaderName; 6] =
    [CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, EXPIRES];

const METADATA: &str = "x-amz-meta-";

/// Extension of a request: headers that s3s must not see.
#[derive(Debug, Clone, Default)]
pub struct Wide(Vec<(HeaderName, String)>);

impl Wide {
    /// The value of a header that was set aside.
    #[must_use]
    pub fn text(extensions: &Extensions, name: &HeaderName) -> Option<String> {
        let Self(found) = extensions.get()?;
        found.iter().find(|(header, _)| header == name).map(|(_, text)| text.clone())
    }

    /// User metadata that was set aside, by name.
    pub fn metadata(extensions: &Extensions) -> impl Iterator<Item = (String, String)> {
        let found = extensions.get::<Self>().into_iter().flat_map(|Self(found)| found);
        found.filter_map(|(header, text)| Some((header.as_str().strip_prefix(METADATA)?.to_owned(), text.clone())))
    }
}

/// Sets aside the headers that are UTF-8 and not ASCII, and metadata that looks encoded. What is neither
/// UTF-8 nor ASCII stays, and s3s refuses it.
pub fn set_aside(headers: &mut HeaderMap, extensions: &mut Extensions) {
    let mut found = Vec::new();
    let metadata = headers.keys().filter(|name| name.as_str().len() > METADATA.len());
    let metadata = metadata.filter(|name| name.as_str().starts_with(METADATA)).cloned().collect::<Vec<_>>();
    for name in CONTENT.into_iter().chain(metadata) {
        let mut values = headers.get_all(&name).iter();
        let (Some(value), None) = (values.next(), values.next()) else { continue };
        let looks_encoded = name.as_str().starts_with(METADATA) && value.as_bytes().starts_with(b"=?");
        if value.to_str().is_ok() && !looks_encoded {
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

/// A value of metadata as a header can hold it: in words of RFC 2047, "Q" encoded, where it must be.
#[must_use]
pub fn encoded(value: String) -> String {
    // Longest text of a word of at most 75 characters (RFC 2047, section 2).
    const TEXT: usize = 75 - "=?UTF-8?Q??=".len();
    if value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return value;
    }
    let mut words = vec![String::new()];
    for character in value.chars() {
        let mut bytes = [0; 4];
        let bytes = character.encode_utf8(&mut bytes).bytes();
        let text: String = bytes
            .map(|byte| match byte {
                b' ' => "_".to_owned(),
                b if b.is_ascii_alphanumeric() || b"!*+-/.,:;".contains(&b) => char::from(b).into(),
                b => format!("={b:02X}"),
            })
            .collect();
        match words.last_mut() {
            Some(word) if word.len() + text.len() <= TEXT => word.push_str(&text),
            _ => words.push(text),
        }
    }
    let words: Vec<_> = words.iter().map(|text| format!("=?UTF-8?Q?{text}?=")).collect();
    words.join(" ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn metadata_is_kept_as_it_came() {
        let value = |bytes: &[u8]| HeaderValue::from_bytes(bytes).unwrap();
        let mut headers = HeaderMap::new();
        for (name, bytes) in [
            ("x-amz-meta-raw", "größe".as_bytes()),
            ("x-amz-meta-word", b"=?UTF-8?Q?a?="),
            ("x-amz-meta-half", b"=?x?="),
            ("x-amz-meta-plain", b"a =?UTF-8?Q?a?="),
            ("x-amz-meta-latin", b"gr\xf6\xdfe"),
            ("x-amz-meta-", b"=?x?="),
        ] {
            headers.insert(HeaderName::from_static(name), value(bytes));
        }
        let mut extensions = Extensions::new();
        set_aside(&mut headers, &mut extensions);
        let mut found: Vec<_> = Wide::metadata(&extensions).collect();
        found.sort();
        let pairs = [("half", "=?x?="), ("raw", "größe"), ("word", "=?UTF-8?Q?a?=")];
        assert_eq!(found, pairs.map(|(name, text)| (name.to_owned(), text.to_owned())));
        let mut stay: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        stay.sort_unstable();
        assert_eq!(stay, ["x-amz-meta-", "x-amz-meta-latin", "x-amz-meta-plain"]);
    }

    #[test]
    fn what_a_header_cannot_hold_is_encoded_in_words() {
        for (value, told) in [
            ("a b", "a b"),
            ("=?UTF-8?B?w6Q=?=", "=?UTF-8?B?w6Q=?="),
            ("ä", "=?UTF-8?Q?=C3=A4?="),
            ("a=b_c? ü", "=?UTF-8?Q?a=3Db=5Fc=3F_=C3=BC?="),
            ("a\tb", "=?UTF-8?Q?a=09b?="),
        ] {
            assert_eq!(encoded(value.to_owned()), told, "{value}");
        }
        let long = encoded("€".repeat(20));
        let words: Vec<_> = long.split(' ').collect();
        assert_eq!(words.len(), 3, "no character is cut: seven of nine letters a word");
        assert!(words.iter().all(|word| word.len() <= 75), "{words:?}");
    }

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
