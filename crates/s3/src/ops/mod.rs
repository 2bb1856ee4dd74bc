//! The operations of S3, one file per area: each decodes its input, calls the engine, encodes the
//! answer. Authorization of the request was decided before any of them runs ([`crate::auth`]);
//! what stands in a body is decided here.
//!
//! An operation without a row answers NotImplemented.

mod absent;
mod acl;
mod attributes;
mod bucket;
mod copy;
mod cors;
mod decided;
mod delete;
mod encryption;
mod fields;
mod lifecycle;
mod listing;
mod listing_document;
mod listing_uploads;
mod lock;
mod multipart;
mod namespace;
mod notification;
mod payment;
mod policy;
mod public_access;
mod put;
mod read;
mod replica;
mod replication;
mod tagging;
mod website;

pub use copy::copy_source;
pub use tagging::pairs as tag_pairs;

use std::collections::BTreeMap;
use std::sync::Arc;

use arqueta_call::{Action, s3_actions};
use arqueta_engine::api::{ObjectName, Sighting};
use arqueta_engine::lifecycle::Calendar;
use arqueta_engine::record::{BucketDocument, BucketRecord};
use arqueta_engine::{Caller, Engine, Error};
use arqueta_model::{BucketName, NameError, ObjectKey, Region};
use async_trait::async_trait;
use http::{HeaderMap, Uri};
use s3s::dto::*;
use s3s::{S3, S3Error, S3Request, S3Response, S3Result, s3_error};

use crate::elsewhere::Elsewhere;
use crate::error;
use crate::exchange::{Exchange, told};
use crate::gate::{About, Gate, Question};
use crate::public_access::PublicAccess;
use crate::query;
use crate::record::Recorder;
use crate::refusal::Detail as _;
use crate::terms;

/// S3 over an [`Engine`].
#[derive(Debug)]
pub struct Operations {
    engine: Arc<Engine>,
    gate: Arc<Gate>,
    region: Region,
    /// Is told of which objects a call is, where the body says so.
    recorder: Recorder,
    /// What lifecycle calls a day.
    calendar: Calendar,
    /// What new buckets are configured with.
    new_buckets: BTreeMap<BucketDocument, String>,
    /// Whether anybody is shown websites.
    websites: bool,
    /// Where buckets may replicate to, beside this gateway.
    elsewhere: Elsewhere,
}

impl Operations {
    /// The same where buckets are shown as websites, or are not.
    #[must_use]
    pub fn showing(self, websites: bool) -> Self {
        Self { websites, ..self }
    }

    /// The same where replication knows these endpoints.
    #[must_use]
    pub fn replicating(self, elsewhere: Elsewhere) -> Self {
        Self { elsewhere, ..self }
    }

    /// The operations of a gateway in `region` whose new buckets have `public_access`.
    #[must_use]
    pub fn new(
        engine: Arc<Engine>,
        gate: Arc<Gate>,
        region: Region,
        recorder: Recorder,
        public_access: Option<PublicAccess>,
    ) -> Self {
        let blocked = public_access.map(|settings| (BucketDocument::PublicAccessBlock, settings.document()));
        let new_buckets = blocked.into_iter().collect();
        Self {
            engine,
            gate,
            region,
            recorder,
            calendar: Calendar::default(),
            new_buckets,
            websites: false,
            elsewhere: Elsewhere::default(),
        }
    }

    /// With days of another length for lifecycle.
    #[must_use]
    pub fn by(self, calendar: Calendar) -> Self {
        Self { calendar, ..self }
    }
}

