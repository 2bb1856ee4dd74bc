//! What every use case stands on: the stores, the envelope, the clock, and what this process remembers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use arqueta_envelope::Envelope;
use arqueta_model::{BucketName, Clock, Region, Timestamp};
use arqueta_store::{BlobStore, Damages, MetaStore, Room, Share};
use moka::sync::Cache;
use tokio::sync::Notify;

use crate::Error;
use crate::accounts::AccountSettings;
use crate::bucket_keys::Collection;
use crate::buckets::stored::StoredBucket;
use crate::buffers::{Buffers, LARGE_CHUNK};
use crate::in_flight::InFlight;
use crate::key_locks::KeyLocks;
use crate::lifecycle::Rules;
use crate::multipart::UploadCiphers;
use crate::notifications::Notices;
use crate::readers::Readers;
use crate::replication::Outgoing;
use crate::sequence::Sequencer;
use crate::usage::UsageBook;

/// Commits tried before a use case gives up on a record that others keep changing.
pub(crate) const ATTEMPTS: usize = 16;

/// What the chunks of all bodies that come in are meant to take, in bytes.
const INTAKE: usize = 16 << 20;

/// Decoded bucket records kept.
const DECODED_BUCKETS: u64 = 10_000;

/// Settings of the engine.
#[derive(Debug, Clone)]
pub struct Config {
    /// Region of the gateway.
    pub region: Region,
    /// Whether a bucket without default encryption uses SSE-S3, as in AWS since 2023. Off leaves
    /// objects there unencrypted unless a request says otherwise.
    pub encrypt_by_default: bool,
    /// Whether new buckets take no objects under keys of customers (SSE-C), as AWS's since April 2026.
    pub block_customer_keys: bool,
    /// Largest sealed body that travels inside the metadata commit, in bytes.
    pub inline_limit: usize,
    /// Largest body of one put, part or copy, in bytes.
    pub put_limit: u64,
    /// Smallest part other than the last, in bytes.
    pub part_minimum: u64,
    /// What events are told, and to whom.
    pub notices: Arc<Notices>,
}

impl Config {
    /// S3's own limits, for `region`.
    #[must_use]
    pub fn new(region: Region) -> Self {
        Self {
            region,
            encrypt_by_default: true,
            block_customer_keys: false,
            inline_limit: 16 * 1024,
            put_limit: 5 * 1024 * 1024 * 1024,
            part_minimum: 5 * 1024 * 1024,
            notices: Arc::default(),
        }
    }
}

/// What is remembered of lifecycle.
pub(crate) struct LifecycleState {
    /// Rules by bucket, and the text they were read from.
    pub(crate) known: Cache<BucketName, (Arc<str>, Arc<Rules>)>,
    /// Told when rules change.
    pub(crate) changed: Notify,
}

/// What all roles of one engine share. Reading, writing and room are `impl State` blocks in modules of their own.
pub(crate) struct State {
    pub(crate) meta: Arc<dyn MetaStore>,
    pub(crate) blobs: Arc<dyn BlobStore>,
    pub(crate) envelope: Arc<Envelope>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) config: Config,
    pub(crate) sequence: Sequencer,
    pub(crate) locks: KeyLocks,
    pub(crate) readers: Readers,
    pub(crate) buffers: Buffers,
    /// Memory of the chunks of all bodies that come in.
    pub(crate) intake: Share,
    pub(crate) in_flight: InFlight,
    pub(crate) upload_ciphers: UploadCiphers,
    pub(crate) decoded_buckets: Cache<BucketName, StoredBucket>,
    pub(crate) lifecycle: LifecycleState,
    /// What is written of versions that are to be replicated.
    pub(crate) outgoing: Arc<Outgoing>,
    /// What lies in each bucket, and how much may.
    pub(crate) usage: Arc<UsageBook>,
    /// What accounts are set to as a whole.
    pub(crate) accounts: AccountSettings,
    pub(crate) damages: Arc<Damages>,
    pub(crate) room: Option<Arc<dyn Room>>,
    /// Bytes of garbage that the last sweep left.
    pub(crate) dead: AtomicU64,
    pub(crate) collection: Collection,
    /// When this engine began: what was stored before, and is not referred to, is left over.
    pub(crate) opened: Timestamp,
}

impl State {
    /// # Errors
    /// [`Error::InvalidArgument`] for limits that cannot work together.
    pub(crate) fn new(
        meta: Arc<dyn MetaStore>,
        blobs: Arc<dyn BlobStore>,
        envelope: Arc<Envelope>,
        clock: Arc<dyn Clock>,
        config: Config,
    ) -> Result<Self, Error> {
        if config.part_minimum > config.put_limit {
            return Err(Error::argument("the smallest part is larger than the largest put"));
        }
        Ok(Self {
            opened: clock.now(),
            usage: Arc::new(UsageBook::new(Arc::clone(&meta))),
            accounts: AccountSettings::new(Arc::clone(&meta)),
            meta,
            blobs,
            envelope,
            clock,
            config,
            sequence: Sequencer::default(),
            locks: KeyLocks::default(),
            readers: Readers::default(),
            buffers: Buffers::default(),
            intake: Share::new(INTAKE, LARGE_CHUNK),
            in_flight: InFlight::default(),
            upload_ciphers: UploadCiphers::default(),
            decoded_buckets: Cache::new(DECODED_BUCKETS),
            lifecycle: LifecycleState { known: Cache::new(DECODED_BUCKETS), changed: Notify::new() },
            outgoing: Arc::default(),
            damages: Arc::default(),
            room: None,
            dead: AtomicU64::new(0),
            collection: Collection::default(),
        })
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("config", &self.config).finish_non_exhaustive()
    }
}
