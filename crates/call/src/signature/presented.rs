//! What a request presents as proof of its sender, and the proof itself.

use std::time::Duration;

use arqueta_model::Timestamp;
use http::request::Parts;
use s3s_sigv4::{AmzDate, AuthorizationV4, ParseAuthorizationError, Payload, PresignedUrlV4};
use sha2::{Digest, Sha256};

use super::candidate::Candidate;
use super::canonical;
use super::error::Error;
use super::keys::SigningKey;
use super::stated::{ALGORITHM, SKEW, moment};

/// Longest life of a presigned request. STS grants 15 minutes whatever the URL asks for.
const LONGEST_LIFE: u32 = 15 * 60;
/// Largest `X-Amz-Expires` that is well-formed: seven days.
const LARGEST_EXPIRES: u32 = 604_800;

/// Which credential scopes a service accepts.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// Signing names, such as `kms`.
    pub services: &'a [&'a str],
    /// Regions: the gateway's, and `us-east-1` for services that are global in AWS.
    pub regions: &'a [&'a str],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Header,
    /// Query parameters, with the life that they ask for.
    Presigned(Duration),
}

/// The claims of a signed request. Nothing in it is proven before [`Presented::verify`].
#[derive(Debug)]
pub struct Presented {
    /// The access key that is said to have signed.
    pub access_key_id: String,
    /// `x-amz-security-token`, header or query.
    pub token: Option<String>,
    /// When it was signed.
    pub date: AmzDate,
    /// Region of the credential scope.
    pub region: String,
    /// Service of the credential scope.
    pub service: String,
    /// Decoded query pairs, as signed.
    pub query: Vec<(String, String)>,
    signed: Vec<String>,
    signature: String,
    form: Form,
}

impl Presented {
    /// Reads the claims from an `Authorization` header or from query parameters, and refuses
    /// what no secret could make good: unreadable or duplicate parts, a date or scope that does
    /// not fit, headers that ought to be signed and are not.
    ///
    /// # Errors
    /// [`Error`]; [`Error::Missing`] exactly where the request is anonymous.
    pub fn parse(parts: &Parts, scope: Scope<'_>, now: Timestamp) -> Result<Self, Error> {
        let query = canonical::query(parts)?;
        let header = canonical::single(&parts.headers, "authorization")?;
        let in_query = query.iter().any(|(name, _)| name == "X-Amz-Signature" || name == "X-Amz-Algorithm");
        for name in canonical::must_be_signed(&parts.headers) {
            canonical::single(&parts.headers, name)?;
        }
        refuse_duplicates(&query)?;
        let presented = match (header, in_query) {
            (Some(_), true) => {
                return Err(Error::Incomplete("Only one authentication mechanism is allowed.".to_owned()));
            }
            (Some(header), false) => Self::from_header(header, parts, query)?,
            (None, true) => Self::from_query(query)?,
            (None, false) => return Err(Error::Missing),
        };
        presented.check_scope(scope)?;
        presented.check_time(now)?;
        presented.check_signed_headers(parts)?;
        Ok(presented)
    }

    fn from_header(header: &str, parts: &Parts, query: Vec<(String, String)>) -> Result<Self, Error> {
        let date = canonical::single(&parts.headers, "x-amz-date")?;
        let parsed = AuthorizationV4::parse(header).map_err(|error| match error {
            ParseAuthorizationError::InvalidSignature => Error::Mismatch,
            ParseAuthorizationError::Malformed => Error::Incomplete(incomplete(header, date.is_some())),
        })?;
        if parsed.algorithm != ALGORITHM {
            return Err(Error::Incomplete(format!("Unsupported AWS 'algorithm': '{}'.", parsed.algorithm)));
        }
        let date = date.ok_or_else(|| Error::Incomplete(incomplete(header, false)))?;
        let date = parse_date(date)?;
        check_day(parsed.credential.date, &date)?;
        Ok(Self {
            access_key_id: parsed.credential.access_key_id.to_owned(),
            token: canonical::single(&parts.headers, "x-amz-security-token")?.map(str::to_owned),
            date,
            region: parsed.credential.aws_region.to_owned(),
            service: parsed.credential.aws_service.to_owned(),
            query,
            signed: parsed.signed_headers.iter().map(|&name| name.to_owned()).collect(),
            signature: parsed.signature.to_owned(),
            form: Form::Header,
        })
    }

    fn from_query(query: Vec<(String, String)>) -> Result<Self, Error> {
        let incomplete = || {
            Error::Incomplete(
                "AWS query-string parameters must include 'X-Amz-Algorithm', 'X-Amz-Credential', \
            'X-Amz-Signature', 'X-Amz-SignedHeaders', 'X-Amz-Date' and a valid 'X-Amz-Expires'."
                    .to_owned(),
            )
        };
        let parsed = PresignedUrlV4::parse(&query, LARGEST_EXPIRES).map_err(|_| incomplete())?;
        if parsed.algorithm != ALGORITHM {
            return Err(Error::Incomplete(format!("Unsupported AWS 'algorithm': '{}'.", parsed.algorithm)));
        }
        check_day(parsed.credential.date, &parsed.amz_date)?;
        let asked = u64::try_from(parsed.expires.as_secs()).map_err(|_| incomplete())?;
        let mut presented = Self {
            access_key_id: parsed.credential.access_key_id.to_owned(),
            token: query.iter().find(|(name, _)| name == "X-Amz-Security-Token").map(|(_, value)| value.clone()),
            date: parsed.amz_date.clone(),
            region: parsed.credential.aws_region.to_owned(),
            service: parsed.credential.aws_service.to_owned(),
            query: Vec::new(),
            signed: parsed.signed_headers.iter().map(|&name| name.to_owned()).collect(),
            signature: parsed.signature.to_owned(),
            form: Form::Presigned(Duration::from_secs(asked.min(u64::from(LONGEST_LIFE)))),
        };
        // `parsed` borrows the pairs that the claims now take over.
        drop(parsed);
        presented.query = query;
        Ok(presented)
    }

