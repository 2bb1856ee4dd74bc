//! Names of resources: what parses prints as it was written, and parses again to the same.
#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use arqueta_model::{AccountId, Arn, BucketName, KeyArn, Region};
use libfuzzer_sys::fuzz_target;

fn round<T: FromStr + Display + PartialEq + Debug>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let printed = value.to_string();
        assert_eq!(printed, text, "a name is printed as it was written");
        assert_eq!(printed.parse::<T>().ok(), Some(value));
    }
}

fuzz_target!(|text: &str| {
    round::<Arn>(text);
    round::<KeyArn>(text);
    round::<AccountId>(text);
    round::<BucketName>(text);
    round::<Region>(text);
});
