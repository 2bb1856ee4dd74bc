//! What can change of the state, and how it is written and entered.

use std::sync::Arc;

use arqueta_kms::Error;
use arqueta_model::Region;

use super::directory::Directory;
use crate::key::Key;
use crate::key::link::Store;
use crate::schema::{self, AliasRecord, ErrandRecord, GrantRecord, KeyRecord, StoreRecord, TombRecord, WrappingRecord};

/// One change of the state. A batch of them happens whole or not at all.
pub(crate) enum Change {
    Key(KeyRecord),
    /// The key with its material, aliases, grants and what is kept for its imports.
    Destroy(Arc<Key>),
    Alias(AliasRecord),
    DropAlias(Arc<AliasRecord>),
    Grant(GrantRecord),
    DropGrant(Arc<GrantRecord>),
    Wrapping(WrappingRecord),
    /// By its name.
    DropWrapping(String),
    Store(StoreRecord),
    DropStore(Arc<Store>),
    Errand(ErrandRecord),
    DropErrand(Arc<ErrandRecord>),
    Tomb(TombRecord),
}

impl Change {
    /// The other Region that has something to hear now.
    pub(super) fn addressee(&self) -> Option<&Region> {
        match self {
            Self::Errand(errand) => Some(&errand.to),
            _ => None,
        }
    }

    pub(super) fn enter(self, directory: &mut Directory, region: &Region) -> Result<(), Error> {
        match self {
            Self::Key(key) => {
                let stored = schema::encode(&key);
                directory.put_key(region, key, stored)?;
            }
            Self::Destroy(key) => directory.remove_key(&key.record.account, &key.record.id),
            Self::Alias(alias) => directory.put_alias(alias),
            Self::DropAlias(alias) => directory.remove_alias(&alias.account, &alias.name),
            Self::Grant(grant) => directory.put_grant(grant),
            Self::DropGrant(grant) => directory.issued.remove(&grant),
            Self::Wrapping(wrapping) => directory.put_wrapping(&wrapping),
            Self::DropWrapping(name) => directory.remove_wrapping(&name),
            Self::Store(store) => directory.put_store(store),
            Self::DropStore(store) => directory.remove_store(&store.record.account, &store.record.id),
            Self::Errand(errand) => directory.put_errand(errand),
            Self::DropErrand(errand) => directory.remove_errand(&errand),
            Self::Tomb(tomb) => directory.put_tomb(tomb),
        }
        Ok(())
    }
}
