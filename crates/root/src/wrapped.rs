//! `root.wrapped`: the root key, wrapped under a passphrase or under a key that is held elsewhere.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arqueta_kms::{RootKey, RootKeyError, RootProtector, RootSecret};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Argon2Cost, Draft, Frame, FrameError, HeldBy, Kdf, Passphrase, blocking};

const NAME: &[u8; 7] = b"ARQROOT";
/// More than any wrapped root key has; a holder's ciphertext has at most 5,970.
const LONGEST: u64 = 16 << 10;
const PASSPHRASE: &str = "passphrase";

/// How the root key is wrapped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Parameters {
    /// Under a key from a passphrase (F-50).
    Passphrase(Kdf),
    /// By a holder, under a key of this name.
    Held { holder: String, name: String },
}

impl Parameters {
    fn protector(&self) -> &str {
        match self {
            Self::Passphrase(_) => PASSPHRASE,
            Self::Held { holder, .. } => holder,
        }
    }
}

#[derive(Debug, Clone)]
enum By {
    Passphrase(Arc<Passphrase>, Argon2Cost),
    Holder(HeldBy),
}

/// Keeps the root key in a file that is of no use without a passphrase, a token or another key
/// service. The file is bound to how it was wrapped.
#[derive(Debug, Clone)]
pub struct WrappedRootKey {
    path: PathBuf,
    by: By,
}

impl WrappedRootKey {
    /// Under a passphrase; `cost` is what wrapping anew takes.
    #[must_use]
    pub fn by_passphrase(path: impl Into<PathBuf>, passphrase: Passphrase, cost: Argon2Cost) -> Self {
        Self { path: path.into(), by: By::Passphrase(Arc::new(passphrase), cost) }
    }

    /// Under a key that a holder has.
    #[must_use]
    pub fn by_holder(path: impl Into<PathBuf>, by: HeldBy) -> Self {
        Self { path: path.into(), by: By::Holder(by) }
    }

    /// The wrapped form, with fresh parameters.
    async fn wrap(&self, root: &RootSecret) -> Result<Vec<u8>, RootKeyError> {
        match &self.by {
            By::Passphrase(passphrase, cost) => {
                let (passphrase, cost) = (passphrase.clone(), *cost);
                let root = RootSecret::from_bytes(root.expose());
                blocking(move || {
                    let kdf = Kdf::new(cost)?;
                    let key = kdf.derive(&passphrase)?;
                    let head = Frame::new(NAME, Parameters::Passphrase(kdf)).head;
                    let sealed = arqueta_seal::message::seal(&key, &head, root.expose());
                    Ok([head, sealed].concat())
                })
                .await
            }
            By::Holder(held) => {
                let name = held.key().await?;
                let parameters = Parameters::Held { holder: held.holder.clone(), name: name.clone() };
                let head = Frame::new(NAME, parameters).head;
                let sealed = held.wrap(&name, root, &head).await?;
                Ok([head, sealed].concat())
            }
        }
    }

    async fn unwrap(&self, bytes: Vec<u8>) -> Result<RootSecret, RootKeyError> {
        let (frame, sealed) = Frame::<Parameters>::parse(NAME, &bytes).map_err(|error| self.refused(error))?;
        let opened = match (&self.by, frame.parameters) {
            (By::Passphrase(passphrase, _), Parameters::Passphrase(kdf)) => {
                let (passphrase, head, sealed) = (passphrase.clone(), frame.head, sealed.to_vec());
                blocking(move || {
                    let opened = arqueta_seal::message::open(&*kdf.derive(&passphrase)?, &head, &sealed);
                    Ok(opened.ok().and_then(|bytes| bytes[..].try_into().ok().map(RootSecret::from_bytes)))
                })
                .await
                // The file's own parameters are out of bounds: it was edited.
                .map_err(|error| match error {
                    RootKeyError::Cost => self.refused(FrameError::Foreign),
                    other => other,
                })?
            }
            (By::Holder(held), Parameters::Held { holder, name }) if held.holder == holder => {
                held.unwrap(&name, sealed, &frame.head).await?
            }
            (_, other) => {
                let found = other.protector().to_owned();
                return Err(RootKeyError::OtherProtector { path: self.path.clone(), found, wanted: self.with() });
            }
        };
        opened.ok_or_else(|| RootKeyError::DoesNotOpen { path: self.path.clone(), with: self.with() })
    }

