//! The `Content-Disposition` of a form's part, in its only reading.
//!
//! RFC 7578 lets `form-data` have `name` and `filename`, each once and neither in the extended notation
//! of RFC 5987. Readers differ about everything else: which of two names counts, whether `filename*`
//! goes before `filename`, whether a backslash escapes a quote, what text behind a quote means. Who
//! checked a form before it came here may have read it in another way, so all of that is refused.

/// What a part is called, and the file in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ContentDisposition<'a> {
    pub(super) name: Option<&'a [u8]>,
    pub(super) file_name: Option<&'a [u8]>,
}

impl<'a> ContentDisposition<'a> {
    /// `None` for what is no `form-data`, or can be read in more than one way.
    pub(super) fn parse(value: &'a [u8]) -> Option<Self> {
        let (kind, mut rest) = split(value);
        if !kind.trim_ascii().eq_ignore_ascii_case(b"form-data") {
            return None;
        }
        let (mut parsed, mut seen) = (Self::default(), Vec::new());
        while let Some(parameters) = rest.filter(|rest| !rest.trim_ascii().is_empty()) {
            let Parameter { name, value, next } = Parameter::first(parameters)?;
            let name = name.to_ascii_lowercase();
            if seen.contains(&name) {
                return None;
            }
            match &*name {
                b"name" => parsed.name = Some(value),
                b"filename" => parsed.file_name = Some(value),
                _ => {}
            }
            seen.push(name);
            rest = next;
        }
        Some(parsed)
    }
}

/// What stands before a semicolon, and what behind it if there is one.
fn split(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|byte| *byte == b';') {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

/// One parameter.
struct Parameter<'a> {
    name: &'a [u8],
    value: &'a [u8],
    /// What follows its semicolon, if it has one.
    next: Option<&'a [u8]>,
}

impl<'a> Parameter<'a> {
    fn first(text: &'a [u8]) -> Option<Self> {
        let equals = text.iter().position(|byte| *byte == b'=')?;
        let name = text[..equals].trim_ascii();
        if name.is_empty() || !name.iter().all(|byte| is_token(*byte) && *byte != b'*') {
            return None;
        }
        let value = text[equals + 1..].trim_ascii_start();
        let Some(quoted) = value.strip_prefix(b"\"") else {
            let (value, next) = split(value);
            let value = value.trim_ascii_end();
            let plain = !value.is_empty() && value.iter().all(|byte| is_token(*byte));
            return plain.then_some(Self { name, value, next });
        };
        let end = quoted.iter().position(|byte| *byte == b'"')?;
        let value = &quoted[..end];
        let (behind, next) = split(&quoted[end + 1..]);
        (behind.trim_ascii().is_empty() && !value.ends_with(b"\\")).then_some(Self { name, value, next })
    }
}

/// RFC 9110, 5.6.2; beyond ASCII as browsers send names.
const fn is_token(byte: u8) -> bool {
    !byte.is_ascii()
        || byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_browsers_send_is_read() {
        for (value, name, file_name) in [
            (&br#"form-data; name="file"; filename="a.txt""#[..], &b"file"[..], Some(&b"a.txt"[..])),
            (br#"FORM-DATA;FILENAME="a;b=c.txt" ; NAME="file""#, b"file", Some(b"a;b=c.txt")),
            (br#"form-data; name=key"#, b"key", None),
            (br#"form-data; name="key"; "#, b"key", None),
            (br#"form-data; name="file"; filename="C:\docs\a.txt""#, b"file", Some(br#"C:\docs\a.txt"#)),
            (br#"form-data; name="file"; filename="a%22b.txt"; size=10"#, b"file", Some(b"a%22b.txt")),
            (br#"form-data; name="file"; filename="""#, b"file", Some(b"")),
        ] {
            let parsed = ContentDisposition::parse(value);
            let said = String::from_utf8_lossy(value);
            assert_eq!(parsed, Some(ContentDisposition { name: Some(name), file_name }), "{said}");
        }
        assert_eq!(ContentDisposition::parse(b"form-data"), Some(ContentDisposition::default()));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_not() {
        for value in [
            &br#"form-data; name="x-ignore-a"; name="acl""#[..],
            br#"form-data; name="a"; NAME="b""#,
            br#"form-data; name=a; name=a"#,
            br#"form-data; name="file"; filename="a"; filename="b""#,
            br#"form-data; name="file"; filename="a"; filename*=UTF-8''b"#,
            br#"form-data; name*=UTF-8''acl"#,
            br#"form-data; name="a"; name*=UTF-8''acl"#,
            br#"form-data; name*0="a"; name*1="cl""#,
            br#"form-data; x=1; x=2; name="a""#,
            br#"form-data; name="a"b"#,
            br#"form-data; name="a" name="b""#,
            br#"form-data; name="a\"; name="acl""#,
            br#"form-data; name="a"#,
            br#"form-data; name=a b"#,
            br#"form-data; name=a"b""#,
            br#"form-data; name="#,
            br#"form-data; name"#,
            br#"form-data; ="a""#,
            br#"form-data name="a""#,
            br#"attachment; name="a""#,
            b"",
        ] {
            assert_eq!(ContentDisposition::parse(value), None, "{}", String::from_utf8_lossy(value));
        }
    }
}
