//! The key service as one sealed file: every record of it, and the root key that they are sealed
//! under. What it opens besides keys (secrets of identities, the record's seals) lies in the
//! metadata and opens again with the same root key.

use std::fmt;
use std::sync::Arc;

use arqueta_kms::{Error, RootKeyError, RootProtector, RootSecret};
use arqueta_model::{AccountId, Region, Timestamp};
use arqueta_root::{Argon2Cost, Frame, FrameError, Kdf, Passphrase};
use arqueta_seal::message;
use arqueta_store::{Batch, MetaStore, Pair, Precondition, Scan};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use zeroize::{Zeroize as _, Zeroizing};

use super::authentic;
use crate::Config;
use crate::key::material;
use crate::schema::{self, KeyRecord};

const NAME: &[u8; 7] = b"ARQKEYS";
/// All records of the service.
const ALL: &[u8] = b"kms/";
const PAGE: usize = 1000;

/// Why a key service was not exported or imported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// Not a file that `arqueta keys export` wrote.
    #[error("this is not a backup of a key service, or only a part of one")]
    Foreign,
    /// A later format.
    #[error("the backup has format {0}, which this version does not know; use the version that wrote it")]
    Version(u8),
    /// Wrong passphrase, or a byte was changed, removed or added. One opaque case.
    #[error("the backup does not open: the passphrase is another one, or the file was changed")]
    DoesNotOpen,
    /// There are keys here that the backup would replace.
    #[error("this data folder has a key service of its own; import into one that has none")]
    Occupied,
    /// What is here was not written under the backup's root key, and would never be believed again.
    #[error(
        "this data folder holds records that were not written under the root key of the backup; import into an empty folder, or into the one that the backup was taken from"
    )]
    Strangers,
    /// Keys carry region and account in their names.
    #[error("the backup is of region {region} and account {account}; set the same in the configuration")]
    Elsewhere {
        /// Region of the exported service.
        region: Region,
        /// Its account.
        account: AccountId,
    },
    /// The root key could not be read or kept.
    #[error("the root key of the key service cannot be used")]
    RootKey(#[from] RootKeyError),
    /// The records could not be read or written.
    #[error("the key store failed")]
    Store(#[from] arqueta_store::Error),
    /// A record is damaged.
    #[error("the key service's records are damaged")]
    Record(#[from] Error),
}

#[derive(Serialize, Deserialize)]
struct Contents {
    account: AccountId,
    region: Region,
    taken: Timestamp,
    #[serde(with = "serde_bytes")]
    root: [u8; 32],
    records: Vec<(ByteBuf, ByteBuf)>,
}

impl Drop for Contents {
    fn drop(&mut self) {
        self.root.zeroize();
    }
}

/// A key service outside its data folder.
pub struct Backup(Contents);

impl fmt::Debug for Backup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backup").field("taken", &self.0.taken).field("records", &self.0.records.len()).finish()
    }
}

/// What [`Backup::restore`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// Root key and records: the folder had no key service.
    Everything,
    /// The root key only: the folder had the records of this very service, and lacked its root key.
    RootKey,
}

impl Backup {
    /// Takes a backup of a service that is not running, from its authentic store.
    ///
    /// # Errors
    /// [`RootKeyError::Nothing`] where there is none, [`RootKeyError::Wrong`].
    pub async fn take(meta: &dyn MetaStore, config: &Config, now: Timestamp) -> Result<Self, BackupError> {
        let check = meta.get(schema::ROOT).await?.ok_or(RootKeyError::Nothing)?;
        let root = config.root.unlock().await?;
        if !material::is_root(&root, &check) {
            return Err(RootKeyError::Wrong.into());
        }
        let records = records(meta).await?;
        Ok(Self(Contents {
            account: config.account.clone(),
            region: config.region.clone(),
            taken: now,
            root: *root.expose(),
            records: records.iter().map(|(key, value)| (ByteBuf::from(&key[..]), ByteBuf::from(&value[..]))).collect(),
        }))
    }

    /// When it was taken.
    #[must_use]
    pub fn taken(&self) -> Timestamp {
        self.0.taken
    }

    /// How many keys it has, and of how many of them the material is held elsewhere: in tokens or at
    /// an external key service, where it has to be backed up by other means.
    ///
    /// # Errors
    /// [`BackupError::Record`].
    pub fn keys(&self) -> Result<(usize, usize), BackupError> {
        let keys = self.0.records.iter().filter(|(key, _)| key.starts_with(schema::KEYS.as_bytes()));
        let keys = keys.map(|(key, value)| schema::decode::<KeyRecord>(key, value)).collect::<Result<Vec<_>, _>>()?;
        let held = keys.iter().filter(|key| key.versions.iter().any(|version| version.held.is_some()));
        Ok((keys.len(), held.count()))
    }

