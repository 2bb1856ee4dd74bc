//! Targets by protocol.

mod jetstream;
mod queue;
mod redis_stream;
mod table;
mod topic;
mod webhook;

pub use jetstream::{JetStream, JetStreamSettings};
pub use queue::Queue;
pub use redis_stream::{RedisSettings, RedisStream};
pub use table::{Table, TableSettings};
pub use topic::Topic;
pub use webhook::{Webhook, WebhookSettings};

use sha2::{Digest as _, Sha256};

use crate::target::Failure;

/// A name of bounded length that stands for a key.
fn digest(group: &str) -> String {
    hex::encode(Sha256::digest(group.as_bytes()))
}

/// What an error of an AWS service means. Its code may say what the status does not: what is wrong with
/// the message, which others need not share.
fn code(status: u16, body: &[u8]) -> Failure {
    let text = String::from_utf8_lossy(body);
    let about_the_message = ["InvalidMessageContents", "MessageTooLong", "InvalidParameter"];
    let known = [
        "AccessDenied",
        "InvalidClientTokenId",
        "NonExistentQueue",
        "QueueDoesNotExist",
        "NotFound",
        "Throttl",
        "OverLimit",
    ];
    let names = |codes: &[&'static str]| codes.iter().find(|code| text.contains(**code)).copied();
    match names(&about_the_message) {
        Some(code) if status < 500 => Failure::Refused(format!("status {status}, {code}")),
        _ => Failure::Unavailable(format!("status {status}, {}", names(&known).unwrap_or("no code that is known"))),
    }
}
