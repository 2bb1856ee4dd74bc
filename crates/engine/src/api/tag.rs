use serde::{Deserialize, Serialize};

use crate::Error;

/// Tags of an object or bucket, in the order of their keys (S3 User Guide, "Categorizing your storage
/// using tags").
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tags(Vec<(String, String)>);

impl Tags {
    /// Most tags of an object.
    pub const OBJECT_LIMIT: usize = 10;
    /// Most tags of a bucket.
    pub const BUCKET_LIMIT: usize = 50;

    /// Tags of an object.
    ///
    /// # Errors
    /// [`Error::InvalidTag`] for an empty, long or repeated key, a long value, a key that begins
    /// with `aws:`, or characters that tags may not contain; [`Error::TooManyTags`] for more than ten.
    pub fn of_object(pairs: Vec<(String, String)>) -> Result<Self, Error> {
        Self::checked(pairs, Self::OBJECT_LIMIT, "Object tags cannot be greater than 10")
    }

    /// Tags of a bucket.
    ///
    /// # Errors
    /// As [`Tags::of_object`], for more than fifty.
    pub fn of_bucket(pairs: Vec<(String, String)>) -> Result<Self, Error> {
        Self::checked(pairs, Self::BUCKET_LIMIT, "Bucket tag count cannot be greater than 50")
    }

    fn checked(mut pairs: Vec<(String, String)>, limit: usize, too_many: &'static str) -> Result<Self, Error> {
        if pairs.len() > limit {
            return Err(Error::TooManyTags { message: too_many });
        }
        let invalid = |message, key: &str| Err(Error::InvalidTag { message, key: Some(key.to_owned()), value: None });
        for (at, (key, value)) in pairs.iter().enumerate() {
            if key.is_empty() || key.chars().count() > 128 || !key.chars().all(permitted) {
                return invalid("The TagKey you have provided is invalid", key);
            }
            if value.chars().count() > 256 || !value.chars().all(permitted) {
                let message = "The TagValue you have provided is invalid";
                return Err(Error::InvalidTag { message, key: None, value: Some(value.clone()) });
            }
            if key.to_ascii_lowercase().starts_with("aws:") {
                return invalid("System tags cannot be added/updated by requester", key);
            }
            if pairs[..at].iter().any(|(earlier, _)| earlier == key) {
                return invalid("Cannot provide multiple Tags with the same key", key);
            }
        }
        pairs.sort();
        Ok(Self(pairs))
    }

    /// The pairs, in the order of their keys.
    #[must_use]
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Letters, numbers and spaces of any script, and `+ - = . _ : / @`.
fn permitted(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || "+-=._:/@".contains(c) || (!c.is_ascii() && !c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Result<Tags, Error> {
        Tags::of_object(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn ordinary_tags_pass() {
        assert!(tags(&[("project", "a/b"), ("Owner", ""), ("größe", "1 + 1")]).is_ok());
    }

    #[test]
    fn malformed_tags_are_refused() {
        let (long_key, long_value) = ("k".repeat(129), "v".repeat(257));
        for bad in [
            ("", "v"),
            ("aws:x", "v"),
            ("AWS:x", "v"),
            ("a<b", "v"),
            ("k", "a&b"),
            (long_key.as_str(), "v"),
            ("k", long_value.as_str()),
        ] {
            assert!(matches!(tags(&[bad]), Err(Error::InvalidTag { .. })), "{bad:?}");
        }
        assert!(matches!(tags(&[("k", "1"), ("k", "2")]), Err(Error::InvalidTag { .. })));
    }

    #[test]
    fn ten_tags_and_no_more() {
        let many = |n: usize| Tags::of_object((0..n).map(|i| (format!("k{i}"), String::new())).collect());
        assert!(many(10).is_ok());
        assert!(matches!(many(11), Err(Error::TooManyTags { .. })));
    }
}
