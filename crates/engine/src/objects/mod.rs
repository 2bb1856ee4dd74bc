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

pub(crate) use lock::permit_removal;
pub(crate) use put::Draft;
pub(crate) use read::{Purpose, Reading};