    fn check_scope(&self, scope: Scope<'_>) -> Result<(), Error> {
        if !scope.services.contains(&self.service.as_str()) {
            let wanted = scope.services.first().copied().unwrap_or_default();
            return Err(Error::Unacceptable(format!("Credential should be scoped to correct service: '{wanted}'. ")));
        }
        if !scope.regions.contains(&self.region.as_str()) {
            return Err(Error::Unacceptable(format!(
                "Credential should be scoped to a valid region, not '{}'. ",
                self.region
            )));
        }
        Ok(())
    }

    fn check_time(&self, now: Timestamp) -> Result<(), Error> {
        let signed = moment(&self.date).ok_or_else(|| bad_date(&self.date.fmt_iso8601()))?;
        let life = match self.form {
            Form::Header => SKEW,
            Form::Presigned(life) => life,
        };
        if now.since(signed) > life {
            return Err(Error::Unacceptable(format!(
                "Signature expired: {} is now earlier than {} ({} - {} min.)",
                basic(signed),
                basic(Timestamp::from_millis(now.millis() - millis(life))),
                basic(now),
                life.as_secs() / 60
            )));
        }
        if signed.since(now) > SKEW {
            return Err(Error::Unacceptable(format!(
                "Signature not yet current: {} is still later than {} ({} + 15 min.)",
                basic(signed),
                basic(now.plus(SKEW)),
                basic(now)
            )));
        }
        Ok(())
    }

    fn check_signed_headers(&self, parts: &Parts) -> Result<(), Error> {
        let sorted = self.signed.windows(2).all(|pair| pair[0] < pair[1]);
        let plain = self.signed.iter().all(|name| {
            !name.is_empty()
                && name != "authorization"
                && !name.bytes().any(|b| b.is_ascii_uppercase() || b.is_ascii_whitespace())
        });
        if !sorted || !plain {
            return Err(Error::Incomplete("SignedHeaders must be distinct lower-case names in order.".to_owned()));
        }
        let missing =
            canonical::must_be_signed(&parts.headers).find(|name| !self.signed.iter().any(|signed| signed == name));
        match missing {
            None => Ok(()),
            Some("host") => Err(Error::Unacceptable(
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".to_owned(),
            )),
            Some(name) => Err(Error::Unacceptable(format!(
                "There were headers present in the request which were not signed: '{name}'."
            ))),
        }
    }

    /// Whether the request carries its signature in the query.
    #[must_use]
    pub fn is_presigned(&self) -> bool {
        matches!(self.form, Form::Presigned(_))
    }

    /// Computes the signature over the request as received, and compares in constant time.
    ///
    /// # Errors
    /// [`Error::Mismatch`], whatever differs.
    pub fn verify(&self, parts: &Parts, body: &[u8], key: &SigningKey) -> Result<(), Error> {
        let pairs = canonical::signed_pairs(parts, self.signed.iter().map(String::as_str))?;
        let payload = hex::encode(Sha256::digest(body));
        let signed_query: Vec<(&str, &str)> = self
            .query
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| !(self.is_presigned() && *name == "X-Amz-Signature"))
            .collect();
        // Also a presigned request of these services covers its body, so this is the form for both.
        let canonical = s3s_sigv4::create_canonical_request(
            parts.method.as_str(),
            parts.uri.path(),
            &signed_query,
            pairs,
            Payload::SingleChunk(&payload),
        );
        let expected = Candidate::version_4(canonical, &self.date, &self.region, &self.service, key);
        if expected.is(&self.signature) { Ok(()) } else { Err(Error::Mismatch) }
    }
}

/// A parameter that occurs twice could be read one way by the signature and another by the operation.
fn refuse_duplicates(query: &[(String, String)]) -> Result<(), Error> {
    let mut names: Vec<&str> = query.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable_by_key(|name| name.to_ascii_lowercase());
    match names.windows(2).find(|pair| pair[0].eq_ignore_ascii_case(pair[1])) {
        None => Ok(()),
        Some(pair) => Err(Error::Incomplete(format!("The query parameter '{}' occurs more than once.", pair[0]))),
    }
}

fn check_day(scope_day: &str, date: &AmzDate) -> Result<(), Error> {
    if date.fmt_date().as_str() == scope_day {
        return Ok(());
    }
    Err(Error::Unacceptable(format!(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{scope_day}' != \
         '{}', from '{}'.",
        date.fmt_date(),
        date.fmt_iso8601()
    )))
}

fn parse_date(text: &str) -> Result<AmzDate, Error> {
    AmzDate::parse(text).map_err(|_| bad_date(text))
}

fn bad_date(text: &str) -> Error {
    Error::Incomplete(format!("Date must be in ISO-8601 'basic format'. Got '{text}'."))
}

/// AWS's list of everything that an `Authorization` header lacks. The header itself is not
/// repeated: it may carry a signature that is still good.
fn incomplete(header: &str, has_date: bool) -> String {
    let mut message = String::new();
    for part in ["Credential", "Signature", "SignedHeaders"] {
        if !header.contains(&format!("{part}=")) {
            message.push_str(&format!("Authorization header requires '{part}' parameter. "));
        }
    }
    if !has_date {
        message.push_str("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ");
    }
    if message.is_empty() {
        message
            .push_str("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term. ");
    }
    message.trim_end().to_owned()
}

/// `20150830T123600Z`.
fn basic(at: Timestamp) -> String {
    at.rfc3339().chars().filter(|c| *c != '-' && *c != ':').collect()
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