    /// What opens it, in words.
    fn with(&self) -> String {
        match &self.by {
            By::Passphrase(..) => PASSPHRASE.to_owned(),
            By::Holder(held) => held.holder.clone(),
        }
    }

    fn refused(&self, error: FrameError) -> RootKeyError {
        let path = self.path.clone();
        match error {
            FrameError::Foreign => RootKeyError::Malformed { path },
            FrameError::Version(version) => RootKeyError::UnknownFormat { path, version },
        }
    }

    /// The file's bytes; `None` if it is not there.
    async fn read(&self) -> Result<Option<Vec<u8>>, RootKeyError> {
        let path = self.path.clone();
        blocking(move || match std::fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
            Ok(file) if !file.is_file() || file.len() > LONGEST => Err(RootKeyError::Malformed { path }),
            Ok(_) => Ok(Some(std::fs::read(&path)?)),
        })
        .await
    }

    /// A draft that is durable, and that this protector opens.
    async fn draft(&self, root: &RootSecret) -> Result<Draft, RootKeyError> {
        let (bytes, path) = (self.wrap(root).await?, self.path.clone());
        let (draft, written) = blocking(move || {
            let draft = Draft::write(&path, &bytes)?;
            let written = draft.read()?;
            Ok((draft, written))
        })
        .await?;
        match self.unwrap(written.to_vec()).await?.is(root) {
            true => Ok(draft),
            false => Err(RootKeyError::Wrong),
        }
    }
}

#[async_trait]
impl RootKey for WrappedRootKey {
    async fn unlock(&self) -> Result<RootSecret, RootKeyError> {
        match self.read().await? {
            Some(bytes) => self.unwrap(bytes).await,
            None => Err(RootKeyError::Missing { path: self.path.clone() }),
        }
    }

    async fn create(&self) -> Result<RootSecret, RootKeyError> {
        if let Some(bytes) = self.read().await? {
            return self.unwrap(bytes).await;
        }
        let root = RootSecret::random();
        let draft = self.draft(&root).await?;
        match blocking(move || Ok(draft.create())).await? {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.unlock().await,
            Err(error) => Err(error.into()),
            Ok(()) => Ok(root),
        }
    }
}

#[async_trait]
impl RootProtector for WrappedRootKey {
    fn path(&self) -> &Path {
        &self.path
    }

