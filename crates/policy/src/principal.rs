//! The Principal and NotPrincipal elements (IAM User Guide, "AWS JSON policy elements: Principal"
//! and "NotPrincipal").

use arqueta_model::PrincipalKind;

use crate::ParseError;
use crate::effect::Effect;
use crate::json::Json;
use crate::keys::Environment;

/// How close a principal element comes to the principal of a request. Each kind of grant obeys
/// different limits, so the order matters: a later one is limited by less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// Does not name it.
    None,
    /// Names its account, which passes the decision on to the account's identity-based policies.
    Account,
    /// Names the role or user behind its session: boundary and session policies still limit it.
    Issuer,
    /// Names exactly it, or everyone: nothing but an explicit deny limits it in its own account.
    Direct,
}

/// Which principals a statement is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PrincipalClause {
    /// NotPrincipal.
    inverted: bool,
    entries: Box<[Entry]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    /// `"*"`: everyone, services and anonymous callers too.
    Everyone,
    /// `{"AWS": "*"}`: everyone but services.
    EveryoneAws,
    Account(Box<str>),
    /// A user, role or federated user.
    Arn(Box<str>),
    /// One session of a role.
    SessionArn(Box<str>),
    /// `AIDA…`, `AROA…` or `AROA…:session`.
    Id(Box<str>),
    Service(Box<str>),
    Federated(Box<str>),
    Canonical(Box<str>),
}

