//! Pages of listings.

/// One page of a listing.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
}

/// The page of at most `limit` behind the item named `marker`, of `items`, which are in the order of their names.
pub(crate) fn page<'a, T>(items: impl Iterator<Item = (&'a str, T)>, limit: usize, marker: Option<&str>) -> Page<T> {
    let mut items = items.skip_while(|(name, _)| marker.is_some_and(|marker| *name <= marker));
    let mut page = Page { items: Vec::new(), next: None };
    let mut last = "";
    for (name, item) in items.by_ref().take(limit) {
        last = name;
        page.items.push(item);
    }
    page.next = items.next().map(|_| last.to_owned());
    page
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn all(names: &[&str], limit: usize) -> Vec<Vec<String>> {
        let mut pages = Vec::new();
        let mut marker = None;
        loop {
            let found = page(names.iter().map(|n| (*n, (*n).to_owned())), limit, marker.as_deref());
            pages.push(found.items);
            match found.next {
                Some(next) => marker = Some(next),
                None => return pages,
            }
        }
    }

    #[test]
    fn pages_cover_everything_once_and_the_last_is_not_truncated() {
        assert_eq!(all(&["a", "b", "c", "d"], 2), [["a", "b"], ["c", "d"]]);
        assert_eq!(all(&["a", "b", "c"], 1).len(), 3);
        assert_eq!(all(&[], 1), [Vec::<String>::new()]);
    }

    #[test]
    fn a_marker_whose_item_is_gone_continues_behind_it() {
        let next = page([("a", ()), ("b", ())].into_iter(), 1, None).next.unwrap();
        let rest = page([("b", "b"), ("c", "c")].into_iter(), 9, Some(&next));
        assert_eq!(rest.items, ["b", "c"]);
    }
}
