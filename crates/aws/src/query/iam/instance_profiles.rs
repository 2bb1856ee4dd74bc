//! Instance profiles.

use arqueta_iam::CreateInstanceProfile;

use super::call::{Iam, Keys, tag_keys};
use crate::Error;
use crate::query::call::Answer;
use crate::query::shapes::{InstanceProfile, Listing, One, Tag};

/// Whom the role of an instance profile is for.
const INSTANCES: &str = "ec2.amazonaws.com";

pub(super) async fn create(call: &Iam<'_>) -> Result<Answer, Error> {
    let name = call.required("InstanceProfileName")?;
    let (path, tags) = (call.optional("Path"), call.tags()?);
    let resource = format!("instance-profile{}{name}", path.as_deref().unwrap_or("/"));
    call.authorize(call.arn(&resource).as_str(), &tag_keys("RequestTag", &tags))?;
    let input = CreateInstanceProfile { name: name.to_owned(), path, tags };
    let made = call.service().instance_profiles().create(call.account(), input).await?;
    Answer::of(call.operation, &One("InstanceProfile", InstanceProfile::from(made)))
}

pub(super) async fn describe(call: &Iam<'_>) -> Result<Answer, Error> {
    let name = named(call).await?;
    let found = call.service().instance_profiles().get(call.account(), name).await?;
    Answer::of(call.operation, &One("InstanceProfile", InstanceProfile::from(found)))
}

pub(super) async fn list(call: &Iam<'_>) -> Result<Answer, Error> {
    let page = call.page()?;
    call.authorize(call.arn("instance-profile/*").as_str(), &Keys::new())?;
    let found = call.service().instance_profiles().list(call.account(), None, &page).await?;
    listed(call, found)
}

/// Those that a role is in. Terraform asks for them before it deletes a role.
pub(super) async fn of_role(call: &Iam<'_>) -> Result<Answer, Error> {
    let (page, role) = (call.page()?, call.required("RoleName")?);
    let (arn, keys) = call.role(role).await?;
    call.authorize(&arn, &keys)?;
    let found = call.service().instance_profiles().list(call.account(), Some(role), &page).await?;
    listed(call, found)
}

/// As in AWS, a listing leaves tags out.
fn listed(call: &Iam<'_>, found: arqueta_iam::Page<arqueta_iam::InstanceProfile>) -> Result<Answer, Error> {
    let found = found.map(|profile| InstanceProfile { tags: None, ..InstanceProfile::from(profile) });
    Answer::of(call.operation, &Listing::<InstanceProfile>::of("InstanceProfiles", found))
}

pub(super) async fn add_role(call: &Iam<'_>) -> Result<Answer, Error> {
    let role = call.required("RoleName")?;
    let name = named(call).await?;
    let (arn, keys) = call.role(role).await?;
    call.pass_role(&arn, &keys, INSTANCES)?;
    call.service().instance_profiles().add_role(call.account(), name, role).await?;
    Ok(Answer::nothing())
}

pub(super) async fn remove_role(call: &Iam<'_>) -> Result<Answer, Error> {
    let role = call.required("RoleName")?;
    let name = named(call).await?;
    call.service().instance_profiles().remove_role(call.account(), name, role).await?;
    Ok(Answer::nothing())
}

pub(super) async fn delete(call: &Iam<'_>) -> Result<Answer, Error> {
    let name = named(call).await?;
    call.service().instance_profiles().delete(call.account(), name).await?;
    Ok(Answer::nothing())
}

pub(super) async fn tag(call: &Iam<'_>) -> Result<Answer, Error> {
    let (name, tags) = (call.required("InstanceProfileName")?, call.tags()?);
    let (arn, mut keys) = call.instance_profile(name).await?;
    keys.extend(tag_keys("RequestTag", &tags));
    call.authorize(&arn, &keys)?;
    call.service().instance_profiles().tag(call.account(), name, tags).await?;
    Ok(Answer::nothing())
}

pub(super) async fn untag(call: &Iam<'_>) -> Result<Answer, Error> {
    let (name, removed) = (call.required("InstanceProfileName")?, call.tag_keys()?);
    let (arn, mut keys) = call.instance_profile(name).await?;
    keys.extend(removed.iter().map(|key| ("aws:TagKeys".to_owned(), key.clone())));
    call.authorize(&arn, &keys)?;
    call.service().instance_profiles().untag(call.account(), name, &removed).await?;
    Ok(Answer::nothing())
}

pub(super) async fn tags(call: &Iam<'_>) -> Result<Answer, Error> {
    let name = named(call).await?;
    let found = call.service().instance_profiles().get(call.account(), name).await?;
    let page = call.tag_page(found.tags)?;
    Answer::of(call.operation, &Listing::<Tag>::of("Tags", page))
}

/// The instance profile named, once the caller is allowed to act on it.
async fn named<'a>(call: &Iam<'a>) -> Result<&'a str, Error> {
    let name = call.required("InstanceProfileName")?;
    let (arn, keys) = call.instance_profile(name).await?;
    call.authorize(&arn, &keys)?;
    Ok(name)
}
