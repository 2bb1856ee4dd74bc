//! The condition keys that S3 has, and the actions that have them (Service Authorization Reference,
//! "Actions, resources, and condition keys for Amazon S3"). A bucket policy that asks for another
//! one is refused: a Deny on a key that no request has never applies. So is one that asks for a key
//! that AWS has and no request here, by the key's name.

use arqueta_iam::{Statement, is_global_key, is_unserved_key, unserved};
use s3s::{S3Result, s3_error};

/// The actions that have a key.
#[derive(Debug, Clone, Copy)]
enum Of {
    /// All of S3's.
    Every,
    /// These.
    Only(&'static [&'static str]),
}

const LISTS: Of = Of::Only(&["ListBucket", "ListBucketVersions"]);
const ACLS: Of = Of::Only(&[
    "BypassGovernanceRetention",
    "CreateBucket",
    "PutBucketAcl",
    "PutObject",
    "PutObjectAcl",
    "PutObjectVersionAcl",
]);
const LOCKS: Of = Of::Only(&["PutObject", "PutObjectRetention"]);
const PUTS: Of = Of::Only(&["BypassGovernanceRetention", "PutObject"]);
const TAGS: Of = Of::Only(&["BypassGovernanceRetention", "PutObject", "PutObjectTagging", "PutObjectVersionTagging"]);
const ENCRYPTION: Of =
    Of::Only(&["BypassGovernanceRetention", "PutObject", "ReplicateObject", "UpdateObjectEncryption"]);
const EXISTING_TAGS: Of = Of::Only(&[
    "DeleteObjectTagging",
    "DeleteObjectVersionTagging",
    "GetObject",
    "GetObjectAcl",
    "GetObjectAttributes",
    "GetObjectTagging",
    "GetObjectVersion",
    "GetObjectVersionAcl",
    "GetObjectVersionAttributes",
    "GetObjectVersionTagging",
    "PutObjectAcl",
    "PutObjectTagging",
    "PutObjectVersionAcl",
    "PutObjectVersionTagging",
]);
const VERSIONS: Of = Of::Only(&[
    "DeleteObjectVersion",
    "DeleteObjectVersionTagging",
    "GetObjectVersion",
    "GetObjectVersionAcl",
    "GetObjectVersionAttributes",
    "GetObjectVersionTagging",
    "GetObjectVersionTorrent",
    "PutObjectVersionAcl",
    "PutObjectVersionTagging",
]);
/// Keys that tell tags of buckets, or tags that calls about buckets bring: policies of buckets have
/// them in AWS where access control by tags was turned on, and no request here has them.
const OF_TAGS: [&str; 3] = ["aws:requesttag/", "aws:resourcetag/", "aws:tagkeys"];

/// Lower-case names, sorted. A name that ends in `/` stands for every key that begins so.
const KEYS: &[(&str, Of)] = &[
    ("s3:authtype", Of::Every),
    ("s3:delimiter", LISTS),
    ("s3:existingobjecttag/", EXISTING_TAGS),
    ("s3:if-match", Of::Only(&["DeleteObject", "PutObject"])),
    ("s3:if-none-match", Of::Only(&["PutObject"])),
    ("s3:locationconstraint", Of::Only(&["CreateBucket"])),
    ("s3:max-keys", LISTS),
    ("s3:object-lock-legal-hold", Of::Only(&["PutObject", "PutObjectLegalHold"])),
    ("s3:object-lock-mode", LOCKS),
    ("s3:object-lock-remaining-retention-days", LOCKS),
    ("s3:object-lock-retain-until-date", LOCKS),
    ("s3:objectcreationoperation", Of::Only(&["PutObject"])),
    ("s3:prefix", LISTS),
    ("s3:requestobjecttag/", TAGS),
    ("s3:requestobjecttagkeys", TAGS),
    ("s3:resourceaccount", Of::Every),
    ("s3:signatureage", Of::Every),
    ("s3:signatureversion", Of::Every),
    ("s3:tlsversion", Of::Every),
    ("s3:versionid", VERSIONS),
    ("s3:x-amz-acl", ACLS),
    ("s3:x-amz-bucket-namespace", Of::Only(&["CreateBucket"])),
    ("s3:x-amz-content-sha256", Of::Every),
    ("s3:x-amz-copy-source", PUTS),
    ("s3:x-amz-grant-full-control", ACLS),
    ("s3:x-amz-grant-read", ACLS),
    ("s3:x-amz-grant-read-acp", ACLS),
    ("s3:x-amz-grant-write", ACLS),
    ("s3:x-amz-grant-write-acp", ACLS),
    ("s3:x-amz-metadata-directive", PUTS),
    ("s3:x-amz-object-ownership", Of::Only(&["CreateBucket"])),
    ("s3:x-amz-server-side-encryption", ENCRYPTION),
    ("s3:x-amz-server-side-encryption-aws-kms-key-id", ENCRYPTION),
    (
        "s3:x-amz-server-side-encryption-customer-algorithm",
        Of::Only(&["BypassGovernanceRetention", "PutObject", "ReplicateObject"]),
    ),
    (
        "s3:x-amz-storage-class",
        Of::Only(&["BypassGovernanceRetention", "PutObject", "PutObjectAcl", "PutObjectVersionAcl"]),
    ),
    ("s3:x-amz-website-redirect-location", PUTS),
];

