//! `arqueta audit`: the record for people. Reads the files of the data folder, with a gateway
//! running on it or not.

mod line;
mod prune;
mod report;
mod search;
mod tail;
pub(super) mod verify;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::{Config, Error, ServeArgs, metadata};

/// Options of `arqueta audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,

    /// Configuration file of the gateway whose record is meant.
    #[arg(long, env = "ARQUETA_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,

    /// Data folder of that gateway [default: ./data]
    #[arg(long, env = "ARQUETA_DATA_DIR", value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Show the latest events.
    Tail(tail::TailArgs),
    /// Find events. All options must match.
    Search(search::SearchArgs),
    /// Prove that nobody changed the record.
    Verify(verify::VerifyArgs),
    /// Who used which key, for what, when: a page to sign, a table or JSON, with the proof of the record.
    Report(report::ReportArgs),
    /// Remove its oldest part, while no gateway runs. See also `audit.keep_days`.
    Prune(prune::PruneArgs),
}

/// Carries out one of the commands.
///
/// # Errors
/// [`Error::Record`] if the record cannot be read, [`Error::Tampered`] if `verify` found something.
pub fn run(args: AuditArgs) -> Result<(), Error> {
    let serve = ServeArgs { config: args.config, data_dir: args.data_dir, ..ServeArgs::default() };
    let config = Config::load(&serve)?;
    if !metadata::exists(&config) && !folder(&config).is_dir() {
        return Err(Error::Config(format!("{} is no data folder of a gateway", config.data_dir.display())));
    }
    let out = &mut io::stdout().lock();
    let done = match args.command {
        AuditCommand::Tail(tail) => tail.run(&config, out),
        AuditCommand::Search(search) => search.run(&config, out),
        AuditCommand::Verify(verify) => verify.run(&config, out),
        AuditCommand::Report(report) => report.run(&config, out),
        AuditCommand::Prune(prune) => prune.run(&config, out),
    };
    match done {
        // Whoever reads has seen enough: `arqueta audit search | head`.
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

fn write(out: &mut impl Write, line: &str) -> Result<(), Error> {
    writeln!(out, "{line}").map_err(Error::Output)
}

/// Says on standard error that the record has lines which nobody can read.
pub(super) fn warn_of(skipped: u64) {
    if skipped > 0 {
        // Who does not read standard error loses this sentence only.
        let _ = writeln!(
            io::stderr(),
            "{skipped} lines of the record cannot be read and were left out; `arqueta audit verify` tells whether \
             they were changed"
        );
    }
}

/// Where the record of a gateway lies.
pub(super) fn folder(config: &Config) -> PathBuf {
    config.data_dir.join("audit")
}
