//! S3 (Amazon S3 API Reference; S3 User Guide, "Required permissions for Amazon S3 API operations"
//! and "Amazon S3 CloudTrail events").

use arqueta_model::replica;

use super::{operations, reads, writes};
use crate::action::{Action, On, Permission, When};
use crate::s3_actions as actions;

/// Headers that set who may do what with what is made.
const ACL: When = When::AnyHeader(&[
    "x-amz-acl",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
]);
const RETENTION: When = When::AnyHeader(&["x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date"]);
const LOCK: When =
    When::AnyHeader(&["x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date", "x-amz-object-lock-legal-hold"]);
const BYPASS: When = When::Says("x-amz-bypass-governance-retention");

const PUT_OBJECT: Permission = Permission::of(actions::PUT_OBJECT);
const SET_TAGS: Permission = Permission::of(actions::PUT_OBJECT_TAGGING).when(When::Header("x-amz-tagging"));
const SET_RETENTION: Permission = Permission::of(actions::PUT_OBJECT_RETENTION).when(RETENTION);
const SET_HOLD: Permission =
    Permission::of(actions::PUT_OBJECT_LEGAL_HOLD).when(When::Header("x-amz-object-lock-legal-hold"));
const SET_ACL: Permission = Permission::of(actions::PUT_OBJECT_ACL).when(ACL);
/// A condition on the present ETag tells something of the present object.
const COMPARE: Permission = Permission::of(actions::GET_OBJECT).when(When::Header("if-match"));
const READ: Permission = Permission::of(actions::GET_OBJECT).or_version(actions::GET_OBJECT_VERSION);
/// So do the others of a delete, which may be of a version.
const COMPARE_VERSION: Permission =
    READ.when(When::AnyHeader(&["if-match", "x-amz-if-match-last-modified-time", "x-amz-if-match-size"]));
const READ_SOURCE: Permission = READ.of_source();
const DELETE_ONE: Permission = Permission::of(actions::DELETE_OBJECT).or_version(actions::DELETE_OBJECT_VERSION);
const OVERRIDE: Permission = Permission::of(actions::BYPASS_GOVERNANCE_RETENTION);

const PUT: &[Permission] = &[PUT_OBJECT, SET_TAGS, SET_RETENTION, SET_HOLD, SET_ACL, COMPARE];
/// Beside these, both tagging actions where the source has tags that come along.
const COPY: &[Permission] = &[PUT_OBJECT, SET_TAGS, SET_RETENTION, SET_HOLD, SET_ACL, READ_SOURCE, COMPARE];
const CREATE_UPLOAD: &[Permission] = &[PUT_OBJECT, SET_TAGS, SET_RETENTION, SET_HOLD, SET_ACL];
const COPY_PART: &[Permission] = &[PUT_OBJECT, READ_SOURCE];
const COMPLETE_UPLOAD: &[Permission] = &[PUT_OBJECT, COMPARE];
const DELETE: &[Permission] = &[DELETE_ONE, COMPARE_VERSION, OVERRIDE.when(BYPASS)];
const DELETE_EACH: &[Permission] =
    &[DELETE_ONE.when(When::ByOperation), READ.when(When::ByOperation), OVERRIDE.when(When::ByOperation)];
const ATTRIBUTES: &[Permission] =
    &[READ, Permission::of(actions::GET_OBJECT_ATTRIBUTES).or_version(actions::GET_OBJECT_VERSION_ATTRIBUTES)];
const TAG: &[Permission] =
    &[Permission::of(actions::PUT_OBJECT_TAGGING).or_version(actions::PUT_OBJECT_VERSION_TAGGING).when(When::InBody)];
const RETAIN: &[Permission] =
    &[Permission::of(actions::PUT_OBJECT_RETENTION).when(When::InBody), OVERRIDE.when(When::ByOperation)];
