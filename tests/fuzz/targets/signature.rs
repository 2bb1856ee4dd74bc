//! The signature of a request: see `bodies/signature.rs`.
#![no_main]

#[path = "../bodies/signature.rs"]
#[allow(dead_code, reason = "what the smoke run begins with")]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
