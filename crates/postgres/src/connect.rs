//! One connection to the server.

use std::io;

use arqueta_store::Error;
use tokio_postgres::{Client, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{failed, late};
use crate::settings::Settings;

/// A connection with the session's settings. It ends with its client.
///
/// # Errors
/// [`Error::Io`] where nobody answers; what the server refuses.
pub(crate) async fn connect(settings: &Settings) -> Result<Client, Error> {
    let config = settings.session()?;
    // Each host has its time; who does not speak PostgreSQL must not take for ever either.
    let limit = settings.limits().connect * (u32::try_from(config.get_hosts().len()).unwrap_or(u32::MAX) + 1);
    let connected = async {
        if !settings.is_tls() {
            let (client, connection) = config.connect(NoTls).await?;
            tokio::spawn(async move { drop(connection.await) });
            return Ok::<_, tokio_postgres::Error>(Some(client));
        }
        let Some(tls) = settings.tls() else { return Ok(None) };
        let (client, connection) = config.connect(MakeRustlsConnect::new(tls.clone())).await?;
        tokio::spawn(async move { drop(connection.await) });
        Ok(Some(client))
    };
    let connected = tokio::time::timeout(limit, connected).await.map_err(|_| late("no connection", limit))?;
    let untrusted = || io::Error::new(io::ErrorKind::InvalidInput, "TLS is asked for, and nobody is trusted");
    let client = connected.map_err(|error| failed(&error))?.ok_or_else(untrusted)?;
    // An acknowledgement says that it is durable, whatever the server does for others.
    let durable =
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";
    client.query(durable, &[]).await.map_err(|error| failed(&error))?;
    Ok(client)
}
