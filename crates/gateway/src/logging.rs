//! Logs go to standard error; standard output is the user's.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::Error;

/// Puts another filter in the place of the one that the process started with.
pub type Refilter = Box<dyn Fn(&str) -> Result<(), Error> + Send + Sync>;

/// Installs the subscriber for the process.
///
/// # Errors
/// [`Error::Config`] when `filter` is not one.
pub fn start(filter: &str) -> Result<Refilter, Error> {
    let subscriber = tracing_subscriber::fmt()
        .with_writer(Best(io::stderr))
        .with_ansi(false)
        // Which would be written to standard error, too, and panic where that fails.
        .log_internal_errors(false)
        .with_env_filter(parsed(filter)?)
        .with_filter_reloading();
    let handle = subscriber.reload_handle();
    // Only the first of several gateways in one process (tests) installs it.
    let _ = tracing::subscriber::set_global_default(subscriber.finish());
    Ok(Box::new(move |filter| {
        let filter = parsed(filter)?;
        handle.reload(filter).map_err(|error| Error::Config(format!("the log filter cannot be replaced: {error}")))
    }))
}

fn parsed(filter: &str) -> Result<EnvFilter, Error> {
    // s3s logs every refused request, with its headers, at error level: what a client did wrong is
    // in the answer and in our own line, and headers do not belong in a log.
    EnvFilter::try_new(format!("{filter},s3s=off")).map_err(|error| Error::Config(format!("--log {filter:?}: {error}")))
}

/// Writes what can be written. A log on a full disk, or behind a pipe that was closed, is no reason
/// to stop what is being logged: least of all the thread that writes the record.
struct Best<F>(F);

/// One line under way.
struct Line<W>(W);

impl<'a, F: Fn() -> W, W: Write> MakeWriter<'a> for Best<F> {
    type Writer = Line<W>;

    fn make_writer(&'a self) -> Line<W> {
        Line((self.0)())
    }
}

impl<W: Write> Write for Line<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Whole or not: half a line is better than none, and neither is worth a retry.
        let _ = self.0.write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.0.flush();
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs::{File, OpenOptions};

    #[test]
    fn a_log_that_cannot_be_written_stops_nothing() {
        let full = || -> File { OpenOptions::new().write(true).open("/dev/full").unwrap() };
        assert!(full().write_all(b"x").and_then(|()| full().flush()).is_err(), "the device is full");
        let subscriber = tracing_subscriber::fmt().with_writer(Best(full)).log_internal_errors(false).finish();
        tracing::subscriber::with_default(subscriber, || tracing::error!("is lost"));
    }
}
