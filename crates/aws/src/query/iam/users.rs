//! Users.

use arqueta_iam::CreateUser;

use super::call::{Iam, boundary_key, tag_keys};
use crate::Error;
use crate::query::call::Answer;
use crate::query::shapes::{Date, Listing, One, RootUser, Tag, User};

pub(super) async fn create(call: &Iam<'_>) -> Result<Answer, Error> {
    let name = call.required("UserName")?;
    let path = call.optional("Path");
    let tags = call.tags()?;
    let boundary = call.optional("PermissionsBoundary");
    let mut keys = tag_keys("RequestTag", &tags);
    boundary_key(&mut keys, boundary.as_deref());
    let resource = format!("user{}{name}", path.as_deref().unwrap_or("/"));
    call.authorize(call.arn(&resource).as_str(), &keys)?;
    let input = CreateUser { user_name: name.to_owned(), path, permissions_boundary: boundary, tags };
    let user = call.service().users().create(call.account(), input).await?;
    Answer::of(call.operation, &One("User", User::from(user)))
}

pub(super) async fn describe(call: &Iam<'_>) -> Result<Answer, Error> {
    let Some(name) = call.named_or_own_user()? else { return describe_root(call).await };
    let (arn, keys) = call.user(&name).await?;
    call.authorize(&arn, &keys)?;
    let user = call.service().users().get(call.account(), &name).await?;
    Answer::of(call.operation, &One("User", User::from(user)))
}

/// The root user, which has neither name nor path.
async fn describe_root(call: &Iam<'_>) -> Result<Answer, Error> {
    let (account, arn) = (call.account(), call.arn("root"));
    call.authorize(arn.as_str(), &Vec::new())?;
    let created = call.service().accounts().created(account).await?;
    let root = RootUser { user_id: account.to_string(), arn: arn.into(), create_date: Date(created) };
    Answer::of(call.operation, &One("User", root))
}

pub(super) async fn list(call: &Iam<'_>) -> Result<Answer, Error> {
    let page = call.page()?;
    call.authorize(call.arn("user/*").as_str(), &Vec::new())?;
    let users = call.service().users().list(call.account(), &page).await?;
    // As in AWS, a listing leaves tags and boundaries out.
    let users = users.map(|user| User { tags: None, permissions_boundary: None, ..User::from(user) });
    Answer::of(call.operation, &Listing::<User>::of("Users", users))
}

pub(super) async fn update(call: &Iam<'_>) -> Result<Answer, Error> {
    let name = call.required("UserName")?;
    let (new_name, new_path) = (call.optional("NewUserName"), call.optional("NewPath"));
    let (arn, keys) = call.user(name).await?;
    call.authorize(&arn, &keys)?;
    // The caller needs the right to what the user becomes, too.
    let resource = arn.splitn(6, ':').nth(5).and_then(|rest| rest.strip_prefix("user")).unwrap_or("/");
    let path = &resource[..=resource.rfind('/').unwrap_or(0)];
    let becomes = format!("user{}{}", new_path.as_deref().unwrap_or(path), new_name.as_deref().unwrap_or(name));
    call.authorize(call.arn(&becomes).as_str(), &keys)?;
    call.service().users().update(call.account(), name, new_name, new_path).await?;
    Ok(Answer::nothing())
}

pub(super) async fn delete(call: &Iam<'_>) -> Result<Answer, Error> {
    let name = named(call).await?;
    call.service().users().delete(call.account(), name).await?;
    Ok(Answer::nothing())
}

pub(super) async fn tag(call: &Iam<'_>) -> Result<Answer, Error> {
    let name = call.required("UserName")?;
    let tags = call.tags()?;
    let (arn, mut keys) = call.user(name).await?;
    keys.extend(tag_keys("RequestTag", &tags));
    call.authorize(&arn, &keys)?;
    call.service().users().tag(call.account(), name, tags).await?;
    Ok(Answer::nothing())
}

pub(super) async fn untag(call: &Iam<'_>) -> Result<Answer, Error> {
    let name = call.required("UserName")?;
    let removed = call.tag_keys()?;
    let (arn, mut keys) = call.user(name).await?;
    keys.extend(removed.iter().map(|key| ("aws:TagKeys".to_owned(), key.clone())));
    call.authorize(&arn, &keys)?;
    call.service().users().untag(call.account(), name, &removed).await?;
    Ok(Answer::nothing())
}

pub(super) async fn tags(call: &Iam<'_>) -> Result<Answer, Error> {
    let name = named(call).await?;
    let user = call.service().users().get(call.account(), name).await?;
    let page = call.tag_page(user.tags)?;
    Answer::of(call.operation, &Listing::<Tag>::of("Tags", page))
}

pub(super) async fn bound(call: &Iam<'_>) -> Result<Answer, Error> {
    let (name, boundary) = (call.required("UserName")?, call.required("PermissionsBoundary")?);
    let (arn, mut keys) = call.user(name).await?;
    boundary_key(&mut keys, Some(boundary));
    call.authorize(&arn, &keys)?;
    call.service().users().set_boundary(call.account(), name, Some(boundary.to_owned())).await?;
    Ok(Answer::nothing())
}

pub(super) async fn unbound(call: &Iam<'_>) -> Result<Answer, Error> {
    let name = call.required("UserName")?;
    let (arn, mut keys) = call.user(name).await?;
    let present =
        call.service().users().get(call.account(), name).await.ok().and_then(|user| user.permissions_boundary);
    boundary_key(&mut keys, present.as_deref());
    call.authorize(&arn, &keys)?;
    call.service().users().set_boundary(call.account(), name, None).await?;
    Ok(Answer::nothing())
}

/// The user named, once the caller is allowed to act on it.
async fn named<'a>(call: &Iam<'a>) -> Result<&'a str, Error> {
    let name = call.required("UserName")?;
    let (arn, keys) = call.user(name).await?;
    call.authorize(&arn, &keys)?;
    Ok(name)
}
