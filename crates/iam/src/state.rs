//! What all roles of the identity service stand on.

use std::fmt;
use std::sync::Arc;

use arqueta_model::{AccountId, Clock};
use arqueta_store::MetaStore;
use tokio::sync::Semaphore;

use crate::directory::Directory;
use crate::known::Credentials;
use crate::oidc::{IssuerDocuments, Issuers};
use crate::record::Named;
use crate::{Error, Secret, SecretSealer};

/// Simulations that run at once; others wait.
const SIMULATIONS: usize = 2;

/// Root credentials given by the operator.
#[derive(Debug)]
pub struct RootKey {
    /// 3 to 128 of `A-Za-z0-9` and `_+=,.@-`: it becomes part of a credential scope.
    pub access_key_id: String,
    /// At least 8 characters.
    pub secret: Secret,
}

/// Records, secrets and what is remembered of them.
pub(crate) struct State {
    pub(crate) directory: Arc<Directory>,
    pub(crate) sealer: Arc<dyn SecretSealer>,
    pub(crate) credentials: Credentials,
    pub(crate) issuers: Issuers,
    pub(crate) simulations: Arc<Semaphore>,
    pub(crate) configured_root: Option<(AccountId, Arc<RootKey>)>,
}

impl State {
    pub(crate) fn new(
        meta: Arc<dyn MetaStore>,
        clock: Arc<dyn Clock>,
        sealer: Arc<dyn SecretSealer>,
        configured_root: Option<(AccountId, Arc<RootKey>)>,
    ) -> Self {
        Self {
            directory: Arc::new(Directory::new(meta, clock)),
            sealer,
            credentials: Credentials::new(),
            issuers: Issuers::new(None),
            simulations: Arc::new(Semaphore::new(SIMULATIONS)),
            configured_root,
        }
    }

    /// Fetches the documents of identity providers from `documents`; without, none can be reached.
    pub(crate) fn with_issuers(self, documents: Arc<dyn IssuerDocuments>) -> Self {
        Self { issuers: Issuers::new(Some(documents)), ..self }
    }

    /// A record that must exist.
    pub(crate) async fn existing<R: Named>(&self, account: &AccountId, name: &str) -> Result<R, Error> {
        self.directory.find(account, name).await?.ok_or_else(|| missing::<R>(name))
    }

    /// Fails if the name is taken.
    pub(crate) async fn require_free<R: Named>(&self, account: &AccountId, name: &str) -> Result<(), Error> {
        match self.directory.find::<R>(account, name).await? {
            None => Ok(()),
            Some(_) if R::LETTER == 'p' => Err(Error::EntityAlreadyExists {
                message: format!("A policy called {name} already exists. Duplicate names are not allowed."),
            }),
            Some(_) => {
                Err(Error::EntityAlreadyExists { message: format!("{} with name {name} already exists.", noun::<R>()) })
            }
        }
    }
}

fn noun<R: Named>() -> &'static str {
    match R::LETTER {
        'u' => "User",
        'g' => "Group",
        'r' => "Role",
        _ => "Policy",
    }
}

fn missing<R: Named>(name: &str) -> Error {
    Error::no_such(format!("The {} with name {name} cannot be found.", noun::<R>().to_lowercase()))
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("generation", &self.directory.generation()).finish_non_exhaustive()
    }
}
