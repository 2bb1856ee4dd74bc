//! What the thread that writes is asked for, and how requests become a group.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::{Error, Head, Sealer};

/// Where the outcome goes.
pub(super) type Answer = oneshot::Sender<Result<(), Error>>;
/// Who does not wait for the sync.
pub(super) type Early = oneshot::Sender<()>;
/// Where the outcome of sealing goes.
pub(super) type Sealed = oneshot::Sender<Result<Option<Cut>, Error>>;

/// What a crash had left behind the last seal of the record, and was cut off at the start: a group
/// that was never acknowledged. A copy of it lies beside the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Name of the file.
    pub file: String,
    /// Where it was cut.
    pub at: u64,
    /// How many bytes went.
    pub bytes: u64,
}

/// What was written together.
#[cfg(any(test, feature = "testing"))]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its file.
    pub file: std::path::PathBuf,
    /// Where it begins in it. Everything before is durable.
    pub from: u64,
    /// Where it ends.
    pub to: u64,
    /// Whether anybody waited for it to be durable. Others went on when it was written, and a crash may
    /// take it away from under them.
    pub awaited: bool,
}

/// Who is told of each group.
#[cfg(any(test, feature = "testing"))]
pub(super) type Watch = Box<dyn Fn(Group) + Send>;

/// Bounds of one group, so that the first waiter is not held up by an endless stream of others.
const GROUP_APPENDS: usize = 2048;
pub(super) const GROUP_BYTES: usize = 4 << 20;

/// How often the writer yields for those of the group before, who are just being woken and may be about to
/// come back. Without it the first to come would have a sync of its own, and most of what a group costs is
/// the sync. Counted, not timed, and skipped when the group before had one member.
const YIELDS: usize = 32;

/// What the writer is asked for.
pub(super) enum Message {
    /// A line that waits to become durable. An empty one is a flush. `early` is told when readers find
    /// it.
    Append { line: Vec<u8>, answer: Answer, early: Option<Early> },
    /// Whether a line could be written.
    Ready { answer: Answer },
    /// Seal from now on.
    Seal { sealer: Arc<dyn Sealer>, known: Option<Head>, over_older: bool, answer: Sealed },
    /// Seal that the chain's end is kept elsewhere.
    Note { answer: oneshot::Sender<Result<Option<Head>, Error>> },
}

/// Adds what else waits to the group, and what comes while the writer yields, until it is as large as the
/// one `before`. What does not belong into it is returned.
pub(super) fn gather(
    queue: &mut mpsc::Receiver<Message>,
    (group, early): (&mut Vec<Answer>, &mut Vec<Early>),
    bytes: &mut Vec<u8>,
    before: usize,
) -> Option<Message> {
    let mut yields = if before > 1 { YIELDS } else { 0 };
    while group.len() < GROUP_APPENDS && bytes.len() < GROUP_BYTES {
        match queue.try_recv() {
            Ok(Message::Append { line, answer, early: told }) => {
                bytes.extend_from_slice(&line);
                group.push(answer);
                early.extend(told);
            }
            Ok(other) => return Some(other),
            Err(_) if yields == 0 || group.len() >= before => return None,
            Err(_) => {
                yields -= 1;
                std::thread::yield_now();
            }
        }
    }
    None
}
