//! In which namespace a bucket is made (S3 User Guide, "Namespaces for general purpose buckets"): names that end
//! as those of an account's own are its alone, and it says that it means them.

use arqueta_model::{AccountId, Region};
use s3s::dto::BucketNamespace;
use s3s::{S3Result, s3_error};

use crate::error::invalid_argument;

/// What names of an account's own namespace end with, behind account and Region.
const MARK: &str = "-an";

/// Holds the name of a bucket to be against the namespace that is asked for.
///
/// # Errors
/// `InvalidBucketName` for a name that is not of that namespace; `InvalidArgument` for no namespace at all.
pub fn require(name: &str, asked: Option<&BucketNamespace>, account: &AccountId, region: &Region) -> S3Result<()> {
    let regional = match asked.map(BucketNamespace::as_str) {
        None | Some("global") => false,
        Some("account-regional") => true,
        Some(other) => return Err(invalid_argument("Invalid bucket namespace", "x-amz-bucket-namespace", other)),
    };
    let own = format!("-{account}-{}{MARK}", region.as_str());
    let is_own = name.strip_suffix(&own).is_some_and(|prefix| !prefix.is_empty());
    match (regional, is_regional(name, region)) {
        (false, false) => Ok(()),
        (true, _) if is_own => Ok(()),
        _ => Err(s3_error!(InvalidBucketName, "The specified bucket is not valid.")),
    }
}

/// Whether a name is one of an account's own namespace, whoever's: `<prefix>-<account>-<Region>-an`.
fn is_regional(name: &str, here: &Region) -> bool {
    let Some(rest) = name.strip_suffix(MARK) else { return false };
    let of_here = rest.strip_suffix(here.as_str()).and_then(|rest| rest.strip_suffix('-')?.rsplit_once('-'));
    if of_here.is_some_and(|(prefix, account)| !prefix.is_empty() && account.parse::<AccountId>().is_ok()) {
        return true;
    }
    // Regions elsewhere are three words.
    let mut words = rest.rsplitn(5, '-').skip(3);
    words.next().is_some_and(|account| account.parse::<AccountId>().is_ok()) && words.next().is_some()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_of_the_namespace_that_is_asked_for() {
        let (account, region) = ("111122223333".parse().unwrap(), "us-west-2".parse().unwrap());
        let regional = BucketNamespace::from_static("account-regional");
        let global = BucketNamespace::from_static("global");
        for (name, asked, good) in [
            ("photos", None, true),
            ("photos-an", Some(&global), true),
            ("cup-of-tea-in-an", None, true),
            ("photos-111122223333-us-west-2-an", Some(&regional), true),
            ("a-b-111122223333-us-west-2-an", Some(&regional), true),
            ("photos-111122223333-us-west-2-an", None, false),
            ("photos-444455556666-us-west-2-an", None, false),
            ("photos-444455556666-us-west-2-an", Some(&regional), false),
            ("photos-111122223333-us-east-1-an", Some(&regional), false),
            ("-111122223333-us-west-2-an", Some(&regional), false),
            ("photos", Some(&regional), false),
        ] {
            assert_eq!(require(name, asked, &account, &region).is_ok(), good, "{name} {asked:?}");
        }
        assert!(require("photos", Some(&BucketNamespace::from_static("mine")), &account, &region).is_err());
        for region in ["local", "us-gov-west-1"] {
            let (theirs, region) = (format!("photos-444455556666-{region}-an"), region.parse().unwrap());
            assert!(require(&theirs, None, &account, &region).is_err(), "{theirs}");
        }
    }
}
