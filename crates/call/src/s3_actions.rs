//! The actions of S3 (Service Authorization Reference, "Actions defined by Amazon S3"): those that
//! operations here need, and the others that a bucket policy may name.

use crate::action::{Action, On};

macro_rules! actions {
    ($($on:ident $by_existing_tags:literal { $($constant:ident = $name:literal;)* })*) => {
        $($(
            #[doc = concat!("`", $name, "`.")]
            pub const $constant: Action =
                Action { name: $name, on: On::$on, by_existing_tags: $by_existing_tags };
        )*)*

        /// All of them.
        pub const ALL: &[Action] = &[$($($constant,)*)*];
    };
}

// What a policy may ask of the tags of the object that is there: `true`.
actions! {
    Account false {
        GET_ACCOUNT_PUBLIC_ACCESS_BLOCK = "s3:GetAccountPublicAccessBlock";
        LIST_ALL_MY_BUCKETS = "s3:ListAllMyBuckets";
        PUT_ACCOUNT_PUBLIC_ACCESS_BLOCK = "s3:PutAccountPublicAccessBlock";
    }
    Bucket false {
        CREATE_BUCKET = "s3:CreateBucket";
        CREATE_BUCKET_METADATA_TABLE_CONFIGURATION = "s3:CreateBucketMetadataTableConfiguration";
        DELETE_BUCKET = "s3:DeleteBucket";
        DELETE_BUCKET_METADATA_TABLE_CONFIGURATION = "s3:DeleteBucketMetadataTableConfiguration";
        DELETE_BUCKET_POLICY = "s3:DeleteBucketPolicy";
        DELETE_BUCKET_WEBSITE = "s3:DeleteBucketWebsite";
        GET_ACCELERATE_CONFIGURATION = "s3:GetAccelerateConfiguration";
        GET_ANALYTICS_CONFIGURATION = "s3:GetAnalyticsConfiguration";
        GET_BUCKET_ABAC = "s3:GetBucketAbac";
        GET_BUCKET_ACL = "s3:GetBucketAcl";
        GET_BUCKET_CORS = "s3:GetBucketCORS";
        GET_BUCKET_LOCATION = "s3:GetBucketLocation";
        GET_BUCKET_LOGGING = "s3:GetBucketLogging";
        GET_BUCKET_METADATA_TABLE_CONFIGURATION = "s3:GetBucketMetadataTableConfiguration";
        GET_BUCKET_NOTIFICATION = "s3:GetBucketNotification";
        GET_BUCKET_OBJECT_LOCK_CONFIGURATION = "s3:GetBucketObjectLockConfiguration";
        GET_BUCKET_OWNERSHIP_CONTROLS = "s3:GetBucketOwnershipControls";
        GET_BUCKET_POLICY = "s3:GetBucketPolicy";
        GET_BUCKET_POLICY_STATUS = "s3:GetBucketPolicyStatus";
        GET_BUCKET_PUBLIC_ACCESS_BLOCK = "s3:GetBucketPublicAccessBlock";
        GET_BUCKET_REQUEST_PAYMENT = "s3:GetBucketRequestPayment";
        GET_BUCKET_TAGGING = "s3:GetBucketTagging";
        GET_BUCKET_VERSIONING = "s3:GetBucketVersioning";
        GET_BUCKET_WEBSITE = "s3:GetBucketWebsite";
        GET_ENCRYPTION_CONFIGURATION = "s3:GetEncryptionConfiguration";
        GET_INTELLIGENT_TIERING_CONFIGURATION = "s3:GetIntelligentTieringConfiguration";
        GET_INVENTORY_CONFIGURATION = "s3:GetInventoryConfiguration";
        GET_LIFECYCLE_CONFIGURATION = "s3:GetLifecycleConfiguration";
        GET_METRICS_CONFIGURATION = "s3:GetMetricsConfiguration";
        GET_REPLICATION_CONFIGURATION = "s3:GetReplicationConfiguration";
        LIST_BUCKET = "s3:ListBucket";
        LIST_BUCKET_MULTIPART_UPLOADS = "s3:ListBucketMultipartUploads";
        LIST_BUCKET_VERSIONS = "s3:ListBucketVersions";
        LIST_TAGS_FOR_RESOURCE = "s3:ListTagsForResource";
        PUT_ACCELERATE_CONFIGURATION = "s3:PutAccelerateConfiguration";
        PUT_ANALYTICS_CONFIGURATION = "s3:PutAnalyticsConfiguration";
        PUT_BUCKET_ABAC = "s3:PutBucketAbac";
        PUT_BUCKET_ACL = "s3:PutBucketAcl";
        PUT_BUCKET_CORS = "s3:PutBucketCORS";
        PUT_BUCKET_LOGGING = "s3:PutBucketLogging";
        PUT_BUCKET_NOTIFICATION = "s3:PutBucketNotification";
        PUT_BUCKET_OBJECT_LOCK_CONFIGURATION = "s3:PutBucketObjectLockConfiguration";
        PUT_BUCKET_OWNERSHIP_CONTROLS = "s3:PutBucketOwnershipControls";
        PUT_BUCKET_POLICY = "s3:PutBucketPolicy";
        PUT_BUCKET_PUBLIC_ACCESS_BLOCK = "s3:PutBucketPublicAccessBlock";
        PUT_BUCKET_REQUEST_PAYMENT = "s3:PutBucketRequestPayment";
        PUT_BUCKET_TAGGING = "s3:PutBucketTagging";
        PUT_BUCKET_VERSIONING = "s3:PutBucketVersioning";
        PUT_BUCKET_WEBSITE = "s3:PutBucketWebsite";
        PUT_ENCRYPTION_CONFIGURATION = "s3:PutEncryptionConfiguration";
        PUT_INTELLIGENT_TIERING_CONFIGURATION = "s3:PutIntelligentTieringConfiguration";
        PUT_INVENTORY_CONFIGURATION = "s3:PutInventoryConfiguration";
        PUT_LIFECYCLE_CONFIGURATION = "s3:PutLifecycleConfiguration";
        PUT_METRICS_CONFIGURATION = "s3:PutMetricsConfiguration";
        PUT_REPLICATION_CONFIGURATION = "s3:PutReplicationConfiguration";
        TAG_RESOURCE = "s3:TagResource";
        UNTAG_RESOURCE = "s3:UntagResource";
        UPDATE_BUCKET_METADATA_INVENTORY_TABLE_CONFIGURATION = "s3:UpdateBucketMetadataInventoryTableConfiguration";
        UPDATE_BUCKET_METADATA_JOURNAL_TABLE_CONFIGURATION = "s3:UpdateBucketMetadataJournalTableConfiguration";
    }
    Object true {
        DELETE_OBJECT_TAGGING = "s3:DeleteObjectTagging";
        DELETE_OBJECT_VERSION_TAGGING = "s3:DeleteObjectVersionTagging";
        GET_OBJECT = "s3:GetObject";
        GET_OBJECT_ACL = "s3:GetObjectAcl";
        GET_OBJECT_ATTRIBUTES = "s3:GetObjectAttributes";
        GET_OBJECT_TAGGING = "s3:GetObjectTagging";
        GET_OBJECT_VERSION = "s3:GetObjectVersion";
        GET_OBJECT_VERSION_ACL = "s3:GetObjectVersionAcl";
        GET_OBJECT_VERSION_ATTRIBUTES = "s3:GetObjectVersionAttributes";
        GET_OBJECT_VERSION_TAGGING = "s3:GetObjectVersionTagging";
        PUT_OBJECT_ACL = "s3:PutObjectAcl";
        PUT_OBJECT_TAGGING = "s3:PutObjectTagging";
        PUT_OBJECT_VERSION_ACL = "s3:PutObjectVersionAcl";
        PUT_OBJECT_VERSION_TAGGING = "s3:PutObjectVersionTagging";
    }
    Object false {
        ABORT_MULTIPART_UPLOAD = "s3:AbortMultipartUpload";
        BYPASS_GOVERNANCE_RETENTION = "s3:BypassGovernanceRetention";
        DELETE_OBJECT = "s3:DeleteObject";
        DELETE_OBJECT_VERSION = "s3:DeleteObjectVersion";
        GET_OBJECT_LEGAL_HOLD = "s3:GetObjectLegalHold";
        GET_OBJECT_RETENTION = "s3:GetObjectRetention";
        GET_OBJECT_TORRENT = "s3:GetObjectTorrent";
        GET_OBJECT_VERSION_FOR_REPLICATION = "s3:GetObjectVersionForReplication";
        GET_OBJECT_VERSION_TORRENT = "s3:GetObjectVersionTorrent";
        INITIATE_REPLICATION = "s3:InitiateReplication";
        LIST_MULTIPART_UPLOAD_PARTS = "s3:ListMultipartUploadParts";
        OBJECT_OWNER_OVERRIDE_TO_BUCKET_OWNER = "s3:ObjectOwnerOverrideToBucketOwner";
        PUT_OBJECT = "s3:PutObject";
        PUT_OBJECT_LEGAL_HOLD = "s3:PutObjectLegalHold";
        PUT_OBJECT_RETENTION = "s3:PutObjectRetention";
        REPLICATE_DELETE = "s3:ReplicateDelete";
        REPLICATE_OBJECT = "s3:ReplicateObject";
        REPLICATE_TAGS = "s3:ReplicateTags";
        RESTORE_OBJECT = "s3:RestoreObject";
        UPDATE_OBJECT_ENCRYPTION = "s3:UpdateObjectEncryption";
    }
}

/// The action of that name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Action> {
    ALL.iter().find(|action| action.name == name)
}
