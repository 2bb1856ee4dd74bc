//! Shapes of names, paths, tags and numbers (IAM API Reference, "Actions": constraints).

use serde::{Deserialize, Serialize};

use crate::Error;

/// A tag of a user, role, policy or session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// 1 to 128 characters; unique ignoring case.
    pub key: String,
    /// 0 to 256 characters.
    pub value: String,
}

impl Tag {
    /// A tag.
    #[must_use]
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.into() }
    }
}

/// Most tags on one entity or session.
pub(crate) const MAX_TAGS: usize = 50;

/// The characters of names: `[\w+=,.@-]`.
pub(crate) fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)
}

pub(crate) fn check_name(parameter: &str, name: &str, longest: usize) -> Result<(), Error> {
    if name.is_empty() || name.chars().count() > longest {
        return Err(Error::validation(format!(
            "1 validation error detected: Value at '{parameter}' failed to satisfy constraint: Member must have length between 1 and {longest}"
        )));
    }
    if !name.chars().all(is_name_char) {
        return Err(Error::validation(format!(
            "The specified value for {parameter} is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"
        )));
    }
    Ok(())
}

/// A path; `/` for none.
pub(crate) fn path(given: Option<String>) -> Result<String, Error> {
    let path = given.unwrap_or_else(|| "/".to_owned());
    let framed = path == "/" || path.len() > 2 && path.starts_with('/') && path.ends_with('/');
    if framed && path.len() <= 512 && path.chars().all(|c| ('\u{21}'..='\u{7e}').contains(&c)) {
        return Ok(path);
    }
    Err(Error::validation(
        "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters.",
    ))
}

pub(crate) fn check_tags(tags: &[Tag]) -> Result<(), Error> {
    if tags.len() > MAX_TAGS {
        return Err(Error::limit(format!("The number of tags has reached the maximum limit. Use at most {MAX_TAGS}.")));
    }
    let allowed = |c: char| c.is_alphanumeric() || c.is_whitespace() && !c.is_control() || "_.:/=+-@".contains(c);
    let mut keys = std::collections::HashSet::new();
    for Tag { key, value } in tags {
        let fits = (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256;
        if !fits || !key.chars().all(allowed) || !value.chars().all(allowed) {
            return Err(Error::validation(format!(
                "The tag {key:?} is invalid: keys have 1 to 128, values at most 256 characters."
            )));
        }
        if key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:")) {
            return Err(Error::InvalidInput {
                message: "Tag keys must not start with 'aws:', which is reserved for AWS use.".to_owned(),
            });
        }
        if !keys.insert(key.to_lowercase()) {
            return Err(Error::InvalidInput {
                message: "Duplicate tag keys found. Please note that Tag keys are case insensitive.".to_owned(),
            });
        }
    }
    Ok(())
}

/// Puts `news` over `tags`, key by key, ignoring case.
pub(crate) fn merge_tags(tags: &mut Vec<Tag>, news: Vec<Tag>) -> Result<(), Error> {
    check_tags(&news)?;
    remove_tags(tags, news.iter().map(|tag| tag.key.as_str()));
    tags.extend(news);
    check_tags(tags)
}

pub(crate) fn remove_tags<'a>(tags: &mut Vec<Tag>, keys: impl Iterator<Item = &'a str>) {
    for key in keys {
        tags.retain(|tag| tag.key.to_lowercase() != key.to_lowercase());
    }
}

/// Checks a duration in seconds.
pub(crate) fn check_duration(seconds: u32, least: u32, most: u32) -> Result<u32, Error> {
    if (least..=most).contains(&seconds) {
        return Ok(seconds);
    }
    let (bound, limit) = if seconds < least { ("greater", least) } else { ("less", most) };
    Err(Error::validation(format!(
        "1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to satisfy constraint: Member must have value {bound} than or equal to {limit}"
    )))
}

/// Size of a document as IAM counts it.
pub(crate) fn characters(document: &str) -> usize {
    document.chars().filter(|c| !c.is_whitespace()).count()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths() {
        assert!(check_name("userName", "a_+=,.@-Z9", 64).is_ok());
        for bad in ["", "a b", "a/b", "é", "a*", &"x".repeat(65)] {
            assert!(check_name("userName", bad, 64).is_err(), "{bad:?}");
        }
        for good in [None, Some("/".to_owned()), Some("/a/b/".to_owned())] {
            assert!(path(good.clone()).is_ok(), "{good:?}");
        }
        for bad in ["", "a", "/a", "a/", "//", "/a b/", "/é/"] {
            assert!(path(Some(bad.to_owned())).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn tags_ignore_case_and_keep_to_their_limits() {
        let mut tags = vec![Tag::new("Team", "red")];
        merge_tags(&mut tags, vec![Tag::new("team", "blue")]).unwrap();
        assert_eq!(tags, [Tag::new("team", "blue")]);
        remove_tags(&mut tags, ["TEAM"].into_iter());
        assert!(tags.is_empty());
        for bad in [
            vec![Tag::new("", "x")],
            vec![Tag::new("aws:x", "y")],
            vec![Tag::new("a", "1"), Tag::new("A", "2")],
            vec![Tag::new("a", "*")],
        ] {
            assert!(check_tags(&bad).is_err(), "{bad:?}");
        }
        let many: Vec<Tag> = (0..51).map(|n| Tag::new(format!("k{n}"), "")).collect();
        assert!(matches!(check_tags(&many), Err(Error::LimitExceeded { .. })));
    }

    #[test]
    fn durations_are_bounded_on_both_sides() {
        assert_eq!(check_duration(900, 900, 3600).unwrap(), 900);
        assert!(check_duration(899, 900, 3600).is_err());
        assert!(check_duration(3601, 900, 3600).is_err());
    }
}
