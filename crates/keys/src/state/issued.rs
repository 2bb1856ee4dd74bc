//! All grants in force, by what they are looked up by.
//!
//! They are kept beside their keys, not inside: a key can have fifty thousand, and neither making
//! one nor asking for a caller's may cost what they all are.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arqueta_model::AccountId;

use crate::schema::GrantRecord;

/// Every grant of every key.
#[derive(Default)]
pub(crate) struct Issued {
    keys: BTreeMap<AccountId, BTreeMap<String, OfKey>>,
    by_id: BTreeSet<ById>,
    by_retiring: BTreeMap<String, BTreeSet<ById>>,
}

/// The grants of one key.
#[derive(Default)]
pub(crate) struct OfKey {
    by_id: BTreeSet<ById>,
    by_grantee: BTreeMap<String, BTreeSet<ById>>,
    by_name: BTreeMap<String, BTreeSet<ById>>,
}

/// A grant in the order of ids.
struct ById(Arc<GrantRecord>);

impl Issued {
    pub(crate) fn put(&mut self, grant: Arc<GrantRecord>) {
        self.remove(&grant);
        let key = self.keys.entry(grant.account.clone()).or_default().entry(grant.key_id.clone()).or_default();
        key.by_id.insert(ById(grant.clone()));
        key.by_grantee.entry(grant.grantee.clone()).or_default().insert(ById(grant.clone()));
        if !grant.name.is_empty() {
            key.by_name.entry(grant.name.clone()).or_default().insert(ById(grant.clone()));
        }
        if let Some(retiring) = &grant.retiring {
            self.by_retiring.entry(retiring.clone()).or_default().insert(ById(grant.clone()));
        }
        self.by_id.insert(ById(grant));
    }

    /// Forgets the grant of this id.
    pub(crate) fn remove(&mut self, grant: &GrantRecord) {
        let id = grant.id.as_str();
        let Some(ById(old)) = self.by_id.take(id) else { return };
        if let Some(retiring) = &old.retiring {
            take(&mut self.by_retiring, retiring, id);
        }
        let Some(keys) = self.keys.get_mut(&old.account) else { return };
        let Some(key) = keys.get_mut(&old.key_id) else { return };
        key.by_id.remove(id);
        take(&mut key.by_grantee, &old.grantee, id);
        take(&mut key.by_name, &old.name, id);
        if key.by_id.is_empty() {
            keys.remove(&old.key_id);
        }
    }

    /// Forgets all grants of a key.
    pub(crate) fn remove_key(&mut self, account: &AccountId, id: &str) {
        let Some(key) = self.keys.get_mut(account).and_then(|keys| keys.remove(id)) else { return };
        for ById(grant) in key.by_id {
            self.by_id.remove(grant.id.as_str());
            if let Some(retiring) = &grant.retiring {
                take(&mut self.by_retiring, retiring, &grant.id);
            }
        }
    }

    /// The grants of a key, if it has any.
    pub(crate) fn of_key(&self, account: &AccountId, id: &str) -> Option<&OfKey> {
        self.keys.get(account)?.get(id)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<GrantRecord>> {
        self.by_id.iter().map(|ById(grant)| grant)
    }

    /// The grant of this id, whichever key it is of.
    pub(crate) fn find(&self, id: &str) -> Option<&Arc<GrantRecord>> {
        self.by_id.get(id).map(|ById(grant)| grant)
    }

    /// Those that `principal`, as grants name it, may retire, by id.
    pub(crate) fn retirable(&self, principal: &str) -> impl Iterator<Item = &Arc<GrantRecord>> {
        self.by_retiring.get(principal).into_iter().flatten().map(|ById(grant)| grant)
    }
}

impl OfKey {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// In the order of ids.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<GrantRecord>> {
        self.by_id.iter().map(|ById(grant)| grant)
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Arc<GrantRecord>> {
        self.by_id.get(id).map(|ById(grant)| grant)
    }

    /// Those whose grantee is named `grantee`, by id.
    pub(crate) fn to(&self, grantee: &str) -> impl Iterator<Item = &Arc<GrantRecord>> {
        self.by_grantee.get(grantee).into_iter().flatten().map(|ById(grant)| grant)
    }

