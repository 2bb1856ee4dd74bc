//! Tags.

use std::collections::BTreeMap;

use arqueta_call::Kms;
use arqueta_kms::Error;

use super::change::change_key_in;
use crate::Embedded;
use crate::api::{ListResourceTagsRequest, ListResourceTagsResponse, Tag, TagResourceRequest, UntagResourceRequest};
use crate::call::{Call, Operation};
use crate::decide::admit::admit;
use crate::decide::ask::Ask;
use crate::decide::resolve::Names;
use crate::key::fitness::not_pending_deletion;
use crate::limits::refused;
use crate::page::page;

const MAX_TAGS: usize = 50;

/// Condition keys with their values.
pub(crate) type Conditions = Vec<(String, Vec<String>)>;

/// `TagResource`.
impl Operation for TagResourceRequest {
    type Answer = ();
    const OPERATION: Kms = Kms::TagResource;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        room(self.tags.len())?;
        let conditions = conditions(&self.tags);
        let conditions = borrowed(&conditions);
        let ask = Ask::new(call.caller, Kms::TagResource).conditions(&conditions);
        change_key_in(service, call, &self.key_id, ask, |key, record| {
            not_pending_deletion(key)?;
            record.tags.extend(self.tags);
            room(record.tags.len())
        })
        .await
    }
}

/// `UntagResource`.
impl Operation for UntagResourceRequest {
    type Answer = ();
    const OPERATION: Kms = Kms::UntagResource;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let conditions = [("aws:TagKeys", self.tag_keys.as_slice())];
        let ask = Ask::new(call.caller, Kms::UntagResource).conditions(&conditions);
        change_key_in(service, call, &self.key_id, ask, |key, record| {
            not_pending_deletion(key)?;
            record.tags.retain(|name, _| !self.tag_keys.contains(name));
            Ok(())
        })
        .await
    }
}

/// `ListResourceTags`.
impl Operation for ListResourceTagsRequest {
    type Answer = ListResourceTagsResponse;
    const OPERATION: Kms = Kms::ListResourceTags;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let ask = Ask::new(call.caller, Kms::ListResourceTags);
        let key = admit(service, call, &self.key_id, Names::Keys, ask).await?;
        let tags = key.record.tags.iter();
        let listed = tags.map(|(k, v)| (k.as_str(), Tag { tag_key: k.clone(), tag_value: v.clone() }));
        let page = page(listed, self.limit.unwrap_or(50), self.marker.as_deref());
        Ok(ListResourceTagsResponse { tags: page.items, next_marker: page.next })
    }
}

/// A key's tags, all of them.
pub(crate) fn room(tags: usize) -> Result<(), Error> {
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
