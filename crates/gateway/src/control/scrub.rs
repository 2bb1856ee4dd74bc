//! The scrub: what `arqueta scrub` asks.

use std::sync::Arc;

use arqueta_work::scrub::{Error, Place, Scrub};

use super::wire::ScrubAsk;

/// Answers with the scrub under way, or the last one.
pub(super) async fn answer(scrub: &Arc<Scrub>, ask: &ScrubAsk) -> Result<Vec<u8>, String> {
    let place = match ask {
        ScrubAsk::Start { rate } => scrub.start(*rate).await.map(Some),
        ScrubAsk::Status => scrub.place().await,
        ScrubAsk::Stop => scrub.stop().await,
    };
    let place: Option<Place> = place.map_err(|error: Error| error.to_string())?;
    serde_json::to_vec(&place).map_err(|error| error.to_string())
}
