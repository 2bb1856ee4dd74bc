//! Delivery into buckets of this gateway, as far as their policies let CloudTrail in.

use std::net::Ipv4Addr;
use std::sync::Arc;

use arqueta_engine::api::{ContentHeaders, EncryptionRequest, PutObject, RequestedMode, UserMetadata};
use arqueta_engine::record::{BucketDocument, BucketRecord};
use arqueta_engine::{Engine, EnvelopeError, Error as EngineError};
use arqueta_iam::{ConditionKeys, Policy, PolicyKind, PolicyRequest};
use arqueta_kms::{Caller, Error as KmsError, GenerateDataKey, Identity, KeyRef, KeySpec, KeyState, Kms};
use arqueta_model::{Arn, BUCKET_CONTEXT_KEY, Clock, EncryptionContext, Principal, PrincipalKind, Region, RequestInfo};
use arqueta_trail::{Deliver, DeliveryError, Destination, Object};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt as _;

/// Who delivers.
const SERVICE: &str = "cloudtrail.amazonaws.com";
/// Encryption context of log files under a KMS key (CloudTrail User Guide, "Configure AWS KMS key
/// policies for CloudTrail").
const CONTEXT_KEY: &str = "aws:cloudtrail:arn";

/// The buckets of this gateway.
pub(super) struct OwnBuckets {
    pub(super) engine: Arc<Engine>,
    pub(super) kms: Arc<dyn Kms>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) region: Region,
}

#[async_trait]
impl Deliver for OwnBuckets {
    async fn check(
        &self,
        to: &Destination,
        folder: &str,
        kms_key: Option<&str>,
    ) -> Result<Option<String>, DeliveryError> {
        let caller = self.caller(to);
        let bucket = self.bucket(to).await?;
        let key = match kms_key {
            None => None,
            Some(name) => Some(self.key(&caller, to, name).await?),
        };
        self.authorize(&caller, to, &bucket, "s3:GetBucketAcl", "", None)?;
        self.authorize(&caller, to, &bucket, "s3:PutObject", folder, key.as_deref())?;
        Ok(key)
    }

    async fn put(&self, to: &Destination, object: Object) -> Result<(), DeliveryError> {
        let caller = self.caller(to);
        let bucket = self.bucket(to).await?;
        self.authorize(&caller, to, &bucket, "s3:GetBucketAcl", "", None)?;
        self.authorize(&caller, to, &bucket, "s3:PutObject", &object.key, object.kms_key.as_deref())?;
        let Object { key, body, metadata, kms_key } = object;
        let key = key.parse().map_err(|error| DeliveryError::Unavailable(Box::new(error)))?;
        let size = body.len() as u64;
        let body = futures::stream::once(async move { Ok::<Bytes, _>(body) }).boxed();
        let put = PutObject {
            size: Some(size),
            headers: ContentHeaders {
                content_type: Some("application/json".to_owned()),
                content_encoding: Some("gzip".to_owned()),
                ..ContentHeaders::default()
            },
            metadata: UserMetadata(metadata.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
            encryption: match kms_key {
                None => EncryptionRequest::default(),
                Some(key) => EncryptionRequest {
                    mode: RequestedMode::Kms { key: Some(key), context: context(&[(CONTEXT_KEY, &to.trail)])? },
                    bucket_key: None,
                },
            },
            ..PutObject::new(to.bucket.clone(), key, body)
        };
        self.engine.objects().put(&caller, put).await.map(drop).map_err(not_put)
    }
}

impl OwnBuckets {
    async fn bucket(&self, to: &Destination) -> Result<Arc<BucketRecord>, DeliveryError> {
        self.engine.buckets().get(&to.bucket).await.map_err(not_put)
    }

    /// CloudTrail itself, for the trail's account.
    pub(super) fn caller(&self, to: &Destination) -> Caller {
        let principal = Principal {
            account: to.account.clone(),
            arn: Arn::new("iam", "", to.account.as_str(), &format!("service/{SERVICE}")),
            id: SERVICE.to_owned(),
            kind: PrincipalKind::Service,
            access_key_id: String::new(),
            session: None,
        };
        let request = RequestInfo::internal(Ipv4Addr::LOCALHOST.into(), SERVICE, self.clock.now());
        Caller::new(Arc::new(Identity::bare(principal)), Arc::new(request))
    }

