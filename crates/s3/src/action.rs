//! Which actions a request needs, and on what, as the row of its operation says.

use arqueta_call::{Action, Operation, S3, When};
use arqueta_model::replica;
use http::{HeaderMap, Uri};

use crate::query;

/// One action that is decided before an operation runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// The action.
    pub action: Action,
    /// Whether it is decided on the object that `x-amz-copy-source` names.
    pub of_source: bool,
}

/// What is decided before `operation` runs.
///
/// Nothing for operations whose resources or condition keys stand in the body: DeleteObjects is
/// decided per key, tagging and object lock with the tags and the lock that they set, by the
/// operations themselves; so is CreateBucket with a body, by the Region and the tags in it.
pub fn needs<'a>(
    operation: &'static Operation,
    headers: &'a HeaderMap,
    uri: &Uri,
) -> impl Iterator<Item = Need> + Clone + use<'a> {
    let versioned = query::has(uri, "versionId");
    let from_version = copies_version(headers);
    let permissions = match headers.contains_key(replica::REPLICA) {
        true => operation.replicas,
        false => operation.permissions,
    };
    permissions.iter().filter(|permission| is_asked(permission.when, headers)).map(move |permission| {
        let of_source = permission.of_source;
        let version = permission.version.filter(|_| if of_source { from_version } else { versioned });
        Need { action: version.unwrap_or(permission.action), of_source }
    })
}

/// The action of an operation that decides with what stands in its body, on the object of the path.
#[must_use]
pub fn of_body(operation: &Operation, uri: &Uri) -> Option<Action> {
    let permission = operation.permissions.iter().find(|permission| permission.when == When::InBody)?;
    let version = permission.version.filter(|_| query::has(uri, "versionId"));
    Some(version.unwrap_or(permission.action))
}

/// Whether it is the operation that decides, once it has read the body.
#[must_use]
pub fn is_decided_by_body(row: &Operation, headers: &HeaderMap, uri: &Uri) -> bool {
    row.objects_in_body || of_body(row, uri).is_some() || (row == S3::CreateBucket.row() && has_body(headers))
}

fn is_asked(when: When, headers: &HeaderMap) -> bool {
    match when {
        When::Always => true,
        When::Header(name) => headers.contains_key(name),
        When::AnyHeader(names) => names.iter().any(|name| headers.contains_key(*name)),
        When::HeaderIs(name, wanted) => headers.get(name).is_some_and(|value| value == wanted),
        When::Says(name) => says(headers, name),
        When::WithoutBody => !has_body(headers),
        When::InBody | When::ByOperation => false,
    }
}

/// Whether a request says that it has a body.
#[must_use]
pub fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(http::header::TRANSFER_ENCODING)
        || headers.get(http::header::CONTENT_LENGTH).is_some_and(|length| length != "0")
}

/// Whether a copy takes its source's tags along (`x-amz-tagging-directive`).
#[must_use]
pub fn copies_tags(headers: &HeaderMap) -> bool {
    headers.get("x-amz-tagging-directive").is_none_or(|value| value != "REPLACE")
}

/// Whether the request asks to override governance retention.
#[must_use]
pub fn bypasses_governance(headers: &HeaderMap) -> bool {
    says(headers, "x-amz-bypass-governance-retention")
}

