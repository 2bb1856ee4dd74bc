//! May this caller do this here? Identity policies, bucket policy, ownership.

mod anew;

use std::sync::Arc;

use arqueta_call::Action;
use arqueta_call::s3_actions::{DELETE_BUCKET_POLICY, GET_BUCKET_POLICY, PUT_BUCKET_POLICY};
use arqueta_engine::api::{GetObject, ObjectName};
use arqueta_engine::record::{BucketDocument, BucketRecord};
use arqueta_engine::{Caller, Engine, Error};
use arqueta_iam::{
    ConditionKeys, Iam, Identity, Policy, PolicyKind, PolicyRequest, Unidentified, denial, identified, shown,
};
use arqueta_model::{AccountId, Arn, BucketName, PrincipalKind, Region};
use http::{HeaderMap, Uri};
use moka::sync::Cache;
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use crate::bucket_policy;
use crate::condition;
use crate::error;
use crate::exchange::Exchange;
use crate::public_access::{self, PublicAccess};
use crate::sightings::Decided;
use crate::signing::Signing;

/// Bytes of bucket policies whose parsed forms are remembered.
const POLICIES: u64 = 8 * 1024 * 1024;

/// Decides S3 actions: identity policies, bucket policy, ownership.
pub struct Gate {
    iam: Arc<Iam>,
    engine: Arc<Engine>,
    region: Region,
    /// Parsed bucket policies; a changed text parses anew.
    policies: Cache<BucketName, Arc<BucketPolicy>>,
}

/// A bucket's policy, parsed.
#[derive(Debug)]
pub struct BucketPolicy {
    /// The policy.
    pub policy: Policy,
    /// Whether S3 calls it public.
    pub is_public: bool,
    /// What it was parsed from.
    text: Box<str>,
}

/// What a decision is made on, beside the action.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The request.
    pub exchange: &'a Exchange,
    /// Its condition keys.
    pub keys: &'a ConditionKeys<'a>,
}

/// Which object a decision is about.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The object; `None` if it can be none.
    pub name: Option<&'a ObjectName>,
    /// Whether it is the one that a copy reads.
    pub of_source: bool,
    /// Condition keys that only the body told; they are among those of the question.
    pub told: &'a [(String, String)],
}

impl<'a> About<'a> {
    /// The object that the request is about.
    #[must_use]
    pub const fn target(name: Option<&'a ObjectName>) -> Self {
        Self { name, of_source: false, told: &[] }
    }

    /// The object that a copy reads.
    #[must_use]
    pub const fn source(name: &'a ObjectName) -> Self {
        Self { name: Some(name), of_source: true, told: &[] }
    }
}

impl Gate {
    /// A gate of `region`.
    #[must_use]
    pub fn new(iam: Arc<Iam>, engine: Arc<Engine>, region: Region) -> Self {
        let weight = |_: &BucketName, policy: &Arc<BucketPolicy>| u32::try_from(policy.text.len()).unwrap_or(u32::MAX);
        let policies = Cache::builder().weigher(weight).max_capacity(POLICIES).build();
        Self { iam, engine, region, policies }
    }

    /// The record of a bucket; `None` if there is none.
    ///
    /// # Errors
    /// Failures of the store, and names that no bucket can have.
    pub async fn bucket(&self, name: &str) -> S3Result<Option<Arc<BucketRecord>>> {
        let name = name.parse::<BucketName>().map_err(|_| s3_error!(InvalidBucketName))?;
        match self.engine.buckets().get(&name).await {
            Ok(record) => {
                if record.documents.contains_key(&BucketDocument::Policy) {
                    // What its account blocks decides with it.
                    self.engine.accounts().learn().await.map_err(|failure| error::of_engine(&failure))?;
                }
                Ok(Some(record))
            }
            Err(Error::NoSuchBucket) => Ok(None),
            Err(other) => Err(error::of_engine(&other)),
        }
    }

