//! Tokens that hold the same keys.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arqueta_kms::{HolderError, KeyHolder, TokenCluster, Use};
use arqueta_model::{Clock, KeyArn, ObjectId};
use async_trait::async_trait;
use subtle::ConstantTimeEq as _;
use tokio::task::AbortHandle;
use zeroize::Zeroizing;

use crate::launch::Launch;
use crate::member::Member;
use crate::wire::{Answer, Failure, Order, Secret, Transfer};

/// What a cluster is made of.
#[derive(Clone)]
pub struct Settings {
    /// Path of the PKCS#11 module, a shared library.
    pub module: PathBuf,
    /// Labels of its tokens. Keys can be made with two or more.
    pub tokens: Vec<String>,
    /// PIN of the user of every token.
    pub pin: Zeroizing<String>,
    /// Certificate (PEM) by which creators of custom key stores show that they mean this cluster.
    pub trust_anchor: Option<String>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("module", &self.module).field("tokens", &self.tokens).finish_non_exhaustive()
    }
}

/// A cluster of tokens as one holder of keys. Dropping it ends its workers.
pub struct Cluster {
    members: Vec<Arc<Member>>,
    next: AtomicUsize,
    pin: Zeroizing<String>,
    trust_anchor: Option<String>,
    tasks: Vec<AbortHandle>,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = self.members.iter().map(|member| (member.label.as_str(), member.is_up()));
        f.debug_struct("Cluster").field("tokens", &members.collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Cluster {
    /// Opens every token, and returns when each is open or has failed once. Those that failed are
    /// tried again for ever.
    pub async fn open(settings: Settings, launch: Launch, clock: Arc<dyn Clock>) -> Self {
        let module = settings.module.to_string_lossy().into_owned();
        let member = |label: &String| {
            let pin = Secret::new(settings.pin.as_bytes());
            Arc::new(Member::new(launch.clone(), module.clone(), label.clone(), pin, clock.clone()))
        };
        let members: Vec<_> = settings.tokens.iter().map(member).collect();
        let tasks = members.iter().map(|member| tokio::spawn(member.clone().look_after()).abort_handle()).collect();
        for member in &members {
            member.tried().await;
        }
        let Settings { pin, trust_anchor, .. } = settings;
        Self { members, next: AtomicUsize::new(0), pin, trust_anchor, tasks }
    }

    /// Has an order done by any token that can, each in its turn.
    async fn any(&self, order: impl Fn() -> Order) -> Result<Answer, HolderError> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        let turns = (0..self.members.len()).map(|n| &self.members[(first + n) % self.members.len()]);
        let (up, down): (Vec<_>, Vec<_>) = turns.partition(|member| member.is_up());
        let mut worst = Failure::Away("no token of the cluster is there".to_owned());
        for member in up.iter().chain(&down) {
            match member.order(order()).await {
                Ok(answer) => return Ok(answer),
                Err(failure @ Failure::NotAuthentic) => return Err(error(failure)),
                // A token that is away says less than one that looked.
                Err(Failure::Away(_)) if !matches!(worst, Failure::Away(_)) => {}
                Err(failure) => worst = failure,
            }
        }
        // A key that one token does not have may be in another that is away.
        if worst == Failure::UnknownKey && !self.all_up() {
            worst = Failure::Away("a token of the cluster is not there".to_owned());
        }
        Err(error(worst))
    }

    /// Has an order done by every token.
    async fn every(&self, order: impl Fn() -> Order) -> Result<(), HolderError> {
        for member in &self.members {
            member.order(order()).await.map_err(error)?;
        }
        Ok(())
    }

    fn all_up(&self) -> bool {
        self.working() == self.members.len()
    }

    /// Makes a key in one token and brings it to all, wrapped. Nobody but the receiving token can
    /// unwrap it, and the maker keeps its copy the same way as the others.
    async fn spread(&self, name: &str) -> Result<(), Failure> {
        if self.members.len() < 2 || !self.all_up() {
            return Err(Failure::Away("keys are made while two or more tokens, and all of them, are there".to_owned()));
        }
        let mut receivers = Vec::new();
        for member in &self.members {
            receivers.push(transfer(member).await?);
        }
        let maker = &self.members[self.next.fetch_add(1, Ordering::Relaxed) % self.members.len()];
        let Answer::Wrapped(wrapped) = maker.order(Order::Make { receivers }).await? else { return Err(confused()) };
        for (member, wrapped) in self.members.iter().zip(wrapped) {
            member.order(Order::Keep { name: name.to_owned(), wrapped }).await?;
        }
        self.agree(name).await
    }

    /// Whether all tokens hold the same key: what one seals, each of the others opens.
    async fn agree(&self, name: &str) -> Result<(), Failure> {
        let aad = || serde_bytes::ByteBuf::from(name.as_bytes());
        let (first, others) = self.members.split_first().ok_or_else(confused)?;
        let order = Order::Encrypt { name: name.to_owned(), plaintext: Secret::new(b"the same"), aad: aad() };
        let Answer::Bytes(sealed) = first.order(order).await? else { return Err(confused()) };
        for member in others {
            let ciphertext = sealed.0.to_vec().into();
            member.order(Order::Decrypt { name: name.to_owned(), ciphertext, aad: aad() }).await?;
        }
        Ok(())
    }
}

async fn transfer(member: &Member) -> Result<Transfer, Failure> {
    match member.order(Order::Transfer).await? {
        Answer::Transfer(transfer) => Ok(transfer),
        _ => Err(confused()),
    }
}

#[async_trait]
impl KeyHolder for Cluster {
    async fn create(&self, key: &KeyArn) -> Result<String, HolderError> {
        let name = format!("arqueta/{}/{}", key.key_id(), ObjectId::random());
        if let Err(failure) = self.spread(&name).await {
            // Half a key is none.
            for member in &self.members {
                if member.order(Order::Destroy { name: name.clone() }).await.is_err() {
                    tracing::warn!(token = member.label, name, "an unfinished key may stay in this token");
                }
            }
            return Err(error(failure));
        }
        Ok(name)
    }

