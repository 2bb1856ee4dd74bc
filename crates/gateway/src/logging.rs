//! Logs go to standard error; standard output is the user's.

use tracing_subscriber::EnvFilter;

use crate::Error;

/// Installs the subscriber for the process.
///
/// # Errors
/// [`Error::Config`] when `filter` is not one.
pub fn start(filter: &str) -> Result<(), Error> {
    // s3s logs every refused request, with its headers, at error level: what a client did wrong is
    // in the answer and in our own line, and headers do not belong in a log.
    let filter = EnvFilter::try_new(format!("{filter},s3s=off"))
        .map_err(|error| Error::Config(format!("--log {filter:?}: {error}")))?;
    let subscriber =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).finish();
    // Only the first of several gateways in one process (tests) installs it.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}
