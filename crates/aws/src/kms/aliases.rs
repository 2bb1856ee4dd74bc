//! Shapes of aliases.

use arqueta_keys::api::{CreateAliasRequest, DeleteAliasRequest, ListAliasesRequest, UpdateAliasRequest};
use arqueta_kms::Error;
use serde::Deserialize;

use super::limits;
use super::parameters::{limit, marker};
use super::shape::{Shape, Told};
use super::wire::answers;

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct CreateAlias {
    alias_name: String,
    target_key_id: String,
}

impl Shape for CreateAlias {
    type Request = CreateAliasRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        let Self { alias_name, target_key_id } = self;
        told.with("aliasName", alias_name.as_str()).with("targetKeyId", target_key_id.as_str());
        name(&alias_name)?;
        Ok(CreateAliasRequest { alias_name, target_key_id })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct UpdateAlias {
    alias_name: String,
    target_key_id: String,
}

impl Shape for UpdateAlias {
    type Request = UpdateAliasRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        let Self { alias_name, target_key_id } = self;
        told.with("aliasName", alias_name.as_str()).with("targetKeyId", target_key_id.as_str());
        name(&alias_name)?;
        Ok(UpdateAliasRequest { alias_name, target_key_id })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct DeleteAlias {
    alias_name: String,
}

impl Shape for DeleteAlias {
    type Request = DeleteAliasRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("aliasName", self.alias_name.as_str());
        name(&self.alias_name)?;
        Ok(DeleteAliasRequest { alias_name: self.alias_name })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListAliases {
    key_id: Option<String>,
    limit: Option<i64>,
    marker: Option<String>,
}

impl Shape for ListAliases {
    type Request = ListAliasesRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.maybe("keyId", self.key_id.as_deref());
        told.maybe("limit", self.limit).maybe("marker", self.marker.as_deref());
        let (limit, marker) = (limit(self.limit, 100)?, marker(self.marker.as_deref())?);
        Ok(ListAliasesRequest { key_id: self.key_id, limit, marker })
    }
}

answers! {
    ListAliasesResponse { "Aliases": aliases } + page(next_marker)
    AliasListEntry {
        "AliasName": alias_name,
        "AliasArn": alias_arn,
        "TargetKeyId": target_key_id,
        "CreationDate": creation_date,
        "LastUpdatedDate": last_updated_date,
    }
}

fn name(name: &str) -> Result<(), Error> {
    limits::length(name, "aliasName", 1, 256)?;
    limits::pattern(name, "aliasName", "^[a-zA-Z0-9:/_-]+$", limits::is_name_char)?;
    match name.strip_prefix("alias/") {
        None => Err(limits::invalid(
            "Alias must start with the prefix \"alias/\". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html",
        )),
        Some("") => Err(limits::invalid("Invalid identifier")),
        // The pattern has it; the words of "CreateAlias" and the service do not. Who may not have the
        // name at all is told that first.
        Some(rest) if rest.contains(':') && !rest.starts_with("aws/") => {
            Err(limits::invalid(format!("{name} contains invalid characters for an alias")))
        }
        Some(_) => Ok(()),
    }
}
