//! Identifiers in AWS's forms (IAM User Guide, "IAM identifiers").

use arqueta_model::random::fill;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::Secret;

/// What a unique id or access key id belongs to, told by its first four letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prefix {
    User,
    Group,
    Role,
    Policy,
    InstanceProfile,
    AccessKey,
    TemporaryAccessKey,
}

impl Prefix {
    const fn letters(self) -> &'static str {
        match self {
            Self::User => "AIDA",
            Self::Group => "AGPA",
            Self::Role => "AROA",
            Self::Policy => "ANPA",
            Self::InstanceProfile => "AIPA",
            Self::AccessKey => "AKIA",
            Self::TemporaryAccessKey => "ASIA",
        }
    }

    /// Letters after the prefix: 21 characters for unique ids, 20 for access keys, as in AWS.
    const fn tail(self) -> usize {
        match self {
            Self::AccessKey | Self::TemporaryAccessKey => 16,
            _ => 17,
        }
    }
}

/// A fresh id: 80 or 85 random bits.
pub(crate) fn fresh(prefix: Prefix) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bytes = [0u8; 17];
    fill(&mut bytes);
    let tail = bytes[..prefix.tail()].iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    prefix.letters().chars().chain(tail).collect()
}

pub(crate) fn is_temporary(access_key_id: &str) -> bool {
    access_key_id.starts_with(Prefix::TemporaryAccessKey.letters())
}

/// A fresh secret access key: 240 random bits as 40 characters.
pub(crate) fn fresh_secret() -> Secret {
    let mut bytes = Zeroizing::new([0u8; 30]);
    fill(&mut *bytes);
    Secret::new(STANDARD.encode(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_those_of_aws() {
        for (prefix, length) in [(Prefix::User, 21), (Prefix::AccessKey, 20), (Prefix::TemporaryAccessKey, 20)] {
            let id = fresh(prefix);
            assert_eq!(id.len(), length, "{id}");
            assert_ne!(id, fresh(prefix));
        }
        assert_eq!(fresh_secret().expose().len(), 40);
        assert!(is_temporary(&fresh(Prefix::TemporaryAccessKey)) && !is_temporary(&fresh(Prefix::AccessKey)));
    }
}
