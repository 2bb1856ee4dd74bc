//! Lifecycle: which objects, versions, delete markers and uploads of a bucket are to go, and when.
//!
//! **Promises.** What goes is decided on the very records that the commit finds, under the rules that
//! the bucket has at that moment: who wrote an object anew, or took the rules back, has lost nothing to
//! an older decision. A version that object lock protects stays. A damaged record stays.
//!
//! Source: S3 User Guide, "Managing the lifecycle of objects", "Lifecycle configuration elements".

mod currents;
mod noncurrents;
mod pass;
mod rules;
mod uploads;

pub use noncurrents::Noncurrents;
pub use pass::{Pass, Removed, Ruled, Step, What};
pub use rules::{Calendar, Expiration, Expiry, Filter, FilterForm, Noncurrent, Rule, Rules};

use crate::state::State;

/// What lifecycle rules say, and what they remove.
#[derive(Debug, Clone, Copy)]
pub struct Lifecycle<'a> {
    state: &'a State,
}

impl<'a> Lifecycle<'a> {
    pub(crate) fn over(state: &'a State) -> Self {
        Self { state }
    }
}
