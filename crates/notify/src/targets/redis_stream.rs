//! A stream of Redis or of what speaks its protocol: an event is one entry.

use std::fmt;

use arqueta_remote::{Secret, SetupError};
use async_trait::async_trait;
use redis::aio::MultiplexedConnection;
use tokio::sync::Mutex;

use crate::message::Message;
use crate::target::{Failure, Target};

/// Where a stream is.
#[derive(Debug, Clone)]
pub struct RedisSettings {
    /// `host:port`
    pub address: String,
    /// The stream's key.
    pub stream: String,
    /// Its database.
    pub database: u32,
    /// User of an access control list; the default one if absent.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// About how many entries are kept; all if absent.
    pub most: Option<u64>,
}

/// A stream of Redis.
pub struct RedisStream {
    client: redis::Client,
    settings: RedisSettings,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl fmt::Debug for RedisStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStream").field("stream", &self.settings.stream).finish_non_exhaustive()
    }
}

impl RedisStream {
    /// Nothing is connected yet.
    ///
    /// # Errors
    /// [`SetupError`] for an address that is none, and a secret that cannot be read.
    pub fn new(settings: RedisSettings) -> Result<Self, SetupError> {
        let address = &settings.address;
        if address.contains(['/', '@', '?', '#', ' ']) || !address.contains(':') {
            return Err(SetupError::Value("address"));
        }
        if let Some(password) = &settings.password {
            password.read()?;
        }
        let client = redis::Client::open(format!("redis://{address}/")).map_err(|_| SetupError::Value("address"))?;
        Ok(Self { client, settings, connection: Mutex::default() })
    }

    /// The connection, or a new one.
    async fn connected(&self) -> Result<MultiplexedConnection, Failure> {
        let mut slot = self.connection.lock().await;
        if let Some(connection) = &*slot {
            return Ok(connection.clone());
        }
        let mut connection = self.client.get_multiplexed_async_connection().await.map_err(|error| failed(&error))?;
        if let Some(password) = &self.settings.password {
            let password = password.read().map_err(|error| Failure::unavailable(&error))?;
            let mut auth = redis::cmd("AUTH");
            if let Some(user) = &self.settings.user {
                auth.arg(user);
            }
            auth.arg(password.as_str());
            auth.query_async::<()>(&mut connection).await.map_err(|error| failed(&error))?;
        }
        if self.settings.database != 0 {
            let mut select = redis::cmd("SELECT");
            select.arg(self.settings.database);
            select.query_async::<()>(&mut connection).await.map_err(|error| failed(&error))?;
        }
        *slot = Some(connection.clone());
        Ok(connection)
    }
}

/// An error of Redis is about the server as a whole: it is full, loading, a replica, or not there.
fn failed(error: &redis::RedisError) -> Failure {
    Failure::Unavailable(error.code().map_or_else(|| format!("{:?}", error.kind()), str::to_owned))
}

#[async_trait]
impl Target for RedisStream {
    async fn send(&self, message: &Message) -> Result<(), Failure> {
        let mut connection = self.connected().await?;
        let mut add = redis::cmd("XADD");
        add.arg(&self.settings.stream);
        if let Some(most) = self.settings.most {
            add.arg("MAXLEN").arg("~").arg(most);
        }
        add.arg("*").arg("id").arg(&message.id).arg("event").arg(message.event);
        add.arg("bucket").arg(&message.bucket).arg("key").arg(&message.key).arg("record").arg(&message.body[..]);
        let added = add.query_async::<String>(&mut connection).await;
        if added.is_err() {
            // Whatever it was, the next one begins anew.
            *self.connection.lock().await = None;
        }
        added.map(drop).map_err(|error| failed(&error))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        let at = |address: &str| {
            RedisStream::new(RedisSettings {
                address: address.to_owned(),
                stream: "events".to_owned(),
                database: 0,
                user: None,
                password: None,
                most: None,
            })
        };
        at("127.0.0.1:6379").unwrap();
        for address in ["", "127.0.0.1", "redis://127.0.0.1:6379", "user:secret@host:1", "host:port"] {
            assert!(at(address).is_err(), "{address}");
        }
    }
}
