//! Doubles and the contract suite. Behind feature `testing`, never in a release build.

mod contract;
mod doubles;

use arqueta_model::{AccountId, Principal, RequestInfo, Timestamp};

use crate::{Event, EventBuilder};

pub use contract::contract;
pub use doubles::{Counting, Faulty, Memory, TestSealer};

/// An event named `name` by the root user of account 111122223333.
///
/// # Panics
/// Never: its parts are well-formed.
#[must_use]
pub fn event(name: &str) -> Event {
    let account: AccountId = "111122223333".parse().expect("twelve digits");
    let region = "us-east-1".parse().expect("a region name");
    let request =
        RequestInfo::new(std::net::Ipv4Addr::LOCALHOST.into(), "test", Timestamp::from_millis(1_767_225_600_000));
    EventBuilder::new("kms.amazonaws.com", name, &region, &Principal::root(&account, "AKIATEST"), &request).build()
}
