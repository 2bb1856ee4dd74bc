//! The `arqueta` binary: parse the command line, run, tell in one line what went wrong.
#![allow(clippy::print_stderr)] // a command-line program speaks to its user on stderr

use std::process::ExitCode;

use arqueta_gateway::{Cli, run};
use clap::Parser;

/// glibc's allocator keeps what a flood of requests took; this one gives it back within seconds.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("arqueta: {}", error.line());
            ExitCode::FAILURE
        }
    }
}
