//! The `arqueta` binary: parse the command line, run, tell in one line what went wrong.
#![allow(clippy::print_stderr)] // a command-line program speaks to its user on stderr

use std::process::ExitCode;

use arqueta_gateway::{Error, parse, run};

/// glibc's allocator keeps what a flood of requests took; this one gives it back within seconds.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match run(parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Error::Answer(code)) => ExitCode::from(code),
        Err(error) => {
            eprintln!("arqueta: {}", error.line());
            ExitCode::from(error.status())
        }
    }
}
