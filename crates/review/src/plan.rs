//! What the destruction of a key would take: what can be opened by nobody any more once its material is gone.

use std::sync::Arc;

use arqueta_engine::record::{BucketRecord, Content, ObjectRecord, Record, ReplicationState, UploadRecord};
use arqueta_engine::{api, schema};
use arqueta_envelope::WrappedBucketKey;
use arqueta_keys::{ReviewedKey, review_keys};
use arqueta_kms::KeyManager;
use arqueta_model::{BucketName, Clock, KeyArn, Region, Timestamp};
use arqueta_store::{MetaStore, Scan};
use serde::Serialize;

use crate::question::Unanswerable;

/// Records read at a time; between two pages other tasks have their turn.
const PAGE: usize = 256;

/// The key that the plan is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Doomed {
    /// Its ARN.
    pub key: String,
    /// Its state, as far as records tell.
    pub state: String,
    /// When it will be destroyed, where that is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destroyed_at: Option<String>,
    /// Its aliases.
    pub aliases: Vec<String>,
    /// Its tags.
    pub tags: Vec<(String, String)>,
    /// Ids of the materials that would be destroyed.
    pub materials: Vec<String>,
    /// Grants that would end.
    pub grants: usize,
    /// Other Regions that have the key: what lies there stays readable there.
    pub other_regions: Vec<String>,
}

/// What would become unreadable in one bucket, or in all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Loss {
    /// Current versions.
    pub objects: u64,
    /// Noncurrent versions.
    pub noncurrent_versions: u64,
    /// Bytes of both, as their owners count them.
    pub bytes: u64,
    /// How many of both are under a bucket key of the key, rather than a data key of their own.
    pub under_bucket_keys: u64,
    /// How many of both are locked: by retention in force or a legal hold. Destroying the key gets round it.
    pub locked: u64,
    /// How many of both have been replicated: copies elsewhere, under the keys there, stay.
    pub replicated: u64,
    /// How many of both are replicas themselves.
    pub replicas: u64,
    /// Multipart uploads in progress, which could not be completed.
    pub uploads: u64,
    /// Wrapped bucket keys, also those that nothing names any more.
    pub bucket_keys: u64,
    /// Records that are damaged: what they are under is not known.
    pub unreadable: u64,
}

/// Something that names the key, and would fail without it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Setting {
    /// Such as `bucket photos`, `trail all of 111122223333`.
    pub of: String,
    /// What of it.
    pub what: String,
    /// As it names the key.
    pub named: String,
}

/// One thing after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Planned {
    /// The key, first.
    Key(Doomed),
    /// A bucket that loses something.
    Bucket {
        /// Its name.
        name: String,
        /// Its owner.
        account: String,
        /// What.
        loss: Loss,
    },
    /// Something that names the key.
    Setting(Setting),
    /// All buckets together, last.
    Total {
        /// Buckets that lose something.
        buckets: u64,
        /// What.
        loss: Loss,
    },
}

