//! Condition keys that AWS's services have and no request here can ever have: their facts are access
//! points, access grants, batch jobs, enclaves and buckets with access control by tags, and there are
//! none. A statement on such a key would not be what its author meant: a Deny would never apply, and an
//! Allow on what the key is not would always. So a policy that names one is refused by that name when
//! it is stored.

use crate::{ParseError, Policy, Statement, is_global_key};

/// Names in lower case, sorted. One that ends in `/` or `:` stands for every key that begins so.
const UNSERVED: &[&str] = &[
    "kms:recipientattestation:",
    "s3:accessgrantscope",
    "s3:accessgrantsinstancearn",
    "s3:accessgrantslocationscope",
    "s3:accesspointnetworkorigin",
    "s3:accesspointtag/",
    "s3:buckettag/",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "s3:destinationregion",
    "s3:existingjoboperation",
    "s3:existingjobpriority",
    "s3:inventoryaccessibleoptionalfields",
    "s3:isreplicationpauserequest",
    "s3:jobsuspendedcause",
    "s3:requestjoboperation",
    "s3:requestjobpriority",
];

/// The keys of the services that are here, as [`UNSERVED`]. With those and the global ones they are all
/// that the reference has of these vendors.
const SERVED: &[&str] = &[
    "iam:associatedresourcearn",
    "iam:awsservicename",
    "iam:fido-certification",
    "iam:fido-fips-140-2-certification",
    "iam:fido-fips-140-3-certification",
    "iam:organizationspolicyid",
    "iam:passedtoservice",
    "iam:permissionsboundary",
    "iam:policyarn",
    "iam:registersecuritykey",
    "iam:resourcetag/",
    "iam:servicespecificcredentialagedays",
    "iam:servicespecificcredentialservicename",
    "kms:bypasspolicylockoutsafetycheck",
    "kms:calleraccount",
    "kms:customermasterkeyspec",
    "kms:customermasterkeyusage",
    "kms:datakeypairspec",
    "kms:encryptionalgorithm",
    "kms:encryptioncontext:",
    "kms:encryptioncontextkeys",
    "kms:expirationmodel",
    "kms:grantconstrainttype",
    "kms:granteeprincipal",
    "kms:grantisforawsresource",
    "kms:grantoperations",
    "kms:keyagreementalgorithm",
    "kms:keyorigin",
    "kms:keyspec",
    "kms:keyusage",
    "kms:macalgorithm",
    "kms:messagetype",
    "kms:multiregion",
    "kms:multiregionkeytype",
    "kms:primaryregion",
    "kms:reencryptonsamekey",
    "kms:replicaregion",
    "kms:requestalias",
    "kms:resourcealiases",
    "kms:retiringprincipal",
    "kms:rotationperiodindays",
    "kms:schedulekeydeletionpendingwindowindays",
    "kms:signingalgorithm",
    "kms:validto",
    "kms:viaservice",
    "kms:wrappingalgorithm",
    "kms:wrappingkeyspec",
    "s3:authtype",
    "s3:delimiter",
    "s3:existingobjecttag/",
    "s3:if-match",
    "s3:if-none-match",
    "s3:locationconstraint",
    "s3:max-keys",
    "s3:object-lock-legal-hold",
    "s3:object-lock-mode",
    "s3:object-lock-remaining-retention-days",
    "s3:object-lock-retain-until-date",
    "s3:objectcreationoperation",
    "s3:prefix",
    "s3:requestobjecttag/",
    "s3:requestobjecttagkeys",
    "s3:resourceaccount",
    "s3:signatureage",
    "s3:signatureversion",
    "s3:tlsversion",
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
    "sts:awsservicename",
    "sts:durationseconds",
    "sts:externalid",
    "sts:identitytokenaudience",
    "sts:requestcontext/",
    "sts:requestcontextproviders",
    "sts:rolesessionname",
    "sts:signingalgorithm",
    "sts:sourceidentity",
    "sts:taskpolicyarn",
    "sts:transitivetagkeys",
];

/// The vendors of those, and CloudTrail, which has none of its own.
const VENDORS: [&str; 6] = ["aws:", "cloudtrail:", "iam:", "kms:", "s3:", "sts:"];

/// Whether `key`, in whatever case, is one that AWS has and no request here.
#[must_use]
pub fn is_unserved_key(key: &str) -> bool {
    is_one_of(UNSERVED, &key.to_lowercase())
}

/// Whether `key`, in whatever case, is one that a service here has; the global ones are no service's.
#[must_use]
pub fn is_served_key(key: &str) -> bool {
    is_one_of(SERVED, &key.to_lowercase())
}

