//! What policies would decide, without doing it (IAM API Reference: SimulatePrincipalPolicy,
//! SimulateCustomPolicy, GetContextKeysForPrincipalPolicy, GetContextKeysForCustomPolicy). The
//! evaluator is the one that decides real requests.

use std::collections::BTreeSet;
use std::sync::Arc;

use arqueta_model::{AccountId, Arn, Principal, PrincipalKind};
use arqueta_policy::{
    BUDGET, ConditionKeys, Decision, Identity, Policy, PolicyKind, PolicyType, Request, ResourcePolicy, evaluate,
};
use tokio::sync::Semaphore;

use crate::Error;
use crate::credential::Authentication;
use crate::record::{GroupRecord, RoleRecord, UserRecord};
use crate::state::State;

/// Most decisions of one simulation.
const DECISIONS: usize = 1000;
/// Comparisons that all its decisions together may take: some tenths of a second.
const STEPS: u64 = 32 * BUDGET;
/// Longest action, resource, key and value (IAM API Reference, SimulateCustomPolicy and
/// ContextEntry; values have no documented limit).
const ACTION: usize = 128;
const RESOURCE: usize = 2048;
const KEY: usize = 256;
const VALUE: usize = 2048;
/// Bytes of missing keys in all decisions of an answer: each repeats them.
const ANSWER: usize = 4 * 1024 * 1024;

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

/// What policies would decide.
#[derive(Debug, Clone, Copy)]
pub struct Simulator<'a> {
    pub(crate) state: &'a State,
}

impl<'a> Simulator<'a> {
    pub(crate) fn over(state: &'a State) -> Self {
        Self { state }
    }
}

impl Simulator<'_> {
    /// Decides every action on every resource as `principal` (the ARN of a user, group or role of
    /// the account), or as nobody in particular, under the policies of the simulation.
    ///
    /// Whoever may simulate brings policies and values of his own, so the work is bounded and done
    /// on threads that no other request waits for.
    ///
    /// # Errors
    /// [`Error::NoSuchEntity`], [`Error::InvalidInput`] for policies that do not parse or for more
    /// than a simulation may cost.
    pub async fn simulate(
        self,
        account: &AccountId,
        principal: Option<&str>,
        input: Simulation,
    ) -> Result<Vec<Simulated>, Error> {
        input.check()?;
        let identity = self.simulated_identity(account, principal).await?;
        let account = account.clone();
        let run = move || simulated(&account, identity, &input);
        self.aside(run).await
    }

    /// Runs `work` on a thread for work that takes long, a bounded number at a time.
    async fn aside<T: Send + 'static>(
        self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let permit = Semaphore::acquire_owned(Arc::clone(&self.state.simulations)).await;
        let permit = permit.expect("the semaphore is never closed");
        let work = move || {
            // Held by the work itself: it goes on when its caller has gone.
            let _permit = permit;
            work()
        };
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Error::InvalidInput { message: "The service is shutting down.".to_owned() }),
        })
    }

    /// The condition keys that policies ask for: those given, and those of `principal`.
    ///
    /// # Errors
    /// As [`Simulator::simulate`].
    pub async fn context_keys(
        self,
        account: &AccountId,
        principal: Option<&str>,
        policies: Vec<String>,
    ) -> Result<Vec<String>, Error> {
        let identity = self.simulated_identity(account, principal).await?;
        let run = move || {
            let given = policies.iter().map(|text| given(text, PolicyKind::Identity)).collect::<Result<Vec<_>, _>>()?;
            let all = identity.policies.iter().map(AsRef::as_ref).chain(&given);
            let keys: BTreeSet<&str> = all.flat_map(Policy::context_keys).collect();
            Ok(keys.into_iter().map(str::to_owned).collect())
        };
        self.aside(run).await
    }

    async fn simulated_identity(self, account: &AccountId, principal: Option<&str>) -> Result<Identity, Error> {
        match principal {
            Some(arn) => self.identity_named(account, arn).await,
            None => {
                let arn = Arn::new("iam", "", account.as_str(), "user/simulated");
                Ok(Identity::bare(nobody(account, arn)))
            }
        }
    }

    /// A user, group or role with the policies that it has now.
    async fn identity_named(self, account: &AccountId, text: &str) -> Result<Identity, Error> {
        let missing = || Error::no_such(format!("The entity {text} cannot be found."));
        let arn: Arn = text.parse().map_err(|_| Error::validation(format!("{text} is invalid")))?;
        if arn.service() != "iam" || arn.account() != account.as_str() {
            return Err(missing());
        }
        let (kind, path) = arn.resource().split_once('/').ok_or_else(missing)?;
        let name = path.rsplit('/').next().unwrap_or_default();
        match kind {
            "user" => {
                let user: UserRecord = self.state.directory.find(account, name).await?.ok_or_else(missing)?;
                Authentication::over(self.state).user_identity(account, user, "").await
            }
            "role" => {
                let role: RoleRecord = self.state.directory.find(account, name).await?.ok_or_else(missing)?;
                Authentication::over(self.state).role_identity(account, role, "simulated", "").await
            }
            "group" => {
                let group: GroupRecord = self.state.directory.find(account, name).await?.ok_or_else(missing)?;
                let policies = Authentication::over(self.state).granted(account, &group.grants).await?.into();
                Ok(Identity { policies, ..Identity::bare(nobody(account, arn)) })
            }
            _ => Err(missing()),
        }
    }
}

