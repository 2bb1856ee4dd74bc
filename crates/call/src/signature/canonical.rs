//! Reading a request the way its signer wrote it: query pairs and the headers that were signed.

use http::HeaderMap;
use http::request::Parts;
use percent_encoding::percent_decode_str;

use super::Error;

/// The request's query as decoded pairs, in order. `+` is a plus sign: SigV4 knows no other
/// reading, and the operation must see what was signed.
pub(super) fn query(parts: &Parts) -> Result<Vec<(String, String)>, Error> {
    let Some(text) = parts.uri.query() else { return Ok(Vec::new()) };
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decoded(name)?, decoded(value)?))
        })
        .collect()
}

/// Percent-decodes; every `%` must begin an escape and the result must be UTF-8.
fn decoded(text: &str) -> Result<String, Error> {
    let malformed = || Error::Incomplete("The query string is malformed.".to_owned());
    let bytes = text.as_bytes();
    let escapes_are_whole = bytes
        .iter()
        .enumerate()
        .filter(|(_, b)| **b == b'%')
        .all(|(at, _)| bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)));
    if !escapes_are_whole {
        return Err(malformed());
    }
    percent_decode_str(text).decode_utf8().map(std::borrow::Cow::into_owned).map_err(|_| malformed())
}

/// The value of a header that may occur once.
pub(super) fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Error> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Error::Incomplete(format!("The header '{name}' occurs more than once.")));
    }
    text(value.as_bytes(), name).map(Some)
}

fn text<'a>(value: &'a [u8], name: &str) -> Result<&'a str, Error> {
    std::str::from_utf8(value).map_err(|_| Error::Incomplete(format!("The header '{name}' is not text.")))
}

/// A header that a signature lists and that is not there, or is no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

impl From<Unreadable> for Error {
    fn from(_: Unreadable) -> Self {
        Self::Mismatch
    }
}

/// Pairs of the signed headers, by name as listed; one pair for each value, as it came.
///
/// # Errors
/// [`Unreadable`].
pub fn signed_pairs<'a>(
    parts: &'a Parts,
    signed: impl Iterator<Item = &'a str>,
) -> Result<Vec<(&'a str, &'a str)>, Unreadable> {
    let mut pairs = Vec::with_capacity(signed.size_hint().0);
    for name in signed {
        let before = pairs.len();
        for value in parts.headers.get_all(name) {
            pairs.push((name, std::str::from_utf8(value.as_bytes()).map_err(|_| Unreadable)?));
        }
        if pairs.len() == before {
            // HTTP/2 carries the host as `:authority`.
            let authority = parts.uri.authority().filter(|_| name == "host").map(http::uri::Authority::as_str);
            pairs.push((name, authority.ok_or(Unreadable)?));
        }
    }
    Ok(pairs)
}

/// The headers of this request that its signature must cover.
pub(super) fn must_be_signed(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let present = headers.keys().map(http::HeaderName::as_str);
    std::iter::once("host").chain(present.filter(|name| name.starts_with("x-amz-") || *name == "content-type"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(uri: &str) -> Parts {
        http::Request::builder().uri(uri).body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_plus_stays_a_plus() {
        let pairs = query(&parts("http://h/?a=b+c&d=e%2Bf%20g")).unwrap();
        assert_eq!(pairs, [("a".into(), "b+c".into()), ("d".into(), "e+f g".into())]);
    }

    #[test]
    fn half_escapes_and_bytes_that_are_no_text_are_refused() {
        for uri in ["http://h/?a=%", "http://h/?a=%2", "http://h/?a=%zz", "http://h/?%=a", "http://h/?a=%ff"] {
            assert!(query(&parts(uri)).is_err(), "{uri}");
        }
    }

    proptest! {
        #[test]
        fn decoding_never_panics_and_undoes_encoding(text in ".{0,40}") {
            let encoded = percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC).to_string();
            prop_assert_eq!(decoded(&encoded).unwrap(), text.clone());
            let _ = decoded(&text);
        }
    }
}
