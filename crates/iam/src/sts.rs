//! Temporary credentials (STS API Reference: AssumeRole, GetSessionToken, GetFederationToken,
//! GetCallerIdentity).

mod shapes;

use std::time::Duration;

use arqueta_model::{AccountId, Arn, PrincipalKind};
use arqueta_policy::{ConditionKeys, Identity, Policy, PolicyKind, Request, ResourcePolicy, denial, evaluate};

use crate::authorize::{authorize, barred};
use crate::id::{Prefix, fresh, fresh_secret};
use crate::names::{self, Tag};
use crate::policies::Policies;
use crate::record::RoleRecord;
use crate::roles::SESSION_DEFAULT;
use crate::state::State;
use crate::token::{self, Session, SessionOf, SessionPolicies};
use crate::{Error, Secret};
pub use shapes::{AssumeRole, CallerIdentity, FederationToken, Issued, Scope, StsCaller, TemporaryCredentials};

/// Shortest session, seconds.
pub(crate) const SHORTEST: u32 = 900;
/// Longest session of a user or federated user: 36 hours; of the root user: one hour.
const LONGEST: u32 = 129_600;
const LONGEST_ROOT: u32 = 3600;
/// Longest session that a session may assume, and default of users' sessions.
const LONGEST_CHAINED: u32 = 3600;
const DEFAULT: u32 = 43_200;
/// Managed policies that may scope a session down.
const POLICY_ARNS: usize = 10;
/// Bytes of session policies and tags together.
const PACKED: usize = 4096;

/// Temporary credentials.
#[derive(Debug, Clone, Copy)]
pub struct Sessions<'a> {
    pub(crate) state: &'a State,
}

impl<'a> Sessions<'a> {
    pub(crate) fn over(state: &'a State) -> Self {
        Self { state }
    }
}

