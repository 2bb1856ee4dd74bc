//! CloudTrail's names of S3's operations, and what kind of event each is (Amazon S3 User Guide,
//! "Amazon S3 CloudTrail events").

/// How an operation is recorded.
#[derive(Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Name of the operation, as s3s has it.
    operation: &'static str,
    /// Name of the event.
    pub event: &'static str,
    /// A management event rather than a data event.
    pub management: bool,
    /// Whether the call changes nothing.
    pub read_only: bool,
    /// Only the body names the objects.
    pub objects_in_body: bool,
}

/// The operations that change how a bucket is administered.
#[cfg(test)]
pub fn administration() -> impl Iterator<Item = &'static str> {
    TABLE.iter().filter(|recorded| recorded.management && !recorded.read_only).map(|recorded| recorded.operation)
}

/// How `operation` is recorded; `None` for an operation that is not served.
#[must_use]
pub fn of(operation: &str) -> Option<&'static Recorded> {
    TABLE.iter().find(|recorded| recorded.operation == operation)
}

/// `name`, if it is the name of an operation that is served.
#[must_use]
pub fn operation(name: &str) -> Option<&'static str> {
    of(name).map(|recorded| recorded.operation)
}

const fn manages(operation: &'static str, event: &'static str) -> Recorded {
    Recorded { operation, event, management: true, read_only: false, objects_in_body: false }
}

const fn describes(operation: &'static str, event: &'static str) -> Recorded {
    Recorded { read_only: true, ..manages(operation, event) }
}

const fn writes(operation: &'static str) -> Recorded {
    Recorded { management: false, ..manages(operation, operation) }
}

const fn reads(operation: &'static str, event: &'static str) -> Recorded {
    Recorded { management: false, ..describes(operation, event) }
}

