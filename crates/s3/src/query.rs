//! Query parameters of a request, decoded as s3s decodes them.

use std::borrow::Cow;

use http::Uri;
use percent_encoding::percent_decode_str;

/// The parameters in order; a `+` is a space.
pub fn pairs(uri: &Uri) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

/// The first value of `name`.
#[must_use]
pub fn value(uri: &Uri, name: &str) -> Option<String> {
    pairs(uri).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Whether `name` is there, with or without a value.
#[must_use]
pub fn has(uri: &Uri, name: &str) -> bool {
    pairs(uri).any(|(key, _)| key == name)
}

/// The name of a parameter as it stands in a query.
#[must_use]
pub fn name(pair: &str) -> Cow<'_, str> {
    decode(pair.split_once('=').map_or(pair, |(name, _)| name))
}

/// Whether every `%` begins the code of a byte (RFC 3986, section 2.1).
#[must_use]
pub fn is_encoded(text: &str) -> bool {
    let mut rest = text.split('%');
    rest.next();
    rest.all(|after| after.len() >= 2 && after.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()))
}

fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['+', '%']) {
        return Cow::Borrowed(text);
    }
    let spaced = text.replace('+', " ");
    Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_decoded() {
        let uri = Uri::from_static("/b?prefix=a%2Fb+c&acl&x%2Dy=1&x-y=2");
        assert_eq!(value(&uri, "prefix").as_deref(), Some("a/b c"));
        assert!(has(&uri, "acl"));
        assert_eq!(value(&uri, "acl").as_deref(), Some(""));
        assert_eq!(value(&uri, "x-y").as_deref(), Some("1"), "the first one counts, however it is written");
        assert_eq!(value(&uri, "y"), None);
        assert!(!has(&Uri::from_static("/b"), ""));
        assert!(is_encoded("a=%7a&b=c%20") && is_encoded(""));
        assert!(!is_encoded("a=%zz") && !is_encoded("100%") && !is_encoded("%4"));
    }
}
