//! How commands that tell much end.

use std::io;

use arqueta_review::Unanswerable;

use crate::Error;

/// Whoever reads may have seen enough: `arqueta access who-can … | head`.
///
/// # Errors
/// Every other one.
pub(super) fn read_enough(done: Result<(), Error>) -> Result<(), Error> {
    match done {
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

pub(super) fn unanswerable(why: Unanswerable) -> Error {
    match why {
        Unanswerable::NoSuchAction(_) | Unanswerable::NoSuchResource(_) | Unanswerable::OtherKind { .. } => {
            Error::Config(why.to_string())
        }
        other => Error::open("metadata")(other),
    }
}
