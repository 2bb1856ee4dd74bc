//! A root key wrapped under a key in tokens, or at an external key service.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arqueta_kms::{HolderError, KeyHolder, Use};
use arqueta_kms::{RootKeyError, RootSecret};
use arqueta_model::{EncryptionContext, KeyArn, RequestId};

/// What the holder's own policies and record know the call by.
const PURPOSE: (&str, &str) = ("arqueta:purpose", "root-key");

/// The key that wraps the root key, and who holds it.
#[derive(Clone)]
pub struct HeldBy {
    /// Name of the holder: a cluster's id, or a back end's name. Stored with the wrapped key.
    pub holder: String,
    /// The holder.
    pub through: Arc<dyn KeyHolder>,
    /// Name of the key there; made there when it is first needed if absent.
    pub key: Option<String>,
    /// What a key that is made there is called.
    pub made_for: KeyArn,
}

impl fmt::Debug for HeldBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldBy").field("holder", &self.holder).field("key", &self.key).finish_non_exhaustive()
    }
}

impl HeldBy {
    /// The key to wrap under.
    pub(super) async fn key(&self) -> Result<String, RootKeyError> {
        match &self.key {
            Some(key) => Ok(key.clone()),
            None => self.through.create(&self.made_for).await.map_err(|error| self.failed(error)),
        }
    }

    pub(super) async fn wrap(&self, name: &str, root: &RootSecret, aad: &[u8]) -> Result<Vec<u8>, RootKeyError> {
        let (request, context) = (RequestId::random(), context());
        let of = Use { name, request: &request, context: &context };
        self.through.encrypt(&of, root.expose(), aad).await.map_err(|error| self.failed(error))
    }

    /// `None` for what this key did not wrap.
    pub(super) async fn unwrap(
        &self,
        name: &str,
        sealed: &[u8],
        aad: &[u8],
    ) -> Result<Option<RootSecret>, RootKeyError> {
        let (request, context) = (RequestId::random(), context());
        let of = Use { name, request: &request, context: &context };
        match self.through.decrypt(&of, sealed, aad).await {
            Ok(bytes) => Ok(bytes[..].try_into().ok().map(RootSecret::from_bytes)),
            Err(HolderError::NotAuthentic) => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    fn failed(&self, source: HolderError) -> RootKeyError {
        RootKeyError::Holder { holder: self.holder.clone(), source }
    }
}

fn context() -> EncryptionContext {
    let pair = BTreeMap::from([(PURPOSE.0.to_owned(), PURPOSE.1.to_owned())]);
    EncryptionContext::new(pair).expect("one pair of short words is a context")
}
