//! Which IAM actions an operation needs, and on what (Service Authorization Reference, "Actions,
//! resources, and condition keys for Amazon S3"; S3 User Guide, "Required permissions for Amazon
//! S3 API operations"). An operation that is not in the table is not served.

use http::{HeaderMap, Uri};

use crate::query;

/// What an action is decided on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// The account: `*`.
    Account,
    /// The bucket of the path.
    Bucket,
    /// The object of the path.
    Object,
    /// The object that `x-amz-copy-source` names.
    Source,
}

/// One action on one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// `s3:GetObject` and so on.
    pub action: &'static str,
    /// On what.
    pub on: On,
}

const fn account(action: &'static str) -> Need {
    Need { action, on: On::Account }
}
const fn bucket(action: &'static str) -> Need {
    Need { action, on: On::Bucket }
}
const fn object(action: &'static str) -> Need {
    Need { action, on: On::Object }
}

/// The action of an operation that decides with what stands in its body, on the object of the path.
#[must_use]
pub fn of_body(name: &str, uri: &Uri) -> Option<&'static str> {
    Some(match name {
        "PutObjectTagging" if query::has(uri, "versionId") => "s3:PutObjectVersionTagging",
        "PutObjectTagging" => "s3:PutObjectTagging",
        "PutObjectRetention" => "s3:PutObjectRetention",
        "PutObjectLegalHold" => "s3:PutObjectLegalHold",
        _ => return None,
    })
}

