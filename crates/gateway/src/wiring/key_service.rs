//! The key service, and the keys that the configuration asks for.

use std::sync::Arc;

use arqueta_audit::{AuditSink, Outbox, Told};
use arqueta_keys::{Authenticated, Embedded};
use arqueta_kms::{Adopted, Caller, Identity, KeyHolder};
use arqueta_model::{Clock, Principal, RequestInfo};
use arqueta_store::{Damages, MetaStore};

use crate::Error;
use crate::backends::Backends;
use crate::clusters;
use crate::config::Config;
use crate::regions;
use crate::root;

/// The key service, and the metadata that its root key makes authentic, whose commits carry the
/// events that tell them where there is an outbox for those.
pub(super) async fn open(
    config: &Config,
    backends: &Backends,
    (meta, outbox): (Arc<dyn MetaStore>, Option<&Arc<Outbox>>),
    damages: &Arc<Damages>,
    audit: &Arc<dyn AuditSink>,
    clock: &Arc<dyn Clock>,
) -> Result<(Embedded, Arc<dyn MetaStore>), Error> {
    let failed = || Error::open("key service");
    let clusters = clusters::open(&config.kms, clock).await?;
    let protector = root::protector(config, &clusters, &backends.holders)?;
    let authenticated = arqueta_keys::authenticate(meta, &*protector, damages.clone()).await;
    let Authenticated { meta, root } = authenticated.map_err(failed())?;
    let meta: Arc<dyn MetaStore> = match outbox {
        Some(outbox) => Arc::new(Told::new(meta, outbox.clone())),
        None => meta,
    };
    let mut holders = backends.holders.clone();
    holders.extend(clusters.iter().map(|(id, cluster)| (id.clone(), cluster.clone() as Arc<dyn KeyHolder>)));
    let settings = arqueta_keys::Config {
        clusters,
        quotas: config.quotas()?,
        holders,
        home: config.kms.home().map(str::to_owned),
        ..arqueta_keys::Config::new(config.account_id.clone(), config.region.clone(), root)
    };
    let kms = Embedded::open(meta.clone(), audit.clone(), clock.clone(), settings).await;
    let kms = kms.map_err(failed())?;
    kms.join_regions(regions::open(config)?);
    Ok((kms, meta))
}

/// The keys that the configuration asks for.
pub(super) async fn ensure_keys(config: &Config, kms: &Embedded, clock: &dyn Clock) -> Result<(), Error> {
    let operator = operator(config, clock);
    for id in &config.kms.ensure_keys {
        let made = kms.provision_key(&operator, id).await;
        made.map_err(Error::open("key service"))?;
    }
    for key in &config.kms.keys {
        let at = Adopted { holder: &key.backend, name: &key.remote };
        let made = kms.provision_held_key(&operator, &key.id, at).await;
        made.map_err(Error::open("key service"))?;
    }
    Ok(())
}

/// Who creates the keys that the configuration asks for: the account's root, from this machine.
fn operator(config: &Config, clock: &dyn Clock) -> Caller {
    let request = RequestInfo::internal(config.listen.ip(), "arqueta serve", clock.now());
    Caller::new(Arc::new(Identity::bare(Principal::root(&config.account_id, ""))), Arc::new(request))
}