/// Tells what depends on the key of this id, ARN, alias or alias ARN, bucket by bucket as they are read. Also of a
/// key that is not there any more: what was under it is lost already.
///
/// # Errors
/// [`Unanswerable`]; those of `tell`.
pub async fn destroy_plan<E: From<Unanswerable>>(
    meta: &Arc<dyn MetaStore>,
    clock: &Arc<dyn Clock>,
    region: &Region,
    name: &str,
    mut tell: impl FnMut(Planned) -> Result<(), E>,
) -> Result<(), E> {
    let key = named(&**meta, region, name).await?;
    let walk = Walk { meta: &**meta, key: &key.arn, now: clock.now() };
    let names = names(&key);
    tell(Planned::Key(doomed(&key)))?;
    let (mut all, mut hit) = (Loss::default(), 0);
    let mut scan = Scan::prefix(schema::BUCKETS, PAGE);
    loop {
        let page = meta.page(scan.clone()).await.map_err(Unanswerable::from)?;
        let Some(last) = page.last() else { break };
        scan.start = [&last.key[..], &[0]].concat().into();
        for entry in page {
            let Some(value) = entry.value else {
                all.unreadable += 1;
                continue;
            };
            let bucket = BucketRecord::decode(&value).map_err(Unanswerable::from)?;
            for setting in settings(&bucket, &key, &names) {
                tell(Planned::Setting(setting))?;
            }
            let loss = walk.bucket(&bucket.name).await?;
            all += &loss;
            if loss != (Loss { unreadable: loss.unreadable, ..Loss::default() }) {
                hit += 1;
                let (name, account) = (bucket.name.to_string(), bucket.owner.to_string());
                tell(Planned::Bucket { name, account, loss })?;
            }
        }
    }
    for trail in arqueta_trail::list(Arc::clone(meta)).await.map_err(Unanswerable::from)? {
        if let Some(named) = trail.kms_key.filter(|key| names.contains(key)) {
            let of = format!("trail {} of {}", trail.id.name, trail.id.account);
            tell(Planned::Setting(Setting { of, what: "key of its log files".to_owned(), named }))?;
        }
    }
    tell(Planned::Total { buckets: hit, loss: all })
}

async fn named(meta: &dyn MetaStore, region: &Region, name: &str) -> Result<ReviewedKey, Unanswerable> {
    let mut found = review_keys(meta, region, name).await?;
    found.retain(|key| key.manager != KeyManager::Owned);
    if found.len() > 1 {
        let arns: Vec<_> = found.iter().map(|key| key.arn.as_str()).collect();
        return Err(Unanswerable::NoSuchResource(format!("{name} is one of several: {}", arns.join(", "))));
    }
    found.pop().ok_or_else(|| Unanswerable::NoSuchResource(format!("there is no key {name}")))
}

fn doomed(key: &ReviewedKey) -> Doomed {
    Doomed {
        key: key.arn.to_string(),
        state: format!("{:?}", key.state),
        destroyed_at: key.destroyed_at.map(Timestamp::rfc3339),
        aliases: key.aliases.clone(),
        tags: key.tags.clone(),
        materials: key.materials.clone(),
        grants: key.grants.len(),
        other_regions: key.other_regions.clone(),
    }
}

/// How configurations may name the key.
fn names(key: &ReviewedKey) -> Vec<String> {
    let arn = key.arn.as_str();
    let aliases =
        key.aliases.iter().flat_map(|alias| [alias.clone(), arn.replace(&format!("key/{}", key.arn.key_id()), alias)]);
    [arn.to_owned(), key.arn.key_id().to_owned()].into_iter().chain(aliases).collect()
}

/// What a bucket's configurations name: its default encryption, and those kept as text, which name keys by ARN.
fn settings(bucket: &BucketRecord, key: &ReviewedKey, names: &[String]) -> Vec<Setting> {
    let setting =
        |what: String, named: &str| Setting { of: format!("bucket {}", bucket.name), what, named: named.to_owned() };
    let default = bucket.encryption.as_ref().and_then(|default| match &default.mode {
        api::DefaultMode::Kms(named) | api::DefaultMode::DualKms(named) => named.as_ref(),
        api::DefaultMode::S3 => None,
    });
    // A bare id or alias is one of the bucket owner's account.
    let is_own = |named: &&String| named.starts_with("arn:") || bucket.owner == key.account;
    let default = default.filter(|named| names.contains(named)).filter(is_own);
    let arns = || names.iter().filter(|name| name.starts_with("arn:"));
    let mentioned =
        |text: &str| arns().find(|arn| [format!("{arn}\""), format!("{arn}<")].iter().any(|it| text.contains(it)));
    let documents = bucket
        .documents
        .iter()
        .filter_map(|(document, text)| Some(setting(format!("{document:?}").to_lowercase(), mentioned(text)?)));
    default.map(|named| setting("default encryption".to_owned(), named)).into_iter().chain(documents).collect()
}

