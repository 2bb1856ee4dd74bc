//! The IAM policy language: parse, validate, evaluate. Pure, no I/O.
//!
//! **Purpose.** One parser ([`Policy::parse`]) and one evaluator ([`evaluate`]) for every kind of
//! policy: identity-based, boundaries, session policies, bucket policies, key policies, role
//! trust. The global condition keys get their values here and nowhere else, so that every
//! service means the same by `aws:SourceIp`.
//!
//! **Refuses to do** I/O and guessing: an unknown element, operator or malformed value is an
//! error when the policy is stored, never a statement that silently does not apply. It does not
//! know which actions exist.
//!
//! **Invariants.** An explicit deny wins wherever it stands. Adding an Allow never takes access
//! away, adding a Deny never gives any, order never matters. A variable without a value narrows
//! an Allow and widens a Deny.
//!
//! **Threat notes.** Policies are written by tenants: parsing is bounded by the kind's size limit,
//! matching is linear, and a decision that takes more than [`BUDGET`] comparisons is a denial.
//! Values from requests are compared as plain text; a `*` in a user's name is not a wildcard in a
//! policy that mentions `${aws:username}`. A name can be given again: policies of resources are
//! stored with the unique ids of whom they name ([`identified`]).
//!
//! ```
//! use arqueta_policy::{Policy, PolicyKind};
//!
//! let allows = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}"#;
//! assert!(Policy::parse(allows, PolicyKind::Identity).is_ok());
//! // What is not known is refused, never skipped.
//! let unknown = allows.replace(r#""Resource""#, r#""When":"now","Resource""#);
//! assert!(Policy::parse(&unknown, PolicyKind::Identity).is_err());
//! ```

mod condition;
mod denial;
mod document;
mod effect;
mod error;
mod evaluate;
mod glob;
mod global;
mod grammar;
mod identity;
mod json;
mod keys;
mod naming;
mod operand;
mod outlook;
mod pattern;
mod principal;
mod samples;
mod unserved;

pub use denial::denial;
pub use document::{Policy, PolicyKind, Statement};
pub use effect::Effect;
pub use error::ParseError;
pub use evaluate::{Decision, Evaluation, PolicyType, Request, ResourcePolicy, ResourceRole, evaluate};
pub use glob::BUDGET;
pub use global::is_global_key;
pub use identity::Identity;
pub use keys::ConditionKeys;
pub use naming::{Known, LookupError, Principals, Unidentified, identified, shown};
pub use outlook::{Foresight, Mention, Outlook, foresee, samples};
pub use principal::PrincipalName;
pub use samples::Samples;
pub use unserved::{is_served_key, is_unserved_key, unserved};