impl Sessions<'_> {
    /// Who calls. Needs no permission.
    #[must_use]
    pub fn caller_identity(self, identity: &Identity) -> CallerIdentity {
        let principal = &identity.principal;
        CallerIdentity { account: principal.account.clone(), arn: principal.arn.clone(), user_id: principal.id.clone() }
    }

    /// Gives temporary credentials of a role to whom its trust policy lets in.
    ///
    /// # Errors
    /// [`Error::Denied`], also for roles that do not exist; [`Error::Validation`],
    /// [`Error::MalformedPolicyDocument`], [`Error::PackedPolicyTooLarge`].
    pub async fn assume_role(self, caller: StsCaller<'_>, input: AssumeRole) -> Result<Issued, Error> {
        check_session_name("roleSessionName", &input.role_session_name, 64)?;
        let tags = session_tags(caller.identity, &input)?;
        let packed = self.pack(&input.scope, &tags.all)?;
        let (account, name) = role_named(&input.role_arn)?;
        let role: Option<RoleRecord> = self.state.directory.find(&account, &name).await?;
        let role = role.filter(|role| role.arn(&account).as_str() == input.role_arn);
        let Some(role) = role else { return Err(refused(caller.identity, "sts:AssumeRole", &input.role_arn)) };
        self.admit(caller, &input, &role, &account)?;
        let chained = caller.identity.principal.kind == PrincipalKind::AssumedRole;
        let most = if chained { role.max_session.min(LONGEST_CHAINED) } else { role.max_session };
        let seconds = names::check_duration(input.duration_seconds.unwrap_or(SESSION_DEFAULT), SHORTEST, most)?;
        let policies = self.session_policies(&account, input.scope).await?;
        let arn =
            Arn::new("sts", "", account.as_str(), &format!("assumed-role/{}/{}", role.name, input.role_session_name));
        let id = format!("{}:{}", role.id, input.role_session_name);
        let of = SessionOf::Role { name: role.name, id: role.id, session_name: input.role_session_name };
        // Nothing passed: the session has all that the role has.
        let policies = (!policies.is_empty()).then_some(policies);
        let session = self.session(account, of, seconds, policies, tags);
        Ok(Issued { credentials: self.issue(session), arn, id, packed_policy_size: packed })
    }

    /// Whether trust policy and identity-based policies let the caller assume the role.
    fn admit(
        self,
        caller: StsCaller<'_>,
        input: &AssumeRole,
        role: &RoleRecord,
        account: &AccountId,
    ) -> Result<(), Error> {
        let identity = caller.identity;
        if identity.principal.kind == PrincipalKind::Root {
            return Err(Error::Denied { message: "Roles may not be assumed by root accounts.".to_owned() });
        }
        let trust = Policy::parse(&role.trust, PolicyKind::Trust)
            .map_err(|_| Error::Damaged { what: format!("trust policy of role {}", role.name) })?;
        let mut keys = ConditionKeys::of_request(caller.request, caller.region);
        keys.insert("sts:RoleSessionName", input.role_session_name.as_str());
        if let Some(external_id) = &input.external_id {
            check_external_id(external_id)?;
            keys.insert("sts:ExternalId", external_id.as_str());
        }
        insert_tags(&mut keys, &input.tags);
        keys.insert_all("sts:TransitiveTagKeys", input.transitive_tag_keys.iter().map(String::as_str));
        for tag in &role.tags {
            keys.insert(&format!("aws:ResourceTag/{}", tag.key), tag.value.as_str());
            keys.insert(&format!("iam:ResourceTag/{}", tag.key), tag.value.as_str());
        }
        let tagging = (!input.tags.is_empty()).then_some("sts:TagSession");
        for action in std::iter::once("sts:AssumeRole").chain(tagging) {
            let request = Request { action, resource: &input.role_arn, keys: &keys };
            if barred(identity, action).is_some() {
                return Err(refused(identity, action, &input.role_arn));
            }
            let evaluation = evaluate(identity, &request, ResourcePolicy::required(&trust, account));
            match evaluation.denial(identity, &request) {
                None => {}
                // Whether a role of another account exists is none of the caller's business.
                Some(_) if evaluation.cross_account => return Err(refused(identity, action, &input.role_arn)),
                Some(message) => return Err(Error::Denied { message }),
            }
        }
        Ok(())
    }

    /// Gives a user or the root user temporary credentials of its own. Needs no permission.
    ///
    /// # Errors
    /// [`Error::Denied`] for callers with temporary credentials, [`Error::Validation`].
    pub fn session_token(
        self,
        identity: &Identity,
        duration_seconds: Option<u32>,
    ) -> Result<TemporaryCredentials, Error> {
        let action = "sts:GetSessionToken";
        let (of, most) = long_term(identity).ok_or_else(|| Error::Denied {
            message: format!("Cannot call {} with session credentials", &action["sts:".len()..]),
        })?;
        let seconds = duration_seconds.unwrap_or(DEFAULT.min(most));
        // Longer sessions of the root user end after an hour instead of being refused, as in AWS.
        let seconds = names::check_duration(seconds, SHORTEST, LONGEST)?.min(most);
        let account = identity.principal.account.clone();
        Ok(self.issue(self.session(account, of, seconds, None, SessionTags::default())))
    }

    /// Gives credentials to a federated user that the caller vouches for.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Validation`], [`Error::MalformedPolicyDocument`],
    /// [`Error::PackedPolicyTooLarge`], [`Error::NoSuchEntity`] for a policy.
    pub async fn federation_token(self, caller: StsCaller<'_>, input: FederationToken) -> Result<Issued, Error> {
        check_session_name("name", &input.name, 32)?;
        check_session_tags(&input.tags)?;
        let packed = self.pack(&input.scope, &input.tags)?;
        let identity = caller.identity;
        let account = identity.principal.account.clone();
        let arn = Arn::new("sts", "", account.as_str(), &format!("federated-user/{}", input.name));
        let (of, most) = long_term(identity).ok_or_else(|| Error::Denied {
            message: "Cannot call GetFederationToken with session credentials".to_owned(),
        })?;
        let mut keys = ConditionKeys::of_request(caller.request, caller.region);
        insert_tags(&mut keys, &input.tags);
        let tagging = (!input.tags.is_empty()).then_some("sts:TagSession");
        for action in std::iter::once("sts:GetFederationToken").chain(tagging) {
            authorize(identity, &Request { action, resource: arn.as_str(), keys: &keys }, None, &account)?;
        }
        let seconds =
            names::check_duration(input.duration_seconds.unwrap_or(DEFAULT.min(most)), SHORTEST, LONGEST)?.min(most);
        let policies = self.session_policies(&account, input.scope).await?;
        let id = format!("{account}:{}", input.name);
        let user = match of {
            SessionOf::User(id) => Some(id),
            _ => None,
        };
        let of = SessionOf::Federated { user, name: input.name };
        let tags = SessionTags { all: input.tags, transitive: Vec::new() };
        // Without a policy a federated user may do nothing but what resources grant it.
        let session = self.session(account, of, seconds, Some(policies), tags);
        Ok(Issued { credentials: self.issue(session), arn, id, packed_policy_size: packed })
    }

    pub(crate) fn session(
        self,
        account: AccountId,
        of: SessionOf,
        seconds: u32,
        policies: Option<SessionPolicies>,
        tags: SessionTags,
    ) -> Session {
        let issued = self.state.directory.now();
        let expires = issued.plus(Duration::from_secs(seconds.into()));
        Session { account, of, issued, expires, policies, tags: tags.all, transitive: tags.transitive, vouched: None }
    }

    pub(crate) fn issue(self, session: Session) -> TemporaryCredentials {
        let (access_key_id, secret, expiration) = (fresh(Prefix::TemporaryAccessKey), fresh_secret(), session.expires);
        let session_token = Secret::new(token::seal(&*self.state.sealer, &access_key_id, &session, secret.expose()));
        TemporaryCredentials { access_key_id, secret, session_token, expiration }
    }

    /// Checks that session policies exist and parse.
    pub(crate) async fn session_policies(self, account: &AccountId, scope: Scope) -> Result<SessionPolicies, Error> {
        if let Some(document) = &scope.policy {
            let policy = Policy::parse(document, PolicyKind::Session).map_err(|error| match error {
                arqueta_policy::ParseError::TooLarge { .. } => Error::PackedPolicyTooLarge,
                other => other.into(),
            })?;
            policy.check_served()?;
        }
        for arn in &scope.policy_arns {
            Policies::over(self.state)
                .require_managed(account, arn, || format!("Policy {arn} does not exist or is not attachable."))
                .await?;
        }
        Ok(SessionPolicies { inline: scope.policy, arns: scope.policy_arns })
    }

    /// Percent of the room for policies and tags that is taken.
    pub(crate) fn pack(self, scope: &Scope, tags: &[Tag]) -> Result<Option<u32>, Error> {
        if scope.policy_arns.len() > POLICY_ARNS {
            return Err(Error::validation(format!("At most {POLICY_ARNS} managed policies can scope a session down.")));
        }
        let arns: usize = scope.policy_arns.iter().map(String::len).sum();
        let tags: usize = tags.iter().map(|tag| tag.key.len() + tag.value.len()).sum();
        let size = scope.policy.as_ref().map_or(0, String::len) + arns + tags;
        let percent = u32::try_from((size * 100).div_ceil(PACKED)).unwrap_or(u32::MAX);
        match percent {
            0 => Ok(None),
            1..=100 => Ok(Some(percent)),
            _ => Err(Error::PackedPolicyTooLarge),
        }
    }
}

