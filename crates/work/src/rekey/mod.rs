//! Wrapping the keys of all versions of a bucket anew: another KMS key, the newest material of the same one, a
//! bucket key in the place of data keys. Bodies are not touched.

mod event;
mod job;
mod worker;

pub use job::{Counts, Job, Phase, Wanted};
pub use worker::{CallerOf, Calls, Error, Rekey, Standing};