    /// Whether the bucket's policy lets CloudTrail do this for this trail.
    fn authorize(
        &self,
        caller: &Caller,
        to: &Destination,
        bucket: &BucketRecord,
        action: &str,
        key: &str,
        kms_key: Option<&str>,
    ) -> Result<(), DeliveryError> {
        let Some(text) = bucket.documents.get(&BucketDocument::Policy) else {
            return Err(DeliveryError::AccessDenied);
        };
        let policy = Policy::parse(text, PolicyKind::Resource).map_err(|_| DeliveryError::AccessDenied)?;
        let mut keys = ConditionKeys::of_request(&caller.request, &self.region);
        keys.insert("aws:SourceArn", to.trail.as_str());
        keys.insert("aws:SourceAccount", to.account.as_str());
        let bucket_arn = format!("arn:aws:s3:::{}", to.bucket);
        let resource = match action {
            "s3:PutObject" => {
                keys.insert("s3:x-amz-acl", "bucket-owner-full-control");
                if let Some(kms_key) = kms_key {
                    keys.insert("s3:x-amz-server-side-encryption", "aws:kms");
                    keys.insert("s3:x-amz-server-side-encryption-aws-kms-key-id", kms_key);
                }
                format!("{bucket_arn}/{key}")
            }
            _ => bucket_arn,
        };
        let request = PolicyRequest { action, resource: &resource, keys: &keys };
        let decided = arqueta_iam::authorize(&caller.identity, &request, Some(&policy), &bucket.owner);
        decided.map_err(|_| DeliveryError::AccessDenied)
    }

    /// The ARN of a KMS key that CloudTrail may encrypt log files under. Tries it: what the key's
    /// policy says of the encryption context is known to the key service alone.
    async fn key(&self, caller: &Caller, to: &Destination, name: &str) -> Result<String, DeliveryError> {
        let key = KeyRef::Named(name.to_owned());
        let described = self.kms.describe(caller, &key).await.map_err(|error| of_kms(&error))?;
        if described.spec != KeySpec::SYMMETRIC_DEFAULT {
            return Err(DeliveryError::KeyUnsuitable);
        }
        if described.state != KeyState::Enabled {
            return Err(DeliveryError::KeyDisabled);
        }
        let bucket = format!("arn:aws:s3:::{}", to.bucket);
        let context = context(&[(CONTEXT_KEY, &to.trail), (BUCKET_CONTEXT_KEY, &bucket)])?;
        let tried = self.kms.generate_data_key(caller, GenerateDataKey { key: &key, context: &context }).await;
        tried.map_err(|error| of_kms(&error))?;
        Ok(described.key.as_str().to_owned())
    }
}

fn context(pairs: &[(&str, &str)]) -> Result<EncryptionContext, DeliveryError> {
    let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    EncryptionContext::new(pairs.collect()).map_err(|error| DeliveryError::Unavailable(Box::new(error)))
}

fn not_put(error: EngineError) -> DeliveryError {
    match error {
        EngineError::NoSuchBucket => DeliveryError::NoSuchBucket,
        EngineError::Encryption(EnvelopeError::Kms(error)) => of_kms(&error),
        other => DeliveryError::Unavailable(Box::new(other)),
    }
}

fn of_kms(error: &KmsError) -> DeliveryError {
    match error {
        KmsError::NotFound { .. } => DeliveryError::KeyNotFound,
        KmsError::Disabled { .. } | KmsError::InvalidState { .. } => DeliveryError::KeyDisabled,
        KmsError::Denied { .. } => DeliveryError::KeyDenied,
        KmsError::InvalidKeyUsage { .. } | KmsError::Refused { .. } => DeliveryError::KeyUnsuitable,
        other => DeliveryError::Unavailable(other.to_string().into()),
    }
}
