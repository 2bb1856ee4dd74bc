//! Who caused an event: what only the edge knows of a request, asked for when an event is told.

use std::sync::Arc;

use arqueta_model::RequestId;
use serde::{Deserialize, Serialize};

tokio::task_local! {
    static WITNESS: Arc<dyn Witness>;
}

/// Knows the request that is being served.
pub trait Witness: Send + Sync {
    /// Who acts, and from where.
    fn act(&self) -> Act;

    /// Whether the object came by a browser form.
    fn by_form(&self) -> bool;
}

/// Who acts, and from where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// `AWS:` and the principal's unique id; a service's name for what a service does.
    pub principal: String,
    /// Address of the client, or the service's name.
    pub source: String,
    /// `x-amz-request-id`.
    pub request: String,
    /// `x-amz-id-2`; empty for what no request caused.
    pub host: String,
}

impl Act {
    /// The service's own: lifecycle.
    pub(crate) fn of_service() -> Self {
        let service = "s3.amazonaws.com".to_owned();
        Self {
            principal: service.clone(),
            source: service,
            request: RequestId::random().to_string(),
            host: String::new(),
        }
    }
}

/// Runs `work` on behalf of the request that `witness` knows.
// No `async fn`: that would hold `work` twice, as it came and as it runs.
pub fn witnessed<F: Future>(witness: Arc<dyn Witness>, work: F) -> impl Future<Output = F::Output> {
    WITNESS.scope(witness, work)
}

/// The request that is being served, if this is on behalf of one.
pub(super) fn witness() -> Option<Arc<dyn Witness>> {
    WITNESS.try_with(Arc::clone).ok()
}
