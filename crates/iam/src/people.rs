//! Everybody that there is, one after the other, with all that grants them something: for reviews of
//! access, which ask about each what a request would be answered.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use arqueta_model::{AccountId, Clock, Principal};
use arqueta_policy::{Effect, Identity, Policy, PolicyKind, Statement};
use arqueta_store::MetaStore;
use zeroize::Zeroizing;

use crate::credential::Authentication;
use crate::policies::Policies;
use crate::record::{Grants, GroupRecord, RoleRecord, UserRecord};
use crate::state::State;
use crate::sts::role_named;
use crate::{Error, SecretSealer};

/// Records read at a time.
const CHUNK: usize = 256;
/// What stands for the name of a session of a role that nobody has named.
const SESSION: &str = "any";

/// A policy that somebody holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldPolicy {
    /// Name of an inline policy, ARN of a managed one.
    pub name: String,
    /// The group that holds it.
    pub group: Option<String>,
    /// Its text.
    pub document: Arc<str>,
}

/// Somebody, and the policies behind the [`Identity`] in the same order.
#[derive(Debug, Clone)]
pub struct Person {
    /// Whom requests act as; of a role, one session of no particular name.
    pub identity: Identity,
    /// Inline and managed policies.
    pub policies: Vec<HeldPolicy>,
    /// The permissions boundary.
    pub boundary: Option<HeldPolicy>,
    /// Whether whoever assumes the role may bring tags for the session.
    pub takes_tags: bool,
}

/// What is met.
#[derive(Debug, Clone)]
pub enum Met {
    /// Somebody.
    Person(Box<Person>),
    /// A user or role whose policies cannot all be read: it is refused everything until they can. Its ARN, or
    /// its name where the record itself is damaged.
    Unreadable(String),
}

/// Who is left to be met.
enum Waiting {
    Root,
    User(String, Option<Box<UserRecord>>),
    Role(String, Option<Box<RoleRecord>>),
}

/// Where to read on in an account.
#[derive(Clone)]
enum Next {
    Users(String),
    Roles(String),
    End,
}

/// All accounts of a store: root user, users, roles of each.
pub struct People {
    state: State,
    accounts: VecDeque<AccountId>,
    account: Option<(AccountId, Next)>,
    waiting: VecDeque<Waiting>,
    /// Managed policies and those of groups in the account that were parsed: many hold the same.
    parsed: HashMap<String, (Arc<Policy>, Arc<str>)>,
    groups: HashMap<String, Arc<Vec<Kept>>>,
}

/// A policy, parsed.
type Kept = (Arc<Policy>, HeldPolicy);

/// Nobody's secrets are asked for.
struct NoSecrets;

impl SecretSealer for NoSecrets {
    fn seal(&self, _: &[u8], _: &[u8]) -> Vec<u8> {
        Vec::new()
    }

    fn open(&self, _: &[u8], _: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        None
    }
}

