//! The condition keys that KMS has (Service Authorization Reference, "Condition keys for AWS Key
//! Management Service"). A key policy that asks for another one is refused: a Deny on a key that no
//! request has never applies.

use arqueta_kms::Error;
use arqueta_policy::{Policy, Statement, is_global_key, is_served_key, is_unserved_key};

use crate::limits::refused;

/// Keys that tell keys from each other, which the policy of one key has no use for (KMS Developer
/// Guide, "kms:ResourceAliases": identity policies only).
const OF_IDENTITIES: [&str; 3] = ["aws:resourcetag", "kms:resourcealiases", "kms:resourcetag"];

/// Checks that KMS has the condition keys that a key policy asks for.
///
/// # Errors
/// `MalformedPolicyDocumentException`.
pub(crate) fn check(policy: &Policy) -> Result<(), Error> {
    let malformed = |message: &str| refused("MalformedPolicyDocumentException", message.to_owned());
    for key in policy.statements().iter().flat_map(Statement::condition_keys) {
        let key = key.to_lowercase();
        if OF_IDENTITIES.contains(&key.split('/').next().unwrap_or_default()) {
            return Err(malformed(
                "These condition keys are not permitted in a key policy: aws:ResourceTag, kms:ResourceTag, kms:ResourceAliases",
            ));
        }
        let is_of_kms = key.starts_with("kms:") && is_served_key(&key);
        // Those of enclaves, which no request here comes from, are refused by name.
        if !(is_global_key(&key) || is_of_kms || is_unserved_key(&key)) {
            return Err(malformed("Policy has an invalid condition key"));
        }
    }
    policy.check_served().map_err(|failure| malformed(&failure.to_string()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use arqueta_policy::PolicyKind;

    use super::*;

    fn checked(key: &str) -> Result<(), String> {
        let json = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*","Condition":{{"Null":{{"{key}":"true"}}}}}}}}"#
        );
        check(&Policy::parse(&json, PolicyKind::Key).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn keys_that_kms_has_and_no_other() {
        for key in [
            "kms:ViaService",
            "KMS:viaservice",
            "kms:EncryptionContext:aws:s3:arn",
            "kms:EncryptionContextKeys",
            "kms:ReEncryptOnSameKey",
            "aws:SourceArn",
            "aws:PrincipalTag/team",
        ] {
            assert_eq!(checked(key), Ok(()), "{key}");
        }
        for key in ["kms:ViaServices", "kms:EncryptionContext:", "kms:EncryptionContext", "s3:prefix", "aws:SourceIpp"]
        {
            assert_eq!(checked(key), Err("Policy has an invalid condition key".to_owned()), "{key}");
        }
        let enclave = "kms:RecipientAttestation:PCR0";
        assert_eq!(checked(enclave), Err(format!("Policy has an unsupported condition key: {enclave}")));
        for key in ["aws:ResourceTag/team", "kms:ResourceAliases", "kms:ResourceTag/x"] {
            assert!(checked(key).unwrap_err().contains("not permitted in a key policy"), "{key}");
        }
    }
}
