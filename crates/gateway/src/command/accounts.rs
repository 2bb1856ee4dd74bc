//! `arqueta accounts`: the accounts of a data folder, by way of the gateway that runs on it, or in the
//! folder itself where none does.

use std::io::{self, Write};
use std::path::PathBuf;

use arqueta_iam::Iam;
use arqueta_model::AccountId;
use clap::{Args, Subcommand};

use crate::config::ServeArgs;
use crate::control::{Created, Listed, Running};
use crate::foundations::Foundations;
use crate::{Config, Error, hardening, metadata, wiring};

/// Options of `arqueta accounts`.
#[derive(Debug, Args)]
pub struct AccountsArgs {
    #[command(subcommand)]
    command: AccountsCommand,

    /// Configuration file of the gateway whose accounts are meant.
    #[arg(long, env = "ARQUETA_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,

    /// Data folder of that gateway [default: ./data]
    #[arg(long, env = "ARQUETA_DATA_DIR", value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum AccountsCommand {
    /// Show all accounts: the id, and when each was created.
    List,
    /// Create an account and show its root credentials, this once.
    Create {
        /// Twelve decimal digits.
        account: AccountId,
    },
    /// Create another access key for the root user of an account, and show it, this once: for one whose
    /// keys were deleted or lost.
    RootKey {
        /// Twelve decimal digits.
        account: AccountId,
    },
}

/// Carries out one of the commands.
///
/// # Errors
/// [`Error::Config`] for an account that exists, [`Error::Open`] for what does not open.
pub fn run(args: AccountsArgs) -> Result<(), Error> {
    let serve = ServeArgs { config: args.config, data_dir: args.data_dir, ..ServeArgs::default() };
    let config = Config::load(&serve)?;
    hardening::forbid_core_dumps();
    if !metadata::exists(&config) {
        return Err(Error::Config(format!("{} is no data folder of a gateway", config.data_dir.display())));
    }
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(perform(args.command, &config))
}

async fn perform(command: AccountsCommand, config: &Config) -> Result<(), Error> {
    let out = &mut io::stdout().lock();
    if let Some(running) = Running::on(&config.data_dir).await? {
        return ask(command, &running, out).await;
    }
    let foundations = Foundations::open(config).await?;
    let iam = wiring::identities(config, &foundations).await?;
    match command {
        AccountsCommand::List => list(&iam, out).await,
        AccountsCommand::Create { account } => {
            if iam.accounts().list().await.map_err(Error::open("identities"))?.contains(&account) {
                return Err(Error::Config(format!("account {account} exists already")));
            }
            let key = iam.accounts().create(&account).await.map_err(Error::open("identities"))?;
            show(out, &account, &key.access_key_id, key.secret.expose())
        }
        AccountsCommand::RootKey { account } => {
            let key = iam.access_keys().create_root(&account).await.map_err(Error::open("identities"))?;
            show(out, &account, &key.access_key_id, key.secret.expose())
        }
    }
}

/// The same by way of the gateway that has the folder open.
async fn ask(command: AccountsCommand, running: &Running, out: &mut impl Write) -> Result<(), Error> {
    match command {
        AccountsCommand::List => {
            let line = |Listed { account, created }: Listed| writeln!(out, "{account}  {created}");
            running.accounts().await?.into_iter().try_for_each(line).map_err(Error::Output)
        }
        AccountsCommand::Create { account } => {
            let Created { access_key_id, secret } = running.create_account(&account).await?;
            show(out, &account, &access_key_id, &secret)
        }
        AccountsCommand::RootKey { .. } => Err(Error::Config(
            "a gateway runs on this folder; stop it first: who holds it gives no root keys away".into(),
        )),
    }
}

async fn list(iam: &Iam, out: &mut impl Write) -> Result<(), Error> {
    for account in iam.accounts().list().await.map_err(Error::open("identities"))? {
        let created = iam.accounts().created(&account).await.map_err(Error::open("identities"))?;
        writeln!(out, "{account}  {}", created.rfc3339()).map_err(Error::Output)?;
    }
    Ok(())
}

fn show(out: &mut impl Write, account: &AccountId, access_key_id: &str, secret: &str) -> Result<(), Error> {
    writeln!(out, "Root credentials of account {account} were created. They are shown this once; keep them.\n")
        .and_then(|()| writeln!(out, "export AWS_ACCESS_KEY_ID={access_key_id} AWS_SECRET_ACCESS_KEY={secret}\n"))
        .map_err(Error::Output)
}
