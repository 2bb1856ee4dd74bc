//! Sessions: a cookie that only this process can open.
//!
//! What stands in it are temporary credentials, never a long-term secret, but for the short while in
//! which somebody has proven again that he knows it (`Session::raised`). It is sealed under a key that is
//! drawn at the start and never written: when the process ends, so do its sessions.

use std::time::Duration;

use arqueta_model::Timestamp;
use arqueta_seal::message;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::lead::PATH;

/// Longest session, whatever the credentials allow.
pub(crate) const LONGEST: Duration = Duration::from_secs(12 * 60 * 60);
/// How long a long-term secret that was given again is kept.
pub(crate) const RAISED: Duration = Duration::from_secs(15 * 60);
/// Name of the cookie; further pieces have a number behind it.
const NAME: &str = "arqueta-console";
/// Bytes of a piece: a browser keeps 4,096 of a cookie with its name and attributes.
const PIECE: usize = 3600;
/// Most pieces. A session's token with the largest policies takes two.
const PIECES: usize = 4;
/// Ended sessions that are remembered.
const ENDED: u64 = 100_000;
const AAD: &[u8] = b"arqueta/console/session/1";

/// Credentials, long-term or temporary.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Credentials {
    pub access_key_id: String,
    #[serde(with = "hidden")]
    pub secret: Zeroizing<String>,
    #[serde(with = "hidden_some")]
    pub token: Option<Zeroizing<String>>,
}

/// Secrets are written only to be sealed.
mod hidden {
    use serde::{Deserialize as _, Deserializer, Serializer};
    use zeroize::Zeroizing;

    pub fn serialize<S: Serializer>(secret: &Zeroizing<String>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(secret)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Zeroizing<String>, D::Error> {
        String::deserialize(from).map(Zeroizing::new)
    }
}

/// As [`hidden`]; an empty text for none.
mod hidden_some {
    use serde::{Deserializer, Serializer};
    use zeroize::Zeroizing;

    pub fn serialize<S: Serializer>(secret: &Option<Zeroizing<String>>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(secret.as_ref().map_or("", |secret| secret.as_str()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Zeroizing<String>>, D::Error> {
        super::hidden::deserialize(from).map(|secret| (!secret.is_empty()).then_some(secret))
    }
}

impl Credentials {
    /// Nobody's: a call by them is not signed.
    pub fn none() -> Self {
        Self { access_key_id: String::new(), secret: String::new().into(), token: None }
    }

    /// Whether they are nobody's.
    pub fn is_none(&self) -> bool {
        self.access_key_id.is_empty()
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({})", self.access_key_id)
    }
}

/// Who somebody is without the role that he has taken.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Before {
    pub credentials: Credentials,
    pub expires: i64,
    pub arn: String,
    pub account: String,
}

/// A person who has signed in. No `Debug`: the token of changes is a secret.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    pub id: String,
    pub credentials: Credentials,
    /// Long-term credentials, given again, and until when they count.
    pub raised: Option<(Credentials, i64)>,
    /// Where the way back leads from a role that was switched to.
    pub before: Option<Box<Before>>,
    /// Milliseconds since the epoch.
    pub expires: i64,
    pub arn: String,
    pub account: String,
    /// Goes with every change.
    pub csrf: String,
    /// Address of the console as the browser has it, up to its last slash.
    pub base: String,
}

impl Session {
    /// Whether `stated` is the session's token.
    pub fn is_csrf(&self, stated: &str) -> bool {
        self.csrf.as_bytes().ct_eq(stated.as_bytes()).into()
    }

    /// Credentials that may call IAM, which temporary ones of a user may not: those given again, or
    /// those of a role.
    pub fn strongest(&self, now: Timestamp) -> &Credentials {
        match &self.raised {
            Some((credentials, until)) if now.millis() < *until => credentials,
            _ => &self.credentials,
        }
    }

    /// Where its cookies count, by its address alone: who comes from another site brings no word of this one.
    pub fn place(&self) -> Place {
        Place::of(&self.base, self.base.starts_with("https://"))
    }

    /// Whether it is the account itself.
    pub fn is_root(&self) -> bool {
        self.arn.starts_with("arn:aws:iam:") && self.arn.ends_with(":root")
    }

    /// The last part of the ARN: what people call themselves.
    pub fn name(&self) -> &str {
        self.arn.rsplit([':', '/']).next().unwrap_or(&self.arn)
    }

