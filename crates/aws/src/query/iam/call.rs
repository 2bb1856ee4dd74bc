//! One IAM call: its parameters, whom it means, and whether the caller may.

use arqueta_call::Operation;
use arqueta_iam::{ConditionKeys, List, Request, Tag};
use arqueta_model::{AccountId, Arn, PrincipalKind};

use crate::Error;
use crate::access::{self, Wish};
use crate::query::call::Call;
use crate::query::form::Form;

/// One IAM call.
pub(super) struct Iam<'a> {
    pub(super) operation: &'static Operation,
    pub(super) call: &'a Call<'a>,
}

/// Condition keys of a call.
pub(super) type Keys = Vec<(String, String)>;

impl<'a> Iam<'a> {
    pub(super) fn service(&self) -> &'a arqueta_iam::Iam {
        &self.call.services.iam
    }

    pub(super) fn form(&self) -> &'a Form {
        self.call.form
    }

    pub(super) fn account(&self) -> &'a AccountId {
        &self.call.identity.principal.account
    }

    /// A parameter that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&'a str, Error> {
        self.form().required(name)
    }

    /// A parameter that may be.
    pub(super) fn optional(&self, name: &str) -> Option<String> {
        self.form().value(name).map(str::to_owned)
    }

    /// The page that is asked for.
    pub(super) fn page(&self) -> Result<List, Error> {
        let max_items = self.form().number("MaxItems", 1..=1000)?;
        Ok(List {
            path_prefix: self.optional("PathPrefix"),
            marker: self.optional("Marker"),
            max_items: max_items.map(|n| n as usize),
        })
    }

    /// The page of `tags` that is asked for, sorted by key ("ListUserTags").
    pub(super) fn tag_page(&self, mut tags: Vec<Tag>) -> Result<arqueta_iam::Page<Tag>, Error> {
        tags.sort_by_key(|tag| tag.key.to_lowercase());
        Ok(self.page()?.page(tags.into_iter(), |tag| tag.key.clone().into())?)
    }

    pub(super) fn tags(&self) -> Result<Vec<Tag>, Error> {
        Ok(self.form().pairs("Tags", "Key", "Value")?.into_iter().map(|(key, value)| Tag::new(key, value)).collect())
    }

    /// The members of a list of texts.
    pub(super) fn list(&self, name: &str) -> Result<Vec<String>, Error> {
        Ok(self.form().list(name)?.into_iter().map(str::to_owned).collect())
    }

    pub(super) fn tag_keys(&self) -> Result<Vec<String>, Error> {
        Ok(self.form().list("TagKeys")?.into_iter().map(str::to_owned).collect())
    }

    /// Asks the caller's policies for this operation on `resource`.
    pub(super) fn authorize(&self, resource: &str, keys: &Keys) -> Result<(), Error> {
        let keys: Vec<(&str, &str)> = keys.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let wish = Wish { operation: self.operation, resource, owner: self.account(), keys: &keys };
        access::check(self.call.services, self.call.identity, self.call.info, &wish)
    }

    /// Asks the caller's policies whether he may hand a role to a service (IAM User Guide, "Grant a user
    /// permissions to pass a role to an AWS service"). Roles have no policy that could allow it.
    pub(super) fn pass_role(&self, role: &str, keys: &Keys, to: &str) -> Result<(), Error> {
        let mut asked = ConditionKeys::of_request(self.call.info, &self.call.services.region);
        keys.iter().for_each(|(name, value)| asked.insert(name, value.as_str()));
        asked.set("iam:passedtoservice", to);
        let request = Request { action: "iam:PassRole", resource: role, keys: &asked };
        arqueta_iam::authorize(self.call.identity, &request, None, self.account())
            .map_err(|denied| Error::Denied(denied.message))
    }

    /// ARN of a resource of the caller's account.
    pub(super) fn arn(&self, resource: &str) -> Arn {
        Arn::new("iam", "", self.account().as_str(), resource)
    }

    /// The user that the call is about: the one named, or the caller itself.
    pub(super) fn named_or_own_user(&self) -> Result<Option<String>, Error> {
        if let Some(name) = self.form().value("UserName") {
            return Ok(Some(name.to_owned()));
        }
        let principal = &self.call.identity.principal;
        match principal.kind {
            PrincipalKind::User => Ok(principal.arn.resource().rsplit('/').next().map(str::to_owned)),
            PrincipalKind::Root => Ok(None),
            _ => Err(must_name_user()),
        }
    }

    /// ARN and tags of a user, as policies see it. One that does not exist is asked about by the
    /// name given, so that only those who may see it learn that it is missing.
    pub(super) async fn user(&self, name: &str) -> Result<(String, Keys), Error> {
        match self.service().users().get(self.account(), name).await {
            Ok(user) => Ok((user.arn.into(), tag_keys("ResourceTag", &user.tags))),
            Err(arqueta_iam::Error::NoSuchEntity { .. }) => Ok((self.arn(&format!("user/{name}")).into(), Keys::new())),
            Err(error) => Err(error.into()),
        }
    }

    /// As [`Iam::user`], for a role.
    pub(super) async fn role(&self, name: &str) -> Result<(String, Keys), Error> {
        match self.service().roles().get(self.account(), name).await {
            Ok(role) => Ok((role.arn.into(), tag_keys("ResourceTag", &role.tags))),
            Err(arqueta_iam::Error::NoSuchEntity { .. }) => Ok((self.arn(&format!("role/{name}")).into(), Keys::new())),
            Err(error) => Err(error.into()),
        }
    }

    /// As [`Iam::user`], for an instance profile.
    pub(super) async fn instance_profile(&self, name: &str) -> Result<(String, Keys), Error> {
        match self.service().instance_profiles().get(self.account(), name).await {
            Ok(profile) => Ok((profile.arn.into(), tag_keys("ResourceTag", &profile.tags))),
            Err(arqueta_iam::Error::NoSuchEntity { .. }) => {
                Ok((self.arn(&format!("instance-profile/{name}")).into(), Keys::new()))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// As [`Iam::user`], for a group.
    pub(super) async fn group(&self, name: &str) -> Result<(String, Keys), Error> {
        let none = List { max_items: Some(1), ..List::default() };
        match self.service().groups().get(self.account(), name, &none).await {
            Ok((group, _)) => Ok((group.arn.into(), Keys::new())),
            Err(arqueta_iam::Error::NoSuchEntity { .. }) => {
                Ok((self.arn(&format!("group/{name}")).into(), Keys::new()))
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn must_name_user() -> Error {
    Error::Validation("Must specify userName when calling with non-User credentials".to_owned())
}

/// `aws:ResourceTag/…` or `aws:RequestTag/…` and, for resources, IAM's own name of it.
pub(super) fn tag_keys(kind: &str, tags: &[Tag]) -> Keys {
    let mut keys: Keys = tags.iter().map(|tag| (format!("aws:{kind}/{}", tag.key), tag.value.clone())).collect();
    match kind {
        "ResourceTag" => {
            keys.extend(tags.iter().map(|tag| (format!("iam:ResourceTag/{}", tag.key), tag.value.clone())))
        }
        _ => keys.extend(tags.iter().map(|tag| ("aws:TagKeys".to_owned(), tag.key.clone()))),
    }
    keys
}

/// Adds the condition key for a boundary.
pub(super) fn boundary_key(keys: &mut Keys, arn: Option<&str>) {
    keys.extend(arn.map(|arn| ("iam:PermissionsBoundary".to_owned(), arn.to_owned())));
}