const TABLE: &[Recorded] = &[
    manages("CreateBucket", "CreateBucket"),
    manages("DeleteBucket", "DeleteBucket"),
    manages("DeleteBucketAnalyticsConfiguration", "DeleteBucketAnalyticsConfiguration"),
    manages("DeleteBucketCors", "DeleteBucketCors"),
    manages("DeleteBucketEncryption", "DeleteBucketEncryption"),
    manages("DeleteBucketIntelligentTieringConfiguration", "DeleteBucketIntelligentTieringConfiguration"),
    manages("DeleteBucketInventoryConfiguration", "DeleteBucketInventoryConfiguration"),
    manages("DeleteBucketLifecycle", "DeleteBucketLifecycle"),
    manages("DeleteBucketMetricsConfiguration", "DeleteBucketMetricsConfiguration"),
    manages("DeleteBucketOwnershipControls", "DeleteBucketOwnershipControls"),
    manages("DeleteBucketPolicy", "DeleteBucketPolicy"),
    manages("DeleteBucketReplication", "DeleteBucketReplication"),
    manages("DeleteBucketTagging", "DeleteBucketTagging"),
    manages("DeleteBucketWebsite", "DeleteBucketWebsite"),
    manages("DeletePublicAccessBlock", "DeleteBucketPublicAccessBlock"),
    manages("PutBucketAccelerateConfiguration", "PutAccelerateConfiguration"),
    manages("PutBucketAcl", "PutBucketAcl"),
    manages("PutBucketCors", "PutBucketCors"),
    manages("PutBucketEncryption", "PutBucketEncryption"),
    manages("PutBucketLifecycleConfiguration", "PutBucketLifecycle"),
    manages("PutBucketLogging", "PutBucketLogging"),
    manages("PutBucketNotificationConfiguration", "PutBucketNotification"),
    manages("PutBucketOwnershipControls", "PutBucketOwnershipControls"),
    manages("PutBucketPolicy", "PutBucketPolicy"),
    manages("PutBucketReplication", "PutBucketReplication"),
    manages("PutBucketRequestPayment", "PutBucketRequestPayment"),
    manages("PutBucketTagging", "PutBucketTagging"),
    manages("PutBucketVersioning", "PutBucketVersioning"),
    manages("PutBucketWebsite", "PutBucketWebsite"),
    manages("PutObjectLockConfiguration", "PutBucketObjectLockConfiguration"),
    manages("PutPublicAccessBlock", "PutBucketPublicAccessBlock"),
    describes("GetBucketAccelerateConfiguration", "GetAccelerateConfiguration"),
    describes("GetBucketAcl", "GetBucketAcl"),
    describes("GetBucketCors", "GetBucketCors"),
    describes("GetBucketEncryption", "GetBucketEncryption"),
    describes("GetBucketLifecycleConfiguration", "GetBucketLifecycle"),
    describes("GetBucketLocation", "GetBucketLocation"),
    describes("GetBucketLogging", "GetBucketLogging"),
    describes("GetBucketNotificationConfiguration", "GetBucketNotification"),
    describes("GetBucketOwnershipControls", "GetBucketOwnershipControls"),
    describes("GetBucketPolicy", "GetBucketPolicy"),
    describes("GetBucketPolicyStatus", "GetBucketPolicyStatus"),
    describes("GetBucketReplication", "GetBucketReplication"),
    describes("GetBucketRequestPayment", "GetBucketRequestPayment"),
    describes("GetBucketTagging", "GetBucketTagging"),
    describes("GetBucketVersioning", "GetBucketVersioning"),
    describes("GetBucketWebsite", "GetBucketWebsite"),
    describes("GetObjectLockConfiguration", "GetBucketObjectLockConfiguration"),
    describes("GetPublicAccessBlock", "GetBucketPublicAccessBlock"),
    describes("ListBuckets", "ListBuckets"),
    writes("AbortMultipartUpload"),
    writes("CompleteMultipartUpload"),
    writes("CopyObject"),
    writes("CreateMultipartUpload"),
    writes("DeleteObject"),
    Recorded { objects_in_body: true, ..writes("DeleteObjects") },
    writes("DeleteObjectTagging"),
    Recorded { objects_in_body: true, ..writes("PostObject") },
    writes("PutObject"),
    writes("PutObjectAcl"),
    writes("PutObjectLegalHold"),
    writes("PutObjectRetention"),
    writes("PutObjectTagging"),
    writes("UpdateObjectEncryption"),
    writes("UploadPart"),
    writes("UploadPartCopy"),
    reads("GetObject", "GetObject"),
    reads("GetObjectAcl", "GetObjectAcl"),
    reads("GetObjectAttributes", "GetObjectAttributes"),
    reads("GetObjectLegalHold", "GetObjectLegalHold"),
    reads("GetObjectRetention", "GetObjectRetention"),
    reads("GetObjectTagging", "GetObjectTagging"),
    reads("HeadBucket", "HeadBucket"),
    reads("HeadObject", "HeadObject"),
    reads("ListMultipartUploads", "ListMultipartUploads"),
    reads("ListObjects", "ListObjects"),
    reads("ListObjectsV2", "ListObjects"),
    reads("ListObjectVersions", "ListObjectVersions"),
    reads("ListParts", "ListParts"),
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_operation_that_is_served_is_recorded() {
        let operations = include_str!("../ops/mod.rs");
        let mut served = 0;
        for line in operations.lines().filter(|line| line.starts_with("    ") && line.contains("Input) -> ")) {
            let input = line.split_once('(').unwrap().1;
            let name = input.split_once("Input)").unwrap().0;
            assert!(of(name).is_some(), "{name} is served and has no line here");
            served += 1;
        }
        assert!(served > 50, "{served} operations found");
    }

    #[test]
    fn each_stands_once_and_reads_are_told_from_changes() {
        let names: HashSet<_> = TABLE.iter().map(|recorded| recorded.operation).collect();
        assert_eq!(names.len(), TABLE.len());
        for Recorded { operation, read_only, .. } in TABLE {
            let reads = ["Get", "Head", "List"].iter().any(|verb| operation.starts_with(verb));
            assert_eq!(*read_only, reads, "{operation}");
        }
    }
}
