//! A subject of NATS JetStream: an event is one message, acknowledged by the stream, which knows a
//! repetition by its id.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use arqueta_remote::{Secret, SetupError, client_config};
use async_nats::jetstream::Context;
use async_nats::{ConnectOptions, HeaderMap};
use async_trait::async_trait;
use tokio::sync::Mutex;

use crate::message::Message;
use crate::target::{Failure, Target};

/// Where a stream is.
#[derive(Debug, Clone)]
pub struct JetStreamSettings {
    /// `nats://host:4222`, or `tls://host:4222`
    pub url: String,
    /// The subject that is published to; a stream has to take it.
    pub subject: String,
    /// User.
    pub user: Option<String>,
    /// Its password, or a token where there is no user.
    pub password: Option<Secret>,
    /// PEM file of the certificate authority; the system's if absent.
    pub ca: Option<PathBuf>,
    /// How long connecting may take.
    pub connect: Duration,
}

/// A subject of NATS JetStream.
pub struct JetStream {
    settings: JetStreamSettings,
    context: Mutex<Option<Context>>,
}

impl fmt::Debug for JetStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JetStream").field("subject", &self.settings.subject).finish_non_exhaustive()
    }
}

impl JetStream {
    /// Nothing is connected yet.
    ///
    /// # Errors
    /// [`SetupError`] for an address that is none, and secrets and files that cannot be read.
    pub fn new(settings: JetStreamSettings) -> Result<Self, SetupError> {
        let host = settings.url.strip_prefix("nats://").or_else(|| settings.url.strip_prefix("tls://"));
        if host.is_none_or(|host| host.is_empty() || host.contains(['/', '@', '?', '#', ' '])) {
            return Err(SetupError::Value("url"));
        }
        let subject = &settings.subject;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if subject.is_empty() || !subject.chars().all(plain) || subject.split('.').any(str::is_empty) {
            return Err(SetupError::Value("subject"));
        }
        if let Some(password) = &settings.password {
            password.read()?;
        }
        client_config(settings.ca.as_deref())?;
        Ok(Self { settings, context: Mutex::default() })
    }

    async fn connected(&self) -> Result<Context, Failure> {
        let mut slot = self.context.lock().await;
        if let Some(context) = &*slot {
            return Ok(context.clone());
        }
        let of = &self.settings;
        let mut options = ConnectOptions::new().name("arqueta").connection_timeout(of.connect);
        if of.url.starts_with("tls://") {
            let config = client_config(of.ca.as_deref()).map_err(|error| Failure::unavailable(&error))?;
            options = options.require_tls(true).tls_client_config(config);
        }
        if let Some(password) = &of.password {
            let password = password.read().map_err(|error| Failure::unavailable(&error))?.to_string();
            options = match &of.user {
                Some(user) => options.user_and_password(user.clone(), password),
                None => options.token(password),
            };
        }
        let client = options.connect(of.url.as_str()).await.map_err(|error| Failure::unavailable(&error))?;
        let mut context = async_nats::jetstream::new(client);
        context.set_timeout(Duration::from_secs(5));
        *slot = Some(context.clone());
        Ok(context)
    }

    async fn publish(&self, message: &Message) -> Result<(), Failure> {
        let context = self.connected().await?;
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", message.id.as_str());
        headers.insert("Arqueta-Event", message.event);
        let sent = context.publish_with_headers(self.settings.subject.clone(), headers, message.body.clone()).await;
        let acknowledged = sent.map_err(|error| Failure::unavailable(&error))?;
        acknowledged.await.map(drop).map_err(|error| Failure::unavailable(&error))
    }
}

#[async_trait]
impl Target for JetStream {
    async fn send(&self, message: &Message) -> Result<(), Failure> {
        let published = self.publish(message).await;
        if published.is_err() {
            // Whatever it was, the next one begins anew.
            *self.context.lock().await = None;
        }
        published
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_subjects_are_checked_at_the_start() {
        let at = |url: &str, subject: &str| {
            JetStream::new(JetStreamSettings {
                url: url.to_owned(),
                subject: subject.to_owned(),
                user: None,
                password: None,
                ca: None,
                connect: Duration::from_secs(1),
            })
        };
        at("nats://127.0.0.1:4222", "s3.events").unwrap();
        for (url, subject) in [
            ("127.0.0.1:4222", "s3"),
            ("nats://", "s3"),
            ("nats://user:secret@host:1", "s3"),
            ("http://host:1", "s3"),
            ("nats://host:1", ""),
            ("nats://host:1", "s3.*"),
            ("nats://host:1", "s3..events"),
            ("nats://host:1", ">"),
        ] {
            assert!(at(url, subject).is_err(), "{url} {subject}");
        }
    }
}
