//! The key service as a whole: its authenticity, backups, inventory, the root key anew.

pub(crate) mod authentic;
pub(crate) mod backup;
pub(crate) mod inventory;
pub(crate) mod review;
pub(crate) mod rewrap;
