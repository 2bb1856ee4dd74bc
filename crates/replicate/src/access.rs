//! May the role do this here? Its policies and the bucket's.

use std::sync::Arc;

use arqueta_engine::Caller;
use arqueta_engine::record::{BucketDocument, BucketRecord};
use arqueta_iam::{ConditionKeys, Policy, PolicyKind, PolicyRequest};
use arqueta_model::{BucketName, Region};
use moka::sync::Cache;

/// Policies of buckets remembered as they were read.
const REMEMBERED: u64 = 1000;

/// Decides what roles may do in buckets of this gateway.
#[derive(Debug)]
pub struct Access {
    region: Region,
    /// Policies by bucket, and the text they were read from.
    policies: Cache<BucketName, (Arc<str>, Arc<Policy>)>,
}

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The action.
    pub action: &'static str,
    /// The object, where it is about one.
    pub key: Option<&'a str>,
    /// Condition keys beside those of the caller.
    pub told: &'a [(&'static str, String)],
}

impl<'a> Wish<'a> {
    /// An action on an object.
    pub fn on(action: &'static str, key: &'a str) -> Self {
        Self { action, key: Some(key), told: &[] }
    }

    /// An action on a bucket.
    pub fn on_bucket(action: &'static str) -> Self {
        Self { action, key: None, told: &[] }
    }
}

impl Access {
    /// Of a gateway in `region`.
    #[must_use]
    pub fn new(region: Region) -> Self {
        Self { region, policies: Cache::new(REMEMBERED) }
    }

    /// Whether `caller` may.
    ///
    /// # Errors
    /// Why not, in AWS's words.
    pub fn permit(&self, caller: &Caller, bucket: &BucketRecord, wish: &Wish<'_>) -> Result<(), String> {
        let policy = self.policy(bucket)?;
        let mut keys = ConditionKeys::of_request(&caller.request, &self.region);
        for (name, value) in wish.told {
            keys.set(name, value.as_str());
        }
        let bucket_arn = format!("arn:aws:s3:::{}", bucket.name);
        let resource = match wish.key {
            Some(key) => format!("{bucket_arn}/{key}"),
            None => bucket_arn,
        };
        let request = PolicyRequest { action: wish.action, resource: &resource, keys: &keys };
        arqueta_iam::authorize(&caller.identity, &request, policy.as_deref(), &bucket.owner)
            .map_err(|denied| denied.message)
    }

    fn policy(&self, bucket: &BucketRecord) -> Result<Option<Arc<Policy>>, String> {
        let Some(text) = bucket.documents.get(&BucketDocument::Policy) else { return Ok(None) };
        if let Some((known, policy)) = self.policies.get(&bucket.name)
            && *known == **text
        {
            return Ok(Some(policy));
        }
        // It was valid when it was stored; one that no longer is denies everything.
        let policy = Policy::parse(text, PolicyKind::Resource)
            .map_err(|_| "The policy of the bucket cannot be read.".to_owned())?;
        let policy = Arc::new(policy);
        self.policies.insert(bucket.name.clone(), (text.as_str().into(), policy.clone()));
        Ok(Some(policy))
    }
}