macro_rules! operations {
    ($($row:ident: $area:ident::$name:ident($input:ident) -> $output:ident;)*) => {
        #[async_trait]
        impl S3 for Operations {
            $(async fn $name(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                told($area::$name(self, request).await)
            })*
        }

        // A row that nothing performs does not compile, nor does a line without a row.
        const _: fn(arqueta_call::S3) = |operation| match operation {
            $(arqueta_call::S3::$row => (),)*
            // Becomes a PutObject (`crate::form`).
            arqueta_call::S3::PostObject => (),
            // Of accounts (`crate::account`).
            arqueta_call::S3::DeleteAccountPublicAccessBlock
            | arqueta_call::S3::GetAccountPublicAccessBlock
            | arqueta_call::S3::PutAccountPublicAccessBlock => (),
        };

        /// Names of rows and of the inputs that they stand for.
        #[cfg(test)]
        const SHAPES: &[(&str, &str)] = &[$((stringify!($row), stringify!($input)),)*];
    };
}

operations! {
    GetObject: read::get_object(GetObjectInput) -> GetObjectOutput;
    HeadObject: read::head_object(HeadObjectInput) -> HeadObjectOutput;
    GetObjectAttributes: attributes::get_object_attributes(GetObjectAttributesInput) -> GetObjectAttributesOutput;
    PutObject: replica::put_object(PutObjectInput) -> PutObjectOutput;
    CopyObject: copy::copy_object(CopyObjectInput) -> CopyObjectOutput;
    UploadPartCopy: copy::upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput;
    DeleteObject: replica::delete_object(DeleteObjectInput) -> DeleteObjectOutput;
    DeleteObjects: delete::delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput;
    CreateMultipartUpload: multipart::create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput;
    UploadPart: multipart::upload_part(UploadPartInput) -> UploadPartOutput;
    CompleteMultipartUpload: multipart::complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput;
    AbortMultipartUpload: multipart::abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput;
    ListParts: listing_uploads::list_parts(ListPartsInput) -> ListPartsOutput;
    ListMultipartUploads: listing_uploads::list_multipart_uploads(ListMultipartUploadsInput) -> ListMultipartUploadsOutput;
    ListObjects: listing::list_objects(ListObjectsInput) -> ListObjectsOutput;
    ListObjectsV2: listing::list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output;
    ListObjectVersions: listing::list_object_versions(ListObjectVersionsInput) -> ListObjectVersionsOutput;
    ListBuckets: bucket::list_buckets(ListBucketsInput) -> ListBucketsOutput;
    CreateBucket: bucket::create_bucket(CreateBucketInput) -> CreateBucketOutput;
    HeadBucket: bucket::head_bucket(HeadBucketInput) -> HeadBucketOutput;
    DeleteBucket: bucket::delete_bucket(DeleteBucketInput) -> DeleteBucketOutput;
    GetBucketLocation: bucket::get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput;
    GetBucketVersioning: bucket::get_bucket_versioning(GetBucketVersioningInput) -> GetBucketVersioningOutput;
    PutBucketVersioning: bucket::put_bucket_versioning(PutBucketVersioningInput) -> PutBucketVersioningOutput;
    GetBucketEncryption: encryption::get_bucket_encryption(GetBucketEncryptionInput) -> GetBucketEncryptionOutput;
    PutBucketEncryption: encryption::put_bucket_encryption(PutBucketEncryptionInput) -> PutBucketEncryptionOutput;
    DeleteBucketEncryption: encryption::delete_bucket_encryption(DeleteBucketEncryptionInput) -> DeleteBucketEncryptionOutput;
    UpdateObjectEncryption: encryption::update_object_encryption(UpdateObjectEncryptionInput) -> UpdateObjectEncryptionOutput;
    GetBucketTagging: tagging::get_bucket_tagging(GetBucketTaggingInput) -> GetBucketTaggingOutput;
    PutBucketTagging: tagging::put_bucket_tagging(PutBucketTaggingInput) -> PutBucketTaggingOutput;
    DeleteBucketTagging: tagging::delete_bucket_tagging(DeleteBucketTaggingInput) -> DeleteBucketTaggingOutput;
    GetObjectTagging: tagging::get_object_tagging(GetObjectTaggingInput) -> GetObjectTaggingOutput;
    PutObjectTagging: tagging::put_object_tagging(PutObjectTaggingInput) -> PutObjectTaggingOutput;
    DeleteObjectTagging: tagging::delete_object_tagging(DeleteObjectTaggingInput) -> DeleteObjectTaggingOutput;
    GetObjectLockConfiguration: lock::get_object_lock_configuration(GetObjectLockConfigurationInput) -> GetObjectLockConfigurationOutput;
    PutObjectLockConfiguration: lock::put_object_lock_configuration(PutObjectLockConfigurationInput) -> PutObjectLockConfigurationOutput;
    GetObjectRetention: lock::get_object_retention(GetObjectRetentionInput) -> GetObjectRetentionOutput;
    PutObjectRetention: lock::put_object_retention(PutObjectRetentionInput) -> PutObjectRetentionOutput;
    GetObjectLegalHold: lock::get_object_legal_hold(GetObjectLegalHoldInput) -> GetObjectLegalHoldOutput;
    PutObjectLegalHold: lock::put_object_legal_hold(PutObjectLegalHoldInput) -> PutObjectLegalHoldOutput;
    GetBucketCors: cors::get_bucket_cors(GetBucketCorsInput) -> GetBucketCorsOutput;
    PutBucketCors: cors::put_bucket_cors(PutBucketCorsInput) -> PutBucketCorsOutput;
    DeleteBucketCors: cors::delete_bucket_cors(DeleteBucketCorsInput) -> DeleteBucketCorsOutput;
    GetBucketPolicy: policy::get_bucket_policy(GetBucketPolicyInput) -> GetBucketPolicyOutput;
    PutBucketPolicy: policy::put_bucket_policy(PutBucketPolicyInput) -> PutBucketPolicyOutput;
    DeleteBucketPolicy: policy::delete_bucket_policy(DeleteBucketPolicyInput) -> DeleteBucketPolicyOutput;
    GetPublicAccessBlock: public_access::get_public_access_block(GetPublicAccessBlockInput) -> GetPublicAccessBlockOutput;
    PutPublicAccessBlock: public_access::put_public_access_block(PutPublicAccessBlockInput) -> PutPublicAccessBlockOutput;
    DeletePublicAccessBlock: public_access::delete_public_access_block(DeletePublicAccessBlockInput) -> DeletePublicAccessBlockOutput;
    GetBucketPolicyStatus: public_access::get_bucket_policy_status(GetBucketPolicyStatusInput) -> GetBucketPolicyStatusOutput;
    GetBucketAcl: acl::get_bucket_acl(GetBucketAclInput) -> GetBucketAclOutput;
    PutBucketAcl: acl::put_bucket_acl(PutBucketAclInput) -> PutBucketAclOutput;
    GetObjectAcl: acl::get_object_acl(GetObjectAclInput) -> GetObjectAclOutput;
    PutObjectAcl: acl::put_object_acl(PutObjectAclInput) -> PutObjectAclOutput;
    GetBucketOwnershipControls: acl::get_bucket_ownership_controls(GetBucketOwnershipControlsInput) -> GetBucketOwnershipControlsOutput;
    DeleteBucketOwnershipControls: acl::delete_bucket_ownership_controls(DeleteBucketOwnershipControlsInput) -> DeleteBucketOwnershipControlsOutput;
    PutBucketOwnershipControls: acl::put_bucket_ownership_controls(PutBucketOwnershipControlsInput) -> PutBucketOwnershipControlsOutput;
    GetBucketRequestPayment: payment::get_bucket_request_payment(GetBucketRequestPaymentInput) -> GetBucketRequestPaymentOutput;
    GetBucketAccelerateConfiguration: absent::get_bucket_accelerate_configuration(GetBucketAccelerateConfigurationInput) -> GetBucketAccelerateConfigurationOutput;
    GetBucketLogging: absent::get_bucket_logging(GetBucketLoggingInput) -> GetBucketLoggingOutput;
    GetBucketNotificationConfiguration: notification::get_bucket_notification_configuration(GetBucketNotificationConfigurationInput) -> GetBucketNotificationConfigurationOutput;
    GetBucketLifecycleConfiguration: lifecycle::get_bucket_lifecycle_configuration(GetBucketLifecycleConfigurationInput) -> GetBucketLifecycleConfigurationOutput;
    GetBucketReplication: replication::get_bucket_replication(GetBucketReplicationInput) -> GetBucketReplicationOutput;
    GetBucketWebsite: website::get_bucket_website(GetBucketWebsiteInput) -> GetBucketWebsiteOutput;
    PutBucketLifecycleConfiguration: lifecycle::put_bucket_lifecycle_configuration(PutBucketLifecycleConfigurationInput) -> PutBucketLifecycleConfigurationOutput;
    DeleteBucketLifecycle: lifecycle::delete_bucket_lifecycle(DeleteBucketLifecycleInput) -> DeleteBucketLifecycleOutput;
    PutBucketReplication: replication::put_bucket_replication(PutBucketReplicationInput) -> PutBucketReplicationOutput;
    DeleteBucketReplication: replication::delete_bucket_replication(DeleteBucketReplicationInput) -> DeleteBucketReplicationOutput;
    DeleteBucketWebsite: website::delete_bucket_website(DeleteBucketWebsiteInput) -> DeleteBucketWebsiteOutput;
    DeleteBucketAnalyticsConfiguration: absent::delete_bucket_analytics_configuration(DeleteBucketAnalyticsConfigurationInput) -> DeleteBucketAnalyticsConfigurationOutput;
    DeleteBucketIntelligentTieringConfiguration: absent::delete_bucket_intelligent_tiering_configuration(DeleteBucketIntelligentTieringConfigurationInput) -> DeleteBucketIntelligentTieringConfigurationOutput;
    DeleteBucketInventoryConfiguration: absent::delete_bucket_inventory_configuration(DeleteBucketInventoryConfigurationInput) -> DeleteBucketInventoryConfigurationOutput;
    DeleteBucketMetricsConfiguration: absent::delete_bucket_metrics_configuration(DeleteBucketMetricsConfigurationInput) -> DeleteBucketMetricsConfigurationOutput;
    PutBucketRequestPayment: payment::put_bucket_request_payment(PutBucketRequestPaymentInput) -> PutBucketRequestPaymentOutput;
    PutBucketAccelerateConfiguration: absent::put_bucket_accelerate_configuration(PutBucketAccelerateConfigurationInput) -> PutBucketAccelerateConfigurationOutput;
    PutBucketWebsite: website::put_bucket_website(PutBucketWebsiteInput) -> PutBucketWebsiteOutput;
    GetBucketAbac: absent::get_bucket_abac(GetBucketAbacInput) -> GetBucketAbacOutput;
    GetBucketAnalyticsConfiguration: absent::get_bucket_analytics_configuration(GetBucketAnalyticsConfigurationInput) -> GetBucketAnalyticsConfigurationOutput;
    GetBucketIntelligentTieringConfiguration: absent::get_bucket_intelligent_tiering_configuration(GetBucketIntelligentTieringConfigurationInput) -> GetBucketIntelligentTieringConfigurationOutput;
    GetBucketInventoryConfiguration: absent::get_bucket_inventory_configuration(GetBucketInventoryConfigurationInput) -> GetBucketInventoryConfigurationOutput;
    GetBucketMetadataConfiguration: absent::get_bucket_metadata_configuration(GetBucketMetadataConfigurationInput) -> GetBucketMetadataConfigurationOutput;
    GetBucketMetadataTableConfiguration: absent::get_bucket_metadata_table_configuration(GetBucketMetadataTableConfigurationInput) -> GetBucketMetadataTableConfigurationOutput;
    GetBucketMetricsConfiguration: absent::get_bucket_metrics_configuration(GetBucketMetricsConfigurationInput) -> GetBucketMetricsConfigurationOutput;
    ListBucketAnalyticsConfigurations: absent::list_bucket_analytics_configurations(ListBucketAnalyticsConfigurationsInput) -> ListBucketAnalyticsConfigurationsOutput;
    ListBucketIntelligentTieringConfigurations: absent::list_bucket_intelligent_tiering_configurations(ListBucketIntelligentTieringConfigurationsInput) -> ListBucketIntelligentTieringConfigurationsOutput;
    ListBucketInventoryConfigurations: absent::list_bucket_inventory_configurations(ListBucketInventoryConfigurationsInput) -> ListBucketInventoryConfigurationsOutput;
    ListBucketMetricsConfigurations: absent::list_bucket_metrics_configurations(ListBucketMetricsConfigurationsInput) -> ListBucketMetricsConfigurationsOutput;
    DeleteBucketMetadataConfiguration: absent::delete_bucket_metadata_configuration(DeleteBucketMetadataConfigurationInput) -> DeleteBucketMetadataConfigurationOutput;
    DeleteBucketMetadataTableConfiguration: absent::delete_bucket_metadata_table_configuration(DeleteBucketMetadataTableConfigurationInput) -> DeleteBucketMetadataTableConfigurationOutput;
    RestoreObject: absent::restore_object(RestoreObjectInput) -> RestoreObjectOutput;
    PutBucketNotificationConfiguration: notification::put_bucket_notification_configuration(PutBucketNotificationConfigurationInput) -> PutBucketNotificationConfigurationOutput;
}

