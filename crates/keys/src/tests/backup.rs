//! Export and import: what travels, what is refused, and that a crash on the way loses nothing.

use arqueta_kms::{RootKey as _, RootKeyError};
use arqueta_model::Timestamp;
use arqueta_root::{Argon2Cost, FileRootKey, Passphrase};
use arqueta_store::{Batch, MemoryMeta, MetaStore as _, Scan};

use super::*;
use crate::key::material;
use crate::{Backup, BackupError, Restored, authenticate, schema};

const LEAST: Argon2Cost = Argon2Cost { memory_kib: 8 << 10, iterations: 1, lanes: 1 };

fn words() -> Passphrase {
    Passphrase::new(b"a passphrase for backups").unwrap()
}

fn config() -> Config {
    Config::new(ACCOUNT.parse().unwrap(), "us-east-1".parse().unwrap(), Arc::new(FixedRootKey([7; 32])))
}

async fn backup(world: &World) -> Backup {
    Backup::take(&*world.meta, &config(), Timestamp::from_millis(5)).await.unwrap()
}

async fn restore(backup: &Backup, meta: &MemoryMeta, folder: &tempfile::TempDir) -> Result<Restored, BackupError> {
    let protector = FileRootKey::new(folder.path().join("root.key"));
    let Config { region, account, .. } = config();
    backup.restore(meta, &protector, (&region, &account)).await
}

#[tokio::test]
async fn what_was_encrypted_before_opens_in_a_new_store() {
    let world = World::new().await;
    let key = world.key().await;
    let sealed = world.encrypt(&key, b"old").await;
    let file = backup(&world).await.seal(&words(), LEAST).unwrap();
    assert!(!file.windows(32).any(|bytes| bytes == [7; 32]));
    assert!(!file.windows(4).any(|bytes| bytes == b"kms/"));

    let (folder, meta) = (tempfile::tempdir().unwrap(), Arc::new(MemoryMeta::new()));
    let opened = Backup::open(&file, &words()).unwrap();
    assert_eq!(opened.taken(), Timestamp::from_millis(5));
    assert_eq!(restore(&opened, &meta, &folder).await.unwrap(), Restored::Everything);
    let over = authenticate(meta, &FixedRootKey([7; 32]), Arc::default()).await.unwrap();
    let all = async |meta: &dyn arqueta_store::MetaStore| {
        let mut all = meta.scan(Scan::prefix(b"kms/", 1000)).await.unwrap();
        // Sealed anew, and the mark of what was put back.
        all.retain(|(key, _)| key != schema::ROOT && key != schema::RESTORED);
        all
    };
    assert_eq!(all(&*over.meta).await, all(&*world.meta).await);
    assert!(crate::is_restored(&*over.meta).await.unwrap());
    crate::settle_restored(&*over.meta).await.unwrap();
    assert!(!crate::is_restored(&*over.meta).await.unwrap());
    let World { audit, clock, root, .. } = world;
    let config = Config { root: over.root, ..config() };
    let kms = Embedded::open(over.meta, audit, clock, config).await.unwrap();
    kms.join_identities(Arc::new(People::default())).await.unwrap();
    let request = DecryptRequest { ciphertext_blob: Blob::new(sealed), ..Default::default() };
    assert_eq!(kms.decrypt(&root, request).await.unwrap().plaintext.expose(), b"old");
}

#[tokio::test]
async fn a_wrong_passphrase_and_every_edit_are_refused() {
    let world = World::new().await;
    let file = backup(&world).await.seal(&words(), LEAST).unwrap();
    let other = Passphrase::new(b"another passphrase").unwrap();
    assert!(matches!(Backup::open(&file, &other), Err(BackupError::DoesNotOpen)));
    // Each try costs a derivation, so some places of each part stand for all.
    let places = (0..10).chain([20, 60, 100]).chain([file.len() / 2, file.len() - 17, file.len() - 1]);
    for at in places {
        let mut edited = file.clone();
        edited[at] ^= 1;
        assert!(Backup::open(&edited, &words()).is_err(), "byte {at}");
        assert!(Backup::open(&file[..at], &words()).is_err(), "cut to {at}");
    }
    assert!(matches!(Backup::open(&[&file[..], b"\0"].concat(), &words()), Err(BackupError::DoesNotOpen)));
    let mut newer = file.clone();
    newer[7] = 2;
    assert!(matches!(Backup::open(&newer, &words()), Err(BackupError::Version(2))));
    assert!(matches!(Backup::open(b"", &words()), Err(BackupError::Foreign)));
}

