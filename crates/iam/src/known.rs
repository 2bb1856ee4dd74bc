//! Credentials as they are remembered.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use arqueta_model::Timestamp;
use arqueta_policy::Identity;
use moka::sync::Cache;

use crate::{Error, Secret};

/// Credentials remembered at once.
const CAPACITY: u64 = 10_000;

/// What a request's signature is verified with, and whom it then acts as.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The secret access key.
    pub secret: Arc<Secret>,
    /// The identity, with every policy that applies to it.
    pub identity: Arc<Identity>,
}

/// Remembered credentials.
pub(crate) struct Credentials {
    pub(crate) known: Cache<String, Arc<Known>>,
}

/// What is remembered of one access key id.
pub(crate) struct Known {
    pub(crate) credential: Credential,
    /// Good while nothing has changed since.
    pub(crate) generation: u64,
    /// Of temporary credentials.
    pub(crate) session: Option<(Box<str>, Timestamp)>,
    /// When the last use was written down, milliseconds.
    pub(crate) noted: AtomicI64,
    /// What the use is written down for: the access key, or the role behind a session.
    pub(crate) used: Option<String>,
}

impl Known {
    /// Whether the request shows the token that the credentials came with, unexpired.
    pub(crate) fn admits(&self, token: Option<&str>, now: Timestamp) -> Result<(), Error> {
        match (&self.session, token) {
            (None, None) => Ok(()),
            (Some(_), None) => Err(Error::UnknownAccessKey),
            // Not in constant time: the token alone signs nothing.
            (Some((own, expires)), Some(given)) if **own == *given => {
                if now < *expires {
                    Ok(())
                } else {
                    Err(Error::ExpiredToken)
                }
            }
            _ => Err(Error::InvalidToken),
        }
    }
}

impl Credentials {
    pub(crate) fn new() -> Self {
        Self { known: Cache::new(CAPACITY) }
    }
}
