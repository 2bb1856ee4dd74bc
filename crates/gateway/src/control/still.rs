//! One state of the data folder, kept for who copies it: for as long as he is connected.

use std::sync::Arc;

use arqueta_engine::{BodiesHeld, Engine};
use arqueta_store::{Frozen, MetaStore, RedbStore};

/// What can be kept still.
#[derive(Clone)]
pub(super) struct Still {
    pub engine: Arc<Engine>,
    pub journaled: Option<Arc<RedbStore>>,
}

/// What is kept for one conversation.
pub(super) struct Kept {
    state: Option<Frozen>,
    _bodies: BodiesHeld,
}

impl Still {
    /// Keeps the state of now. Bodies first: one that is removed already is in no state from here on.
    pub fn freeze(&self, kept: &mut Option<Kept>) -> Result<Vec<u8>, String> {
        let store = self.journaled.as_ref().ok_or_else(|| {
            "the metadata store has no state that stays while others write: stop the gateway first".to_owned()
        })?;
        *kept = None;
        let bodies = self.engine.hold_bodies();
        let state = store.freeze().map_err(|error| error.to_string())?;
        *kept = Some(Kept { state: Some(state), _bodies: bodies });
        Ok(b"null".to_vec())
    }
}

/// The state that pages are of.
pub(super) fn state_of(kept: &Option<Kept>) -> Option<&dyn MetaStore> {
    Some(kept.as_ref()?.state.as_ref()?)
}

/// The metadata is read; bodies stay.
pub(super) fn thaw(kept: &mut Option<Kept>) -> Result<Vec<u8>, String> {
    if let Some(kept) = kept.as_mut() {
        kept.state = None;
    }
    self::kept(kept)
}

/// Whether bodies are kept.
pub(super) fn kept(kept: &Option<Kept>) -> Result<Vec<u8>, String> {
    kept.as_ref().map(|_| b"null".to_vec()).ok_or_else(|| "nothing is kept".to_owned())
}
