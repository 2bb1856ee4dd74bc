//! The scrub, on what the gateway has.

use std::sync::Arc;

use arqueta_engine::{Caller, Engine};
use arqueta_kms::Identity;
use arqueta_model::{AccountId, Clock, Principal, RequestId, RequestInfo};
use arqueta_store::{Leases, MetaStore};
use arqueta_work::scrub::{Owner, Scrub, Standing};

use crate::config::Config;
use crate::lifecycle::LEASE;

/// What the record shows of who asked for the keys.
const AGENT: &str = "arqueta scrub";

/// The worker.
pub(crate) fn open(
    config: &Config,
    meta: Arc<dyn MetaStore>,
    (engine, clock): (&Arc<Engine>, &Arc<dyn Clock>),
) -> Scrub {
    let leases = Leases::new(meta.clone(), clock.clone(), RequestId::random().to_string(), LEASE);
    let owner = owner(config, clock);
    Scrub::new(Standing { engine: engine.clone(), meta, leases, owner, clock: clock.clone() })
}

/// Who asks for the keys of an account's objects: the account's root, from this machine. A key policy that
/// shuts the root out shuts the scrub out.
pub(crate) fn owner(config: &Config, clock: &Arc<dyn Clock>) -> Arc<Owner> {
    let (ip, clock) = (config.listen.ip(), clock.clone());
    Arc::new(move |account: &AccountId| {
        let identity = Identity::bare(Principal::root(account, ""));
        Caller::new(Arc::new(identity), Arc::new(RequestInfo::internal(ip, AGENT, clock.now())))
    })
}
