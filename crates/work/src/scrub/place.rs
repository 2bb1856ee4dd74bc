//! How far a scrub is, and what it found, kept with the metadata: a kill costs one step.

use arqueta_engine::scrub::{Flaw, Scrubbed};
use arqueta_model::Timestamp;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// Where it is kept.
pub(super) const KEY: &[u8] = b"w/scrub";
/// Findings that are kept; all are counted.
const KEPT: usize = 1000;

/// What becomes of a scrub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// It goes on.
    Running,
    /// Everything was read.
    Done,
    /// Somebody stopped it.
    Stopped,
}

/// A finding, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The record, in words.
    pub record: String,
    /// Bucket, key and version id of the object that it concerns, if it is one's.
    pub bucket: Option<String>,
    /// See `bucket`.
    pub key: Option<String>,
    /// See `bucket`; unknown where the record cannot be read.
    pub version: Option<String>,
    /// What is wrong, in one word.
    pub kind: String,
    /// The same in words.
    pub what: String,
    /// Whether `arqueta check --repair` mends it without losing anything.
    pub repairable: bool,
}

impl From<Flaw> for Told {
    fn from(Flaw { name, object, fault, .. }: Flaw) -> Self {
        Self {
            record: name,
            bucket: object.as_ref().map(|object| object.bucket.to_string()),
            key: object.as_ref().map(|object| object.key.to_string()),
            version: object.and_then(|object| object.version).map(|version| version.to_string()),
            kind: fault.kind().to_owned(),
            what: fault.to_string(),
            repairable: fault.is_repairable(),
        }
    }
}

/// A scrub: how far it is, and what it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// What becomes of it.
    pub stage: Stage,
    /// When it was asked for, in milliseconds since the epoch.
    pub began: i64,
    /// When it ended.
    pub ended: Option<i64>,
    /// Bytes of bodies a second, at most.
    pub rate: Option<u64>,
    /// Records read.
    pub records: u64,
    /// Bodies read to their ends.
    pub bodies: u64,
    /// Bytes of bodies read.
    pub bytes: u64,
    /// Versions whose key did not open.
    pub unopened: u64,
    /// Findings, all of them.
    pub found: u64,
    /// The first of them.
    pub findings: Vec<Told>,
    /// Where it goes on.
    #[serde(default)]
    pub(super) from: Option<ByteBuf>,
}

impl Place {
    pub(super) fn beginning(at: Timestamp, rate: Option<u64>) -> Self {
        Self {
            stage: Stage::Running,
            began: at.millis(),
            ended: None,
            rate,
            records: 0,
            bodies: 0,
            bytes: 0,
            unopened: 0,
            found: 0,
            findings: Vec::new(),
            from: None,
        }
    }

    /// What is stored; a broken one is as good as none.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        rmp_serde::from_slice(bytes).ok()
    }

    pub(super) fn encode(&self) -> Bytes {
        rmp_serde::to_vec_named(self).expect("strings and numbers serialise").into()
    }

    /// One step on.
    pub(super) fn advance(&mut self, done: Scrubbed, at: Timestamp) {
        self.records += done.records;
        self.bodies += done.bodies;
        self.bytes += done.bytes;
        self.unopened += done.unopened;
        self.found += done.flaws.len() as u64;
        let room = KEPT.saturating_sub(self.findings.len());
        self.findings.extend(done.flaws.into_iter().take(room).map(Told::from));
        self.from = done.next.map(|next| ByteBuf::from(next.to_vec()));
        if self.from.is_none() {
            (self.stage, self.ended) = (Stage::Done, Some(at.millis()));
        }
    }
}
