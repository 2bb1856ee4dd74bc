//! From an access key id to its secret and identity: the question of every request, answered from
//! memory until anything about identities changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use arqueta_model::{AccountId, Principal, PrincipalKind, ScopeDigest, SessionContext, Timestamp};
use arqueta_policy::{Identity, Policy, PolicyKind};

use crate::access_keys::secret_context;
use crate::id::is_temporary;
use crate::known::{Credential, Known};
use crate::names::Tag;
use crate::policies::Policies;
use crate::record::{Grants, GroupRecord, KeyOwner, RoleRecord, UserRecord};
use crate::state::State;
use crate::token::{self, Session, SessionOf, SessionPolicies, Vouched};
use crate::{Error, Secret};

/// How exactly the last use of an access key is known (IAM: within a quarter of an hour).
const LAST_USE: Duration = Duration::from_secs(15 * 60);
/// Longest access key id looked up.
const ID: usize = 128;

/// From access key ids to identities.
#[derive(Debug, Clone, Copy)]
pub struct Authentication<'a> {
    pub(crate) state: &'a State,
}

impl<'a> Authentication<'a> {
    pub(crate) fn over(state: &'a State) -> Self {
        Self { state }
    }
}

impl Authentication<'_> {
    /// The secret and identity behind an access key id; `token` is the request's security token.
    ///
    /// A hit costs less than a microsecond and sees every change this gateway made.
    ///
    /// # Errors
    /// [`Error::UnknownAccessKey`], [`Error::InvalidToken`], [`Error::ExpiredToken`], failures of
    /// the store.
    pub async fn credential(self, access_key_id: &str, token: Option<&str>) -> Result<Credential, Error> {
        let now = self.state.directory.now();
        let known = self.state.credentials.known.get(access_key_id);
        let known = match known.filter(|known| known.generation == self.state.directory.generation()) {
            // Another token for the same access key id is either forged or none of ours.
            Some(known) => known,
            None => self.learn(access_key_id, token, now).await?,
        };
        known.admits(token, now)?;
        self.note_use(&known, now).await;
        Ok(known.credential.clone())
    }

    async fn learn(self, access_key_id: &str, token: Option<&str>, now: Timestamp) -> Result<Arc<Known>, Error> {
        // Read before anything else: a change in between voids what is learnt here.
        let generation = self.state.directory.generation();
        if access_key_id.len() > ID || access_key_id.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(Error::UnknownAccessKey);
        }
        let (credential, session) = match (is_temporary(access_key_id), token) {
            (true, Some(token)) => {
                let (session, secret) = token::open(&*self.state.sealer, access_key_id, token)?;
                if now >= session.expires {
                    return Err(Error::ExpiredToken);
                }
                let expires = session.expires;
                let identity = self.session_identity(access_key_id, &session).await?;
                let secret = Arc::new(Secret::new(secret.as_str()));
                (Credential { secret, identity: Arc::new(identity) }, Some((token.into(), expires)))
            }
            // Without its token it is the id of no key at all, as AWS has it.
            (true, None) => return Err(Error::UnknownAccessKey),
            (false, _) => (self.long_term(access_key_id).await?, None),
        };
        let principal = &credential.identity.principal;
        let used = match (&session, &principal.session) {
            (None, _) => Some(access_key_id.to_owned()),
            (Some(_), Some(of)) if principal.kind == PrincipalKind::AssumedRole => Some(of.issuer_id.clone()),
            _ => None,
        };
        let noted = match &used {
            Some(used) => self.state.directory.last_use(used).await?.map_or(i64::MIN, Timestamp::millis),
            None => i64::MIN,
        };
        let known = Arc::new(Known { credential, generation, session, noted: AtomicI64::new(noted), used });
        self.state.credentials.known.insert(access_key_id.to_owned(), Arc::clone(&known));
        Ok(known)
    }

    /// Writes down the use of a stored access key or a role, at most once a quarter of an hour.
    async fn note_use(self, known: &Known, now: Timestamp) {
        let Some(used) = &known.used else { return };
        let noted = known.noted.load(Ordering::Relaxed);
        let due = now.millis().saturating_sub(noted) >= LAST_USE.as_millis() as i64;
        let won =
            due && known.noted.compare_exchange(noted, now.millis(), Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if won && let Err(error) = self.state.directory.note_use(used, now).await {
            // What a user sees in a listing is no reason to refuse the request.
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the last use of an access key or role was not recorded"
            );
        }
    }

    async fn long_term(self, access_key_id: &str) -> Result<Credential, Error> {
        if let Some((account, root)) = &self.state.configured_root
            && root.access_key_id == access_key_id
        {
            let identity = Identity::bare(Principal::root(account, access_key_id));
            return Ok(Credential {
                secret: Arc::new(Secret::new(root.secret.expose())),
                identity: Arc::new(identity),
            });
        }
        let record = self.state.directory.access_key(access_key_id).await?;
        let record = record.filter(|record| record.active).ok_or(Error::UnknownAccessKey)?;
        let secret =
            self.state.sealer.open(&secret_context(access_key_id, &record.account, &record.owner), &record.sealed);
        let damaged = || Error::Damaged { what: format!("secret of access key {access_key_id}") };
        let secret = secret.ok_or_else(damaged)?;
        let secret = Secret::new(std::str::from_utf8(&secret).map_err(|_| damaged())?);
        let identity = match &record.owner {
            KeyOwner::Root => Identity::bare(Principal::root(&record.account, access_key_id)),
            KeyOwner::User(id) => {
                let user = self.live_user(&record.account, id).await?.ok_or(Error::UnknownAccessKey)?;
                self.user_identity(&record.account, user, access_key_id).await?
            }
        };
        Ok(Credential { secret: Arc::new(secret), identity: Arc::new(identity) })
    }

    /// The user with a unique id, if it still exists.
    async fn live_user(self, account: &AccountId, id: &str) -> Result<Option<UserRecord>, Error> {
        let Some((of, name)) = self.state.directory.by_id(id).await? else { return Ok(None) };
        let user: Option<UserRecord> = self.state.directory.find(&of, &name).await?;
        Ok(user.filter(|user| user.id == id && of == *account))
    }

    pub(crate) async fn user_identity(
        self,
        account: &AccountId,
        user: UserRecord,
        access_key_id: &str,
    ) -> Result<Identity, Error> {
        let mut policies = self.granted(account, &user.grants).await?;
        for group in &user.groups {
            let group: GroupRecord = self.state.existing(account, group).await?;
            policies.extend(self.granted(account, &group.grants).await?);
        }
        let principal = Principal {
            account: account.clone(),
            arn: user.arn(account),
            id: user.id,
            kind: PrincipalKind::User,
            access_key_id: access_key_id.to_owned(),
            session: None,
        };
        Ok(Identity {
            policies: policies.into(),
            boundary: self.boundary(account, user.boundary.as_deref()).await?,
            tags: pairs(user.tags),
            ..Identity::bare(principal)
        })
    }

    async fn session_identity(self, access_key_id: &str, session: &Session) -> Result<Identity, Error> {
        let account = &session.account;
        let mut identity = match &session.of {
            SessionOf::Root => Identity::bare(Principal::root(account, access_key_id)),
            SessionOf::User(id) => self.session_user(account, Some(id), access_key_id).await?,
            SessionOf::Federated { user, name } => {
                let issuer = self.session_user(account, user.as_deref(), access_key_id).await?;
                federated(issuer, name)
            }
            SessionOf::Role { name, id, session_name } => {
                let role: Option<RoleRecord> = self.state.directory.find(account, name).await?;
                let role = role.filter(|role| role.id == *id).ok_or(Error::InvalidToken)?;
                self.role_identity(account, role, session_name, access_key_id).await?
            }
        };
        let issuer = match &identity.principal.session {
            // Already known for roles and federated users.
            Some(issuer) => (issuer.issuer.clone(), issuer.issuer_id.clone()),
            None => (identity.principal.arn.clone(), identity.principal.id.clone()),
        };
        identity.principal.session = Some(SessionContext {
            issuer: issuer.0,
            issuer_id: issuer.1,
            created: session.issued,
            mfa: false,
            web: session.vouched.as_ref().and_then(Vouched::federation),
        });
        identity.tags = overlaid(&identity.tags, &session.tags);
        let goes_on = |tag: &&Tag| session.transitive.iter().any(|key| key.to_lowercase() == tag.key.to_lowercase());
        identity.transitive_tags = pairs(session.tags.iter().filter(goes_on).cloned().collect());
        (identity.session, identity.scope) = self.scope(account, session.policies.as_ref()).await?;
        identity.claims = session.vouched.as_ref().map(|vouched| vouched.keys.as_slice().into()).unwrap_or_default();
        Ok(identity)
    }

    /// The identity of the user behind a session; its deletion ends the session. Root for `None`.
    async fn session_user(self, account: &AccountId, id: Option<&str>, access_key_id: &str) -> Result<Identity, Error> {
        let Some(id) = id else { return Ok(Identity::bare(Principal::root(account, access_key_id))) };
        let user = self.live_user(account, id).await?.ok_or(Error::InvalidToken)?;
        self.user_identity(account, user, access_key_id).await
    }

    pub(crate) async fn role_identity(
        self,
        account: &AccountId,
        role: RoleRecord,
        session_name: &str,
        access_key_id: &str,
    ) -> Result<Identity, Error> {
        let principal = Principal {
            account: account.clone(),
            arn: arqueta_model::Arn::new(
                "sts",
                "",
                account.as_str(),
                &format!("assumed-role/{}/{session_name}", role.name),
            ),
            id: format!("{}:{session_name}", role.id),
            kind: PrincipalKind::AssumedRole,
            access_key_id: access_key_id.to_owned(),
            session: Some(SessionContext {
                issuer: role.arn(account),
                issuer_id: role.id.clone(),
                created: role.created,
                mfa: false,
                web: None,
            }),
        };
        Ok(Identity {
            policies: self.granted(account, &role.grants).await?.into(),
            boundary: self.boundary(account, role.boundary.as_deref()).await?,
            tags: pairs(role.tags),
            ..Identity::bare(principal)
        })
    }

    /// Session policies. One that is gone voids the session: it may have been the one that denied.
    async fn scope(
        self,
        account: &AccountId,
        policies: Option<&SessionPolicies>,
    ) -> Result<(Option<Arc<[Arc<Policy>]>>, ScopeDigest), Error> {
        let Some(policies) = policies else { return Ok((None, ScopeDigest::default())) };
        let mut parsed = Vec::new();
        if let Some(document) = &policies.inline {
            parsed.push(stored(document, PolicyKind::Session, "session policy")?);
        }
        for arn in &policies.arns {
            let document = Policies::over(self.state).document(account, arn).await?.ok_or(Error::InvalidToken)?;
            parsed.push(stored(&document, PolicyKind::Identity, arn)?);
        }
        Ok((Some(parsed.into()), policies.digest()))
    }

    pub(crate) async fn granted(self, account: &AccountId, grants: &Grants) -> Result<Vec<Arc<Policy>>, Error> {
        let mut policies = Vec::with_capacity(grants.inline.len() + grants.attached.len());
        for (name, document) in &grants.inline {
            policies.push(stored(document, PolicyKind::Identity, name)?);
        }
        for arn in &grants.attached {
            policies.push(self.attached(account, arn).await?);
        }
        Ok(policies)
    }

    async fn boundary(self, account: &AccountId, arn: Option<&str>) -> Result<Option<Arc<Policy>>, Error> {
        match arn {
            Some(arn) => Ok(Some(self.attached(account, arn).await?)),
            None => Ok(None),
        }
    }

    /// A managed policy that something refers to. Without it nothing is decided: it may deny.
    async fn attached(self, account: &AccountId, arn: &str) -> Result<Arc<Policy>, Error> {
        let document = Policies::over(self.state).document(account, arn).await?;
        stored(&document.ok_or_else(|| Error::Damaged { what: format!("policy {arn}") })?, PolicyKind::Identity, arn)
    }
}

