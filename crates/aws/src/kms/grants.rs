//! Shapes of grants.

use std::collections::BTreeMap;

use arqueta_call::Kms;
use arqueta_keys::api::{
    CreateGrantRequest, CreateGrantResponse, GrantConstraints, ListGrantsRequest, ListRetirableGrantsRequest,
    RetireGrantRequest, RevokeGrantRequest,
};
use arqueta_kms::Error;
use arqueta_model::{Arn, EncryptionContext};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::limits;
use super::parameters::{limit, marker};
use super::shape::{Shape, Told};
use super::wire::answers;

/// Most pairs of one constraint.
const MAX_PAIRS: usize = 8;

/// Constraints on the encryption context, as requests and the record have them.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Constraints {
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_context_subset: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_context_equals: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_arn: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct CreateGrant {
    key_id: String,
    grantee_principal: String,
    retiring_principal: Option<String>,
    operations: Vec<String>,
    constraints: Option<Constraints>,
    grant_tokens: Vec<String>,
    name: Option<String>,
    dry_run: bool,
    grantee_service_principal: Option<String>,
    retiring_service_principal: Option<String>,
}

impl Shape for CreateGrant {
    type Request = CreateGrantRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("keyId", self.key_id.as_str()).with("granteePrincipal", self.grantee_principal.as_str());
        told.with("operations", json!(self.operations));
        told.maybe("retiringPrincipal", self.retiring_principal.as_deref());
        told.maybe("constraints", self.constraints.as_ref().map(|constraints| json!(constraints)));
        told.maybe("name", self.name.as_deref());
        let source_arn = self.constraints.as_ref().and_then(|constraints| constraints.source_arn.as_ref());
        refuse_services([
            ("GranteeServicePrincipal", self.grantee_service_principal.as_ref()),
            ("RetiringServicePrincipal", self.retiring_service_principal.as_ref()),
            ("SourceArn", source_arn),
        ])?;
        principal(&self.grantee_principal, "granteePrincipal")?;
        self.retiring_principal.as_deref().map_or(Ok(()), |text| principal(text, "retiringPrincipal"))?;
        limits::grant_tokens(&self.grant_tokens)?;
        operations(&self.operations)?;
        if let Some(name) = &self.name {
            limits::length(name, "name", 1, 256)?;
            limits::pattern(name, "name", "^[a-zA-Z0-9:/_-]+$", limits::is_name_char)?;
        }
        Ok(CreateGrantRequest {
            key_id: self.key_id,
            grantee_principal: self.grantee_principal,
            retiring_principal: self.retiring_principal,
            operations: self.operations,
            constraints: self.constraints.map(Constraints::checked).transpose()?,
            name: self.name.unwrap_or_default(),
            dry_run: self.dry_run,
        })
    }

    fn elements(answer: &CreateGrantResponse) -> Value {
        json!({ "grantId": answer.grant_id })
    }
}

