//! OpenID Connect providers.

use arqueta_iam::{CreateOidcProvider, OidcProvider};
use serde::Serialize;

use super::call::{Iam, Keys, tag_keys};
use crate::Error;
use crate::query::call::Answer;
use crate::query::shapes::{Date, Listing, One, Tag};
use crate::query::xml::Members;

#[derive(Serialize)]
struct Created {
    #[serde(rename = "OpenIDConnectProviderArn")]
    arn: String,
    #[serde(rename = "Tags", skip_serializing_if = "Option::is_none")]
    tags: Option<Members<Tag>>,
}

pub(super) async fn create(call: &Iam<'_>) -> Result<Answer, Error> {
    let url = call.required("Url")?;
    let tags = call.tags()?;
    let resource = format!("oidc-provider/{}", url.split_once("://").map_or(url, |(_, name)| name));
    call.authorize(call.arn(&resource).as_str(), &tag_keys("RequestTag", &tags))?;
    let input = CreateOidcProvider {
        url: url.to_owned(),
        client_ids: call.list("ClientIDList")?,
        thumbprints: call.list("ThumbprintList")?,
        tags,
    };
    let provider = call.service().providers().create(call.account(), input).await?;
    Answer::of(call.operation, &Created { arn: provider.arn.into(), tags: shown(provider.tags) })
}

#[derive(Serialize)]
struct Described {
    #[serde(rename = "Url")]
    url: String,
    #[serde(rename = "ClientIDList")]
    client_ids: Members<String>,
    #[serde(rename = "ThumbprintList")]
    thumbprints: Members<String>,
    #[serde(rename = "CreateDate")]
    create_date: Date,
    #[serde(rename = "Tags", skip_serializing_if = "Option::is_none")]
    tags: Option<Members<Tag>>,
}

pub(super) async fn describe(call: &Iam<'_>) -> Result<Answer, Error> {
    let arn = named(call, Keys::new()).await?;
    let OidcProvider { url, client_ids, thumbprints, create_date, tags, .. } =
        call.service().providers().get(call.account(), arn).await?;
    let described = Described {
        url,
        client_ids: client_ids.into_iter().collect(),
        thumbprints: thumbprints.into_iter().collect(),
        create_date: Date(create_date),
        tags: shown(tags),
    };
    Answer::of(call.operation, &described)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    arn: String,
}

pub(super) async fn list(call: &Iam<'_>) -> Result<Answer, Error> {
    call.authorize(call.arn("oidc-provider/*").as_str(), &Keys::new())?;
    let providers = call.service().providers().list(call.account()).await?;
    let providers: Members<Listed> =
        providers.into_iter().map(|provider| Listed { arn: provider.arn.into() }).collect();
    Answer::of(call.operation, &One("OpenIDConnectProviderList", providers))
}

pub(super) async fn delete(call: &Iam<'_>) -> Result<Answer, Error> {
    let arn = named(call, Keys::new()).await?;
    call.service().providers().delete(call.account(), arn).await?;
    Ok(Answer::nothing())
}

pub(super) async fn set_thumbprints(call: &Iam<'_>) -> Result<Answer, Error> {
    let arn = named(call, Keys::new()).await?;
    call.service().providers().set_thumbprints(call.account(), arn, call.list("ThumbprintList")?).await?;
    Ok(Answer::nothing())
}

pub(super) async fn add_client_id(call: &Iam<'_>) -> Result<Answer, Error> {
    let id = call.required("ClientID")?;
    let arn = named(call, Keys::new()).await?;
    call.service().providers().add_client_id(call.account(), arn, id).await?;
    Ok(Answer::nothing())
}

pub(super) async fn remove_client_id(call: &Iam<'_>) -> Result<Answer, Error> {
    let id = call.required("ClientID")?;
    let arn = named(call, Keys::new()).await?;
    call.service().providers().remove_client_id(call.account(), arn, id).await?;
    Ok(Answer::nothing())
}

pub(super) async fn tag(call: &Iam<'_>) -> Result<Answer, Error> {
    let tags = call.tags()?;
    let arn = named(call, tag_keys("RequestTag", &tags)).await?;
    call.service().providers().tag(call.account(), arn, tags).await?;
    Ok(Answer::nothing())
}

pub(super) async fn untag(call: &Iam<'_>) -> Result<Answer, Error> {
    let removed = call.tag_keys()?;
    let keys = removed.iter().map(|key| ("aws:TagKeys".to_owned(), key.clone())).collect();
    let arn = named(call, keys).await?;
    call.service().providers().untag(call.account(), arn, &removed).await?;
    Ok(Answer::nothing())
}

pub(super) async fn tags(call: &Iam<'_>) -> Result<Answer, Error> {
    let arn = named(call, Keys::new()).await?;
    let provider = call.service().providers().get(call.account(), arn).await?;
    let page = call.tag_page(provider.tags)?;
    Answer::of(call.operation, &Listing::<Tag>::of("Tags", page))
}

/// AWS leaves the member out where there are no tags.
fn shown(tags: Vec<arqueta_iam::Tag>) -> Option<Members<Tag>> {
    (!tags.is_empty()).then(|| tags.into_iter().map(Tag::from).collect())
}

/// The provider named, once the caller is allowed to act on it.
async fn named<'a>(call: &Iam<'a>, mut keys: Keys) -> Result<&'a str, Error> {
    let arn = call.required("OpenIDConnectProviderArn")?;
    if let Ok(provider) = call.service().providers().get(call.account(), arn).await {
        keys.extend(tag_keys("ResourceTag", &provider.tags));
    }
    call.authorize(arn, &keys)?;
    Ok(arn)
}
