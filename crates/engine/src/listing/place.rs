//! Places within a common prefix.
//!
//! A page that has read its share of records stops wherever it is. Within a common prefix the key it
//! stopped at would not do as a marker: one there says that the prefix was listed, and this one was not
//! yet. A place is a marker that no key can be, for its length, and that sorts behind its key.

use std::iter::repeat_n;

/// What ends the key of a place.
const END: char = '\u{10fffe}';
/// What fills a place up: the last character that there is.
const FILLING: char = '\u{10ffff}';
/// Longest key, in bytes.
const LONGEST: usize = 1024;

/// The place behind `key`.
pub(super) fn within(key: &str) -> String {
    let count = LONGEST.saturating_sub(key.len()) / FILLING.len_utf8();
    key.chars().chain([END]).chain(repeat_n(FILLING, count)).collect()
}

/// The key that a marker is the place behind, if it is one.
pub(super) fn key(marker: Option<&str>) -> Option<&str> {
    let marker = marker.filter(|marker| marker.len() > LONGEST)?;
    let key = marker.trim_end_matches(FILLING).strip_suffix(END)?;
    (key.len() <= LONGEST && within(key) == marker).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_tells_its_key_and_no_key_is_one() {
        for name in
            ["", "a", "a/b", &"x".repeat(1023), &"x".repeat(1024), &"é".repeat(500), "a\u{10ffff}", "a\u{10fffe}"]
        {
            let place = within(name);
            assert!(place.len() > LONGEST && place.as_str() > name, "{name}");
            assert_eq!(key(Some(&place)), Some(name));
            assert_eq!(key(Some(name)), None);
        }
        assert_eq!((key(None), key(Some(&"x".repeat(2000)))), (None, None));
        let more = within("a") + "\u{10ffff}";
        assert_eq!(key(Some(&more)), None, "of no key");
    }
}
