//! Who may do what: the access review; and what the destruction of a key would take ([`destroy_plan`]).
//!
//! **Purpose.** [`who_can`] holds every principal of a store against what decides about an action on a resource,
//! and says which statement or grant lets it in, and what that depends on. The evaluator is the one that decides
//! requests (`arqueta_policy`); where conditions depend on the request, a request is looked for that the
//! evaluator allows, and given as an example.
//!
//! **Refuses to do** anything but read.
//!
//! **Invariants.** Nobody who may is left out: whoever could be allowed by some request, and could not be
//! settled within the budget, is named as undecided. Whoever is said to be allowed always is, whatever the
//! request; an example is one that the evaluator allows.
//!
//! **Threat notes.** Policies are tenants': what one principal and a whole review may cost is bounded.
//!
//! # Example
//! A question is held against the operations that there are before anybody is looked at:
//!
//! ```
//! use std::sync::Arc;
//!
//! use arqueta_model::{Clock, SystemClock};
//! use arqueta_review::{Unanswerable, asks};
//! use arqueta_store::{MemoryMeta, MetaStore};
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let meta: Arc<dyn MetaStore> = Arc::new(MemoryMeta::default());
//! let clock: Arc<dyn Clock> = Arc::new(SystemClock);
//! let region = "eu-west-1".parse().expect("a Region");
//! let asked = asks(&meta, &clock, &region, "s3:GetObjekt", "s3://photos/cat.jpg").await;
//! assert!(matches!(asked, Err(Unanswerable::NoSuchAction(_))));
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```

mod ask;
mod finding;
mod plan;
mod question;
mod search;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod who;

pub use ask::Ask;
pub use finding::{Example, Finding, May, Said};
pub use plan::{Doomed, Loss, Planned, Setting, destroy_plan};
pub use question::{Question, Unanswerable, asks};
pub use who::{Review, who_can};
