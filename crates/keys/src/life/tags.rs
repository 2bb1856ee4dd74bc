//! Tags.

use std::collections::BTreeMap;

use arqueta_call::Kms;
use arqueta_kms::{Caller, Error};
use serde_json::json;

use super::change::change_key_in;
use crate::Embedded;
use crate::api::{ListResourceTagsRequest, ListResourceTagsResponse, Tag, TagResourceRequest, UntagResourceRequest};
use crate::call::{Call, finish};
use crate::decide::admit::admit;
use crate::decide::ask::Ask;
use crate::decide::resolve::Names;
use crate::key::fitness::not_pending_deletion;
use crate::limits::{self, refused};
use crate::page::page;

const MAX_TAGS: usize = 50;

/// Condition keys with their values.
pub(crate) type Conditions = Vec<(String, Vec<String>)>;

/// `TagResource`.
///
/// # Errors
/// As the API names them.
pub async fn tag_resource(service: &Embedded, caller: &Caller, request: TagResourceRequest) -> Result<(), Error> {
    let mut call =
        Call::new(caller, Kms::TagResource).with("keyId", request.key_id.as_str()).with("tags", json!(request.tags));
    let outcome = tag_resource_in(service, &mut call, request).await;
    finish(service, call, outcome).await
}

async fn tag_resource_in(service: &Embedded, call: &mut Call<'_>, request: TagResourceRequest) -> Result<(), Error> {
    let tags = checked(request.tags)?;
    let conditions = conditions(&tags);
    let conditions = borrowed(&conditions);
    let ask = Ask::new(call.caller, Kms::TagResource).conditions(&conditions);
    change_key_in(service, call, &request.key_id, ask, |key, record| {
        not_pending_deletion(key)?;
        record.tags.extend(tags);
        room(record.tags.len())
    })
    .await
}

/// `UntagResource`.
///
/// # Errors
/// As the API names them.
pub async fn untag_resource(service: &Embedded, caller: &Caller, request: UntagResourceRequest) -> Result<(), Error> {
    let mut call = Call::new(caller, Kms::UntagResource)
        .with("keyId", request.key_id.as_str())
        .with("tagKeys", json!(request.tag_keys));
    let conditions = [("aws:TagKeys", request.tag_keys.as_slice())];
    let ask = Ask::new(caller, Kms::UntagResource).conditions(&conditions);
    let outcome = change_key_in(service, &mut call, &request.key_id, ask, |key, record| {
        not_pending_deletion(key)?;
        record.tags.retain(|name, _| !request.tag_keys.contains(name));
        Ok(())
    })
    .await;
    finish(service, call, outcome).await
}

/// `ListResourceTags`.
///
/// # Errors
/// As the API names them.
pub async fn list_resource_tags(
    service: &Embedded,
    caller: &Caller,
    request: ListResourceTagsRequest,
) -> Result<ListResourceTagsResponse, Error> {
    let mut call = Call::new(caller, Kms::ListResourceTags).with("keyId", request.key_id.as_str());
    let outcome =
        admit(service, &mut call, &request.key_id, Names::Keys, Ask::new(caller, Kms::ListResourceTags)).await;
    let outcome = outcome.and_then(|key| {
        let tags = key.record.tags.iter();
        let listed = tags.map(|(k, v)| (k.as_str(), Tag { tag_key: k.clone(), tag_value: v.clone() }));
        page(listed, request.limit, (50, 50), request.marker.as_deref())
    });
    let outcome = outcome.map(|page| ListResourceTagsResponse {
        truncated: page.next.is_some(),
        tags: page.items,
        next_marker: page.next,
    });
    finish(service, call, outcome).await
}

/// Tags within the API's limits, by key.
pub(crate) fn checked(tags: Vec<Tag>) -> Result<BTreeMap<String, String>, Error> {
    let mut checked = BTreeMap::new();
    for (number, Tag { tag_key, tag_value }) in tags.into_iter().enumerate() {
        let member = |name: &str| format!("tags.{}.member.{name}", number + 1);
        limits::length(&tag_key, &member("tagKey"), 1, 128)?;
        limits::length(&tag_value, &member("tagValue"), 0, 256)?;
        if tag_key.to_ascii_lowercase().starts_with("aws:") {
            return Err(refused("TagException", "Tags beginning with aws: are reserved"));
        }
        if checked.insert(tag_key, tag_value).is_some() {
            return Err(refused("TagException", "Duplicate tag keys"));
        }
    }
    room(checked.len())?;
    Ok(checked)
}

fn room(tags: usize) -> Result<(), Error> {
    if tags <= MAX_TAGS { Ok(()) } else { Err(refused("TagException", "Too many tags")) }
}

/// `aws:RequestTag/…` and `aws:TagKeys`.
pub(crate) fn conditions(tags: &BTreeMap<String, String>) -> Conditions {
    let mut conditions: Conditions =
        tags.iter().map(|(name, value)| (format!("aws:RequestTag/{name}"), vec![value.clone()])).collect();
    conditions.push(("aws:TagKeys".to_owned(), tags.keys().cloned().collect()));
    conditions
}

pub(crate) fn borrowed(conditions: &Conditions) -> Vec<(&str, &[String])> {
    conditions.iter().map(|(name, values)| (name.as_str(), values.as_slice())).collect()
}
