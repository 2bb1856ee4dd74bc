//! [`Trails`]: opening it, and what its parts share.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arqueta_audit::{AuditSink, Mark};
use arqueta_model::{Clock, Region};
use arqueta_store::MetaStore;
use tokio::sync::Mutex;

use crate::directory::Directory;
use crate::layout::Layout;
use crate::log_file::Record;
use crate::record::Trail;
use crate::{Deliver, Destination, Error, Selection, Sign};

/// What trails stand on.
pub struct Foundations {
    /// Keeps trails and how far they are.
    pub meta: Arc<dyn MetaStore>,
    /// Folder of the record.
    pub record: PathBuf,
    /// What writes it.
    pub sink: Arc<dyn AuditSink>,
    /// Takes files.
    pub deliver: Arc<dyn Deliver>,
    /// Signs digests.
    pub sign: Arc<dyn Sign>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Told what all trails together select.
    pub selection: Selection,
}

/// How to deliver.
#[derive(Debug, Clone)]
pub struct Config {
    /// Region of the gateway, in keys and ARNs.
    pub region: Region,
    /// Time between two deliveries of log files. CloudTrail: about 5 minutes.
    pub delivery: Duration,
    /// Time that a digest covers. CloudTrail: an hour.
    pub digest: Duration,
}

/// Where the part of the record begins that trails have still to deliver; `None` if they have
/// delivered all. For those who remove what is no longer needed.
///
/// # Errors
/// Failures of the store, and trails that cannot be read.
pub async fn undelivered(meta: Arc<dyn MetaStore>) -> Result<Option<Mark>, Error> {
    let directory = Directory::new(meta);
    let mut first: Option<Mark> = None;
    for trail in directory.every_trail().await? {
        let progress = directory.progress(&trail.id).await?.value;
        let from = progress.spans.front().map(|span| span.from.clone());
        first = [first, from].into_iter().flatten().min();
    }
    Ok(first)
}

/// Every trail that can be read, by account and name.
///
/// # Errors
/// Failures of the store.
pub async fn list(meta: Arc<dyn MetaStore>) -> Result<Vec<Trail>, Error> {
    Directory::new(meta).trails(None).await
}

/// The trails of all accounts.
pub struct Trails {
    pub(crate) directory: Directory,
    pub(crate) record: Record,
    pub(crate) deliver: Arc<dyn Deliver>,
    pub(crate) sign: Arc<dyn Sign>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) selection: Selection,
    pub(crate) config: Config,
    /// Whoever holds it is the only one that delivers or moves a trail's progress.
    pub(crate) turn: Mutex<()>,
}

impl Trails {
    /// Opens trails; what they select is in force when this returns.
    ///
    /// # Errors
    /// Failures of the store, and trails that cannot be read.
    pub async fn open(foundations: Foundations, config: Config) -> Result<Self, Error> {
        let Foundations { meta, record, sink, deliver, sign, clock, selection } = foundations;
        let trails = Self {
            directory: Directory::new(meta),
            record: Record::new(record, sink),
            deliver,
            sign,
            clock,
            selection,
            config,
            turn: Mutex::new(()),
        };
        trails.select().await?;
        Ok(trails)
    }

    /// What the trails that log select, for those who record data events.
    #[must_use]
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// The region in the trails' ARNs.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.config.region
    }

    /// Tells the selection what is selected now.
    pub(crate) async fn select(&self) -> Result<(), Error> {
        let mut selected = Vec::new();
        for trail in self.directory.trails(None).await? {
            if self.directory.progress(&trail.id).await?.value.is_logging() {
                selected.push((trail.id.account, trail.selectors));
            }
        }
        self.selection.replace(selected);
        Ok(())
    }

    pub(crate) fn layout<'a>(&'a self, trail: &'a Trail) -> Layout<'a> {
        Layout { id: &trail.id, region: &self.config.region, prefix: trail.prefix.as_deref() }
    }

    pub(crate) fn destination(&self, trail: &Trail) -> Result<Destination, Error> {
        let bucket = trail.bucket.parse().map_err(|_| Error::InvalidBucketName { name: trail.bucket.clone() })?;
        Ok(Destination { account: trail.id.account.clone(), trail: trail.id.arn(&self.config.region), bucket })
    }
}

impl fmt::Debug for Trails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trails").field("config", &self.config).finish_non_exhaustive()
    }
}