/// A policy that was valid when it was stored.
fn stored(document: &str, kind: PolicyKind, name: &str) -> Result<Arc<Policy>, Error> {
    Policy::parse(document, kind).map(Arc::new).map_err(|_| Error::Damaged { what: format!("policy {name}") })
}

/// The federated user that `issuer` vouches for.
fn federated(issuer: Identity, name: &str) -> Identity {
    let Principal { account, arn, id, access_key_id, kind, .. } = issuer.principal;
    let policies = match kind {
        // The root user has every permission without a policy that says so; whoever it vouches
        // for needs one to be limited from.
        PrincipalKind::Root => everything(),
        _ => issuer.policies,
    };
    let principal = Principal {
        arn: arqueta_model::Arn::new("sts", "", account.as_str(), &format!("federated-user/{name}")),
        id: format!("{account}:{name}"),
        kind: PrincipalKind::FederatedUser,
        access_key_id,
        session: Some(SessionContext {
            issuer: arn,
            issuer_id: id,
            created: Timestamp::from_millis(0),
            mfa: false,
            web: None,
        }),
        account,
    };
    Identity { principal, policies, ..issuer }
}

fn everything() -> Arc<[Arc<Policy>]> {
    let document = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let policy = Policy::parse(document, PolicyKind::Identity).expect("a constant that a test parses");
    Arc::new([Arc::new(policy)])
}

fn pairs(tags: Vec<Tag>) -> Arc<[(String, String)]> {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

/// Session tags in place of the identity's tags of equal keys.
fn overlaid(own: &[(String, String)], session: &[Tag]) -> Arc<[(String, String)]> {
    let replaced = |key: &str| session.iter().any(|tag| tag.key.to_lowercase() == key.to_lowercase());
    let kept = own.iter().filter(|(key, _)| !replaced(key)).cloned();
    kept.chain(session.iter().map(|tag| (tag.key.clone(), tag.value.clone()))).collect()
}
