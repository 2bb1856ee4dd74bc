//! The signature of a request: its first line is the target, the others are headers.

use arqueta_call::signature::{Presented, Scope};
use arqueta_model::Timestamp;
use http::Request;

/// What the smoke run begins with.
pub const SEEDS: &[&[u8]] = &[
    b"/?Action=ListUsers&Version=2010-05-08\nhost:iam.amazonaws.com\nx-amz-date:20150830T123600Z\nauthorization:AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/kms/aws4_request, SignedHeaders=host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    b"/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20150830%2Fus-east-1%2Fkms%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=00\nhost:a",
];

/// One input.
pub fn run(data: &[u8]) {
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
}
