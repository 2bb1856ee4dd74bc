//! `arqueta diff`: whether two buckets hold the same, wherever they are.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use arqueta_client::{Bucket, Listing, Place, S3Bucket};
use arqueta_compare::{Field, Options, Outcome, Tally, compare};
use clap::Args;
use futures::{Stream, StreamExt as _};
use indicatif::{ProgressBar, ProgressStyle};

use super::sides::SidesArgs;
use crate::{Error, hardening};

/// What scripts are told where nothing could be said of the buckets.
const FAILED: u8 = 3;

/// Options of `arqueta diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The one: s3://bucket/prefix, or profile:bucket/prefix.
    source: Place,
    /// The other. Keys are compared by what follows the prefix.
    destination: Place,

    #[command(flatten)]
    sides: SidesArgs,

    /// Compare all versions and delete markers: those of one id, then the oldest with the oldest.
    #[arg(long)]
    versions: bool,
    /// Read bytes where nothing that is written down proves them the same.
    #[arg(long, conflicts_with = "listing_only")]
    read: bool,
    /// Ask for no object: compare sizes and ETags as they are listed.
    #[arg(long)]
    listing_only: bool,
    /// What need not be the same: etag, checksums, encryption, metadata, tags, lock.
    #[arg(long, value_delimiter = ',', value_name = "WHAT")]
    ignore: Vec<Field>,
    /// What is explained is a difference, too: ETags that differ by encryption or parts, encryption that is
    /// more than the source's.
    #[arg(long)]
    strict: bool,

    /// Print `= - + * !` and the key, as `rclone check --combined` does.
    #[arg(long, conflicts_with = "json")]
    combined: bool,
    /// Print one JSON object a line, the summary last.
    #[arg(long)]
    json: bool,
    /// Print what is the same as well, and what proved it.
    #[arg(long)]
    all: bool,
    /// Objects compared at the same time.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    at_once: u16,
}

/// Compares.
///
/// # Errors
/// [`Error::Answer`] with 1 for a difference, 2 where something could not be told, and 3 where it could
/// not be done or was interrupted.
pub fn run(args: DiffArgs) -> Result<(), Error> {
    hardening::forbid_core_dumps();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let said = runtime.block_on(perform(&args));
    // What still goes on at an interruption is left where it is: nothing was changed.
    runtime.shutdown_background();
    match said {
        Ok(0) => Ok(()),
        Ok(code) => Err(Error::Answer(code)),
        Err(error) => {
            let _gone = writeln!(io::stderr(), "arqueta: {}", error.line());
            Err(Error::Answer(FAILED))
        }
    }
}

async fn perform(args: &DiffArgs) -> Result<u8, Error> {
    let source = args.sides.source(&args.source).await?;
    let destination = args.sides.destination(&args.destination).await?;
    let open = |endpoint: arqueta_client::Endpoint, place: &Place| -> Result<Arc<dyn Bucket>, Error> {
        let client = endpoint.client().map_err(Error::open("endpoint"))?;
        Ok(Arc::new(S3Bucket::new(client, &place.bucket, &place.prefix)))
    };
    let (source, destination) = (open(source, &args.source)?, open(destination, &args.destination)?);
    let options = Options {
        listing: if args.versions { Listing::Versions } else { Listing::Objects },
        read: args.read,
        listing_only: args.listing_only,
        ignore: args.ignore.clone(),
        at_once: args.at_once.into(),
    };
    let mut outcomes = Box::pin(compare(source, destination, options));
    let bar = bar();
    let (tally, ended) = follow(args, &mut outcomes, &bar).await;
    bar.finish_and_clear();
    match ended {
        Ended::Whole => {}
        Ended::Interrupted => {
            let _gone = writeln!(io::stderr(), "arqueta: interrupted; so far: {}", tally.line());
            return Ok(FAILED);
        }
        Ended::Failed(error) => return Err(error),
    }
    if args.json {
        writeln!(io::stdout(), "{}", tally.json()).map_err(Error::Output)?;
    } else {
        let _gone = writeln!(io::stderr(), "{}", tally.line());
    }
    Ok(tally.exit())
}

enum Ended {
    Whole,
    Interrupted,
    Failed(Error),
}

/// Prints what comes, until it ends or is ended.
async fn follow<S>(args: &DiffArgs, outcomes: &mut S, bar: &ProgressBar) -> (Tally, Ended)
where
    S: Stream<Item = Result<Outcome, arqueta_client::Error>> + Unpin,
{
    let mut tally = Tally::default();
    let mut interrupted = Box::pin(tokio::signal::ctrl_c());
    loop {
        let next = tokio::select! {
            _ = &mut interrupted => return (tally, Ended::Interrupted),
            next = outcomes.next() => next,
        };
        let outcome = match next {
            None => return (tally, Ended::Whole),
            Some(Ok(outcome)) => outcome,
            Some(Err(error)) => return (tally, Ended::Failed(Error::open("listing")(error))),
        };
        tally.count(&outcome, args.strict);
        let lines = lines(args, &outcome);
        if !lines.is_empty() {
            let printed = bar.suspend(|| {
                let out = &mut io::stdout().lock();
                lines.iter().try_for_each(|line| writeln!(out, "{line}"))
            });
            if let Err(error) = printed {
                return (tally, Ended::Failed(Error::Output(error)));
            }
        }
        bar.set_position(tally.all());
        bar.set_message(format!(
            "{} differ, {} missing, {} not to be told",
            tally.differ, tally.missing, tally.unknown
        ));
    }
}

fn lines(args: &DiffArgs, outcome: &Outcome) -> Vec<String> {
    if args.combined {
        return vec![outcome.combined(args.strict)];
    }
    if args.json {
        let is_same = outcome.same_line().is_some();
        return if args.all || !is_same { vec![outcome.json(args.strict).to_string()] } else { Vec::new() };
    }
    let lines = outcome.lines();
    if lines.is_empty() && args.all { outcome.same_line().into_iter().collect() } else { lines }
}

/// On standard error, where that is a terminal.
fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {human_pos} compared, {per_sec}, {elapsed}: {msg}");
    let bar = ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
