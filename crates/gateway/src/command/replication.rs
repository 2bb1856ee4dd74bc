//! `arqueta replication`: how far a bucket's replication is, and another try of what failed.

use std::io::{self, Write};
use std::path::PathBuf;

use arqueta_model::{BucketName, Timestamp};
use clap::{Args, Subcommand};

use crate::config::ServeArgs;
use crate::control::{Behind, Running, Towards, Waiting};
use crate::{Config, Error, hardening};

/// Options of `arqueta replication`.
#[derive(Debug, Args)]
pub struct ReplicationArgs {
    #[command(subcommand)]
    command: ReplicationCommand,

    /// Configuration file of the gateway that is meant.
    #[arg(long, env = "ARQUETA_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,

    /// Data folder of that gateway [default: ./data]
    #[arg(long, env = "ARQUETA_DATA_DIR", value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,

    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum ReplicationCommand {
    /// Show what waits and what failed, for each destination of a bucket.
    Status {
        /// The bucket that is replicated.
        bucket: BucketName,
    },
    /// List every version that waits or failed, with AWS's failure reason.
    Backlog {
        /// The bucket that is replicated.
        bucket: BucketName,
    },
    /// Let what failed wait again.
    Retry {
        /// The bucket that is replicated.
        bucket: BucketName,
    },
}

/// Carries out one of the commands.
///
/// # Errors
/// [`Error::Config`] where no gateway runs on the folder, and with what the gateway said.
pub fn run(args: ReplicationArgs) -> Result<(), Error> {
    let serve = ServeArgs { config: args.config, data_dir: args.data_dir, ..ServeArgs::default() };
    let config = Config::load(&serve)?;
    hardening::forbid_core_dumps();
    let perform = perform(args.command, args.json, &config);
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(perform)
}

async fn perform(command: ReplicationCommand, json: bool, config: &Config) -> Result<(), Error> {
    let Some(running) = Running::on(&config.data_dir).await? else {
        let folder = config.data_dir.display();
        return Err(Error::Config(format!("no gateway runs on {folder}: start it first")));
    };
    let out = &mut io::stdout().lock();
    match command {
        ReplicationCommand::Status { bucket } => {
            let behind = running.replication_status(&bucket).await?;
            match json {
                true => line(out, &behind),
                false => show(out, &bucket, &behind),
            }
        }
        ReplicationCommand::Backlog { bucket } => {
            let mut from = None;
            loop {
                let page = running.replication_backlog(&bucket, from).await?;
                for version in &page.versions {
                    match json {
                        true => line(out, version),
                        false => writeln!(out, "{}", waiting(version)),
                    }
                    .map_err(Error::Output)?;
                }
                match page.next {
                    None => return Ok(()),
                    next => from = next,
                }
            }
        }
        ReplicationCommand::Retry { bucket } => {
            let again = running.retry_replication(&bucket).await?;
            match json {
                true => line(out, &serde_json::json!({ "versions": again })),
                false => writeln!(out, "{again} versions are tried again"),
            }
        }
    }
    .map_err(Error::Output)
}

fn line(out: &mut impl Write, value: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    writeln!(out)
}

fn show(out: &mut impl Write, bucket: &BucketName, behind: &Behind) -> io::Result<()> {
    let without = if behind.configured { "" } else { "  (no replication configuration)" };
    writeln!(out, "bucket {bucket}{without}")?;
    behind.towards.iter().try_for_each(|(to, towards)| writeln!(out, "to {to}  {}", told(towards)))
}

fn told(towards: &Towards) -> String {
    let since = towards.since.map(|since| format!(" since {}", Timestamp::from_millis(since).rfc3339()));
    let mut text = match towards.waiting {
        0 => "nothing waits".to_owned(),
        waiting => format!("{waiting} wait ({} bytes){}", towards.bytes, since.unwrap_or_default()),
    };
    for (reason, versions) in &towards.failed {
        text.push_str(&format!("  {versions} failed: {reason}"));
    }
    text
}

fn waiting(version: &Waiting) -> String {
    let Waiting { key, version, size, to, rule, since, failed } = version;
    let since = since.map(|since| format!(" since {}", Timestamp::from_millis(since).rfc3339())).unwrap_or_default();
    let state = match failed {
        None => "PENDING".to_owned(),
        Some(reason) => format!("FAILED {reason}"),
    };
    // A key may have any character, and a line is one version.
    format!("{state}{since}  to {to}  rule {rule}  {size} bytes  version {version}  {}", key.escape_debug())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_one_line() {
        let towards = Towards {
            waiting: 2,
            bytes: 20,
            since: Some(1_767_225_600_000),
            failed: [("DstKmsKeyNotFound".to_owned(), 3)].into(),
        };
        assert_eq!(told(&towards), "2 wait (20 bytes) since 2026-01-01T00:00:00Z  3 failed: DstKmsKeyNotFound");
        assert_eq!(told(&Towards::default()), "nothing waits");
    }

    #[test]
    fn a_version_is_one_line_whatever_its_key() {
        let version = Waiting {
            key: "a\nb".to_owned(),
            version: "v".to_owned(),
            size: 7,
            to: "copy".to_owned(),
            rule: "r".to_owned(),
            since: None,
            failed: Some("DstBucketNotFound".to_owned()),
        };
        assert_eq!(waiting(&version), "FAILED DstBucketNotFound  to copy  rule r  7 bytes  version v  a\\nb");
    }
}
