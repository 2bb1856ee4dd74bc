//! Signing in at an identity provider: authorization code with PKCE (OpenID Connect Core 1.0, 3.1; RFC 7636;
//! RFC 9207). Whether the token is good is for AssumeRoleWithWebIdentity to say; what is looked at here is
//! that it answers the very request that this browser began.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arqueta_model::Timestamp;
use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};
use zeroize::Zeroizing;

use crate::client::Fault;
use crate::session::random;

/// How long the provider may take to send its person back.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// How long what a provider says of itself is believed.
const FRESH: Duration = Duration::from_secs(60 * 60);

/// An identity provider, at which people sign in who have no access key.
pub struct Oidc {
    /// What people call it.
    pub name: String,
    /// Its address, as its tokens state it.
    pub issuer: String,
    /// What it calls the console: the audience of its tokens.
    pub client_id: String,
    /// What is asked for; `openid` among it.
    pub scopes: Vec<String>,
    /// ARNs of the roles that may be taken; people choose where there are several.
    pub roles: Vec<String>,
    /// How long a session is.
    pub session: Duration,
    /// The way to it.
    pub web: Arc<dyn Web>,
}

/// The way to an identity provider.
#[async_trait]
pub trait Web: Send + Sync {
    /// A document; `None` where there is no good answer within a while.
    async fn get(&self, address: &str) -> Option<Bytes>;
    /// The answer to a form, whatever its status; `authorization` is a header's value.
    async fn post(&self, address: &str, form: &str, authorization: Option<&str>) -> Option<Bytes>;
    /// The console's secret at the provider, as it is now; `None` for a public client.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn secret(&self) -> Result<Option<Zeroizing<String>>, Box<dyn std::error::Error + Send + Sync>>;
}

/// What a provider says of itself (OpenID Connect Discovery 1.0, 3), as far as it is needed.
#[derive(Clone, Deserialize)]
struct Metadata {
    issuer: String,
    #[serde(deserialize_with = "address")]
    authorization_endpoint: Url,
    #[serde(deserialize_with = "address")]
    token_endpoint: Url,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

fn address<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Url, D::Error> {
    Url::parse(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}

/// A sign-in under way, which its browser carries, sealed. It holds whoever comes back to what went out.
#[derive(Serialize, Deserialize)]
pub(crate) struct Pending {
    pub state: String,
    nonce: String,
    verifier: String,
    pub role: String,
    pub next: String,
    /// Address of the console as the browser has it.
    pub base: String,
    /// Milliseconds since the epoch.
    pub until: i64,
}

/// Who came back.
pub(crate) struct Vouched {
    /// For AssumeRoleWithWebIdentity.
    pub token: Zeroizing<String>,
    /// What the session may be called.
    pub name: String,
}

/// The provider, and what it last said of itself.
pub(crate) struct Desk {
    pub provider: Oidc,
    known: Mutex<Option<(Timestamp, Metadata)>>,
}

impl Desk {
    pub fn new(provider: Oidc) -> Self {
        Self { provider, known: Mutex::new(None) }
    }

    /// Where to send a browser, and what it has to bring back.
    ///
    /// # Errors
    /// [`Fault`] where the provider does not say who it is.
    pub async fn begin(
        &self,
        (role, next, base): (&str, &str, String),
        now: Timestamp,
    ) -> Result<(String, Pending), Fault> {
        let mut to = self.metadata(now).await?.authorization_endpoint;
        let pending = Pending {
            state: random(),
            nonce: random(),
            // 256 bits; RFC 7636 wants 43 characters at least.
            verifier: format!("{}{}", random(), random()),
            role: role.to_owned(),
            next: next.to_owned(),
            base,
            until: now.plus(PATIENCE).millis(),
        };
        to.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.provider.client_id)
            .append_pair("redirect_uri", &redirect_uri(&pending.base))
            .append_pair("scope", &self.provider.scopes.join(" "))
            .append_pair("state", &pending.state)
            .append_pair("nonce", &pending.nonce)
            .append_pair("code_challenge", &challenge(&pending.verifier))
            .append_pair("code_challenge_method", "S256");
        Ok((to.into(), pending))
    }

    /// The token that `code` stands for.
    ///
    /// # Errors
    /// [`Fault`] where the provider gives none, or one that answers another request.
    pub async fn redeem(&self, pending: &Pending, code: &str, now: Timestamp) -> Result<Vouched, Fault> {
        let metadata = self.metadata(now).await?;
        let secret = self.provider.web.secret().map_err(|_| silent("The console cannot read its client secret."))?;
        let offered = &metadata.token_endpoint_auth_methods_supported;
        let by_post = offered.iter().any(|way| way == "client_secret_post");
        let by_header = offered.is_empty() || offered.iter().any(|way| way == "client_secret_basic") || !by_post;
        let form = Zeroizing::new({
            let mut form = Serializer::new(String::new());
            form.append_pair("grant_type", "authorization_code")
                .append_pair("code", code)
                .append_pair("redirect_uri", &redirect_uri(&pending.base))
                .append_pair("code_verifier", &pending.verifier);
            if secret.is_none() || !by_header {
                form.append_pair("client_id", &self.provider.client_id);
            }
            if let Some(secret) = secret.as_deref().filter(|_| !by_header) {
                form.append_pair("client_secret", secret);
            }
            form.finish()
        });
        let header = secret.as_deref().filter(|_| by_header).map(|secret| basic(&self.provider.client_id, secret));
        let header = header.as_deref().map(String::as_str);
        let answer = self.provider.web.post(metadata.token_endpoint.as_str(), &form, header).await;
        let answer = answer.ok_or_else(|| silent("The identity provider does not answer."))?;
        let answer: Value = serde_json::from_slice(&answer).map_err(|_| Fault::unreadable())?;
        if let Some(error) = answer["error"].as_str() {
            return Err(refused(error, answer["error_description"].as_str().unwrap_or_default()));
        }
        let token = answer["id_token"].as_str().ok_or_else(|| refused("invalid_response", "There is no ID token."))?;
        let claims = claims(token).ok_or_else(|| refused("invalid_response", "The ID token cannot be read."))?;
        if claims["nonce"].as_str() != Some(&pending.nonce) {
            return Err(refused("invalid_response", "The ID token is for another sign-in."));
        }
        Ok(Vouched { token: token.to_owned().into(), name: name(&claims) })
    }

    async fn metadata(&self, now: Timestamp) -> Result<Metadata, Fault> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((until, metadata)) = known
            && now < until
        {
            return Ok(metadata);
        }
        let address = format!("{}/.well-known/openid-configuration", self.provider.issuer.trim_end_matches('/'));
        let document = self.provider.web.get(&address).await;
        let document = document.ok_or_else(|| silent("The identity provider does not answer."))?;
        let metadata: Metadata =
            serde_json::from_slice(&document).map_err(|_| silent("The identity provider does not say who it is."))?;
        // Who is asked for another's tokens would be given them (OpenID Connect Discovery 1.0, 4.3).
        let scheme = self.provider.issuer.split(':').next().unwrap_or_default();
        let is_kept = |url: &Url| url.scheme() == "https" || url.scheme() == scheme;
        if metadata.issuer != self.provider.issuer
            || !is_kept(&metadata.authorization_endpoint)
            || !is_kept(&metadata.token_endpoint)
        {
            return Err(silent("The identity provider says that it is another."));
        }
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((now.plus(FRESH), metadata.clone()));
        Ok(metadata)
    }
}

