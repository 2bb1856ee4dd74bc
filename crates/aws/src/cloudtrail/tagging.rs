//! AddTags, RemoveTags, ListTags.

use arqueta_call::CloudTrail;
use arqueta_trail::Tag;
use serde::{Deserialize, Serialize};

use super::call::{Call, no_token, refused};
use super::shapes::Nothing;
use crate::Error;

/// Most trails of one ListTags.
const RESOURCES: usize = 20;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ChangeTags {
    resource_id: String,
    tags_list: Vec<Tag>,
}

pub(super) async fn add(call: &Call<'_>, request: ChangeTags) -> Result<Nothing, Error> {
    let keys = brought(&request.tags_list);
    let keys: Vec<_> = keys.iter().map(|(key, value)| (&**key, *value)).collect();
    let id = call.trail_with(CloudTrail::AddTags, arn(&request.resource_id)?, &keys).await?;
    call.services.trails.add_tags(&id, &request.tags_list).await.map_err(missing)?;
    Ok(Nothing {})
}

/// The condition keys of tags that a call brings.
pub(super) fn brought(tags: &[Tag]) -> Vec<(String, &str)> {
    let named = tags.iter().map(|tag| (format!("aws:RequestTag/{}", tag.key), tag.value.as_str()));
    named.chain(tags.iter().map(|tag| ("aws:TagKeys".to_owned(), tag.key.as_str()))).collect()
}

pub(super) async fn remove(call: &Call<'_>, request: ChangeTags) -> Result<Nothing, Error> {
    let keys: Vec<_> = request.tags_list.iter().map(|tag| ("aws:TagKeys", tag.key.as_str())).collect();
    let id = call.trail_with(CloudTrail::RemoveTags, arn(&request.resource_id)?, &keys).await?;
    call.services.trails.remove_tags(&id, &request.tags_list).await.map_err(missing)?;
    Ok(Nothing {})
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListTags {
    resource_id_list: Vec<String>,
    next_token: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListedTags {
    resource_tag_list: Vec<ResourceTags>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ResourceTags {
    resource_id: String,
    tags_list: Vec<Tag>,
}

pub(super) async fn list(call: &Call<'_>, request: ListTags) -> Result<ListedTags, Error> {
    no_token(request.next_token.as_deref())?;
    if request.resource_id_list.len() > RESOURCES {
        return Err(Error::Validation(format!("ResourceIdList has at most {RESOURCES} members.")));
    }
    let mut listed = Vec::new();
    for resource in request.resource_id_list {
        let id = call.trail(CloudTrail::ListTags, arn(&resource)?).await?;
        let tags_list = call.services.trails.trail(&id).await.map_err(missing)?.tags;
        listed.push(ResourceTags { resource_id: resource, tags_list });
    }
    Ok(ListedTags { resource_tag_list: listed })
}

/// Tags belong to ARNs.
fn arn(text: &str) -> Result<&str, Error> {
    match text.starts_with("arn:") {
        true => Ok(text),
        false => Err(arqueta_trail::Error::InvalidArn { named: text.to_owned() }.into()),
    }
}

fn missing(error: arqueta_trail::Error) -> Error {
    match error {
        arqueta_trail::Error::TrailNotFound { .. } => {
            refused("ResourceNotFoundException", "The specified resource does not exist.")
        }
        other => other.into(),
    }
}
