//! Refusals in AWS's words, for this service and the protocols in front of it.

use arqueta_kms::Error;

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

/// `KeyId` members: 1 to 2,048 characters.
///
/// # Errors
/// `ValidationException`.
pub(crate) fn key_id(text: &str, member: &str) -> Result<(), Error> {
    length(text, member, 1, 2048)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn refusals_use_the_words_of_the_api() {
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
        assert!(length(&"\u{e9}".repeat(4), "t", 1, 4).is_ok(), "characters, not bytes");
        assert!(length("12345", "t", 1, 4).is_err());
    }
}
