//! What policies would decide, without doing it (IAM API Reference: SimulatePrincipalPolicy,
//! SimulateCustomPolicy, GetContextKeysForPrincipalPolicy, GetContextKeysForCustomPolicy). The
//! evaluator is the one that decides real requests.

use std::collections::BTreeSet;
use std::sync::Arc;

use arqueta_model::{AccountId, Arn, Principal, PrincipalKind};
use arqueta_policy::{
    ConditionKeys, Decision, Identity, Policy, PolicyKind, PolicyType, Request, ResourcePolicy, evaluate,
};

use crate::record::{GroupRecord, RoleRecord, UserRecord};
use crate::{Error, Iam};

/// Most decisions of one simulation.
const DECISIONS: usize = 1000;

/// What to simulate.
#[derive(Debug, Clone, Default)]
pub struct Simulation {
    /// Policies beside those of the principal.
    pub policies: Vec<String>,
    /// Permissions boundary in place of the principal's, at most one.
    pub boundary: Option<String>,
    /// Policy of the resources.
    pub resource_policy: Option<String>,
    /// Account that owns the resources; the simulating one by default.
    pub resource_owner: Option<AccountId>,
    /// Actions to decide.
    pub actions: Vec<String>,
    /// Resources to decide each on; `*` by default.
    pub resources: Vec<String>,
    /// Condition keys with their values.
    pub context: Vec<(String, Vec<String>)>,
}

/// One decision of a simulation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulated {
    /// The action.
    pub action: String,
    /// The resource.
    pub resource: String,
    /// What would be decided.
    pub decision: Decision,
    /// Whether the boundary, if there is one, lets it through.
    pub within_boundary: Option<bool>,
    /// Condition keys that the policies ask for and that were not given.
    pub missing: Vec<String>,
}

impl Iam {
    /// Decides every action on every resource as `principal` (the ARN of a user, group or role of
    /// the account), or as nobody in particular, under the policies of the simulation.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`], [`Error::InvalidInput`] for policies that do not parse or too many
    /// decisions.
    pub async fn simulate(
        &self,
        account: &AccountId,
        principal: Option<&str>,
        input: &Simulation,
    ) -> Result<Vec<Simulated>, Error> {
        let identity = self.simulated_identity(account, principal, input).await?;
        let owner = input.resource_owner.as_ref().unwrap_or(account);
        let resource_policy = input.resource_policy.as_deref().map(|text| given(text, PolicyKind::Resource));
        let resource_policy = resource_policy.transpose()?;
        let mut keys = ConditionKeys::new();
        for (name, values) in &input.context {
            keys.insert_all(name, values.iter().map(String::as_str));
        }
        let missing = missing(&identity, resource_policy.as_ref(), &input.context);
        let any = ["*".to_owned()];
        let resources = if input.resources.is_empty() { &any[..] } else { &input.resources };
        if input.actions.len().saturating_mul(resources.len()) > DECISIONS {
            return Err(Error::InvalidInput {
                message: format!("A simulation decides at most {DECISIONS} combinations of actions and resources."),
            });
        }
        let decide = |(action, resource): (&String, &String)| {
            let request = Request { action, resource, keys: &keys };
            let side = ResourcePolicy::additive(resource_policy.as_ref(), owner);
            let decision = evaluate(&identity, &request, side).decision;
            let barred = matches!(
                decision,
                Decision::ImplicitDeny { why: PolicyType::Boundary }
                    | Decision::ExplicitDeny { why: PolicyType::Boundary }
            );
            Simulated {
                action: action.clone(),
                resource: resource.clone(),
                decision,
                within_boundary: identity.boundary.is_some().then_some(!barred),
                missing: missing.clone(),
            }
        };
        let pairs = input.actions.iter().flat_map(|action| resources.iter().map(move |resource| (action, resource)));
        Ok(pairs.map(decide).collect())
    }

    /// The condition keys that policies ask for: those given, and those of `principal`.
    ///
    /// # Errors
    /// As [`Iam::simulate`].
    pub async fn context_keys(
        &self,
        account: &AccountId,
        principal: Option<&str>,
        policies: Vec<String>,
    ) -> Result<Vec<String>, Error> {
        let input = Simulation { policies, ..Simulation::default() };
        let identity = self.simulated_identity(account, principal, &input).await?;
        let keys: BTreeSet<&str> = identity.policies.iter().flat_map(|policy| policy.context_keys()).collect();
        Ok(keys.into_iter().map(str::to_owned).collect())
    }

    async fn simulated_identity(
        &self,
        account: &AccountId,
        principal: Option<&str>,
        input: &Simulation,
    ) -> Result<Identity, Error> {
        let mut identity = match principal {
            Some(arn) => self.identity_named(account, arn).await?,
            None => Identity::bare(nobody(account, Arn::new("iam", "", account.as_str(), "user/simulated"))),
        };
        let mut policies = identity.policies.to_vec();
        for text in &input.policies {
            policies.push(Arc::new(given(text, PolicyKind::Identity)?));
        }
        identity.policies = policies.into();
        if let Some(text) = &input.boundary {
            identity.boundary = Some(Arc::new(given(text, PolicyKind::Boundary)?));
        }
        Ok(identity)
    }

    /// A user, group or role with the policies that it has now.
    async fn identity_named(&self, account: &AccountId, text: &str) -> Result<Identity, Error> {
        let missing = || Error::no_such(format!("The entity {text} cannot be found."));
        let arn: Arn = text.parse().map_err(|_| Error::validation(format!("{text} is invalid")))?;
        if arn.service() != "iam" || arn.account() != account.as_str() {
            return Err(missing());
        }
        let (kind, path) = arn.resource().split_once('/').ok_or_else(missing)?;
        let name = path.rsplit('/').next().unwrap_or_default();
        match kind {
            "user" => {
                let user: UserRecord = self.directory.find(account, name).await?.ok_or_else(missing)?;
                self.user_identity(account, user, "", self.directory.generation()).await
            }
            "role" => {
                let role: RoleRecord = self.directory.find(account, name).await?.ok_or_else(missing)?;
                self.role_identity(account, role, "simulated", "").await
            }
            "group" => {
                let group: GroupRecord = self.directory.find(account, name).await?.ok_or_else(missing)?;
                let policies = self.granted(account, &group.grants).await?.into();
                Ok(Identity { policies, ..Identity::bare(nobody(account, arn)) })
            }
            _ => Err(missing()),
        }
    }
}

/// A user without a name of its own.
fn nobody(account: &AccountId, arn: Arn) -> Principal {
    Principal {
        account: account.clone(),
        arn,
        id: String::new(),
        kind: PrincipalKind::User,
        access_key_id: String::new(),
        session: None,
    }
}

fn given(text: &str, kind: PolicyKind) -> Result<Policy, Error> {
    Policy::parse(text, kind).map_err(|error| Error::InvalidInput { message: error.to_string() })
}

fn missing(identity: &Identity, resource: Option<&Policy>, context: &[(String, Vec<String>)]) -> Vec<String> {
    let policies = identity.policies.iter().map(AsRef::as_ref).chain(identity.boundary.as_deref()).chain(resource);
    let asked: BTreeSet<&str> = policies.flat_map(Policy::context_keys).collect();
    let known = |key: &str| context.iter().any(|(name, _)| name.eq_ignore_ascii_case(key));
    asked.into_iter().filter(|key| !known(key)).map(str::to_owned).collect()
}
