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
