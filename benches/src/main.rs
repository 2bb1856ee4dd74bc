//! `arqueta-bench`: drives any S3 endpoint with SigV4 and prints throughput, latency and errors,
//! as a table and as JSON. With `--pid` it also charges the server's CPU and peak memory.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command-line tool speaks to its user

mod load;
mod options;
mod process;
mod report;
mod request;

use std::process::ExitCode;

use clap::Parser;

use crate::options::Options;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    eprintln!("driving {} with {} s per row", options.endpoint, options.seconds);
    match load::run(&options).await {
        Ok(rows) => {
            report::print(&rows, options.json.as_deref());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("arqueta-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
