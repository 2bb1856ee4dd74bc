//! The signature of a request: its first line is the target, the others are headers.
#![no_main]

use arqueta_aws::signature::{Presented, Scope};
use arqueta_model::Timestamp;
use http::Request;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|byte| *byte == b'\n');
    let Some(target) = lines.next() else { return };
    let mut builder = Request::builder().uri(target);
    for line in lines {
        let mut pair = line.splitn(2, |byte| *byte == b':');
        if let (Some(name), Some(value)) = (pair.next(), pair.next()) {
            builder = builder.header(name, value);
        }
    }
    let Ok(request) = builder.body(()) else { return };
    let scope = Scope { services: &["kms"], regions: &["us-east-1"] };
    // 2015-08-30T12:36:00Z, the moment of AWS's published examples.
    let _ = Presented::parse(&request.into_parts().0, scope, Timestamp::from_millis(1_440_938_160_000));
});
