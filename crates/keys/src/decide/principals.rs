//! Whom key policies and grants name: unique ids where they are kept, ARNs where they are shown.
//!
//! A user or role that is made again under a deleted one's name is another principal and has none
//! of its rights (IAM User Guide, "AWS JSON policy elements: Principal").

use std::sync::Arc;

use arqueta_kms::Error;
use arqueta_model::{ObjectId, PrincipalKind};
use arqueta_policy::{Identity, Known, LookupError, PrincipalName, Principals, Statement, Unidentified};
use async_trait::async_trait;

use crate::Embedded;
use crate::key::{Key, new_policy, parse_policy};
use crate::limits::refused;
use crate::schema::{GrantRecord, KeyRecord};
use crate::state::change::Change;
use crate::state::people::is_person;

/// Answers for policies and grants that were made elsewhere or before unique ids were kept: who does
/// not exist is given an id that nobody has, so that it stays nobody: also at a later start, when
/// somebody may have the name.
struct OrGone<'a>(&'a dyn Principals);

#[async_trait]
impl Principals for OrGone<'_> {
    async fn identify(&self, name: PrincipalName<'_>) -> Result<Known, LookupError> {
        match (self.0.identify(name).await?, name) {
            (Known::Nobody, PrincipalName::Identity(arn) | PrincipalName::Session(arn)) => {
                let id = format!("AIDA{}", &ObjectId::random().to_string().to_uppercase()[..17]);
                tracing::warn!(
                    arn,
                    id,
                    "a key policy or a grant names a principal that does not exist; nobody has its id"
                );
                Ok(Known::Id(id))
            }
            (Known::Nobody, _) => Ok(Known::AsNamed),
            (known, _) => Ok(known),
        }
    }

    async fn arn_of(&self, id: &str) -> Result<Option<String>, LookupError> {
        self.0.arn_of(id).await
    }
}

impl Embedded {
    /// Makes the identities known to the service, before it serves anyone. Only the first call
    /// counts. Records of earlier releases, which name principals by ARN, are given the unique ids
    /// that these ARNs have now; who does not exist keeps nothing.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn join_identities(&self, people: Arc<dyn Principals>) -> Result<(), Error> {
        if self.state.people.0.set(people).is_err() {
            tracing::error!("the identities are known already; the second ones are ignored");
            return Ok(());
        }
        let (keys, grants) = {
            let directory = self.state.directory();
            let keys = directory.keys.values().flat_map(|keys| keys.values()).filter(|key| names_people(key));
            let grants = directory.issued.all().filter(|grant| {
                is_arn_of_person(&grant.grantee) || grant.retiring.as_deref().is_some_and(is_arn_of_person)
            });
            (keys.cloned().collect::<Vec<_>>(), grants.cloned().collect::<Vec<_>>())
        };
        for key in keys {
            let identified = identify_key(self, &key).await;
            later(identified, "the policy", &key.record.id)?;
        }
        for grant in grants {
            let identified = identify_grant(self, &grant).await;
            later(identified, "a grant", &grant.key_id)?;
        }
        Ok(())
    }
}

async fn identify_key(service: &Embedded, key: &Key) -> Result<(), Error> {
    let policy = identified_or_gone(service, &key.record.policy).await?;
    if policy == key.record.policy {
        return Ok(());
    }
    let turn = service.turn_of(&key.record.account, &key.record.id).await?;
    service.commit(turn, vec![Change::Key(KeyRecord { policy, ..key.record.clone() })]).await
}

async fn identify_grant(service: &Embedded, old: &GrantRecord) -> Result<(), Error> {
    let (mut grant, people) = (old.clone(), OrGone(service.state.people.get()));
    for name in std::iter::once(&mut grant.grantee).chain(&mut grant.retiring) {
        if let Some(person) = PrincipalName::of_aws(name).filter(is_person)
            && let Known::Id(id) = people.identify(person).await.map_err(Error::Unavailable)?
        {
            *name = id;
        }
    }
    if grant == *old {
        return Ok(());
    }
    let turn = service.turn_of(&grant.account, &grant.key_id).await?;
    service.commit(turn, vec![Change::Grant(grant)]).await
}

