//! The token: which keys may have signed it, and what it claims (RFC 7519; OpenID Connect Core 1.0,
//! section 3.1.3.7). Only algorithms with a public key are known here, and the key decides, never
//! what the header brings along.

use std::time::Duration;

use arqueta_model::Timestamp;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

use crate::Error;
use crate::names::Tag;

/// Longest token, characters (STS API Reference).
const LONGEST: usize = 20_000;
/// How far ahead an issuer's clock may be.
const SKEW: Duration = Duration::from_secs(5 * 60);
/// The algorithms that AWS takes, as far as the library has them.
const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::ES256, Algorithm::ES384];
/// The claim with session tags (IAM User Guide, "Passing session tags using
/// AssumeRoleWithWebIdentity").
const TAGS: &str = "https://aws.amazon.com/tags";

/// A token that was read, and not yet believed.
pub(super) struct Unverified<'a> {
    token: &'a str,
    algorithm: Algorithm,
    /// Key id.
    pub(super) kid: Option<String>,
    /// Who is said to have issued it.
    pub(super) issuer: String,
}

/// What a verified token says.
#[derive(Debug)]
pub(super) struct Claims {
    pub(super) subject: String,
    /// Whom it is for: the authorized party where there is one.
    pub(super) audience: Vec<String>,
    /// How its subject was authenticated.
    pub(super) methods: Vec<String>,
    pub(super) tags: Vec<Tag>,
    pub(super) transitive: Vec<String>,
}

fn invalid(message: impl Into<String>) -> Error {
    Error::InvalidIdentityToken { message: message.into() }
}

fn unverified() -> Error {
    invalid(
        "The web identity token that was passed could not be validated. Get a new token from the identity provider and then retry the request.",
    )
}

impl<'a> Unverified<'a> {
    /// Reads the header and the issuer.
    pub(super) fn read(token: &'a str) -> Result<Self, Error> {
        if !(4..=LONGEST).contains(&token.len()) {
            return Err(Error::validation(format!(
                "1 validation error detected: Value at 'webIdentityToken' failed to satisfy constraint: Member must have length between 4 and {LONGEST}"
            )));
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| {
            invalid("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")
        })?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(unverified());
        }
        let claims: Value = jsonwebtoken::dangerous::insecure_decode_claims(token).map_err(|_| unverified())?;
        let issuer = text(&claims, "iss")?;
        Ok(Self { token, algorithm: header.alg, kid: header.kid, issuer })
    }

    /// Verifies the signature by one of `keys` and then the claims, for one of `client_ids`.
    pub(super) fn verify(&self, keys: &[Jwk], client_ids: &[String], now: Timestamp) -> Result<Claims, Error> {
        let mut validation = Validation::new(self.algorithm);
        // Times and audiences are compared below, by this gateway's clock and in AWS's words.
        (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
        validation.required_spec_claims.clear();
        let verified = keys.iter().find_map(|key| {
            let named = key.common.key_algorithm.map(|named| named.to_string().parse::<Algorithm>());
            if named.is_some_and(|named| named.ok() != Some(self.algorithm)) {
                return None;
            }
            let key = DecodingKey::from_jwk(key).ok()?;
            jsonwebtoken::decode::<Value>(self.token, &key, &validation).ok()
        });
        check(&verified.ok_or_else(unverified)?.claims, client_ids, now)
    }
}

fn check(claims: &Value, client_ids: &[String], now: Timestamp) -> Result<Claims, Error> {
    let seconds = |name: &str| claims[name].as_f64().filter(|at| at.is_finite()).map(|at| at as i64);
    let missing = |name: &str| invalid(format!("Missing a required claim: {name}"));
    let expires = seconds("exp").ok_or_else(|| missing("exp"))?;
    if now.seconds() >= expires {
        return Err(Error::ExpiredIdentityToken {
            message: format!(
                "Token expired: current date/time {} must be before the expiration date/time {expires}",
                now.seconds()
            ),
        });
    }
    let latest = now.plus(SKEW).seconds();
    if seconds("iat").ok_or_else(|| missing("iat"))? > latest || seconds("nbf").is_some_and(|from| from > latest) {
        return Err(invalid("The ID Token provided is not valid yet."));
    }
    let listed = texts(&claims["aud"]);
    let audience = match claims.get("azp").and_then(Value::as_str) {
        Some(party) => vec![party.to_owned()],
        None => listed,
    };
    if audience.is_empty() {
        return Err(missing("aud"));
    }
    if !audience.iter().any(|audience| client_ids.contains(audience)) {
        return Err(invalid("Incorrect token audience"));
    }
    let tags = &claims[TAGS];
    Ok(Claims {
        subject: text(claims, "sub")?,
        audience,
        methods: texts(&claims["amr"]),
        tags: session_tags(&tags["principal_tags"])?,
        transitive: texts(&tags["transitive_tag_keys"]),
    })
}

/// `{"Project": ["x"]}`: one value a key.
fn session_tags(tags: &Value) -> Result<Vec<Tag>, Error> {
    let Some(tags) = tags.as_object() else { return Ok(Vec::new()) };
    let tag = |(key, value): (&String, &Value)| match texts(value).as_slice() {
        [value] => Ok(Tag::new(key, value)),
        _ => Err(invalid(format!("The session tag {key} has not exactly one value."))),
    };
    tags.iter().map(tag).collect()
}

fn text(claims: &Value, name: &str) -> Result<String, Error> {
    let found = claims[name].as_str().filter(|text| !text.is_empty() && text.len() <= 2048);
    found.map(str::to_owned).ok_or_else(|| invalid(format!("Missing a required claim: {name}")))
}

/// One text or a list of them.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}
