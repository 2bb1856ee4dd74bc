//! Wrapping whole buckets anew, on what the gateway has.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use arqueta_audit::AuditSink;
use arqueta_engine::{Caller, Engine};
use arqueta_iam::Identity;
use arqueta_keys::Embedded;
use arqueta_kms::{Counted, Metered};
use arqueta_model::{Clock, Principal, RequestId, RequestInfo};
use arqueta_store::{Leases, MetaStore};
use arqueta_trail::Trails;
use arqueta_work::rekey::{Rekey, Standing};

use crate::config::Config;

/// How long a gateway that says nothing any more keeps others from going on: somebody may be waiting for the job.
const LEASE: Duration = Duration::from_secs(5);
/// How the key service's events name who called.
const AGENT: &str = "arqueta rekey";

/// The worker. Keys are used as the root user of the account that owns the bucket: what a key policy denies that
/// one is denied here.
pub(crate) fn open(
    config: &Config,
    meta: &Arc<dyn MetaStore>,
    (engine, audit, trails, clock): (&Arc<Engine>, &Arc<dyn AuditSink>, &Trails, &Arc<dyn Clock>),
    kms: Arc<Metered<Embedded>>,
) -> Rekey {
    let (selection, now) = (trails.selection().clone(), clock.clone());
    let owner = RequestId::random().to_string();
    Rekey::new(Standing {
        engine: engine.clone(),
        meta: meta.clone(),
        leases: Leases::new(meta.clone(), clock.clone(), owner, LEASE),
        audit: audit.clone(),
        wants: Arc::new(move |account, bucket, key| selection.wants_data(account, bucket, key, false)),
        caller: Arc::new(move |account| {
            let identity = Identity::bare(Principal::root(account, ""));
            let request = RequestInfo::internal(Ipv4Addr::LOCALHOST.into(), AGENT, now.now());
            Caller::new(Arc::new(identity), Arc::new(request))
        }),
        calls: Arc::new(move || calls_of_users(&kms)),
        clock: clock.clone(),
        region: config.region.clone(),
    })
}

/// Calls of the KMS API that users' keys got from here: looking a key up and deciding again about one that is known are none.
pub(crate) fn calls_of_users(kms: &Metered<Embedded>) -> u64 {
    let is_call = |operation| matches!(operation, Counted::GenerateDataKey | Counted::Decrypt | Counted::ReEncrypt);
    kms.snapshot().iter().filter(|row| !row.service_owned && is_call(row.operation)).map(|row| row.calls).sum()
}
