//! What all trails together select, for those who would otherwise record what nobody wants.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use arqueta_model::AccountId;

use crate::selector::EventSelector;

/// The selectors of every trail that logs, by account. Asking is cheap: one uncontended lock and a
/// few comparisons, nothing where no trail selects data events.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    current: Arc<RwLock<Arc<BySelector>>>,
}

type BySelector = HashMap<AccountId, Vec<EventSelector>>;

impl Selection {
    /// Whether some trail of `account` wants a data event of this object. Calls on the bucket
    /// itself, such as listings, have an empty key.
    #[must_use]
    pub fn wants_data(&self, account: &AccountId, bucket: &str, key: &str, read_only: bool) -> bool {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        current
            .get(account)
            .is_some_and(|selectors| selectors.iter().any(|selector| selector.wants_data(bucket, key, read_only)))
    }

    /// Puts what is selected from now on in place of what was.
    pub fn replace(&self, selectors: impl IntoIterator<Item = (AccountId, Vec<EventSelector>)>) {
        let mut next = BySelector::new();
        for (account, selectors) in selectors {
            let data = selectors.into_iter().filter(|selector| !selector.data_resources.is_empty());
            next.entry(account).or_default().extend(data);
        }
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::selector::{DataResource, S3_OBJECT};

    #[test]
    fn every_account_selects_for_itself() {
        let [one, other]: [AccountId; 2] = ["111122223333", "444455556666"].map(|id| id.parse().unwrap());
        let selection = Selection::default();
        let seen_elsewhere = selection.clone();
        assert!(!seen_elsewhere.wants_data(&one, "b", "k", true));
        let resource = DataResource { kind: S3_OBJECT.to_owned(), values: vec!["arn:aws:s3:::b/".to_owned()] };
        let selector = EventSelector { data_resources: vec![resource], ..EventSelector::default() };
        selection.replace([(one.clone(), vec![EventSelector::default()]), (one.clone(), vec![selector])]);
        assert!(seen_elsewhere.wants_data(&one, "b", "k", true));
        assert!(!seen_elsewhere.wants_data(&one, "c", "k", true));
        assert!(!seen_elsewhere.wants_data(&other, "b", "k", true));
        selection.replace([]);
        assert!(!seen_elsewhere.wants_data(&one, "b", "k", true), "a trail that stopped selects nothing");
    }
}