    async fn keep(&self, root: &RootSecret) -> Result<(), RootKeyError> {
        let draft = self.draft(root).await?;
        blocking(move || Ok(draft.replace()?)).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use arqueta_kms::testing::MemoryHolder;

    use super::*;

    const LEAST: Argon2Cost = Argon2Cost { memory_kib: 8 << 10, iterations: 1, lanes: 1 };
    const WORDS: &str = "correct horse battery";

    fn protector(folder: &tempfile::TempDir, words: &str) -> WrappedRootKey {
        let words = Passphrase::new(words.as_bytes()).unwrap();
        WrappedRootKey::by_passphrase(folder.path().join("root.wrapped"), words, LEAST)
    }

    fn held(folder: &tempfile::TempDir, holder: &Arc<MemoryHolder>, name: &str) -> WrappedRootKey {
        let by = HeldBy {
            holder: name.to_owned(),
            through: holder.clone(),
            key: None,
            made_for: "arn:aws:kms:us-east-1:111122223333:key/root".parse().unwrap(),
        };
        WrappedRootKey::by_holder(folder.path().join("root.wrapped"), by)
    }

    #[tokio::test]
    async fn a_passphrase_finds_the_same_key_again_and_only_a_wrapped_one_lies_there() {
        let folder = tempfile::tempdir().unwrap();
        let made = protector(&folder, WORDS).create().await.unwrap();
        assert!(protector(&folder, WORDS).unlock().await.unwrap().is(&made));
        assert!(protector(&folder, WORDS).create().await.unwrap().is(&made), "create never replaces");
        let stored = std::fs::read(folder.path().join("root.wrapped")).unwrap();
        assert!(!stored.windows(32).any(|bytes| bytes == made.expose()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }

    #[tokio::test]
    async fn a_wrong_passphrase_opens_nothing_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        protector(&folder, WORDS).create().await.unwrap();
        let before = std::fs::read(folder.path().join("root.wrapped")).unwrap();
        let wrong = protector(&folder, "correct horse batterx");
        for refused in [wrong.unlock().await, wrong.create().await] {
            assert!(matches!(refused, Err(RootKeyError::DoesNotOpen { .. })));
        }
        assert_eq!(std::fs::read(folder.path().join("root.wrapped")).unwrap(), before);
    }

    #[tokio::test]
    async fn a_missing_file_is_not_made_by_unlock() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(protector(&folder, WORDS).unlock().await, Err(RootKeyError::Missing { .. })));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn every_flipped_byte_and_every_cut_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let holder = Arc::new(MemoryHolder::default());
        // Tokens answer at once, so that every byte can be tried.
        let protector = held(&folder, &holder, "cluster");
        protector.create().await.unwrap();
        let path = folder.path().join("root.wrapped");
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut edited = whole.clone();
            edited[at] ^= 1;
            assert!(protector.unwrap(edited).await.is_err(), "byte {at}");
            assert!(protector.unwrap(whole[..at].to_vec()).await.is_err(), "cut to {at}");
        }
        assert!(protector.unwrap([&whole[..], b"\0"].concat()).await.is_err());
        let mut newer = whole.clone();
        newer[NAME.len()] = 2;
        assert!(matches!(protector.unwrap(newer).await, Err(RootKeyError::UnknownFormat { version: 2, .. })));
    }

    #[tokio::test]
    async fn parameters_of_a_passphrase_cannot_be_exchanged() {
        let folder = tempfile::tempdir().unwrap();
        let protector = protector(&folder, WORDS);
        protector.create().await.unwrap();
        let bytes = std::fs::read(folder.path().join("root.wrapped")).unwrap();
        let (frame, sealed) = Frame::<Parameters>::parse(NAME, &bytes).unwrap();
        let Parameters::Passphrase(kdf) = frame.parameters else { panic!() };
        // The same key by the same parameters, but another associated data.
        let other = Frame::new(NAME, Parameters::Passphrase(Kdf::new(LEAST).unwrap())).head;
        assert!(matches!(protector.unwrap([&other, sealed].concat()).await, Err(RootKeyError::DoesNotOpen { .. })));
        let same = Frame::new(NAME, Parameters::Passphrase(kdf)).head;
        assert!(protector.unwrap([&same, sealed].concat()).await.is_ok());
    }

    #[tokio::test]
    async fn a_holder_wraps_it_and_must_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let holder = Arc::new(MemoryHolder::default());
        let made = held(&folder, &holder, "cluster").create().await.unwrap();
        assert!(held(&folder, &holder, "cluster").unlock().await.unwrap().is(&made));
        assert_eq!(holder.names().len(), 1, "unlocking makes no key");
        holder.set_away(true);
        assert!(matches!(held(&folder, &holder, "cluster").unlock().await, Err(RootKeyError::Holder { .. })));
    }

    #[tokio::test]
    async fn another_protector_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let holder = Arc::new(MemoryHolder::default());
        held(&folder, &holder, "cluster").create().await.unwrap();
        for other in [held(&folder, &holder, "corp"), protector(&folder, WORDS)] {
            let refused = other.unlock().await.unwrap_err();
            assert!(matches!(&refused, RootKeyError::OtherProtector { found, .. } if found == "cluster"), "{refused}");
        }
    }

    #[tokio::test]
    async fn a_new_holder_key_that_cannot_be_used_leaves_the_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let root = protector(&folder, WORDS).create().await.unwrap();
        let holder = Arc::new(MemoryHolder::default());
        holder.set_away(true);
        assert!(held(&folder, &holder, "cluster").keep(&root).await.is_err());
        assert!(protector(&folder, WORDS).unlock().await.unwrap().is(&root));
    }
}
