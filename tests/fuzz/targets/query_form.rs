//! Parameters of Query calls: see `bodies/query_form.rs`.
#![no_main]

#[path = "../bodies/query_form.rs"]
#[allow(dead_code, reason = "what the smoke run begins with")]
mod body;

libfuzzer_sys::fuzz_target!(|body: &[u8]| body::run(body));