fn lookup(key: &str) -> Option<Of> {
    let key = key.to_lowercase();
    let family = key.split_once('/').filter(|(_, tag)| !tag.is_empty()).map(|(family, _)| format!("{family}/"));
    let found = KEYS.binary_search_by(|(name, _)| name.cmp(&family.as_deref().unwrap_or(&key))).ok()?;
    // A family without a tag's name is no key.
    let (name, of) = KEYS[found];
    (name.ends_with('/') == family.is_some()).then_some(of)
}

/// Checks that S3 has the keys that a statement of a bucket policy asks for, and that its actions do.
///
/// An action that is named must have every key; of a pattern, one action that it stands for. No page of
/// AWS's says how it reads a list of which only some have the key. The strict reading is the safe one: of an
/// action without the key a Deny would say nothing, and its author can name that action apart.
///
/// # Errors
/// `MalformedPolicy`, in S3's words.
pub fn check(statement: &Statement) -> S3Result<()> {
    for key in statement.condition_keys() {
        let lower = key.to_lowercase();
        if is_unserved_key(key) || OF_TAGS.iter().any(|of_tags| lower.starts_with(of_tags)) {
            return Err(s3_error!(MalformedPolicy, "{}", unserved(key)));
        }
        if is_global_key(key) {
            continue;
        }
        let Some(of) = lookup(key) else {
            return Err(s3_error!(MalformedPolicy, "Policy has an invalid condition key"));
        };
        if !applies(statement, of) {
            return Err(s3_error!(
                MalformedPolicy,
                "Conditions do not apply to combination of actions and resources in statement"
            ));
        }
    }
    Ok(())
}

