//! The KMS protocol: see `bodies/kms_json.rs`.
#![no_main]

#[path = "../bodies/kms_json.rs"]
#[allow(dead_code, reason = "what the smoke run begins with")]
mod body;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body::run(data));
