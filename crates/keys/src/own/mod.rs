//! What the service has and says for itself.

pub(crate) mod event;
pub(crate) mod managed;
