//! Lifecycle: once a day, at midnight UTC, and a little after rules were changed, each bucket that has
//! rules is walked, and what is due goes.

mod event;
mod place;
mod progress;
mod worker;

pub use event::Wants;
pub use progress::Progress;
pub use worker::{Error, Lifecycle, Outcome, Settings, Standing};
