//! Documented AWS behaviour as tables, one module per chapter, and the laws that no policy breaks.
#![allow(clippy::unwrap_used)]

mod conditions;
mod cost;
mod documents;
mod evaluation;
mod harness;
mod keys;
mod matching;
mod outlook;
mod principals;
mod properties;
mod public;
