//! What S3 asks of a bucket policy beside the grammar: that it is about this bucket, in actions
//! that buckets and objects have (S3 User Guide, "Policies and permissions in Amazon S3"; the
//! actions are those of the Service Authorization Reference, "Actions defined by Amazon S3").

use arqueta_call::{On, s3_actions};
use arqueta_iam::{Policy, PolicyKind, Statement};
use arqueta_model::BucketName;
use s3s::{S3Result, s3_error};

use crate::condition_keys;

/// Parses a policy and checks that it can be one of `bucket`.
///
/// # Errors
/// `MalformedPolicy`, in S3's words.
pub fn parse(text: &str, bucket: &BucketName) -> S3Result<Policy> {
    let policy =
        Policy::parse(text, PolicyKind::Resource).map_err(|failure| s3_error!(MalformedPolicy, "{}", failure))?;
    for statement in policy.statements() {
        let reach =
            Reach::of(statement, bucket).ok_or_else(|| s3_error!(MalformedPolicy, "Policy has invalid resource"))?;
        check_actions(statement, reach)?;
        condition_keys::check(statement)?;
    }
    Ok(policy)
}

/// What a statement's resources can name.
#[derive(Clone, Copy)]
struct Reach {
    bucket: bool,
    objects: bool,
}

impl Reach {
    /// `None` if a resource is none of the bucket.
    fn of(statement: &Statement, bucket: &BucketName) -> Option<Self> {
        let mut reach = Self { bucket: false, objects: false };
        for resource in statement.resources() {
            // `arn:aws:s3:::name`, then nothing, a key, or a wildcard.
            let rest = resource.strip_prefix("arn:aws:s3:::")?.strip_prefix(bucket.as_str())?;
            let wild = rest.starts_with(['*', '?']);
            if !rest.is_empty() && !wild && !rest.starts_with('/') {
                return None;
            }
            reach.bucket |= rest.is_empty() || wild;
            reach.objects |= wild || rest.starts_with('/');
        }
        Some(reach)
    }
}

fn check_actions(statement: &Statement, reach: Reach) -> S3Result<()> {
    for (at, text) in statement.actions().enumerate() {
        let any = |on: On| s3_actions::ALL.iter().any(|it| it.on == on && statement.pattern_matches(at, it.name));
        let (bucket, objects) = (any(On::Bucket), any(On::Object));
        if text != "*" && !bucket && !objects {
            return Err(s3_error!(MalformedPolicy, "Policy has invalid action"));
        }
        let exempt = text == "*" || statement.is_not_action() || statement.is_not_resource();
        if !(exempt || bucket && reach.bucket || objects && reach.objects) {
            return Err(s3_error!(MalformedPolicy, "Action does not apply to any resource(s) in statement"));
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn check(action: &str, resource: &str, more: &str) -> Result<(), String> {
        let (actions, resources) = match more {
            "not" => ("NotAction", "NotResource"),
            _ => ("Action", "Resource"),
        };
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Deny","Principal":"*","{actions}":"{action}","{resources}":"{resource}"}}}}"#
        );
        let checked = parse(&text, &"bucket".parse().unwrap()).map(drop);
        checked.map_err(|error| error.message().unwrap_or_default().to_owned())
    }

    #[test]
    fn policies_of_this_bucket_in_its_actions() {
        for (action, resource) in [
            ("s3:GetObject", "arn:aws:s3:::bucket/*"),
            ("s3:getobject", "arn:aws:s3:::bucket/a/b"),
            ("s3:*", "arn:aws:s3:::bucket"),
            ("*", "arn:aws:s3:::bucket"),
            ("s3:List*", "arn:aws:s3:::bucket*"),
            ("s3:Get*", "arn:aws:s3:::bucket*"),
            ("s3:PutReplicationConfiguration", "arn:aws:s3:::bucket"),
        ] {
            assert_eq!(check(action, resource, ""), Ok(()), "{action} {resource}");
        }
        assert_eq!(check("s3:GetObject", "arn:aws:s3:::bucket", "not"), Ok(()));
    }

    #[test]
    fn resources_of_others() {
        for resource in [
            "*",
            "arn:aws:s3:::*",
            "arn:aws:s3:::other/*",
            "arn:aws:s3:::bucket2/*",
            "arn:aws:s3:::bucket-2",
            "arn:aws:s3:::buck*",
            "arn:aws:s3:::${aws:username}/*",
            "arn:aws:kms:us-east-1:000000000000:key/*",
        ] {
            assert_eq!(check("s3:*", resource, ""), Err("Policy has invalid resource".to_owned()), "{resource}");
        }
        assert_eq!(check("s3:*", "arn:aws:s3:::other", "not"), Err("Policy has invalid resource".to_owned()));
    }

    #[test]
    fn actions_that_s3_does_not_have() {
        for action in ["s3:Fly", "s3:GetObjectx", "kms:Decrypt", "iam:*", "s3:Fl*", "s3:ListAllMyBuckets"] {
            let said = Err("Policy has invalid action".to_owned());
            assert_eq!(check(action, "arn:aws:s3:::bucket*", ""), said, "{action}");
        }
    }

    #[test]
    fn actions_on_what_the_statement_does_not_name() {
        for (action, resource) in [
            ("s3:GetObject", "arn:aws:s3:::bucket"),
            ("s3:ListBucket", "arn:aws:s3:::bucket/*"),
            ("s3:PutBucket*", "arn:aws:s3:::bucket/*"),
        ] {
            let said = Err("Action does not apply to any resource(s) in statement".to_owned());
            assert_eq!(check(action, resource, ""), said, "{action} {resource}");
        }
    }
}