fn says(headers: &HeaderMap, name: &str) -> bool {
    headers.get(name).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

fn copies_version(headers: &HeaderMap) -> bool {
    headers.get("x-amz-copy-source").is_some_and(|v| v.as_bytes().windows(11).any(|w| w == b"?versionId="))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (http::HeaderName::from_static(k), HeaderValue::from_static(v))).collect()
    }

    fn actions(name: &str, pairs: &[(&'static str, &'static str)], uri: &'static str) -> Vec<&'static str> {
        let row = S3::served(name).unwrap().row();
        needs(row, &headers(pairs), &Uri::from_static(uri)).map(|need| need.action.name).collect()
    }

    #[test]
    fn a_replica_needs_what_replication_needs_and_nothing_else_will_do() {
        let tags = ("x-amz-tagging", "a=b");
        let hold = ("x-amz-object-lock-legal-hold", "ON");
        let kind = |kind| (replica::REPLICA, kind);
        let of = |sent: &[(&'static str, &'static str)]| actions("PutObject", sent, "/b/k");
        assert_eq!(of(&[kind("put"), ("if-match", "a"), ("x-amz-acl", "private")]), ["s3:ReplicateObject"]);
        assert_eq!(of(&[kind("put"), tags]), ["s3:ReplicateObject", "s3:ReplicateTags"]);
        assert_eq!(of(&[kind("amend"), tags]), ["s3:ReplicateTags"]);
        assert_eq!(of(&[kind("amend"), hold]), ["s3:ReplicateObject"]);
        let owner = (replica::OWNER, "Destination");
        assert_eq!(of(&[kind("put"), owner]), ["s3:ReplicateObject", "s3:ObjectOwnerOverrideToBucketOwner"]);
        assert_eq!(actions("DeleteObject", &[kind("mark")], "/b/k?versionId=null"), ["s3:ReplicateDelete"]);
        for row in S3::rows().iter().filter(|row| !["PutObject", "DeleteObject"].contains(&row.name)) {
            assert!(row.replicas.is_empty(), "{}", row.name);
        }
    }

    #[test]
    fn a_version_needs_its_own_permission() {
        for (name, plain, version) in [
            ("GetObject", "s3:GetObject", "s3:GetObjectVersion"),
            ("DeleteObject", "s3:DeleteObject", "s3:DeleteObjectVersion"),
            ("GetObjectTagging", "s3:GetObjectTagging", "s3:GetObjectVersionTagging"),
            ("DeleteObjectTagging", "s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"),
        ] {
            assert_eq!(actions(name, &[], "/b/k"), [plain]);
            assert_eq!(actions(name, &[], "/b/k?versionId=null"), [version]);
            assert_eq!(actions(name, &[], "/b/k?version%49d=null"), [version], "an encoded name is the same name");
        }
    }

    #[test]
    fn a_put_needs_what_its_headers_set() {
        let sent = [
            ("x-amz-tagging", "a=b"),
            ("x-amz-object-lock-mode", "GOVERNANCE"),
            ("x-amz-object-lock-legal-hold", "ON"),
            ("x-amz-grant-read", "id=1"),
        ];
        assert_eq!(
            actions("PutObject", &sent, "/b/k"),
            [
                "s3:PutObject",
                "s3:PutObjectTagging",
                "s3:PutObjectRetention",
                "s3:PutObjectLegalHold",
                "s3:PutObjectAcl"
            ]
        );
    }

    #[test]
    fn a_bucket_whose_body_says_where_is_decided_with_it() {
        assert_eq!(actions("CreateBucket", &[], "/b"), ["s3:CreateBucket"]);
        assert_eq!(actions("CreateBucket", &[("content-length", "0")], "/b"), ["s3:CreateBucket"]);
        for body in [("content-length", "1"), ("transfer-encoding", "chunked")] {
            assert!(actions("CreateBucket", &[body], "/b").is_empty(), "{body:?}");
            let locked = [body, ("x-amz-bucket-object-lock-enabled", "true")];
            assert!(!actions("CreateBucket", &locked, "/b").contains(&"s3:CreateBucket"));
        }
    }

    #[test]
    fn a_copy_also_reads_its_source() {
        for (value, action) in [("b/k", "s3:GetObject"), ("b/k?versionId=null", "s3:GetObjectVersion")] {
            let headers = headers(&[("x-amz-copy-source", value)]);
            let read = needs(S3::CopyObject.row(), &headers, &Uri::from_static("/b/k")).find(|need| need.of_source);
            assert_eq!(read.map(|need| need.action.name), Some(action), "{value}");
        }
    }

    #[test]
    fn overriding_governance_is_a_permission() {
        let sent = [("x-amz-bypass-governance-retention", "true")];
        assert_eq!(actions("DeleteObject", &sent, "/b/k"), ["s3:DeleteObject", "s3:BypassGovernanceRetention"]);
        assert_eq!(
            actions("DeleteObject", &[("x-amz-bypass-governance-retention", "false")], "/b/k"),
            ["s3:DeleteObject"]
        );
    }

    #[test]
    fn a_condition_on_what_is_there_needs_leave_to_read_it() {
        for name in ["PutObject", "CompleteMultipartUpload", "DeleteObject"] {
            assert!(actions(name, &[("if-match", "\"a\"")], "/b/k").contains(&"s3:GetObject"), "{name}");
        }
    }
}
