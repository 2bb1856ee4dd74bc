//! Which buckets are at which endpoint, and who may use it.

use arqueta_model::{AccountId, BucketName};

use crate::settings::EndpointSettings;

/// The endpoints by their buckets.
#[derive(Debug, Clone, Default)]
pub struct Directory(Vec<Entry>);

/// One endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Its name in the configuration.
    pub name: String,
    /// Names and patterns.
    buckets: Vec<String>,
    /// Accounts whose buckets may replicate there.
    pub accounts: Vec<AccountId>,
}

impl Directory {
    /// Of these endpoints.
    #[must_use]
    pub fn new(settings: &[EndpointSettings]) -> Self {
        let entry = |settings: &EndpointSettings| Entry {
            name: settings.name.clone(),
            buckets: settings.buckets.iter().map(|bucket| bare(bucket).to_owned()).collect(),
            accounts: settings.accounts.clone(),
        };
        Self(settings.iter().map(entry).collect())
    }

    /// Whether buckets of `account` may replicate into the bucket of this name at another endpoint; `None` if
    /// none has it, so that one here is meant.
    #[must_use]
    pub fn admits(&self, bucket: &BucketName, account: &AccountId) -> Option<bool> {
        self.of(bucket).map(|(_, entry)| entry.accounts.contains(account))
    }

    /// The endpoint of a bucket: the one that names it, else the one whose pattern says most of it.
    pub(crate) fn of(&self, bucket: &BucketName) -> Option<(usize, &Entry)> {
        let weight = |pattern: &String| match pattern == bucket.as_str() {
            true => Some(usize::MAX),
            false => matches(pattern, bucket.as_str()).then_some(pattern.len()),
        };
        let best = |entry: &Entry| entry.buckets.iter().filter_map(weight).max();
        let found = self.0.iter().enumerate().filter_map(|(at, entry)| Some((best(entry)?, at, entry)));
        let (_, at, entry) = found.max_by_key(|(weight, ..)| *weight)?;
        Some((at, entry))
    }
}

/// A bucket's name without what makes an ARN of it.
fn bare(bucket: &str) -> &str {
    bucket.strip_prefix("arn:aws:s3:::").unwrap_or(bucket)
}

/// Whether `pattern`, in which `*` stands for any characters, is about `name`.
fn matches(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece);
        }
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn entry(name: &str, buckets: &[&str], account: &str) -> Entry {
        let buckets = buckets.iter().map(|bucket| bare(bucket).to_owned()).collect();
        Entry { name: name.to_owned(), buckets, accounts: vec![account.parse().unwrap()] }
    }

    #[test]
    fn patterns_stand_for_buckets() {
        for (pattern, name, is) in [
            ("dr", "dr", true),
            ("dr", "dr-1", false),
            ("dr-*", "dr-", true),
            ("dr-*", "dr-x-y", true),
            ("*-dr", "x-dr", true),
            ("*-dr", "x-dr-y", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("*", "anything", true),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches(pattern, name), is, "{pattern} {name}");
        }
    }

    #[test]
    fn the_endpoint_that_says_most_of_a_bucket_has_it() {
        let [one, other] = ["111122223333", "444455556666"];
        let all = Directory(vec![
            entry("all", &["*-copy"], one),
            entry("some", &["arn:aws:s3:::eu-*-copy"], one),
            entry("one", &["eu-x-copy"], other),
        ]);
        let of = |bucket: &str| all.of(&bucket.parse().unwrap()).map(|(_, entry)| entry.name.as_str());
        assert_eq!(of("us-x-copy"), Some("all"));
        assert_eq!(of("eu-y-copy"), Some("some"));
        assert_eq!(of("eu-x-copy"), Some("one"));
        assert_eq!(of("eu-x"), None);
        let admits = |bucket: &str, account: &str| all.admits(&bucket.parse().unwrap(), &account.parse().unwrap());
        assert_eq!((admits("eu-x-copy", other), admits("eu-x-copy", one)), (Some(true), Some(false)));
        assert_eq!(admits("eu-x", one), None);
    }
}
