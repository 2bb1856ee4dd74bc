//! Names of resources: what parses prints as it was written, and parses again to the same.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use arqueta_model::{AccountId, Arn, BucketName, KeyArn, Region};

fn round<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let printed = value.to_string();
        assert_eq!(printed, text, "a name is printed as it was written");
        assert_eq!(printed.parse::<T>().ok(), Some(value));
    }
}

/// What the smoke run begins with.
pub const SEEDS: &[&[u8]] = &[
    b"arn:aws:iam::111122223333:user/team/alice",
    b"arn:aws:kms:us-east-1:111122223333:key/0f0f0f0f-1111-2222-3333-444455556666",
    b"arn:aws:s3:::bucket/a/key",
    b"111122223333",
    b"my.bucket-1",
    b"eu-central-1",
];

/// One input.
pub fn run(text: &str) {
    round::<Arn>(text);
    round::<KeyArn>(text);
    round::<AccountId>(text);
    round::<BucketName>(text);
    round::<Region>(text);
}
