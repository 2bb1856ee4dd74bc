//! Headers of an object that s3s reads otherwise than S3: those of content that are not ASCII, a file's
//! name in `Content-Disposition` most of all, which s3s refuses; and user metadata that is not, or looks
//! encoded by RFC 2047, which s3s decodes. S3 keeps them as they came, and gives back encoded what a
//! header cannot hold.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
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

/// A value of metadata as a header can hold it: in words of RFC 2047 where it must be, "Q" encoded when
/// most of it is ASCII and "B" encoded otherwise, as AWS shows it (S3 User Guide, "Working with object
/// metadata").
#[must_use]
pub fn encoded(value: String) -> String {
    let (ascii, others) = value.chars().fold((0_usize, 0_usize), |(ascii, others), character| match character {
        ' '..='~' => (ascii + 1, others),
        _ => (ascii, others + 1),
    });
    if others == 0 {
        value
    } else if ascii > others {
        words("Q", &value, quoted)
    } else {
        words("B", &value, |text| BASE64_STANDARD.encode(text))
    }
}

/// `value` in encoded words of at most 75 characters (RFC 2047, section 2). No character is cut.
fn words(encoding: &str, value: &str, encode: impl Fn(&str) -> String) -> String {
    const LONGEST: usize = 75 - "=?UTF-8?Q??=".len();
    let mut words = Vec::new();
    let mut text = String::new();
    for character in value.chars() {
        text.push(character);
        if encode(&text).len() > LONGEST {
            text.pop();
            words.push(encode(&text));
            text = character.into();
        }
    }
    words.push(encode(&text));
    let words: Vec<_> = words.iter().map(|word| format!("=?UTF-8?{encoding}?{word}?=")).collect();
    words.join(" ")
}

/// `text` in the "Q" encoding (RFC 2047, section 4.2).
fn quoted(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b' ' => "_".to_owned(),
            b if b.is_ascii_alphanumeric() || b"!*+-/.,:;".contains(&b) => char::from(b).into(),
            b => format!("={b:02X}"),
        })
        .collect()
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
            ("ä", "=?UTF-8?B?w6Q=?="),
            ("aä", "=?UTF-8?B?YcOk?="),
            ("abä", "=?UTF-8?Q?ab=C3=A4?="),
            ("a=b_c? ü", "=?UTF-8?Q?a=3Db=5Fc=3F_=C3=BC?="),
            ("a\tb", "=?UTF-8?Q?a=09b?="),
            ("你好，世界", "=?UTF-8?B?5L2g5aW977yM5LiW55WM?="),
        ] {
            assert_eq!(encoded(value.to_owned()), told, "{value}");
        }
        for long in ["€".repeat(20), "aü€b".repeat(30), "abü€b".repeat(30)] {
            let told = encoded(long);
            assert!(told.contains(' ') && told.split(' ').all(|word| word.len() <= 75), "{told}");
        }
        let words = encoded("€".repeat(20));
        let read: String = words.split(' ').map(decoded).collect();
        assert_eq!(read, "€".repeat(20), "no character is cut, and each word stands alone");
    }

    /// One "B" encoded word, read.
    fn decoded(word: &str) -> String {
        let text = word.strip_prefix("=?UTF-8?B?").and_then(|rest| rest.strip_suffix("?=")).unwrap();
        String::from_utf8(BASE64_STANDARD.decode(text).unwrap()).unwrap()
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
