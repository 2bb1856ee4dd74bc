//! `arqueta completions` and `arqueta man-pages`: what packages install beside the binary.

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::Cli;
use crate::Error;

/// Options of `arqueta completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

/// Options of `arqueta man-pages`.
#[derive(Debug, Args)]
pub struct ManPagesArgs {
    /// Folder to write them to, which is there already.
    folder: PathBuf,
}

/// Shows what a shell needs to complete the command line.
///
/// # Errors
/// [`Error::Output`].
pub fn completions(args: &CompletionsArgs) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "arqueta", &mut script);
    io::stdout().write_all(&script).map_err(Error::Output)
}

/// Writes one page for each command that people use: `arqueta.1`, `arqueta-serve.1` and so on.
///
/// # Errors
/// [`Error::Output`].
pub fn man_pages(args: &ManPagesArgs) -> Result<(), Error> {
    clap_mangen::generate_to(Cli::command(), &args.folder).map_err(Error::Output)
}