/// Tags of a session and which of them go on.
#[derive(Default)]
pub(crate) struct SessionTags {
    pub(crate) all: Vec<Tag>,
    pub(crate) transitive: Vec<String>,
}

/// The tags passed, and those that the caller's own session hands down.
fn session_tags(caller: &Identity, input: &AssumeRole) -> Result<SessionTags, Error> {
    check_session_tags(&input.tags)?;
    let inherited = &caller.transitive_tags;
    for tag in &input.tags {
        if inherited.iter().any(|(key, _)| key.to_lowercase() == tag.key.to_lowercase()) {
            return Err(Error::InvalidParameterValue {
                message: format!(
                    "One or more tags ({}) cannot be overridden: a role in the chain made them transitive.",
                    tag.key
                ),
            });
        }
    }
    let mut all = input.tags.clone();
    all.extend(inherited.iter().map(|(key, value)| Tag::new(key, value)));
    let mut transitive: Vec<String> = inherited.iter().map(|(key, _)| key.clone()).collect();
    for key in &input.transitive_tag_keys {
        if !input.tags.iter().any(|tag| tag.key.to_lowercase() == key.to_lowercase()) {
            return Err(Error::InvalidParameterValue {
                message: "The specified transitive tag key must be included in the requested tags.".to_owned(),
            });
        }
        transitive.push(key.clone());
    }
    check_session_tags(&all)?;
    Ok(SessionTags { all, transitive })
}

