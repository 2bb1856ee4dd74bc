//! Connecting custom key stores to their clusters, and letting go.

use arqueta_call::Kms;
use arqueta_kms::Error;
use arqueta_seal::message;

use super::administer::cluster_of;
use super::{invalid_state, password_aad, store_of};
use crate::Embedded;
use crate::api::{ConnectCustomKeyStoreRequest, DisconnectCustomKeyStoreRequest, Empty};
use crate::call::{Call, Operation};
use crate::decide::access::authorize_account;
use crate::decide::ask::Ask;
use crate::key::link::Store;
use crate::schema::{Connection, ConnectionError};
use crate::state::change::Change;

/// `ConnectCustomKeyStore`. Returns at once; `DescribeCustomKeyStores` tells how it ended.
impl Operation for ConnectCustomKeyStoreRequest {
    type Answer = Empty;
    const OPERATION: Kms = Kms::ConnectCustomKeyStore;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let _turn = service.turn().await?;
        authorize_account(service, Ask::new(call.caller, Kms::ConnectCustomKeyStore), "*")?;
        let store = store_of(service, &call.caller.identity.principal.account, &self.custom_key_store_id)?;
        if store.link.state() != "DISCONNECTED" {
            return Err(invalid_state(&store, "must be disconnected to be connected"));
        }
        let handle = service.clone();
        call.afterwards(async move {
            store.link.set_connecting();
            tokio::spawn(async move {
                if let Err(error) = settle(&handle, &store).await {
                    tracing::error!(%error, store = store.record.id, "the outcome of a connection cannot be stored");
                    store.link.follow(&store.record);
                }
            });
        });
        Ok(Empty {})
    }
}

async fn settle(service: &Embedded, store: &Store) -> Result<(), Error> {
    let turn = service.turn().await?;
    let current = store_of(service, &store.record.account, &store.record.id)?;
    if current.link.state() != "CONNECTING" {
        return Ok(());
    }
    let mut record = current.record.clone();
    record.connection = match trial(service, &current) {
        Ok(()) => Connection::Connected,
        Err(code) => Connection::Failed(code),
    };
    service.commit(turn, vec![Change::Store(record)]).await
}

/// Whether the store can be connected, by what its cluster says.
fn trial(service: &Embedded, store: &Store) -> Result<(), ConnectionError> {
    let record = &store.record;
    let cluster = cluster_of(service, &record.cluster).map_err(|_| ConnectionError::ClusterNotFound)?;
    if cluster.tokens() < 2 || !cluster.is_available() {
        return Err(ConnectionError::InsufficientHsms);
    }
    let aad = password_aad(&record.account, &record.id);
    let password = message::open(service.state.root.expose(), &aad, &record.password);
    match password {
        Ok(password) if cluster.accepts(&password) => Ok(()),
        Ok(_) => Err(ConnectionError::InvalidCredentials),
        Err(_) => Err(ConnectionError::InternalError),
    }
}

/// `DisconnectCustomKeyStore`. Its keys cannot be used from now on; they are left in the cluster.
impl Operation for DisconnectCustomKeyStoreRequest {
    type Answer = Empty;
    const OPERATION: Kms = Kms::DisconnectCustomKeyStore;

    async fn perform(self, service: &Embedded, call: &mut Call<'_>) -> Result<Self::Answer, Error> {
        let turn = service.turn().await?;
        authorize_account(service, Ask::new(call.caller, Kms::DisconnectCustomKeyStore), "*")?;
        let store = store_of(service, &call.caller.identity.principal.account, &self.custom_key_store_id)?;
        if store.link.state() == "DISCONNECTED" {
            return Err(invalid_state(&store, "is disconnected already"));
        }
        let mut record = store.record.clone();
        record.connection = Connection::Disconnected;
        service.commit(turn, vec![Change::Store(record)]).await?;
        Ok(Empty {})
    }
}
