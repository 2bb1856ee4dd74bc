//! The engine itself: what it stands on, and who does what with it.

use std::fmt;
use std::sync::Arc;

use arqueta_envelope::Envelope;
use arqueta_model::Clock;
use arqueta_store::{BlobStore, Damages, MetaStore, Room};

use crate::Error;
use crate::accounts::AccountSettings;
use crate::buckets::{BucketSettings, Buckets};
use crate::collect::Collector;
use crate::lifecycle::Lifecycle;
use crate::listing::Listing;
use crate::multipart::Uploads;
use crate::objects::{Locks, Objects};
use crate::readers::BodiesHeld;
use crate::rekey::Rekeying;
use crate::replicas::Replicas;
use crate::replication::Replicating;
use crate::scrub::Scrubber;
use crate::state::{Config, State};
use crate::sweep::Sweeper;
use crate::usage::UsageBook;

/// The use cases, by role.
pub struct Engine {
    state: State,
}

impl Engine {
    /// An engine over these stores. Work left over by an earlier run is the sweeper's.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for limits that cannot work together.
    pub fn open(
        meta: Arc<dyn MetaStore>,
        blobs: Arc<dyn BlobStore>,
        envelope: Arc<Envelope>,
        clock: Arc<dyn Clock>,
        config: Config,
    ) -> Result<Self, Error> {
        Ok(Self { state: State::new(meta, blobs, envelope, clock, config)? })
    }

    /// Takes bodies in only where there is room, and frees space on a full disk.
    #[must_use]
    pub fn within(self, room: Arc<dyn Room>) -> Self {
        Self { state: State { room: Some(room), ..self.state } }
    }

    /// Notes damaged records in `damages`, where the store beneath notes them, too.
    #[must_use]
    pub fn noting(self, damages: Arc<Damages>) -> Self {
        Self { state: State { damages, ..self.state } }
    }

    /// Orders what is written from now on behind `sequence`: the last one of the outbox, whatever the clock
    /// said when it was written.
    pub fn follow(&self, sequence: u64) {
        self.state.sequence.raise(sequence);
    }

    /// Settings in force.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.state.config
    }

    /// Buckets: made, found, listed, removed.
    #[must_use]
    pub fn buckets(&self) -> Buckets<'_> {
        Buckets::over(&self.state)
    }

    /// What a bucket is set to: versioning, encryption, tags, object lock, documents.
    #[must_use]
    pub fn bucket_settings(&self) -> BucketSettings<'_> {
        BucketSettings::over(&self.state)
    }

    /// Objects: put, read, copied, amended, removed.
    #[must_use]
    pub fn objects(&self) -> Objects<'_> {
        Objects::over(&self.state)
    }

    /// Retention and legal holds of versions.
    #[must_use]
    pub fn locks(&self) -> Locks<'_> {
        Locks::over(&self.state)
    }

    /// Pages of objects, versions and uploads.
    #[must_use]
    pub fn listing(&self) -> Listing<'_> {
        Listing::over(&self.state)
    }

    /// What lies in each bucket, and how much may.
    #[must_use]
    pub fn usage(&self) -> &Arc<UsageBook> {
        &self.state.usage
    }

    /// What accounts are set to as a whole.
    #[must_use]
    pub const fn accounts(&self) -> &AccountSettings {
        &self.state.accounts
    }

    /// Multipart uploads.
    #[must_use]
    pub fn uploads(&self) -> Uploads<'_> {
        Uploads::over(&self.state)
    }

    /// Versions that were written elsewhere first.
    #[must_use]
    pub fn replicas(&self) -> Replicas<'_> {
        Replicas::over(&self.state)
    }

    /// What lifecycle rules say, and what they remove.
    #[must_use]
    pub fn lifecycle(&self) -> Lifecycle<'_> {
        Lifecycle::over(&self.state)
    }

    /// All versions of buckets, for whoever wraps their keys anew.
    #[must_use]
    pub fn rekeying(&self) -> Rekeying<'_> {
        Rekeying::over(&self.state)
    }

    /// Replication, the sending side.
    #[must_use]
    pub fn replication(&self) -> Replicating<'_> {
        Replicating::over(&self.state)
    }

    /// What no request waits for: garbage, orphans, ended uploads.
    #[must_use]
    pub fn sweeper(&self) -> Sweeper<'_> {
        Sweeper::over(&self.state)
    }

    /// Keeps every body that is referred to from now on, until the answer is dropped: for who copies them.
    #[must_use]
    pub fn hold_bodies(&self) -> BodiesHeld {
        self.state.readers.hold_all()
    }

    /// Everything stored, read and held against what it must be.
    #[must_use]
    pub fn scrubber(&self) -> Scrubber<'_> {
        Scrubber::over(&self.state)
    }

    /// The end of wrapped bucket keys that nothing needs.
    #[must_use]
    pub fn collector(&self) -> Collector<'_> {
        Collector::over(&self.state)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("config", self.config()).finish_non_exhaustive()
    }
}
