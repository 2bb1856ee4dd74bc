//! Inline and attached policies, alike for users, groups and roles.

use arqueta_call::{On, Operation};
use arqueta_iam::Entity;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::call::{Iam, Keys};
use crate::Error;
use crate::query::call::Answer;
use crate::query::shapes::{AttachedPolicy, Document, Listing};

/// Which kind of entity an operation is about.
#[derive(Clone, Copy)]
enum Kind {
    User,
    Group,
    Role,
}

impl Kind {
    fn of(operation: &Operation) -> Self {
        match operation.on {
            On::Group => Self::Group,
            On::Role => Self::Role,
            _ => Self::User,
        }
    }

    fn parameter(self) -> &'static str {
        match self {
            Self::User => "UserName",
            Self::Group => "GroupName",
            Self::Role => "RoleName",
        }
    }
}

/// The entity named, once the caller is allowed to act on it.
async fn named<'a>(call: &Iam<'a>, policy_arn: Option<&str>) -> Result<Entity<'a>, Error> {
    let kind = Kind::of(call.operation);
    let name = call.required(kind.parameter())?;
    let (entity, (arn, mut keys)): (Entity<'a>, (String, Keys)) = match kind {
        Kind::User => (Entity::User(name), call.user(name).await?),
        Kind::Group => (Entity::Group(name), call.group(name).await?),
        Kind::Role => (Entity::Role(name), call.role(name).await?),
    };
    keys.extend(policy_arn.map(|arn| ("iam:PolicyARN".to_owned(), arn.to_owned())));
    call.authorize(&arn, &keys)?;
    Ok(entity)
}

pub(super) async fn put(call: &Iam<'_>) -> Result<Answer, Error> {
    let (policy, document) = (call.required("PolicyName")?, call.required("PolicyDocument")?);
    let entity = named(call, None).await?;
    call.service().permissions().put_inline(call.account(), entity, policy, document.to_owned()).await?;
    Ok(Answer::nothing())
}

/// `UserName`, `GroupName` or `RoleName`, then the policy.
struct Inline<'a> {
    entity: (&'static str, &'a str),
    policy_name: &'a str,
    document: Document,
}

impl Serialize for Inline<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry(self.entity.0, self.entity.1)?;
        map.serialize_entry("PolicyName", self.policy_name)?;
        map.serialize_entry("PolicyDocument", &self.document)?;
        map.end()
    }
}

pub(super) async fn describe(call: &Iam<'_>) -> Result<Answer, Error> {
    let policy_name = call.required("PolicyName")?;
    let entity = named(call, None).await?;
    let document = call.service().permissions().inline(call.account(), entity, policy_name).await?;
    let parameter = Kind::of(call.operation).parameter();
    let entity = (parameter, call.required(parameter)?);
    Answer::of(call.operation, &Inline { entity, policy_name, document: Document(document) })
}

pub(super) async fn list(call: &Iam<'_>) -> Result<Answer, Error> {
    let page = call.page()?;
    let entity = named(call, None).await?;
    let names = call.service().permissions().inline_names(call.account(), entity, &page).await?;
    Answer::of(call.operation, &Listing::<String>::of("PolicyNames", names))
}

pub(super) async fn delete(call: &Iam<'_>) -> Result<Answer, Error> {
    let policy = call.required("PolicyName")?;
    let entity = named(call, None).await?;
    call.service().permissions().delete_inline(call.account(), entity, policy).await?;
    Ok(Answer::nothing())
}

pub(super) async fn attach(call: &Iam<'_>) -> Result<Answer, Error> {
    let arn = call.required("PolicyArn")?;
    let entity = named(call, Some(arn)).await?;
    call.service().permissions().attach(call.account(), entity, arn).await?;
    Ok(Answer::nothing())
}

pub(super) async fn detach(call: &Iam<'_>) -> Result<Answer, Error> {
    let arn = call.required("PolicyArn")?;
    let entity = named(call, Some(arn)).await?;
    call.service().permissions().detach(call.account(), entity, arn).await?;
    Ok(Answer::nothing())
}

pub(super) async fn attached(call: &Iam<'_>) -> Result<Answer, Error> {
    let page = call.page()?;
    let entity = named(call, None).await?;
    let policies = call.service().permissions().attached(call.account(), entity, &page).await?;
    Answer::of(call.operation, &Listing::<AttachedPolicy>::of("AttachedPolicies", policies))
}
