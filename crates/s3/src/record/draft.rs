//! What the record will say of a call, as far as it is known.

use arqueta_model::AccountId;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::names::Recorded;
use super::xml;

/// An allowed or refused call as far as it is known before it runs.
#[derive(Debug)]
pub struct Draft {
    pub(super) recorded: &'static Recorded,
    pub(super) bucket: Option<String>,
    pub(super) keys: Vec<String>,
    /// Owner of the bucket, if there is such a bucket.
    pub(super) owner: Option<AccountId>,
    pub(super) parameters: Map<String, Value>,
    pub(super) authentication: Option<&'static str>,
    pub(super) bytes_in: u64,
}

impl Draft {
    /// Names the object of a call whose path does not.
    pub fn name_key(&mut self, key: &str) {
        self.parameters.insert("key".to_owned(), key.into());
        self.keys = vec![key.to_owned()];
    }

    pub(super) fn add_document(&mut self, document: &[u8]) {
        if document.is_empty() || !self.recorded.management {
            return;
        }
        if self.recorded.event == "PutBucketPolicy" {
            // What is no JSON was refused; a text says what it was.
            let policy = serde_json::from_slice(document)
                .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(document).into_owned()));
            self.add(("bucketPolicy".to_owned(), policy), document.len());
        } else if let Some(root) = xml::to_json(document) {
            self.add(root, document.len());
        }
    }

    fn add(&mut self, (name, value): (String, Value), size: usize) {
        /// Larger parameters are left out (CloudTrail User Guide, "record contents": 100 KB).
        const MOST: usize = 100 * 1024;
        let value = match size {
            0..=MOST => value,
            size => json!({ "omitted": true, "originalSize": size, "reason": "requestParameters too large" }),
        };
        self.parameters.insert(name, value);
    }
}

/// A document in the pieces in which it came.
#[must_use]
pub fn whole(pieces: Vec<Bytes>) -> Bytes {
    match <[Bytes; 1]>::try_from(pieces) {
        Ok([piece]) => piece,
        Err(pieces) => pieces.concat().into(),
    }
}
