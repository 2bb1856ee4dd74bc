//! From the names that callers use to keys.

use std::sync::Arc;

use arqueta_kms::{Caller, Error};
use arqueta_model::{AccountId, Arn, KeyArn, PrincipalKind};

use crate::key::Key;
use crate::key::id::is_multi_region_id;
use crate::own::managed::managed_s3;
use crate::schema::AWS_S3;
use crate::state::turn::Turn;
use crate::{Embedded, limits};

/// Which kinds of names an operation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// Key id and key ARN.
    Keys,
    /// Those, and alias name and alias ARN.
    Aliases,
}

/// What a name stands for.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// `None` only for names of other accounts: their holder is told nothing.
    pub(crate) key: Option<Arc<Key>>,
    /// The ARN to speak of: the key's, or for another account's key exactly what was asked for.
    pub(crate) named: String,
    /// The alias that was used.
    pub(crate) alias: Option<String>,
}

impl Target {
    pub(crate) fn of(key: Arc<Key>) -> Self {
        Self { named: key.arn.as_str().to_owned(), key: Some(key), alias: None }
    }

    /// The account that the name points to.
    pub(crate) fn account(&self) -> AccountId {
        let named = self.named.parse::<Arn>().ok().and_then(|arn| arn.account().parse().ok());
        named.expect("targets are named by ARNs with an account")
    }
}

/// A name, taken apart.
struct Name<'a> {
    account: AccountId,
    kind: Kind<'a>,
    /// As an ARN.
    arn: String,
}

enum Kind<'a> {
    Key(&'a str),
    Alias(&'a str),
}

/// Finds the key that a caller names. Says nothing about permission yet.
///
/// # Errors
/// [`Error::NotFound`] for names within the caller's account, malformed ones and other regions.
pub(crate) async fn resolve(
    service: &Embedded,
    caller: &Caller,
    name: &str,
    names: Names,
    member: &str,
) -> Result<Target, Error> {
    limits::key_id(name, member)?;
    service.up_to_date().await?;
    if names == Names::Keys {
        return resolve_key(service, caller, name, member);
    }
    let parsed = parse_name(service, caller, name)?;
    let own = &caller.identity.principal.account;
    if caller.identity.principal.kind == PrincipalKind::Anonymous {
        // Belongs to no account: no key is its own, and none is made for it.
        return Ok(Target { key: None, named: parsed.arn, alias: None });
    }
    let (key, alias) = match parsed.kind {
        Kind::Alias(AWS_S3) if parsed.account == *own => {
            (Some(managed_s3(service, own).await?), Some(AWS_S3.to_owned()))
        }
        Kind::Alias(alias) => (find_alias(service, &parsed.account, alias), Some(alias.to_owned())),
        Kind::Key(id) => (find_key(service, &parsed.account, id), None),
    };
    target_of(name, parsed, key, alias, own)
}

/// As [`resolve`] for [`Names::Keys`], in the directory as it is: for who has a turn.
///
/// # Errors
/// As [`resolve`].
pub(crate) fn resolve_key(service: &Embedded, caller: &Caller, name: &str, member: &str) -> Result<Target, Error> {
    limits::key_id(name, member)?;
    let parsed = parse_name(service, caller, name)?;
    if caller.identity.principal.kind == PrincipalKind::Anonymous {
        return Ok(Target { key: None, named: parsed.arn, alias: None });
    }
    let key = match parsed.kind {
        Kind::Alias(_) => return Err(invalid_key_id(name)),
        Kind::Key(id) => find_key(service, &parsed.account, id),
    };
    target_of(name, parsed, key, None, &caller.identity.principal.account)
}

/// Waits for the right to change the key that a caller names, if it is one.
pub(crate) async fn turn_for(service: &Embedded, caller: &Caller, name: &str) -> Result<Turn, Error> {
    match parse_name(service, caller, name) {
        Ok(Name { account, kind: Kind::Key(id), .. }) => service.turn_of(&account, id).await,
        // What is none is refused as soon as it is looked for.
        _ => service.turn_of(&caller.identity.principal.account, name).await,
    }
}

/// A key that exists for users.
pub(crate) fn find_key(service: &Embedded, account: &AccountId, id: &str) -> Option<Arc<Key>> {
    find_any(service, account, id).filter(|key| !key.is_owned())
}

/// A key, the service's own included.
pub(crate) fn find_any(service: &Embedded, account: &AccountId, id: &str) -> Option<Arc<Key>> {
    let now = service.state.clock.now();
    let key = service.state.directory().key(account, id).filter(|key| !key.is_gone(now)).cloned()?;
    Some(key.at(now))
}

fn find_alias(service: &Embedded, account: &AccountId, name: &str) -> Option<Arc<Key>> {
    let target = service.state.directory().alias(account, name).map(|alias| alias.target.clone())?;
    find_key(service, account, &target)
}

fn parse_name<'a>(service: &Embedded, caller: &Caller, name: &'a str) -> Result<Name<'a>, Error> {
    let region = &service.state.region;
    let arn_of =
        |account: &AccountId, resource: &str| Arn::new("kms", region.as_str(), account.as_str(), resource).into();
    if !name.starts_with("arn:") {
        let account = caller.identity.principal.account.clone();
        return Ok(if name.starts_with("alias/") {
            Name { arn: arn_of(&account, name), account, kind: Kind::Alias(name) }
        } else {
            Name { arn: arn_of(&account, &format!("key/{name}")), account, kind: Kind::Key(name) }
        });
    }
    let not_found = |message: String| Error::NotFound { message };
    let arn: Arn = name.parse().map_err(|_| not_found(format!("Invalid arn {name}")))?;
    if arn.service() != "kms" || !name.starts_with("arn:aws:") {
        return Err(not_found(format!("Invalid arn {name}")));
    }
    if arn.region() != region.as_str() {
        return Err(not_found(format!("Invalid arn {}", arn.region())));
    }
    let account: AccountId = arn.account().parse().map_err(|_| not_found(format!("Invalid arn {name}")))?;
    // The resource is the rest of the text behind the fifth colon.
    let resource = &name[name.len() - arn.resource().len()..];
    let kind = match resource.strip_prefix("key/") {
        Some(id) => Kind::Key(id),
        None if resource.starts_with("alias/") => Kind::Alias(resource),
        None => return Err(not_found(format!("Invalid arn {name}"))),
    };
    Ok(Name { account, kind, arn: name.to_owned() })
}