fn applies(statement: &Statement, of: Of) -> bool {
    let Of::Only(actions) = of else { return true };
    // What is not named cannot be held against a list.
    statement.is_not_action()
        || (0..statement.actions().len())
            .all(|at| actions.iter().any(|action| statement.pattern_matches(at, &format!("s3:{action}"))))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use arqueta_iam::{ConditionKeys, Identity, Policy, PolicyKind, PolicyRequest};
    use arqueta_model::{ManualClock, Principal};
    use http::{HeaderMap, HeaderName, HeaderValue, Uri};

    use super::*;
    use crate::condition;
    use crate::exchange::Exchange;
    use crate::signing::Signing;
    use arqueta_call::{Connection, S3};

    /// The condition keys of the reference that begin with `s3:`; a family stands with a tag's name.
    const REFERENCE: [&str; 52] = [
        "s3:AccessGrantScope",
        "s3:AccessGrantsInstanceArn",
        "s3:AccessGrantsLocationScope",
        "s3:AccessPointNetworkOrigin",
        "s3:AccessPointTag/a",
        "s3:authType",
        "s3:BucketTag/a",
        "s3:DataAccessPointAccount",
        "s3:DataAccessPointArn",
        "s3:delimiter",
        "s3:destinationRegion",
        "s3:ExistingJobOperation",
        "s3:ExistingJobPriority",
        "s3:ExistingObjectTag/a",
        "s3:if-match",
        "s3:if-none-match",
        "s3:InventoryAccessibleOptionalFields",
        "s3:isReplicationPauseRequest",
        "s3:JobSuspendedCause",
        "s3:locationconstraint",
        "s3:max-keys",
        "s3:object-lock-legal-hold",
        "s3:object-lock-mode",
        "s3:object-lock-remaining-retention-days",
        "s3:object-lock-retain-until-date",
        "s3:ObjectCreationOperation",
        "s3:prefix",
        "s3:RequestJobOperation",
        "s3:RequestJobPriority",
        "s3:RequestObjectTag/a",
        "s3:RequestObjectTagKeys",
        "s3:ResourceAccount",
        "s3:signatureAge",
        "s3:signatureversion",
        "s3:TlsVersion",
        "s3:versionid",
        "s3:x-amz-acl",
        "s3:x-amz-bucket-namespace",
        "s3:x-amz-content-sha256",
        "s3:x-amz-copy-source",
        "s3:x-amz-grant-full-control",
        "s3:x-amz-grant-read",
        "s3:x-amz-grant-read-acp",
        "s3:x-amz-grant-write",
        "s3:x-amz-grant-write-acp",
        "s3:x-amz-metadata-directive",
        "s3:x-amz-object-ownership",
        "s3:x-amz-server-side-encryption",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
        "s3:x-amz-server-side-encryption-customer-algorithm",
        "s3:x-amz-storage-class",
        "s3:x-amz-website-redirect-location",
    ];

    /// Keys that the store or the body tells, in whole requests: `test_bucket_policies.py` (a tag) and
    /// [`crate::tests::authorization`] (a Region).
    const TOLD_LATER: [&str; 2] = ["s3:ExistingObjectTag/a", "s3:locationconstraint"];

    /// Whether an allowed request of everything that condition keys come from has `key`.
    fn is_told(key: &str) -> bool {
        let headers: HeaderMap = [
            ("x-amz-acl", "private"),
            ("x-amz-bucket-namespace", "global"),
            ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
            ("x-amz-copy-source", "b/k"),
            ("x-amz-date", "19700101T000000Z"),
            ("x-amz-grant-full-control", "id=1"),
            ("x-amz-grant-read", "id=1"),
            ("x-amz-grant-read-acp", "id=1"),
            ("x-amz-grant-write", "id=1"),
            ("x-amz-grant-write-acp", "id=1"),
            ("x-amz-metadata-directive", "COPY"),
            ("x-amz-object-lock-legal-hold", "ON"),
            ("x-amz-object-lock-mode", "GOVERNANCE"),
            ("x-amz-object-lock-retain-until-date", "2030-01-01T00:00:00Z"),
            ("x-amz-object-ownership", "BucketOwnerEnforced"),
            ("x-amz-server-side-encryption", "aws:kms"),
            ("x-amz-server-side-encryption-aws-kms-key-id", "k"),
            ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
            ("x-amz-storage-class", "STANDARD"),
            ("x-amz-tagging", "a=b"),
            ("x-amz-website-redirect-location", "/x"),
            ("if-match", "*"),
            ("if-none-match", "*"),
        ]
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .into_iter()
        .collect();
        let uri = Uri::from_static("/b/k?prefix=p&delimiter=/&max-keys=1&versionId=null");
        let connection = Connection { peer: std::net::Ipv4Addr::LOCALHOST.into(), tls: Some("1.3"), cipher_suite: "" };
        let exchange = Exchange::begin((&headers, &uri), &connection, &ManualClock::default(), Default::default());
        let region = "us-east-1".parse().unwrap();
        let mut keys = condition::keys(&exchange, &region, &headers, &uri, Signing::Header);
        condition::of_operation(&mut keys, S3::PutObject);
        is_present(key, &keys)
    }

    fn is_present(key: &str, keys: &ConditionKeys<'_>) -> bool {
        let json = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{{"Null":{{"{key}":"false"}}}}}}}}"#
        );
        let account = "111122223333".parse().unwrap();
        let mut identity =
            Identity::bare(Principal { kind: arqueta_model::PrincipalKind::User, ..Principal::root(&account, "AK") });
        identity.policies = [Arc::new(Policy::parse(&json, PolicyKind::Identity).unwrap())].into();
        let request = PolicyRequest { action: "s3:PutObject", resource: "arn:aws:s3:::b/k", keys };
        let side = arqueta_iam::ResourcePolicy::additive(None, &account);
        arqueta_iam::evaluate(&identity, &request, side).is_allowed()
    }

    /// No key of the reference is taken and then without a value in a request that has the fact: a
    /// Deny on it would never apply.
    #[test]
    fn every_key_of_the_reference_is_evaluated_or_refused_by_name() {
        assert!(KEYS.is_sorted_by_key(|(name, _)| *name));
        let mut taken = Vec::new();
        for key in REFERENCE {
            // CreateBucket has keys that no policy of a bucket can be asked for.
            let checked = lookup(key).map(|of| match of {
                Of::Every => checked("\"s3:*\"", key),
                Of::Only(["CreateBucket"]) => Ok(()),
                Of::Only(actions) => checked(&format!("\"s3:{}\"", actions[actions.len() - 1]), key),
            });
            match checked {
                Some(checked) => {
                    assert_eq!(checked, Ok(()), "{key}");
                    assert!(TOLD_LATER.contains(&key) || is_told(key), "{key} is taken and never has a value");
                    taken.push(key);
                }
                None => {
                    let said = Err(format!("Policy has an unsupported condition key: {key}"));
                    assert_eq!(self::checked("\"*\"", key), said);
                    assert!(!is_told(key), "{key} has a value");
                }
            }
        }
        assert_eq!(taken.len(), KEYS.len(), "a key that is none of the reference's");
        for key in taken {
            let json = format!(
                r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Deny","Action":"*","Resource":"*","Condition":{{"Null":{{"{key}":"true"}}}}}}}}"#
            );
            assert_eq!(Policy::parse(&json, PolicyKind::Identity).unwrap().check_served(), Ok(()), "of identities");
        }
        for key in ["aws:RequestTag/a", "aws:ResourceTag/a", "aws:TagKeys"] {
            let said = Err(format!("Policy has an unsupported condition key: {key}"));
            assert_eq!(checked("\"s3:*\"", key), said);
        }
        assert!(!is_told("s3:if-nonematch"));
    }

    fn checked(action: &str, key: &str) -> Result<(), String> {
        let json = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Deny","Principal":"*","Action":{action},"Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"],"Condition":{{"Null":{{"{key}":"true"}}}}}}}}"#
        );
        let policy = Policy::parse(&json, PolicyKind::Resource).unwrap();
        check(&policy.statements()[0]).map_err(|error| error.message().unwrap_or_default().to_owned())
    }

    #[test]
    fn keys_that_nobody_has_are_refused() {
        for key in [
            "s3:if-nonematch",
            "s3:x-acl",
            "s3:ExistingObjectTag",
            "s3:ExistingObjectTag/",
            "s3:prefix/a",
            "aws:SourceIpp",
            "kms:ViaService",
            "ec2:Region",
        ] {
            assert_eq!(checked("\"s3:*\"", key), Err("Policy has an invalid condition key".to_owned()), "{key}");
        }
        for key in [
            "S3:IF-NONE-MATCH",
            "s3:ExistingObjectTag/Team",
            "aws:SourceIp",
            "aws:PrincipalTag/team",
            "s3:ResourceAccount",
        ] {
            assert_eq!(checked("\"s3:*\"", key), Ok(()), "{key}");
        }
    }

    #[test]
    fn keys_of_other_actions_are_refused() {
        let apart = Err("Conditions do not apply to combination of actions and resources in statement".to_owned());
        for (action, key, said) in [
            (r#""s3:ListBucket""#, "s3:prefix", Ok(())),
            (r#""s3:List*""#, "s3:prefix", Ok(())),
            (r#""s3:GetObject""#, "s3:prefix", apart.clone()),
            (r#"["s3:ListBucket","s3:GetBucketAcl"]"#, "s3:prefix", apart.clone()),
            (r#"["s3:PutObject","s3:PutObjectAcl"]"#, "s3:x-amz-acl", Ok(())),
            (r#""s3:GetObject""#, "s3:if-none-match", apart.clone()),
            (r#""s3:GetObject""#, "aws:SourceIp", Ok(())),
            (r#""s3:PutObject""#, "s3:prefix", apart),
        ] {
            assert_eq!(checked(action, key), said, "{action} {key}");
        }
    }
}
