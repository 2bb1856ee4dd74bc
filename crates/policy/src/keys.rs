//! Condition keys: what a request says about itself, and the one place where the global keys of
//! principals and requests get their values (IAM User Guide, "AWS global condition context keys").

use std::borrow::Cow;
use std::collections::BTreeMap;

use arqueta_model::{AccountId, Arn, Principal, PrincipalKind, Region, RequestInfo, Timestamp};

use crate::glob::Steps;

/// Condition keys of one request beside those of its principal, which the evaluator takes from
/// the [`Identity`](crate::Identity).
///
/// From the [`RequestInfo`]: `aws:SourceIp`, `aws:SecureTransport`, `aws:CurrentTime`,
/// `aws:EpochTime`, `aws:UserAgent`, `aws:ViaAWSService`, `aws:RequestedRegion`,
/// `kms:ViaService`. The service adds its own with [`ConditionKeys::set`], or with
/// [`ConditionKeys::insert`] where their names come with the request.
#[derive(Debug, Clone, Default)]
pub struct ConditionKeys<'a> {
    request: Option<(&'a RequestInfo, &'a Region)>,
    /// By lower-case name: a request may bring thousands.
    own: BTreeMap<Cow<'static, str>, Held<'a>>,
}

/// What a service said of one key.
#[derive(Debug, Clone, Default)]
struct Held<'a> {
    values: Given<'a>,
    /// The only action that has the key.
    action: Option<&'static str>,
}

/// Most keys have one value.
#[derive(Debug, Clone, Default)]
enum Given<'a> {
    #[default]
    Nothing,
    One([Cow<'a, str>; 1]),
    Many(Vec<Cow<'a, str>>),
}

impl<'a> Given<'a> {
    fn push(&mut self, value: Cow<'a, str>) {
        *self = match std::mem::take(self) {
            Self::Nothing => Self::One([value]),
            Self::One([first]) => Self::Many(vec![first, value]),
            Self::Many(mut values) => {
                values.push(value);
                Self::Many(values)
            }
        };
    }

    fn as_slice(&self) -> &[Cow<'a, str>] {
        match self {
            Self::Nothing => &[],
            Self::One(value) => value,
            Self::Many(values) => values,
        }
    }
}

impl<'a> ConditionKeys<'a> {
    /// The keys of a request that `region` serves.
    #[must_use]
    pub fn of_request(request: &'a RequestInfo, region: &'a Region) -> Self {
        Self { request: Some((request, region)), own: BTreeMap::new() }
    }

    /// No request behind the question, as in tests and simulations.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value to a key whose name is known when this is compiled: neither is copied. The
    /// name is in lower case; one given before becomes multivalued.
    pub fn set(&mut self, name: &'static str, value: impl Into<Cow<'a, str>>) {
        debug_assert!(!name.bytes().any(|b| b.is_ascii_uppercase()), "{name}");
        self.own.entry(Cow::Borrowed(name)).or_default().values.push(value.into());
    }

    /// As [`Self::set`], for a key that only decisions about `action` have.
    pub fn set_for(&mut self, action: &'static str, name: &'static str, value: impl Into<Cow<'a, str>>) {
        self.set(name, value);
        self.own.entry(Cow::Borrowed(name)).or_default().action = Some(action);
    }

    /// Adds a value. Names ignore case; a name given before becomes multivalued.
    pub fn insert(&mut self, name: &str, value: impl Into<String>) {
        self.values(name).push(Cow::Owned(value.into()));
    }

    /// Whether the service gave the key, named in lower case, this one value and no other.
    #[must_use]
    pub fn is_only(&self, name: &str, value: &str) -> bool {
        self.own.get(name).is_some_and(|held| matches!(held.values.as_slice(), [only] if only == value))
    }

    /// Takes a key away: it says nothing of what is decided now. Names ignore case.
    pub fn remove(&mut self, name: &str) {
        self.own.remove(name.to_lowercase().as_str());
    }

    /// Adds a multivalued key such as `aws:TagKeys`; no values at all count as absent.
    pub fn insert_all(&mut self, name: &str, values: impl IntoIterator<Item = impl Into<String>>) {
        let into = self.values(name);
        values.into_iter().for_each(|value| into.push(Cow::Owned(value.into())));
    }

    /// As [`Self::insert`], for building in one expression.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.insert(name, value);
        self
    }

    fn values(&mut self, name: &str) -> &mut Given<'a> {
        &mut self.own.entry(Cow::Owned(name.to_lowercase())).or_default().values
    }
}