/// A key policy as it is kept.
///
/// # Errors
/// `MalformedPolicyDocumentException`, also for one that names who does not exist.
pub(crate) async fn identified(service: &Embedded, text: &str) -> Result<String, Error> {
    let policy = new_policy(text)?;
    arqueta_policy::identified(&policy, text, service.state.people.get()).await.map_err(|error| match error {
        Unidentified::Lookup(source) => Error::Unavailable(source),
        _ => refused(
            "MalformedPolicyDocumentException",
            "Policy contains a statement with one or more invalid principals.",
        ),
    })
}

/// As [`identified`], for policies whose author is not there to be refused.
pub(crate) async fn identified_or_gone(service: &Embedded, text: &str) -> Result<String, Error> {
    let (policy, people) = (parse_policy(text)?, OrGone(service.state.people.get()));
    let identified = arqueta_policy::identified(&policy, text, &people).await;
    identified.map_err(|error| Error::Unavailable(error.into()))
}

/// A kept policy as it is shown.
pub(crate) async fn shown_policy(service: &Embedded, text: &str) -> Result<String, Error> {
    arqueta_policy::shown(text, service.state.people.get()).await.map_err(Error::Unavailable)
}

/// The principal of a grant as it is kept.
///
/// # Errors
/// `InvalidArnException` for anything but the ARN of a principal that exists.
pub(crate) async fn grantable(service: &Embedded, arn: &str) -> Result<String, Error> {
    match kept_name(service, arn).await? {
        Some(name) => Ok(name),
        None => Err(invalid_principal(arn)),
    }
}

/// As [`grantable`]; `None` for who does not exist.
pub(crate) async fn kept_name(service: &Embedded, arn: &str) -> Result<Option<String>, Error> {
    let Some(name) = PrincipalName::of_aws(arn).filter(|_| arn.starts_with("arn:")) else { return Ok(None) };
    Ok(match service.state.people.get().identify(name).await.map_err(Error::Unavailable)? {
        Known::Id(id) => Some(id),
        Known::AsNamed => Some(arn.to_owned()),
        Known::Nobody => None,
    })
}

/// The principal of a grant as it is shown: its id once it is gone.
pub(crate) async fn shown_name(service: &Embedded, kept: &str) -> Result<String, Error> {
    if kept.starts_with("arn:") {
        return Ok(kept.to_owned());
    }
    let arn = service.state.people.get().arn_of(kept).await.map_err(Error::Unavailable)?;
    Ok(arn.unwrap_or_else(|| kept.to_owned()))
}

/// Who cannot be looked up now, for a damaged record say, stops nobody else: his key or grant keeps the
/// ARN, which gives nobody a right, until a later start.
fn later(identified: Result<(), Error>, what: &str, key: &str) -> Result<(), Error> {
    match identified {
        Err(Error::Unavailable(error)) => {
            tracing::error!(key, error, "whom {what} of a key names is not known; it waits for a later start");
            Ok(())
        }
        other => other,
    }
}

fn invalid_principal(arn: &str) -> Error {
    refused("InvalidArnException", format!("ARN does not refer to a valid principal: {arn}"))
}

fn names_people(key: &Key) -> bool {
    let statements = key.policy.as_ref().map(|policy| policy.statements()).unwrap_or_default();
    let names = statements.iter().flat_map(Statement::principals);
    names.into_iter().any(|name| matches!(name, PrincipalName::Identity(_) | PrincipalName::Session(_)))
}

fn is_arn_of_person(name: &str) -> bool {
    name.starts_with("arn:") && PrincipalName::of_aws(name).is_some_and(|name| is_person(&name))
}

/// How grants may name who is asking: by the unique id of a user, of a role or of its session; by
/// the ARN of who has no id that outlasts its name.
pub(crate) fn names_of(identity: &Identity) -> impl Iterator<Item = &str> {
    let principal = &identity.principal;
    let (own, behind) = match principal.kind {
        PrincipalKind::Anonymous => (None, None),
        PrincipalKind::Root | PrincipalKind::Service | PrincipalKind::FederatedUser => {
            (Some(principal.arn.as_str()), None)
        }
        PrincipalKind::User => (Some(principal.id.as_str()), None),
        PrincipalKind::AssumedRole => {
            (Some(principal.id.as_str()), principal.session.as_ref().map(|session| session.issuer_id.as_str()))
        }
    };
    own.into_iter().chain(behind)
}

/// Whether `kept` names who is asking: the principal itself, or the role behind its session.
pub(crate) fn is_principal(kept: &str, identity: &Identity) -> bool {
    names_of(identity).any(|name| name == kept)
}
