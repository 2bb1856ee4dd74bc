//! Whose turn it is. One gateway serves a store.
//!
//! A lock that a connection holds says that somebody serves; it ends with that connection, so that a gateway
//! that died is followed at once, and one that is only paused is not. That lock can be lost while its gateway
//! lives (the server was started again, a network was cut), so nothing rests on it: whoever takes over raises
//! the token and removes the rows of `sessions`. From then on no connection of the one before commits, however
//! late its batch comes, and its reads are refused, for every read asks for the token in the same snapshot.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use arqueta_model::with_causes;
use arqueta_store::Error;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;

use crate::OpenError;
use crate::connect::connect;
use crate::error::failed;
use crate::schema::{SERVING, migrate, number};
use crate::settings::Settings;

/// How often the connection with the lock is looked after, and tried to be had back.
const LOOK: Duration = Duration::from_secs(1);

/// A turn.
pub(crate) struct Tenure {
    pub(crate) token: i64,
    pub(crate) store: String,
    pub(crate) bound: bool,
    keeper: JoinHandle<()>,
}

impl Drop for Tenure {
    /// Ends the connection that has the lock.
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl Tenure {
    /// Brings the schema forward, and begins a turn, if nobody else serves.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(crate) async fn begin(settings: &Arc<Settings>, holder: &str) -> Result<Self, OpenError> {
        let unusable = |source: Error| OpenError::Unusable { place: settings.place(), source };
        if settings.is_tls() && settings.tls().is_none() {
            return Err(OpenError::NoTrust { place: settings.place() });
        }
        let mut client = connect(settings).await.map_err(unusable)?;
        migrate(&mut client, settings).await?;
        let until = Instant::now() + settings.limits().succession;
        while !lock(&client, settings).await.map_err(unusable)? {
            if Instant::now() >= until {
                let holder = holder_of(&client).await.map_err(unusable)?;
                return Err(OpenError::InUse { place: settings.place(), holder });
            }
            sleep(Duration::from_millis(100)).await;
        }
        let (token, store, bound) = take_over(&mut client, holder).await.map_err(|error| unusable(failed(&error)))?;
        let keeper = tokio::spawn(keep(client, settings.clone(), token));
        Ok(Self { token, store, bound, keeper })
    }
}

async fn lock(client: &Client, settings: &Settings) -> Result<bool, Error> {
    let row = client.query_one("SELECT pg_try_advisory_lock($1, $2)", &[&SERVING, &number(settings.schema())]).await;
    row.and_then(|row| row.try_get(0)).map_err(|error| failed(&error))
}

async fn holder_of(client: &Client) -> Result<String, Error> {
    let text = "SELECT holder || ', since ' || to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM gateway";
    let row = client.query_one(text, &[]).await;
    row.and_then(|row| row.try_get(0)).map_err(|error| failed(&error))
}

/// What was on its way before has happened when this returns, or never will.
async fn take_over(client: &mut Client, holder: &str) -> Result<(i64, String, bool), tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    // First the row that new connections ask for under a lock of its own, then the rows of those that are.
    let text = "UPDATE gateway SET token = token + 1, holder = $1, since = now() RETURNING token, store, bound";
    let row = transaction.query_one(text, &[&holder]).await?;
    transaction.execute("DELETE FROM sessions", &[]).await?;
    transaction.commit().await?;
    Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
}

/// Holds the lock, and has it back after its connection broke, until another one took over.
async fn keep(client: Client, settings: Arc<Settings>, token: i64) {
    let mut client = Some(client);
    loop {
        sleep(LOOK).await;
        let looked = timeout(settings.limits().statement, look(client.take(), &settings, token)).await;
        match looked {
            Ok(Ok(Some(held))) => client = Some(held),
            Ok(Ok(None)) => {
                tracing::error!(
                    place = settings.place(),
                    "another gateway has taken over the metadata: this one reads and writes nothing any more; stop it"
                );
                return;
            }
            Ok(Err(error)) => tracing::warn!(
                error = with_causes(&error),
                "the connection that says who serves is broken; trying again"
            ),
            Err(_) => tracing::warn!("the connection that says who serves gives no answer; trying again"),
        }
    }
}

/// The connection with the lock; `None` once it is another's turn.
async fn look(held: Option<Client>, settings: &Settings, token: i64) -> Result<Option<Client>, Error> {
    let (client, locked) = match held {
        Some(client) => (client, true),
        None => {
            let client = connect(settings).await?;
            let locked = lock(&client, settings).await?;
            (client, locked)
        }
    };
    let row = client.query_one("SELECT token = $1 FROM gateway", &[&token]).await;
    let mine: bool = row.and_then(|row| row.try_get(0)).map_err(|error| failed(&error))?;
    match (mine, locked) {
        (false, _) => Ok(None),
        (true, true) => Ok(Some(client)),
        // Who has it now is about to take over, or to end.
        (true, false) => {
            Err(io::Error::new(io::ErrorKind::ResourceBusy, "another gateway has the lock of the metadata").into())
        }
    }
}