/// The value of a key in one request.
#[derive(Debug)]
pub(crate) enum Values<'a> {
    Missing,
    One(Cow<'a, str>),
    Many(&'a [Cow<'a, str>]),
    Several(Vec<&'a str>),
}

impl Values<'_> {
    /// The value, if there is exactly one.
    pub(crate) fn single(&self) -> Option<&str> {
        match self {
            Self::One(value) => Some(value),
            Self::Many([value]) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let (one, many, several): (Option<&str>, &[Cow<'_, str>], &[&str]) = match self {
            Self::Missing => (None, &[], &[]),
            Self::One(value) => (Some(value), &[], &[]),
            Self::Many(values) => (None, values, &[]),
            Self::Several(values) => (None, &[], values),
        };
        one.into_iter().chain(many.iter().map(AsRef::as_ref)).chain(several.iter().copied())
    }
}

/// A key's name, compiled: lower case, and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    name: Box<str>,
    /// As the policy writes it.
    written: Box<str>,
    global: Global,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Global {
    CurrentTime,
    EpochTime,
    SourceIp,
    SecureTransport,
    UserAgent,
    ViaAwsService,
    KmsViaService,
    RequestedRegion,
    ResourceAccount,
    UserName,
    UserId,
    PrincipalArn,
    PrincipalAccount,
    PrincipalType,
    PrincipalIsAwsService,
    PrincipalServiceName,
    PrincipalTag(Box<str>),
    TokenIssueTime,
    MfaPresent,
    MfaAge,
    FederatedProvider,
    /// A key of the service.
    Other,
}

impl Key {
    pub(crate) fn parse(name: &str) -> Self {
        let lower = name.to_lowercase();
        let global = match lower.as_str() {
            "aws:currenttime" => Global::CurrentTime,
            "aws:epochtime" => Global::EpochTime,
            "aws:sourceip" => Global::SourceIp,
            "aws:securetransport" => Global::SecureTransport,
            "aws:useragent" => Global::UserAgent,
            "aws:viaawsservice" => Global::ViaAwsService,
            "kms:viaservice" => Global::KmsViaService,
            "aws:requestedregion" => Global::RequestedRegion,
            "aws:resourceaccount" | "s3:resourceaccount" => Global::ResourceAccount,
            "aws:username" => Global::UserName,
            "aws:userid" => Global::UserId,
            "aws:principalarn" => Global::PrincipalArn,
            "aws:principalaccount" => Global::PrincipalAccount,
            "aws:principaltype" => Global::PrincipalType,
            "aws:principalisawsservice" => Global::PrincipalIsAwsService,
            "aws:principalservicename" | "aws:principalservicenameslist" => Global::PrincipalServiceName,
            "aws:tokenissuetime" => Global::TokenIssueTime,
            "aws:multifactorauthpresent" => Global::MfaPresent,
            "aws:multifactorauthage" => Global::MfaAge,
            "aws:federatedprovider" => Global::FederatedProvider,
            other => match other.strip_prefix("aws:principaltag/") {
                Some(tag) => Global::PrincipalTag(tag.into()),
                None => Global::Other,
            },
        };
        Self { name: lower.into(), written: name.into(), global }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn written(&self) -> &str {
        &self.written
    }
}

/// What condition keys tell of an identity: all of it but its policies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Who<'a> {
    pub(crate) principal: &'a Principal,
    pub(crate) tags: &'a [(String, String)],
    pub(crate) provider: Option<&'a str>,
    pub(crate) claims: &'a [(String, String)],
}

/// Everything that one evaluation can ask about, and what it costs.
#[derive(Debug)]
pub(crate) struct Environment<'a> {
    pub(crate) who: Who<'a>,
    pub(crate) keys: &'a ConditionKeys<'a>,
    /// What is decided.
    pub(crate) action: &'a str,
    /// Account that owns the resource.
    pub(crate) owner: &'a AccountId,
    pub(crate) steps: Steps,
}

