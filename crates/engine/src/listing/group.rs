//! Common prefixes, and where a page starts.
//!
//! A listing is the ordered set of its entries: keys, and for a delimiter the common prefixes that
//! stand for all keys below them. A page starts after a marker, and an entry is after it when its
//! own text is. So a marker within a common prefix lies after that prefix, whether it is the
//! prefix itself (as a page that ends with one gives it) or any key below it.

/// Which entries a listing has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape<'a> {
    /// Keys must begin with this.
    pub(super) prefix: &'a str,
    /// Keys are rolled up to the first occurrence of this after the prefix. Never empty.
    pub(super) delimiter: Option<&'a str>,
}

/// Where to start reading.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Start<'a> {
    /// At this text.
    At(&'a str),
    /// Right after this text.
    After(&'a str),
    /// After everything that begins with this text.
    Beyond(&'a str),
}

impl<'a> Shape<'a> {
    /// `delimiter` may be empty, which S3 takes for none.
    pub(super) fn new(prefix: &'a str, delimiter: Option<&'a str>) -> Self {
        Self { prefix, delimiter: delimiter.filter(|delimiter| !delimiter.is_empty()) }
    }

    /// The common prefix that `key`, which begins with the prefix, is rolled up into.
    pub(super) fn group<'k>(&self, key: &'k str) -> Option<&'k str> {
        let delimiter = self.delimiter?;
        let at = key.get(self.prefix.len()..)?.find(delimiter)?;
        Some(&key[..self.prefix.len() + at + delimiter.len()])
    }

    /// Where the entries after `marker` start; `None` if that lies after all that begin with the
    /// prefix.
    pub(super) fn start<'m>(&self, marker: Option<&'m str>) -> Option<Start<'m>>
    where
        'a: 'm,
    {
        match marker {
            Some(marker) if marker.starts_with(self.prefix) => {
                Some(self.group(marker).map_or(Start::After(marker), Start::Beyond))
            }
            Some(marker) if marker > self.prefix => None,
            _ => Some(Start::At(self.prefix)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_roll_up_to_the_first_delimiter_after_the_prefix() {
        let slash = Shape::new("a/", Some("/"));
        for (key, group) in
            [("a/", None), ("a/b", None), ("a/b/", Some("a/b/")), ("a/b/c/d", Some("a/b/")), ("a//", Some("a//"))]
        {
            assert_eq!(slash.group(key), group, "{key}");
        }
        assert_eq!(Shape::new("", Some("ab")).group("xaab-ab"), Some("xaab"));
        assert_eq!(Shape::new("", Some("")).group("a/b"), None, "an empty delimiter is none");
        assert_eq!(Shape::new("", Some("é")).group("caféx"), Some("café"));
    }

    #[test]
    fn markers() {
        let slash = Shape::new("p/", Some("/"));
        for (marker, start) in [
            (None, Some(Start::At("p/"))),
            (Some("a"), Some(Start::At("p/"))),
            (Some("p/x"), Some(Start::After("p/x"))),
            (Some("p/x/"), Some(Start::Beyond("p/x/"))),
            (Some("p/x/y/z"), Some(Start::Beyond("p/x/"))),
            (Some("q"), None),
        ] {
            assert_eq!(slash.start(marker), start, "{marker:?}");
        }
    }
}
