//! From an action and the name of a resource to what decides about it.

use std::sync::Arc;

use arqueta_call::{On, Operation, Service, operations};
use arqueta_engine::AccountSettings;
use arqueta_engine::record::{BucketDocument, BucketRecord, ObjectRecord, Record};
use arqueta_engine::schema;
use arqueta_iam::People;
use arqueta_keys::{ReviewedKey, review_keys};
use arqueta_kms::{KeyManager, KeyState};
use arqueta_model::{Arn, BucketName, Clock, KeyArn, ObjectKey, Region, SseMode};
use arqueta_policy::{Policy, PolicyKind, ResourceRole};
use arqueta_store::MetaStore;
use serde_json::Value;

use crate::ask::{Ask, Attached, CONTEXT, Rules};

/// What is asked, understood.
#[derive(Debug)]
pub struct Question {
    /// What has to be allowed, all of it.
    pub asks: Vec<Ask>,
    /// What else a reader should know.
    pub notes: Vec<String>,
}

/// Why nothing can be answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unanswerable {
    /// No operation that is served needs the action.
    #[error(
        "no operation that is served here needs the action {0:?}; write it as policies do, such as kms:Decrypt or s3:GetObject"
    )]
    NoSuchAction(String),
    /// There is no such resource.
    #[error("{0}")]
    NoSuchResource(String),
    /// The resource is none of the action's.
    #[error("{action} is decided on {on}, and {resource:?} is none")]
    OtherKind {
        /// The action.
        action: &'static str,
        /// What it is decided on.
        on: &'static str,
        /// What was named.
        resource: String,
    },
    /// A policy or record cannot be read: it denies everything until it can.
    #[error("{0} cannot be read: nobody is let in by it, and everybody may be denied")]
    Damaged(String),
    /// The identities cannot be read.
    #[error("the identities cannot be read")]
    People(#[from] arqueta_iam::Error),
    /// The keys cannot be read.
    #[error("the keys cannot be read")]
    Keys(#[from] arqueta_kms::Error),
    /// The buckets cannot be read.
    #[error("the buckets cannot be read")]
    Engine(#[from] arqueta_engine::Error),
    /// The trails cannot be read.
    #[error("the trails cannot be read")]
    Trails(#[from] arqueta_trail::Error),
    /// The metadata cannot be read.
    #[error("the metadata cannot be read")]
    Store(#[from] arqueta_store::Error),
}

/// What a question stands on.
struct Desk<'a> {
    meta: &'a Arc<dyn MetaStore>,
    clock: &'a Arc<dyn Clock>,
    region: &'a Region,
}

/// What has to be allowed for `action` on `resource`: an ARN, `s3://bucket/key`, or the id or alias of a key.
///
/// # Errors
/// [`Unanswerable`].
pub async fn asks(
    meta: &Arc<dyn MetaStore>,
    clock: &Arc<dyn Clock>,
    region: &Region,
    action: &str,
    resource: &str,
) -> Result<Question, Unanswerable> {
    let (row, action, on) = known(action).ok_or_else(|| Unanswerable::NoSuchAction(action.to_owned()))?;
    let desk = Desk { meta, clock, region };
    let other = |on| Unanswerable::OtherKind { action, on, resource: resource.to_owned() };
    match (row.service, on) {
        (Service::Kms, On::Key) => desk.of_key(row, action, resource).await,
        (Service::S3, On::Bucket | On::Object) => {
            let name = resource.strip_prefix("s3://").or_else(|| resource.strip_prefix("arn:aws:s3:::"));
            let (bucket, key) = name.map(|name| name.split_once('/').unwrap_or((name, ""))).unwrap_or_default();
            match (on, key) {
                _ if bucket.is_empty() => Err(other("a bucket or object: s3://bucket/key or its ARN")),
                (On::Object, "") => Err(other("an object: s3://bucket/key or its ARN")),
                (On::Bucket, "") | (On::Object, _) => desk.of_bucket(action, bucket, key).await,
                _ => Err(other("a bucket: s3://bucket or its ARN")),
            }
        }
        (Service::Sts, On::Role) => desk.of_role(action, resource).await,
        _ => Ok(Question {
            asks: vec![bare(action, resource, None)],
            notes: vec!["Each principal is asked within its own account.".to_owned()],
        }),
    }
}

/// The row of an operation that needs the action; the action as policies write it.
fn known(name: &str) -> Option<(&'static Operation, &'static str, On)> {
    operations::all().filter(|row| row.is_served).find_map(|row| {
        let actions = row.permissions.iter().flat_map(|it| [Some(it.action), it.version]).flatten();
        let found = actions.into_iter().find(|action| action.name.eq_ignore_ascii_case(name))?;
        Some((row, found.name, found.on))
    })
}

fn bare(action: &str, resource: &str, owner: Option<arqueta_model::AccountId>) -> Ask {
    Ask {
        action: action.to_owned(),
        resource: resource.to_owned(),
        owner,
        attached: None,
        role: ResourceRole::Additive,
        facts: Vec::new(),
        families: Vec::new(),
        grants: Vec::new(),
        context: None,
        rules: Rules::default(),
    }
}

fn fact(name: &str, value: impl Into<String>) -> (String, Vec<String>) {
    (name.to_owned(), vec![value.into()])
}

impl Desk<'_> {
    fn requested(&self) -> (String, Vec<String>) {
        fact("aws:requestedregion", self.region.as_str())
    }

    async fn of_key(&self, row: &Operation, action: &str, name: &str) -> Result<Question, Unanswerable> {
        let mut found = review_keys(&**self.meta, self.region, name).await?;
        found.retain(|key| key.manager != KeyManager::Owned);
        if found.len() > 1 {
            let arns: Vec<_> = found.iter().map(|key| key.arn.as_str()).collect();
            return Err(Unanswerable::NoSuchResource(format!("{name} is one of several: {}", arns.join(", "))));
        }
        let key = found.pop().ok_or_else(|| Unanswerable::NoSuchResource(format!("there is no key {name}")))?;
        let mut notes = Vec::new();
        notes.extend(state_note(&key));
        Ok(Question { asks: vec![self.on_key(row, action, key)?], notes })
    }

    fn on_key(&self, row: &Operation, action: &str, key: ReviewedKey) -> Result<Ask, Unanswerable> {
        let policy = key.policy.ok_or_else(|| Unanswerable::Damaged(format!("the policy of {}", key.arn)))?;
        let permission = action.trim_start_matches("kms:");
        let grants = key.grants.into_iter();
        // A grant lets its grantee retire it, and that is no permission of the key's.
        let grants = grants.filter(|grant| permission != "RetireGrant" && grant.operations.contains(permission));
        let mut facts = key.facts;
        facts.push(self.requested());
        Ok(Ask {
            attached: Some(Attached { what: "key policy", policy, document: key.document }),
            role: ResourceRole::Required,
            facts,
            families: vec!["aws:resourcetag/"],
            grants: grants.collect(),
            rules: Rules { foreign: row.cross_account, ..Rules::default() },
            ..bare(action, key.arn.as_str(), Some(key.account))
        })
    }

    async fn of_bucket(&self, action: &str, name: &str, key: &str) -> Result<Question, Unanswerable> {
        let missing = || Unanswerable::NoSuchResource(format!("there is no bucket {name}"));
        let bucket: BucketName = name.parse().map_err(|_| missing())?;
        let record = self.meta.get(&schema::bucket(&bucket)).await?.ok_or_else(missing)?;
        let record = BucketRecord::decode(&record)?;
        let resource =
            if key.is_empty() { format!("arn:aws:s3:::{bucket}") } else { format!("arn:aws:s3:::{bucket}/{key}") };
        let mut ask = bare(action, &resource, Some(record.owner.clone()));
        let mends = ["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"].contains(&action);
        ask.rules = Rules { mends, ..Rules::default() };
        ask.facts =
            vec![self.requested(), fact("aws:viaawsservice", "false"), ("kms:viaservice".to_owned(), Vec::new())];
        if let Some(document) = record.documents.get(&BucketDocument::Policy) {
            let policy = Policy::parse(document, PolicyKind::Resource)
                .map_err(|_| Unanswerable::Damaged(format!("the policy of {bucket}")))?;
            ask.rules.anonymous = true;
            ask.rules.restricted = policy.is_public() && self.restricts(&record).await?;
            let (policy, document) = (Arc::new(policy), document.clone());
            ask.attached = Some(Attached { what: "bucket policy", policy, document });
        }
        let mut question = Question { asks: vec![ask], notes: Vec::new() };
        if !key.is_empty() {
            self.with_object(&mut question, action, &bucket, key).await?;
        }
        Ok(question)
    }

    /// Whether RestrictPublicBuckets is in force; where that cannot be read, it is.
    async fn restricts(&self, bucket: &BucketRecord) -> Result<bool, Unanswerable> {
        let says = |document: &str| {
            let settings: Value = serde_json::from_str(document).unwrap_or_default();
            settings["RestrictPublicBuckets"].as_bool().unwrap_or(true)
        };
        let settings = AccountSettings::new(Arc::clone(self.meta));
        settings.learn().await?;
        let of_account = settings.public_access_block(&bucket.owner).is_some_and(|document| says(&document));
        Ok(of_account
            || bucket.documents.get(&BucketDocument::PublicAccessBlock).is_some_and(|document| says(document)))
    }

    /// What the object itself adds: its tags, and the key that it is sealed under.
    async fn with_object(
        &self,
        question: &mut Question,
        action: &str,
        bucket: &BucketName,
        key: &str,
    ) -> Result<(), Unanswerable> {
        let object: ObjectKey = key
            .parse()
            .map_err(|_| Unanswerable::NoSuchResource(format!("{key:?} is no name that an object can have")))?;
        let stored = self.meta.get(&schema::current(bucket, &object)).await?;
        let content = stored.map(|bytes| ObjectRecord::decode(&bytes)).transpose()?.and_then(|record| record.content);
        let Some(content) = content else {
            question.notes.push("There is no such object: its tags and its key are not considered.".to_owned());
            return Ok(());
        };
        let tags = content.tags.pairs();
        question.asks[0].families.push("s3:existingobjecttag/");
        question.asks[0].facts.extend(
            tags.iter()
                .map(|(name, value)| (["s3:existingobjecttag/", &name.to_lowercase()].concat(), vec![value.clone()])),
        );
        let Some(keys) = content.keys.filter(|keys| matches!(keys.mode(), SseMode::Kms | SseMode::DualKms)) else {
            return Ok(());
        };
        let Some(arn) = keys.key_arn().filter(|_| ["s3:GetObject", "s3:GetObjectVersion"].contains(&action)) else {
            return Ok(());
        };
        let place = if keys.uses_bucket_key() { Arn::bucket(bucket) } else { Arn::object(bucket, &object) };
        let context = keys.context().with_s3_arn(&place).map_err(|_| Unanswerable::Damaged("the object".to_owned()))?;
        self.with_key(question, arn, context).await
    }

    /// Whoever reads the object needs `kms:Decrypt` on its key, too.
    async fn with_key(
        &self,
        question: &mut Question,
        arn: &KeyArn,
        context: arqueta_model::EncryptionContext,
    ) -> Result<(), Unanswerable> {
        // An object that came from another Region names its member of a multi-Region key; the one here opens it.
        let here = Arn::new("kms", self.region.as_str(), arn.account(), &format!("key/{}", arn.key_id()));
        let Some(key) = review_keys(&**self.meta, self.region, here.as_str()).await?.pop() else {
            question
                .notes
                .push(format!("The object is sealed under {arn}, which is not here: its policy is not considered."));
            return Ok(());
        };
        question.notes.extend(state_note(&key));
        question
            .notes
            .push(format!("The object is sealed under {arn}: whoever reads it needs kms:Decrypt there, too."));
        let (row, action, _) =
            known("kms:Decrypt").ok_or_else(|| Unanswerable::NoSuchAction("kms:Decrypt".to_owned()))?;
        let mut ask = self.on_key(row, action, key)?;
        ask.facts.extend([
            fact("kms:viaservice", format!("s3.{}.amazonaws.com", self.region)),
            fact("aws:viaawsservice", "true"),
            fact("kms:encryptionalgorithm", "SYMMETRIC_DEFAULT"),
            ("kms:requestalias".to_owned(), Vec::new()),
            ("kms:encryptioncontextkeys".to_owned(), context.pairs().map(|(name, _)| name.to_owned()).collect()),
        ]);
        let pairs = context
            .pairs()
            .map(|(name, value)| fact(&["kms:encryptioncontext:", &name.to_lowercase()].concat(), value));
        ask.facts.extend(pairs);
        ask.families.push(CONTEXT);
        ask.context = Some(context);
        question.asks.push(ask);
        Ok(())
    }

    async fn of_role(&self, action: &str, name: &str) -> Result<Question, Unanswerable> {
        let people = People::of(Arc::clone(self.meta), Arc::clone(self.clock)).await?;
        let Some((document, tags)) = people.trust(name).await? else {
            return Err(Unanswerable::NoSuchResource(format!("there is no role {name}; name it by its ARN")));
        };
        let policy = Policy::parse(&document, PolicyKind::Trust)
            .map_err(|_| Unanswerable::Damaged(format!("the trust policy of {name}")))?;
        let owner = name.parse::<Arn>().ok().and_then(|arn| arn.account().parse().ok());
        let mut ask = bare(action, name, owner);
        ask.facts = vec![self.requested()];
        for (tag, value) in tags {
            ask.facts.push(fact(&["aws:resourcetag/", &tag.to_lowercase()].concat(), value.clone()));
            ask.facts.push(fact(&["iam:resourcetag/", &tag.to_lowercase()].concat(), value));
        }
        ask.families = vec!["aws:resourcetag/", "iam:resourcetag/"];
        ask.role = ResourceRole::Required;
        ask.attached = Some(Attached { what: "trust policy", policy: Arc::new(policy), document });
        // Root users assume no role; whom a provider vouches for has not signed.
        ask.rules = Rules { root: false, anonymous: action == "sts:AssumeRoleWithWebIdentity", ..Rules::default() };
        Ok(Question { asks: vec![ask], notes: Vec::new() })
    }
}

fn state_note(key: &ReviewedKey) -> Option<String> {
    (key.state != KeyState::Enabled)
        .then(|| format!("{} is {:?}: as long as it is, nobody can use it.", key.arn, key.state))
}
