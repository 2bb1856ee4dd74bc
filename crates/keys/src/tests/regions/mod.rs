//! Multi-Region keys: services of several Regions, joined in memory.

mod handover;
mod law;
mod replicas;
mod rotation;
mod trust;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use arqueta_kms::testing::{context, user};
use arqueta_kms::{KeyState, Kms as _};
use arqueta_model::{AccountId, EncryptionContext, Region};
use async_trait::async_trait;

use super::*;
use crate::schema::KeyRecord;
use crate::{Peer, PeerError, PeerKey, PeerRegion};

pub(super) const HOME: &str = "us-east-1";
pub(super) const AWAY: &str = "eu-west-1";

pub(super) fn region(name: &str) -> Region {
    name.parse().unwrap()
}

/// What becomes of one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Arrives,
    /// Nobody hears it.
    Lost,
    /// It is acted on, and nobody hears of that.
    AnswerLost,
    Twice,
    /// An older request of the same way arrives before it.
    AfterOlder(usize),
}

/// The way from one Region to another.
pub(super) struct Link {
    from: Region,
    to: Mutex<Option<Embedded>>,
    pub down: AtomicBool,
    pub fates: Mutex<Vec<Fate>>,
    /// Everything that was ever sent.
    pub sent: Mutex<Vec<Vec<u8>>>,
}

impl Link {
    async fn deliver(&self, sealed: &[u8]) -> Result<Vec<u8>, PeerError> {
        let to = self.to.lock().unwrap().clone().ok_or("nobody there")?;
        Ok(to.answer_region(self.from.as_str(), sealed).await?)
    }
}

struct Wire(Arc<Link>);

#[async_trait]
impl Peer for Wire {
    async fn exchange(&self, sealed: Vec<u8>) -> Result<Vec<u8>, PeerError> {
        let link = &self.0;
        link.sent.lock().unwrap().push(sealed.clone());
        if link.down.load(Ordering::Relaxed) {
            return Err("down".into());
        }
        let fate = link.fates.lock().unwrap().pop().unwrap_or(Fate::Arrives);
        match fate {
            Fate::Arrives => link.deliver(&sealed).await,
            Fate::Lost => Err("lost".into()),
            Fate::AnswerLost => {
                let _ = link.deliver(&sealed).await;
                Err("the answer is lost".into())
            }
            Fate::Twice => {
                let _ = link.deliver(&sealed).await;
                link.deliver(&sealed).await
            }
            Fate::AfterOlder(at) => {
                let older = link.sent.lock().unwrap().iter().rev().nth(at).cloned();
                if let Some(older) = older {
                    let _ = link.deliver(&older).await;
                }
                link.deliver(&sealed).await
            }
        }
    }
}

/// One Region.
pub(super) struct Site {
    pub region: Region,
    pub kms: Embedded,
    pub meta: Arc<MemoryMeta>,
    pub audit: Arc<Faulty<MemoryAudit>>,
}

/// Several Regions on one clock.
pub(super) struct Globe {
    pub sites: Vec<Site>,
    pub links: BTreeMap<(Region, Region), Arc<Link>>,
    pub clock: Arc<ManualClock>,
    pub root: Caller,
}

impl Globe {
    pub async fn new(names: &[&str]) -> Self {
        let clock = Arc::new(ManualClock::default());
        let mut links = BTreeMap::new();
        for (from, to) in names.iter().flat_map(|from| names.iter().map(move |to| (from, to))) {
            let link = Link {
                from: region(from),
                to: Mutex::default(),
                down: AtomicBool::new(false),
                fates: Mutex::default(),
                sent: Mutex::default(),
            };
            links.insert((region(from), region(to)), Arc::new(link));
        }
        let mut globe = Self { sites: Vec::new(), links, clock, root: root(ACCOUNT) };
        for name in names {
            let (meta, audit) = (Arc::new(MemoryMeta::new()), Arc::new(Faulty::new(MemoryAudit::default())));
            let kms = globe.open(&region(name), &meta, &audit).await;
            globe.sites.push(Site { region: region(name), kms, meta, audit });
        }
        globe
    }

    async fn open(&self, own: &Region, meta: &Arc<MemoryMeta>, audit: &Arc<Faulty<MemoryAudit>>) -> Embedded {
        // Each Region has a root key of its own.
        let root = [own.as_str().as_bytes()[0]; 32];
        let config = Config::new("000000000000".parse().unwrap(), own.clone(), Arc::new(FixedRootKey(root)));
        let kms = Embedded::open(meta.clone(), audit.clone(), self.clock.clone(), config).await.unwrap();
        let others = self.links.iter().filter(|((from, to), _)| from == own && to != own);
        let regions = others.map(|((_, to), link)| {
            let peer = PeerRegion { key: PeerKey::from_bytes(&[9; 32]), peer: Arc::new(Wire(link.clone())) };
            (to.clone(), peer)
        });
        kms.join_regions(regions.collect());
        kms.join_identities(Arc::new(People::default())).await.unwrap();
        for ((_, to), link) in &self.links {
            if to == own {
                *link.to.lock().unwrap() = Some(kms.clone());
            }
        }
        kms
    }

