//! Roles.

use arqueta_iam::CreateRole;

use super::call::{Iam, boundary_key, tag_keys};
use crate::Error;
use crate::query::call::Answer;
use crate::query::shapes::{Listing, One, Role, RoleLastUsed, Tag};

pub(super) async fn create(call: &Iam<'_>) -> Result<Answer, Error> {
    let name = call.required("RoleName")?;
    let document = call.required("AssumeRolePolicyDocument")?;
    let path = call.optional("Path");
    let tags = call.tags()?;
    let boundary = call.optional("PermissionsBoundary");
    let max_session_duration = call.form().number("MaxSessionDuration", 3600..=43_200)?;
    let mut keys = tag_keys("RequestTag", &tags);
    boundary_key(&mut keys, boundary.as_deref());
    let resource = format!("role{}{name}", path.as_deref().unwrap_or("/"));
    call.authorize(call.arn(&resource).as_str(), &keys)?;
    let input = CreateRole {
        role_name: name.to_owned(),
        path,
        assume_role_policy_document: document.to_owned(),
        description: call.optional("Description"),
        max_session_duration,
        permissions_boundary: boundary,
        tags,
    };
    let role = call.service().roles().create(call.account(), input).await?;
    let role = Role { max_session_duration: None, ..Role::from(role) };
    Answer::of(call.operation, &One("Role", role))
}

pub(super) async fn describe(call: &Iam<'_>) -> Result<Answer, Error> {
    let name = named(call).await?;
    let role = call.service().roles().get(call.account(), name).await?;
    let last_used = RoleLastUsed::of(role.last_used, call.call.services.region.to_string());
    let role = Role { role_last_used: Some(last_used), ..Role::from(role) };
    Answer::of(call.operation, &One("Role", role))
}

pub(super) async fn list(call: &Iam<'_>) -> Result<Answer, Error> {
    let page = call.page()?;
    call.authorize(call.arn("role/*").as_str(), &Vec::new())?;
    let roles = call.service().roles().list(call.account(), &page).await?;
    // As in AWS, a listing leaves tags and boundaries out.
    let roles = roles.map(|role| Role { tags: None, permissions_boundary: None, ..Role::from(role) });
    Answer::of(call.operation, &Listing::<Role>::of("Roles", roles))
}

/// UpdateRoleDescription, which answers the role.
pub(super) async fn redescribe(call: &Iam<'_>) -> Result<Answer, Error> {
    let description = Some(call.optional("Description").unwrap_or_default());
    let name = named(call).await?;
    call.service().roles().update(call.account(), name, description, None).await?;
    let role = call.service().roles().get(call.account(), name).await?;
    Answer::of(call.operation, &One("Role", Role::from(role)))
}

pub(super) async fn update(call: &Iam<'_>) -> Result<Answer, Error> {
    let description = call.optional("Description");
    let max_session_duration = call.form().number("MaxSessionDuration", 3600..=43_200)?;
    let name = named(call).await?;
    call.service().roles().update(call.account(), name, description, max_session_duration).await?;
    Ok(Answer::empty(call.operation))
}

pub(super) async fn trust(call: &Iam<'_>) -> Result<Answer, Error> {
    let document = call.required("PolicyDocument")?;
    let name = named(call).await?;
    call.service().roles().update_trust(call.account(), name, document.to_owned()).await?;
    Ok(Answer::nothing())
}

pub(super) async fn delete(call: &Iam<'_>) -> Result<Answer, Error> {
    let name = named(call).await?;
    call.service().roles().delete(call.account(), name).await?;
    Ok(Answer::nothing())
}

pub(super) async fn tag(call: &Iam<'_>) -> Result<Answer, Error> {
    let name = call.required("RoleName")?;
    let tags = call.tags()?;
    let (arn, mut keys) = call.role(name).await?;
    keys.extend(tag_keys("RequestTag", &tags));
    call.authorize(&arn, &keys)?;
    call.service().roles().tag(call.account(), name, tags).await?;
    Ok(Answer::nothing())
}

pub(super) async fn untag(call: &Iam<'_>) -> Result<Answer, Error> {
    let name = call.required("RoleName")?;
    let removed = call.tag_keys()?;
    let (arn, mut keys) = call.role(name).await?;
    keys.extend(removed.iter().map(|key| ("aws:TagKeys".to_owned(), key.clone())));
    call.authorize(&arn, &keys)?;
    call.service().roles().untag(call.account(), name, &removed).await?;
    Ok(Answer::nothing())
}

pub(super) async fn tags(call: &Iam<'_>) -> Result<Answer, Error> {
    let name = named(call).await?;
    let role = call.service().roles().get(call.account(), name).await?;
    let page = call.tag_page(role.tags)?;
    Answer::of(call.operation, &Listing::<Tag>::of("Tags", page))
}

pub(super) async fn bound(call: &Iam<'_>) -> Result<Answer, Error> {
    let (name, boundary) = (call.required("RoleName")?, call.required("PermissionsBoundary")?);
    let (arn, mut keys) = call.role(name).await?;
    boundary_key(&mut keys, Some(boundary));
    call.authorize(&arn, &keys)?;
    call.service().roles().set_boundary(call.account(), name, Some(boundary.to_owned())).await?;
    Ok(Answer::nothing())
}

pub(super) async fn unbound(call: &Iam<'_>) -> Result<Answer, Error> {
    let name = call.required("RoleName")?;
    let (arn, mut keys) = call.role(name).await?;
    let present =
        call.service().roles().get(call.account(), name).await.ok().and_then(|role| role.permissions_boundary);
    boundary_key(&mut keys, present.as_deref());
    call.authorize(&arn, &keys)?;
    call.service().roles().set_boundary(call.account(), name, None).await?;
    Ok(Answer::nothing())
}

/// The role named, once the caller is allowed to act on it.
async fn named<'a>(call: &Iam<'a>) -> Result<&'a str, Error> {
    let name = call.required("RoleName")?;
    let (arn, keys) = call.role(name).await?;
    call.authorize(&arn, &keys)?;
    Ok(name)
}
