//! Block public access (S3 User Guide, "Blocking public access to your Amazon S3 storage").
//!
//! Lists never grant anything here: every bucket is "bucket owner enforced", so that public ones
//! are refused and none is there to be ignored, whatever BlockPublicAcls and IgnorePublicAcls say.
//! The other two decide: BlockPublicPolicy when a policy is stored, RestrictPublicBuckets on every
//! request to a bucket whose policy is public.

use arqueta_engine::record::{BucketDocument, BucketRecord};
use arqueta_iam::Identity;
use arqueta_model::PrincipalKind;
use s3s::dto::PublicAccessBlockConfiguration;
use serde_json::{Value, json};

/// The four settings of a bucket or an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PublicAccess {
    /// BlockPublicAcls.
    pub block_acls: bool,
    /// IgnorePublicAcls.
    pub ignore_acls: bool,
    /// BlockPublicPolicy.
    pub block_policy: bool,
    /// RestrictPublicBuckets.
    pub restrict_buckets: bool,
}

impl PublicAccess {
    /// Nothing public: what every new bucket of AWS has since April 2023.
    pub const BLOCKED: Self = Self { block_acls: true, ignore_acls: true, block_policy: true, restrict_buckets: true };

    /// The settings of a bucket; all off where it has none.
    #[must_use]
    pub fn of(bucket: &BucketRecord) -> Self {
        bucket.documents.get(&BucketDocument::PublicAccessBlock).map_or(Self::default(), |text| Self::read(text))
    }

    /// The settings in a stored document. What cannot be read blocks.
    #[must_use]
    pub fn read(document: &str) -> Self {
        let value: Value = serde_json::from_str(document).unwrap_or_default();
        let setting = |name: &str| value[name].as_bool().unwrap_or(true);
        Self {
            block_acls: setting("BlockPublicAcls"),
            ignore_acls: setting("IgnorePublicAcls"),
            block_policy: setting("BlockPublicPolicy"),
            restrict_buckets: setting("RestrictPublicBuckets"),
        }
    }

    /// The settings that a request asks for. What is not named is off.
    #[must_use]
    pub fn asked(configuration: &PublicAccessBlockConfiguration) -> Self {
        Self {
            block_acls: configuration.block_public_acls.unwrap_or(false),
            ignore_acls: configuration.ignore_public_acls.unwrap_or(false),
            block_policy: configuration.block_public_policy.unwrap_or(false),
            restrict_buckets: configuration.restrict_public_buckets.unwrap_or(false),
        }
    }

    /// What is in force where these are and `other` is, too: the stricter of each.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            block_acls: self.block_acls || other.block_acls,
            ignore_acls: self.ignore_acls || other.ignore_acls,
            block_policy: self.block_policy || other.block_policy,
            restrict_buckets: self.restrict_buckets || other.restrict_buckets,
        }
    }

    /// The document to store.
    #[must_use]
    pub fn document(self) -> String {
        json!({
            "BlockPublicAcls": self.block_acls,
            "IgnorePublicAcls": self.ignore_acls,
            "BlockPublicPolicy": self.block_policy,
            "RestrictPublicBuckets": self.restrict_buckets,
        })
        .to_string()
    }
}

/// Whether `identity` is one of those whom RestrictPublicBuckets leaves a bucket with a public
/// policy: its owner's account and services.
#[must_use]
pub fn is_within(identity: &Identity, bucket: &BucketRecord) -> bool {
    match identity.principal.kind {
        PrincipalKind::Anonymous => false,
        PrincipalKind::Service => true,
        _ => identity.principal.account == bucket.owner,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_they_were_stored() {
        let some = PublicAccess { block_policy: true, ..PublicAccess::default() };
        for settings in [PublicAccess::BLOCKED, PublicAccess::default(), some] {
            assert_eq!(PublicAccess::read(&settings.document()), settings);
        }
    }

    #[test]
    fn of_two_the_stricter_is_in_force() {
        let some = PublicAccess { block_policy: true, ..PublicAccess::default() };
        let other = PublicAccess { restrict_buckets: true, ..PublicAccess::default() };
        assert_eq!(some.and(other), PublicAccess { restrict_buckets: true, ..some });
        assert_eq!(other.and(some), some.and(other));
        assert_eq!(PublicAccess::default().and(PublicAccess::BLOCKED), PublicAccess::BLOCKED);
    }

    #[test]
    fn what_cannot_be_read_blocks() {
        for text in ["", "{", "[]", "{}", r#"{"BlockPublicPolicy":"no"}"#] {
            assert_eq!(PublicAccess::read(text), PublicAccess::BLOCKED, "{text}");
        }
    }
}
