//! Objects: put, read, copied, amended, removed.

mod amend;
mod attributes;
mod copy;
mod delete;
mod lock;
mod put;
mod range;
mod read;
mod rekey;

pub use lock::Locks;
pub(crate) use lock::{permit_change, permit_removal};
pub(crate) use put::{Draft, surely_not_committed};
pub(crate) use read::{Reading, info};

use crate::state::State;

/// Objects: put, read, copied, amended, removed.
#[derive(Debug, Clone, Copy)]
pub struct Objects<'a> {
    state: &'a State,
}

impl<'a> Objects<'a> {
    pub(crate) fn over(state: &'a State) -> Self {
        Self { state }
    }
}