/// One operation under way: the exchange and the caller.
struct Call {
    exchange: Arc<Exchange>,
    caller: Caller,
}

impl Call {
    /// The call of this task. Access was decided, or the edge would not have come here.
    fn current() -> S3Result<Self> {
        let exchange = Exchange::current().ok_or_else(|| s3_error!(InternalError))?;
        let identity = exchange.identity().filter(|_| exchange.admission().is_admitted()).cloned();
        let identity = identity.ok_or_else(|| s3_error!(AccessDenied, "Access Denied"))?;
        let caller = Caller::new(identity, Arc::clone(exchange.info()));
        Ok(Self { exchange, caller })
    }

    /// Tells the record the configuration that is acted on: what was read from the body, and not
    /// what another reading of it would find.
    fn tell<T: s3s::xml::SerializeContent>(&self, name: &str, configuration: &T) {
        self.exchange.with_draft(|draft| draft.tell(name, configuration));
    }

    /// As [`Call::tell`], of a bucket policy.
    fn tell_policy(&self, text: &str) {
        self.exchange.with_draft(|draft| draft.tell_policy(text));
    }

    /// Tells the record the objects that the body names, and whether the caller was let at each.
    fn name_keys<'a>(&self, keys: impl Iterator<Item = (&'a str, bool)>) {
        self.exchange.with_draft(|draft| draft.name_keys(keys));
    }

    /// What the object was when the request was decided, where its tags could matter.
    fn seen(&self, name: &ObjectName) -> Option<Sighting> {
        self.exchange.sightings().of(name).map(|seen| seen.sighting)
    }

    /// The bucket of the path.
    fn bucket(&self) -> Option<&BucketRecord> {
        self.exchange.bucket().map(|bucket| &**bucket)
    }

    /// Whether answers about the bucket of the path name versions.
    fn names_versions(&self) -> bool {
        self.exchange.bucket().is_some_and(|bucket| bucket.versioning != arqueta_engine::api::Versioning::Off)
    }
}

