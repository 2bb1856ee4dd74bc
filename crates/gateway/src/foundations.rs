//! What everything else stands on: the stores, the record, the time.

use std::sync::Arc;

use arqueta_audit::{AuditSink, Journaled, JsonLines, Lenient, Outbox};
use arqueta_model::{Clock, SystemClock};
use arqueta_store::{BlobStore, FsBlobs, MetaStore, RedbStore};

use crate::Error;
use crate::config::Config;
use crate::{data_folder, metadata};

/// What everything else stands on. Tests put recording or failing ones here.
#[derive(Clone)]
pub struct Foundations {
    /// Metadata.
    pub meta: Arc<dyn MetaStore>,
    /// The same, where it has a journal: for a last checkpoint.
    pub journaled: Option<Arc<RedbStore>>,
    /// Bodies.
    pub blobs: Arc<dyn BlobStore>,
    /// The record.
    pub audit: Arc<dyn AuditSink>,
    /// The files behind `audit`, to be sealed; `None` where it is kept elsewhere.
    pub record: Option<Arc<JsonLines>>,
    /// Looks after events that travel with what they tell; `None` where `audit` needs no help.
    pub outbox: Option<Arc<Outbox>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl Foundations {
    /// The embedded stores under `config.data_dir`, which is created where it is missing.
    ///
    /// # Errors
    /// [`Error::DataDir`], [`Error::Open`].
    pub async fn open(config: &Config) -> Result<Self, Error> {
        let data = &config.data_dir;
        metadata::require_whole(config)?;
        data_folder::open(data)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let metadata::Opened { meta, journaled } = metadata::open_store(config)?;
        let blobs = FsBlobs::open(data.join("blobs")).map_err(Error::open("bodies in the data folder"))?;
        let record = JsonLines::open(data.join("audit"), clock.clone()).await.map_err(Error::open("audit record"))?;
        let record = Arc::new(record);
        let audit: Arc<dyn AuditSink> = match config.audit.fail_closed {
            true => Arc::new(Journaled::new(record.clone())),
            false => Arc::new(Lenient(Journaled::new(record.clone()))),
        };
        let outbox = Some(Arc::new(Outbox::default()));
        Ok(Self { meta, journaled, blobs: Arc::new(blobs), audit, record: Some(record), outbox, clock })
    }
}
