//! Changing what protects the root key, and being killed on the way.

use std::path::Path;

use arqueta_kms::{Error, RootKey as _, RootKeyError, RootProtector};
use arqueta_root::{Argon2Cost, FileRootKey, Passphrase, WrappedRootKey};
use arqueta_store::{Batch, MemoryMeta};

use crate::key::material;
use crate::{rewrap, schema};

const LEAST: Argon2Cost = Argon2Cost { memory_kib: 8 << 10, iterations: 1, lanes: 1 };

fn bare(folder: &Path) -> FileRootKey {
    FileRootKey::new(folder.join("root.key"))
}

fn wrapped(folder: &Path, words: &str) -> WrappedRootKey {
    WrappedRootKey::by_passphrase(folder.join("root.wrapped"), Passphrase::new(words.as_bytes()).unwrap(), LEAST)
}

/// A store that was sealed under what `protector` makes.
async fn sealed(protector: &dyn RootProtector) -> MemoryMeta {
    let meta = MemoryMeta::new();
    let check = material::root_check(&protector.create().await.unwrap());
    arqueta_store::MetaStore::commit(&meta, Batch::default().put(schema::ROOT, check)).await.unwrap();
    meta
}

fn files(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[tokio::test]
async fn there_and_back_it_is_the_same_key_and_what_protected_it_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let meta = sealed(&bare(at)).await;
    let root = bare(at).unlock().await.unwrap();
    rewrap(&meta, &bare(at), &wrapped(at, "the first passphrase")).await.unwrap();
    assert_eq!(files(at), ["root.wrapped"]);
    rewrap(&meta, &wrapped(at, "the first passphrase"), &wrapped(at, "the second passphrase")).await.unwrap();
    assert!(wrapped(at, "the first passphrase").unlock().await.is_err());
    rewrap(&meta, &wrapped(at, "the second passphrase"), &bare(at)).await.unwrap();
    assert_eq!(files(at), ["root.key"]);
    assert!(bare(at).unlock().await.unwrap().is(&root));
}

#[tokio::test]
async fn a_wrong_passphrase_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let meta = sealed(&wrapped(at, "the first passphrase")).await;
    let before = std::fs::read(at.join("root.wrapped")).unwrap();
    let refused = rewrap(&meta, &wrapped(at, "not that passphrase"), &bare(at)).await.unwrap_err();
    // Of the two, what keeps the old one from opening is told.
    assert!(matches!(refused, Error::RootKey(RootKeyError::DoesNotOpen { .. })), "{refused}");
    assert_eq!((files(at), std::fs::read(at.join("root.wrapped")).unwrap()), (vec!["root.wrapped".to_owned()], before));
}

#[tokio::test]
async fn a_root_key_of_another_store_is_not_wrapped() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let meta = sealed(&bare(at)).await;
    std::fs::remove_file(at.join("root.key")).unwrap();
    bare(at).create().await.unwrap();
    let refused = rewrap(&meta, &bare(at), &wrapped(at, "the first passphrase")).await.unwrap_err();
    assert!(matches!(refused, Error::RootKey(RootKeyError::Wrong)), "{refused}");
    assert_eq!(files(at), ["root.key"]);
}

#[tokio::test]
async fn a_store_without_keys_has_nothing_to_wrap() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let refused = rewrap(&MemoryMeta::new(), &bare(at), &wrapped(at, "the first passphrase")).await.unwrap_err();
    assert!(matches!(refused, Error::RootKey(RootKeyError::Nothing)));
    assert!(files(at).is_empty());
}

#[tokio::test]
async fn killed_at_any_step_it_opens_and_is_finished_by_the_same_call() {
    // Before anything; with a draft, whole or torn; with both files; with the old one gone.
    for step in 0..5 {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let (old, new) = (bare(at), wrapped(at, "the first passphrase"));
        let meta = sealed(&old).await;
        let root = old.unlock().await.unwrap();
        match step {
            1 => std::fs::write(at.join("root.wrapped.new"), b"ARQ").unwrap(),
            2 => {
                new.keep(&root).await.unwrap();
                std::fs::rename(at.join("root.wrapped"), at.join("root.wrapped.new")).unwrap();
            }
            3 => new.keep(&root).await.unwrap(),
            4 => {
                new.keep(&root).await.unwrap();
                std::fs::remove_file(at.join("root.key")).unwrap();
            }
            _ => {}
        }
        let opens = match step {
            4 => new.unlock().await,
            _ => old.unlock().await,
        };
        assert!(opens.unwrap().is(&root), "step {step}");
        rewrap(&meta, &old, &new).await.unwrap();
        assert_eq!(files(at), ["root.wrapped"], "step {step}");
        assert!(new.unlock().await.unwrap().is(&root), "step {step}");
    }
}
