//! Shapes of tags.

use std::collections::BTreeMap;

use arqueta_keys::api::{ListResourceTagsRequest, TagResourceRequest, UntagResourceRequest};
use arqueta_kms::Error;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::limits;
use super::parameters::{limit, marker};
use super::shape::{Shape, Told};
use super::wire::answers;

/// A tag, as requests and the record have it.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct TagShape {
    tag_key: String,
    tag_value: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct TagResource {
    key_id: String,
    tags: Vec<TagShape>,
}

impl Shape for TagResource {
    type Request = TagResourceRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("keyId", self.key_id.as_str()).with("tags", json!(self.tags));
        Ok(TagResourceRequest { key_id: self.key_id, tags: checked(self.tags)? })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct UntagResource {
    key_id: String,
    tag_keys: Vec<String>,
}

impl Shape for UntagResource {
    type Request = UntagResourceRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("keyId", self.key_id.as_str()).with("tagKeys", json!(self.tag_keys));
        Ok(UntagResourceRequest { key_id: self.key_id, tag_keys: self.tag_keys })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListResourceTags {
    key_id: String,
    limit: Option<i64>,
    marker: Option<String>,
}

impl Shape for ListResourceTags {
    type Request = ListResourceTagsRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("keyId", self.key_id.as_str());
        let (limit, marker) = (limit(self.limit, 50)?, marker(self.marker.as_deref())?);
        Ok(ListResourceTagsRequest { key_id: self.key_id, limit, marker })
    }
}

answers! {
    ListResourceTagsResponse { "Tags": tags } + page(next_marker)
    Tag { "TagKey": tag_key, "TagValue": tag_value }
}

/// Tags as the record tells them; not if there are none.
pub(super) fn told(tags: &[TagShape]) -> Option<Value> {
    (!tags.is_empty()).then(|| json!(tags))
}

/// Tags within the API's limits, by key.
pub(super) fn checked(tags: Vec<TagShape>) -> Result<BTreeMap<String, String>, Error> {
    let mut checked = BTreeMap::new();
    for (number, TagShape { tag_key, tag_value }) in tags.into_iter().enumerate() {
        let member = |name: &str| format!("tags.{}.member.{name}", number + 1);
        limits::length(&tag_key, &member("tagKey"), 1, 128)?;
        limits::length(&tag_value, &member("tagValue"), 0, 256)?;
        if tag_key.to_ascii_lowercase().starts_with("aws:") {
            return Err(limits::refused("TagException", "Tags beginning with aws: are reserved"));
        }
        if checked.insert(tag_key, tag_value).is_some() {
            return Err(limits::refused("TagException", "Duplicate tag keys"));
        }
    }
    Ok(checked)
}
