//! What is stored of a trail: what it was told, and how far it is. MessagePack behind a format byte.

use std::collections::VecDeque;

use arqueta_audit::Mark;
use arqueta_model::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Error, EventSelector, Tag, TrailId};

/// First byte of every record.
const FORMAT: u8 = 1;

pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = vec![FORMAT];
    rmp_serde::encode::write_named(&mut bytes, value).expect("plain records of strings and numbers always encode");
    bytes
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8], id: &TrailId) -> Result<T, Error> {
    let damaged = || Error::Damaged { what: format!("{} of {}", id.name, id.account) };
    match bytes.split_first() {
        Some((&FORMAT, rest)) => rmp_serde::from_slice(rest).map_err(|_| damaged()),
        _ => Err(damaged()),
    }
}

/// A trail, as its administrator set it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    /// Account and name.
    pub id: TrailId,
    /// Bucket delivered to.
    pub bucket: String,
    /// What stands before `/AWSLogs/` in every key.
    pub prefix: Option<String>,
    /// ARN of the KMS key that log files are encrypted under.
    pub kms_key: Option<String>,
    /// Whether events of IAM and STS are wanted.
    pub global_events: bool,
    /// Whether it covers every region. There is one here, so all do.
    pub multi_region: bool,
    /// Whether digests are delivered.
    pub validation: bool,
    /// Which events are wanted.
    pub selectors: Vec<EventSelector>,
    /// Tags by order of their making.
    pub tags: Vec<Tag>,
}

impl Trail {
    /// Whether its selectors are others than those of a new trail.
    #[must_use]
    pub fn has_custom_selectors(&self) -> bool {
        self.selectors != [EventSelector::default()]
    }
}

/// How far a trail is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Stretches of the record still to be delivered, oldest first.
    pub(crate) spans: VecDeque<Span>,
    /// A log file that was begun and may or may not have reached the bucket.
    pub(crate) file: Option<BegunFile>,
    /// The chain of digests, while there is one.
    pub(crate) chain: Option<Chain>,
    /// End of the newest digest; no digest begins before it, so that none take the same name.
    pub(crate) digested_to: Option<Timestamp>,
    pub(crate) status: Status,
}

/// One stretch of logging.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Span {
    /// What lies before is delivered.
    pub(crate) from: Mark,
    pub(crate) until: Until,
}

/// Where a stretch ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Until {
    /// Not yet.
    Open,
    /// At the end of the record once the call that stopped it is recorded.
    Closing,
    /// Here.
    At(Mark),
}

/// A log file under way. A second attempt has the same name and the same events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BegunFile {
    pub(crate) name: String,
    pub(crate) at: Timestamp,
    /// End of its events.
    pub(crate) to: Mark,
}

/// A chain of digests since its start, or since its newest digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Chain {
    /// Start of the digest to come.
    pub(crate) start: Timestamp,
    /// Log files delivered since.
    pub(crate) logs: Vec<LogFile>,
    /// A digest that was begun: its end, and how many of `logs` it names.
    pub(crate) begun: Option<BegunDigest>,
    /// The newest digest.
    pub(crate) previous: Option<PreviousDigest>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BegunDigest {
    pub(crate) end: Timestamp,
    pub(crate) logs: usize,
    /// Of the key that signs it: the one of the time when it was begun.
    pub(crate) fingerprint: String,
}

/// A delivered log file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogFile {
    pub(crate) bucket: String,
    pub(crate) key: String,
    /// SHA-256 of the uncompressed file, in hexadecimal.
    pub(crate) hash: String,
    pub(crate) oldest: String,
    pub(crate) newest: String,
}

/// A delivered digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PreviousDigest {
    pub(crate) bucket: String,
    pub(crate) key: String,
    /// SHA-256 of the uncompressed file, in hexadecimal.
    pub(crate) hash: String,
    /// In hexadecimal.
    pub(crate) signature: String,
}

/// What GetTrailStatus tells. Times are those of the newest such moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Status {
    /// When logging was started.
    pub started: Option<Timestamp>,
    /// When logging was stopped.
    pub stopped: Option<Timestamp>,
    /// When a log file was delivered.
    pub delivered: Option<Timestamp>,
    /// When delivery of a log file was tried.
    pub attempted: Option<Timestamp>,
    /// Code of the error of the newest attempt; `None` after one that succeeded.
    pub delivery_error: Option<String>,
    /// When a digest was delivered.
    pub digested: Option<Timestamp>,
    /// As `delivery_error`, for digests.
    pub digest_error: Option<String>,
}

impl Progress {
    /// Whether events of this moment will be delivered.
    pub(crate) fn is_logging(&self) -> bool {
        self.spans.back().is_some_and(|span| span.until == Until::Open)
    }
}

impl Chain {
    pub(crate) fn begin(start: Timestamp) -> Self {
        Self { start, logs: Vec::new(), begun: None, previous: None }
    }
}
