//! May this caller do this here? Identity policies, bucket policy, ownership.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use arqueta_engine::api::ObjectName;
use arqueta_engine::record::{BucketDocument, BucketRecord};
use arqueta_engine::{Engine, Error};
use arqueta_iam::{ConditionKeys, Iam, Identity, Policy, PolicyKind, PolicyRequest, Unidentified, identified, shown};
use arqueta_model::{AccountId, BucketName, PrincipalKind, Region};
use http::{HeaderMap, Uri};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use crate::action;
use crate::bucket_policy;
use crate::condition;
use crate::error;
use crate::exchange::Exchange;
use crate::public_access::{self, PublicAccess};
use crate::signing::Signing;

/// Most parsed bucket policies remembered.
const POLICIES: usize = 1024;

/// Decides S3 actions: identity policies, bucket policy, ownership.
pub struct Gate {
    iam: Arc<Iam>,
    engine: Arc<Engine>,
    region: Region,
    /// Parsed bucket policies beside the text they were parsed from; a changed text parses anew.
    policies: RwLock<HashMap<BucketName, (String, Arc<BucketPolicy>)>>,
}

/// A bucket's policy, parsed.
#[derive(Debug)]
pub struct BucketPolicy {
    /// The policy.
    pub policy: Policy,
    /// Whether S3 calls it public.
    pub is_public: bool,
}

/// What a decision is made on, beside the action.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The request.
    pub exchange: &'a Exchange,
    /// Its condition keys.
    pub keys: &'a ConditionKeys<'a>,
}

impl Gate {
    /// A gate of `region`.
    #[must_use]
    pub fn new(iam: Arc<Iam>, engine: Arc<Engine>, region: Region) -> Self {
        Self { iam, engine, region, policies: RwLock::default() }
    }

    /// The record of a bucket; `None` if there is none.
    ///
    /// # Errors
    /// Failures of the store, and names that no bucket can have.
    pub async fn bucket(&self, name: &str) -> S3Result<Option<Arc<BucketRecord>>> {
        let name = name.parse::<BucketName>().map_err(|_| s3_error!(InvalidBucketName))?;
        match self.engine.bucket(&name).await {
            Ok(record) => Ok(Some(record)),
            Err(Error::NoSuchBucket) => Ok(None),
            Err(other) => Err(error::of_engine(&other)),
        }
    }