/// A principal as a policy names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrincipalName<'a> {
    /// `*`, with or without `AWS`.
    Everyone,
    /// A twelve-digit account.
    Account(&'a str),
    /// The ARN of a user, role or federated user.
    Identity(&'a str),
    /// The ARN of one session of a role.
    Session(&'a str),
    /// The unique id of a user or role, or of one session of a role: `AROA…:session`.
    UniqueId(&'a str),
    /// A service such as `cloudtrail.amazonaws.com`.
    Service(&'a str),
    /// An identity provider.
    Federated(&'a str),
    /// The canonical user id of an account.
    CanonicalUser(&'a str),
}

impl<'a> PrincipalName<'a> {
    /// Whom a value of the principal type `AWS` names; `None` if it can be nobody.
    #[must_use]
    pub fn of_aws(text: &'a str) -> Option<Self> {
        let is_account = |text: &str| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
        if text == "*" {
            return Some(Self::Everyone);
        }
        if is_account(text) {
            return Some(Self::Account(text));
        }
        if is_unique_id(text) {
            return Some(Self::UniqueId(text));
        }
        if text.contains(['*', '?']) || !text.starts_with("arn:aws:") {
            return None;
        }
        let mut fields = text.splitn(6, ':').skip(2);
        let (service, region, account, resource) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        if !is_account(account) || !region.is_empty() {
            return None;
        }
        let (kind, name) = resource.split_once('/').unwrap_or((resource, ""));
        match (service, kind) {
            ("iam", "root") if name.is_empty() => Some(Self::Account(account)),
            ("iam", "user" | "role") | ("sts", "federated-user") if !name.is_empty() => Some(Self::Identity(text)),
            ("sts", "assumed-role") if name.contains('/') => Some(Self::Session(text)),
            _ => None,
        }
    }
}

/// `AIDA…`, `AROA…`, or `AROA…:session` for one session of a role, which is how a session that a
/// policy names is stored.
fn is_unique_id(text: &str) -> bool {
    let (id, session) = match text.split_once(':') {
        Some((id, session)) => (id, Some(session)),
        None => (text, None),
    };
    let fits = (16..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric());
    let named = |session: &str| {
        (1..=64).contains(&session.len())
            && session.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b))
    };
    fits && (id.starts_with("AROA") && session.is_none_or(named) || id.starts_with("AIDA") && session.is_none())
}

impl PrincipalClause {
    /// Everyone that the clause lists.
    pub(crate) fn names(&self) -> impl Iterator<Item = PrincipalName<'_>> {
        self.entries.iter().map(|entry| match entry {
            Entry::Everyone | Entry::EveryoneAws => PrincipalName::Everyone,
            Entry::Account(id) => PrincipalName::Account(id),
            Entry::Arn(arn) => PrincipalName::Identity(arn),
            Entry::SessionArn(arn) => PrincipalName::Session(arn),
            Entry::Id(id) => PrincipalName::UniqueId(id),
            Entry::Service(name) => PrincipalName::Service(name),
            Entry::Federated(name) => PrincipalName::Federated(name),
            Entry::Canonical(id) => PrincipalName::CanonicalUser(id),
        })
    }

    pub(crate) fn parse(value: &Json, inverted: bool) -> Result<Self, ParseError> {
        let mut entries = Vec::new();
        match value {
            Json::Text(text) if text == "*" => entries.push(Entry::Everyone),
            Json::Object(kinds) if !kinds.is_empty() => {
                for (kind, values) in kinds {
                    for text in texts(kind, values)? {
                        entries.push(entry(kind, text)?);
                    }
                }
            }
            other => {
                return Err(invalid(&format!(
                    "write \"*\" or an object such as {{\"AWS\": \"arn:aws:iam::111122223333:root\"}}, found {}",
                    other.noun()
                )));
            }
        }
        Ok(Self { inverted, entries: entries.into() })
    }

    /// How close the clause comes to the request's principal under `effect`.
    pub(crate) fn reach(&self, effect: Effect, env: &Environment<'_>) -> Reach {
        match (self.inverted, effect) {
            (false, _) => self.entries.iter().map(|entry| entry.reach(env)).max().unwrap_or(Reach::None),
            (true, Effect::Allow) => {
                let listed = self.entries.iter().any(|entry| entry.reach(env) > Reach::None);
                if listed { Reach::None } else { Reach::Direct }
            }
            (true, Effect::Deny) => {
                if self.spares(env) {
                    Reach::None
                } else {
                    Reach::Direct
                }
            }
        }
    }

    /// Whether a Deny with NotPrincipal leaves the principal alone: every level of it must be
    /// listed, account, then role, then session.
    fn spares(&self, env: &Environment<'_>) -> bool {
        let reaches = |wanted: Reach| self.entries.iter().any(|entry| entry.reach(env) == wanted);
        match env.who.principal.kind {
            PrincipalKind::Root | PrincipalKind::Service | PrincipalKind::Anonymous => reaches(Reach::Direct),
            PrincipalKind::User => self.is_everyone() || reaches(Reach::Direct) && reaches(Reach::Account),
            PrincipalKind::AssumedRole | PrincipalKind::FederatedUser => {
                self.is_everyone() || reaches(Reach::Direct) && reaches(Reach::Issuer) && reaches(Reach::Account)
            }
        }
    }

    fn is_everyone(&self) -> bool {
        self.entries.iter().any(|entry| matches!(entry, Entry::Everyone | Entry::EveryoneAws))
    }

    /// Whether the clause lets an open set of principals in.
    pub(crate) fn is_open(&self) -> bool {
        self.inverted || self.is_everyone()
    }
}

impl Entry {
    /// The entry of a principal of type `AWS`.
    fn of(name: PrincipalName<'_>) -> Self {
        match name {
            PrincipalName::Everyone => Self::EveryoneAws,
            PrincipalName::Account(id) => Self::Account(id.into()),
            PrincipalName::Identity(arn) => Self::Arn(arn.into()),
            PrincipalName::Session(arn) => Self::SessionArn(arn.into()),
            PrincipalName::UniqueId(id) => Self::Id(id.into()),
            PrincipalName::Service(name) => Self::Service(name.into()),
            PrincipalName::Federated(name) => Self::Federated(name.into()),
            PrincipalName::CanonicalUser(id) => Self::Canonical(id.into()),
        }
    }

    fn reach(&self, env: &Environment<'_>) -> Reach {
        let principal = env.who.principal;
        let direct = |is: bool| if is { Reach::Direct } else { Reach::None };
        match (self, principal.kind) {
            (Self::Everyone, _) => return Reach::Direct,
            (Self::EveryoneAws, kind) => return direct(kind != PrincipalKind::Service),
            (Self::Service(name), kind) => return direct(kind == PrincipalKind::Service && **name == *principal.id),
            (Self::Federated(name), _) => return direct(env.who.provider == Some(&**name)),
            (_, PrincipalKind::Service | PrincipalKind::Anonymous) => return Reach::None,
            _ => {}
        }
        let issuer = principal.session.as_ref().filter(|_| principal.kind != PrincipalKind::User);
        let of_account = |is: bool| match (is, principal.kind) {
            (false, _) => Reach::None,
            (true, PrincipalKind::Root) => Reach::Direct,
            (true, _) => Reach::Account,
        };
        match self {
            Self::Account(account) => of_account(**account == *principal.account.as_str()),
            Self::Canonical(id) => of_account(**id == *principal.account.canonical_user_id()),
            Self::Arn(arn) if issuer.is_some_and(|session| session.issuer.as_str() == &**arn) => Reach::Issuer,
            Self::Arn(arn) => direct(principal.arn.as_str() == &**arn),
            Self::SessionArn(arn) => direct(principal.arn.as_str() == &**arn),
            Self::Id(id) if issuer.is_some_and(|session| session.issuer_id == **id) => Reach::Issuer,
            Self::Id(id) => direct(principal.id == **id),
            Self::Everyone | Self::EveryoneAws | Self::Service(_) | Self::Federated(_) => Reach::None,
        }
    }
}

fn entry(kind: &str, text: &str) -> Result<Entry, ParseError> {
    let plain = !text.is_empty() && !text.contains(['*', '?', ' ']);
    match kind {
        "AWS" => aws(text),
        "Service" if plain && text.contains('.') => Ok(Entry::Service(text.into())),
        "Service" => Err(invalid(&format!("{text:?} is not a service such as \"cloudtrail.amazonaws.com\""))),
        "Federated" if plain => Ok(Entry::Federated(text.into())),
        "Federated" => Err(invalid(&format!("{text:?} does not name an identity provider"))),
        "CanonicalUser" if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) => {
            Ok(Entry::Canonical(text.to_ascii_lowercase().into()))
        }
        "CanonicalUser" => Err(invalid("a canonical user id is 64 hexadecimal digits")),
        _ => Err(invalid(&format!("unknown kind {kind:?}; use AWS, Service, Federated or CanonicalUser"))),
    }
}

fn aws(text: &str) -> Result<Entry, ParseError> {
    match PrincipalName::of_aws(text) {
        Some(name) => Ok(Entry::of(name)),
        None if text.contains(['*', '?']) => Err(invalid(&format!(
            "{text:?}: wildcards cannot stand for part of a name or ARN; use \"*\" with a condition on aws:PrincipalArn"
        ))),
        None => Err(invalid(&format!("{text:?} is not an account id or the ARN of an account, user, role or session"))),
    }
}

fn texts<'a>(kind: &str, value: &'a Json) -> Result<Vec<&'a str>, ParseError> {
    let wrong = || invalid(&format!("{kind} must hold a string or a non-empty list of strings"));
    match value {
        Json::Text(text) => Ok(vec![text]),
        Json::List(items) if !items.is_empty() => items
            .iter()
            .map(|item| match item {
                Json::Text(text) => Ok(text.as_str()),
                _ => Err(wrong()),
            })
            .collect(),
        _ => Err(wrong()),
    }
}

fn invalid(what: &str) -> ParseError {
    ParseError::malformed(format!("Invalid principal in policy: {what}."))
}
