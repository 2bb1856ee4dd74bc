//! Text in XML answers: escapes, and characters that XML 1.0 cannot carry.
//!
//! A key may hold control characters. S3 writes them as numeric references (`&#x1;`), which
//! strict parsers refuse and S3's own clients avoid by `encoding-type=url`. s3s refuses to write
//! them at all, so they are hidden from it in a reversible way and put back in the finished
//! document.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Stands before a hidden character. A private-use character, itself hidden where it occurs.
const MARK: char = '\u{10FFFD}';
/// A hidden character `c` is written as the mark and this plus `c`: private use as well.
const SHIFT: u32 = 0x10_0000;

/// Whether XML 1.0 (section 2.2) has no place for `c`, or s3s would refuse or change it.
const fn unwritable(c: char) -> bool {
    matches!(c, '\0'..='\x08' | '\x0B' | '\x0C' | '\x0E'..='\x1F' | '\r' | '\u{FFFE}' | '\u{FFFF}')
}

/// `text` with every unwritable character hidden.
#[must_use]
pub fn hide(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| unwritable(c) || c == MARK) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if unwritable(c) || c == MARK {
            // The mark hides as itself doubled, everything else below 0x10000 in the private plane.
            out.push(MARK);
            out.push(char::from_u32(SHIFT + (c as u32 & 0xffff)).filter(|_| c != MARK).unwrap_or(MARK));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// A finished document with hidden characters put back as numeric references.
#[must_use]
pub fn reveal(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    let mut rest = document.chars();
    while let Some(c) = rest.next() {
        if c != MARK {
            out.push(c);
            continue;
        }
        match rest.next() {
            Some(MARK) | None => out.push(MARK),
            Some(hidden) => {
                // Writing into a String cannot fail.
                let _ = write!(out, "&#x{:x};", (hidden as u32).wrapping_sub(SHIFT));
            }
        }
    }
    out
}

/// Appends `<name>text</name>` with `text` escaped; unwritable characters become references.
pub fn element(out: &mut String, name: &str, text: &str) {
    write_element(out, name, text, "&quot;");
}

/// As [`element`], with quotes left as they are: so S3 writes what an error says.
pub fn said(out: &mut String, name: &str, text: &str) {
    write_element(out, name, text, "\"");
}

/// Appends `text`, escaped as in [`element`].
pub fn escape(out: &mut String, text: &str) {
    write_escaped(out, text, "&quot;");
}

fn write_element(out: &mut String, name: &str, text: &str, quote: &str) {
    let open = |out: &mut String, with: &str| {
        out.push_str(with);
        out.push_str(name);
        out.push('>');
    };
    open(out, "<");
    write_escaped(out, text, quote);
    open(out, "</");
}

fn write_escaped(out: &mut String, text: &str, quote: &str) {
    // U+FFFE and U+FFFF, which are unwritable, begin with 0xEF.
    let special = |byte: u8| byte < b' ' || matches!(byte, b'&' | b'<' | b'>' | b'"' | 0xef);
    if !text.bytes().any(special) {
        out.push_str(text);
        return;
    }
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str(quote),
            c if unwritable(c) => {
                let _ = write!(out, "&#x{:x};", c as u32);
            }
            c => out.push(c),
        }
    }
}

/// URL encoding of keys in listings (`encoding-type=url`): everything but unreserved
/// characters and `/`, and a space as `+`, as S3 writes it.
#[must_use]
pub fn url_encoded(text: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const KEPT: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b'/').remove(b' ');
    utf8_percent_encode(text, KEPT).to_string().replace(' ', "+")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_left_alone() {
        assert!(matches!(hide("a/b é\n\t"), Cow::Borrowed(_)));
        assert_eq!(reveal("<Key>a</Key>"), "<Key>a</Key>");
    }

    #[test]
    fn control_characters_come_out_as_references() {
        for (key, written) in [("a\u{1}b", "a&#x1;b"), ("\r", "&#xd;"), ("\u{ffff}", "&#xffff;"), ("\0", "&#x0;")] {
            let hidden = hide(key);
            assert!(hidden.chars().all(|c| !unwritable(c)));
            assert_eq!(reveal(&hidden), written, "{key:?}");
        }
    }

    #[test]
    fn the_mark_itself_survives() {
        let key = format!("x{MARK}\u{1}{MARK}{MARK}y");
        assert_eq!(reveal(&hide(&key)), format!("x{MARK}&#x1;{MARK}{MARK}y"));
    }

    #[test]
    fn elements_are_escaped() {
        let mut out = String::new();
        element(&mut out, "Key", "a<b>&\"\u{2}");
        assert_eq!(out, "<Key>a&lt;b&gt;&amp;&quot;&#x2;</Key>");
    }

    #[test]
    fn keys_in_listings_are_encoded_as_s3_does() {
        assert_eq!(url_encoded("a b/é+~*\u{1}"), "a+b/%C3%A9%2B%7E*%01");
    }
}
