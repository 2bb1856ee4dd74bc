//! Groups and who is in them.

use super::call::Iam;
use crate::Error;
use crate::query::call::Answer;
use crate::query::shapes::{Group, Listing, One, User};
use serde::Serialize;

pub(super) async fn create(call: &Iam<'_>) -> Result<Answer, Error> {
    let name = call.required("GroupName")?;
    let path = call.optional("Path");
    let resource = format!("group{}{name}", path.as_deref().unwrap_or("/"));
    call.authorize(call.arn(&resource).as_str(), &Vec::new())?;
    let group = call.service().groups().create(call.account(), name, path).await?;
    Answer::of(call.operation, &One("Group", Group::from(group)))
}

/// A group beside a page of its users.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GroupWithUsers {
    group: Group,
    #[serde(flatten)]
    users: Listing<User>,
}

pub(super) async fn describe(call: &Iam<'_>) -> Result<Answer, Error> {
    let page = call.page()?;
    let name = named(call).await?;
    let (group, users) = call.service().groups().get(call.account(), name, &page).await?;
    let users = users.map(|user| User { tags: None, permissions_boundary: None, ..User::from(user) });
    Answer::of(call.operation, &GroupWithUsers { group: group.into(), users: Listing::of("Users", users) })
}

pub(super) async fn list(call: &Iam<'_>) -> Result<Answer, Error> {
    let page = call.page()?;
    call.authorize(call.arn("group/*").as_str(), &Vec::new())?;
    let groups = call.service().groups().list(call.account(), &page).await?;
    Answer::of(call.operation, &Listing::<Group>::of("Groups", groups))
}

pub(super) async fn update(call: &Iam<'_>) -> Result<Answer, Error> {
    let (new_name, new_path) = (call.optional("NewGroupName"), call.optional("NewPath"));
    let name = call.required("GroupName")?;
    let (arn, keys) = call.group(name).await?;
    call.authorize(&arn, &keys)?;
    // The caller needs the right to what the group becomes, too.
    let resource = arn.splitn(6, ':').nth(5).and_then(|rest| rest.strip_prefix("group")).unwrap_or("/");
    let path = &resource[..=resource.rfind('/').unwrap_or(0)];
    let becomes = format!("group{}{}", new_path.as_deref().unwrap_or(path), new_name.as_deref().unwrap_or(name));
    call.authorize(call.arn(&becomes).as_str(), &keys)?;
    call.service().groups().update(call.account(), name, new_name, new_path).await?;
    Ok(Answer::nothing())
}

pub(super) async fn delete(call: &Iam<'_>) -> Result<Answer, Error> {
    let name = named(call).await?;
    call.service().groups().delete(call.account(), name).await?;
    Ok(Answer::nothing())
}

pub(super) async fn add(call: &Iam<'_>) -> Result<Answer, Error> {
    let user = call.required("UserName")?;
    let group = named(call).await?;
    call.service().groups().add_user(call.account(), group, user).await?;
    Ok(Answer::nothing())
}

pub(super) async fn remove(call: &Iam<'_>) -> Result<Answer, Error> {
    let user = call.required("UserName")?;
    let group = named(call).await?;
    call.service().groups().remove_user(call.account(), group, user).await?;
    Ok(Answer::nothing())
}

pub(super) async fn of_user(call: &Iam<'_>) -> Result<Answer, Error> {
    let page = call.page()?;
    let user = call.required("UserName")?;
    let (arn, keys) = call.user(user).await?;
    call.authorize(&arn, &keys)?;
    let groups = call.service().groups().of_user(call.account(), user, &page).await?;
    Answer::of(call.operation, &Listing::<Group>::of("Groups", groups))
}

/// The group named, once the caller is allowed to act on it.
async fn named<'a>(call: &Iam<'a>) -> Result<&'a str, Error> {
    let name = call.required("GroupName")?;
    let (arn, keys) = call.group(name).await?;
    call.authorize(&arn, &keys)?;
    Ok(name)
}
