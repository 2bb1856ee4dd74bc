//! A report as one table of comma-separated values (RFC 4180), for spreadsheets.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use crate::act::{Act, Use};
use crate::report::{ObjectUse, Refusal, Report};

/// One row; the first field says what it is of.
#[derive(Default, Serialize)]
struct Row<'a> {
    kind: &'static str,
    #[serde(serialize_with = "safe")]
    key: Cow<'a, str>,
    #[serde(serialize_with = "safe")]
    principal: Cow<'a, str>,
    #[serde(serialize_with = "safe")]
    operation: Cow<'a, str>,
    #[serde(serialize_with = "safe")]
    through: Cow<'a, str>,
    #[serde(rename = "bucket or resource", serialize_with = "safe")]
    resource: Cow<'a, str>,
    #[serde(serialize_with = "safe")]
    version: Cow<'a, str>,
    #[serde(serialize_with = "safe")]
    outcome: Cow<'a, str>,
    count: u64,
    first: &'a str,
    last: &'a str,
    #[serde(serialize_with = "safe")]
    sources: Cow<'a, str>,
    #[serde(serialize_with = "safe")]
    parameters: Cow<'a, str>,
}

/// Somebody else's text must not be a formula where the table is opened (OWASP, "CSV Injection").
fn safe<S: Serializer>(text: &str, to: S) -> Result<S::Ok, S::Error> {
    match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => to.collect_str(&format_args!("'{text}")),
        _ => to.serialize_str(text),
    }
}

impl<'a> From<&'a Use> for Row<'a> {
    fn from(used: &'a Use) -> Self {
        Self {
            kind: "use",
            principal: used.principal.as_str().into(),
            operation: used.what.as_str().into(),
            through: used.through.as_deref().unwrap_or_default().into(),
            resource: used.bucket.as_deref().unwrap_or_default().into(),
            count: used.count,
            first: &used.first,
            last: &used.last,
            sources: used.sources.join(" ").into(),
            ..Self::default()
        }
    }
}

impl<'a> From<&'a Act> for Row<'a> {
    fn from(act: &'a Act) -> Self {
        Self {
            kind: "change",
            principal: act.by.as_str().into(),
            operation: act.what.as_str().into(),
            resource: act.on.join(" ").into(),
            count: 1,
            first: &act.at,
            last: &act.at,
            sources: act.from.as_str().into(),
            parameters: act.parameters.as_str().into(),
            ..Self::default()
        }
    }
}

impl<'a> From<&'a Refusal> for Row<'a> {
    fn from(refusal: &'a Refusal) -> Self {
        Self {
            kind: "refused",
            principal: refusal.principal.as_str().into(),
            operation: refusal.what.as_str().into(),
            resource: refusal.on.join(" ").into(),
            outcome: refusal.code.as_str().into(),
            count: refusal.count,
            first: &refusal.first,
            last: &refusal.last,
            sources: refusal.sources.join(" ").into(),
            ..Self::default()
        }
    }
}

impl<'a> From<&'a ObjectUse> for Row<'a> {
    fn from(object: &'a ObjectUse) -> Self {
        Self {
            kind: "object",
            principal: object.principal.as_str().into(),
            operation: object.what.as_str().into(),
            resource: object.object.as_str().into(),
            version: object.version.as_deref().unwrap_or_default().into(),
            count: object.count,
            first: &object.first,
            last: &object.last,
            ..Self::default()
        }
    }
}

impl Report {
    /// As comma-separated values: first whether the record is proven, then a row for each use, change, refusal
    /// and object, then how much there was no room for.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut table = csv::Writer::from_writer(Vec::new());
        let mut put = |row: Row<'_>| table.serialize(row).expect("a vector takes everything, and all rows are as long");
        let outcome = if self.proof.valid { "the record is what was written" } else { "the record is not proven" };
        let end = format!("seal {} {}", self.proof.chain_end, self.proof.chain_tag);
        put(Row {
            kind: "proof",
            outcome: outcome.into(),
            resource: end.into(),
            count: self.proof.events,
            ..Row::default()
        });
        for key in &self.keys {
            for row in key.uses.iter().map(Row::from).chain(key.changes.iter().map(Row::from)) {
                put(Row { key: key.arn.as_str().into(), ..row });
            }
        }
        self.uses.iter().map(Row::from).for_each(&mut put);
        self.changes.iter().map(Row::from).for_each(&mut put);
        self.refused.iter().map(Row::from).for_each(&mut put);
        self.objects.iter().map(Row::from).for_each(&mut put);
        let omitted = self.omitted;
        let omitted = [
            ("use", omitted.uses),
            ("change", omitted.changes),
            ("refused", omitted.refused),
            ("object", omitted.objects),
        ];
        for (kind, count) in omitted.into_iter().filter(|(_, count)| *count > 0) {
            put(Row { kind: "not listed", operation: kind.into(), count, ..Row::default() });
        }
        let bytes = table.into_inner().expect("a vector takes everything");
        String::from_utf8(bytes).expect("texts were written")
    }

    /// As JSON, for programs.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("texts and numbers always encode")
    }
}
