//! What is stored: one record per entity, MessagePack behind a format byte.

use std::collections::{BTreeMap, BTreeSet};

use arqueta_model::{AccountId, Arn, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::names::Tag;

/// First byte of every record.
const FORMAT: u8 = 1;

pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = vec![FORMAT];
    rmp_serde::encode::write_named(&mut bytes, value).expect("plain records of strings and numbers always encode");
    bytes
}

pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Error> {
    let damaged = || Error::Damaged { what: what.to_owned() };
    match bytes.split_first() {
        Some((&FORMAT, rest)) => rmp_serde::from_slice(rest).map_err(|_| damaged()),
        _ => Err(damaged()),
    }
}

/// A record that has a name within an account.
pub(crate) trait Named: Serialize + DeserializeOwned + Send + Sync {
    /// Letter in the key.
    const LETTER: char;
    fn name(&self) -> &str;
    fn path(&self) -> &str;
}

/// Policies of a user, group or role.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Grants {
    /// Documents by name.
    pub(crate) inline: BTreeMap<String, String>,
    /// ARNs.
    pub(crate) attached: BTreeSet<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct UserRecord {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    pub(crate) boundary: Option<String>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) grants: Grants,
    /// Names of groups, as the groups write them.
    pub(crate) groups: BTreeSet<String>,
    /// Access key ids, oldest first.
    pub(crate) access_keys: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct GroupRecord {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    pub(crate) grants: Grants,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RoleRecord {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    /// Trust policy document.
    pub(crate) trust: String,
    pub(crate) description: Option<String>,
    /// Longest session, seconds.
    pub(crate) max_session: u32,
    pub(crate) boundary: Option<String>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) grants: Grants,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VersionRecord {
    pub(crate) document: String,
    pub(crate) created: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PolicyRecord {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    pub(crate) updated: Timestamp,
    pub(crate) description: Option<String>,
    pub(crate) tags: Vec<Tag>,
    /// Number of the default version.
    pub(crate) default: u32,
    /// Number of the next version; numbers are never used again.
    pub(crate) next: u32,
    pub(crate) versions: BTreeMap<u32, VersionRecord>,
}

impl PolicyRecord {
    /// The document in effect.
    pub(crate) fn document(&self) -> Result<&str, Error> {
        let version = self.versions.get(&self.default);
        let damaged = || Error::Damaged { what: format!("policy {} has no default version", self.name) };
        Ok(&version.ok_or_else(damaged)?.document)
    }
}

/// An instance profile.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct InstanceProfileRecord {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) created: Timestamp,
    /// Name of the role in it, which lives as long as it is in it.
    pub(crate) role: Option<String>,
    pub(crate) tags: Vec<Tag>,
}

impl InstanceProfileRecord {
    /// Whether the role is in it; names ignore case.
    pub(crate) fn holds(&self, role: &str) -> bool {
        self.role.as_deref().is_some_and(|held| held.eq_ignore_ascii_case(role))
    }
}

/// An account that exists.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AccountRecord {
    pub(crate) created: Timestamp,
    /// Its name beside its number.
    #[serde(default)]
    pub(crate) alias: Option<String>,
    /// Access key ids of the root user, oldest first.
    pub(crate) root_keys: Vec<String>,
}

/// Whose access key it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum KeyOwner {
    Root,
    /// Unique id: names may change.
    User(String),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AccessKeyRecord {
    pub(crate) id: String,
    pub(crate) account: AccountId,
    pub(crate) owner: KeyOwner,
    /// The secret, sealed with the key's id, account and owner as context.
    pub(crate) sealed: Vec<u8>,
    pub(crate) active: bool,
    pub(crate) created: Timestamp,
}

macro_rules! named {
    ($($record:ident $letter:literal $service:literal),*) => { $(
        impl Named for $record {
            const LETTER: char = $letter;
            fn name(&self) -> &str {
                &self.name
            }
            fn path(&self) -> &str {
                &self.path
            }
        }
        impl $record {
            pub(crate) fn arn(&self, account: &AccountId) -> Arn {
                Arn::new("iam", "", account.as_str(), &format!(concat!($service, "{}{}"), self.path, self.name))
            }
        }
    )* };
}

/// An OpenID Connect provider; its name is its URL without the scheme.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OidcProviderRecord {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) client_ids: Vec<String>,
    /// SHA-1, lower-case hex.
    pub(crate) thumbprints: Vec<String>,
    pub(crate) created: Timestamp,
    pub(crate) tags: Vec<Tag>,
}

impl Named for OidcProviderRecord {
    const LETTER: char = 'o';
    fn name(&self) -> &str {
        &self.name
    }
    fn path(&self) -> &str {
        "/"
    }
}

impl OidcProviderRecord {
    pub(crate) fn arn(&self, account: &AccountId) -> Arn {
        Arn::new("iam", "", account.as_str(), &format!("oidc-provider/{}", self.name))
    }
}

named!(UserRecord 'u' "user", GroupRecord 'g' "group", RoleRecord 'r' "role", PolicyRecord 'p' "policy",
    InstanceProfileRecord 'n' "instance-profile");

/// A credential report, as it is stored and told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialReport {
    /// CSV, with a line of headings.
    pub content: String,
    /// When it was made.
    pub generated: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_formats_and_cut_records_are_damage() {
        let bytes = encode(&Grants::default());
        assert!(decode::<Grants>(&bytes, "x").is_ok());
        let mut newer = bytes.clone();
        newer[0] = 2;
        for bad in [&b""[..], &newer, &bytes[..bytes.len() - 1]] {
            assert!(matches!(decode::<Grants>(bad, "x"), Err(Error::Damaged { .. })));
        }
    }
}
