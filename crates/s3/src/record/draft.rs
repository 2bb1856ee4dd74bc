//! What the record will say of a call, as far as it is known.

use arqueta_call::Operation;
use arqueta_model::AccountId;
use s3s::xml::SerializeContent;
use serde_json::{Map, Value};

use super::document;

/// An allowed or refused call as far as it is known before it runs.
#[derive(Debug)]
pub struct Draft {
    pub(super) operation: &'static Operation,
    pub(super) bucket: Option<String>,
    pub(super) keys: Vec<String>,
    /// Keys that the body names and the caller was not let at: no change is about them, and he can name
    /// as many as he likes.
    pub(super) refused: Vec<String>,
    /// How many more of them there are that somebody selected.
    pub(super) unnamed: usize,
    /// Of a call whose body names its objects, once it was asked: whether `keys`, then those that
    /// somebody selected, are any.
    pub(super) selected: Option<bool>,
    /// Whether every one of the objects was refused.
    pub(super) touches_nothing: bool,
    /// Owner of the bucket, if there is such a bucket.
    pub(super) owner: Option<AccountId>,
    /// What is read beside it.
    pub(super) source: Option<Copied>,
    pub(super) parameters: Map<String, Value>,
    pub(super) authentication: Option<&'static str>,
    pub(super) bytes_in: u64,
}

/// The object that a copy reads.
#[derive(Debug, Clone)]
pub struct Copied {
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Owner of the bucket, if there is such a bucket.
    pub owner: Option<AccountId>,
}

impl Draft {
    /// Names the objects of a call whose body does: those that it was read to name, of which the caller
    /// was let at those that come with a `true`.
    pub fn name_keys<'a>(&mut self, keys: impl Iterator<Item = (&'a str, bool)>) {
        (self.keys, self.refused) = (Vec::new(), Vec::new());
        for (key, let_at) in keys {
            if let_at { &mut self.keys } else { &mut self.refused }.push(key.to_owned());
        }
        (self.unnamed, self.selected) = (0, None);
    }

    /// Says that every one of the objects was refused.
    pub const fn touch_nothing(&mut self) {
        self.touches_nothing = true;
    }

    /// Adds a configuration as it is acted on.
    pub fn tell<T: SerializeContent>(&mut self, name: &str, configuration: &T) {
        if let Some(shown) = document::shown(name, configuration) {
            self.parameters.insert(name.to_owned(), shown);
        }
    }

    /// Adds a bucket policy as it is acted on. What is no JSON is refused; a text says what it was.
    pub fn tell_policy(&mut self, text: &str) {
        let policy = serde_json::from_str(text).unwrap_or_else(|_| text.into());
        self.parameters.insert("bucketPolicy".to_owned(), policy);
    }
}
