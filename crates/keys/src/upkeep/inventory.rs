//! The keys of a store, for the person who operates it.

use std::collections::BTreeMap;

use arqueta_kms::{Error, KeyManager, KeySpec, KeyState};
use arqueta_model::{KeyArn, Region};
use arqueta_store::{MetaStore, Scan};

use crate::schema::{self, AliasRecord, KeyRecord};

const PAGE: usize = 1000;

/// A key as its records show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedKey {
    /// Its ARN.
    pub arn: KeyArn,
    /// Who manages it; service-owned keys, which users are not shown, are among them.
    pub manager: KeyManager,
    /// Its state, as far as records tell: whether a token is away they do not.
    pub state: KeyState,
    /// Its spec.
    pub spec: KeySpec,
    /// Where its material comes from, in AWS's words.
    pub origin: &'static str,
    /// Names of its aliases.
    pub aliases: Vec<String>,
}

/// Every key in `meta`, by account and id.
///
/// # Errors
/// [`Error::Store`]. A damaged record is left out.
pub async fn list_keys(meta: &dyn MetaStore, region: &Region) -> Result<Vec<ListedKey>, Error> {
    let mut aliases: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for alias in all::<AliasRecord>(meta, schema::ALIASES).await? {
        aliases.entry((alias.account.clone(), alias.target.clone())).or_default().push(alias.name.clone());
    }
    let keys = all::<KeyRecord>(meta, schema::KEYS).await?.into_iter();
    Ok(keys
        .map(|key| ListedKey {
            arn: key.arn(region),
            manager: key.manager,
            state: key.lifecycle.state(),
            spec: key.spec,
            origin: key.origin.name(),
            aliases: aliases.remove(&(key.account.clone(), key.id.clone())).unwrap_or_default(),
        })
        .collect())
}

/// All records under a prefix; damaged ones are left out.
pub(super) async fn all<T: serde::de::DeserializeOwned>(meta: &dyn MetaStore, prefix: &str) -> Result<Vec<T>, Error> {
    let (mut all, mut scan) = (Vec::new(), Scan::prefix(prefix.as_bytes(), PAGE));
    loop {
        let page = meta.page(scan.clone()).await?;
        let Some(last) = page.last() else { return Ok(all) };
        scan.start = [&last.key[..], &[0]].concat().into();
        for entry in &page {
            if let Some(value) = &entry.value {
                all.push(schema::decode(&entry.key, value)?);
            }
        }
    }
}
