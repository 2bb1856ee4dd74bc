//! Names of trails (AWS CloudTrail User Guide, "CloudTrail trail naming requirements" and
//! "Amazon S3 bucket naming requirements").

use arqueta_model::{AccountId, Arn, Region};
use serde::{Deserialize, Serialize};

use crate::Error;

/// Longest key prefix of a trail, in bytes.
const PREFIX: usize = 200;

/// A trail of one account.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TrailId {
    /// Its account.
    pub account: AccountId,
    /// Its name, unique in the account.
    pub name: String,
}

impl TrailId {
    /// The trail of a new name.
    ///
    /// # Errors
    /// [`Error::InvalidName`]: 3 to 128 of `A-Za-z0-9._-`, beginning and ending with a letter or
    /// digit, none of `._-` beside another, not an IP address.
    pub fn new(account: &AccountId, name: &str) -> Result<Self, Error> {
        let invalid = |why: &str| Err(Error::InvalidName { message: why.to_owned() });
        if name.len() < 3 {
            return invalid(&format!(
                "Trail name too short. Minimum allowed length: 3 characters. Specified name length: {} characters.",
                name.len()
            ));
        }
        if name.len() > 128 {
            return invalid(&format!(
                "Trail name too long. Maximum allowed length: 128 characters. Specified name length: {} characters.",
                name.len()
            ));
        }
        let mark = |b: u8| b"._-".contains(&b);
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || mark(b)) {
            return invalid(
                "Trail name or ARN can only contain uppercase letters, lowercase letters, numbers, periods (.), hyphens (-), and underscores (_).",
            );
        }
        let bytes = name.as_bytes();
        if mark(bytes[0]) {
            return invalid("Trail name must start with a letter or number.");
        }
        if mark(bytes[bytes.len() - 1]) {
            return invalid("Trail name must end with a letter or number.");
        }
        if bytes.windows(2).any(|pair| mark(pair[0]) && mark(pair[1])) {
            return invalid("Trail name cannot contain two adjacent periods, hyphens or underscores.");
        }
        if name.parse::<std::net::IpAddr>().is_ok() {
            return invalid("Trail name cannot be an IP address.");
        }
        Ok(Self { account: account.clone(), name: name.to_owned() })
    }

    /// The trail that a caller of `account` names, by name or ARN. It need not exist.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::InvalidArn`]; [`Error::TrailNotFound`] for an ARN of
    /// another region.
    pub fn named(account: &AccountId, region: &Region, named: &str) -> Result<Self, Error> {
        if !named.starts_with("arn:") {
            return Self::new(account, named);
        }
        let invalid = || Error::InvalidArn { named: named.to_owned() };
        let arn: Arn = named.parse().map_err(|_| invalid())?;
        let name = arn.resource().strip_prefix("trail/").filter(|_| arn.service() == "cloudtrail");
        let (name, owner) = (name.ok_or_else(invalid)?, arn.account().parse().map_err(|_| invalid())?);
        let trail = Self::new(&owner, name).map_err(|_| invalid())?;
        if arn.region() == region.as_str() { Ok(trail) } else { Err(Error::TrailNotFound { named: named.to_owned() }) }
    }

    /// `arn:aws:cloudtrail:<region>:<account>:trail/<name>`.
    #[must_use]
    pub fn arn(&self, region: &Region) -> String {
        format!("arn:aws:cloudtrail:{region}:{}:trail/{}", self.account, self.name)
    }
}

/// Checks a key prefix: what stands before `/AWSLogs/` in every delivered key.
///
/// # Errors
/// [`Error::InvalidPrefix`].
pub(crate) fn check_prefix(prefix: &str) -> Result<(), Error> {
    let good = prefix.len() <= PREFIX
        && !prefix.starts_with('/')
        && !prefix.ends_with('/')
        && prefix.bytes().all(|b| b.is_ascii_graphic() && !b"\\{}^%`[]\"<>~#|".contains(&b));
    if good { Ok(()) } else { Err(Error::InvalidPrefix) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn account() -> AccountId {
        "111122223333".parse().unwrap()
    }

    #[test]
    fn names_keep_the_rules() {
        for name in ["abc", "A-b_c.d", &"a".repeat(128), "1.2.3.4.5"] {
            TrailId::new(&account(), name).unwrap();
        }
        for name in ["", "ab", &"a".repeat(129), "-ab", "ab.", "a..b", "a._b", "a b", "a/b", "192.168.0.1", "äbc"] {
            assert!(matches!(TrailId::new(&account(), name), Err(Error::InvalidName { .. })), "{name:?}");
        }
    }

    #[test]
    fn an_arn_names_what_it_says() {
        let region: Region = "eu-west-1".parse().unwrap();
        let named = |text: &str| TrailId::named(&account(), &region, text);
        let other = named("arn:aws:cloudtrail:eu-west-1:444455556666:trail/abc").unwrap();
        assert_eq!((other.account.as_str(), &*other.name), ("444455556666", "abc"));
        assert_eq!(other.arn(&region), "arn:aws:cloudtrail:eu-west-1:444455556666:trail/abc");
        for text in [
            "arn:aws:cloudtrail:eu-west-1:1:trail/abc",
            "arn:aws:cloudtrail:eu-west-1:444455556666:abc",
            "arn:aws:s3:eu-west-1:444455556666:trail/abc",
            "arn:aws:cloudtrail:eu-west-1:444455556666:trail/a",
            "arn:aws",
        ] {
            assert!(matches!(named(text), Err(Error::InvalidArn { .. })), "{text}");
        }
        let elsewhere = named("arn:aws:cloudtrail:us-east-1:444455556666:trail/abc");
        assert!(matches!(elsewhere, Err(Error::TrailNotFound { .. })));
    }

    #[test]
    fn prefixes_that_make_other_keys_are_refused() {
        check_prefix("audit/2026").unwrap();
        for prefix in ["/a", "a/", "a b", "a\nb", "ä", &"a".repeat(201)] {
            assert!(matches!(check_prefix(prefix), Err(Error::InvalidPrefix)), "{prefix:?}");
        }
    }
}
