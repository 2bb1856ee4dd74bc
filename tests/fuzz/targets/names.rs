//! Names of resources: see `bodies/names.rs`.
#![no_main]

#[path = "../bodies/names.rs"]
#[allow(dead_code, reason = "what the smoke run begins with")]
mod body;

libfuzzer_sys::fuzz_target!(|text: &str| body::run(text));
