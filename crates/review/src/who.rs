//! Principal after principal.

use std::collections::BTreeSet;
use std::sync::Arc;

use arqueta_iam::{Error, Identity, Met, People, Person};
use arqueta_model::{AccountId, Arn, Clock, Principal, PrincipalKind, SessionContext, Timestamp};
use arqueta_policy::{Outlook, PrincipalName};
use arqueta_store::MetaStore;
use serde::Serialize;

use crate::ask::Ask;
use crate::finding::{Finding, May};
use crate::search::{Ended, Purse, Search, foresee_all};

/// Principals looked at between two turns of other tasks.
const TURN: u64 = 64;

/// What a review found beside the findings, which are told as they come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    /// Principals that were looked at.
    pub principals: u64,
    /// Who may, or cannot be ruled out.
    pub may: u64,
    /// Users and roles whose policies cannot be read: they are refused everything until they can.
    pub unreadable: Vec<String>,
}

/// Holds everybody in `meta` against what all of `asks` ask together, and tells of each who may. Users and roles are
/// read chunk by chunk.
///
/// # Errors
/// Failures of the store.
pub async fn who_can<E: From<Error>>(
    meta: Arc<dyn MetaStore>,
    clock: Arc<dyn Clock>,
    asks: &[Ask],
    mut tell: impl FnMut(Finding) -> Result<(), E>,
) -> Result<Review, E> {
    let mut people = People::of(meta, clock).await?;
    let mut purse = Purse::full();
    let mut review = Review::default();
    let accounts: BTreeSet<AccountId> = people.accounts().cloned().collect();
    let named = Named::by(asks, &accounts);
    for person in named.outsiders() {
        review.look(asks, &person, true, &mut purse, &mut tell)?;
    }
    while let Some(met) = people.next().await? {
        let person = match met {
            Met::Person(person) => person,
            Met::Unreadable(name) => {
                review.unreadable.push(name);
                continue;
            }
        };
        review.look(asks, &person, false, &mut purse, &mut tell)?;
        for session in named.sessions_of(&person) {
            review.look(asks, &session, true, &mut purse, &mut tell)?;
        }
        if review.principals.is_multiple_of(TURN) {
            // Nothing here waits long for anything, so nothing else would run until the end.
            tokio::task::yield_now().await;
        }
    }
    Ok(review)
}

impl Review {
    fn look<E>(
        &mut self,
        asks: &[Ask],
        person: &Person,
        named: bool,
        purse: &mut Purse,
        tell: &mut impl FnMut(Finding) -> Result<(), E>,
    ) -> Result<(), E> {
        self.principals += 1;
        let (outlook, each, open) = foresee_all(asks, person, purse);
        let may = match outlook {
            Outlook::Never => return Ok(()),
            Outlook::Always => May::Always,
            Outlook::Depends => match Search::new(asks, person, &open).run(purse) {
                Ended::Nothing => return Ok(()),
                Ended::Found(example) => May::Sometimes(example.into_iter().collect()),
                Ended::Undecided => May::Undecided,
            },
        };
        self.may += 1;
        tell(Finding::of(person, named, may, asks, &each))
    }
}

/// Whom policies and grants name that no listing of users and roles has.
struct Named {
    /// Sessions, by ARN or by `AROA…:name`.
    sessions: BTreeSet<String>,
    federated: BTreeSet<String>,
    services: BTreeSet<String>,
    providers: BTreeSet<String>,
    accounts: BTreeSet<AccountId>,
}

impl Named {
    fn by(asks: &[Ask], known: &BTreeSet<AccountId>) -> Self {
        let mut named = Self {
            sessions: BTreeSet::new(),
            federated: BTreeSet::new(),
            services: BTreeSet::new(),
            providers: BTreeSet::new(),
            accounts: BTreeSet::new(),
        };
        let attached = asks.iter().filter_map(|ask| ask.attached.as_ref());
        let statements = attached.flat_map(|attached| attached.policy.statements());
        for name in statements.flat_map(|statement| statement.principals()) {
            named.add(name, known);
        }
        let grantees = asks.iter().flat_map(|ask| &ask.grants).filter_map(|it| PrincipalName::of_aws(&it.grantee));
        grantees.for_each(|name| named.add(name, known));
        named
    }