struct Walk<'a> {
    meta: &'a dyn MetaStore,
    key: &'a KeyArn,
    now: Timestamp,
}

impl Walk<'_> {
    async fn bucket(&self, bucket: &BucketName) -> Result<Loss, Unanswerable> {
        let mut loss = Loss::default();
        let object = |loss: &mut Loss, bytes: &[u8], current: bool| {
            let record = ObjectRecord::decode(bytes)?;
            let Some(content) = record.content.as_ref().filter(|content| self.is_under(content)) else { return Ok(()) };
            *(if current { &mut loss.objects } else { &mut loss.noncurrent_versions }) += 1;
            loss.bytes = loss.bytes.saturating_add(content.manifest()?.size());
            loss.under_bucket_keys += u64::from(content.keys.as_ref().is_some_and(|keys| keys.uses_bucket_key()));
            let held = content.legal_hold == Some(api::LegalHold::On);
            loss.locked += u64::from(held || content.retention.is_some_and(|retention| retention.until > self.now));
            loss.replicated += u64::from(record.replication == Some(ReplicationState::Completed));
            loss.replicas += u64::from(record.replication == Some(ReplicationState::Replica));
            Ok(())
        };
        self.scan(&schema::currents(bucket), &mut loss, |loss, bytes| object(loss, bytes, true)).await?;
        self.scan(&schema::noncurrents(bucket), &mut loss, |loss, bytes| object(loss, bytes, false)).await?;
        let upload = |loss: &mut Loss, bytes: &[u8]| {
            let keys = UploadRecord::decode(bytes)?.keys;
            loss.uploads +=
                u64::from(keys.as_ref().and_then(|keys| keys.key_arn()).is_some_and(|key| self.is_meant(key)));
            Ok(())
        };
        self.scan(&schema::uploads(bucket), &mut loss, upload).await?;
        let wrapped = |loss: &mut Loss, bytes: &[u8]| {
            loss.bucket_keys += u64::from(self.is_meant(&WrappedBucketKey::decode(bytes)?.key));
            Ok(())
        };
        self.scan(&schema::bucket_keys(bucket), &mut loss, wrapped).await?;
        Ok(loss)
    }

    async fn scan(
        &self,
        prefix: &[u8],
        loss: &mut Loss,
        count: impl Fn(&mut Loss, &[u8]) -> Result<(), arqueta_engine::Error>,
    ) -> Result<(), Unanswerable> {
        let mut scan = Scan::prefix(prefix, PAGE);
        loop {
            let page = self.meta.page(scan.clone()).await?;
            let Some(last) = page.last() else { return Ok(()) };
            scan.start = [&last.key[..], &[0]].concat().into();
            for entry in &page {
                match &entry.value {
                    Some(bytes) => count(loss, bytes)?,
                    None => loss.unreadable += 1,
                }
            }
            // Reads do not wait for anything, so nothing else would run until the end.
            tokio::task::yield_now().await;
        }
    }

    fn is_under(&self, content: &Content) -> bool {
        content.keys.as_ref().and_then(|keys| keys.key_arn()).is_some_and(|key| self.is_meant(key))
    }

    /// A multi-Region key is the same key in each of its Regions.
    fn is_meant(&self, key: &KeyArn) -> bool {
        key.key_id() == self.key.key_id() && key.account() == self.key.account()
    }
}

impl std::ops::AddAssign<&Loss> for Loss {
    fn add_assign(&mut self, other: &Loss) {
        self.objects += other.objects;
        self.noncurrent_versions += other.noncurrent_versions;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.under_bucket_keys += other.under_bucket_keys;
        self.locked += other.locked;
        self.replicated += other.replicated;
        self.replicas += other.replicas;
        self.uploads += other.uploads;
        self.bucket_keys += other.bucket_keys;
        self.unreadable += other.unreadable;
    }
}
