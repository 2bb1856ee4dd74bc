//! `arqueta access`: who may do what. Reads the metadata of a data folder, by way of the gateway that runs on
//! it where one does.

use std::io::{self, Write};
use std::path::PathBuf;

use arqueta_review::{Finding, May, Question, Said, asks, who_can};
use clap::{Args, Subcommand};
use serde_json::json;

use super::keys::{authenticated, clock};
use super::told::{read_enough, unanswerable};
use crate::{Config, Error, ServeArgs, hardening};

/// Options of `arqueta access`.
#[derive(Debug, Args)]
pub struct AccessArgs {
    #[command(subcommand)]
    command: AccessCommand,

    /// Configuration file of the gateway that is meant.
    #[arg(long, env = "ARQUETA_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,

    /// Data folder of that gateway [default: ./data]
    #[arg(long, env = "ARQUETA_DATA_DIR", value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum AccessCommand {
    /// Show every principal that may do something, and the statement or grant that lets it.
    ///
    /// Users, roles, root users, sessions and services that policies name, and who does not sign, of all accounts,
    /// are held against the policies, boundaries and grants that would decide their request, by the code that
    /// decides it. Where that depends on the request, the conditions are shown, and a request that would be
    /// allowed. To read an object under a KMS key takes the key, too: both are asked.
    WhoCan(WhoCanArgs),
}

#[derive(Debug, Args)]
struct WhoCanArgs {
    /// The action, as policies write it: kms:Decrypt, s3:GetObject, sts:AssumeRole.
    action: String,

    /// The resource: an ARN, s3://bucket/key, or the id or alias of a key.
    resource: String,

    /// One JSON object a line: what was asked, each principal, and at the end how many there are.
    #[arg(long)]
    json: bool,
}

/// Carries out one of the commands.
///
/// # Errors
/// [`Error::Config`] for what cannot be answered.
pub fn run(args: AccessArgs) -> Result<(), Error> {
    let serve = ServeArgs { config: args.config, data_dir: args.data_dir, ..ServeArgs::default() };
    let config = Config::load(&serve)?;
    hardening::forbid_core_dumps();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let AccessCommand::WhoCan(args) = args.command;
    read_enough(runtime.block_on(args.run(&config, &mut io::stdout().lock())))
}

/// What stops a review.
enum Stopped {
    People(arqueta_iam::Error),
    Output(io::Error),
}

impl From<arqueta_iam::Error> for Stopped {
    fn from(error: arqueta_iam::Error) -> Self {
        Self::People(error)
    }
}

impl WhoCanArgs {
    async fn run(&self, config: &Config, out: &mut impl Write) -> Result<(), Error> {
        let meta = authenticated(config).await?.meta;
        let question =
            asks(&meta, &clock(), &config.region, &self.action, &self.resource).await.map_err(unanswerable)?;
        let Question { asks, notes } = &question;
        if self.json {
            let asked: Vec<_> =
                asks.iter().map(|ask| json!({ "action": ask.action(), "resource": ask.resource() })).collect();
            writeln!(out, "{}", json!({ "asked": asked, "notes": notes }))
        } else {
            let asked: Vec<_> = asks.iter().map(|ask| format!("{} on {}", ask.action(), ask.resource())).collect();
            writeln!(out, "who may {}", asked.join("\n    and "))
                .and_then(|()| notes.iter().try_for_each(|note| writeln!(out, "{note}")))
        }
        .map_err(Error::Output)?;
        let tell = |finding: Finding| {
            let told = if self.json {
                serde_json::to_string(&finding).map_err(io::Error::from).and_then(|line| writeln!(out, "{line}"))
            } else {
                show(out, &finding)
            };
            told.map_err(Stopped::Output)
        };
        let review = who_can(meta.clone(), clock(), asks, tell).await.map_err(|stopped| match stopped {
            Stopped::People(error) => Error::open("identities")(error),
            Stopped::Output(error) => Error::Output(error),
        })?;
        if self.json {
            return writeln!(out, "{}", json!(review)).map_err(Error::Output);
        }
        let unreadable = review.unreadable.iter();
        unreadable
            .map(|name| format!("the policies of {name} cannot all be read: it is refused everything"))
            .chain([format!("\n{} of {} principals", review.may, review.principals)])
            .try_for_each(|line| writeln!(out, "{line}"))
            .map_err(Error::Output)
    }
}

/// One principal, for people.
fn show(out: &mut impl Write, finding: &Finding) -> io::Result<()> {
    let Finding { principal, kind, may, by, unless, .. } = finding;
    let is = if *kind == principal { String::new() } else { format!(" ({kind})") };
    writeln!(out, "\n{principal}{is}")?;
    match may {
        May::Always => {}
        May::Sometimes(example) if example.is_empty() => {}
        May::Sometimes(example) => {
            let value = |(name, values): (&String, &Vec<String>)| match values.as_slice() {
                [] => format!("without {name}"),
                values => format!("{name} {}", values.join(", ")),
            };
            let all: Vec<_> = example.iter().map(value).collect();
            writeln!(out, "    depends on the request; for example: {}", all.join("; "))?;
        }
        May::Undecided => writeln!(out, "    depends on the request; whether any is allowed was not found out")?,
    }
    by.iter().try_for_each(|said| line(out, "by", said))?;
    unless.iter().try_for_each(|said| line(out, "unless denied by", said))
}

fn line(out: &mut impl Write, word: &str, said: &Said) -> io::Result<()> {
    write!(out, "    {}: {word} {}", said.action, said.by)?;
    if !said.name.is_empty() {
        write!(out, " {}", said.name)?;
    }
    if let Some(group) = &said.group {
        write!(out, " of group {group}")?;
    }
    if !said.statement.is_empty() {
        write!(out, ", statement {}", said.statement)?;
    }
    match &said.only_if {
        Some(conditions) => writeln!(out, ", only if {conditions}"),
        None => writeln!(out),
    }
}
