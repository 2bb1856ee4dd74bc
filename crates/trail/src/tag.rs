//! Tags of trails.

use serde::{Deserialize, Serialize};

use crate::Error;

/// Most tags of a trail.
const TAGS: usize = 50;

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    /// 1 to 128 characters.
    pub key: String,
    /// Up to 256 characters.
    #[serde(default)]
    pub value: String,
}

/// Sets `added` among `tags`; a key that is there takes the new value.
///
/// # Errors
/// [`Error::InvalidTag`], [`Error::TooManyTags`].
pub(crate) fn add(tags: &mut Vec<Tag>, added: &[Tag]) -> Result<(), Error> {
    for (n, tag) in added.iter().enumerate() {
        check(tag)?;
        if added[..n].iter().any(|other| other.key == tag.key) {
            return Err(Error::InvalidTag("A tag key occurs more than once."));
        }
        match tags.iter_mut().find(|known| known.key == tag.key) {
            Some(known) => known.value.clone_from(&tag.value),
            None => tags.push(tag.clone()),
        }
    }
    if tags.len() > TAGS { Err(Error::TooManyTags) } else { Ok(()) }
}

/// Removes `removed` by key.
pub(crate) fn remove(tags: &mut Vec<Tag>, removed: &[Tag]) {
    tags.retain(|tag| !removed.iter().any(|gone| gone.key == tag.key));
}

fn check(tag: &Tag) -> Result<(), Error> {
    let allowed = |c: char| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c);
    if tag.key.is_empty() || tag.key.chars().count() > 128 || tag.value.chars().count() > 256 {
        return Err(Error::InvalidTag("A tag key has 1 to 128 characters, a value at most 256."));
    }
    if !tag.key.chars().chain(tag.value.chars()).all(allowed) {
        return Err(Error::InvalidTag("Tags consist of letters, digits, spaces and _.:/=+-@."));
    }
    if tag.key.to_lowercase().starts_with("aws:") {
        return Err(Error::InvalidTag("Tag keys beginning with aws: are reserved."));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn tag(key: &str, value: &str) -> Tag {
        Tag { key: key.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn a_known_key_takes_the_new_value() {
        let mut tags = vec![tag("a", "1"), tag("b", "2")];
        add(&mut tags, &[tag("a", "3"), tag("c", "")]).unwrap();
        assert_eq!(tags, [tag("a", "3"), tag("b", "2"), tag("c", "")]);
        remove(&mut tags, &[tag("b", "another value"), tag("x", "")]);
        assert_eq!(tags, [tag("a", "3"), tag("c", "")]);
    }

    #[test]
    fn tags_that_cannot_be_are_refused() {
        let long = |n| "x".repeat(n);
        for bad in [tag("", "v"), tag(&long(129), "v"), tag("k", &long(257)), tag("a\0", ""), tag("AWS:x", "")] {
            assert!(matches!(add(&mut Vec::new(), std::slice::from_ref(&bad)), Err(Error::InvalidTag(_))), "{bad:?}");
        }
        assert!(matches!(add(&mut Vec::new(), &[tag("a", "1"), tag("a", "2")]), Err(Error::InvalidTag(_))));
        let many: Vec<_> = (0..51).map(|n| tag(&format!("k{n}"), "")).collect();
        assert!(matches!(add(&mut Vec::new(), &many), Err(Error::TooManyTags)));
    }
}