/// The name of a bucket.
pub fn bucket_name(text: &str) -> S3Result<BucketName> {
    text.parse()
        .map_err(|_| s3_error!(InvalidBucketName, "The specified bucket is not valid.").detail("BucketName", text))
}

/// The key of an object.
pub fn object_key(text: &str) -> S3Result<ObjectKey> {
    text.parse().map_err(|failure| match failure {
        NameError::LongKey => s3_error!(KeyTooLongError, "Your key is too long")
            .detail("Size", text.len().to_string())
            .detail("MaxSizeAllowed", "1024"),
        _ => error::invalid_argument("Object key must not be empty", "Key", text),
    })
}

/// A failure about an object. Elements that AWS adds for the resource are added.
fn fail(failure: &Error, bucket: &str, key: Option<&str>) -> S3Error {
    let told = error::of_engine(failure);
    match failure {
        Error::NoSuchBucket
        | Error::BucketNotEmpty
        | Error::BucketAlreadyExists
        | Error::BucketAlreadyOwnedByYou
        | Error::NoSuchTagSet
        | Error::NoSuchDocument(_)
        | Error::NoObjectLockConfiguration => told.detail("BucketName", bucket),
        Error::NoSuchKey { .. } | Error::NoSuchVersion => told.detail("Key", key.unwrap_or_default()),
        _ => told,
    }
}