fn target_of(
    name: &str,
    parsed: Name<'_>,
    key: Option<Arc<Key>>,
    alias: Option<String>,
    own: &AccountId,
) -> Result<Target, Error> {
    if parsed.account != *own {
        return Ok(Target { key, named: parsed.arn, alias });
    }
    match key {
        Some(key) => Ok(Target { named: key.arn.as_str().to_owned(), key: Some(key), alias }),
        None => Err(not_found(name, &parsed)),
    }
}

/// The KMS API's answer to a key id that cannot be one.
pub(crate) fn invalid_key_id(name: &str) -> Error {
    Error::NotFound { message: format!("Invalid keyId '{name}'") }
}

/// The KMS API's answer to a key that is not there.
pub(crate) fn no_such_key(arn: &str) -> Error {
    Error::NotFound { message: format!("Key '{arn}' does not exist") }
}

/// Whether a key id is one as the service makes them: with its four hyphens.
fn is_uuid(id: &str) -> bool {
    id.len() == 36 && uuid::Uuid::try_parse(id).is_ok()
}

fn not_found(name: &str, parsed: &Name<'_>) -> Error {
    match parsed.kind {
        Kind::Alias(_) => Error::NotFound { message: format!("Alias {} is not found.", parsed.arn) },
        Kind::Key(id) if name.starts_with("arn:") || is_uuid(id) || is_multi_region_id(id) => no_such_key(&parsed.arn),
        Kind::Key(_) => invalid_key_id(name),
    }
}

impl Key {
    /// Whether `arn` names this key.
    pub(crate) fn is(&self, arn: &KeyArn) -> bool {
        self.arn == *arn
    }
}
