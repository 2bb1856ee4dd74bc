//! Limits and names of the KMS API, refused in AWS's words.

use arqueta_kms::Error;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub(super) use arqueta_keys::limits::{constraint, constraint_unseen, invalid, length, pattern, refused, unsupported};

/// A number within `min..=max`.
pub(super) fn range(value: i64, member: &str, min: i64, max: i64) -> Result<usize, Error> {
    if value < min {
        return Err(constraint(value, member, &format!("Member must have value greater than or equal to {min}")));
    }
    if value > max {
        return Err(constraint(value, member, &format!("Member must have value less than or equal to {max}")));
    }
    Ok(usize::try_from(value).expect("limits of the API are small and not negative"))
}

/// One of a set of names.
pub(super) fn member_of(value: &str, member: &str, set: &[&str]) -> Result<(), Error> {
    named(value, member, set, |value| set.contains(&value).then_some(()))
}

/// What one of a set of names stands for.
pub(super) fn named<T>(
    value: &str,
    member: &str,
    set: &[&str],
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Error> {
    parse(value)
        .ok_or_else(|| constraint(value, member, &format!("Member must satisfy enum value set: [{}]", set.join(", "))))
}

/// The name that a `Marker` stands for.
pub(super) fn marker(text: &str) -> Result<String, Error> {
    let refused = || refused("InvalidMarkerException", "Could not deserialize token");
    let bytes = URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| !bytes.is_empty()).ok_or_else(refused)?;
    String::from_utf8(bytes).map_err(|_| refused())
}

/// The `Marker` of what follows the item of this name.
pub(super) fn marker_behind(name: &str) -> String {
    URL_SAFE_NO_PAD.encode(name)
}

/// `GrantTokens` members: up to 10 of 1 to 8,192 characters.
pub(super) fn grant_tokens(tokens: &[String]) -> Result<(), Error> {
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
pub(super) fn is_name_char(c: char) -> bool {
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
    }

    #[test]
    fn bounds_are_inclusive() {
        assert_eq!(range(1, "n", 1, 10).unwrap(), 1);
        assert_eq!(range(10, "n", 1, 10).unwrap(), 10);
        for n in [0, -1, 11, i64::MIN, i64::MAX] {
            assert!(range(n, "n", 1, 10).is_err(), "{n}");
        }
        assert!(grant_tokens(&vec!["t".to_owned(); 11]).is_err());
    }

    #[test]
    fn a_marker_leads_back_and_foreign_ones_are_refused() {
        assert_eq!(marker(&marker_behind("alias/a")).unwrap(), "alias/a");
        for text in ["", "!", "a", "_w"] {
            assert_eq!(marker(text).unwrap_err().code(), "InvalidMarkerException", "{text}");
        }
    }
}
