//! What pages are made of.

mod frame;
mod parts;

pub(crate) use frame::document;
pub(crate) use parts::*;
