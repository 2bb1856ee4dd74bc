//! Keys from passphrases, by Argon2id (RFC 9106).

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use arqueta_kms::RootKeyError;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

const SHORTEST: usize = 12;

/// What a person, or a file that a person wrote, knows. Never an argument of a command: those are
/// seen by every process.
pub struct Passphrase(Zeroizing<Vec<u8>>);

impl Passphrase {
    /// A passphrase of 12 bytes or more. The caller's own copy is the caller's to wipe.
    ///
    /// # Errors
    /// [`RootKeyError::ShortPassphrase`].
    pub fn new(bytes: &[u8]) -> Result<Self, RootKeyError> {
        if bytes.len() < SHORTEST {
            return Err(RootKeyError::ShortPassphrase);
        }
        Ok(Self(Zeroizing::new(bytes.to_vec())))
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

/// What a guess costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argon2Cost {
    /// Memory in KiB, 8,192 to 1,048,576.
    pub memory_kib: u32,
    /// Passes over it, 1 to 32.
    pub iterations: u32,
    /// Lanes, 1 to 16.
    pub lanes: u32,
}

impl Default for Argon2Cost {
    /// RFC 9106, section 4, the second recommended option: 64 MiB, 3 passes, 4 lanes.
    fn default() -> Self {
        Self { memory_kib: 64 << 10, iterations: 3, lanes: 4 }
    }
}

impl Argon2Cost {
    /// Refuses what protects nothing, and what a file could ask for to exhaust this machine.
    ///
    /// # Errors
    /// [`RootKeyError::Cost`].
    pub fn check(self) -> Result<Self, RootKeyError> {
        let sound = (8 << 10..=1 << 20).contains(&self.memory_kib)
            && (1..=32).contains(&self.iterations)
            && (1..=16).contains(&self.lanes);
        if sound { Ok(self) } else { Err(RootKeyError::Cost) }
    }
}

/// How a key came from a passphrase; stored with what it seals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kdf {
    #[serde(with = "serde_bytes")]
    salt: [u8; 32],
    cost: Argon2Cost,
}

impl Kdf {
    /// With a salt of its own.
    ///
    /// # Errors
    /// [`RootKeyError::Cost`].
    pub fn new(cost: Argon2Cost) -> Result<Self, RootKeyError> {
        Ok(Self { salt: *arqueta_seal::SourceKey::random().expose(), cost: cost.check()? })
    }

    /// The key. Takes long on purpose: not on the runtime's threads.
    ///
    /// # Errors
    /// [`RootKeyError::Cost`] for parameters out of bounds.
    pub fn derive(&self, passphrase: &Passphrase) -> Result<Zeroizing<[u8; 32]>, RootKeyError> {
        let Argon2Cost { memory_kib, iterations, lanes } = self.cost.check()?;
        let params = Params::new(memory_kib, iterations, lanes, Some(32)).map_err(|_| RootKeyError::Cost)?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(&passphrase.0, &self.salt, &mut *key)
            .map_err(|_| RootKeyError::Cost)?;
        Ok(key)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const LEAST: Argon2Cost = Argon2Cost { memory_kib: 8 << 10, iterations: 1, lanes: 1 };

    #[test]
    fn a_short_passphrase_is_refused() {
        for short in [&b""[..], b"12345678901"] {
            assert!(matches!(Passphrase::new(short), Err(RootKeyError::ShortPassphrase)));
        }
        assert_eq!(format!("{:?}", Passphrase::new(b"not to be seen").unwrap()), "Passphrase");
    }

    #[test]
    fn costs_out_of_bounds_are_refused() {
        for cost in [
            Argon2Cost { memory_kib: 8191, ..LEAST },
            Argon2Cost { memory_kib: (1 << 20) + 1, ..LEAST },
            Argon2Cost { iterations: 0, ..LEAST },
            Argon2Cost { iterations: 33, ..LEAST },
            Argon2Cost { lanes: 0, ..LEAST },
            Argon2Cost { lanes: 17, ..LEAST },
        ] {
            assert!(matches!(cost.check(), Err(RootKeyError::Cost)), "{cost:?}");
            assert!(Kdf::new(cost).is_err());
            let edited = Kdf { salt: [0; 32], cost };
            assert!(edited.derive(&Passphrase::new(b"long enough for it").unwrap()).is_err(), "{cost:?}");
        }
        assert_eq!(Argon2Cost::default().check().unwrap(), Argon2Cost::default());
    }

    #[test]
    fn another_passphrase_salt_or_cost_gives_another_key() {
        let passphrase = Passphrase::new(b"correct horse battery").unwrap();
        let kdf = Kdf { salt: [1; 32], cost: LEAST };
        let key = kdf.derive(&passphrase).unwrap();
        assert_eq!(*key, *kdf.derive(&passphrase).unwrap());
        assert_ne!(*key, *kdf.derive(&Passphrase::new(b"correct horse batterz").unwrap()).unwrap());
        assert_ne!(*key, *Kdf { salt: [2; 32], ..kdf.clone() }.derive(&passphrase).unwrap());
        let slower = Argon2Cost { iterations: 2, ..LEAST };
        assert_ne!(*key, *Kdf { cost: slower, ..kdf }.derive(&passphrase).unwrap());
    }
}