#[tokio::test]
async fn a_key_service_is_never_replaced() {
    let (world, other) = (World::new().await, MemoryMeta::new());
    let check = material::root_check(&arqueta_kms::RootSecret::from_bytes(&[9; 32]));
    other.commit(Batch::default().put(schema::ROOT, check)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(restore(&backup(&world).await, &other, &folder).await, Err(BackupError::Occupied)));
    // Nor is a root key that somebody may still need.
    let own = FileRootKey::new(folder.path().join("root.key"));
    let made = own.create().await.unwrap();
    let refused = restore(&backup(&world).await, &MemoryMeta::new(), &folder).await;
    assert!(matches!(refused, Err(BackupError::RootKey(RootKeyError::Occupied { .. }))));
    assert!(own.unlock().await.unwrap().is(&made));
}

#[tokio::test]
async fn records_whose_root_key_was_lost_get_it_back_and_nothing_else() {
    let world = World::new().await;
    let backup = backup(&world).await;
    // Made after the backup, and not lost by it.
    let key = world.key().await;
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(restore(&backup, &world.meta, &folder).await.unwrap(), Restored::RootKey);
    assert!(matches!(restore(&backup, &world.meta, &folder).await, Err(BackupError::Occupied)));
    let sealed = world.encrypt(&key, b"x").await;
    assert!(!sealed.is_empty());
    world.reopened().await;
}

#[tokio::test]
async fn an_import_that_was_killed_is_finished_by_the_same_call() {
    let world = World::new().await;
    let (folder, meta) = (tempfile::tempdir().unwrap(), MemoryMeta::new());
    // The root key is there, the records are not.
    std::fs::write(folder.path().join("root.key"), [7; 32]).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(folder.path().join("root.key"), mode).unwrap();
    assert_eq!(restore(&backup(&world).await, &meta, &folder).await.unwrap(), Restored::Everything);
}

#[tokio::test]
async fn another_region_or_account_is_refused() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let protector = FileRootKey::new(folder.path().join("root.key"));
    let backup = backup(&world).await;
    for (region, account) in [("eu-west-1", ACCOUNT), ("us-east-1", "444455556666")] {
        let place = (&region.parse().unwrap(), &account.parse().unwrap());
        let refused = backup.restore(&MemoryMeta::new(), &protector, place).await;
        assert!(matches!(refused, Err(BackupError::Elsewhere { .. })));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_store_without_keys_cannot_be_exported() {
    let refused = Backup::take(&MemoryMeta::new(), &config(), Timestamp::from_millis(5)).await;
    assert!(matches!(refused, Err(BackupError::RootKey(RootKeyError::Nothing))));
}

#[tokio::test]
async fn records_that_the_backups_root_key_did_not_write_are_not_locked_out() {
    let world = World::new().await;
    let (folder, meta) = (tempfile::tempdir().unwrap(), Arc::new(MemoryMeta::new()));
    meta.commit(Batch::default().put("b/bucket", "untagged").put("audit/head", "bare")).await.unwrap();
    let refused = restore(&backup(&world).await, &meta, &folder).await;
    assert!(matches!(refused, Err(BackupError::Strangers)));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "no root key was kept");
    meta.commit(Batch::default().delete("b/bucket")).await.unwrap();
    assert_eq!(restore(&backup(&world).await, &meta, &folder).await.unwrap(), Restored::Everything);
}
