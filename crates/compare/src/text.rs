//! Outcomes as lines, for people and for programs.

use arqueta_client::Entry;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::{Content, Outcome, Proof, Side, Verdict, Weight};

/// Seconds since 1970, as a date.
pub(crate) fn time(seconds: i64) -> String {
    let date = OffsetDateTime::from_unix_timestamp(seconds).ok().and_then(|date| date.format(&Rfc3339).ok());
    date.unwrap_or_else(|| seconds.to_string())
}

impl Proof {
    /// What proved it, for people.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Empty => "both are empty".to_owned(),
            Self::Markers => "both are delete markers".to_owned(),
            Self::Checksum(algorithm) => format!("same {} of the whole object", algorithm.name()),
            Self::Md5 => "same MD5".to_owned(),
            Self::PartChecksums(algorithm) => format!("same {} of the same parts", algorithm.name()),
            Self::MultipartEtag => "same multipart ETag, parts of the same sizes".to_owned(),
            Self::MultipartEtagAlone => "same multipart ETag".to_owned(),
            Self::Recomputed(algorithm) => format!("{} of one side computed of the other's bytes", algorithm.name()),
            Self::RecomputedEtag => "ETag of one side computed of the other's bytes".to_owned(),
            Self::Bytes => "bytes read on both sides".to_owned(),
        }
    }
}

impl Outcome {
    /// The key as a line may have it, with the version where versions are compared.
    fn name(&self) -> String {
        let entry = self.source.as_ref().or(self.destination.as_ref());
        let key: String = self.key.chars().flat_map(shown).collect();
        match entry.and_then(|entry| entry.version.as_deref()) {
            Some(version) => format!("{key} ({version})"),
            None => key,
        }
    }

    /// A line for each difference; none where there is none.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let name = self.name();
        match &self.verdict {
            Verdict::Missing { on, reasons } => {
                let why = if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) };
                let entry = if *on == Side::Source { &self.destination } else { &self.source };
                let what = if entry.as_ref().is_some_and(|entry| entry.is_marker) { "delete marker " } else { "" };
                vec![format!("{name}: {what}missing in the {}{why}", on.name())]
            }
            Verdict::Both { content, differences } => {
                let bytes = match content {
                    Content::Same(_) => None,
                    Content::Differs(how) => Some(format!("{name}: content differs: {how}")),
                    Content::Unknown(why) => Some(format!("{name}: {why}")),
                };
                let by = match content {
                    Content::Same(proof) => format!(" ({})", proof.words()),
                    _ => String::new(),
                };
                let line = |difference: &crate::Difference| {
                    let by = if difference.field == crate::Field::Etag { by.as_str() } else { "" };
                    format!("{name}: {}{by}", difference.says)
                };
                bytes.into_iter().chain(differences.iter().map(line)).collect()
            }
        }
    }

    /// A line where nothing differs.
    #[must_use]
    pub fn same_line(&self) -> Option<String> {
        match &self.verdict {
            Verdict::Both { content: Content::Same(proof), differences } if differences.is_empty() => {
                Some(format!("{}: same ({})", self.name(), proof.words()))
            }
            _ => None,
        }
    }

    /// As `rclone check --combined` writes it: `=` the same, `-` missing in the source, `+` missing in the
    /// destination, `*` different, `!` not to be told.
    #[must_use]
    pub fn combined(&self, strict: bool) -> String {
        let sign = match (&self.verdict, self.weight()) {
            (Verdict::Missing { on: Side::Source, .. }, _) => '-',
            (Verdict::Missing { .. }, _) => '+',
            (_, Weight::Differs) => '*',
            (_, Weight::Explained) if strict => '*',
            (_, Weight::Unknown) => '!',
            (_, Weight::Same | Weight::Explained) => '=',
        };
        format!("{sign} {}", self.name())
    }

    /// For programs.
    #[must_use]
    pub fn json(&self, strict: bool) -> Value {
        let result = match (&self.verdict, self.weight()) {
            (Verdict::Missing { .. }, _) => "missing",
            (_, Weight::Differs) => "differs",
            (_, Weight::Explained) if strict => "differs",
            (_, Weight::Explained) => "explained",
            (_, Weight::Unknown) => "unknown",
            (_, Weight::Same) => "same",
        };
        let mut line = json!({ "key": self.key, "result": result });
        let sides = [("source", &self.source), ("destination", &self.destination)];
        for (side, entry) in sides {
            line[side] = entry.as_ref().map_or(Value::Null, listed);
        }
        match &self.verdict {
            Verdict::Missing { on, reasons } => {
                line["missingIn"] = on.name().into();
                line["reasons"] = reasons.clone().into();
            }
            Verdict::Both { content, differences } => {
                line["content"] = match content {
                    Content::Same(proof) => json!({ "same": true, "rung": proof.rung(), "by": proof.words() }),
                    Content::Differs(how) => json!({ "same": false, "how": how }),
                    Content::Unknown(why) => json!({ "same": null, "why": why }),
                };
                let difference = |difference: &crate::Difference| {
                    json!({
                        "field": difference.field.name(), "says": difference.says,
                        "explained": difference.is_explained,
                    })
                };
                line["differences"] = differences.iter().map(difference).collect();
            }
        }
        line
    }
}

fn listed(entry: &Entry) -> Value {
    let mut line = json!({ "lastModified": time(entry.modified) });
    if let Some(version) = &entry.version {
        line["versionId"] = version.as_str().into();
    }
    if entry.is_marker {
        line["deleteMarker"] = true.into();
    } else {
        line["size"] = entry.size.into();
        line["etag"] = entry.etag.as_str().into();
    }
    line
}

/// Control characters as escapes: a key must not make a line, nor move the cursor.
fn shown(c: char) -> Box<dyn Iterator<Item = char>> {
    if c.is_control() { Box::new(c.escape_default()) } else { Box::new(std::iter::once(c)) }
}
