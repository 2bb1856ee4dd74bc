//! An event on its way with what it tells.

use bytes::Bytes;

use crate::{Error, Event, bounds};

/// Where the rows are.
pub(crate) const ROWS: &[u8] = b"audit/told/";

/// An event as it stands in a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) key: Bytes,
    pub(crate) line: Bytes,
    /// Request and name of the event.
    pub(crate) of: (String, String),
    /// Of one of several events of one call: what it is about, which tells it from the others.
    pub(crate) piece: Option<String>,
}

/// Ends the key of a row of one of several events.
const PIECE: &[u8] = b"/piece";

impl Row {
    pub(crate) fn of(event: Event) -> Result<Self, Error> {
        let key = [ROWS, event.event_id.as_bytes()].concat().into();
        let of = (event.request_id.clone(), event.event_name.clone());
        Ok(Self { key, line: bounds::line(b"", event, b"")?.into(), of, piece: None })
    }

    /// Of one event of several that tell one call.
    pub(crate) fn of_piece(event: Event) -> Result<Self, Error> {
        let piece = Some(about(&event));
        let row = Self::of(event)?;
        Ok(Self { key: [&row.key, PIECE].concat().into(), piece, ..row })
    }

    /// A row as it was found; `None` for what is none.
    pub(crate) fn read(key: Bytes, line: Bytes) -> Option<Self> {
        let event: Event = serde_json::from_slice(&line).ok()?;
        let piece = key.ends_with(PIECE).then(|| about(&event));
        Some(Self { key, line, of: (event.request_id, event.event_name), piece })
    }

    /// Whether `event` is what became of it.
    pub(crate) fn is_of(&self, event: &Event) -> bool {
        self.of.0 == event.request_id
            && self.of.1 == event.event_name
            && self.piece.as_ref().is_none_or(|piece| *piece == about(event))
    }
}

/// The resources of an event.
fn about(event: &Event) -> String {
    event.resources.iter().flat_map(|resource| [&resource.arn, "\n"]).collect()
}

/// What such an event says of its outcome.
const OUTCOME: &str = "not recorded: the call was about to do this, and may have done it";

impl Event {
    /// Whether it tells what a call was about to do, whose outcome was never recorded.
    #[must_use]
    pub fn lacks_outcome(&self) -> bool {
        self.additional_event_data.as_ref().is_some_and(|data| data["outcome"] == OUTCOME)
    }
}

/// An event whose outcome nobody recorded, as the record tells it.
pub(crate) fn unfinished(mut event: Event) -> Event {
    let mut additional = match event.additional_event_data.take() {
        Some(serde_json::Value::Object(additional)) => additional,
        _ => serde_json::Map::new(),
    };
    additional.insert("outcome".to_owned(), OUTCOME.into());
    event.additional_event_data = Some(additional.into());
    event
}