const HOLD: &[Permission] = &[Permission::of(actions::PUT_OBJECT_LEGAL_HOLD).when(When::InBody)];
/// What another gateway needs that hands replicas over (S3 User Guide, "Setting up permissions for live
/// replication"). Never is it s3:PutObject: who may write may not say when something was written, or by which id.
const PUT_REPLICA: &[Permission] = &[
    Permission::of(actions::REPLICATE_OBJECT).when(When::HeaderIs(replica::REPLICA, replica::PUT)),
    Permission::of(actions::REPLICATE_OBJECT).when(LOCK),
    Permission::of(actions::REPLICATE_TAGS).when(When::Header("x-amz-tagging")),
    Permission::of(actions::OBJECT_OWNER_OVERRIDE_TO_BUCKET_OWNER).when(When::Header(replica::OWNER)),
];
const DELETE_REPLICA: &[Permission] = &[Permission::of(actions::REPLICATE_DELETE)];
/// Directory buckets, object lambdas and annotations have actions of their own.
const SESSION: &[Permission] = &[of(Action::new("s3express:CreateSession", On::Bucket))];
const DIRECTORY_BUCKETS: &[Permission] = &[of(Action::new("s3express:ListAllMyDirectoryBuckets", On::Account))];
const LAMBDA: &[Permission] = &[of(Action::new("s3-object-lambda:WriteGetObjectResponse", On::Account))];
const RENAME: &[Permission] = &[PUT_OBJECT, READ, DELETE_ONE];
const TORRENT: &[Permission] = &[of(actions::GET_OBJECT_TORRENT).or_version(actions::GET_OBJECT_VERSION_TORRENT)];
const CREATE_METADATA: &[Permission] = &[of(actions::CREATE_BUCKET_METADATA_TABLE_CONFIGURATION)];
const DELETE_METADATA: &[Permission] = &[of(actions::DELETE_BUCKET_METADATA_TABLE_CONFIGURATION)];
const READ_METADATA: &[Permission] = &[of(actions::GET_BUCKET_METADATA_TABLE_CONFIGURATION)];

const NO_TABLES: &str = "Metadata tables are tables of S3 Tables, which there are none of here.";
const NO_TIERS: &str = "Every object is kept in one place, so there are no tiers to move it between.";
const NO_ANALYTICS: &str = "Storage class analysis tells when to move objects to other storage classes, and every \
    object is in one.";
const NO_METRICS: &str = "Requests are counted in the gateway's own metrics, and there is no CloudWatch.";
const NO_DIRECTORIES: &str = "There are no directory buckets here.";
const NO_ANNOTATIONS: &str = "Annotations of objects are not implemented.";

const CREATE_BUCKET: &[Permission] = &[
    Permission::of(actions::CREATE_BUCKET).when(When::WithoutBody),
    Permission::of(actions::PUT_BUCKET_OBJECT_LOCK_CONFIGURATION)
        .when(When::Header("x-amz-bucket-object-lock-enabled")),
    Permission::of(actions::PUT_BUCKET_VERSIONING).when(When::Header("x-amz-bucket-object-lock-enabled")),
    Permission::of(actions::PUT_BUCKET_OWNERSHIP_CONTROLS).when(When::Header("x-amz-object-ownership")),
    Permission::of(actions::PUT_BUCKET_ACL).when(ACL),
    Permission::of(actions::TAG_RESOURCE).when(When::ByOperation),
];

const fn of(action: Action) -> Permission {
    Permission::of(action)
}

