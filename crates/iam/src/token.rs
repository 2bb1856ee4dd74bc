//! Session tokens: everything about a session, sealed, carried by its holder. Nothing is stored,
//! so sessions cost nothing, survive restarts and work on every gateway that has the same sealer.

use arqueta_model::{AccountId, ScopeDigest, Timestamp, WebFederation};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::names::Tag;
use crate::record::{decode, encode};
use crate::{Error, SecretSealer};

/// Longest token looked at, bytes: header limits allow no more.
const LONGEST: usize = 16 * 1024;

/// Condition key for the provider that vouched for a session's holder.
pub(crate) const FEDERATED_PROVIDER: &str = "aws:FederatedProvider";

/// Who a session acts as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SessionOf {
    /// GetSessionToken by the root user.
    Root,
    /// GetSessionToken by the user with this unique id.
    User(String),
    /// AssumeRole.
    Role {
        name: String,
        /// Unique id: a role created again under the same name is another one.
        id: String,
        session_name: String,
    },
    /// GetFederationToken by the user with this unique id, or the root user.
    Federated { user: Option<String>, name: String },
}

/// Policies passed when a session was made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct SessionPolicies {
    /// Document.
    pub(crate) inline: Option<String>,
    /// Managed policies.
    pub(crate) arns: Vec<String>,
}

impl SessionPolicies {
    pub(crate) fn is_empty(&self) -> bool {
        self.inline.is_none() && self.arns.is_empty()
    }

    /// Digest of what scopes the session down: equal policies, equal scope. Length prefixes keep
    /// one document apart from two halves of it, and the leading byte keeps "allows nothing" apart
    /// from "not scoped down".
    pub(crate) fn digest(&self) -> ScopeDigest {
        let mut arns: Vec<&str> = self.arns.iter().map(String::as_str).collect();
        arns.sort_unstable();
        arns.dedup();
        let mut digest = Sha256::new_with_prefix([1u8]);
        for text in std::iter::once(self.inline.as_deref().unwrap_or_default()).chain(arns) {
            digest.update(u64::try_from(text.len()).expect("a length fits in 64 bits").to_be_bytes());
            digest.update(text);
        }
        ScopeDigest(digest.finalize().into())
    }
}

/// What a token holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) account: AccountId,
    pub(crate) of: SessionOf,
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
    /// `None`: not scoped down.
    pub(crate) policies: Option<SessionPolicies>,
    pub(crate) tags: Vec<Tag>,
    /// Keys of tags that sessions assumed from this one inherit.
    pub(crate) transitive: Vec<String>,
    /// What an identity provider said of its subject.
    #[serde(default)]
    pub(crate) vouched: Option<Vouched>,
}

/// What an identity provider vouched for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Vouched {
    /// Condition keys that the session's requests have.
    pub(crate) keys: Vec<(String, String)>,
}

impl Vouched {
    /// The same as the record tells it.
    pub(crate) fn federation(&self) -> Option<WebFederation> {
        let (provider, attributes): (Vec<_>, Vec<_>) =
            self.keys.iter().cloned().partition(|(key, _)| key == FEDERATED_PROVIDER);
        provider.into_iter().next().map(|(_, provider)| WebFederation { provider, attributes })
    }
}

/// Seals a session into a token for its access key.
pub(crate) fn seal(sealer: &dyn SecretSealer, access_key_id: &str, session: &Session, secret: &str) -> String {
    let carried = Zeroizing::new(encode(&(session, secret)));
    STANDARD.encode(sealer.seal(&context(access_key_id), &carried))
}

/// Opens a token that belongs to `access_key_id`.
pub(crate) fn open(
    sealer: &dyn SecretSealer,
    access_key_id: &str,
    token: &str,
) -> Result<(Session, Zeroizing<String>), Error> {
    let sealed = if token.len() <= LONGEST { STANDARD.decode(token).ok() } else { None };
    let plain = sealed.and_then(|sealed| sealer.open(&context(access_key_id), &sealed)).ok_or(Error::InvalidToken)?;
    let (session, secret): (Session, String) = decode(&plain, "session token").map_err(|_| Error::InvalidToken)?;
    Ok((session, Zeroizing::new(secret)))
}

fn context(access_key_id: &str) -> Vec<u8> {
    format!("arqueta/1/session/{access_key_id}").into_bytes()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::TestSealer;

    fn session() -> Session {
        Session {
            account: "111122223333".parse().unwrap(),
            of: SessionOf::Role { name: "app".into(), id: "AROA1".into(), session_name: "s".into() },
            issued: Timestamp::from_millis(1),
            expires: Timestamp::from_millis(2),
            policies: Some(SessionPolicies::default()),
            tags: vec![Tag::new("a", "b")],
            transitive: vec!["a".into()],
            vouched: Some(Vouched { keys: vec![("i:sub".into(), "s".into())] }),
        }
    }

    #[test]
    fn a_token_opens_only_for_its_access_key_unchanged() {
        let sealer = TestSealer::default();
        let token = seal(&sealer, "ASIA1", &session(), "secret");
        let (opened, secret) = open(&sealer, "ASIA1", &token).unwrap();
        assert_eq!((opened, secret.as_str()), (session(), "secret"));
        assert!(matches!(open(&sealer, "ASIA2", &token), Err(Error::InvalidToken)));
        assert!(matches!(open(&TestSealer::with_key(7), "ASIA1", &token), Err(Error::InvalidToken)));
        let mut bytes = STANDARD.decode(&token).unwrap();
        for at in [0, bytes.len() / 2, bytes.len() - 1] {
            bytes[at] ^= 1;
            assert!(open(&sealer, "ASIA1", &STANDARD.encode(&bytes)).is_err());
            bytes[at] ^= 1;
        }
        for bad in ["", "AAAA", "not base64!", &token[4..], &"A".repeat(LONGEST + 4)] {
            assert!(matches!(open(&sealer, "ASIA1", bad), Err(Error::InvalidToken)));
        }
    }

    #[test]
    fn scopes_are_equal_exactly_when_the_policies_are() {
        let scope = |inline: Option<&str>, arns: &[&str]| {
            let arns = arns.iter().map(|arn| (*arn).to_owned()).collect();
            SessionPolicies { inline: inline.map(str::to_owned), arns }.digest()
        };
        assert_eq!(scope(Some("p"), &["a", "b"]), scope(Some("p"), &["b", "a"]));
        let all = [
            scope(None, &[]),
            scope(Some("p"), &[]),
            scope(None, &["p"]),
            scope(Some("p"), &["a"]),
            scope(Some("pa"), &[]),
            scope(None, &["p", "a"]),
            scope(None, &["pa"]),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(all[at + 1..].iter().all(|other| one != other));
            assert_ne!(*one, ScopeDigest::default());
        }
    }
}