    /// The process of a Region ends, wherever it is, and begins again.
    pub async fn restart(&mut self, at: usize) {
        let site = &self.sites[at];
        let kms = self.open(&site.region, &site.meta, &site.audit).await;
        self.sites[at].kms = kms;
    }

    pub fn at(&self, name: &str) -> &Embedded {
        &self.sites.iter().find(|site| site.region.as_str() == name).unwrap().kms
    }

    pub fn link(&self, from: &str, to: &str) -> &Link {
        &self.links[&(region(from), region(to))]
    }

    /// Cuts or heals both ways between two Regions.
    pub fn cut(&self, one: &str, other: &str, down: bool) {
        for (from, to) in [(one, other), (other, one)] {
            self.link(from, to).down.store(down, Ordering::Relaxed);
        }
    }

    pub async fn primary(&self) -> KeyArn {
        let request = CreateKeyRequest { multi_region: true, ..Default::default() };
        let made = self.at(HOME).create_key(&self.root, request).await.unwrap();
        made.key_metadata.arn.parse().unwrap()
    }

    pub async fn replicate(&self, key: &KeyArn, to: &str) -> Result<ReplicateKeyResponse, Error> {
        let request = replicate(key, to);
        self.at(key.region()).replicate_key(&self.root, request).await
    }

    /// A key in [`HOME`] with a replica in [`AWAY`].
    pub async fn pair(&self) -> (KeyArn, KeyArn) {
        let key = self.primary().await;
        let replica = self.replicate(&key, AWAY).await.unwrap().replica_key_metadata.arn.parse().unwrap();
        (key, replica)
    }

    pub async fn hand_over(&self, key: &KeyArn, to: &str) -> Result<(), Error> {
        let request = UpdatePrimaryRegionRequest { key_id: key.to_string(), primary_region: to.parse().unwrap() };
        self.at(key.region()).update_primary_region(&self.root, request).await
    }

    pub async fn describe(&self, key: &KeyArn) -> Result<KeyMetadata, Error> {
        let request = DescribeKeyRequest { key_id: key.to_string() };
        Ok(self.at(key.region()).describe_key(&self.root, request).await?.key_metadata)
    }

    pub async fn rotate(&self, key: &KeyArn) -> Result<(), Error> {
        let request = RotateKeyOnDemandRequest { key_id: key.to_string() };
        self.at(key.region()).rotate_key_on_demand(&self.root, request).await.map(|_| ())
    }

    pub async fn encrypt(&self, key: &KeyArn, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        let request =
            EncryptRequest { key_id: key.to_string(), plaintext: Blob::new(plaintext.to_vec()), ..Default::default() };
        Ok(self.at(key.region()).encrypt(&self.root, request).await?.ciphertext_blob.expose().to_vec())
    }

    pub async fn decrypt(&self, key: &KeyArn, ciphertext: &[u8]) -> Result<Vec<u8>, Error> {
        let request = DecryptRequest {
            ciphertext_blob: Blob::new(ciphertext.to_vec()),
            key_id: Some(key.to_string()),
            ..Default::default()
        };
        Ok(self.at(key.region()).decrypt(&self.root, request).await?.plaintext.expose().to_vec())
    }

    pub async fn schedule(&self, key: &KeyArn) -> Result<ScheduleKeyDeletionResponse, Error> {
        let request = ScheduleKeyDeletionRequest { key_id: key.to_string(), pending_window_in_days: Some(7) };
        self.at(key.region()).schedule_key_deletion(&self.root, request).await
    }

    /// Every Region tells every other one what it has yet to hear, until there is nothing left.
    pub async fn settle(&self) {
        for _ in 0..20 {
            for site in &self.sites {
                for other in self.sites.iter().filter(|other| other.region != site.region) {
                    let _ = site.kms.tell(&other.region).await;
                }
            }
            if self.sites.iter().all(|site| errands(&site.kms) == 0) {
                return;
            }
        }
        panic!("errands are left over");
    }

    pub fn record(&self, at: &Embedded, id: &str) -> Option<KeyRecord> {
        let account: AccountId = ACCOUNT.parse().unwrap();
        at.state.directory().key(&account, id).map(|key| key.record.clone())
    }
}

pub(super) fn errands(kms: &Embedded) -> usize {
    kms.state.directory().errands.values().map(BTreeMap::len).sum()
}

fn kind(metadata: &KeyMetadata) -> &'static str {
    metadata.multi_region_configuration.as_ref().unwrap().multi_region_key_type
}

fn names(site: &Site) -> Vec<String> {
    site.audit.inner().events().iter().map(|event| event.event_name.clone()).collect()
}

/// A replica of `key` in the Region `to`, with nothing of its own.
fn replicate(key: &KeyArn, to: &str) -> ReplicateKeyRequest {
    ReplicateKeyRequest {
        key_id: key.to_string(),
        replica_region: to.parse().unwrap(),
        policy: None,
        bypass_policy_lockout_safety_check: false,
        description: String::new(),
        tags: BTreeMap::new(),
    }
}