impl Operations {
    /// As [`fail`], for an object that may be missing: only who may list the bucket is told so.
    async fn fail_object(
        &self,
        failure: &Error,
        bucket: &BucketName,
        key: &ObjectKey,
        headers: &HeaderMap,
        uri: &Uri,
    ) -> S3Error {
        if !matches!(failure, Error::NoSuchKey { .. } | Error::NoSuchVersion) {
            return fail(failure, bucket.as_str(), Some(key.as_str()));
        }
        match self.permits(s3_actions::LIST_BUCKET, &format!("arn:aws:s3:::{bucket}"), bucket, headers, uri).await {
            Ok(()) => {
                let told = fail(failure, bucket.as_str(), Some(key.as_str()));
                match (failure, query::value(uri, "versionId")) {
                    (Error::NoSuchVersion, Some(version)) => told.detail("VersionId", version),
                    _ => told,
                }
            }
            Err(denied) => denied,
        }
    }

    /// Decides an action on an object with condition keys that only the body tells.
    async fn permits_with(
        &self,
        action: Action,
        name: &ObjectName,
        told: impl IntoIterator<Item = (String, String)>,
        headers: &HeaderMap,
        uri: &Uri,
    ) -> S3Result<()> {
        let exchange = Exchange::current().ok_or_else(|| s3_error!(InternalError))?;
        drop(exchange.take_doubt());
        let record = self.gate.bucket(name.bucket.as_str()).await?;
        let told: Vec<_> = told.into_iter().collect();
        let mut keys = self.gate.keys(&exchange, headers, uri, exchange.signing());
        for (key, value) in &told {
            keys.insert(key, value.as_str());
        }
        let resource = format!("arn:aws:s3:::{}/{}", name.bucket, name.key);
        let question = Question { exchange: &exchange, keys: &keys };
        let about = About { told: &told, ..About::target(Some(name)) };
        self.gate.decide_object(question, action, &resource, record.as_deref(), about).await?;
        terms::require(&exchange, headers, uri)
    }

