//! `[storage]`: what is kept back on the disk.

use arqueta_store::RoomLimits;
use serde::Deserialize;

/// `[storage]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// Bytes reserved for deletes and the record on a full disk; 0 for none.
    pub reserve_bytes: u64,
    /// Free bytes below which new bodies are refused; 0 never refuses.
    pub low_water_bytes: u64,
}

impl Default for Storage {
    fn default() -> Self {
        let RoomLimits { reserve, low_water } = RoomLimits::default();
        Self { reserve_bytes: reserve, low_water_bytes: low_water }
    }
}

impl Storage {
    /// The same for the store.
    #[must_use]
    pub const fn room(&self) -> RoomLimits {
        RoomLimits { reserve: self.reserve_bytes, low_water: self.low_water_bytes }
    }
}