impl Simulation {
    /// # Errors
    /// [`Error::Validation`] for what is longer than it may be, [`Error::InvalidInput`] for too
    /// many decisions.
    fn check(&self) -> Result<(), Error> {
        let long = |texts: &[String], most: usize| texts.iter().any(|text| text.len() > most);
        let keys = self.context.iter().any(|(name, _)| name.len() > KEY);
        let values = self.context.iter().any(|(_, values)| long(values, VALUE));
        let wrong = [
            (long(&self.actions, ACTION), "actionNames", ACTION),
            (long(&self.resources, RESOURCE), "resourceArns", RESOURCE),
            (keys, "contextEntries.member.contextKeyName", KEY),
            (values, "contextEntries.member.contextKeyValues", VALUE),
        ];
        if let Some((_, parameter, most)) = wrong.into_iter().find(|(wrong, ..)| *wrong) {
            return Err(Error::validation(format!(
                "1 validation error detected: Value at '{parameter}' failed to satisfy constraint: Member must have length less than or equal to {most}"
            )));
        }
        if self.actions.len().saturating_mul(self.resources.len().max(1)) > DECISIONS {
            return Err(Error::InvalidInput {
                message: format!("A simulation decides at most {DECISIONS} combinations of actions and resources."),
            });
        }
        Ok(())
    }
}

/// Decides every action on every resource as `identity` with the policies of the simulation.
fn simulated(account: &AccountId, mut identity: Identity, input: &Simulation) -> Result<Vec<Simulated>, Error> {
    let mut policies = identity.policies.to_vec();
    for text in &input.policies {
        policies.push(Arc::new(given(text, PolicyKind::Identity)?));
    }
    identity.policies = policies.into();
    if let Some(text) = &input.boundary {
        identity.boundary = Some(Arc::new(given(text, PolicyKind::Boundary)?));
    }
    let owner = input.resource_owner.as_ref().unwrap_or(account);
    let resource_policy = input.resource_policy.as_deref().map(|text| given(text, PolicyKind::Resource)).transpose()?;
    let mut keys = ConditionKeys::new();
    for (name, values) in &input.context {
        keys.insert_all(name, values.iter().map(String::as_str));
    }
    let missing = missing(&identity, resource_policy.as_ref(), &input.context);
    let any = ["*".to_owned()];
    let resources = if input.resources.is_empty() { &any[..] } else { &input.resources };
    let repeated: usize = missing.iter().map(String::len).sum();
    if repeated.saturating_mul(input.actions.len().saturating_mul(resources.len())) > ANSWER {
        return Err(too_complex());
    }
    let mut steps = 0;
    let mut decided = Vec::new();
    for action in &input.actions {
        for resource in resources {
            let request = Request { action, resource, keys: &keys };
            let side = ResourcePolicy::additive(resource_policy.as_ref(), owner);
            let evaluation = evaluate(&identity, &request, side);
            steps += evaluation.steps;
            if steps > STEPS || evaluation.decision == Decision::TooCostly {
                return Err(too_complex());
            }
            let barred = matches!(
                evaluation.decision,
                Decision::ImplicitDeny { why: PolicyType::Boundary }
                    | Decision::ExplicitDeny { why: PolicyType::Boundary }
            );
            decided.push(Simulated {
                action: action.clone(),
                resource: resource.clone(),
                decision: evaluation.decision,
                within_boundary: identity.boundary.is_some().then_some(!barred),
                missing: missing.clone(),
            });
        }
    }
    Ok(decided)
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

fn too_complex() -> Error {
    Error::InvalidInput { message: "The policies and values of the simulation are too complex to evaluate.".to_owned() }
}

fn missing(identity: &Identity, resource: Option<&Policy>, context: &[(String, Vec<String>)]) -> Vec<String> {
    let policies = identity.policies.iter().map(AsRef::as_ref).chain(identity.boundary.as_deref()).chain(resource);
    let asked: BTreeSet<&str> = policies.flat_map(Policy::context_keys).collect();
    let known = |key: &str| context.iter().any(|(name, _)| name.eq_ignore_ascii_case(key));
    asked.into_iter().filter(|key| !known(key)).map(str::to_owned).collect()
}
