//! External key services, set up from the configuration and counted.

use std::fmt;
use std::sync::Arc;

use arqueta_kms::Holders;
use arqueta_model::{Clock, with_causes};
use arqueta_remote::{AwsHolder, AwsSettings, BreakerState, Guarded, Snapshot, VaultHolder, VaultSettings};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::Error;
use crate::config::{Backend, Kms};

/// Every configured backend, and what is seen of it.
#[derive(Clone, Default)]
pub struct Backends {
    /// As the key service takes them.
    pub holders: Holders,
    seen: Vec<(String, Arc<dyn Fn() -> Snapshot + Send + Sync>)>,
}

impl fmt::Debug for Backends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.holders.keys()).finish()
    }
}

impl Backends {
    /// Sets up what `config` names. Nothing is connected yet.
    ///
    /// # Errors
    /// [`Error::Config`] names the backend and what it lacks.
    pub fn new(config: &Kms, clock: &Arc<dyn Clock>) -> Result<Self, Error> {
        let mut backends = Self::default();
        for (name, backend) in &config.backends {
            let failed = |error| Error::Config(format!("kms.backends.{name}: {}", with_causes(&error)));
            match backend {
                Backend::Aws(aws) => {
                    let settings = AwsSettings {
                        endpoint: aws.endpoint.clone(),
                        region: aws.region.clone(),
                        access_key_id: aws.access_key_id.clone(),
                        secret_access_key_file: aws.secret_access_key_file.clone(),
                        session_token_file: aws.session_token_file.clone(),
                        ca: aws.ca.clone(),
                        connect: aws.calls.connect(),
                    };
                    let holder = AwsHolder::new(&settings, clock.clone()).map_err(failed)?;
                    backends.add(name, Guarded::new(holder, clock.clone(), aws.calls.limits()));
                }
                Backend::Vault(vault) => {
                    let settings = VaultSettings {
                        address: vault.address.clone(),
                        mount: vault.mount.clone(),
                        namespace: vault.namespace.clone(),
                        token_file: vault.token_file.clone(),
                        ca: vault.ca.clone(),
                        connect: vault.calls.connect(),
                    };
                    let holder = VaultHolder::new(&settings).map_err(failed)?;
                    backends.add(name, Guarded::new(holder, clock.clone(), vault.calls.limits()));
                }
            }
        }
        Ok(backends)
    }

    /// Those that do not answer, so that for a while none of their keys works.
    #[must_use]
    pub fn silent(&self) -> Vec<String> {
        let open = |seen: &Snapshot| matches!(seen.breaker, BreakerState::Open);
        self.seen.iter().filter(|(_, snapshot)| open(&snapshot())).map(|(name, _)| name.clone()).collect()
    }

    fn add<H: arqueta_kms::KeyHolder + 'static>(&mut self, name: &str, guarded: Guarded<H>) {
        let guarded = Arc::new(guarded);
        self.holders.insert(name.to_owned(), guarded.clone());
        self.seen.push((name.to_owned(), Arc::new(move || guarded.snapshot())));
    }
}

/// Calls to each backend, and whether its breaker lets them through.
impl Collector for Backends {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let seen: Vec<_> = self.seen.iter().map(|(name, snapshot)| (name.as_str(), snapshot())).collect();
        let help = "Attempts at external key services, by backend, call and outcome";
        let mut metric = encoder.encode_descriptor("kms_backend_attempts", help, None, MetricType::Counter)?;
        for (name, snapshot) in &seen {
            for count in &snapshot.counts {
                let labels = [("backend", *name), ("call", count.call.name()), ("outcome", count.outcome.name())];
                ConstCounter::new(count.attempts).encode(metric.encode_family(&labels)?)?;
            }
        }
        let help = "0: every call is tried; 1: one call, to see; 2: none";
        let mut metric = encoder.encode_descriptor("kms_backend_breaker", help, None, MetricType::Gauge)?;
        for (name, snapshot) in &seen {
            let level: i64 = match snapshot.breaker {
                BreakerState::Closed => 0,
                BreakerState::HalfOpen => 1,
                BreakerState::Open => 2,
            };
            ConstGauge::new(level).encode(metric.encode_family(&[("backend", *name)])?)?;
        }
        Ok(())
    }
}