    /// The condition keys of a request.
    #[must_use]
    pub fn keys<'a>(
        &'a self,
        exchange: &'a Exchange,
        headers: &HeaderMap,
        uri: &Uri,
        signing: Signing,
    ) -> ConditionKeys<'a> {
        condition::keys(exchange, &self.region, headers, uri, signing)
    }

    /// Decides `action` on `resource`, in `bucket` if it exists. In a bucket that does not exist
    /// the caller's own policies decide, so that only those who may look learn that it is missing.
    ///
    /// A public policy under RestrictPublicBuckets is for the owner's account alone. The owner's
    /// root user always gets at the policy itself, or nobody could mend one that bars everyone.
    ///
    /// # Errors
    /// `AccessDenied`.
    pub fn decide(
        &self,
        question: Question<'_>,
        action: &str,
        resource: &str,
        bucket: Option<&BucketRecord>,
    ) -> S3Result<()> {
        let identity = question.exchange.identity().ok_or_else(|| s3_error!(AccessDenied, "Access Denied"))?;
        let owner = bucket.map_or(&identity.principal.account, |bucket| &bucket.owner);
        let policy = match mends_policy(identity, action, owner) {
            true => None,
            false => bucket.map(|bucket| self.bucket_policy(bucket)).transpose()?.flatten(),
        };
        if identity.principal.kind == PrincipalKind::Anonymous && policy.is_none() {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        }
        let request = PolicyRequest { action, resource, keys: question.keys };
        self.iam
            .authorize(identity, &request, policy.as_deref().map(|policy| &policy.policy), owner)
            .map_err(|denied| self.refusal(identity, &request, owner, &denied.message))?;
        let (Some(bucket), Some(policy)) = (bucket, policy) else { return Ok(()) };
        let restricted = policy.is_public && PublicAccess::of(bucket).restrict_buckets;
        if !restricted || public_access::is_within(identity, bucket) {
            return Ok(());
        }
        Err(s3_error!(AccessDenied, "Access Denied"))
    }

    /// The reason is told within the bucket owner's account (S3 User Guide, "Troubleshoot access
    /// denied errors"): it speaks of the bucket's policy. Others learn what their own account says
    /// of them, which is what they would learn of a bucket that is not there.
    fn refusal(&self, identity: &Identity, request: &PolicyRequest<'_>, owner: &AccountId, why: &str) -> S3Error {
        let own = &identity.principal.account;
        if identity.principal.kind == PrincipalKind::Anonymous {
            return s3_error!(AccessDenied, "Access Denied");
        }
        if own == owner {
            return s3_error!(AccessDenied, "{why}");
        }
        match self.iam.authorize(identity, request, None, own) {
            Err(denied) => s3_error!(AccessDenied, "{}", denied.message),
            Ok(()) => s3_error!(AccessDenied, "Access Denied"),
        }
    }

    /// As [`Gate::decide`], on an object, with the tags that it has where policies may ask for them.
    ///
    /// # Errors
    /// `AccessDenied`.
    pub async fn decide_object(
        &self,
        question: Question<'_>,
        action: &str,
        resource: &str,
        bucket: Option<&BucketRecord>,
        name: Option<ObjectName>,
    ) -> S3Result<()> {
        match self.existing_tags(question, action, bucket, name).await {
            Some(keys) => self.decide(Question { keys: &keys, ..question }, action, resource, bucket),
            None => self.decide(question, action, resource, bucket),
        }
    }

    /// Whether the object carries tags; one that cannot be read has none to copy.
    pub async fn is_tagged(&self, name: &ObjectName) -> bool {
        self.engine.object_tags(name).await.is_ok_and(|(tags, _)| !tags.is_empty())
    }

    /// Parses a policy for `bucket` and checks that it can be stored: it is about the bucket and
    /// names who exists, and public access is not blocked. The answer is what to store: it names
    /// users and roles by unique ids.
    ///
    /// # Errors
    /// `MalformedPolicy`; `AccessDenied` under BlockPublicPolicy.
    pub async fn check_policy(&self, text: &str, bucket: &BucketRecord, identity: &Identity) -> S3Result<String> {
        let policy = bucket_policy::parse(text, &bucket.name)?;
        let stored = identified(&policy, text, &*self.iam).await.map_err(|failure| match failure {
            Unidentified::Nobody { .. } => s3_error!(MalformedPolicy, "Invalid principal in policy"),
            other => S3Error::with_source(S3ErrorCode::InternalError, Box::new(other)),
        })?;
        if !(policy.is_public() && PublicAccess::of(bucket).block_policy) {
            return Ok(stored);
        }
        Err(s3_error!(
            AccessDenied,
            "User: {} is not authorized to perform: s3:PutBucketPolicy on resource: \"arn:aws:s3:::{}\" because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.",
            identity.principal.arn,
            bucket.name
        ))
    }

    /// A stored policy as it is shown: unique ids are ARNs while whom they name exists.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn shown_policy(&self, stored: &str) -> S3Result<String> {
        shown(stored, &*self.iam).await.map_err(|failure| S3Error::with_source(S3ErrorCode::InternalError, failure))
    }

    /// The keys with the tags of the object that `action` is decided on. `None` where they cannot
    /// matter: the action has no such keys, no policy is there to read them, or no such object.
    async fn existing_tags<'a>(
        &self,
        question: Question<'a>,
        action: &str,
        bucket: Option<&BucketRecord>,
        name: Option<ObjectName>,
    ) -> Option<ConditionKeys<'a>> {
        let bucket = bucket.filter(|_| action::reads_existing_tags(action))?;
        let root = question.exchange.identity()?.principal.kind == PrincipalKind::Root;
        if root && !bucket.documents.contains_key(&BucketDocument::Policy) {
            return None;
        }
        let (tags, _) = self.engine.object_tags(&name?).await.ok()?;
        let mut keys = question.keys.clone();
        for (key, value) in tags.pairs() {
            keys.insert(&format!("s3:ExistingObjectTag/{key}"), value.as_str());
        }
        Some(keys)
    }

    /// The bucket's policy, parsed.
    ///
    /// # Errors
    /// `AccessDenied` for one that cannot be read.
    pub fn bucket_policy(&self, bucket: &BucketRecord) -> S3Result<Option<Arc<BucketPolicy>>> {
        let Some(text) = bucket.documents.get(&BucketDocument::Policy) else { return Ok(None) };
        let known = self.policies.read().unwrap_or_else(PoisonError::into_inner).get(&bucket.name).cloned();
        if let Some((parsed_from, policy)) = known
            && parsed_from == *text
        {
            return Ok(Some(policy));
        }
        // It was valid when it was stored; one that no longer is denies everything.
        let policy = Policy::parse(text, PolicyKind::Resource)
            .map_err(|_| s3_error!(AccessDenied, "The policy of the bucket cannot be read."))?;
        let policy = Arc::new(BucketPolicy { is_public: policy.is_public(), policy });
        let mut policies = self.policies.write().unwrap_or_else(PoisonError::into_inner);
        if policies.len() >= POLICIES {
            policies.clear();
        }
        policies.insert(bucket.name.clone(), (text.clone(), Arc::clone(&policy)));
        Ok(Some(policy))
    }
}

/// Whether the root user of the owner's account is at the bucket's policy (S3 API Reference,
/// PutBucketPolicy: it always may, even if the policy denies it).
fn mends_policy(identity: &Identity, action: &str, owner: &AccountId) -> bool {
    identity.principal.kind == PrincipalKind::Root
        && identity.principal.account == *owner
        && matches!(action, "s3:GetBucketPolicy" | "s3:PutBucketPolicy" | "s3:DeleteBucketPolicy")
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("region", &self.region).finish_non_exhaustive()
    }
}
