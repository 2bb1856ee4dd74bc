//! What a request presents, as it is signed.

use arqueta_call::signature::{Candidate, signed_pairs};
use http::Uri;
use http::request::Parts;
use s3s::{S3Error, S3Result};

use super::refusals;
use crate::query;

/// The query, decoded and sorted by name.
pub struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Those of `uri`.
    pub fn of(uri: &Uri) -> Self {
        let mut pairs: Vec<_> = query::pairs(uri).map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        Self(pairs)
    }

    /// All of them.
    pub fn all(&self) -> &[(String, String)] {
        &self.0
    }

    /// Whether a parameter is there.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// The value of a parameter that is there once.
    pub fn only(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(key, _)| key == name);
        let (_, value) = values.next()?;
        values.next().is_none().then_some(value)
    }
}

/// The text of a header that is there once.
pub fn text<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    let mut values = parts.headers.get_all(name).iter();
    let value = values.next()?;
    let alone = values.next().is_none();
    alone.then(|| std::str::from_utf8(value.as_bytes()).ok()).flatten()
}

/// The headers that a signature covers, each value as it came.
///
/// # Errors
/// `SignatureDoesNotMatch` for a header that is not there; `AccessDenied` for `host` or an
/// `x-amz-*` header, or one of a replica, that is not covered. Without the first a captured request could be replayed
/// elsewhere; with one of the others its holder could change what it does.
pub fn covered<'a>(parts: &'a Parts, names: &[&'a str]) -> S3Result<Vec<(&'a str, &'a str)>> {
    let is_covered = |header: &str| names.iter().any(|name| name.eq_ignore_ascii_case(header));
    // The payload's hash stands in what is signed, whether or not its header is listed.
    let ours = |name: &str| name.starts_with(arqueta_model::replica::PREFIX);
    let amz = |name: &&str| (name.starts_with("x-amz-") && *name != "x-amz-content-sha256") || ours(name);
    let mut missing: Vec<&str> =
        parts.headers.keys().map(http::HeaderName::as_str).filter(amz).filter(|name| !is_covered(name)).collect();
    if !is_covered("host") {
        missing.insert(0, "host");
    }
    if !missing.is_empty() {
        return Err(refusals::not_signed(&missing.join(", ")));
    }
    signed_pairs(parts, names.iter().copied()).map_err(|_| refusals::unreadable())
}

/// Whether the path has a character that AWS encodes and the client did not.
pub fn is_bare(path: &str) -> bool {
    !path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~/%".contains(&byte))
}

/// Holds the signature that a request states against those that it may have.
///
/// # Errors
/// `SignatureDoesNotMatch`, with what was computed first.
pub fn compare(candidates: &[Candidate], stated: &str, refuse: impl FnOnce(&Candidate) -> S3Error) -> S3Result<()> {
    match candidates.iter().any(|candidate| candidate.is(stated)) {
        true => Ok(()),
        false => Err(candidates.first().map_or_else(refusals::unreadable, refuse)),
    }
}