/// Where the provider sends people back.
pub(crate) fn redirect_uri(base: &str) -> String {
    format!("{base}sign-in/oidc")
}

/// A refusal of the provider's, in its words.
pub(crate) fn refused(code: &str, message: &str) -> Fault {
    Fault::own(StatusCode::FORBIDDEN, code, message)
}

fn silent(message: &str) -> Fault {
    Fault::own(StatusCode::BAD_GATEWAY, "IDPCommunicationError", message)
}

/// RFC 7636, 4.2.
fn challenge(verifier: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// RFC 6749, 2.3.1: both are encoded as in a form before they are joined.
fn basic(client: &str, secret: &str) -> Zeroizing<String> {
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let both = Zeroizing::new(format!("{}:{}", encoded(client), encoded(secret)));
    Zeroizing::new(format!("Basic {}", BASE64_STANDARD.encode(both.as_bytes())))
}

/// What a token claims; nobody has looked at its signature yet.
fn claims(token: &str) -> Option<Value> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

/// A name for the session, of what a role session may be called: `[\w+=,.@-]{2,64}`.
fn name(claims: &Value) -> String {
    let stated = ["preferred_username", "email", "sub"].into_iter().find_map(|claim| claims[claim].as_str());
    let plain = |c: &char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(*c);
    let name: String = stated.unwrap_or_default().chars().filter(plain).take(64).collect();
    if name.len() < 2 { format!("console-{name}") } else { name }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use futures::executor::block_on;
    use serde_json::json;

    const ISSUER: &str = "https://id.example.com/realm";

    /// A provider that says `document`, and answers every code with `answer`.
    struct Says {
        document: Value,
        answer: Value,
        secret: Option<&'static str>,
        posted: Mutex<Vec<(String, Option<String>)>>,
    }

    #[async_trait]
    impl Web for Says {
        async fn get(&self, address: &str) -> Option<Bytes> {
            (address == "https://id.example.com/realm/.well-known/openid-configuration")
                .then(|| Bytes::from(self.document.to_string()))
        }
        async fn post(&self, _: &str, form: &str, authorization: Option<&str>) -> Option<Bytes> {
            self.posted.lock().unwrap().push((form.to_owned(), authorization.map(str::to_owned)));
            Some(Bytes::from(self.answer.to_string()))
        }
        fn secret(&self) -> Result<Option<Zeroizing<String>>, Box<dyn std::error::Error + Send + Sync>> {
            Ok(self.secret.map(|secret| secret.to_owned().into()))
        }
    }

    fn document() -> Value {
        json!({ "issuer": ISSUER, "authorization_endpoint": "https://id.example.com/authorize?x=1",
                "token_endpoint": "https://id.example.com/token" })
    }

    fn desk(document: Value, answer: Value, secret: Option<&'static str>) -> (Desk, Arc<Says>) {
        let says = Arc::new(Says { document, answer, secret, posted: Mutex::default() });
        let provider = Oidc {
            name: "Example".to_owned(),
            issuer: ISSUER.to_owned(),
            client_id: "console".to_owned(),
            scopes: vec!["openid".to_owned()],
            roles: vec!["arn:aws:iam::000000000000:role/r".to_owned()],
            session: Duration::from_secs(3600),
            web: says.clone(),
        };
        (Desk::new(provider), says)
    }

    fn began(desk: &Desk) -> Result<(String, Pending), Fault> {
        block_on(desk.begin(("role", "buckets", "https://s3/-/console/".to_owned()), Timestamp::from_millis(0)))
    }

    fn token(claims: &Value) -> Value {
        json!({ "id_token": format!("e30.{}.sig", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string())) })
    }

    #[test]
    fn a_code_is_asked_for_with_a_proof_that_only_this_browsers_sign_in_has() {
        let (desk, _) = desk(document(), json!({}), None);
        let (to, pending) = began(&desk).unwrap();
        let to = Url::parse(&to).unwrap();
        let query: std::collections::BTreeMap<_, _> = to.query_pairs().into_owned().collect();
        assert_eq!(query["x"], "1", "what the provider's own address has stays");
        assert_eq!(query["redirect_uri"], "https://s3/-/console/sign-in/oidc");
        assert_eq!((&*query["response_type"], &*query["code_challenge_method"]), ("code", "S256"));
        assert_eq!(query["code_challenge"], challenge(&pending.verifier));
        assert!(pending.verifier.len() >= 43 && !to.as_str().contains(&pending.verifier));
        assert_eq!((&query["state"], &query["nonce"]), (&pending.state, &pending.nonce));
        // The published pair (RFC 7636, appendix B).
        let published = challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(published, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn who_says_that_it_is_another_is_not_asked() {
        let with = |name: &str, value: &str| {
            let mut document = document();
            document[name] = json!(value);
            document
        };
        for document in [
            with("issuer", "https://evil.example.com"),
            with("token_endpoint", "http://id.example.com/token"),
            with("authorization_endpoint", "http://id.example.com/authorize"),
            with("authorization_endpoint", "javascript:alert(1)"),
            json!({ "issuer": ISSUER }),
        ] {
            let (desk, _) = desk(document, json!({}), None);
            assert_eq!(began(&desk).map(|_| ()).unwrap_err().code, "IDPCommunicationError");
        }
    }

    #[test]
    fn a_token_for_another_sign_in_is_none() {
        for answer in [
            json!({ "error": "invalid_grant", "error_description": "used" }),
            json!({ "access_token": "x" }),
            json!({ "id_token": "x" }),
            token(&json!({ "sub": "ana" })),
            token(&json!({ "sub": "ana", "nonce": "of another" })),
        ] {
            let (desk, _) = desk(document(), answer.clone(), None);
            let pending = began(&desk).unwrap().1;
            let fault = block_on(desk.redeem(&pending, "code", Timestamp::from_millis(0))).map(|_| ()).unwrap_err();
            assert_eq!(fault.status, StatusCode::FORBIDDEN, "{answer}");
        }
    }

    #[test]
    fn the_clients_secret_goes_where_the_provider_takes_it() {
        let post = || {
            let mut document = document();
            document["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
            document
        };
        for (document, secret, header, body) in [
            (document(), None, None, "&client_id=console"),
            (document(), Some("a b:c"), Some("Basic Y29uc29sZTphK2IlM0Fj"), ""),
            (post(), Some("s"), None, "&client_id=console&client_secret=s"),
        ] {
            let (desk, says) = desk(document, json!({}), secret);
            let pending = began(&desk).unwrap().1;
            let _ = block_on(desk.redeem(&pending, "c", Timestamp::from_millis(0)));
            let posted = says.posted.lock().unwrap();
            let (form, sent) = &posted[0];
            assert_eq!(sent.as_deref(), header);
            let verifier = &pending.verifier;
            let uri = "redirect_uri=https%3A%2F%2Fs3%2F-%2Fconsole%2Fsign-in%2Foidc";
            assert_eq!(*form, format!("grant_type=authorization_code&code=c&{uri}&code_verifier={verifier}{body}"));
        }
    }

    #[test]
    fn a_session_is_called_by_what_the_token_calls_its_person() {
        for (claims, expected) in [
            (json!({ "sub": "1", "email": "ana@example.com" }), "ana@example.com"),
            (json!({ "preferred_username": "añá b/c", "sub": "1" }), "abc"),
            (json!({ "sub": "1" }), "console-1"),
            (json!({}), "console-"),
        ] {
            assert_eq!(name(&claims), expected);
        }
    }
}
