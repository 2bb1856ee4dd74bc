//! Tags of keys.

use std::collections::BTreeMap;

/// `TagResource`.
#[derive(Debug, Clone, Default)]
pub struct TagResourceRequest {
    /// Key id or key ARN.
    pub key_id: String,
    /// Tags to add or replace; a key carries up to 50.
    pub tags: BTreeMap<String, String>,
}

/// `UntagResource`.
#[derive(Debug, Clone, Default)]
pub struct UntagResourceRequest {
    /// Key id or key ARN.
    pub key_id: String,
    /// Tags to remove; missing ones are fine.
    pub tag_keys: Vec<String>,
}

/// `ListResourceTags`.
#[derive(Debug, Clone, Default)]
pub struct ListResourceTagsRequest {
    /// Key id or key ARN.
    pub key_id: String,
    /// Most that are answered; 50 if absent.
    pub limit: Option<usize>,
    /// `next_marker` of the page before: what follows it.
    pub marker: Option<String>,
}

/// Answer to [`ListResourceTagsRequest`].
#[derive(Debug, Clone)]
pub struct ListResourceTagsResponse {
    /// Tags in the order of their keys.
    pub tags: Vec<Tag>,
    /// The last one's key, where there are more.
    pub next_marker: Option<String>,
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// 1 to 128 characters, not beginning with `aws:`.
    pub tag_key: String,
    /// Up to 256 characters.
    pub tag_value: String,
}
