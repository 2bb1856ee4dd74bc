//! The identities, of a gateway and of a data folder on which none runs.

use std::sync::Arc;

use arqueta_engine::name_of;
use arqueta_iam::Iam;
use arqueta_keys::Embedded;
use arqueta_model::Clock;
use arqueta_store::{Damages, MetaStore};

use super::key_service;
use crate::Error;
use crate::accounts;
use crate::backends::Backends;
use crate::banner::NewRoot;
use crate::config::Config;
use crate::credentials::{self, KeyServiceSealer};
use crate::foundations::Foundations;
use crate::issuers::HttpsIssuers;

/// The identities of a data folder on which no gateway runs. Creates nothing.
///
/// # Errors
/// [`Error::Open`] names the part.
pub async fn identities(config: &Config, foundations: &Foundations) -> Result<Iam, Error> {
    let Foundations { meta, audit, clock, .. } = foundations;
    let backends = Backends::new(&config.kms, clock)?;
    let damages = Arc::new(Damages::named_by(name_of));
    let (kms, meta) = key_service::open(config, &backends, (meta.clone(), None), &damages, audit, clock).await?;
    let sealer = Arc::new(KeyServiceSealer(kms));
    Iam::attach(meta, clock.clone(), sealer).await.map_err(Error::open("identities"))
}

/// Identities, and the root keys of accounts that are new.
pub(super) async fn open(
    config: &Config,
    meta: &Arc<dyn MetaStore>,
    clock: &Arc<dyn Clock>,
    kms: &Embedded,
) -> Result<(Arc<Iam>, Vec<NewRoot>), Error> {
    let failed = || Error::open("identities");
    let settings = arqueta_iam::Config { account: config.account_id.clone(), root: credentials::from_environment()? };
    let sealer = Arc::new(KeyServiceSealer(kms.clone()));
    let is_configured = settings.root.is_some();
    let iam = Iam::connect(meta.clone(), clock.clone(), sealer, settings).await.map_err(failed())?;
    let iam = iam.with_issuers(Arc::new(HttpsIssuers::new(clock.clone())?));
    let created = accounts::establish(config, &iam, &**meta, is_configured).await?;
    Ok((Arc::new(iam), created))
}
