//! The condition keys that every service knows (IAM User Guide, "AWS global condition context
//! keys"). A key that is none of them and none of its service's was meant to be another: a policy
//! of a resource that asks for it is refused when it is stored, because a Deny on it would never
//! apply.

/// Names in lower case, sorted. Those of organizations, VPCs, EC2, chatbots and other services'
/// sessions are absent from every request here, as they are from AWS's own requests that come
/// from none of these.
const GLOBAL: &[&str] = &[
    "aws:assumedroot",
    "aws:calledvia",
    "aws:calledviaawsmcp",
    "aws:calledviafirst",
    "aws:calledvialast",
    "aws:chatbotsourcearn",
    "aws:currenttime",
    "aws:ec2instancesourceprivateipv4",
    "aws:ec2instancesourcevpc",
    "aws:epochtime",
    "aws:federatedprovider",
    "aws:multifactorauthage",
    "aws:multifactorauthpresent",
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalisawsservice",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalservicename",
    "aws:principalservicenameslist",
    "aws:principaltype",
    "aws:referer",
    "aws:requestedregion",
    "aws:resourceaccount",
    "aws:resourceorgid",
    "aws:resourceorgpaths",
    "aws:securetransport",
    "aws:signinsessionarn",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceidentity",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpcarn",
    "aws:sourcevpce",
    "aws:tagkeys",
    "aws:tokenissuetime",
    "aws:useragent",
    "aws:userid",
    "aws:username",
    "aws:viaawsmcpservice",
    "aws:viaawsservice",
    "aws:vpceaccount",
    "aws:vpceorgid",
    "aws:vpceorgpaths",
    "aws:vpcsourceip",
];

/// Keys with the name of a tag behind them.
const FAMILIES: [&str; 3] = ["aws:principaltag/", "aws:requesttag/", "aws:resourcetag/"];

/// Whether `key`, in whatever case, is one of the global condition keys.
#[must_use]
pub fn is_global_key(key: &str) -> bool {
    let key = key.to_lowercase();
    GLOBAL.binary_search(&&*key).is_ok()
        || FAMILIES.iter().any(|family| key.strip_prefix(family).is_some_and(|tag| !tag.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_misspellings_are_not() {
        assert!(GLOBAL.is_sorted());
        for key in ["aws:SourceIp", "AWS:sourceip", "aws:PrincipalTag/Team", "aws:username", "aws:CalledViaLast"] {
            assert!(is_global_key(key), "{key}");
        }
        for key in ["aws:SourceIpp", "aws:PrincipalTag/", "aws:PrincipalTag", "s3:prefix", "sourceip", ""] {
            assert!(!is_global_key(key), "{key}");
        }
    }
}