/// As IAM's tags; STS has a code of its own for those that repeat a key or take one of AWS's.
pub(crate) fn check_session_tags(tags: &[Tag]) -> Result<(), Error> {
    names::check_tags(tags).map_err(|error| match error {
        Error::InvalidInput { message } => Error::InvalidParameterValue { message },
        other => other,
    })
}

pub(crate) fn insert_tags(keys: &mut ConditionKeys<'_>, tags: &[Tag]) {
    for tag in tags {
        keys.insert(&format!("aws:RequestTag/{}", tag.key), tag.value.as_str());
    }
    keys.insert_all("aws:TagKeys", tags.iter().map(|tag| tag.key.as_str()));
}

/// For whom long-term credentials can make sessions, and how long those may last, seconds.
fn long_term(identity: &Identity) -> Option<(SessionOf, u32)> {
    match (identity.principal.kind, &identity.principal.session) {
        (PrincipalKind::Root, None) => Some((SessionOf::Root, LONGEST_ROOT)),
        (PrincipalKind::User, None) => Some((SessionOf::User(identity.principal.id.clone()), LONGEST)),
        _ => None,
    }
}

/// Account and name of a role's ARN.
pub(crate) fn role_named(arn: &str) -> Result<(AccountId, String), Error> {
    let invalid = || Error::validation(format!("{arn} is invalid"));
    let parsed: Arn = arn.parse().map_err(|_| invalid())?;
    let name = parsed.resource().strip_prefix("role/").filter(|_| parsed.service() == "iam").ok_or_else(invalid)?;
    let account = parsed.account().parse().map_err(|_| invalid())?;
    Ok((account, name.rsplit('/').next().unwrap_or_default().to_owned()))
}

pub(crate) fn check_session_name(parameter: &str, name: &str, longest: usize) -> Result<(), Error> {
    if name.chars().count() <= longest && !name.chars().all(names::is_name_char) {
        return Err(Error::validation(format!(
            "1 validation error detected: Value '{name}' at '{parameter}' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*"
        )));
    }
    names::check_name(parameter, name, longest)?;
    if name.len() < 2 {
        return Err(Error::validation(format!(
            "1 validation error detected: Value '{name}' at '{parameter}' failed to satisfy constraint: Member must have length greater than or equal to 2"
        )));
    }
    Ok(())
}

fn check_external_id(id: &str) -> Result<(), Error> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
    if (2..=1224).contains(&id.len()) && id.chars().all(fits) {
        return Ok(());
    }
    Err(Error::validation(
        "1 validation error detected: Value at 'externalId' failed to satisfy constraint: 2 to 1224 alphanumeric characters or =,.@:/-",
    ))
}

fn refused(identity: &Identity, action: &str, role_arn: &str) -> Error {
    Error::Denied { message: denial(&identity.principal, action, Some(role_arn), "") }
}