    /// What is blocked in a bucket: by itself, or by its owner's account.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn public_access(&self, bucket: &BucketRecord) -> S3Result<PublicAccess> {
        self.engine.accounts().learn().await.map_err(|failure| error::of_engine(&failure))?;
        Ok(self.known_public_access(bucket))
    }

    /// As [`Gate::public_access`], of a bucket that [`Gate::bucket`] gave; all is blocked where its account's
    /// settings are not known.
    #[must_use]
    pub fn known_public_access(&self, bucket: &BucketRecord) -> PublicAccess {
        let of_account = self.engine.accounts().public_access_block(&bucket.owner);
        let of_account = of_account.map_or_else(PublicAccess::default, |document| PublicAccess::read(&document));
        PublicAccess::of(bucket).and(of_account)
    }

    /// The condition keys of a request.
    #[must_use]
    pub fn keys<'a>(
        &'a self,
        exchange: &'a Exchange,
        headers: &'a HeaderMap,
        uri: &'a Uri,
        signing: Signing,
    ) -> ConditionKeys<'a> {
        condition::keys(exchange, &self.region, headers, uri, signing)
    }

    /// Decides `action` on `resource`, in `bucket` if it exists. In a bucket that does not exist
    /// the caller's own policies decide, so that only those who may look learn that it is missing.
    ///
    /// A public policy under RestrictPublicBuckets is for the owner's account alone, and whatever the
    /// policy says nobody comes in unsigned. The owner's root user always gets at the policy itself,
    /// or nobody could mend one that bars everyone.
    ///
    /// # Errors
    /// `AccessDenied`.
    pub fn decide(
        &self,
        question: Question<'_>,
        action: Action,
        resource: &str,
        bucket: Option<&BucketRecord>,
    ) -> S3Result<()> {
        let identity = question.exchange.identity().ok_or_else(denied)?;
        let owner = bucket.map_or(&identity.principal.account, |bucket| &bucket.owner);
        let policy = match mends_policy(identity, action, owner) {
            true => None,
            false => bucket.map(|bucket| self.bucket_policy(bucket)).transpose()?.flatten(),
        };
        let restricted = || bucket.is_some_and(|bucket| self.known_public_access(bucket).restrict_buckets);
        if identity.principal.kind == PrincipalKind::Anonymous && (policy.is_none() || restricted()) {
            return Err(denied());
        }
        let request = PolicyRequest { action: action.name, resource, keys: question.keys };
        arqueta_iam::authorize(identity, &request, policy.as_deref().map(|policy| &policy.policy), owner)
            .map_err(|denied| self.refusal(identity, &request, owner, &denied.message))?;
        let (Some(bucket), Some(policy)) = (bucket, policy) else { return Ok(()) };
        if !(policy.is_public && restricted()) || public_access::is_within(identity, bucket) {
            return Ok(());
        }
        Err(denied())
    }

    /// The reason is told within the bucket owner's account (S3 User Guide, "Troubleshoot access
    /// denied errors"): it speaks of the bucket's policy. Others learn what their own account says
    /// of them, which is what they would learn of a bucket that is not there.
    fn refusal(&self, identity: &Identity, request: &PolicyRequest<'_>, owner: &AccountId, why: &str) -> S3Error {
        let own = &identity.principal.account;
        if identity.principal.kind == PrincipalKind::Anonymous {
            return denied();
        }
        if own == owner {
            return s3_error!(AccessDenied, "{why}");
        }
        match arqueta_iam::authorize(identity, request, None, own) {
            Err(denied) => s3_error!(AccessDenied, "{}", denied.message),
            Ok(()) => denied(),
        }
    }

    /// As [`Gate::decide`], on an object, with the tags that it has where policies may ask for them. What
    /// was seen is kept: what the request does is to hold for that and for nothing else.
    ///
    /// # Errors
    /// `AccessDenied`, and failures of the store: who cannot be told the tags is not told that there are none.
    pub async fn decide_object(
        &self,
        question: Question<'_>,
        action: Action,
        resource: &str,
        bucket: Option<&BucketRecord>,
        about: About<'_>,
    ) -> S3Result<()> {
        self.weigh_object(question, action, resource, bucket, about.name).await?;
        if let Some(name) = about.name
            && action.by_existing_tags
            && question.exchange.sightings().of(name).is_some()
        {
            let (resource, name, told) = (resource.to_owned(), name.clone(), about.told.to_vec());
            let of_source = about.of_source;
            let decided = Decided { action, resource, name, of_source, told, if_tagged: None };
            question.exchange.sightings().decided(decided);
        }
        Ok(())
    }

    /// As [`Gate::decide_object`], where something else decides what is done.
    ///
    /// # Errors
    /// As [`Gate::decide_object`].
    pub async fn weigh_object(
        &self,
        question: Question<'_>,
        action: Action,
        resource: &str,
        bucket: Option<&BucketRecord>,
        name: Option<&ObjectName>,
    ) -> S3Result<()> {
        match self.existing_tags(question, action, bucket, name).await? {
            Some(keys) => self.decide(Question { keys: &keys, ..question }, action, resource, bucket),
            None => self.decide(question, action, resource, bucket),
        }
    }

    /// Whether the caller may hand a role to S3, which will act as it (IAM User Guide, "Grant a user permissions
    /// to pass a role to an AWS service"). Roles have no policy that could allow it, and only those of the
    /// caller's own account can be passed.
    ///
    /// # Errors
    /// `AccessDenied`.
    pub fn may_pass_role(&self, exchange: &Exchange, (headers, uri): (&HeaderMap, &Uri), role: &Arn) -> S3Result<()> {
        let identity = exchange.identity().ok_or_else(denied)?;
        let own = &identity.principal.account;
        if role.account() != own.as_str() {
            return Err(s3_error!(AccessDenied, "Cross-account pass role is not allowed."));
        }
        let mut keys = condition::keys(exchange, &self.region, headers, uri, exchange.signing());
        keys.set("iam:passedtoservice", "s3.amazonaws.com");
        let request = PolicyRequest { action: "iam:PassRole", resource: role.as_str(), keys: &keys };
        arqueta_iam::authorize(identity, &request, None, own)
            .map_err(|denied| s3_error!(AccessDenied, "{}", denied.message))
    }

    /// Whether the object is sealed under a KMS key; one that cannot be read is answered by its read.
    pub async fn is_under_key_service(&self, exchange: &Exchange, name: ObjectName) -> bool {
        let Some(identity) = exchange.identity() else { return false };
        let caller = Caller::new(Arc::clone(identity), Arc::clone(exchange.info()));
        let info = self.engine.objects().head(&caller, GetObject::new(name)).await;
        info.is_ok_and(|info| info.encryption.is_some_and(|encryption| encryption.key.is_some()))
    }

    /// Whether the parts of an upload are sealed under a KMS key; one that there is not is answered by
    /// the operation.
    pub async fn is_upload_under_key_service(&self, name: &ObjectName, upload: Option<&str>) -> bool {
        let Some(upload) = upload.and_then(|text| text.parse().ok()) else { return false };
        self.engine.uploads().is_under_kms(&name.bucket, &name.key, upload).await.unwrap_or(false)
    }

    /// Parses a policy for `bucket` and checks that it can be stored: it is about the bucket and
    /// names who exists, and public access is not blocked. The answer is what to store: it names
    /// users and roles by unique ids.
    ///
    /// # Errors
    /// `MalformedPolicy`; `AccessDenied` under BlockPublicPolicy.
    pub async fn check_policy(&self, text: &str, bucket: &BucketRecord, identity: &Identity) -> S3Result<String> {
        let policy = bucket_policy::parse(text, &bucket.name)?;
        let stored = identified(&policy, text, &*self.iam.principals()).await.map_err(|failure| match failure {
            Unidentified::Nobody { .. } => s3_error!(MalformedPolicy, "Invalid principal in policy"),
            other => S3Error::with_source(S3ErrorCode::InternalError, Box::new(other)),
        })?;
        if !(policy.is_public() && self.public_access(bucket).await?.block_policy) {
            return Ok(stored);
        }
        let resource = format!("arn:aws:s3:::{}", bucket.name);
        let why = "because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.";
        Err(s3_error!(AccessDenied, "{}", denial(&identity.principal, PUT_BUCKET_POLICY.name, Some(&resource), why)))
    }

    /// A stored policy as it is shown: unique ids are ARNs while whom they name exists.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn shown_policy(&self, stored: &str) -> S3Result<String> {
        shown(stored, &*self.iam.principals())
            .await
            .map_err(|failure| S3Error::with_source(S3ErrorCode::InternalError, failure))
    }

    /// The keys with the tags of the object that `action` is decided on. `None` where they cannot
    /// matter: the action has no such keys, no policy asks for them, or it can be no object.
    async fn existing_tags<'a>(
        &self,
        question: Question<'a>,
        action: Action,
        bucket: Option<&BucketRecord>,
        name: Option<&ObjectName>,
    ) -> S3Result<Option<ConditionKeys<'a>>> {
        let (Some(bucket), Some(name), Some(identity)) =
            (bucket.filter(|_| action.by_existing_tags), name, question.exchange.identity())
        else {
            return Ok(None);
        };
        let asks = |policy: &Policy| policy.mentions("s3:existingobjecttag/");
        let own =
            identity.policies.iter().chain(&identity.boundary).chain(identity.session.iter().flat_map(|it| &**it));
        let of_bucket = self.bucket_policy(bucket)?;
        if !own.map(AsRef::as_ref).chain(of_bucket.as_deref().map(|it| &it.policy)).any(asks) {
            return Ok(None);
        }
        let seen = self.see(question.exchange, name).await?;
        let mut keys = question.keys.clone();
        for (key, value) in seen.tags.pairs() {
            keys.insert(&format!("s3:ExistingObjectTag/{key}"), value.clone());
        }
        Ok(Some(keys))
    }

    /// The bucket's policy, parsed.
    ///
    /// # Errors
    /// `AccessDenied` for one that cannot be read.
    pub fn bucket_policy(&self, bucket: &BucketRecord) -> S3Result<Option<Arc<BucketPolicy>>> {
        let Some(text) = bucket.documents.get(&BucketDocument::Policy) else { return Ok(None) };
        if let Some(known) = self.policies.get(&bucket.name).filter(|known| *known.text == **text) {
            return Ok(Some(known));
        }
        // It was valid when it was stored; one that no longer is denies everything.
        let policy = Policy::parse(text, PolicyKind::Resource)
            .map_err(|_| s3_error!(AccessDenied, "The policy of the bucket cannot be read."))?;
        let policy = Arc::new(BucketPolicy { is_public: policy.is_public(), policy, text: text.as_str().into() });
        self.policies.insert(bucket.name.clone(), Arc::clone(&policy));
        Ok(Some(policy))
    }
}

fn denied() -> S3Error {
    s3_error!(AccessDenied, "Access Denied")
}

/// Whether the root user of the owner's account is at the bucket's policy (S3 API Reference,
/// PutBucketPolicy: it always may, even if the policy denies it).
fn mends_policy(identity: &Identity, action: Action, owner: &AccountId) -> bool {
    identity.principal.kind == PrincipalKind::Root
        && identity.principal.account == *owner
        && [GET_BUCKET_POLICY, PUT_BUCKET_POLICY, DELETE_BUCKET_POLICY].contains(&action)
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("region", &self.region).finish_non_exhaustive()
    }
}
