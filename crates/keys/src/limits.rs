//! Limits and patterns of the KMS API, refused in AWS's words.

use arqueta_kms::Error;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// An error of the API that has no variant of its own.
#[must_use]
pub fn refused(code: &'static str, message: impl Into<String>) -> Error {
    Error::Refused { code, message: message.into() }
}

/// `ValidationException`.
#[must_use]
pub fn invalid(message: impl Into<String>) -> Error {
    refused("ValidationException", message)
}

/// `UnsupportedOperationException`.
#[must_use]
pub fn unsupported(what: &str) -> Error {
    refused("UnsupportedOperationException", format!("{what} is not supported."))
}

/// `1 validation error detected: Value … at '…' failed to satisfy constraint: …`
#[must_use]
pub fn constraint(value: impl std::fmt::Display, member: &str, constraint: &str) -> Error {
    invalid(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    ))
}

/// The same for what is not repeated, because it is secret, not text or long.
#[must_use]
pub fn constraint_unseen(member: &str, constraint: &str) -> Error {
    invalid(format!("1 validation error detected: Value at '{member}' failed to satisfy constraint: {constraint}"))
}

/// A text of `min` to `max` characters.
///
/// # Errors
/// `ValidationException`.
pub fn length(text: &str, member: &str, min: usize, max: usize) -> Result<(), Error> {
    let length = text.chars().count();
    if length < min {
        return Err(constraint(text, member, &format!("Member must have length greater than or equal to {min}")));
    }
    if length > max {
        let bound = format!("Member must have length less than or equal to {max}");
        // A value is repeated as long as it is one that somebody may want to read.
        let shown = text.len() <= MAX_SHOWN;
        return Err(if shown { constraint(text, member, &bound) } else { constraint_unseen(member, &bound) });
    }
    Ok(())
}

/// Bytes of the longest value that a refusal repeats.
const MAX_SHOWN: usize = 10_000;

/// A number within `min..=max`.
///
/// # Errors
/// `ValidationException`.
pub fn range(value: i64, member: &str, min: i64, max: i64) -> Result<usize, Error> {
    if value < min {
        return Err(constraint(value, member, &format!("Member must have value greater than or equal to {min}")));
    }
    if value > max {
        return Err(constraint(value, member, &format!("Member must have value less than or equal to {max}")));
    }
    Ok(usize::try_from(value).expect("limits of the API are small and not negative"))
}

/// One of a set of names.
///
/// # Errors
/// `ValidationException`.
pub fn member_of(value: &str, member: &str, set: &[&str]) -> Result<(), Error> {
    named(value, member, set, |value| set.contains(&value).then_some(()))
}

/// What one of a set of names stands for.
///
/// # Errors
/// `ValidationException`.
pub fn named<T>(value: &str, member: &str, set: &[&str], parse: impl FnOnce(&str) -> Option<T>) -> Result<T, Error> {
    parse(value)
        .ok_or_else(|| constraint(value, member, &format!("Member must satisfy enum value set: [{}]", set.join(", "))))
}

/// A text of the characters that `fits` accepts; `pattern` is how AWS writes them.
///
/// # Errors
/// `ValidationException`.
pub fn pattern(text: &str, member: &str, pattern: &str, fits: impl Fn(char) -> bool) -> Result<(), Error> {
    if !text.is_empty() && text.chars().all(fits) {
        return Ok(());
    }
    Err(constraint(text, member, &format!("Member must satisfy regular expression pattern: {pattern}")))
}

/// The name that a `Marker` stands for.
///
/// # Errors
/// `InvalidMarkerException` for what no answer gave.
pub fn marker(text: &str) -> Result<String, Error> {
    let refused = || refused("InvalidMarkerException", "Could not deserialize token");
    let bytes = URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| !bytes.is_empty()).ok_or_else(refused)?;
    String::from_utf8(bytes).map_err(|_| refused())
}

/// The `Marker` of what follows the item of this name.
#[must_use]
pub fn marker_behind(name: &str) -> String {
    URL_SAFE_NO_PAD.encode(name)
}

/// `KeyId` members: 1 to 2,048 characters.
///
/// # Errors
/// `ValidationException`.
pub fn key_id(text: &str, member: &str) -> Result<(), Error> {
    length(text, member, 1, 2048)
}

/// `GrantTokens` members: up to 10 of 1 to 8,192 characters.
///
/// # Errors
/// `ValidationException`.
pub fn grant_tokens(tokens: &[String]) -> Result<(), Error> {
    if tokens.len() > 10 {
        return Err(constraint_unseen("grantTokens", "Member must have length less than or equal to 10"));
    }
    // Who reads a token can use it: none is repeated.
    let fits = |token: &String| (1..=8192).contains(&token.chars().count());
    if tokens.iter().all(fits) {
        return Ok(());
    }
    Err(constraint_unseen(
        "grantTokens",
        "Member must satisfy constraint: [Member must have length less than or equal to 8192, Member must have length greater than or equal to 1]",
    ))
}

/// `[a-zA-Z0-9:/_-]`, of aliases and grant names.
#[must_use]
pub fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, ':' | '/' | '_' | '-')
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn refusals_use_the_words_of_the_api() {
        assert_eq!(
            range(1025, "numberOfBytes", 1, 1024).unwrap_err().to_string(),
            "1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024"
        );
        assert_eq!(
            member_of("AES_1", "keySpec", &["AES_256", "AES_128"]).unwrap_err().to_string(),
            "1 validation error detected: Value 'AES_1' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: [AES_256, AES_128]"
        );
        assert_eq!(length("", "keyId", 1, 2048).unwrap_err().code(), "ValidationException");
        assert_eq!(
            length("three", "tags.1.member.tagKey", 1, 2).unwrap_err().to_string(),
            "1 validation error detected: Value 'three' at 'tags.1.member.tagKey' failed to satisfy constraint: Member must have length less than or equal to 2"
        );
        assert_eq!(
            length(&"long".repeat(2501), "policy", 1, 2048).unwrap_err().to_string(),
            "1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must have length less than or equal to 2048"
        );
    }

    #[test]
    fn bounds_are_inclusive() {
        assert_eq!(range(1, "n", 1, 10).unwrap(), 1);
        assert_eq!(range(10, "n", 1, 10).unwrap(), 10);
        for n in [0, -1, 11, i64::MIN, i64::MAX] {
            assert!(range(n, "n", 1, 10).is_err(), "{n}");
        }
        assert!(length(&"é".repeat(4), "t", 1, 4).is_ok(), "characters, not bytes");
        assert!(length("12345", "t", 1, 4).is_err());
        assert!(grant_tokens(&vec!["t".to_owned(); 11]).is_err());
    }
}
