//! `arqueta quota`: how much lies in buckets, and how much may.

use std::io::{self, Write};
use std::path::PathBuf;

use arqueta_model::{AccountId, BucketName};
use clap::{Args, Subcommand};

use crate::config::ServeArgs;
use crate::control::{BucketQuota, Limits, Of, Running};
use crate::{Config, Error, hardening};

/// Options of `arqueta quota`.
#[derive(Debug, Args)]
pub struct QuotaArgs {
    #[command(subcommand)]
    command: QuotaCommand,

    /// Configuration file of the gateway that is meant.
    #[arg(long, env = "ARQUETA_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,

    /// Data folder of that gateway [default: ./data]
    #[arg(long, env = "ARQUETA_DATA_DIR", value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum QuotaCommand {
    /// Show what lies in every bucket, and all limits.
    Show,
    /// Limit a bucket, or all buckets of an account together. What is there stays; uploads beyond are
    /// answered with QuotaExceeded.
    Set {
        #[command(flatten)]
        of: WhatArgs,
        /// Most bytes of all versions: a number, or one with KiB, MiB, GiB or TiB behind it.
        #[arg(long, value_parser = size, required_unless_present = "objects")]
        bytes: Option<u64>,
        /// Most objects.
        #[arg(long)]
        objects: Option<u64>,
    },
    /// Take the limits of a bucket or an account back.
    Clear {
        #[command(flatten)]
        of: WhatArgs,
    },
    /// Count what lies in a bucket again; its uploads wait meanwhile.
    Recount {
        /// The bucket.
        bucket: BucketName,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct WhatArgs {
    /// A bucket.
    #[arg(long)]
    bucket: Option<BucketName>,
    /// An account, by its twelve digits.
    #[arg(long)]
    account: Option<AccountId>,
}

impl WhatArgs {
    fn of(&self) -> Result<Of, Error> {
        match (&self.bucket, &self.account) {
            (Some(bucket), _) => Ok(Of::Bucket(bucket.to_string())),
            (None, Some(account)) => Ok(Of::Account(account.to_string())),
            (None, None) => Err(Error::Config("which bucket or account?".into())),
        }
    }
}

/// Carries out one of the commands.
///
/// # Errors
/// [`Error::Config`] where no gateway runs on the folder, and with what the gateway said.
pub fn run(args: QuotaArgs) -> Result<(), Error> {
    let serve = ServeArgs { config: args.config, data_dir: args.data_dir, ..ServeArgs::default() };
    let config = Config::load(&serve)?;
    hardening::forbid_core_dumps();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(perform(args.command, &config))
}

async fn perform(command: QuotaCommand, config: &Config) -> Result<(), Error> {
    let Some(running) = Running::on(&config.data_dir).await? else {
        let folder = config.data_dir.display();
        return Err(Error::Config(format!(
            "no gateway runs on {folder}: it is the gateway that counts; start it first"
        )));
    };
    let out = &mut io::stdout().lock();
    match command {
        QuotaCommand::Show => {
            let shown = running.usage().await?;
            shown.buckets.iter().try_for_each(|bucket| show(out, bucket)).map_err(Error::Output)?;
            let line = |account: &crate::control::AccountQuota| {
                writeln!(out, "account {}  {}", account.account, limits(&account.limits))
            };
            shown.accounts.iter().try_for_each(line).map_err(Error::Output)
        }
        QuotaCommand::Set { of, bytes, objects } => running.limit(of.of()?, Limits { bytes, objects }).await,
        QuotaCommand::Clear { of } => running.limit(of.of()?, Limits { bytes: None, objects: None }).await,
        QuotaCommand::Recount { bucket } => show(out, &running.recount(&bucket).await?).map_err(Error::Output),
    }
}

fn show(out: &mut impl Write, bucket: &BucketQuota) -> io::Result<()> {
    let BucketQuota { bucket: name, account, bytes, objects, versions, limits: of } = bucket;
    let limits = limits(of);
    writeln!(out, "bucket {name}  account {account}  bytes {bytes}  objects {objects}  versions {versions}  {limits}")
}

fn limits(limits: &Limits) -> String {
    let limit = |what: &str, most: Option<u64>| most.map(|most| format!("at most {most} {what}"));
    let all: Vec<_> = [limit("bytes", limits.bytes), limit("objects", limits.objects)].into_iter().flatten().collect();
    if all.is_empty() { "no limits".to_owned() } else { all.join(", ") }
}

/// A number of bytes.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let shift = match unit {
        "" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return Err("a number, or one with KiB, MiB, GiB or TiB behind it".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "that is no number".to_owned())?;
    number.checked_mul(1 << shift).ok_or_else(|| "that is too much".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_exact() {
        assert_eq!(size("7").unwrap(), 7);
        assert_eq!(size("2KiB").unwrap(), 2048);
        assert_eq!(size("3TiB").unwrap(), 3 << 40);
        for bad in ["", "KiB", "1kb", "1 KiB", "-1", "99999999999999999999", "99999999TiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
