//! Simulations: what policies would decide.

use arqueta_call::On;
use arqueta_iam::{Decision, Simulated, Simulation};
use arqueta_model::AccountId;
use serde::Serialize;

use super::call::{Iam, Keys};
use crate::Error;
use crate::query::call::Answer;
use crate::query::shapes::{Listing, One};
use crate::query::xml::Members;

/// `EvaluationResult`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Evaluated {
    eval_action_name: String,
    eval_resource_name: String,
    eval_decision: &'static str,
    missing_context_values: Members<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions_boundary_decision_detail: Option<One<bool>>,
}

impl From<Simulated> for Evaluated {
    fn from(simulated: Simulated) -> Self {
        Self {
            eval_action_name: simulated.action,
            eval_resource_name: simulated.resource,
            eval_decision: match simulated.decision {
                Decision::Allow => "allowed",
                Decision::ImplicitDeny { .. } => "implicitDeny",
                Decision::ExplicitDeny { .. } | Decision::TooCostly => "explicitDeny",
            },
            missing_context_values: simulated.missing.into_iter().collect(),
            permissions_boundary_decision_detail: simulated
                .within_boundary
                .map(|within| One("AllowedByPermissionsBoundary", within)),
        }
    }
}

/// SimulatePrincipalPolicy and SimulateCustomPolicy. All decisions come at once; AWS allows a page
/// to be any size.
pub(super) async fn run(call: &Iam<'_>) -> Result<Answer, Error> {
    for parameter in ["Marker", "ResourceHandlingOption"] {
        if call.form().mentions(parameter) {
            return Err(Error::UnsupportedParameter { parameter });
        }
    }
    let principal = principal(call)?;
    let mut boundaries = call.list("PermissionsBoundaryPolicyInputList")?;
    if boundaries.len() > 1 {
        return Err(Error::Validation("At most one permissions boundary can be simulated.".to_owned()));
    }
    let owner = call.form().value("ResourceOwner").map(owner).transpose()?;
    let input = Simulation {
        policies: call.list("PolicyInputList")?,
        boundary: boundaries.pop(),
        resource_policy: call.optional("ResourcePolicy"),
        resource_owner: owner,
        actions: call.list("ActionNames")?,
        resources: call.list("ResourceArns")?,
        context: call.form().named_lists("ContextEntries", "ContextKeyName", "ContextKeyValues")?,
    };
    if input.actions.is_empty() {
        return Err(Error::Validation(
            "1 validation error detected: Value null at 'actionNames' failed to satisfy constraint: Member must not be null".to_owned(),
        ));
    }
    // Whose policies decide: the principal named, or one in its place.
    let as_whom = principal.or(call.form().value("CallerArn"));
    let decided = call.service().simulator().simulate(call.account(), as_whom, input).await?;
    let page = arqueta_iam::Page { items: decided, marker: None };
    Answer::of(call.operation, &Listing::<Evaluated>::of("EvaluationResults", page))
}

/// GetContextKeysForPrincipalPolicy and GetContextKeysForCustomPolicy.
pub(super) async fn context_keys(call: &Iam<'_>) -> Result<Answer, Error> {
    let principal = principal(call)?;
    let policies = call.list("PolicyInputList")?;
    let keys = call.service().simulator().context_keys(call.account(), principal, policies).await?;
    Answer::of(call.operation, &One("ContextKeyNames", keys.into_iter().collect::<Members<String>>()))
}

/// The principal of the operations that have one, once the caller is allowed to ask about it.
fn principal<'a>(call: &Iam<'a>) -> Result<Option<&'a str>, Error> {
    let named = match call.operation.on {
        On::User => Some(call.required("PolicySourceArn")?),
        _ => None,
    };
    call.authorize(named.unwrap_or("*"), &Keys::new())?;
    Ok(named)
}

/// An account, by its id or by the ARN of its root user.
fn owner(text: &str) -> Result<AccountId, Error> {
    let id = text.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split(':').next()).unwrap_or(text);
    id.parse().map_err(|_| Error::Validation(format!("The resource owner {text} is not an account.")))
}
