//! A Transit engine in memory, with the requests, answers and refusals that Vault's API documents
//! for what the adapter uses. Its ciphers are this workspace's own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arqueta_seal::{SourceKey, message};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

struct Key {
    material: SourceKey,
    derived: bool,
    kind: String,
    deletion_allowed: bool,
}

/// The engine at `/v1/transit/`, open to one token.
pub struct Engine {
    token: String,
    keys: Mutex<BTreeMap<String, Key>>,
}

impl Engine {
    /// Without keys.
    pub fn new(token: &str) -> Arc<Self> {
        Arc::new(Self { token: token.to_owned(), keys: Mutex::default() })
    }

    /// Answers on `listener` for ever.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let engine = self.clone();
            let service = service_fn(move |request| {
                let engine = engine.clone();
                async move { engine.answer(request).await }
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let (status, answer) = if head.headers.get("x-vault-token").is_none_or(|token| token != self.token.as_str()) {
            errors(StatusCode::FORBIDDEN, "permission denied")
        } else {
            let path = head.uri.path().strip_prefix("/v1/transit/").unwrap_or_default();
            self.perform(&head.method, &path.split('/').collect::<Vec<_>>(), &body)
        };
        let text = if answer.is_null() { Bytes::new() } else { Bytes::from(answer.to_string()) };
        let mut response = Response::new(Full::new(text));
        *response.status_mut() = status;
        Ok(response)
    }

    fn perform(&self, method: &Method, path: &[&str], body: &Value) -> (StatusCode, Value) {
        match (method, path) {
            (&Method::POST, ["keys", name]) => self.create(name, body),
            (&Method::GET, ["keys", name]) => self.describe(name),
            (&Method::POST, ["keys", name, "config"]) => self.configure(name, body),
            (&Method::DELETE, ["keys", name]) => self.delete(name),
            (&Method::POST, ["encrypt", name]) => self.encrypt(name, body),
            (&Method::POST, ["decrypt", name]) => self.decrypt(name, body),
            _ => errors(StatusCode::NOT_FOUND, "no handler for route"),
        }
    }

    fn keys(&self) -> MutexGuard<'_, BTreeMap<String, Key>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn create(&self, name: &str, body: &Value) -> (StatusCode, Value) {
        self.keys().entry(name.to_owned()).or_insert_with(|| Key {
            material: SourceKey::random(),
            derived: body["derived"] == true,
            kind: body["type"].as_str().unwrap_or("aes256-gcm96").to_owned(),
            deletion_allowed: false,
        });
        self.describe(name)
    }

    fn describe(&self, name: &str) -> (StatusCode, Value) {
        let keys = self.keys();
        let Some(key) = keys.get(name) else { return (StatusCode::NOT_FOUND, json!({ "errors": [] })) };
        data(json!({
            "allow_plaintext_backup": false, "auto_rotate_period": 0, "deletion_allowed": key.deletion_allowed,
            "derived": key.derived, "exportable": false, "imported_key": false, "kdf": "hkdf_sha256",
            "keys": { "1": 1_767_225_600 }, "latest_version": 1, "min_available_version": 0,
            "min_decryption_version": 1, "min_encryption_version": 0, "name": name, "supports_decryption": true,
            "supports_derivation": true, "supports_encryption": true, "supports_signing": false, "type": key.kind,
        }))
    }

    fn configure(&self, name: &str, body: &Value) -> (StatusCode, Value) {
        match self.keys().get_mut(name) {
            Some(key) => {
                key.deletion_allowed = body["deletion_allowed"] == true;
                (StatusCode::NO_CONTENT, Value::Null)
            }
            None => errors(StatusCode::BAD_REQUEST, &format!("no existing key named {name} could be found")),
        }
    }

    fn delete(&self, name: &str) -> (StatusCode, Value) {
        let mut keys = self.keys();
        match keys.get(name).map(|key| key.deletion_allowed) {
            Some(true) => {
                keys.remove(name);
                (StatusCode::NO_CONTENT, Value::Null)
            }
            Some(false) => {
                let said = format!("error deleting policy {name}: deletion is not allowed for this policy");
                errors(StatusCode::BAD_REQUEST, &said)
            }
            None => {
                let said = format!("error deleting policy {name}: could not delete key; not found");
                errors(StatusCode::BAD_REQUEST, &said)
            }
        }
    }

    fn encrypt(&self, name: &str, body: &Value) -> (StatusCode, Value) {
        // As where the mount has `disable_upsert`: otherwise a policy with `update` only.
        self.with_key(name, body, |key, context| {
            let plaintext =
                STANDARD.decode(text(body, "plaintext")).map_err(|_| "failed to base64-decode plaintext")?;
            let sealed = message::seal(key.material.expose(), &context, &plaintext);
            Ok(json!({ "ciphertext": format!("vault:v1:{}", STANDARD.encode(sealed)), "key_version": 1 }))
        })
    }

    fn decrypt(&self, name: &str, body: &Value) -> (StatusCode, Value) {
        self.with_key(name, body, |key, context| {
            let sealed = text(body, "ciphertext").strip_prefix("vault:v").ok_or("invalid ciphertext: no prefix")?;
            let (version, sealed) = sealed.split_once(':').ok_or("invalid ciphertext: wrong number of fields")?;
            if !matches!(version, "0" | "1") {
                return Err("invalid ciphertext: version is too new");
            }
            let sealed = STANDARD.decode(sealed).map_err(|_| "invalid ciphertext: could not decode base64")?;
            let opened = message::open(key.material.expose(), &context, &sealed);
            let opened = opened.map_err(|_| "cipher: message authentication failed")?;
            Ok(json!({ "plaintext": STANDARD.encode(&*opened) }))
        })
    }

    fn with_key(
        &self,
        name: &str,
        body: &Value,
        act: impl FnOnce(&Key, Vec<u8>) -> Result<Value, &'static str>,
    ) -> (StatusCode, Value) {
        let keys = self.keys();
        let Some(key) = keys.get(name) else { return errors(StatusCode::BAD_REQUEST, "encryption key not found") };
        let context = if key.derived { STANDARD.decode(text(body, "context")).unwrap_or_default() } else { Vec::new() };
        if key.derived && context.is_empty() {
            return errors(
                StatusCode::BAD_REQUEST,
                "missing 'context' for key derivation; the key was created using a derived key, which means additional, per-request information must be included in order to perform operations with the key",
            );
        }
        act(key, context).map_or_else(|said| errors(StatusCode::BAD_REQUEST, said), data)
    }
}

fn text<'a>(body: &'a Value, member: &str) -> &'a str {
    body[member].as_str().unwrap_or_default()
}

fn data(data: Value) -> (StatusCode, Value) {
    let answer = json!({
        "request_id": "8a1f5e2c-0000-4000-8000-000000000000", "lease_id": "", "renewable": false,
        "lease_duration": 0, "data": data, "wrap_info": null, "warnings": null, "auth": null,
    });
    (StatusCode::OK, answer)
}

fn errors(status: StatusCode, said: &str) -> (StatusCode, Value) {
    (status, json!({ "errors": [said] }))
}
