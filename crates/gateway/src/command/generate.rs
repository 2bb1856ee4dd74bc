//! `arqueta completions` and `arqueta man-pages`: what packages install beside the binary.

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;

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

/// Shows what a shell needs to complete a command line.
///
/// # Errors
/// [`Error::Output`].
pub fn completions(args: &CompletionsArgs, mut line: Command) -> Result<(), Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut line, "arqueta", &mut script);
    io::stdout().write_all(&script).map_err(Error::Output)
}

/// Writes one page for each command that people use: `arqueta.1`, `arqueta-serve.1` and so on.
///
/// # Errors
/// [`Error::Output`].
pub fn man_pages(args: &ManPagesArgs, line: Command) -> Result<(), Error> {
    clap_mangen::generate_to(line, &args.folder).map_err(Error::Output)
}
