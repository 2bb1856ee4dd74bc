//! Wildcards, and the work that matching takes.
//!
//! A text is held against the stretches between the stars from left to right, each found once:
//! plain ones by a linear search, those with a `?` at every place. What that takes is counted, so
//! that nobody's policy and nobody's value can make one decision cost more than [`BUDGET`].

use std::cell::Cell;

/// Steps that one evaluation may take: a thousand times what one of a dozen policies takes, and
/// a few milliseconds. Beyond it the answer is no.
pub const BUDGET: u64 = 2 * 1024 * 1024;

/// Longest stretch with a `?` that is tried at every place of a text without asking how much of
/// the budget is left.
const SHORT: usize = 64;

/// Work done, in comparisons of characters; a comparison of whole texts counts an eighth of their
/// bytes.
#[derive(Debug, Default)]
pub(crate) struct Steps(Cell<u64>);

impl Steps {
    pub(crate) fn charge(&self, steps: usize) {
        self.0.set(self.0.get().saturating_add(steps as u64));
    }

    /// Charges a comparison or search over `bytes` at once.
    pub(crate) fn charge_bytes(&self, bytes: usize) {
        self.charge(1 + bytes / 8);
    }

    pub(crate) fn taken(&self) -> u64 {
        self.0.get()
    }

    pub(crate) fn are_spent(&self) -> bool {
        self.taken() > BUDGET
    }
}

/// How letters compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    Exact,
    Ignore,
}

/// One position of a glob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Glyph {
    Char(char),
    One,
    Star,
}

impl Glyph {
    /// Whether it stands for `c`. A star stands for no single character.
    fn is(self, c: char, case: Case) -> bool {
        match self {
            Self::Char(own) => own == c || case == Case::Ignore && own.to_lowercase().eq(c.to_lowercase()),
            Self::One => true,
            Self::Star => false,
        }
    }

    pub(crate) fn literal(self) -> Option<char> {
        match self {
            Self::Char(c) => Some(c),
            Self::One | Self::Star => None,
        }
    }
}

/// A pattern with wildcards, taken apart at its stars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Glob {
    /// The stretches between the stars, at least one: the first begins the text, the last ends it.
    runs: Box<[Run]>,
}

/// A stretch without stars.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    glyphs: Box<[Glyph]>,
    /// The same as text, if it has no `?`.
    literal: Option<Box<str>>,
}

impl Glob {
    pub(crate) fn new(glyphs: &[Glyph]) -> Self {
        Self { runs: glyphs.split(|glyph| *glyph == Glyph::Star).map(Run::new).collect() }
    }

    /// A text that it covers: nothing in the place of its stars.
    pub(crate) fn sample(&self) -> String {
        self.runs.iter().flat_map(|run| &run.glyphs).map(|glyph| glyph.literal().unwrap_or('x')).collect()
    }

    /// Whether the pattern covers the whole of `text`.
    pub(crate) fn matches(&self, text: &str, case: Case, steps: &Steps) -> bool {
        let Some((first, rest)) = self.runs.split_first() else { return text.is_empty() };
        let Some(text) = first.begins(text, case, steps) else { return false };
        let Some((last, middle)) = rest.split_last() else { return text.is_empty() };
        let Some(mut text) = last.ends(text, case, steps) else { return false };
        // The leftmost place leaves most for those that follow.
        middle.iter().all(|run| match run.find(text, case, steps) {
            Some(rest) => {
                text = rest;
                true
            }
            None => false,
        })
    }
}

impl Run {
    fn new(glyphs: &[Glyph]) -> Self {
        let literal: Option<String> = glyphs.iter().map(|glyph| glyph.literal()).collect();
        Self { glyphs: glyphs.into(), literal: literal.map(Into::into) }
    }

    fn exact(&self, case: Case) -> Option<&str> {
        self.literal.as_deref().filter(|_| case == Case::Exact)
    }

