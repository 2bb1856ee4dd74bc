use std::fmt;

use bytes::Bytes;
use futures::stream::BoxStream;

use super::{ChecksumAlgorithm, ChecksumValue};
use crate::{BodyError, Error};

/// A body coming in, in chunks of the transport's choosing.
pub type Body = BoxStream<'static, Result<Bytes, BodyError>>;

/// A body going out. It ends in an error unless every byte was authentic: the edge must then break
/// the connection instead of ending the answer.
pub type ObjectStream = BoxStream<'static, Result<Bytes, Error>>;

/// Asks, after the whole body was read, for the checksum that its trailer declared. `None` if the
/// announced trailer did not come.
pub type TrailerValue = Box<dyn FnOnce() -> Result<Option<ChecksumValue>, BodyError> + Send>;

/// Which checksum a body gets.
#[derive(Default)]
pub enum ChecksumRequest {
    /// The client named none: S3's own default is computed.
    #[default]
    Default,
    /// This one is computed.
    Compute(ChecksumAlgorithm),
    /// Declared beforehand; the body must have it.
    Declared(ChecksumValue),
    /// To be declared in the trailer; the body must have it.
    Trailer(ChecksumAlgorithm, TrailerValue),
}

impl ChecksumRequest {
    /// The algorithm that it leads to.
    #[must_use]
    pub fn algorithm(&self) -> ChecksumAlgorithm {
        match self {
            Self::Default => ChecksumAlgorithm::DEFAULT,
            Self::Compute(algorithm) | Self::Trailer(algorithm, _) => *algorithm,
            Self::Declared(value) => value.algorithm(),
        }
    }
}

impl fmt::Debug for ChecksumRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("Default"),
            Self::Compute(algorithm) => f.debug_tuple("Compute").field(algorithm).finish(),
            Self::Declared(value) => f.debug_tuple("Declared").field(value).finish(),
            Self::Trailer(algorithm, _) => f.debug_tuple("Trailer").field(algorithm).finish(),
        }
    }
}

/// Which bytes of an object are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteRange {
    /// `bytes=first-last`, both included.
    FromTo(u64, u64),
    /// `bytes=first-`.
    From(u64),
    /// `bytes=-count`: the last `count` bytes.
    Suffix(u64),
    /// The part of this number, 1 to 10,000.
    Part(u16),
}