    /// Those that were given the name `name`, by id.
    pub(crate) fn named(&self, name: &str) -> impl Iterator<Item = &Arc<GrantRecord>> {
        self.by_name.get(name).into_iter().flatten().map(|ById(grant)| grant)
    }
}

fn take(index: &mut BTreeMap<String, BTreeSet<ById>>, by: &str, id: &str) {
    if let Some(grants) = index.get_mut(by) {
        grants.remove(id);
        if grants.is_empty() {
            index.remove(by);
        }
    }
}

impl Borrow<str> for ById {
    fn borrow(&self) -> &str {
        &self.0.id
    }
}

impl Ord for ById {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.id.cmp(&other.0.id)
    }
}

impl PartialOrd for ById {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ById {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for ById {}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use arqueta_model::Timestamp;

    use super::*;

    fn account() -> AccountId {
        "111122223333".parse().unwrap()
    }

    fn grant(key: &str, id: &str, grantee: &str, name: &str, retiring: Option<&str>) -> Arc<GrantRecord> {
        Arc::new(GrantRecord {
            account: account(),
            key_id: key.to_owned(),
            id: id.to_owned(),
            name: name.to_owned(),
            created: Timestamp::from_millis(0),
            grantee: grantee.to_owned(),
            retiring: retiring.map(str::to_owned),
            issuer: account(),
            operations: BTreeSet::new(),
            equals: None,
            subset: None,
        })
    }

    fn ids<'a>(grants: impl Iterator<Item = &'a Arc<GrantRecord>>) -> Vec<&'a str> {
        grants.map(|grant| grant.id.as_str()).collect()
    }

    #[test]
    fn a_grant_is_found_by_everything_it_is_looked_up_by_until_it_goes() {
        let mut issued = Issued::default();
        for one in [
            grant("k", "2", "bob", "n", Some("carol")),
            grant("k", "1", "bob", "", None),
            grant("k", "3", "eve", "n", None),
            grant("l", "4", "bob", "n", Some("carol")),
        ] {
            issued.put(one);
        }
        let key = issued.of_key(&account(), "k").unwrap();
        assert_eq!((key.len(), ids(key.all())), (3, vec!["1", "2", "3"]));
        assert_eq!((ids(key.to("bob")), ids(key.to("nobody"))), (vec!["1", "2"], vec![]));
        assert_eq!((ids(key.named("n")), ids(key.named(""))), (vec!["2", "3"], vec![]));
        assert_eq!(ids(issued.retirable("carol")), ["2", "4"]);
        assert_eq!(issued.find("4").unwrap().key_id, "l");
        assert!(key.get("4").is_none(), "another key's");

        issued.remove(&grant("k", "2", "", "", None));
        let key = issued.of_key(&account(), "k").unwrap();
        assert_eq!((ids(key.to("bob")), ids(key.named("n"))), (vec!["1"], vec!["3"]));
        assert_eq!(ids(issued.retirable("carol")), ["4"]);
        assert!(issued.find("2").is_none());

        issued.remove_key(&account(), "l");
        assert_eq!(ids(issued.retirable("carol")), [""; 0]);
        assert!(issued.find("4").is_none() && issued.of_key(&account(), "l").is_none());
    }

    #[test]
    fn a_grant_that_is_put_again_is_there_once_as_it_is_now() {
        let mut issued = Issued::default();
        issued.put(grant("k", "1", "bob", "n", Some("carol")));
        issued.put(grant("k", "1", "eve", "m", None));
        let key = issued.of_key(&account(), "k").unwrap();
        assert_eq!((ids(key.to("bob")), ids(key.to("eve"))), (vec![], vec!["1"]));
        assert_eq!((ids(key.named("n")), ids(key.named("m"))), (vec![], vec!["1"]));
        assert_eq!(ids(issued.retirable("carol")), [""; 0]);
        issued.remove(&grant("k", "1", "", "", None));
        assert!(issued.of_key(&account(), "k").is_none());
    }
}