/// Whether `key` says by its vendor that it is one of the services that are here, and is none.
fn is_misspelt(key: &str) -> bool {
    let key = key.to_lowercase();
    VENDORS.iter().any(|vendor| key.starts_with(vendor)) && !is_global_key(&key) && !is_one_of(SERVED, &key)
}

fn is_one_of(names: &[&str], key: &str) -> bool {
    names.iter().any(|name| match name.ends_with(['/', ':']) {
        true => key.strip_prefix(name).is_some_and(|rest| !rest.is_empty()),
        false => key == *name,
    })
}

impl Policy {
    /// Checks that no statement asks for what no request here can say: keys that AWS alone has, the tags
    /// of buckets, which are for access control only where AWS was told so, and keys that no service
    /// has, which were meant to be others. Those of vendors that are not here, an identity provider's
    /// among them, are taken.
    ///
    /// It is asked when a policy is stored. One that was stored before is evaluated as it stands.
    ///
    /// # Errors
    /// [`ParseError::Malformed`], with the key's name.
    pub fn check_served(&self) -> Result<(), ParseError> {
        for statement in self.statements() {
            let buckets_only = is_about_s3_only(statement);
            for key in statement.condition_keys() {
                if is_unserved_key(key) || buckets_only && is_tag_of_resource(key) {
                    return Err(unserved(key));
                }
                if is_misspelt(key) {
                    return Err(ParseError::malformed(format!("Policy has an invalid condition key: {key}")));
                }
            }
        }
        Ok(())
    }
}

/// The refusal of a policy that asks for `key`.
#[must_use]
pub fn unserved(key: &str) -> ParseError {
    ParseError::malformed(format!("Policy has an unsupported condition key: {key}"))
}

fn is_tag_of_resource(key: &str) -> bool {
    key.to_lowercase().starts_with("aws:resourcetag/")
}

fn is_about_s3_only(statement: &Statement) -> bool {
    let is_s3 = |action: &str| action.get(..3).is_some_and(|vendor| vendor.eq_ignore_ascii_case("s3:"));
    !statement.is_not_action() && statement.actions().all(is_s3)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::PolicyKind;

    fn checked(action: &str, key: &str) -> Result<(), String> {
        let json = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Deny","{action},"Resource":"*","Condition":{{"StringEquals":{{"{key}":"x"}}}}}}}}"#
        );
        Policy::parse(&json, PolicyKind::Identity).unwrap().check_served().map_err(|error| error.to_string())
    }

    #[test]
    fn what_no_request_says_is_refused_by_name_and_what_one_says_is_taken() {
        assert!(UNSERVED.is_sorted() && SERVED.is_sorted());
        let every = r#"Action":"*""#;
        for name in UNSERVED {
            let key = if name.ends_with(['/', ':']) { format!("{name}Team") } else { name.to_uppercase() };
            let said = format!("Policy has an unsupported condition key: {key}");
            assert_eq!(checked(every, &key), Err(said), "{key}");
        }
        for key in [
            "s3:ExistingObjectTag/team",
            "s3:prefix",
            "aws:SourceIp",
            "kms:ViaService",
            "kms:EncryptionContext:aws:s3:arn",
            "aws:ResourceTag/team",
            "sts:ExternalId",
            "iam:PolicyARN",
            "id.example.com:sub",
            "ec2:Region",
        ] {
            assert_eq!(checked(every, key), Ok(()), "{key}");
        }
        for key in
            ["s3:if-nonematch", "sts:ExternalIdd", "aws:SourceIpp", "kms:EncryptionContext:", "iam:PolicyArns", "s3:"]
        {
            let said = format!("Policy has an invalid condition key: {key}");
            assert_eq!(checked(every, key), Err(said), "{key}");
        }
    }

    #[test]
    fn tags_of_buckets_are_no_condition_and_tags_of_keys_and_users_are() {
        let key = "aws:ResourceTag/team";
        for (action, taken) in [
            (r#"Action":"s3:*""#, false),
            (r#"Action":["S3:GetObject","s3:PutObject"]"#, false),
            (r#"Action":["s3:GetObject","kms:Decrypt"]"#, true),
            (r#"Action":"kms:*""#, true),
            (r#"NotAction":"s3:*""#, true),
        ] {
            assert_eq!(checked(action, key).is_ok(), taken, "{action}");
        }
        assert_eq!(
            checked(r#"Action":"s3:CreateBucket""#, "aws:RequestTag/team"),
            Ok(()),
            "a bucket is made with tags"
        );
    }
}
