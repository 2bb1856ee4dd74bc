//! Trails over the gateway's own buckets, configured ones elsewhere, and the key service's own signing keys.

mod destinations;
mod own_buckets;
mod signing;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use arqueta_audit::AuditSink;
use arqueta_engine::Engine;
use arqueta_keys::Embedded;
use arqueta_model::{AccountId, Clock};
use arqueta_s3::DataSelection;
use arqueta_store::MetaStore;
use arqueta_trail::{Foundations, Selection, Trails};

use crate::Error;
use crate::config::Config;
use destinations::Destinations;
use own_buckets::OwnBuckets;
use signing::KeyRing;

/// What trails select, for the S3 edge.
pub(crate) struct Selected(pub(crate) Selection);

impl DataSelection for Selected {
    fn wants(&self, account: &AccountId, bucket: &str, key: &str, read_only: bool) -> bool {
        self.0.wants_data(account, bucket, key, read_only)
    }
}

/// What trails stand on here.
pub(crate) struct Standing {
    pub(crate) meta: Arc<dyn MetaStore>,
    pub(crate) audit: Arc<dyn AuditSink>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) kms: Embedded,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Opens the trails of all accounts.
///
/// # Errors
/// [`Error::Open`], [`Error::Config`] for remote buckets that cannot be set up.
pub(crate) async fn open(config: &Config, standing: Standing) -> Result<Trails, Error> {
    let Standing { meta, audit, engine, kms, clock } = standing;
    let buckets =
        OwnBuckets { engine, kms: Arc::new(kms.clone()), clock: clock.clone(), region: config.region.clone() };
    let foundations = Foundations {
        sign: Arc::new(KeyRing::new(kms, meta.clone(), clock.clone())),
        deliver: Arc::new(Destinations::new(buckets, config, &clock)?),
        meta,
        record: config.data_dir.join("audit"),
        sink: audit,
        clock,
        selection: Selection::default(),
    };
    let settings = arqueta_trail::Config {
        region: config.region.clone(),
        delivery: Duration::from_secs(config.trails.delivery_seconds),
        digest: Duration::from_secs(config.trails.digest_seconds),
    };
    Trails::open(foundations, settings).await.map_err(Error::open("trails"))
}
