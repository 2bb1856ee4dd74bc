//! Logs go to standard error; standard output is the user's.

use tracing_subscriber::EnvFilter;

use crate::Error;

/// Puts another filter in the place of the one that the process started with.
pub type Refilter = Box<dyn Fn(&str) -> Result<(), Error> + Send + Sync>;

/// Installs the subscriber for the process.
///
/// # Errors
/// [`Error::Config`] when `filter` is not one.
pub fn start(filter: &str) -> Result<Refilter, Error> {
    let subscriber = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        // A line that cannot be written is lost; telling so in the same place panics.
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
