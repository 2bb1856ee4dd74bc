//! What somebody did: a change, or a use and how often.

use serde::Serialize;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Act {
    /// When, RFC 3339.
    pub at: String,
    /// Who; a service for what it did by itself.
    pub by: String,
    /// Where from.
    pub from: String,
    /// Such as `kms:PutKeyPolicy`.
    pub what: String,
    /// ARNs of what was touched.
    pub on: Vec<String>,
    /// Its parameters as JSON.
    pub parameters: String,
}

/// How often somebody did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Use {
    /// Who.
    pub principal: String,
    /// Such as `kms:Decrypt`.
    pub what: String,
    /// The service that called for them, such as S3.
    pub through: Option<String>,
    /// For the objects of which bucket, by the encryption context or the bucket named.
    pub bucket: Option<String>,
    /// How many calls succeeded.
    pub count: u64,
    /// The first.
    pub first: String,
    /// The last.
    pub last: String,
    /// Source addresses; "others" after the first sixteen.
    pub sources: Vec<String>,
}
