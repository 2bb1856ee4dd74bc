//! A table of PostgreSQL: an event is one row, and a repetition none.
//!
//! ```sql
//! CREATE TABLE s3_events (
//!     id text PRIMARY KEY, event text NOT NULL, bucket text NOT NULL, key text NOT NULL,
//!     record jsonb NOT NULL, received timestamptz NOT NULL DEFAULT now());
//! ```

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arqueta_remote::{Secret, SetupError, client_config};
use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::message::Message;
use crate::target::{Failure, Target};

/// Where a table is.
#[derive(Debug, Clone)]
pub struct TableSettings {
    /// Host.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Database.
    pub database: String,
    /// The table, with its schema or without.
    pub table: String,
    /// User.
    pub user: String,
    /// Its password.
    pub password: Option<Secret>,
    /// Whether the connection is TLS.
    pub tls: bool,
    /// PEM file of the certificate authority; the system's if absent.
    pub ca: Option<PathBuf>,
    /// How long connecting may take.
    pub connect: Duration,
}

/// A table of PostgreSQL.
pub struct Table {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    password: Option<Secret>,
    insert: String,
    connection: Mutex<Option<Arc<Connected>>>,
}

struct Connected {
    client: Client,
    insert: Statement,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("insert", &self.insert).finish_non_exhaustive()
    }
}

impl Table {
    /// Nothing is connected yet.
    ///
    /// # Errors
    /// [`SetupError`] for a name that is none, and secrets and files that cannot be read.
    pub fn new(settings: TableSettings) -> Result<Self, SetupError> {
        let TableSettings { host, port, database, table, user, password, tls, ca, connect } = settings;
        if let Some(password) = &password {
            password.read()?;
        }
        let insert = format!(
            "INSERT INTO {} (id, event, bucket, key, record) VALUES ($1, $2, $3, $4, $5::text::jsonb) \
             ON CONFLICT (id) DO NOTHING",
            quoted(&table)?
        );
        let mut config = Config::new();
        config.host(host).port(port).dbname(database).user(user).application_name("arqueta").connect_timeout(connect);
        config.ssl_mode(if tls { SslMode::Require } else { SslMode::Disable });
        let tls = tls.then(|| client_config(ca.as_deref())).transpose()?.map(MakeRustlsConnect::new);
        Ok(Self { config, tls, password, insert, connection: Mutex::default() })
    }

    async fn connected(&self) -> Result<Arc<Connected>, Failure> {
        let mut slot = self.connection.lock().await;
        if let Some(connected) = slot.as_ref().filter(|connected| !connected.client.is_closed()) {
            return Ok(connected.clone());
        }
        let mut config = self.config.clone();
        if let Some(password) = &self.password {
            config.password(password.read().map_err(|error| Failure::unavailable(&error))?.as_bytes());
        }
        // The connection ends with its client.
        let client = match &self.tls {
            Some(tls) => {
                let (client, connection) = config.connect(tls.clone()).await.map_err(|error| failed(&error))?;
                tokio::spawn(async move { drop(connection.await) });
                client
            }
            None => {
                let (client, connection) = config.connect(NoTls).await.map_err(|error| failed(&error))?;
                tokio::spawn(async move { drop(connection.await) });
                client
            }
        };
        let insert = client.prepare(&self.insert).await.map_err(|error| failed(&error))?;
        let connected = Arc::new(Connected { client, insert });
        *slot = Some(connected.clone());
        Ok(connected)
    }
}

/// A table's name as SQL has it: words of letters, digits and underscores with a dot between.
fn quoted(table: &str) -> Result<String, SetupError> {
    let word = |word: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        (!word.is_empty() && word.len() <= 63 && word.chars().all(plain)).then(|| format!("\"{word}\""))
    };
    let words: Option<Vec<_>> = table.split('.').map(word).collect();
    words.filter(|words| words.len() <= 2).map(|words| words.join(".")).ok_or(SetupError::Value("table"))
}

/// What is wrong with the row is that event's; everything else is the server's.
fn failed(error: &tokio_postgres::Error) -> Failure {
    let Some(code) = error.code().map(SqlState::code) else { return Failure::unavailable(error) };
    match code.get(..2) {
        Some("22" | "23") => Failure::Refused(format!("SQLSTATE {code}")),
        _ => Failure::Unavailable(format!("SQLSTATE {code}")),
    }
}

#[async_trait]
impl Target for Table {
    async fn send(&self, message: &Message) -> Result<(), Failure> {
        let connected = self.connected().await?;
        let body = String::from_utf8_lossy(&message.body).into_owned();
        let row: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&message.id, &message.event, &message.bucket, &message.key, &body];
        let inserted = connected.client.execute(&connected.insert, &row).await;
        let failure = inserted.map(drop).map_err(|error| failed(&error));
        if matches!(failure, Err(Failure::Unavailable(_))) {
            // The table may be another one by now: the statement is prepared anew.
            *self.connection.lock().await = None;
        }
        failure
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_name_and_perhaps_a_schema() {
        assert_eq!(quoted("events").unwrap(), "\"events\"");
        assert_eq!(quoted("audit.Events_1").unwrap(), "\"audit\".\"Events_1\"");
        for table in ["", ".", "a.", "a.b.c", "a b", "a;--", "a\"b", "ä"] {
            assert!(quoted(table).is_err(), "{table}");
        }
    }
}
