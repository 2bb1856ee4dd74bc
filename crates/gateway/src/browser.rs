//! Whose request the console answers: the calls that it makes are the browser's.

use std::sync::Arc;

use arqueta_call::Visitor;

tokio::task_local! {
    static BROWSER: Option<Arc<Visitor>>;
}

/// `work` that answers a browser's request. What becomes known by its calls is known of the browser's
/// connection.
pub(crate) async fn on_behalf<F: Future>(visitor: Option<Arc<Visitor>>, work: F) -> F::Output {
    BROWSER.scope(visitor, work).await
}

/// On whose behalf this task works.
pub(crate) fn visitor() -> Option<Arc<Visitor>> {
    BROWSER.try_with(Clone::clone).ok().flatten()
}
