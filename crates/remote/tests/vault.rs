//! The Transit adapter against an engine that answers as Vault documents.
#![allow(clippy::unwrap_used)]

#[path = "../examples/transit/engine.rs"]
mod engine;

use std::path::Path;
use std::time::Duration;

use arqueta_kms::testing::holder_contract;
use arqueta_kms::{HolderError, KeyHolder, Use};
use arqueta_model::{EncryptionContext, RequestId};
use arqueta_remote::{VaultHolder, VaultSettings};
use engine::Engine;
use tokio::net::TcpListener;

async fn started(token: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(Engine::new(token).serve(listener));
    address
}

fn settings(address: &str, token_file: &Path) -> VaultSettings {
    VaultSettings {
        address: address.to_owned(),
        mount: "transit".to_owned(),
        namespace: None,
        token_file: token_file.to_owned(),
        ca: None,
        connect: Duration::from_secs(2),
    }
}

struct World {
    holder: VaultHolder,
    address: String,
    folder: tempfile::TempDir,
}

async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "s.right\n").unwrap();
    let address = started("s.right").await;
    let holder = VaultHolder::new(&settings(&address, &folder.path().join("token"))).unwrap();
    World { holder, address, folder }
}

fn arn() -> arqueta_model::KeyArn {
    "arn:aws:kms:us-east-1:111122223333:key/k".parse().unwrap()
}

async fn seals(holder: &VaultHolder, name: &str) -> Result<Vec<u8>, HolderError> {
    let (request, context) = (RequestId::random(), EncryptionContext::default());
    holder.encrypt(&Use { name, request: &request, context: &context }, b"x", b"aad").await
}

#[tokio::test]
async fn transit_keeps_the_contract() {
    holder_contract(&world().await.holder).await;
}

/// `OPENBAO_ADDR`, `OPENBAO_TOKEN_FILE` and an engine mounted at `transit`, with `disable_upsert`.
#[tokio::test]
async fn a_real_engine_keeps_the_contract_where_one_is_given() {
    let (Some(address), Some(token)) = (std::env::var_os("OPENBAO_ADDR"), std::env::var_os("OPENBAO_TOKEN_FILE"))
    else {
        return;
    };
    let settings = settings(&address.into_string().unwrap(), Path::new(&token));
    holder_contract(&VaultHolder::new(&settings).unwrap()).await;
}

#[tokio::test]
async fn a_key_that_would_not_bind_the_additional_data_is_not_adopted() {
    let world = world().await;
    let make = |name: &'static str, body: &'static str| {
        let address = world.address.clone();
        async move {
            let mut stream = tokio::net::TcpStream::connect(address.trim_start_matches("http://")).await.unwrap();
            let request = format!(
                "POST /v1/transit/keys/{name} HTTP/1.1\r\nhost: x\r\nx-vault-token: s.right\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
    };
    make("plain", r#"{"type":"aes256-gcm96"}"#).await;
    make("rsa", r#"{"type":"rsa-4096","derived":true}"#).await;
    make("good", r#"{"type":"aes256-gcm96","derived":true}"#).await;
    world.holder.adopt("good").await.unwrap();
    for name in ["plain", "rsa", "missing", "", "../sys/seal", "a/b", "a?b", "ä"] {
        assert!(matches!(world.holder.adopt(name).await, Err(HolderError::UnknownKey)), "{name:?}");
    }
}

#[tokio::test]
async fn a_refused_token_is_read_again_from_its_file() {
    let world = world().await;
    let name = world.holder.create(&arn()).await.unwrap();
    let file = world.folder.path().join("token");
    std::fs::write(&file, "s.wrong").unwrap();
    let other = VaultHolder::new(&settings(&world.address, &file)).unwrap();
    assert!(matches!(seals(&other, &name).await, Err(HolderError::Denied(_))));
    std::fs::write(&file, "s.right").unwrap();
    seals(&other, &name).await.unwrap();
}

#[tokio::test]
async fn nobody_there_is_an_outage() {
    let world = world().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let holder = VaultHolder::new(&settings(&nobody, &world.folder.path().join("token"))).unwrap();
    let outcome = seals(&holder, "k").await;
    assert!(outcome.as_ref().is_err_and(HolderError::is_retryable), "{outcome:?}");
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_by_name() {
    let world = world().await;
    let file = world.folder.path().join("token");
    let good = settings(&world.address, &file);
    for (settings, culprit) in [
        (VaultSettings { address: "vault:8200".to_owned(), ..good.clone() }, "vault:8200"),
        (VaultSettings { mount: "../sys".to_owned(), ..good.clone() }, "mount"),
        (VaultSettings { mount: "/".to_owned(), ..good.clone() }, "mount"),
        (VaultSettings { namespace: Some("a\nb".to_owned()), ..good.clone() }, "namespace"),
        (VaultSettings { token_file: file.with_extension("gone"), ..good.clone() }, "gone"),
        (VaultSettings { ca: Some(file.clone()), ..good.clone() }, "certificates"),
    ] {
        let error = VaultHolder::new(&settings).unwrap_err().to_string();
        assert!(error.contains(culprit), "{error}");
        assert!(!error.contains("s.right"));
    }
}
