//! AWS's sentence for "no".

use arqueta_model::{Principal, PrincipalKind};

/// `User: … is not authorized to perform: … on resource: … because …`. S3 puts the resource between
/// quotation marks. `why` is what follows, if anything does.
#[must_use]
pub fn denial(principal: &Principal, action: &str, resource: Option<&str>, why: &str) -> String {
    let who = match principal.kind {
        PrincipalKind::Anonymous => "Anonymous",
        _ => principal.arn.as_str(),
    };
    let mut sentence = format!("User: {who} is not authorized to perform: {action}");
    if let Some(resource) = resource {
        let quote = if action.starts_with("s3:") { "\"" } else { "" };
        sentence.extend([" on resource: ", quote, resource, quote]);
    }
    if !why.is_empty() {
        sentence.extend([" ", why]);
    }
    sentence
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn who_what_on_what_and_why() {
        let root = Principal::root(&"111122223333".parse().unwrap(), "AKID");
        let who = "User: arn:aws:iam::111122223333:root is not authorized to perform:";
        assert_eq!(denial(&root, "iam:GetUser", None, "now"), format!("{who} iam:GetUser now"));
        assert_eq!(denial(&root, "kms:Sign", Some("k"), ""), format!("{who} kms:Sign on resource: k"));
        let s3 = denial(&root, "s3:GetObject", Some("arn:aws:s3:::b/k"), "because so");
        assert_eq!(s3, format!("{who} s3:GetObject on resource: \"arn:aws:s3:::b/k\" because so"));
        let nobody = Principal { kind: PrincipalKind::Anonymous, ..root };
        assert!(denial(&nobody, "s3:GetObject", None, "").starts_with("User: Anonymous is not"));
    }
}
