//! What decides who may use a key, for reviews of access: read from a store, changed by nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use arqueta_kms::{Error, KeyManager, KeyState};
use arqueta_model::{AccountId, EncryptionContext, KeyArn, Region, Timestamp};
use arqueta_policy::{Identity, Policy};
use arqueta_store::MetaStore;

use super::inventory::all;
use crate::decide::access::fixed_facts;
use crate::decide::principals::is_principal;
use crate::key::parse_policy;
use crate::schema::{self, AliasRecord, GrantRecord, KeyRecord, Lifecycle};

/// A key as those see it who decide about it.
#[derive(Debug, Clone)]
pub struct ReviewedKey {
    /// Its ARN.
    pub arn: KeyArn,
    /// Who owns it.
    pub account: AccountId,
    /// Its state, as far as records tell.
    pub state: KeyState,
    /// Who manages it; nobody is asked about a service-owned one.
    pub manager: KeyManager,
    /// The key policy; none for a service-owned key.
    pub policy: Option<Arc<Policy>>,
    /// Its text, with the unique ids of whom it names.
    pub document: String,
    /// Condition keys that every request for the key has, and their values.
    pub facts: Vec<(String, Vec<String>)>,
    /// Grants in force.
    pub grants: Vec<ReviewedGrant>,
    /// Names of its aliases.
    pub aliases: Vec<String>,
    /// Tags.
    pub tags: Vec<(String, String)>,
    /// Ids of its materials, oldest first.
    pub materials: Vec<String>,
    /// When it will be destroyed, where that is set.
    pub destroyed_at: Option<Timestamp>,
    /// Other Regions that have the key.
    pub other_regions: Vec<String>,
}

/// A grant as those see it who decide about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewedGrant {
    /// Its id.
    pub id: String,
    /// Its name; empty for none.
    pub name: String,
    /// What it allows, such as `Decrypt`.
    pub operations: BTreeSet<String>,
    /// Whom, as it is kept: a unique id, or the ARN of who has none.
    pub grantee: String,
    /// The encryption context that it is for.
    pub equals: Option<EncryptionContext>,
    /// Pairs that the encryption context must have.
    pub subset: Option<EncryptionContext>,
}

impl ReviewedGrant {
    /// Whether it is `identity`'s.
    #[must_use]
    pub fn is_for(&self, identity: &Identity) -> bool {
        is_principal(&self.grantee, identity)
    }
}

/// The key of this id, ARN, alias or alias ARN; an alias without its account may be one of several keys, so
/// all that it may mean are there.
///
/// # Errors
/// [`Error::Store`], also for a damaged record of the key.
pub async fn review_keys(meta: &dyn MetaStore, region: &Region, name: &str) -> Result<Vec<ReviewedKey>, Error> {
    let aliases = all::<AliasRecord>(meta, schema::ALIASES).await?;
    let mut found = Vec::new();
    for record in all::<KeyRecord>(meta, schema::KEYS).await? {
        let arn = record.arn(region);
        let own = aliases.iter().filter(|alias| alias.account == record.account && alias.target == record.id);
        let own: Vec<&str> = own.map(|alias| alias.name.as_str()).collect();
        let of_alias =
            |alias: &&str| *alias == name || arn.as_str().replace(&format!("key/{}", record.id), alias) == name;
        if arn.as_str() == name || record.id == name || own.iter().any(of_alias) {
            let grants = grants(meta, &record).await?;
            found.push(reviewed(arn, record, &own, grants)?);
        }
    }
    Ok(found)
}

async fn grants(meta: &dyn MetaStore, key: &KeyRecord) -> Result<Vec<ReviewedGrant>, Error> {
    let prefix = format!("{}{}/{}/", schema::GRANTS, key.account, key.id);
    let shown = |grant: GrantRecord| ReviewedGrant {
        id: grant.id,
        name: grant.name,
        operations: grant.operations,
        grantee: grant.grantee,
        equals: grant.equals,
        subset: grant.subset,
    };
    Ok(all::<GrantRecord>(meta, &prefix).await?.into_iter().map(shown).collect())
}

fn reviewed(
    arn: KeyArn,
    record: KeyRecord,
    aliases: &[&str],
    grants: Vec<ReviewedGrant>,
) -> Result<ReviewedKey, Error> {
    let policy = match record.manager {
        KeyManager::Owned => None,
        _ => Some(Arc::new(parse_policy(&record.policy)?)),
    };
    let one = |name: &str, value: &str| (name.to_owned(), vec![value.to_owned()]);
    let mut facts: Vec<_> = fixed_facts(&record, arn.region()).map(|(name, value)| one(name, value)).collect();
    facts.push(("kms:resourcealiases".to_owned(), aliases.iter().map(|alias| (*alias).to_owned()).collect()));
    facts.extend(record.tags.iter().map(|(name, value)| one(&["aws:resourcetag/", name].concat(), value)));
    let regions = record.multi_region.iter().flat_map(|regions| regions.replicas.iter().chain([&regions.primary]));
    let elsewhere = regions.map(Region::as_str).filter(|region| *region != arn.region());
    Ok(ReviewedKey {
        aliases: aliases.iter().map(|alias| (*alias).to_owned()).collect(),
        tags: record.tags.clone().into_iter().collect(),
        materials: record.versions.iter().map(|version| version.id.clone()).collect(),
        destroyed_at: match record.lifecycle {
            Lifecycle::PendingDeletion { at } => Some(at),
            _ => None,
        },
        other_regions: elsewhere.map(str::to_owned).collect(),
        account: record.account.clone(),
        state: record.lifecycle.state(),
        manager: record.manager,
        policy,
        document: record.policy,
        facts,
        grants,
        arn,
    })
}
