//! How a worker process is started.

use std::path::PathBuf;

/// How to start a worker ([`crate::worker::run`]).
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// What is added to its environment, for the module (`SOFTHSM2_CONF` and its like).
    pub environment: Vec<(String, String)>,
    /// Names of variables that it does not inherit: secrets that are none of the module's business.
    pub withheld: Vec<String>,
}
