//! To each item its destination.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arqueta_engine::Caller;
use arqueta_model::Clock;
use arqueta_remote::SetupError;
use arqueta_replicate::{Destination, Failure, Item, Reason};
use async_trait::async_trait;

use crate::arqueta::Arqueta;
use crate::client;
use crate::directory::Directory;
use crate::foreign::Foreign;
use crate::permission;
use crate::settings::{EndpointSettings, Kind};

/// Buckets of other endpoints, and the destination of all others.
pub struct Elsewhere<H> {
    here: H,
    directory: Directory,
    /// In the order of the directory.
    endpoints: Vec<Endpoint>,
}

struct Endpoint {
    patience: Duration,
    takes: Box<dyn Destination>,
}

impl<H> fmt::Debug for Elsewhere<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Elsewhere").field("directory", &self.directory).finish_non_exhaustive()
    }
}

/// Why an endpoint cannot be used.
#[derive(Debug)]
pub struct Unusable {
    /// Which, by its name in the configuration.
    pub name: String,
    /// What is wrong with its credentials, files or address.
    pub error: SetupError,
}

impl<H> Elsewhere<H> {
    /// Nothing is connected yet.
    ///
    /// # Errors
    /// [`Unusable`] names the endpoint.
    pub fn new(here: H, settings: &[EndpointSettings], clock: &Arc<dyn Clock>) -> Result<Self, Unusable> {
        let endpoint = |settings: &EndpointSettings| {
            let client = client::client(&settings.client, clock.clone());
            let client = client.map_err(|error| Unusable { name: settings.name.clone(), error })?;
            let takes: Box<dyn Destination> = match settings.kind {
                Kind::Arqueta => Box::new(Arqueta::new(client)),
                Kind::S3 => Box::new(Foreign::new(client)),
            };
            Ok(Endpoint { patience: settings.patience, takes })
        };
        let endpoints: Result<_, _> = settings.iter().map(endpoint).collect();
        Ok(Self { here, directory: Directory::new(settings), endpoints: endpoints? })
    }
}

#[async_trait]
impl<H: Destination> Destination for Elsewhere<H> {
    async fn take(&self, role: &Caller, item: Item) -> Result<(), Failure> {
        let Some((at, entry)) = self.directory.of(&item.to.bucket) else { return self.here.take(role, item).await };
        if !entry.accounts.contains(&item.from.owner) {
            let why = format!("buckets of {} do not replicate to the endpoint {}", item.from.owner, entry.name);
            return Err(Failure::denied(Reason::DstPutObjectNotPermitted, why));
        }
        permission::of(role, &item)?;
        let endpoint = &self.endpoints[at];
        let patience = endpoint.patience.saturating_add(Duration::from_secs(size(&item) >> 20));
        let taken = tokio::time::timeout(patience, endpoint.takes.take(role, item)).await;
        taken.unwrap_or_else(|_| Err(Failure::Unavailable(format!("{} did not answer in time", entry.name))))
    }
}

fn size(item: &Item) -> u64 {
    match &item.what {
        arqueta_replicate::What::Put(version) => version.size,
        _ => 0,
    }
}