impl<'a> Environment<'a> {
    /// The values of `key`; those that the service gave come first.
    pub(crate) fn values(&self, key: &Key) -> Values<'a> {
        let own = self.keys.own.get(&*key.name);
        let own = own.filter(|held| held.action.is_none_or(|action| action.eq_ignore_ascii_case(self.action)));
        match own.map(|held| held.values.as_slice()) {
            Some([]) => Values::Missing,
            Some([value]) => Values::One(Cow::Borrowed(value)),
            Some(values) => Values::Many(values),
            None => self.global(&key.global).map_or_else(|| self.claimed(key), Values::One),
        }
    }

    /// A key that an identity provider gave the session.
    fn claimed(&self, key: &Key) -> Values<'a> {
        let claims = self.who.claims;
        if claims.is_empty() {
            return Values::Missing;
        }
        let values: Vec<&'a str> = claims
            .iter()
            .filter(|(name, _)| name.to_lowercase() == *key.name)
            .map(|(_, value)| value.as_str())
            .collect();
        match values.as_slice() {
            [] => Values::Missing,
            [value] => Values::One(Cow::Borrowed(value)),
            _ => Values::Several(values),
        }
    }

    fn global(&self, global: &Global) -> Option<Cow<'a, str>> {
        match global {
            Global::UserName
            | Global::UserId
            | Global::PrincipalArn
            | Global::PrincipalAccount
            | Global::PrincipalType
            | Global::PrincipalIsAwsService
            | Global::PrincipalServiceName
            | Global::PrincipalTag(_)
            | Global::TokenIssueTime
            | Global::MfaPresent
            | Global::MfaAge
            | Global::FederatedProvider => self.principal_key(global),
            Global::ResourceAccount => Some(self.owner.as_str().into()),
            _ => self.request_key(global),
        }
    }

    fn request_key(&self, global: &Global) -> Option<Cow<'a, str>> {
        let (request, region) = self.keys.request?;
        match global {
            Global::RequestedRegion => return Some(region.as_str().into()),
            // Part of who is asking: a service's call on behalf of a principal is asked about apart.
            Global::ViaAwsService => return Some(boolean(request.via_service.is_some())),
            Global::KmsViaService => return request.via_service.as_deref().map(Cow::Borrowed),
            _ => {}
        }
        Some(match global {
            Global::CurrentTime => request.received.rfc3339().into(),
            Global::EpochTime => request.received.seconds().to_string().into(),
            Global::SourceIp => request.source_ip.to_canonical().to_string().into(),
            Global::SecureTransport => boolean(request.secure_transport),
            Global::UserAgent => Cow::Borrowed(&*request.user_agent),
            _ => return None,
        })
    }

    fn principal_key(&self, global: &Global) -> Option<Cow<'a, str>> {
        let principal = self.who.principal;
        let known = principal.kind != PrincipalKind::Anonymous;
        match global {
            Global::UserName => (principal.kind == PrincipalKind::User).then(|| last_segment(&principal.arn).into()),
            Global::PrincipalArn => known.then(|| principal.identity_arn().as_str().into()),
            Global::PrincipalAccount => known.then(|| principal.account.as_str().into()),
            Global::PrincipalType => principal_type(principal.kind).map(Cow::Borrowed),
            Global::PrincipalIsAwsService => Some(boolean(principal.kind == PrincipalKind::Service)),
            Global::PrincipalServiceName => {
                (principal.kind == PrincipalKind::Service).then(|| principal.id.as_str().into())
            }
            Global::FederatedProvider => self.who.provider.map(Cow::Borrowed),
            Global::UserId => Some(if known { principal.id.as_str().into() } else { ANONYMOUS.into() }),
            Global::PrincipalTag(name) => {
                let tag = self.who.tags.iter().find(|(key, _)| key.to_lowercase() == **name);
                tag.map(|(_, value)| value.as_str().into())
            }
            _ => self.session_key(global),
        }
    }

    /// Keys that only temporary credentials have.
    fn session_key(&self, global: &Global) -> Option<Cow<'a, str>> {
        let session = self.who.principal.session.as_ref()?;
        match global {
            Global::TokenIssueTime => Some(session.created.rfc3339().into()),
            Global::MfaPresent => Some(boolean(session.mfa)),
            Global::MfaAge if session.mfa => {
                let (request, _) = self.keys.request?;
                Some(age(session.created, request.received).into())
            }
            _ => None,
        }
    }
}

/// `aws:userid` of a request that nobody signed.
pub(crate) const ANONYMOUS: &str = "anonymous";

fn age(since: Timestamp, now: Timestamp) -> String {
    now.since(since).as_secs().to_string()
}

fn boolean(value: bool) -> Cow<'static, str> {
    Cow::Borrowed(if value { "true" } else { "false" })
}

fn last_segment(arn: &Arn) -> &str {
    arn.resource().rsplit('/').next().unwrap_or_default()
}

fn principal_type(kind: PrincipalKind) -> Option<&'static str> {
    match kind {
        PrincipalKind::Root => Some("Account"),
        PrincipalKind::User => Some("User"),
        PrincipalKind::AssumedRole => Some("AssumedRole"),
        PrincipalKind::FederatedUser => Some("FederatedUser"),
        PrincipalKind::Anonymous => Some("Anonymous"),
        PrincipalKind::Service => None,
    }
}
