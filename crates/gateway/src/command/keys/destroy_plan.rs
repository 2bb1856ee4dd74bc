//! `arqueta keys destroy-plan`

use std::io::{self, Write};

use arqueta_review::{Doomed, Loss, Planned, Setting, Unanswerable, destroy_plan};
use clap::Args;

use super::{authenticated, clock};
use crate::command::told::unanswerable;
use crate::{Config, Error};

#[derive(Debug, Args)]
pub(super) struct DestroyPlanArgs {
    /// Key id, ARN, alias (`alias/…`) or alias ARN.
    key: String,

    /// One JSON object a line, as it is found.
    #[arg(long)]
    json: bool,
}

/// What stops a plan.
enum Stopped {
    Unanswerable(Unanswerable),
    Output(io::Error),
}

impl From<Unanswerable> for Stopped {
    fn from(why: Unanswerable) -> Self {
        Self::Unanswerable(why)
    }
}

impl DestroyPlanArgs {
    pub(super) async fn run(&self, config: &Config, out: &mut impl Write) -> Result<(), Error> {
        let meta = authenticated(config).await?.meta;
        let tell = |planned: Planned| {
            let told = if self.json {
                serde_json::to_string(&planned).map_err(io::Error::from).and_then(|line| writeln!(out, "{line}"))
            } else {
                show(out, &planned)
            };
            told.map_err(Stopped::Output)
        };
        destroy_plan(&meta, &clock(), &config.region, &self.key, tell).await.map_err(|stopped| match stopped {
            Stopped::Unanswerable(why) => unanswerable(why),
            Stopped::Output(error) => Error::Output(error),
        })
    }
}

fn show(out: &mut impl Write, planned: &Planned) -> io::Result<()> {
    match planned {
        Planned::Key(key) => show_key(out, key),
        Planned::Setting(Setting { of, what, named }) => writeln!(out, "{of}: {what} names {named}"),
        Planned::Bucket { name, account, loss } => show_loss(out, &format!("bucket {name} of {account}"), loss),
        Planned::Total { loss, .. } if *loss == (Loss { unreadable: loss.unreadable, ..Loss::default() }) => {
            writeln!(out, "\nnothing here would become unreadable")?;
            damaged(out, loss)
        }
        Planned::Total { buckets, loss } => {
            show_loss(out, &format!("\nin all, {buckets} buckets"), loss)?;
            damaged(out, loss)
        }
    }
}

fn show_key(out: &mut impl Write, key: &Doomed) -> io::Result<()> {
    let Doomed { key, state, destroyed_at, aliases, tags, materials, grants, other_regions } = key;
    let at = destroyed_at.as_ref().map_or_else(String::new, |at| format!(", to be destroyed at {at}"));
    writeln!(out, "{key}  {state}{at}")?;
    let line = |out: &mut dyn Write, name: &str, of: &str| {
        if of.is_empty() { Ok(()) } else { writeln!(out, "    {name}: {of}") }
    };
    line(out, "aliases", &aliases.join(" "))?;
    line(out, "tags", &tags.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "))?;
    line(out, "materials", &materials.join(" "))?;
    line(out, "grants", &if *grants == 0 { String::new() } else { grants.to_string() })?;
    line(out, "lives on in", &other_regions.join(" "))
}

fn show_loss(out: &mut impl Write, whose: &str, loss: &Loss) -> io::Result<()> {
    let Loss { objects, noncurrent_versions, bytes, uploads, bucket_keys, .. } = loss;
    write!(out, "{whose}: {objects} objects and {noncurrent_versions} noncurrent versions, {bytes} bytes")?;
    for (count, what) in [
        (loss.under_bucket_keys, "under bucket keys of it"),
        (loss.locked, "locked"),
        (loss.replicated, "with replicas elsewhere"),
        (loss.replicas, "replicas themselves"),
    ] {
        if count > 0 {
            write!(out, "; {count} {what}")?;
        }
    }
    writeln!(out, "; {uploads} uploads in progress, {bucket_keys} wrapped bucket keys")
}

fn damaged(out: &mut impl Write, loss: &Loss) -> io::Result<()> {
    match loss.unreadable {
        0 => Ok(()),
        more => writeln!(out, "{more} damaged records may be under it, too"),
    }
}
