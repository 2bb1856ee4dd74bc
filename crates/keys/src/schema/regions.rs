//! What is kept of other Regions.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use arqueta_model::{AccountId, Principal, Region};
use serde::{Deserialize, Serialize};

use super::names::{ERRANDS, TOMBS};

/// A multi-Region key as this Region knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MultiRegion {
    pub primary: Region,
    /// All Regions but the primary's.
    pub replicas: BTreeSet<Region>,
    /// Of the properties that all its Regions share. Only the primary makes a new one.
    pub edition: Edition,
    /// Number of the first version that some Region may still lack: nothing is encrypted under it
    /// or later ones before every Region has it.
    pub waiting: Option<u32>,
}

/// Orders what is said of a multi-Region key's shared properties: of two editions the higher is
/// right, wherever and in whatever order they arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub(crate) struct Edition {
    /// Counts hand-overs of the primary.
    pub term: u64,
    /// Counts changes over all terms.
    pub revision: u64,
}

impl Edition {
    pub(crate) const fn next(self) -> Self {
        Self { term: self.term, revision: self.revision + 1 }
    }

    /// The first edition under another primary.
    pub(crate) const fn next_term(self) -> Self {
        Self { term: self.term + 1, revision: self.revision + 1 }
    }
}

/// Something that another Region has yet to hear. At most one for each Region and key: it names
/// no content, the key as it is at that moment is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ErrandRecord {
    pub to: Region,
    pub account: AccountId,
    pub key_id: String,
    /// The edition that the other Region must at least have heard of.
    pub edition: Edition,
    pub errand: Errand,
}

/// What is to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Errand {
    /// The shared properties.
    Share,
    /// That a replica shall come to be; then the shared properties.
    Create(Box<Creation>),
    /// To the primary: the replica here is destroyed.
    Leave,
}

/// What a replica begins with, beside what it shares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Creation {
    pub policy: String,
    pub description: String,
    pub tags: BTreeMap<String, String>,
    /// Who asked for it, for the record of the replica's Region.
    pub principal: Principal,
    pub source_ip: IpAddr,
    pub user_agent: String,
}

/// A multi-Region key that is destroyed here: whatever is still said of it up to this edition
/// makes no replica again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TombRecord {
    pub account: AccountId,
    pub key_id: String,
    pub edition: Edition,
}

impl ErrandRecord {
    pub(crate) fn store_key(&self) -> String {
        format!("{ERRANDS}{}/{}/{}", self.to, self.account, self.key_id)
    }
}

impl TombRecord {
    pub(crate) fn store_key(&self) -> String {
        format!("{TOMBS}{}/{}", self.account, self.key_id)
    }
}
