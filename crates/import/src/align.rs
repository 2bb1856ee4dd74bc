//! Which versions of a key are at the destination already.

use std::ops::Range;

use arqueta_client::Entry;

/// How the versions of a key on both sides belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aligned {
    /// How many of the source's versions are behind the newest that the destination has.
    from: usize,
    all: usize,
    /// Versions of the source between ones that are there: they can come no more in their order.
    pub gaps: Vec<usize>,
    /// Versions of the destination that the source has not, or no more.
    pub extra: usize,
}

impl Aligned {
    /// Which of the source's versions, from the oldest on, are to be copied.
    #[must_use]
    pub fn missing(&self) -> Range<usize> {
        self.from..self.all
    }
}

/// Finds each of the destination's versions among the source's, both from the oldest to the newest. Asks of no
/// more pairs than that needs: for most keys, of one.
pub async fn aligned(
    source: &[Entry],
    destination: &[Entry],
    mut is_same: impl AsyncFnMut(&Entry, &Entry) -> bool,
) -> Aligned {
    let (mut from, mut gaps, mut extra) = (0, Vec::new(), 0);
    for there in destination {
        let mut at = from;
        while at < source.len() && !is_same(&source[at], there).await {
            at += 1;
        }
        if at == source.len() {
            // Expired at the source since, or somebody else's.
            extra += 1;
        } else {
            gaps.extend(from..at);
            from = at + 1;
        }
    }
    Aligned { from, all: source.len(), gaps, extra }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn versions(names: &str) -> Vec<Entry> {
        names.chars().map(|name| Entry { etag: name.to_string(), ..Entry::default() }).collect()
    }

    #[test]
    fn versions_are_found_in_their_order() {
        for (source, destination, missing, gaps, extra) in [
            ("abc", "", 0..3, vec![], 0),
            ("abc", "a", 1..3, vec![], 0),
            ("abc", "abc", 3..3, vec![], 0),
            // The same content twice is two versions.
            ("aa", "a", 1..2, vec![], 0),
            // The source let go of its oldest.
            ("bc", "ab", 1..2, vec![], 1),
            // One in the middle is not there: it cannot come any more.
            ("abc", "ac", 3..3, vec![1], 0),
            ("abc", "x", 0..3, vec![], 1),
            ("", "x", 0..0, vec![], 1),
        ] {
            let (one, other) = (versions(source), versions(destination));
            let found = aligned(&one, &other, async |a, b| a.etag == b.etag).now_or_never().expect("nobody waits");
            let expected = (missing, gaps, extra);
            assert_eq!((found.missing(), found.gaps, found.extra), expected, "{source} {destination}");
        }
    }
}
