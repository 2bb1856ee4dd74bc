//! Scrub: everything stored is read and held against what it must be, when somebody asks for it.

mod place;
mod progress;
mod worker;

pub use place::{Place, Stage, Told};
pub use progress::Progress;
pub use worker::{Error, Owner, Scrub, Standing};