    async fn adopt(&self, name: &str) -> Result<(), HolderError> {
        self.every(|| Order::Has { name: name.to_owned() }).await
    }

    async fn encrypt(&self, of: &Use<'_>, plaintext: &[u8], aad: &[u8]) -> Result<Vec<u8>, HolderError> {
        let order =
            || Order::Encrypt { name: of.name.to_owned(), plaintext: Secret::new(plaintext), aad: aad.to_vec().into() };
        Ok(bytes(self.any(order).await?)?.to_vec())
    }

    async fn decrypt(&self, of: &Use<'_>, ciphertext: &[u8], aad: &[u8]) -> Result<Zeroizing<Vec<u8>>, HolderError> {
        let order = || Order::Decrypt {
            name: of.name.to_owned(),
            ciphertext: ciphertext.to_vec().into(),
            aad: aad.to_vec().into(),
        };
        bytes(self.any(order).await?)
    }

    async fn destroy(&self, name: &str) -> Result<(), HolderError> {
        self.every(|| Order::Destroy { name: name.to_owned() }).await
    }

    fn is_available(&self) -> bool {
        self.members.iter().any(|member| member.is_up())
    }
}

#[async_trait]
impl TokenCluster for Cluster {
    fn tokens(&self) -> usize {
        self.members.len()
    }

    fn working(&self) -> usize {
        self.members.iter().filter(|member| member.is_up()).count()
    }

    fn accepts(&self, password: &[u8]) -> bool {
        self.pin.as_bytes().ct_eq(password).into()
    }

    fn trusts(&self, certificate: &str) -> bool {
        let words = |pem: &str| pem.split_whitespace().collect::<String>();
        self.trust_anchor.as_deref().is_some_and(|anchor| words(anchor) == words(certificate))
    }

    async fn random(&self, size: usize) -> Result<Zeroizing<Vec<u8>>, HolderError> {
        let size = u32::try_from(size).map_err(|error| HolderError::Denied(error.into()))?;
        bytes(self.any(|| Order::Random { size }).await?)
    }
}

fn bytes(answer: Answer) -> Result<Zeroizing<Vec<u8>>, HolderError> {
    match answer {
        Answer::Bytes(Secret(bytes)) => Ok(bytes),
        _ => Err(error(confused())),
    }
}

fn confused() -> Failure {
    Failure::Away("the worker answers something else than it was asked".to_owned())
}

fn error(failure: Failure) -> HolderError {
    match failure {
        Failure::Away(_) | Failure::Attributes(_) => HolderError::unavailable(failure),
        Failure::Pin => HolderError::Denied(failure.into()),
        Failure::Busy => HolderError::Throttled,
        Failure::UnknownKey => HolderError::UnknownKey,
        Failure::NotAuthentic => HolderError::NotAuthentic,
    }
}