impl People {
    /// Everybody in a store, which is only read.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn of(meta: Arc<dyn MetaStore>, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let state = State::new(meta, clock, Arc::new(NoSecrets), None);
        let accounts = state.directory.accounts().await?.into();
        Ok(Self {
            state,
            accounts,
            account: None,
            waiting: VecDeque::new(),
            parsed: HashMap::new(),
            groups: HashMap::new(),
        })
    }

    /// The accounts that were not entered yet.
    pub fn accounts(&self) -> impl Iterator<Item = &AccountId> {
        self.accounts.iter()
    }

    /// The trust policy of the role with this ARN, as it is stored, and the tags of the role.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn trust(&self, role: &str) -> Result<Option<(String, Vec<(String, String)>)>, Error> {
        let Ok((account, name)) = role_named(role) else { return Ok(None) };
        let found: Option<RoleRecord> = self.state.directory.find(&account, &name).await?;
        let found = found.filter(|found| found.arn(&account).as_str() == role);
        let tags = |role: &RoleRecord| role.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect();
        Ok(found.map(|role| (role.trust.clone(), tags(&role))))
    }

    /// The next one; `None` once all were met.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn next(&mut self) -> Result<Option<Met>, Error> {
        loop {
            if let (Some((account, _)), Some(waiting)) = (&self.account, self.waiting.pop_front()) {
                let account = account.clone();
                return self.meet(&account, waiting).await.map(Some);
            }
            match self.account.take() {
                Some((_, Next::End)) | None => {
                    let Some(account) = self.accounts.pop_front() else { return Ok(None) };
                    self.parsed.clear();
                    self.groups.clear();
                    self.waiting.push_back(Waiting::Root);
                    self.account = Some((account, Next::Users(String::new())));
                }
                Some((account, Next::Users(after))) => {
                    let read = self.state.directory.after::<UserRecord>(&account, &after, CHUNK).await?;
                    let next = match read.last() {
                        Some((name, _)) => Next::Users(name.clone()),
                        None => Next::Roles(String::new()),
                    };
                    self.waiting.extend(read.into_iter().map(|(name, it)| Waiting::User(name, it.map(Box::new))));
                    self.account = Some((account, next));
                }
                Some((account, Next::Roles(after))) => {
                    let read = self.state.directory.after::<RoleRecord>(&account, &after, CHUNK).await?;
                    let next = match read.last() {
                        Some((name, _)) => Next::Roles(name.clone()),
                        None => Next::End,
                    };
                    self.waiting.extend(read.into_iter().map(|(name, it)| Waiting::Role(name, it.map(Box::new))));
                    self.account = Some((account, next));
                }
            }
        }
    }

    async fn meet(&mut self, account: &AccountId, waiting: Waiting) -> Result<Met, Error> {
        let met = match waiting {
            Waiting::Root => {
                let identity = Identity::bare(Principal::root(account, ""));
                let root = Person { identity, policies: Vec::new(), boundary: None, takes_tags: false };
                return Ok(Met::Person(Box::new(root)));
            }
            Waiting::User(name, None) | Waiting::Role(name, None) => return Ok(Met::Unreadable(name)),
            Waiting::User(_, Some(user)) => (user.arn(account), self.user(account, *user).await),
            Waiting::Role(_, Some(role)) => (role.arn(account), self.role(account, *role).await),
        };
        match met {
            (_, Ok(person)) => Ok(Met::Person(Box::new(person))),
            (arn, Err(Error::Damaged { .. } | Error::NoSuchEntity { .. })) => Ok(Met::Unreadable(arn.into())),
            (_, Err(other)) => Err(other),
        }
    }

    async fn user(&mut self, account: &AccountId, user: UserRecord) -> Result<Person, Error> {
        let mut kept = self.granted(account, &user.grants, None).await?;
        for group in &user.groups {
            kept.extend(self.group(account, group).await?.iter().cloned());
        }
        let boundary = self.bound(account, user.boundary.as_deref()).await?;
        let bare = UserRecord { grants: Grants::default(), groups: Default::default(), boundary: None, ..user };
        let identity = Authentication::over(&self.state).user_identity(account, bare, "").await?;
        Ok(person(identity, kept, boundary, false))
    }

    async fn role(&mut self, account: &AccountId, role: RoleRecord) -> Result<Person, Error> {
        let kept = self.granted(account, &role.grants, None).await?;
        let boundary = self.bound(account, role.boundary.as_deref()).await?;
        let takes_tags = takes_tags(&role.trust);
        let bare = RoleRecord { grants: Grants::default(), boundary: None, ..role };
        let identity = Authentication::over(&self.state).role_identity(account, bare, SESSION, "").await?;
        Ok(person(identity, kept, boundary, takes_tags))
    }

    async fn group(&mut self, account: &AccountId, name: &str) -> Result<Arc<Vec<Kept>>, Error> {
        if let Some(known) = self.groups.get(name) {
            return Ok(Arc::clone(known));
        }
        let group: GroupRecord = self.state.existing(account, name).await?;
        let kept = Arc::new(self.granted(account, &group.grants, Some(&group.name)).await?);
        self.groups.insert(name.to_owned(), Arc::clone(&kept));
        Ok(kept)
    }

    async fn granted(&mut self, account: &AccountId, grants: &Grants, group: Option<&str>) -> Result<Vec<Kept>, Error> {
        let group = group.map(str::to_owned);
        let mut kept = Vec::with_capacity(grants.inline.len() + grants.attached.len());
        for (name, document) in &grants.inline {
            let policy = parse(document, name)?;
            let document = document.as_str().into();
            kept.push((policy, HeldPolicy { name: name.clone(), group: group.clone(), document }));
        }
        for arn in &grants.attached {
            let (policy, document) = self.managed(account, arn).await?;
            kept.push((policy, HeldPolicy { name: arn.clone(), group: group.clone(), document }));
        }
        Ok(kept)
    }

    async fn bound(&mut self, account: &AccountId, arn: Option<&str>) -> Result<Option<Kept>, Error> {
        let Some(arn) = arn else { return Ok(None) };
        let (policy, document) = self.managed(account, arn).await?;
        Ok(Some((policy, HeldPolicy { name: arn.to_owned(), group: None, document })))
    }

    /// A managed policy that something refers to.
    async fn managed(&mut self, account: &AccountId, arn: &str) -> Result<(Arc<Policy>, Arc<str>), Error> {
        if let Some(known) = self.parsed.get(arn) {
            return Ok(known.clone());
        }
        let document = Policies::over(&self.state).document(account, arn).await?;
        let document = document.ok_or_else(|| Error::Damaged { what: format!("policy {arn}") })?;
        let known = (parse(&document, arn)?, Arc::from(document));
        self.parsed.insert(arn.to_owned(), known.clone());
        Ok(known)
    }
}

