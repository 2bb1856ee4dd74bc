//! Names of buckets on the command line.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// A bucket or a part of one: `s3://bucket/prefix`, or `endpoint:bucket/prefix`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Name of an endpoint; that of the command's options if absent.
    pub endpoint: Option<String>,
    /// The bucket.
    pub bucket: String,
    /// What keys begin with; empty for all.
    pub prefix: String,
}

impl FromStr for Place {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::Place(text.to_owned());
        let (endpoint, rest) = match text.split_once(':').ok_or_else(wrong)? {
            ("s3", rest) => (None, rest.strip_prefix("//").ok_or_else(wrong)?),
            (name, rest) => (Some(name.to_owned()).filter(|name| !name.is_empty()), rest),
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if bucket.is_empty() || !bucket.chars().all(is_name) || (endpoint.is_none() && !text.starts_with("s3://")) {
            return Err(wrong());
        }
        Ok(Self { endpoint, bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.endpoint {
            None => write!(f, "s3://{}", self.bucket)?,
            Some(endpoint) => write!(f, "{endpoint}:{}", self.bucket)?,
        }
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_bucket_is_refused() {
        for bad in
            ["", "photos", "s3:photos", "s3://", "s3:///p", ":photos", "old:", "s3://a b", "/tmp/x", "https://h/b"]
        {
            assert!(bad.parse::<Place>().is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_shown_as_they_are_written() {
        for text in ["s3://photos", "s3://photos/a/b", "old:photos", "old:photos/a//", "s3://photos/a:b"] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
    }
}