operations! {
    /// An operation of S3.
    S3, "s3:";
    served {
        CreateBucket => writes(On::Bucket).needs(CREATE_BUCKET);
        DeleteBucket => writes(On::Bucket).needs(&[of(actions::DELETE_BUCKET)]);
        DeleteBucketAnalyticsConfiguration => writes(On::Bucket).needs(&[of(actions::PUT_ANALYTICS_CONFIGURATION)]);
        DeleteBucketCors => writes(On::Bucket).needs(&[of(actions::PUT_BUCKET_CORS)]);
        DeleteBucketEncryption => writes(On::Bucket).needs(&[of(actions::PUT_ENCRYPTION_CONFIGURATION)]);
        DeleteBucketIntelligentTieringConfiguration => writes(On::Bucket)
            .needs(&[of(actions::PUT_INTELLIGENT_TIERING_CONFIGURATION)]);
        DeleteBucketInventoryConfiguration => writes(On::Bucket).needs(&[of(actions::PUT_INVENTORY_CONFIGURATION)]);
        PutBucketLifecycleConfiguration => writes(On::Bucket).recorded_as("PutBucketLifecycle")
            .needs(&[of(actions::PUT_LIFECYCLE_CONFIGURATION)]);
        DeleteBucketLifecycle => writes(On::Bucket).needs(&[of(actions::PUT_LIFECYCLE_CONFIGURATION)]);
        DeleteBucketMetadataConfiguration => writes(On::Bucket).needs(DELETE_METADATA);
        DeleteBucketMetadataTableConfiguration => writes(On::Bucket).needs(DELETE_METADATA);
        DeleteBucketMetricsConfiguration => writes(On::Bucket).needs(&[of(actions::PUT_METRICS_CONFIGURATION)]);
        DeleteBucketOwnershipControls => writes(On::Bucket).needs(&[of(actions::PUT_BUCKET_OWNERSHIP_CONTROLS)]);
        DeleteBucketPolicy => writes(On::Bucket).needs(&[of(actions::DELETE_BUCKET_POLICY)]);
        DeleteBucketReplication => writes(On::Bucket).needs(&[of(actions::PUT_REPLICATION_CONFIGURATION)]);
        DeleteBucketTagging => writes(On::Bucket).needs(&[of(actions::PUT_BUCKET_TAGGING)]);
        DeleteBucketWebsite => writes(On::Bucket).needs(&[of(actions::DELETE_BUCKET_WEBSITE)]);
        DeletePublicAccessBlock => writes(On::Bucket).recorded_as("DeleteBucketPublicAccessBlock")
            .needs(&[of(actions::PUT_BUCKET_PUBLIC_ACCESS_BLOCK)]);
        DeleteAccountPublicAccessBlock => writes(On::Account)
            .needs(&[of(actions::PUT_ACCOUNT_PUBLIC_ACCESS_BLOCK)]);
        GetAccountPublicAccessBlock => reads(On::Account).needs(&[of(actions::GET_ACCOUNT_PUBLIC_ACCESS_BLOCK)]);
        PutAccountPublicAccessBlock => writes(On::Account).needs(&[of(actions::PUT_ACCOUNT_PUBLIC_ACCESS_BLOCK)]);
        PutBucketAccelerateConfiguration => writes(On::Bucket).recorded_as("PutAccelerateConfiguration")
            .needs(&[of(actions::PUT_ACCELERATE_CONFIGURATION)]);
        PutBucketAcl => writes(On::Bucket).needs(&[of(actions::PUT_BUCKET_ACL)]);
        PutBucketCors => writes(On::Bucket).needs(&[of(actions::PUT_BUCKET_CORS)]);
        PutBucketEncryption => writes(On::Bucket).needs(&[of(actions::PUT_ENCRYPTION_CONFIGURATION)]);
        PutBucketNotificationConfiguration => writes(On::Bucket).recorded_as("PutBucketNotification")
            .needs(&[of(actions::PUT_BUCKET_NOTIFICATION)]);
        PutBucketOwnershipControls => writes(On::Bucket).needs(&[of(actions::PUT_BUCKET_OWNERSHIP_CONTROLS)]);
        PutBucketPolicy => writes(On::Bucket).needs(&[of(actions::PUT_BUCKET_POLICY)]);
        PutBucketReplication => writes(On::Bucket).needs(&[of(actions::PUT_REPLICATION_CONFIGURATION)]);
        PutBucketRequestPayment => writes(On::Bucket).needs(&[of(actions::PUT_BUCKET_REQUEST_PAYMENT)]);
        PutBucketTagging => writes(On::Bucket).needs(&[of(actions::PUT_BUCKET_TAGGING)]);
        PutBucketVersioning => writes(On::Bucket).needs(&[of(actions::PUT_BUCKET_VERSIONING)]);
        PutBucketWebsite => writes(On::Bucket).needs(&[of(actions::PUT_BUCKET_WEBSITE)]);
        PutObjectLockConfiguration => writes(On::Bucket).recorded_as("PutBucketObjectLockConfiguration")
            .needs(&[of(actions::PUT_BUCKET_OBJECT_LOCK_CONFIGURATION)]);
        PutPublicAccessBlock => writes(On::Bucket).recorded_as("PutBucketPublicAccessBlock")
            .needs(&[of(actions::PUT_BUCKET_PUBLIC_ACCESS_BLOCK)]);
        GetBucketAccelerateConfiguration => reads(On::Bucket).recorded_as("GetAccelerateConfiguration")
            .needs(&[of(actions::GET_ACCELERATE_CONFIGURATION)]);
        GetBucketAbac => reads(On::Bucket).needs(&[of(actions::GET_BUCKET_ABAC)]);
        GetBucketAnalyticsConfiguration => reads(On::Bucket).needs(&[of(actions::GET_ANALYTICS_CONFIGURATION)]);
        GetBucketIntelligentTieringConfiguration => reads(On::Bucket)
            .needs(&[of(actions::GET_INTELLIGENT_TIERING_CONFIGURATION)]);
        GetBucketInventoryConfiguration => reads(On::Bucket).needs(&[of(actions::GET_INVENTORY_CONFIGURATION)]);
        GetBucketMetadataConfiguration => reads(On::Bucket).needs(READ_METADATA);
        GetBucketMetadataTableConfiguration => reads(On::Bucket).needs(READ_METADATA);
        GetBucketMetricsConfiguration => reads(On::Bucket).needs(&[of(actions::GET_METRICS_CONFIGURATION)]);
        ListBucketAnalyticsConfigurations => reads(On::Bucket).needs(&[of(actions::GET_ANALYTICS_CONFIGURATION)]);
        ListBucketIntelligentTieringConfigurations => reads(On::Bucket)
            .needs(&[of(actions::GET_INTELLIGENT_TIERING_CONFIGURATION)]);
        ListBucketInventoryConfigurations => reads(On::Bucket).needs(&[of(actions::GET_INVENTORY_CONFIGURATION)]);
        ListBucketMetricsConfigurations => reads(On::Bucket).needs(&[of(actions::GET_METRICS_CONFIGURATION)]);
        GetBucketAcl => reads(On::Bucket).needs(&[of(actions::GET_BUCKET_ACL)]);
        GetBucketCors => reads(On::Bucket).needs(&[of(actions::GET_BUCKET_CORS)]);
        GetBucketEncryption => reads(On::Bucket).needs(&[of(actions::GET_ENCRYPTION_CONFIGURATION)]);
        GetBucketLifecycleConfiguration => reads(On::Bucket).recorded_as("GetBucketLifecycle")
            .needs(&[of(actions::GET_LIFECYCLE_CONFIGURATION)]);
        GetBucketLocation => reads(On::Bucket).needs(&[of(actions::GET_BUCKET_LOCATION)]);
        GetBucketLogging => reads(On::Bucket).needs(&[of(actions::GET_BUCKET_LOGGING)]);
        GetBucketNotificationConfiguration => reads(On::Bucket).recorded_as("GetBucketNotification")
            .needs(&[of(actions::GET_BUCKET_NOTIFICATION)]);
        GetBucketOwnershipControls => reads(On::Bucket).needs(&[of(actions::GET_BUCKET_OWNERSHIP_CONTROLS)]);
        GetBucketPolicy => reads(On::Bucket).needs(&[of(actions::GET_BUCKET_POLICY)]);
        GetBucketPolicyStatus => reads(On::Bucket).needs(&[of(actions::GET_BUCKET_POLICY_STATUS)]);
        GetBucketReplication => reads(On::Bucket).needs(&[of(actions::GET_REPLICATION_CONFIGURATION)]);
        GetBucketRequestPayment => reads(On::Bucket).needs(&[of(actions::GET_BUCKET_REQUEST_PAYMENT)]);
        GetBucketTagging => reads(On::Bucket).needs(&[of(actions::GET_BUCKET_TAGGING)]);
        GetBucketVersioning => reads(On::Bucket).needs(&[of(actions::GET_BUCKET_VERSIONING)]);
        GetBucketWebsite => reads(On::Bucket).needs(&[of(actions::GET_BUCKET_WEBSITE)]);
        GetObjectLockConfiguration => reads(On::Bucket).recorded_as("GetBucketObjectLockConfiguration")
            .needs(&[of(actions::GET_BUCKET_OBJECT_LOCK_CONFIGURATION)]);
        GetPublicAccessBlock => reads(On::Bucket).recorded_as("GetBucketPublicAccessBlock")
            .needs(&[of(actions::GET_BUCKET_PUBLIC_ACCESS_BLOCK)]);
        ListBuckets => reads(On::Account).needs(&[of(actions::LIST_ALL_MY_BUCKETS)]);
        AbortMultipartUpload => writes(On::Object).data().needs(&[of(actions::ABORT_MULTIPART_UPLOAD)]);
        CompleteMultipartUpload => writes(On::Object).data().needs(COMPLETE_UPLOAD);
        CopyObject => writes(On::Object).data().needs(COPY);
        CreateMultipartUpload => writes(On::Object).data().needs(CREATE_UPLOAD);
        DeleteObject => writes(On::Object).data().needs(DELETE).replicas(DELETE_REPLICA);
        DeleteObjects => writes(On::Bucket).data().objects_in_body().needs(DELETE_EACH);
        DeleteObjectTagging => writes(On::Object).data()
            .needs(&[of(actions::DELETE_OBJECT_TAGGING).or_version(actions::DELETE_OBJECT_VERSION_TAGGING)]);
        PostObject => writes(On::Object).data().objects_in_body().needs(PUT);
        PutObject => writes(On::Object).data().needs(PUT).replicas(PUT_REPLICA);
        PutObjectAcl => writes(On::Object).data()
            .needs(&[of(actions::PUT_OBJECT_ACL).or_version(actions::PUT_OBJECT_VERSION_ACL)]);
        PutObjectLegalHold => writes(On::Object).data().needs(HOLD);
        PutObjectRetention => writes(On::Object).data().needs(RETAIN);
        PutObjectTagging => writes(On::Object).data().needs(TAG);
        RestoreObject => writes(On::Object).data().needs(&[of(actions::RESTORE_OBJECT)]);
        UpdateObjectEncryption => writes(On::Object).data().needs(&[of(actions::UPDATE_OBJECT_ENCRYPTION)]);
        UploadPart => writes(On::Object).data().needs(&[of(actions::PUT_OBJECT)]);
        UploadPartCopy => writes(On::Object).data().needs(COPY_PART);
        GetObject => reads(On::Object).data().needs(&[READ]);
        GetObjectAcl => reads(On::Object).data()
            .needs(&[of(actions::GET_OBJECT_ACL).or_version(actions::GET_OBJECT_VERSION_ACL)]);
        GetObjectAttributes => reads(On::Object).data().needs(ATTRIBUTES);
        GetObjectLegalHold => reads(On::Object).data().needs(&[of(actions::GET_OBJECT_LEGAL_HOLD)]);
        GetObjectRetention => reads(On::Object).data().needs(&[of(actions::GET_OBJECT_RETENTION)]);
        GetObjectTagging => reads(On::Object).data()
            .needs(&[of(actions::GET_OBJECT_TAGGING).or_version(actions::GET_OBJECT_VERSION_TAGGING)]);
        HeadBucket => reads(On::Bucket).data().needs(&[of(actions::LIST_BUCKET)]);
        HeadObject => reads(On::Object).data().needs(&[READ]);
        ListMultipartUploads => reads(On::Bucket).data().needs(&[of(actions::LIST_BUCKET_MULTIPART_UPLOADS)]);
        ListObjects => reads(On::Bucket).data().needs(&[of(actions::LIST_BUCKET)]);
        ListObjectsV2 => reads(On::Bucket).data().recorded_as("ListObjects").needs(&[of(actions::LIST_BUCKET)]);
        ListObjectVersions => reads(On::Bucket).data().needs(&[of(actions::LIST_BUCKET_VERSIONS)]);
        ListParts => reads(On::Object).data().needs(&[of(actions::LIST_MULTIPART_UPLOAD_PARTS)]);
    }
    open {
    }
    refused {
        CreateBucketMetadataConfiguration => writes(On::Bucket).needs(CREATE_METADATA).because(NO_TABLES);
        CreateBucketMetadataTableConfiguration => writes(On::Bucket).needs(CREATE_METADATA).because(NO_TABLES);
        CreateSession => reads(On::Bucket).needs(SESSION).because(NO_DIRECTORIES);
        DeleteObjectAnnotation => writes(On::Object).data().because(NO_ANNOTATIONS);
        GetObjectAnnotation => reads(On::Object).data().because(NO_ANNOTATIONS);
        GetObjectTorrent => reads(On::Object).data().needs(TORRENT)
            .because("AWS makes no torrents of encrypted objects, and objects are encrypted here.");
        ListDirectoryBuckets => reads(On::Account).needs(DIRECTORY_BUCKETS).because(NO_DIRECTORIES);
        ListObjectAnnotations => reads(On::Object).data().because(NO_ANNOTATIONS);
        PutBucketAbac => writes(On::Bucket).needs(&[of(actions::PUT_BUCKET_ABAC)])
            .because("Access by the tags of buckets is not implemented.");
        PutBucketAnalyticsConfiguration => writes(On::Bucket).needs(&[of(actions::PUT_ANALYTICS_CONFIGURATION)])
            .because(NO_ANALYTICS);
        PutBucketIntelligentTieringConfiguration => writes(On::Bucket)
            .needs(&[of(actions::PUT_INTELLIGENT_TIERING_CONFIGURATION)]).because(NO_TIERS);
        PutBucketInventoryConfiguration => writes(On::Bucket).needs(&[of(actions::PUT_INVENTORY_CONFIGURATION)])
            .because("Inventories are not implemented.");
        PutBucketLogging => writes(On::Bucket).needs(&[of(actions::PUT_BUCKET_LOGGING)])
            .because("Server access logs are not implemented; trails tell of every request.");
        PutBucketMetricsConfiguration => writes(On::Bucket).needs(&[of(actions::PUT_METRICS_CONFIGURATION)])
            .because(NO_METRICS);
        PutObjectAnnotation => writes(On::Object).data().because(NO_ANNOTATIONS);
        RenameObject => writes(On::Object).data().needs(RENAME)
            .because("Objects of directory buckets can be renamed, and there are none here.");
        SelectObjectContent => reads(On::Object).data().needs(&[of(actions::GET_OBJECT)])
            .because("S3 Select is not implemented; AWS closed it to new customers in 2024.");
        UpdateBucketMetadataAnnotationTableConfiguration => writes(On::Bucket).because(NO_TABLES);
        UpdateBucketMetadataInventoryTableConfiguration => writes(On::Bucket)
            .needs(&[of(actions::UPDATE_BUCKET_METADATA_INVENTORY_TABLE_CONFIGURATION)]).because(NO_TABLES);
        UpdateBucketMetadataJournalTableConfiguration => writes(On::Bucket)
            .needs(&[of(actions::UPDATE_BUCKET_METADATA_JOURNAL_TABLE_CONFIGURATION)]).because(NO_TABLES);
        WriteGetObjectResponse => writes(On::Account).data().needs(LAMBDA)
            .because("There are no Object Lambda access points here.");
    }
}

#[cfg(test)]
mod tests {
    use super::S3;

    #[test]
    fn what_is_refused_says_why() {
        for row in S3::rows() {
            assert_eq!(row.is_served, row.reason.is_empty(), "{}", row.name);
            assert!(!row.permissions.is_empty(), "{}: who may not would be told", row.name);
        }
    }
}
