//! Pages of listings: `Limit`, `Marker`, `NextMarker`, `Truncated`.

use arqueta_kms::Error;

use crate::limits;

/// One page of a listing.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
}

/// The page of at most `limit` behind the item named `marker`, of `items`, which are in the order of their names.
pub(crate) fn page_behind<'a, T>(
    items: impl Iterator<Item = (&'a str, T)>,
    limit: usize,
    marker: Option<&str>,
) -> Page<T> {
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

/// As [`page_behind`], as the wire says it.
pub(crate) fn page<'a, T>(
    items: impl Iterator<Item = (&'a str, T)>,
    limit: Option<i64>,
    (default, max): (usize, i64),
    marker: Option<&str>,
) -> Result<Page<T>, Error> {
    let limit = limit.map_or(Ok(default), |limit| limits::range(limit, "limit", 1, max))?;
    let marker = marker.map(limits::marker).transpose()?;
    let page = page_behind(items, limit, marker.as_deref());
    Ok(Page { next: page.next.map(|last| limits::marker_behind(&last)), ..page })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn all(names: &[&str], limit: i64) -> Vec<Vec<String>> {
        let mut pages = Vec::new();
        let mut marker = None;
        loop {
            let found =
                page(names.iter().map(|n| (*n, (*n).to_owned())), Some(limit), (100, 1000), marker.as_deref()).unwrap();
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
        let next = page([("a", ()), ("b", ())].into_iter(), Some(1), (1, 10), None).unwrap().next.unwrap();
        let rest = page([("b", "b"), ("c", "c")].into_iter(), Some(9), (1, 10), Some(&next)).unwrap();
        assert_eq!(rest.items, ["b", "c"]);
    }

    #[test]
    fn foreign_markers_and_limits_are_refused() {
        for marker in ["", "!", "a", "_w"] {
            let outcome = page([("a", ())].into_iter(), None, (1, 10), Some(marker));
            assert_eq!(outcome.err().unwrap().code(), "InvalidMarkerException", "{marker}");
        }
        for limit in [0, 11, -1] {
            assert!(page([("a", ())].into_iter(), Some(limit), (1, 10), None).is_err(), "{limit}");
        }
    }
}