impl Person {
    /// The session `name` of the role that this is a session of.
    #[must_use]
    pub fn session(&self, name: &str) -> Self {
        let mut session = self.clone();
        let principal = &mut session.identity.principal;
        let role = principal.arn.resource().split('/').nth(1).unwrap_or_default().to_owned();
        let resource = format!("assumed-role/{role}/{name}");
        principal.arn = arqueta_model::Arn::new("sts", "", principal.account.as_str(), &resource);
        let id = principal.id.split(':').next().unwrap_or_default();
        principal.id = format!("{id}:{name}");
        session
    }
}

fn person(identity: Identity, kept: Vec<Kept>, boundary: Option<Kept>, takes_tags: bool) -> Person {
    let (parsed, policies): (Vec<_>, Vec<_>) = kept.into_iter().unzip();
    let (limit, boundary) = boundary.map_or((None, None), |(policy, held)| (Some(policy), Some(held)));
    let identity = Identity { policies: parsed.into(), boundary: limit, ..identity };
    Person { identity, policies, boundary, takes_tags }
}

fn parse(document: &str, name: &str) -> Result<Arc<Policy>, Error> {
    let parsed = Policy::parse(document, PolicyKind::Identity);
    parsed.map(Arc::new).map_err(|_| Error::Damaged { what: format!("policy {name}") })
}

/// Whether a trust policy lets anybody bring tags; one that cannot be read lets nobody in.
fn takes_tags(trust: &str) -> bool {
    let lets = |statement: &Statement| {
        let listed = (0..statement.actions().len()).any(|at| statement.pattern_matches(at, "sts:TagSession"));
        statement.effect() == Effect::Allow && listed != statement.is_not_action()
    };
    Policy::parse(trust, PolicyKind::Trust).is_ok_and(|policy| policy.statements().iter().any(lets))
}

impl std::fmt::Debug for People {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("People").field("accounts", &self.accounts.len()).finish_non_exhaustive()
    }
}
