use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// What can go wrong with a journal.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no room for another segment. Nothing was written, the journal goes on.
    #[error("no room for another segment of the journal")]
    NoRoom(#[source] Arc<io::Error>),
    /// A write or a sync failed, now or before. Whether the frame it carried is on the medium is
    /// unknown, and nothing more is written until [`crate::Journal::begin`] and
    /// [`crate::Journal::resume`].
    #[error("the journal has stopped after an error of its medium")]
    Stopped(#[source] Arc<io::Error>),
    /// The folder or a segment cannot be read.
    #[error("the journal cannot be read")]
    Unreadable(#[source] Arc<io::Error>),
    /// A frame that was made durable is not what was written. That is also how it looks from an older
    /// copy of what is applied, where segments between were given up.
    #[error(
        "the journal is damaged: {} at byte {offset}, where frame {sequence} should be (or an older copy of the \
         metadata was put beside it)",
        path.display()
    )]
    Damaged {
        /// The segment's file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// The frame that is missing.
        sequence: u64,
    },
    /// A segment that holds frames still needed is not there.
    #[error("segment {number} of the journal in {} is missing", folder.display())]
    Missing {
        /// The folder.
        folder: PathBuf,
        /// Which segment.
        number: u64,
    },
    /// Frames were made durable after a start from a later position than the one that is asked for:
    /// what asks is older than its journal, or the medium lost what it had synced.
    #[error(
        "the journal goes on in {} with frame {first}, from a state that is not the one at hand: an older copy of \
         the metadata was put beside it",
        path.display()
    )]
    Ahead {
        /// The segment that a later state began.
        path: PathBuf,
        /// Its first frame.
        first: u64,
    },
    /// A frame longer than a segment can ever be, or a sequence that came to its end.
    #[error("the frame does not fit into a journal")]
    TooLarge,
}

impl Error {
    /// The operating system's error, where one is the cause.
    #[must_use]
    pub fn io(&self) -> Option<&Arc<io::Error>> {
        match self {
            Self::NoRoom(error) | Self::Stopped(error) | Self::Unreadable(error) => Some(error),
            Self::Damaged { .. } | Self::Missing { .. } | Self::Ahead { .. } | Self::TooLarge => None,
        }
    }
}
