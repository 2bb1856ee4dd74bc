//! The report that an auditor signs: who used which key, for what, when, where from, and who changed
//! what, out of the record alone. The same record gives the same bytes.
//!
//! ```
//! use arqueta_report::{Collector, Proof, Scope};
//!
//! let collector = Collector::new(Scope::Everything, None, None);
//! let report = collector.finish(Proof::default());
//! assert!(report.html().contains("No key was used or changed"));
//! ```

mod act;
mod certificate;
mod collect;
mod html;
mod key;
mod report;
mod scope;
mod table;
mod tally;

pub use act::{Act, Use};
pub use certificate::{Certificate, Certifier, Placed, Uncertified};
pub use collect::Collector;
pub use key::{Key, Material};
pub use report::{ObjectUse, Omitted, Proof, Refusal, Report};
pub use scope::Scope;
