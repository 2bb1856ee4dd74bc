//! A report as one table of comma-separated values (RFC 4180), for spreadsheets.

use crate::act::{Act, Use};
use crate::report::{Refusal, Report};

const HEAD: [&str; 11] = [
    "kind",
    "key",
    "principal",
    "operation",
    "through",
    "bucket or resource",
    "outcome",
    "count",
    "first",
    "last",
    "sources",
];

/// Somebody else's text must not be a formula where the table is opened (OWASP, "CSV Injection").
fn safe(text: &str) -> String {
    match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{text}"),
        _ => text.to_owned(),
    }
}

/// Row by row.
struct Rows(csv::Writer<Vec<u8>>);

impl Rows {
    fn row(&mut self, fields: [&str; 11]) {
        let written = self.0.write_record(fields.map(safe));
        written.expect("a vector takes everything, and all rows are as long");
    }

    fn usage(&mut self, key: &str, used: &Use) {
        let Use { principal, what, through, bucket, count, first, last, sources } = used;
        let through = through.as_deref().unwrap_or_default();
        let bucket = bucket.as_deref().unwrap_or_default();
        let (count, sources) = (count.to_string(), sources.join(" "));
        self.row(["use", key, principal, what, through, bucket, "", &count, first, last, &sources]);
    }

    fn act(&mut self, key: &str, act: &Act) {
        self.row(["change", key, &act.by, &act.what, "", &act.on.join(" "), "", "1", &act.at, &act.at, &act.from]);
    }

    fn refusal(&mut self, refusal: &Refusal) {
        let Refusal { principal, what, on, code, count, first, last, sources } = refusal;
        let (count, on, sources) = (count.to_string(), on.join(" "), sources.join(" "));
        self.row(["refused", "", principal, what, "", &on, code, &count, first, last, &sources]);
    }
}

impl Report {
    /// As comma-separated values: a row for each use, change, refusal and object.
    #[must_use]
    pub fn csv(&self) -> String {
        let mut rows = Rows(csv::Writer::from_writer(Vec::new()));
        rows.row(HEAD);
        for key in &self.keys {
            key.uses.iter().for_each(|used| rows.usage(&key.arn, used));
            key.changes.iter().for_each(|act| rows.act(&key.arn, act));
        }
        self.uses.iter().for_each(|used| rows.usage("", used));
        self.changes.iter().for_each(|act| rows.act("", act));
        self.refused.iter().for_each(|refusal| rows.refusal(refusal));
        for object in &self.objects {
            let count = object.count.to_string();
            let version = object.version.as_deref().unwrap_or_default();
            let (object, principal, what) = (&object.object, &object.principal, &object);
            rows.row(["object", version, principal, &what.what, "", object, "", &count, &what.first, &what.last, ""]);
        }
        let bytes = rows.0.into_inner().expect("a vector takes everything");
        String::from_utf8(bytes).expect("texts were written")
    }

    /// As JSON, for programs.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("texts and numbers always encode")
    }
}