    /// Decides an action on a bucket that is to be, with condition keys that only the body tells.
    fn permits_creation(
        &self,
        action: Action,
        bucket: &str,
        told: &[(String, String)],
        headers: &HeaderMap,
        uri: &Uri,
    ) -> S3Result<()> {
        let exchange = Exchange::current().ok_or_else(|| s3_error!(InternalError))?;
        let mut keys = self.gate.keys(&exchange, headers, uri, exchange.signing());
        for (key, value) in told {
            keys.insert(key, value.as_str());
        }
        let resource = format!("arn:aws:s3:::{bucket}");
        self.gate.decide(Question { exchange: &exchange, keys: &keys }, action, &resource, None)
    }

    /// Decides one more action for the current request.
    async fn permits(
        &self,
        action: Action,
        resource: &str,
        bucket: &BucketName,
        headers: &HeaderMap,
        uri: &Uri,
    ) -> S3Result<()> {
        let exchange = Exchange::current().ok_or_else(|| s3_error!(InternalError))?;
        let record = match exchange.bucket() {
            Some(record) if record.name == *bucket => Some(Arc::clone(record)),
            _ => self.gate.bucket(bucket.as_str()).await?,
        };
        let keys = self.gate.keys(&exchange, headers, uri, exchange.signing());
        self.gate.decide(Question { exchange: &exchange, keys: &keys }, action, resource, record.as_deref())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_line_performs_the_operation_of_its_row() {
        for (row, input) in super::SHAPES {
            assert_eq!(format!("{row}Input"), **input);
        }
    }
}
