//! Keys of the Transit engine of HashiCorp Vault and OpenBao (Vault API, "Transit secrets
//! engine").
//!
//! Only keys with `derived` serve: for them the engine derives a key from the context of each
//! request, so that the additional data, sent as that context, binds the ciphertext.

mod ciphertext;
mod client;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use arqueta_kms::{HolderError, KeyHolder, Use};
use arqueta_model::{KeyArn, ObjectId};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde::Deserialize;
use serde_json::json;
use zeroize::Zeroizing;

use crate::error::{Seen, SetupError};
use client::{Answer, Client};

/// Where the Transit engine is, and who asks.
#[derive(Debug, Clone)]
pub struct VaultSettings {
    /// `https://vault.example.com:8200`.
    pub address: String,
    /// Path of the engine, such as `transit`.
    pub mount: String,
    /// Namespace, where the server has them.
    pub namespace: Option<String>,
    /// File with the token. It is read again when the server refuses the one in use.
    pub token_file: PathBuf,
    /// PEM file of the certificate authority; the system's if absent.
    pub ca: Option<PathBuf>,
    /// How long connecting may take.
    pub connect: Duration,
}

/// Keys of one Transit engine.
pub struct VaultHolder {
    client: Client,
}

impl fmt::Debug for VaultHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VaultHolder")
    }
}

#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

#[derive(Deserialize)]
struct KeyData {
    #[serde(rename = "type")]
    kind: String,
    derived: bool,
    #[serde(default)]
    convergent_encryption: bool,
    #[serde(default)]
    exportable: bool,
}

#[derive(Deserialize)]
struct Encrypted {
    ciphertext: String,
}

#[derive(Deserialize)]
struct Decrypted {
    plaintext: Zeroizing<String>,
}

impl VaultHolder {
    /// A holder; nothing is connected yet. Retries and the time of a call are [`crate::Guarded`]'s.
    ///
    /// # Errors
    /// [`SetupError`] for files that cannot be read, and addresses, paths and tokens that are none.
    pub fn new(settings: &VaultSettings) -> Result<Self, SetupError> {
        Ok(Self { client: Client::new(settings)? })
    }

    async fn post(&self, path: &str, body: &serde_json::Value) -> Result<Answer, HolderError> {
        self.client.send(Method::POST, path, Zeroizing::new(body.to_string().into_bytes()), None).await
    }
}

#[async_trait]
impl KeyHolder for VaultHolder {
    async fn create(&self, key: &KeyArn) -> Result<String, HolderError> {
        let name = format!("arqueta-{}-{}", key.key_id(), ObjectId::random());
        let wanted = json!({ "type": "aes256-gcm96", "derived": true, "exportable": false });
        self.post(&format!("keys/{name}"), &wanted).await?.success()?;
        // Where the engine answers an existing key of that name, or has other ideas, it shows here.
        self.adopt(&name).await?;
        Ok(name)
    }

    async fn adopt(&self, name: &str) -> Result<(), HolderError> {
        let answer = self.client.send(Method::GET, &keyed("keys", name)?, Zeroizing::default(), None).await?;
        let key: Envelope<KeyData> = answer.success()?.parse()?;
        let authenticated = ["aes128-gcm96", "aes256-gcm96", "chacha20-poly1305"].contains(&key.data.kind.as_str());
        // Without derivation the context would bind nothing; convergent keys seal alike what is alike.
        let serves = authenticated && key.data.derived && !key.data.convergent_encryption && !key.data.exportable;
        if serves { Ok(()) } else { Err(HolderError::UnknownKey) }
    }

    async fn encrypt(&self, of: &Use<'_>, plaintext: &[u8], aad: &[u8]) -> Result<Vec<u8>, HolderError> {
        let plaintext = Zeroizing::new(STANDARD.encode(plaintext));
        let body = body_of("plaintext", &plaintext, aad);
        let answer = self.client.send(Method::POST, &keyed("encrypt", of.name)?, body, Some(of.request)).await?;
        let sealed: Envelope<Encrypted> = answer.success()?.parse()?;
        ciphertext::packed(&sealed.data.ciphertext).ok_or_else(|| {
            HolderError::unavailable(Seen("the answer to an encryption is not a Transit ciphertext".to_owned()))
        })
    }

    async fn decrypt(&self, of: &Use<'_>, ciphertext: &[u8], aad: &[u8]) -> Result<Zeroizing<Vec<u8>>, HolderError> {
        let text = ciphertext::unpacked(ciphertext).ok_or(HolderError::NotAuthentic)?;
        let body = body_of("ciphertext", &text, aad);
        let answer = self.client.send(Method::POST, &keyed("decrypt", of.name)?, body, Some(of.request)).await?;
        // The engine has many words for a ciphertext that is not its own: all are one here.
        if answer.is_about_its_input() {
            return Err(HolderError::NotAuthentic);
        }
        let opened: Envelope<Decrypted> = answer.success()?.parse()?;
        let plaintext = STANDARD.decode(opened.data.plaintext.as_bytes());
        plaintext
            .map(Zeroizing::new)
            .map_err(|_| HolderError::unavailable(Seen("a plaintext that is not base64".to_owned())))
    }

    async fn destroy(&self, name: &str) -> Result<(), HolderError> {
        let allowed = json!({ "deletion_allowed": true });
        match self.post(&format!("{}/config", keyed("keys", name)?), &allowed).await?.success() {
            Ok(_) => {}
            Err(HolderError::UnknownKey) => return Ok(()),
            Err(error) => return Err(error),
        }
        let answer = self.client.send(Method::DELETE, &keyed("keys", name)?, Zeroizing::default(), None).await?;
        match answer.success() {
            Ok(_) | Err(HolderError::UnknownKey) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn is_available(&self) -> bool {
        true
    }
}

/// The path of a key. Names that the engine would not take are keys that it does not have.
fn keyed(operation: &str, name: &str) -> Result<String, HolderError> {
    let fits = !name.is_empty()
        && name.len() <= 256
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && !name.starts_with('.');
    if fits { Ok(format!("{operation}/{name}")) } else { Err(HolderError::UnknownKey) }
}

/// A request body in a buffer that is wiped: both values are text that JSON takes as it is.
fn body_of(member: &str, value: &str, aad: &[u8]) -> Zeroizing<Vec<u8>> {
    // An empty context is none, and derived keys want one.
    let context = STANDARD.encode([b"arqueta/1/aad", aad].concat());
    let mut body = Zeroizing::new(Vec::with_capacity(value.len() + context.len() + 64));
    for part in ["{\"", member, "\":\"", value, "\",\"context\":\"", &context, "\"}"] {
        body.extend_from_slice(part.as_bytes());
    }
    body
}