    /// What follows the run at the beginning of `text`.
    fn begins<'t>(&self, text: &'t str, case: Case, steps: &Steps) -> Option<&'t str> {
        if let Some(literal) = self.exact(case) {
            steps.charge_bytes(literal.len());
            return text.strip_prefix(literal);
        }
        let mut chars = text.chars();
        let fits = self.glyphs.iter().all(|glyph| {
            steps.charge(1);
            chars.next().is_some_and(|c| glyph.is(c, case))
        });
        fits.then_some(chars.as_str())
    }

    /// What precedes the run at the end of `text`.
    fn ends<'t>(&self, text: &'t str, case: Case, steps: &Steps) -> Option<&'t str> {
        if let Some(literal) = self.exact(case) {
            steps.charge_bytes(literal.len());
            return text.strip_suffix(literal);
        }
        let mut chars = text.chars();
        let fits = self.glyphs.iter().rev().all(|glyph| {
            steps.charge(1);
            chars.next_back().is_some_and(|c| glyph.is(c, case))
        });
        fits.then_some(chars.as_str())
    }

    /// What follows the first place of the run in `text`.
    fn find<'t>(&self, text: &'t str, case: Case, steps: &Steps) -> Option<&'t str> {
        if let Some(literal) = self.exact(case) {
            // The standard library's search is the two-way one: linear, whatever the texts.
            let at = text.find(literal);
            steps.charge_bytes(literal.len() + at.unwrap_or(text.len()));
            return at.map(|at| &text[at + literal.len()..]);
        }
        let mut rest = text.chars();
        loop {
            if let Some(found) = self.begins(rest.as_str(), case, steps) {
                return Some(found);
            }
            // Whoever writes long runs with a `?` in them gets as far as the budget goes.
            if self.glyphs.len() > SHORT && steps.are_spent() {
                return None;
            }
            rest.next()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn glyphs(pattern: &str) -> Vec<Glyph> {
        pattern
            .chars()
            .map(|c| match c {
                '*' => Glyph::Star,
                '?' => Glyph::One,
                c => Glyph::Char(c),
            })
            .collect()
    }

    fn holds(pattern: &str, text: &str, case: Case) -> (bool, u64) {
        let steps = Steps::default();
        (Glob::new(&glyphs(pattern)).matches(text, case, &steps), steps.taken())
    }

    /// The textbook definition, by a table of prefixes: slow and obviously right.
    fn oracle(pattern: &str, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let mut reached = vec![false; text.len() + 1];
        reached[0] = true;
        for glyph in pattern.chars() {
            let mut next = vec![false; text.len() + 1];
            for at in 0..=text.len() {
                next[at] = match glyph {
                    '*' => reached[at] || at > 0 && next[at - 1],
                    '?' => at > 0 && reached[at - 1],
                    c => at > 0 && reached[at - 1] && text[at - 1] == c,
                };
            }
            reached = next;
        }
        reached[text.len()]
    }

    #[test]
    fn a_star_and_a_long_text_cost_their_sum_and_not_their_product() {
        let value = "a".repeat(1024 * 1024);
        for (pattern, wanted) in [
            (format!("*{}b", "a".repeat(10_000)), false),
            (format!("*{}b*", "a".repeat(10_000)), false),
            (format!("{}b*", "*a".repeat(5000)), false),
            (format!("a*{}*b*c", "a".repeat(10_000)), false),
            (format!("{}*", "*a".repeat(5000)), true),
        ] {
            let (matches, steps) = holds(&pattern, &value, Case::Exact);
            assert_eq!(matches, wanted);
            assert!(steps <= (pattern.len() + value.len()) as u64, "{steps} steps");
        }
    }

    #[test]
    fn a_run_with_a_question_mark_costs_no_more_than_the_budget() {
        let pattern = format!("*a?{}b*", "a".repeat(10_000));
        let (matches, steps) = holds(&pattern, &"a".repeat(1024 * 1024), Case::Exact);
        assert!(!matches);
        // One more place is tried before it is noticed.
        assert!(steps <= BUDGET + pattern.len() as u64, "{steps}");
        let (matches, steps) = holds("*a?c*", &"ab".repeat(4096), Case::Exact);
        assert!(!matches && steps <= 8192 * 4, "{steps}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn agrees_with_the_definition(pattern in "[ab*?]{0,12}", text in "[ab]{0,16}") {
            prop_assert_eq!(holds(&pattern, &text, Case::Exact).0, oracle(&pattern, &text));
            prop_assert_eq!(holds(&pattern, &text.to_uppercase(), Case::Ignore).0, oracle(&pattern, &text));
        }

        #[test]
        fn agrees_beyond_ascii(pattern in "[é💡a*?]{0,8}", text in "[é💡a]{0,10}") {
            prop_assert_eq!(holds(&pattern, &text, Case::Exact).0, oracle(&pattern, &text));
        }
    }
}
