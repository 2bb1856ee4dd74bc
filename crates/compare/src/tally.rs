//! What is said at the end.

use serde_json::{Value, json};

use crate::{Content, Outcome, Verdict, Weight};

/// How many of what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// The same, what is explained included.
    pub same: u64,
    /// Of these: the same but for what is explained.
    pub explained: u64,
    /// On both sides and different.
    pub differ: u64,
    /// On one side only.
    pub missing: u64,
    /// Not to be told.
    pub unknown: u64,
    /// Bytes on the side that has them, the source if both have.
    pub bytes: u64,
    /// By which rung of the ladder the same bytes were proven.
    pub rungs: [u64; 4],
}

impl Tally {
    /// Counts an outcome; where it is strict, what is explained is a difference.
    pub fn count(&mut self, outcome: &Outcome, strict: bool) {
        self.bytes += outcome.source.as_ref().or(outcome.destination.as_ref()).map_or(0, |entry| entry.size);
        match outcome.weight() {
            _ if outcome.verdict.is_missing() => self.missing += 1,
            Weight::Differs => self.differ += 1,
            Weight::Explained if strict => self.differ += 1,
            Weight::Unknown => self.unknown += 1,
            Weight::Explained => {
                self.explained += 1;
                self.same += 1;
            }
            Weight::Same => self.same += 1,
        }
        if let Verdict::Both { content: Content::Same(proof), .. } = &outcome.verdict {
            self.rungs[usize::from(proof.rung()) - 1] += 1;
        }
    }

    /// All that were looked at.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.same + self.differ + self.missing + self.unknown
    }

    /// 0 for the same, 1 for a difference, 2 where some could not be told and no difference was found.
    #[must_use]
    pub fn exit(&self) -> u8 {
        match (self.differ + self.missing, self.unknown) {
            (0, 0) => 0,
            (0, _) => 2,
            _ => 1,
        }
    }

    /// For people.
    #[must_use]
    pub fn line(&self) -> String {
        let explained = match self.explained {
            0 => String::new(),
            some => format!(" ({some} with differences that are explained)"),
        };
        let rungs: Vec<_> = ["checksum or MD5", "parts", "recomputed", "bytes"]
            .into_iter()
            .zip(self.rungs)
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        let by = if rungs.is_empty() { String::new() } else { format!("; proven by: {}", rungs.join(", ")) };
        format!(
            "{} compared, {} bytes: {} same{explained}, {} differ, {} missing on one side, {} not to be told{by}",
            self.all(),
            self.bytes,
            self.same,
            self.differ,
            self.missing,
            self.unknown
        )
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let Self { same, explained, differ, missing, unknown, bytes, rungs } = self;
        json!({
            "summary": {
                "compared": self.all(), "bytes": bytes, "same": same, "explained": explained, "differ": differ,
                "missing": missing, "unknown": unknown, "rungs": rungs,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_weighs_more_than_what_is_not_known() {
        let of = |differ, missing, unknown| Tally { same: 9, differ, missing, unknown, ..Tally::default() }.exit();
        assert_eq!([of(0, 0, 0), of(1, 0, 0), of(0, 1, 1), of(0, 0, 1)], [0, 1, 1, 2]);
    }
}
