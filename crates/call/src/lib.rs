//! What a call is, whatever protocol it came by.
//!
//! **Purpose.** An operation is one row of one table ([`operations`]): what it is called, whether it
//! changes something, what kind of event it is, which actions it needs and on what. Whoever asks such
//! a thing of an operation asks its row. [`Recorder`] takes every call past the record, and
//! [`Connection`] tells where a request came from, [`signature`] who signed it, and what it takes
//! until that is known is counted in the [`antechamber`].
//!
//! **Refuses to do** anything that depends on one service's shapes: it reads no body and knows no
//! error of a service.
//!
//! **Invariants.** The operations that are served are variants of an enum with a row each, so that one
//! without a row, and a row that nothing performs, do not compile. What changes how something is
//! administered is announced before it is done; nothing is answered that is not recorded.
//!
//! ```
//! use arqueta_call::{CloudTrail, Iam};
//!
//! let row = CloudTrail::StopLogging.row();
//! assert_eq!(row.permissions[0].action.name, "cloudtrail:StopLogging");
//! assert!(row.is_announced(), "it leaves a trace first");
//!
//! assert_eq!(Iam::served("CreateLoginProfile"), None);
//! assert!(Iam::known("CreateLoginProfile").is_some(), "refused by name, and recorded");
//! ```

mod action;
pub mod antechamber;
mod connection;
mod operation;
pub mod operations;
mod pipeline;
pub mod s3_actions;
pub mod signature;

pub use action::{Action, On, Permission, When};
pub use antechamber::{Antechamber, Visitor};
pub use connection::Connection;
pub use operation::{Effect, Kind, Operation, Parameters, Quota, Service};
pub use operations::{CloudTrail, Iam, Kms, S3, Sts};
pub use pipeline::{Call, Recorder};