    /// The role that it is of, if it is one's.
    pub fn role(&self) -> Option<&str> {
        let (_, rest) = self.arn.split_once(":assumed-role/")?;
        rest.split('/').next()
    }
}

/// Opens and seals sessions.
pub(crate) struct Sessions {
    key: Zeroizing<[u8; 32]>,
    /// Those that were ended, until they would have ended by themselves.
    ended: Cache<String, ()>,
}

impl Sessions {
    pub fn new() -> Self {
        let mut key = Zeroizing::new([0; 32]);
        arqueta_model::random::fill(&mut *key);
        // The newest is always kept, however often older ones are asked for.
        let ended = Cache::builder().max_capacity(ENDED).eviction_policy(EvictionPolicy::lru());
        Self { key, ended: ended.time_to_live(LONGEST).build() }
    }

    /// The session of a request, if it has one that is still good.
    pub fn of(&self, headers: &HeaderMap, now: Timestamp) -> Option<Session> {
        let mut text = String::new();
        for at in 0..PIECES {
            match cookie(headers, &piece(at)) {
                Some(value) => text.push_str(value),
                None => break,
            }
        }
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let opened = message::open(&self.key, AAD, &sealed).ok()?;
        let session: Session = serde_json::from_slice(&opened).ok()?;
        (now.millis() < session.expires && !self.ended.contains_key(&session.id)).then_some(session)
    }

    /// Puts the cookies of `session` on an answer.
    pub fn keep(&self, session: &Session, place: &Place, answer: &mut HeaderMap) {
        let plain = Zeroizing::new(serde_json::to_vec(session).unwrap_or_default());
        let sealed = BASE64_URL_SAFE_NO_PAD.encode(message::seal(&self.key, AAD, &plain));
        let mut pieces = sealed.as_bytes().chunks(PIECE).map(|piece| std::str::from_utf8(piece).unwrap_or_default());
        for at in 0..PIECES {
            set(answer, &piece(at), pieces.next(), place);
        }
    }

    /// Something for a browser to carry, which only this process can open.
    pub fn wrap<T: Serialize>(&self, purpose: &[u8], value: &T) -> String {
        let plain = Zeroizing::new(serde_json::to_vec(value).unwrap_or_default());
        BASE64_URL_SAFE_NO_PAD.encode(message::seal(&self.key, purpose, &plain))
    }

    /// What was wrapped for the same purpose.
    pub fn unwrap<T: serde::de::DeserializeOwned>(&self, purpose: &[u8], text: &str) -> Option<T> {
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        serde_json::from_slice(&Zeroizing::new(message::open(&self.key, purpose, &sealed).ok()?)).ok()
    }

    /// Ends `session`: the cookie goes, and a copy of it is of no use.
    pub fn end(&self, session: Option<&Session>, place: &Place, answer: &mut HeaderMap) {
        if let Some(session) = session {
            self.revoke(session);
        }
        for at in 0..PIECES {
            set(answer, &piece(at), None, place);
        }
    }

    /// Ends `session`, whose cookie is replaced.
    pub fn revoke(&self, session: &Session) {
        self.ended.insert(session.id.clone(), ());
    }
}

fn piece(at: usize) -> String {
    if at == 0 { NAME.to_owned() } else { format!("{NAME}-{at}") }
}

/// Where cookies count. Always the whole console, whichever page sets them: one that counted for some
/// pages only would stand beside the one of all of them, and before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    path: String,
    secure: bool,
}

impl Place {
    /// Below `base`, the address of the console as the browser has it.
    pub fn of(base: &str, secure: bool) -> Self {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.~/%".contains(c);
        let path = base.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..]));
        let path = path.filter(|path| path.ends_with(PATH) && path.chars().all(plain)).unwrap_or(PATH);
        Self { path: path.trim_end_matches('/').to_owned(), secure }
    }
}

/// Sets a cookie, or removes it.
pub(crate) fn set(answer: &mut HeaderMap, name: &str, value: Option<&str>, place: &Place) {
    let (path, secure) = (&place.path, if place.secure { "; Secure" } else { "" });
    let life = if value.is_some() { "" } else { "; Max-Age=0" };
    let cookie = format!("{name}={}; Path={path}; HttpOnly; SameSite=Strict{secure}{life}", value.unwrap_or_default());
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        answer.append(SET_COOKIE, cookie);
    }
}

/// Sets a cookie that comes back with somebody whom another site leads here: `SameSite=Lax`.
pub(crate) fn set_returning(answer: &mut HeaderMap, name: &str, value: &str, life: Duration, place: &Place) {
    let (path, secure) = (&place.path, if place.secure { "; Secure" } else { "" });
    let life = life.as_secs();
    let cookie = format!("{name}={value}; Path={path}; HttpOnly; SameSite=Lax{secure}; Max-Age={life}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        answer.append(SET_COOKIE, cookie);
    }
}

/// Headers that remove a cookie.
pub(crate) fn gone(name: &str, place: &Place) -> HeaderMap {
    let mut headers = HeaderMap::new();
    set(&mut headers, name, None, place);
    headers
}

