//! What a report holds.

use serde::Serialize;

use crate::act::{Act, Use};
use crate::key::Key;

/// Who used which key, for what, when; see [`crate::Collector`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What it is about, in words.
    pub scope: String,
    /// Events before this time are not in it (RFC 3339); `None`: from the beginning of the record.
    pub from: Option<String>,
    /// Events from this time on are not in it; `None`: to the end of the record.
    pub to: Option<String>,
    /// That the record is what was written.
    pub proof: Proof,
    /// Keys that were used or changed, by ARN.
    pub keys: Vec<Key>,
    /// What was done beside the use of keys: who, what, how often.
    pub uses: Vec<Use>,
    /// Changes of anything but keys: buckets, identities, trails. Oldest first.
    pub changes: Vec<Act>,
    /// What was refused, by who, what and code.
    pub refused: Vec<Refusal>,
    /// Objects that data events tell of, by ARN and version.
    pub objects: Vec<ObjectUse>,
    /// What there was no room for.
    pub omitted: Omitted,
    /// What a reader must not conclude from it.
    pub not_covered: Vec<&'static str>,
}

/// Calls and changes beside those that a report has rows for: who may be refused may make as many rows as he
/// likes, and a report is read whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Omitted {
    /// Calls of further uses.
    pub uses: u64,
    /// Further changes.
    pub changes: u64,
    /// Further refused calls.
    pub refused: u64,
    /// Calls on further objects.
    pub objects: u64,
}

/// What `arqueta audit verify` found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Proof {
    /// Whether nothing was changed, removed, moved or added.
    pub valid: bool,
    /// Events that were verified.
    pub events: u64,
    /// Groups of events, each sealed to the one before.
    pub groups: u64,
    /// Number of the seal that the chain ends at.
    pub chain_end: u64,
    /// The tag of that seal, in hexadecimal: whoever keeps it can tell later that this part of the record
    /// is still the same.
    pub chain_tag: String,
    /// Groups that were removed earlier and are vouched for; 0 if none.
    pub pruned: u64,
    /// What is wrong with the record.
    pub findings: Vec<String>,
}

/// How often somebody was refused something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// Who.
    pub principal: String,
    /// Such as `kms:Decrypt`.
    pub what: String,
    /// On what.
    pub on: Vec<String>,
    /// Error code.
    pub code: String,
    /// How many calls.
    pub count: u64,
    /// The first.
    pub first: String,
    /// The last.
    pub last: String,
    /// Source addresses; "others" after the first sixteen.
    pub sources: Vec<String>,
}

/// What was done with one version of an object, as data events tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectUse {
    /// ARN of the object.
    pub object: String,
    /// Version that was named or made.
    pub version: Option<String>,
    /// Who.
    pub principal: String,
    /// Such as `s3:GetObject`.
    pub what: String,
    /// How many calls.
    pub count: u64,
    /// The first.
    pub first: String,
    /// The last.
    pub last: String,
}