/// What is decided before the operation `name` runs; `None` if the operation is not served.
///
/// Empty for the operations whose resources or condition keys stand in the body: DeleteObjects is
/// decided per key, tagging and object lock with the tags and the lock that they set, by the
/// operations themselves; so is CreateBucket with a body, by the Region and the tags in it.
#[must_use]
#[allow(clippy::too_many_lines)] // a table: one line an operation
pub fn needs(name: &str, headers: &HeaderMap, uri: &Uri) -> Option<Vec<Need>> {
    let has = |header: &str| headers.contains_key(header);
    let versioned = query::has(uri, "versionId");
    let pick = |plain, version| object(if versioned { version } else { plain });
    let mut needs = vec![match name {
        "DeleteObjects" | "PutObjectTagging" | "PutObjectRetention" | "PutObjectLegalHold" => {
            return Some(Vec::new());
        }
        "ListBuckets" => account("s3:ListAllMyBuckets"),
        "CreateBucket" if has_body(headers) => return Some(bucket_extras(has)),
        "CreateBucket" => bucket("s3:CreateBucket"),
        "DeleteBucket" => bucket("s3:DeleteBucket"),
        "HeadBucket" | "ListObjects" | "ListObjectsV2" => bucket("s3:ListBucket"),
        "ListObjectVersions" => bucket("s3:ListBucketVersions"),
        "ListMultipartUploads" => bucket("s3:ListBucketMultipartUploads"),
        "GetBucketLocation" => bucket("s3:GetBucketLocation"),
        "GetBucketEncryption" => bucket("s3:GetEncryptionConfiguration"),
        "PutBucketEncryption" | "DeleteBucketEncryption" => bucket("s3:PutEncryptionConfiguration"),
        "GetBucketVersioning" => bucket("s3:GetBucketVersioning"),
        "PutBucketVersioning" => bucket("s3:PutBucketVersioning"),
        "GetBucketCors" => bucket("s3:GetBucketCORS"),
        "PutBucketCors" | "DeleteBucketCors" => bucket("s3:PutBucketCORS"),
        "GetBucketTagging" => bucket("s3:GetBucketTagging"),
        "PutBucketTagging" | "DeleteBucketTagging" => bucket("s3:PutBucketTagging"),
        "GetBucketPolicy" => bucket("s3:GetBucketPolicy"),
        "PutBucketPolicy" => bucket("s3:PutBucketPolicy"),
        "DeleteBucketPolicy" => bucket("s3:DeleteBucketPolicy"),
        "GetBucketPolicyStatus" => bucket("s3:GetBucketPolicyStatus"),
        "GetBucketAcl" => bucket("s3:GetBucketAcl"),
        "PutBucketAcl" => bucket("s3:PutBucketAcl"),
        "GetBucketOwnershipControls" => bucket("s3:GetBucketOwnershipControls"),
        "PutBucketOwnershipControls" | "DeleteBucketOwnershipControls" => bucket("s3:PutBucketOwnershipControls"),
        "GetPublicAccessBlock" => bucket("s3:GetBucketPublicAccessBlock"),
        "PutPublicAccessBlock" | "DeletePublicAccessBlock" => bucket("s3:PutBucketPublicAccessBlock"),
        "GetObjectLockConfiguration" => bucket("s3:GetBucketObjectLockConfiguration"),
        "PutObjectLockConfiguration" => bucket("s3:PutBucketObjectLockConfiguration"),
        "GetBucketRequestPayment" => bucket("s3:GetBucketRequestPayment"),
        "GetBucketAccelerateConfiguration" => bucket("s3:GetAccelerateConfiguration"),
        "GetBucketLogging" => bucket("s3:GetBucketLogging"),
        "GetBucketNotificationConfiguration" => bucket("s3:GetBucketNotification"),
        "GetBucketLifecycleConfiguration" => bucket("s3:GetLifecycleConfiguration"),
        "GetBucketReplication" => bucket("s3:GetReplicationConfiguration"),
        "GetBucketWebsite" => bucket("s3:GetBucketWebsite"),
        "PutBucketRequestPayment" => bucket("s3:PutBucketRequestPayment"),
        "PutBucketAccelerateConfiguration" => bucket("s3:PutAccelerateConfiguration"),
        "PutBucketNotificationConfiguration" => bucket("s3:PutBucketNotification"),
        "DeleteBucketLifecycle" => bucket("s3:PutLifecycleConfiguration"),
        "DeleteBucketReplication" => bucket("s3:PutReplicationConfiguration"),
        "DeleteBucketWebsite" => bucket("s3:DeleteBucketWebsite"),
        "DeleteBucketAnalyticsConfiguration" => bucket("s3:PutAnalyticsConfiguration"),
        "DeleteBucketIntelligentTieringConfiguration" => bucket("s3:PutIntelligentTieringConfiguration"),
        "DeleteBucketInventoryConfiguration" => bucket("s3:PutInventoryConfiguration"),
        "DeleteBucketMetricsConfiguration" => bucket("s3:PutMetricsConfiguration"),
        "GetObject" | "HeadObject" | "GetObjectAttributes" => pick("s3:GetObject", "s3:GetObjectVersion"),
        "GetObjectAcl" => pick("s3:GetObjectAcl", "s3:GetObjectVersionAcl"),
        "PutObjectAcl" => pick("s3:PutObjectAcl", "s3:PutObjectVersionAcl"),
        "GetObjectTagging" => pick("s3:GetObjectTagging", "s3:GetObjectVersionTagging"),
        "DeleteObjectTagging" => pick("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"),
        "DeleteObject" => pick("s3:DeleteObject", "s3:DeleteObjectVersion"),
        "GetObjectRetention" => object("s3:GetObjectRetention"),
        "GetObjectLegalHold" => object("s3:GetObjectLegalHold"),
        "UpdateObjectEncryption" => object("s3:UpdateObjectEncryption"),
        "PutObject"
        | "CopyObject"
        | "CreateMultipartUpload"
        | "UploadPart"
        | "UploadPartCopy"
        | "CompleteMultipartUpload" => object("s3:PutObject"),
        "AbortMultipartUpload" => object("s3:AbortMultipartUpload"),
        "ListParts" => object("s3:ListMultipartUploadParts"),
        _ => return None,
    }];
    match name {
        "GetObjectAttributes" => needs.push(pick("s3:GetObjectAttributes", "s3:GetObjectVersionAttributes")),
        "CreateBucket" => needs.extend(bucket_extras(has)),
        "PutObject" | "CopyObject" | "CreateMultipartUpload" => needs.extend(object_extras(has)),
        _ => {}
    }
    if matches!(name, "CopyObject" | "UploadPartCopy") {
        needs.push(source(headers));
    }
    // A condition on the present ETag tells something of the present object.
    if matches!(name, "PutObject" | "CopyObject" | "CompleteMultipartUpload" | "DeleteObject") && has("if-match") {
        needs.push(object("s3:GetObject"));
    }
    if name == "DeleteObject" && bypasses_governance(headers) {
        needs.push(object("s3:BypassGovernanceRetention"));
    }
    Some(needs)
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
    headers.get("x-amz-bypass-governance-retention").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

fn bucket_extras(has: impl Fn(&str) -> bool) -> Vec<Need> {
    let mut extras = Vec::new();
    if has("x-amz-bucket-object-lock-enabled") {
        extras.push(bucket("s3:PutBucketObjectLockConfiguration"));
        extras.push(bucket("s3:PutBucketVersioning"));
    }
    if has("x-amz-object-ownership") {
        extras.push(bucket("s3:PutBucketOwnershipControls"));
    }
    if has("x-amz-acl") || grants(&has) {
        extras.push(bucket("s3:PutBucketAcl"));
    }
    extras
}

fn object_extras(has: impl Fn(&str) -> bool) -> Vec<Need> {
    let mut extras = Vec::new();
    if has("x-amz-tagging") {
        extras.push(object("s3:PutObjectTagging"));
    }
    if has("x-amz-object-lock-mode") || has("x-amz-object-lock-retain-until-date") {
        extras.push(object("s3:PutObjectRetention"));
    }
    if has("x-amz-object-lock-legal-hold") {
        extras.push(object("s3:PutObjectLegalHold"));
    }
    if has("x-amz-acl") || grants(&has) {
        extras.push(object("s3:PutObjectAcl"));
    }
    extras
}

fn grants(has: impl Fn(&str) -> bool) -> bool {
    ["full-control", "read", "read-acp", "write", "write-acp"].iter().any(|kind| has(&format!("x-amz-grant-{kind}")))
}

fn source(headers: &HeaderMap) -> Need {
    let versioned =
        headers.get("x-amz-copy-source").is_some_and(|v| v.as_bytes().windows(11).any(|w| w == b"?versionId="));
    Need { action: if versioned { "s3:GetObjectVersion" } else { "s3:GetObject" }, on: On::Source }
}

/// Whether policies may decide the action by `s3:ExistingObjectTag`.
#[must_use]
pub fn reads_existing_tags(action: &str) -> bool {
    matches!(
        action,
        "s3:GetObject"
            | "s3:GetObjectVersion"
            | "s3:GetObjectAttributes"
            | "s3:GetObjectVersionAttributes"
            | "s3:GetObjectAcl"
            | "s3:GetObjectVersionAcl"
            | "s3:PutObjectAcl"
            | "s3:PutObjectVersionAcl"
            | "s3:GetObjectTagging"
            | "s3:GetObjectVersionTagging"
            | "s3:PutObjectTagging"
            | "s3:PutObjectVersionTagging"
            | "s3:DeleteObjectTagging"
            | "s3:DeleteObjectVersionTagging"
    )
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
        needs(name, &headers(pairs), &Uri::from_static(uri)).unwrap().into_iter().map(|need| need.action).collect()
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
            let needs =
                needs("CopyObject", &headers(&[("x-amz-copy-source", value)]), &Uri::from_static("/b/k")).unwrap();
            assert!(needs.contains(&Need { action, on: On::Source }), "{value}");
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

    #[test]
    fn what_is_not_in_the_table_is_not_served() {
        for name in
            ["SelectObjectContent", "RestoreObject", "CreateSession", "RenameObject", "WriteGetObjectResponse", ""]
        {
            assert!(needs(name, &HeaderMap::new(), &Uri::from_static("/")).is_none(), "{name}");
        }
    }
}