/// The value of a cookie.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value).filter(|value| !value.is_empty())
}

/// 128 random bits, as text.
pub(crate) fn random() -> String {
    let mut bytes = [0; 16];
    arqueta_model::random::fill(&mut bytes);
    hex::encode(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn session(token: &str) -> Session {
        Session {
            id: random(),
            credentials: Credentials {
                access_key_id: "ASIA".to_owned(),
                secret: "secret-of-the-session".to_owned().into(),
                token: Some(token.to_owned().into()),
            },
            raised: None,
            before: None,
            expires: 10_000,
            arn: "arn:aws:iam::000000000000:user/team/ana".to_owned(),
            account: "000000000000".to_owned(),
            csrf: random(),
            base: "http://h/-/console/".to_owned(),
        }
    }

    /// What a browser would send back.
    fn returned(set: &HeaderMap) -> HeaderMap {
        let pairs = set.get_all(SET_COOKIE).iter().map(|line| line.to_str().unwrap().split(';').next().unwrap());
        let kept: Vec<_> = pairs.filter(|pair| !pair.ends_with('=')).collect();
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(&kept.join("; ")).unwrap())])
    }

    #[test]
    fn a_session_comes_back_whole_and_shows_nothing() {
        for token in ["short".to_owned(), "x".repeat(7000)] {
            let (sessions, session) = (Sessions::new(), session(&token));
            let mut set = HeaderMap::new();
            sessions.keep(&session, &Place::of(&session.base, true), &mut set);
            for line in set.get_all(SET_COOKIE) {
                let line = line.to_str().unwrap();
                assert!(
                    line.len() < 4000 && line.contains("; Path=/-/console; HttpOnly; SameSite=Strict; Secure"),
                    "{line}"
                );
                assert!(!line.contains("secret"), "{line}");
            }
            let headers = returned(&set);
            let back = sessions.of(&headers, Timestamp::from_millis(9_999)).unwrap();
            assert_eq!((back.id, back.credentials.token.unwrap().len()), (session.id.clone(), token.len()));
            assert!(sessions.of(&headers, Timestamp::from_millis(10_000)).is_none(), "it has expired");
            assert!(Sessions::new().of(&headers, Timestamp::from_millis(0)).is_none(), "another process");
        }
    }

    #[test]
    fn a_copy_of_an_ended_session_is_of_no_use() {
        let (sessions, session) = (Sessions::new(), session("t"));
        let (mut set, mut gone) = (HeaderMap::new(), HeaderMap::new());
        let place = Place::of(&session.base, false);
        sessions.keep(&session, &place, &mut set);
        sessions.end(Some(&session), &place, &mut gone);
        assert!(sessions.of(&returned(&set), Timestamp::from_millis(0)).is_none());
        assert!(gone.get_all(SET_COOKIE).iter().all(|line| line.to_str().unwrap().contains("Max-Age=0")));
    }

    #[test]
    fn cookies_are_the_whole_consoles_wherever_a_proxy_puts_it() {
        for (base, path) in [
            ("http://h/-/console/", "/-/console"),
            ("https://h:1/below/a/-/console/", "/below/a/-/console"),
            ("https://h/a;Domain=evil/-/console/", "/-/console"),
            ("http://h", "/-/console"),
            ("", "/-/console"),
        ] {
            assert_eq!(Place::of(base, false).path, path, "{base}");
        }
    }

    #[test]
    fn a_changed_cookie_opens_nothing() {
        let (sessions, session) = (Sessions::new(), session("t"));
        let mut set = HeaderMap::new();
        sessions.keep(&session, &Place::of(&session.base, false), &mut set);
        let text = returned(&set)[COOKIE].to_str().unwrap().to_owned();
        let mut other = text.clone().into_bytes();
        let last = other.len() - 5;
        other[last] = if other[last] == b'A' { b'B' } else { b'A' };
        let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_bytes(&other).unwrap())]);
        assert!(sessions.of(&headers, Timestamp::from_millis(0)).is_none());
    }

    #[test]
    fn what_was_given_again_counts_for_a_while() {
        let mut session = session("t");
        let long = Credentials { access_key_id: "AKIA".to_owned(), secret: "s".to_owned().into(), token: None };
        session.raised = Some((long, 500));
        assert_eq!(session.strongest(Timestamp::from_millis(499)).access_key_id, "AKIA");
        assert_eq!(session.strongest(Timestamp::from_millis(500)).access_key_id, "ASIA");
        assert_eq!(session.name(), "ana");
        assert!(session.is_csrf(&session.csrf.clone()) && !session.is_csrf(""));
    }
}
