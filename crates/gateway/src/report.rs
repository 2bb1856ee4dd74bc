//! The report for an auditor, out of the files of the record.

use std::path::Path;

use arqueta_audit::{Entries, Entry};
use arqueta_report::{Collector, Proof, Report, Scope};

/// What was asked for.
pub struct Asked {
    /// What it is about.
    pub scope: Scope,
    /// Not before this time: RFC 3339, to the second, in UTC.
    pub from: Option<String>,
    /// Before this time.
    pub to: Option<String>,
}

/// A proof out of what a verification found.
pub fn proof(verified: &arqueta_audit::Report) -> Proof {
    Proof {
        valid: verified.findings.is_empty(),
        events: verified.events,
        groups: verified.groups,
        chain_end: verified.head.sequence,
        chain_tag: verified.head.tag_hex(),
        pruned: verified.pruned,
        findings: verified.findings.iter().map(ToString::to_string).collect(),
    }
}

/// The report on the record in `folder`, and how many lines of it nobody can read.
///
/// # Errors
/// Where the record cannot be read.
pub fn collected(folder: &Path, asked: Asked, proof: Proof) -> Result<(Report, u64), arqueta_audit::Error> {
    let mut collector = Collector::new(asked.scope, asked.from, asked.to);
    let mut entries = Entries::open(folder, None)?;
    // What a running gateway adds meanwhile was not verified. Of a record that is not what was written
    // all is told that can be read.
    let most = if proof.valid { proof.events } else { u64::MAX };
    let mut taken = 0;
    for entry in entries.by_ref() {
        if let Entry::Event(event) = entry? {
            if taken == most {
                break;
            }
            taken += 1;
            collector.take(&event);
        }
    }
    let skipped = entries.skipped();
    Ok((collector.finish(proof), skipped))
}