    fn add(&mut self, name: PrincipalName<'_>, known: &BTreeSet<AccountId>) {
        match name {
            PrincipalName::Session(session) => _ = self.sessions.insert(session.to_owned()),
            PrincipalName::UniqueId(id) if id.contains(':') => _ = self.sessions.insert(id.to_owned()),
            PrincipalName::Identity(arn) if arn.starts_with("arn:aws:sts:") => {
                _ = self.federated.insert(arn.to_owned())
            }
            PrincipalName::Service(service) => _ = self.services.insert(service.to_owned()),
            PrincipalName::Federated(provider) => _ = self.providers.insert(provider.to_owned()),
            PrincipalName::Account(id) => {
                self.accounts.extend(id.parse::<AccountId>().ok().filter(|account| !known.contains(account)));
            }
            PrincipalName::Everyone
            | PrincipalName::UniqueId(_)
            | PrincipalName::Identity(_)
            | PrincipalName::CanonicalUser(_) => {}
        }
    }

    fn sessions_of<'a>(&'a self, person: &'a Person) -> impl Iterator<Item = Person> + 'a {
        let principal = &person.identity.principal;
        let role = principal.arn.resource().split('/').nth(1).unwrap_or_default();
        let by_arn = format!("arn:aws:sts::{}:assumed-role/{role}/", principal.account);
        let by_id = principal.session.as_ref().map(|session| format!("{}:", session.issuer_id));
        let is_role = principal.kind == PrincipalKind::AssumedRole;
        let name = move |session: &String| {
            let by_id = by_id.as_ref().and_then(|prefix| session.strip_prefix(prefix.as_str()));
            by_id.or_else(|| session.strip_prefix(by_arn.as_str())).map(str::to_owned)
        };
        let names: BTreeSet<String> = self.sessions.iter().filter(|_| is_role).filter_map(name).collect();
        names.into_iter().map(|name| person.session(&name))
    }

    /// Who did not sign, services, federated users, and accounts that are not of this gateway.
    fn outsiders(&self) -> Vec<Person> {
        let nobody: AccountId = "000000000000".parse().expect("twelve digits are an account id");
        let of = |kind, arn: &str, account: &AccountId, id: &str, session| {
            let arn = arn.parse().unwrap_or_else(|_| Arn::new("iam", "", account.as_str(), "unknown"));
            let principal = Principal {
                account: account.clone(),
                arn,
                id: id.to_owned(),
                kind,
                access_key_id: String::new(),
                session,
            };
            bare(Identity::bare(principal))
        };
        let outside = |kind, id: &str| of(kind, &format!("arn:aws:iam::{nobody}:service/{id}"), &nobody, id, None);
        let mut all = vec![outside(PrincipalKind::Anonymous, "anonymous")];
        for provider in &self.providers {
            let mut person = outside(PrincipalKind::Anonymous, "anonymous");
            person.identity.provider = Some(provider.as_str().into());
            all.push(person);
        }
        all.extend(self.services.iter().map(|service| outside(PrincipalKind::Service, service)));
        for arn in &self.federated {
            let Some(account) = arn.parse::<Arn>().ok().and_then(|arn| arn.account().parse::<AccountId>().ok()) else {
                continue;
            };
            let issuer = Arn::new("iam", "", account.as_str(), "root");
            let (created, issuer_id) = (Timestamp::from_millis(0), account.to_string());
            let session = SessionContext { issuer, issuer_id, created, mfa: false, web: None };
            let name = arn.rsplit('/').next().unwrap_or_default();
            all.push(of(PrincipalKind::FederatedUser, arn, &account, &format!("{account}:{name}"), Some(session)));
        }
        all.extend(self.accounts.iter().map(|account| bare(Identity::bare(Principal::root(account, "")))));
        all
    }
}

fn bare(identity: Identity) -> Person {
    Person { identity, policies: Vec::new(), boundary: None, takes_tags: false }
}
