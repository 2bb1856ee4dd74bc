//! Paging as IAM does it: at most `max_items`, and a marker when there is more.

use std::borrow::Cow;

use crate::Error;

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct List {
    /// Only entities whose path begins so; all by default.
    pub path_prefix: Option<String>,
    /// Where the page before ended.
    pub marker: Option<String>,
    /// 1 to 1,000; 100 by default.
    pub max_items: Option<usize>,
}

/// A page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// In order of their names.
    pub items: Vec<T>,
    /// Present if there is more (`IsTruncated`).
    pub marker: Option<String>,
}

impl<T> Page<T> {
    /// The same page of other values.
    pub fn map<U>(self, f: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(f).collect(), marker: self.marker }
    }
}

impl List {
    /// Cuts a page out of `all`, which is in order of the lower-case names.
    ///
    /// # Errors
    /// [`Error::Validation`] for a length that is no length of a page.
    pub fn page<T>(&self, all: impl Iterator<Item = T>, name: impl Fn(&T) -> Cow<'_, str>) -> Result<Page<T>, Error> {
        let most = self.max_items.unwrap_or(100);
        if !(1..=1000).contains(&most) {
            return Err(Error::validation(format!(
                "1 validation error detected: Value '{most}' at 'maxItems' failed to satisfy constraint: Member must have value between 1 and 1000"
            )));
        }
        let after = self.marker.as_ref().map(|marker| marker.to_lowercase());
        let mut rest = all.filter(|item| after.as_ref().is_none_or(|after| name(item).to_lowercase() > *after));
        let items: Vec<T> = rest.by_ref().take(most).collect();
        let marker = rest.next().and(items.last()).map(|item| name(item).into_owned());
        Ok(Page { items, marker })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_gaps() {
        let names = ["a", "B", "c"];
        let mut list = List { max_items: Some(2), ..List::default() };
        let first = list.page(names.iter(), |name| (**name).into()).unwrap();
        assert_eq!((first.items, first.marker.as_deref()), (vec![&"a", &"B"], Some("B")));
        list.marker = first.marker;
        let second = list.page(names.iter(), |name| (**name).into()).unwrap();
        assert_eq!((second.items, second.marker), (vec![&"c"], None));
    }

    #[test]
    fn page_sizes_are_bounded() {
        for size in [0, 1001] {
            assert!(
                List { max_items: Some(size), ..List::default() }.page(["a"].iter(), |name| (**name).into()).is_err()
            );
        }
    }
}