    /// The file: bound to its format and to how the key came from the passphrase. Takes long on
    /// purpose: not on the runtime's threads.
    ///
    /// # Errors
    /// [`RootKeyError::Cost`].
    pub fn seal(&self, passphrase: &Passphrase, cost: Argon2Cost) -> Result<Vec<u8>, BackupError> {
        let kdf = Kdf::new(cost)?;
        let key = kdf.derive(passphrase)?;
        let contents = rmp_serde::to_vec_named(&self.0).expect("contents hold nothing that MessagePack cannot");
        let contents = Zeroizing::new(contents);
        let head = Frame::new(NAME, kdf).head;
        let sealed = message::seal(&key, &head, &contents);
        Ok([head, sealed].concat())
    }

    /// Opens what [`Self::seal`] returned. Takes long on purpose.
    ///
    /// # Errors
    /// [`BackupError::Foreign`], [`BackupError::Version`], [`BackupError::DoesNotOpen`].
    pub fn open(bytes: &[u8], passphrase: &Passphrase) -> Result<Self, BackupError> {
        let (frame, sealed) = Frame::<Kdf>::parse(NAME, bytes).map_err(|error| match error {
            FrameError::Foreign => BackupError::Foreign,
            FrameError::Version(version) => BackupError::Version(version),
        })?;
        let key = frame.parameters.derive(passphrase).map_err(|_| BackupError::Foreign)?;
        let contents = message::open(&key, &frame.head, sealed).map_err(|_| BackupError::DoesNotOpen)?;
        rmp_serde::from_slice(&contents).map(Self).map_err(|_| BackupError::Foreign)
    }

    /// Puts the service into `meta`, as it is without [`crate::authenticate`], its root key being kept by `protector` from now on. A folder
    /// that has the records of this very service, and not its root key, gets that only.
    ///
    /// The root key is durable before any record is, and the records come in one commit: after a
    /// crash the same call finishes.
    ///
    /// # Errors
    /// [`BackupError::Occupied`], [`BackupError::Elsewhere`], [`BackupError::Strangers`]; nothing was
    /// changed then.
    pub async fn restore(
        &self,
        meta: &dyn MetaStore,
        protector: &dyn RootProtector,
        (region, account): (&Region, &AccountId),
    ) -> Result<Restored, BackupError> {
        let Contents { account: of, region: from, root, records, .. } = &self.0;
        if (region, account) != (from, of) {
            return Err(BackupError::Elsewhere { region: from.clone(), account: of.clone() });
        }
        let root = RootSecret::from_bytes(root);
        let here = meta.get(schema::ROOT).await?;
        let is_same = here.as_ref().is_some_and(|check| material::is_root(&root, check));
        let is_empty = meta.scan(Scan::prefix(ALL, 1)).await?.is_empty();
        if !is_same && !is_empty {
            return Err(BackupError::Occupied);
        }
        if !is_same && !authentic::is_under(meta, &root).await? {
            return Err(BackupError::Strangers);
        }
        match protector.unlock().await {
            Err(RootKeyError::Missing { .. }) => {}
            // A crash in the middle of the same import.
            Ok(kept) if is_empty && kept.is(&root) => {}
            Ok(kept) if is_empty => {
                drop(kept);
                return Err(RootKeyError::Occupied { path: protector.path().to_owned() }.into());
            }
            // Nothing is missing.
            Ok(_) => return Err(BackupError::Occupied),
            Err(error) => return Err(error.into()),
        }
        protector.keep(&root).await?;
        if is_same {
            return Ok(Restored::RootKey);
        }
        let empty = Batch::default().require(Precondition::NoneUnder(bytes::Bytes::from_static(ALL)));
        let made_here = [schema::ROOT, schema::RESTORED];
        let records = records.iter().filter(|(key, _)| !made_here.contains(&key.as_slice()));
        let batch = records.fold(empty, |batch, (key, value)| batch.put(key.to_vec(), value.to_vec()));
        // The check is made anew: that of an earlier version says that these records carry no tags.
        let batch = batch.put(schema::ROOT, material::root_check(&root)).put(schema::RESTORED, Vec::new());
        authentic::over(meta, &root, Arc::default()).commit(batch).await?;
        Ok(Restored::Everything)
    }
}

/// Whether the key service in `meta`, as [`crate::authenticate`] returns it, was put back and no gateway
/// has started over it since: its keys are there before their account is.
///
/// # Errors
/// [`Error::Store`].
pub async fn is_restored(meta: &dyn MetaStore) -> Result<bool, Error> {
    Ok(meta.get(schema::RESTORED).await?.is_some())
}

/// From now on [`is_restored`] is false.
///
/// # Errors
/// [`Error::Store`].
pub async fn settle_restored(meta: &dyn MetaStore) -> Result<(), Error> {
    Ok(meta.commit(Batch::default().delete(schema::RESTORED)).await?)
}

async fn records(meta: &dyn MetaStore) -> Result<Vec<Pair>, BackupError> {
    let (mut all, mut scan) = (Vec::new(), Scan::prefix(ALL, PAGE));
    loop {
        let page = meta.scan(scan.clone()).await?;
        let Some((last, _)) = page.last() else { return Ok(all) };
        scan.start = [last, &[0][..]].concat().into();
        all.extend(page);
    }
}
