//! The command line: one file or folder per command, its options beside what carries it out.

mod access;
mod accounts;
mod adopt;
mod audit;
mod backup;
mod check;
mod diff;
mod generate;
mod health;
mod import;
mod keys;
mod operations;
mod quota;
mod rekey;
mod replication;
mod scrub;
mod serve;
mod sides;
mod told;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::config::ServeArgs;
use crate::{Error, hardening};
pub use access::AccessArgs;
pub use accounts::AccountsArgs;
pub use adopt::AdoptArgs;
pub use audit::AuditArgs;
pub use backup::{BackupArgs, RestoreArgs};
pub use check::CheckArgs;
pub use diff::DiffArgs;
pub use generate::{CompletionsArgs, ManPagesArgs};
pub use health::HealthArgs;
pub use import::ImportArgs;
pub use keys::KeysArgs;
pub use quota::QuotaArgs;
pub use rekey::RekeyArgs;
pub use replication::ReplicationArgs;
pub use scrub::ScrubArgs;

/// An S3 endpoint that keeps every object sealed under your own keys, and can prove who used them.
///
/// One program that serves the S3 API from a folder on local disk, seals each object by envelope
/// encryption, and answers AWS's KMS, STS, IAM and CloudTrail protocols on the same port, so that SDKs,
/// the AWS CLI, rclone and restic work with it as they are.
#[derive(Debug, Parser)]
#[command(name = "arqueta", version, max_term_width = 100, after_help = FIRST_STEPS)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const FIRST_STEPS: &str = "\
First steps:
  arqueta serve                 makes ./data, prints root credentials once and listens on 127.0.0.1:9000
  arqueta serve --listen :9000  listens on all IPv4 addresses
  arqueta serve --help          every option, its ARQUETA_* variable and its default";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway: S3, KMS, IAM and STS on one port, administration on another.
    Serve(Box<ServeArgs>),
    /// Talk to one PKCS#11 token for the gateway that started this process. Not for people.
    #[command(hide = true)]
    TokenWorker,
    /// Show every operation of S3, KMS, IAM, STS and CloudTrail: whether it is served, how it is
    /// recorded, what it needs. One JSON object a line.
    #[command(hide = true)]
    Operations,
    /// Ask a running gateway whether it is well; the exit status tells.
    Health(Box<HealthArgs>),
    /// Show what a shell needs to complete this command line: `arqueta completions bash`.
    Completions(CompletionsArgs),
    /// Write the manual pages of all commands into a folder. For packages.
    #[command(hide = true)]
    ManPages(ManPagesArgs),
    /// Show the accounts of a data folder, or create one.
    Accounts(Box<AccountsArgs>),
    /// Review access: who may do what, and what lets them.
    Access(Box<AccessArgs>),
    /// Show what lies in the buckets of a running gateway; limit it.
    Quota(Box<QuotaArgs>),
    /// Wrap the keys of all versions of a bucket anew: another KMS key, the newest material, a bucket key. Bodies
    /// are not touched.
    Rekey(Box<RekeyArgs>),
    /// Show how far a bucket's replication is; let what failed be tried again.
    Replication(Box<ReplicationArgs>),
    /// Show the keys of a data folder and who depends on them; back up, restore, protect.
    Keys(Box<KeysArgs>),
    /// Take over a data folder that an Arqueta 0.1 from before authenticated metadata wrote: once, and only
    /// where nobody else could write it since.
    Adopt(Box<AdoptArgs>),
    /// Take back-ups of a data folder, also while it is served; show and verify them.
    Backup(Box<BackupArgs>),
    /// Make a data folder of a back-up.
    Restore(Box<RestoreArgs>),
    /// Have a running gateway read everything that it stores, and say what is damaged.
    Scrub(Box<ScrubArgs>),
    /// Look through everything stored for what is damaged or does not fit, and mend it.
    #[command(visible_alias = "fsck")]
    Check(Box<CheckArgs>),
    /// Compare two buckets of any S3 endpoints, and say why they differ. Exit status: 0 the same, 1 different,
    /// 2 not to be told, 3 not done.
    Diff(Box<DiffArgs>),
    /// Bring buckets over from a running S3 endpoint (MinIO, Ceph, AWS, another Arqueta) while it goes on serving.
    /// Exit status: 0 all is there and the same, 1 something is not, 2 not to be told, 3 not done.
    Import(Box<ImportArgs>),
    /// Look at the record of who did what, and prove that nobody changed it.
    Audit(Box<AuditArgs>),
}

/// Reads the command line of this process; ends it where there is nothing to do, or nothing that can be done.
#[must_use]
pub fn parse() -> Cli {
    Cli::try_parse().unwrap_or_else(|error| {
        let is_wrong = error.use_stderr();
        // 2 is an answer of `diff` and `import`.
        if is_wrong && std::env::args_os().nth(1).is_some_and(|word| word == "diff" || word == "import") {
            let _gone = error.print();
            std::process::exit(3);
        }
        error.exit()
    })
}

/// Carries out the command line. Returns when the command is done; `serve` is when it was stopped.
///
/// # Errors
/// Whatever keeps it from being done; [`Error::line`] says it in one line.
pub fn run(cli: Cli) -> Result<(), Error> {
    match cli.command {
        Command::Serve(args) => serve::run(*args),
        Command::TokenWorker => {
            hardening::forbid_core_dumps();
            arqueta_hsm::worker::run();
            Ok(())
        }
        Command::Operations => operations::run(),
        Command::Health(args) => health::run(*args),
        Command::Completions(args) => generate::completions(&args, Cli::command()),
        Command::ManPages(args) => generate::man_pages(&args, Cli::command()),
        Command::Accounts(args) => accounts::run(*args),
        Command::Access(args) => access::run(*args),
        Command::Quota(args) => quota::run(*args),
        Command::Rekey(args) => rekey::run(*args),
        Command::Replication(args) => replication::run(*args),
        Command::Keys(args) => keys::run(*args),
        Command::Adopt(args) => adopt::run(*args),
        Command::Backup(args) => backup::run(*args),
        Command::Restore(args) => backup::run_restore(&args),
        Command::Scrub(args) => scrub::run(*args),
        Command::Check(args) => check::run(*args),
        Command::Diff(args) => diff::run(*args),
        Command::Import(args) => import::run(*args),
        Command::Audit(args) => audit::run(*args),
    }
}
