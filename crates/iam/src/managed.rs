//! Where a managed policy comes from: the account, or AWS's own set.

use arqueta_model::{AccountId, Arn, Timestamp};

/// Account field of the ARNs of policies that AWS manages.
const AWS: &str = "aws";

/// A managed policy's ARN, understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ManagedArn<'a> {
    /// One of [`AWS_POLICIES`].
    Aws(&'static AwsPolicy),
    /// Path and name of a policy of the account.
    Own { path: &'a str, name: &'a str },
}

impl<'a> ManagedArn<'a> {
    /// `None` for anything that `account` cannot have attached.
    pub(crate) fn parse(account: &AccountId, arn: &'a str) -> Option<Self> {
        let fields: Arn = arn.parse().ok()?;
        if !arn.starts_with("arn:aws:iam::") || !fields.region().is_empty() {
            return None;
        }
        if fields.account() == AWS {
            return AWS_POLICIES.iter().find(|policy| policy.arn() == arn).map(Self::Aws);
        }
        if fields.account() != account.as_str() {
            return None;
        }
        let rest = arn.splitn(6, ':').nth(5)?.strip_prefix("policy")?;
        let slash = rest.rfind('/')?;
        Some(Self::Own { path: &rest[..=slash], name: &rest[slash + 1..] })
    }

    /// The last part of an ARN.
    pub(crate) fn name_of(arn: &str) -> &str {
        arn.rsplit('/').next().unwrap_or(arn)
    }
}

/// A policy that AWS manages.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AwsPolicy {
    pub(crate) name: &'static str,
    pub(crate) id: &'static str,
    pub(crate) description: &'static str,
    pub(crate) document: &'static str,
}

impl AwsPolicy {
    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:iam::{AWS}:policy/{}", self.name)
    }

    /// AWS has had them since 2015-02-06T18:39:46Z.
    pub(crate) fn created(&self) -> Timestamp {
        Timestamp::from_millis(1_423_247_986_000)
    }
}

/// The AWS-managed policies that matter to the services served here, by name. They grant what
/// AWS's grant, restricted to those services.
pub(crate) const AWS_POLICIES: [AwsPolicy; 8] = [
    AwsPolicy {
        name: "AdministratorAccess",
        id: "ANPAIWMBCKSKIEE64ZLYK",
        description: "Provides full access to AWS services and resources.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
    },
    AwsPolicy {
        name: "AmazonS3FullAccess",
        id: "ANPAIFIR6V6BVTRAHWINE",
        description: "Provides full access to all buckets.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:*","s3-object-lambda:*"],"Resource":"*"}]}"#,
    },
    AwsPolicy {
        name: "AmazonS3ReadOnlyAccess",
        id: "ANPAIZTJ4DXE7G6AGAE6M",
        description: "Provides read only access to all buckets.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:Get*","s3:List*","s3:Describe*","s3-object-lambda:Get*","s3-object-lambda:List*"],"Resource":"*"}]}"#,
    },
    AwsPolicy {
        name: "AWSCloudTrail_ReadOnlyAccess",
        id: "ANPARQETACLOUDTRAIL01",
        description: "Provides read only access to AWS CloudTrail.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["cloudtrail:Get*","cloudtrail:Describe*","cloudtrail:List*","cloudtrail:LookupEvents"],"Resource":"*"}]}"#,
    },
    AwsPolicy {
        name: "AWSKeyManagementServicePowerUser",
        id: "ANPAJNPP7PPPPMJRV2SA4",
        description: "Provides access to AWS Key Management Service (KMS).",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["kms:CreateAlias","kms:CreateKey","kms:DeleteAlias","kms:Describe*","kms:GenerateRandom","kms:Get*","kms:List*","kms:TagResource","kms:UntagResource","iam:ListGroups","iam:ListRoles","iam:ListUsers"],"Resource":"*"}]}"#,
    },
    AwsPolicy {
        name: "IAMFullAccess",
        id: "ANPAI7XKCFMBPM3QQRRVQ",
        description: "Provides full access to IAM.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"}]}"#,
    },
    AwsPolicy {
        name: "IAMReadOnlyAccess",
        id: "ANPAJKSO7NDY4T57MWDSQ",
        description: "Provides read only access to IAM.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:Get*","iam:List*","iam:Simulate*"],"Resource":"*"}]}"#,
    },
    AwsPolicy {
        name: "ReadOnlyAccess",
        id: "ANPAILL3HVNFSB6DCOWYQ",
        description: "Provides read-only access to AWS services and resources.",
        document: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["cloudtrail:Describe*","cloudtrail:Get*","cloudtrail:List*","cloudtrail:LookupEvents","iam:Get*","iam:List*","iam:Simulate*","kms:Describe*","kms:Get*","kms:List*","s3:Get*","s3:List*","sts:GetAccessKeyInfo","sts:GetCallerIdentity","sts:GetSessionToken"],"Resource":"*"}]}"#,
    },
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use arqueta_policy::{Policy, PolicyKind};

    #[test]
    fn aws_policies_parse_and_stand_in_order() {
        for policy in &AWS_POLICIES {
            assert!(Policy::parse(policy.document, PolicyKind::Boundary).is_ok(), "{}", policy.name);
            assert_eq!(policy.id.len(), 21, "{}", policy.name);
        }
        assert!(AWS_POLICIES.is_sorted_by_key(|policy| policy.name.to_lowercase()));
    }

    #[test]
    fn only_the_accounts_own_and_awss_policies_can_be_named() {
        let account: AccountId = "111122223333".parse().unwrap();
        let own = ManagedArn::parse(&account, "arn:aws:iam::111122223333:policy/a/b/c");
        assert_eq!(own, Some(ManagedArn::Own { path: "/a/b/", name: "c" }));
        assert!(matches!(
            ManagedArn::parse(&account, "arn:aws:iam::aws:policy/AdministratorAccess"),
            Some(ManagedArn::Aws(_))
        ));
        for arn in [
            "arn:aws:iam::444455556666:policy/c",
            "arn:aws:iam::aws:policy/None",
            "arn:aws:iam::aws:policy/x/AdministratorAccess",
            "arn:aws:iam::111122223333:role/c",
            "arn:aws:s3::111122223333:policy/c",
            "c",
        ] {
            assert_eq!(ManagedArn::parse(&account, arn), None, "{arn}");
        }
    }
}
