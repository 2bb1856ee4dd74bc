//! Sealed bodies: see `bodies/sealed_stream.rs`.
#![no_main]

#[path = "../bodies/sealed_stream.rs"]
#[allow(dead_code, reason = "what the smoke run begins with")]
mod body;

libfuzzer_sys::fuzz_target!(|input: (&[u8], u32, u8, &[u8])| body::run(input.0, input.1, input.2, input.3));