impl Constraints {
    /// At most one of the two.
    fn checked(self) -> Result<GrantConstraints, Error> {
        if self.encryption_context_equals.is_some() && self.encryption_context_subset.is_some() {
            return Err(limits::invalid(
                "A grant has either an EncryptionContextEquals or an EncryptionContextSubset constraint.",
            ));
        }
        let context = |pairs: BTreeMap<String, String>| {
            if pairs.len() > MAX_PAIRS {
                return Err(limits::invalid(format!(
                    "A grant constraint has at most {MAX_PAIRS} encryption context pairs."
                )));
            }
            EncryptionContext::new(pairs).map_err(|error| limits::invalid(error.to_string()))
        };
        Ok(GrantConstraints {
            encryption_context_subset: self.encryption_context_subset.map(context).transpose()?,
            encryption_context_equals: self.encryption_context_equals.map(context).transpose()?,
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListGrants {
    key_id: String,
    grant_id: Option<String>,
    grantee_principal: Option<String>,
    limit: Option<i64>,
    marker: Option<String>,
    grantee_service_principal: Option<String>,
}

impl Shape for ListGrants {
    type Request = ListGrantsRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("keyId", self.key_id.as_str()).maybe("grantId", self.grant_id.as_deref());
        told.maybe("granteePrincipal", self.grantee_principal.as_deref());
        refuse_services([("GranteeServicePrincipal", self.grantee_service_principal.as_ref())])?;
        let (limit, marker) = (limit(self.limit, 100)?, marker(self.marker.as_deref())?);
        let (key_id, grant_id, grantee_principal) = (self.key_id, self.grant_id, self.grantee_principal);
        Ok(ListGrantsRequest { key_id, grant_id, grantee_principal, limit, marker })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct ListRetirableGrants {
    retiring_principal: String,
    limit: Option<i64>,
    marker: Option<String>,
    retiring_service_principal: Option<String>,
}

impl Shape for ListRetirableGrants {
    type Request = ListRetirableGrantsRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.with("retiringPrincipal", self.retiring_principal.as_str());
        refuse_services([("RetiringServicePrincipal", self.retiring_service_principal.as_ref())])?;
        principal(&self.retiring_principal, "retiringPrincipal")?;
        let (limit, marker) = (limit(self.limit, 100)?, marker(self.marker.as_deref())?);
        Ok(ListRetirableGrantsRequest { retiring_principal: self.retiring_principal, limit, marker })
    }
}

/// Who reads a token can use it: it is not told.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct RetireGrant {
    grant_token: Option<String>,
    key_id: Option<String>,
    grant_id: Option<String>,
    dry_run: bool,
}

impl Shape for RetireGrant {
    type Request = RetireGrantRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        told.maybe("keyId", self.key_id.as_deref()).maybe("grantId", self.grant_id.as_deref());
        let Self { grant_token, key_id, grant_id, dry_run } = self;
        Ok(RetireGrantRequest { grant_token, key_id, grant_id, dry_run })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct RevokeGrant {
    key_id: String,
    grant_id: String,
    dry_run: bool,
}

impl Shape for RevokeGrant {
    type Request = RevokeGrantRequest;

    fn decode(self, told: &mut Told) -> Result<Self::Request, Error> {
        let Self { key_id, grant_id, dry_run } = self;
        told.with("keyId", key_id.as_str()).with("grantId", grant_id.as_str());
        limits::length(&grant_id, "grantId", 1, 128)?;
        Ok(RevokeGrantRequest { key_id, grant_id, dry_run })
    }
}

answers! {
    CreateGrantResponse { "GrantToken": grant_token, "GrantId": grant_id }
    ListGrantsResponse { "Grants": grants } + page(next_marker)
    GrantListEntry {
        "KeyId": key_id,
        "GrantId": grant_id,
        "Name": name,
        "CreationDate": creation_date,
        "GranteePrincipal": grantee_principal,
        "RetiringPrincipal": retiring_principal,
        "IssuingAccount": issuing_account,
        "Operations": operations,
        "Constraints": constraints,
    }
    GrantConstraints {
        "EncryptionContextSubset": encryption_context_subset,
        "EncryptionContextEquals": encryption_context_equals,
    }
}

/// At least one, each of which a grant can allow.
fn operations(wanted: &[String]) -> Result<(), Error> {
    if wanted.is_empty() {
        return Err(limits::constraint("[]", "operations", "Member must have length greater than or equal to 1"));
    }
    let rows = Kms::rows().iter().filter(|row| row.grantable);
    let actions = rows.flat_map(|row| row.permissions).map(|permission| permission.action.name);
    let grantable: Vec<_> = actions.map(|action| action.trim_start_matches("kms:")).collect();
    wanted.iter().try_for_each(|operation| limits::member_of(operation, "operations", &grantable))
}

/// Grants are for users and roles here, not for other services of AWS. What would narrow a grant
/// must not be left out of it.
fn refuse_services<const N: usize>(parameters: [(&str, Option<&String>); N]) -> Result<(), Error> {
    match parameters.iter().find(|(_, value)| value.is_some()) {
        Some((name, _)) => Err(limits::unsupported(name)),
        None => Ok(()),
    }
}

/// An ARN of a principal or an account's root.
fn principal(text: &str, member: &str) -> Result<(), Error> {
    limits::length(text, member, 1, 256)?;
    let named =
        text.parse::<Arn>().is_ok_and(|arn| matches!(arn.service(), "iam" | "sts") && arn.account().len() == 12);
    if named {
        return Ok(());
    }
    Err(limits::refused("InvalidArnException", format!("ARN does not refer to a valid principal: {text}")))
}
