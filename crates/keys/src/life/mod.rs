//! What becomes of keys: made, changed, described, rotated, destroyed; and what is said about them.

pub(crate) mod aliases;
pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod describe;
pub(crate) mod due;
pub(crate) mod grants;
pub(crate) mod import;
pub(crate) mod policies;
pub(crate) mod rotation;
pub(crate) mod service_keys;
pub(crate) mod states;
pub(crate) mod tags;
pub(crate) mod usage;
