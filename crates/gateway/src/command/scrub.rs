//! `arqueta scrub`: a running gateway reads everything that it stores and says what is damaged.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use arqueta_model::Timestamp;
use arqueta_work::scrub::{Place, Stage, Told};
use clap::{Args, Subcommand};
use serde_json::json;

use super::quota::size;
use crate::config::ServeArgs;
use crate::control::{Running, ScrubAsk};
use crate::{Config, Error, hardening};

/// Between two looks at a scrub that is waited for.
const LOOK: Duration = Duration::from_millis(200);

/// Options of `arqueta scrub`.
#[derive(Debug, Args)]
pub struct ScrubArgs {
    #[command(subcommand)]
    command: ScrubCommand,

    /// Show one JSON document.
    #[arg(long, global = true)]
    json: bool,

    /// Configuration file of the gateway that is meant.
    #[arg(long, env = "ARQUETA_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,

    /// Data folder of that gateway [default: ./data]
    #[arg(long, env = "ARQUETA_DATA_DIR", value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum ScrubCommand {
    /// Begin one. It goes on after a restart of the gateway; one that is under way goes on with this rate.
    Start {
        /// Bytes of bodies a second, at most: a number, or one with KiB, MiB, GiB or TiB behind it. Without,
        /// half of the time is left to others.
        #[arg(long, value_parser = size)]
        rate: Option<u64>,
        /// Return when everything was read.
        #[arg(long)]
        wait: bool,
    },
    /// Show how far it is and what it has found.
    Status,
    /// Stop it.
    Stop,
}

/// Carries out one of the commands.
///
/// # Errors
/// [`Error::Config`] where no gateway runs on the folder, and with what it said; [`Error::Damage`] where
/// something was found.
pub fn run(args: ScrubArgs) -> Result<(), Error> {
    let serve = ServeArgs { config: args.config, data_dir: args.data_dir, ..ServeArgs::default() };
    let config = Config::load(&serve)?;
    hardening::forbid_core_dumps();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(perform(args.command, args.json, &config))
}

async fn perform(command: ScrubCommand, as_json: bool, config: &Config) -> Result<(), Error> {
    let Some(running) = Running::on(&config.data_dir).await? else {
        let folder = config.data_dir.display();
        return Err(Error::Config(format!(
            "no gateway runs on {folder}: start it, or look through the folder with `arqueta check --bodies`"
        )));
    };
    let place = match command {
        ScrubCommand::Start { rate, wait } => {
            let mut place = running.scrub(&ScrubAsk::Start { rate }).await?;
            while wait && place.as_ref().is_some_and(|place| place.stage == Stage::Running) {
                tokio::time::sleep(LOOK).await;
                place = running.scrub(&ScrubAsk::Status).await?;
            }
            place
        }
        ScrubCommand::Status => running.scrub(&ScrubAsk::Status).await?,
        ScrubCommand::Stop => running.scrub(&ScrubAsk::Stop).await?,
    };
    let out = &mut io::stdout().lock();
    show(out, place.as_ref(), as_json).map_err(Error::Output)?;
    match place.map_or(0, |place| place.found) {
        0 => Ok(()),
        found => Err(Error::Damage(found)),
    }
}

fn show(out: &mut impl Write, place: Option<&Place>, as_json: bool) -> io::Result<()> {
    let at = |millis: i64| Timestamp::from_millis(millis).rfc3339();
    if as_json {
        let shown = place.map(|place| {
            json!({ "stage": place.stage, "began": at(place.began), "ended": place.ended.map(at), "rate": place.rate,
                "records": place.records, "bodies": place.bodies, "bytes": place.bytes,
                "unopened": place.unopened, "found": place.found, "findings": place.findings })
        });
        return writeln!(out, "{}", json!(shown));
    }
    let Some(place) = place else { return writeln!(out, "no scrub was asked for yet") };
    let stage = match place.stage {
        Stage::Running => "running",
        Stage::Done => "done",
        Stage::Stopped => "stopped",
    };
    let Place { records, bodies, bytes, unopened, found, .. } = place;
    writeln!(out, "{stage}, since {}: {records} records, {bodies} bodies, {bytes} bytes", at(place.began))?;
    if *unopened > 0 {
        writeln!(out, "{unopened} versions were looked at from outside: their key is a customer's, or did not open")?;
    }
    place.findings.iter().try_for_each(|told| line(out, told))?;
    writeln!(out, "{found} findings")
}

/// A finding in one line.
pub(super) fn line(out: &mut impl Write, told: &Told) -> io::Result<()> {
    let mend = if told.repairable { " (arqueta check --repair mends it)" } else { "" };
    writeln!(out, "{} {}{mend}", told.record, told.what)
}
